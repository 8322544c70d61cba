//! From what a run left to tables and plots.

mod plot;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use crate::{peer::Peer, plan::Results, scenario::Outcome};

/// Writes `figures.md` and the plots into a folder.
pub fn write(results: &Results, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("figures.md"), figures(results)?)?;
    plot::write(results, folder)
}

fn figures(results: &Results) -> anyhow::Result<String> {
    let machine = &results.machine;
    let mut text = format!(
        "# Figures\n\nWritten by `make bench`; [performance.md](../performance.md) says how to read \
         them.\nMachine: {}, {} GiB, Linux {}; server and generator on one core each.\n",
        machine.processor, machine.memory_gib, machine.kernel,
    );
    let mut scenarios: Vec<&str> = Vec::new();
    for outcome in &results.outcomes {
        if !scenarios.contains(&outcome.scenario.as_str()) {
            scenarios.push(&outcome.scenario);
        }
    }
    for scenario in scenarios {
        let of_it: Vec<&Outcome> =
            results.outcomes.iter().filter(|o| o.scenario == scenario).collect();
        if scenario.ends_with("rooms of two") {
            rooms(&mut text, scenario, &of_it)?;
        } else {
            table(&mut text, scenario, &of_it)?;
        }
    }
    if !results.failures.is_empty() {
        writeln!(text, "\n## Not run to the end\n")?;
        results.failures.iter().try_for_each(|failure| writeln!(text, "- {failure}"))?;
    }
    Ok(text)
}

/// One line for each peer and size, with the ratio to the first peer of that size.
fn table(text: &mut String, scenario: &str, outcomes: &[&Outcome]) -> anyhow::Result<()> {
    writeln!(text, "\n## {scenario}\n")?;
    writeln!(
        text,
        "| size | who | p50 / p95 / p99 ms | p99 ratio | saved p50 / p99 ms | arrived | edits/s | CPU µs each | \
         CPU ratio | memory MB | wire B each | disk MB | generator | |"
    )?;
    writeln!(text, "| --- {} |", "| --- ".repeat(13))?;
    let mut first: BTreeMap<String, &Outcome> = BTreeMap::new();
    for outcome in outcomes {
        let base = *first.entry(format!("{:.2}", outcome.size)).or_insert(outcome);
        let Outcome { latency, acknowledged, .. } = outcome;
        writeln!(
            text,
            "| {} | {} | {:.1} / {:.1} / {:.1} | {} | {:.1} / {:.1} | {} of {} | {:.0} | {:.1} | {} | {:.0} \
             | {:.0} | {:.1} | {:.0} % | {} |",
            size(outcome.size),
            outcome.peer,
            latency.p50,
            latency.p95,
            latency.p99,
            ratio(latency.p99, base.latency.p99),
            acknowledged.p50,
            acknowledged.p99,
            outcome.delivered,
            outcome.offered,
            outcome.edits_per_second,
            outcome.cpu_us,
            ratio(outcome.cpu_us, base.cpu_us),
            outcome.resident as f64 / 1e6,
            outcome.wire_bytes,
            outcome.disk_bytes as f64 / 1e6,
            outcome.generator * 100.0,
            outcome.note,
        )?;
    }
    Ok(())
}

/// The fastest step that kept the time, for each peer.
fn rooms(text: &mut String, scenario: &str, outcomes: &[&Outcome]) -> anyhow::Result<()> {
    writeln!(text, "\n## {scenario}: most edits a second with p99 up to 100 ms\n")?;
    writeln!(text, "| who | edits/s | p50 / p99 ms | CPU µs each | memory MB | generator |")?;
    writeln!(text, "| --- | --- | --- | --- | --- | --- |")?;
    let mut best: BTreeMap<Peer, &Outcome> = BTreeMap::new();
    for outcome in outcomes {
        let kept =
            outcome.latency.p99 <= 100.0 && outcome.delivered * 1000 >= outcome.offered * 999;
        if kept {
            best.insert(outcome.peer, outcome);
        }
    }
    for (peer, outcome) in best {
        writeln!(
            text,
            "| {peer} | {:.0} | {:.1} / {:.1} | {:.1} | {:.0} | {:.0} % |",
            outcome.size,
            outcome.latency.p50,
            outcome.latency.p99,
            outcome.cpu_us,
            outcome.resident as f64 / 1e6,
            outcome.generator * 100.0,
        )?;
    }
    Ok(())
}

fn size(size: f64) -> String {
    if size.fract() == 0.0 { format!("{size:.0}") } else { format!("{size:.2}") }
}

fn ratio(value: f64, base: f64) -> String {
    if base > 0.0 { format!("{:.2}", value / base) } else { "–".to_owned() }
}
