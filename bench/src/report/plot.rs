//! Curves as SVG: cost against people, rooms, size of the chart, and length of its history.

use std::{collections::BTreeMap, path::Path};

use anyhow::anyhow;
use plotters::prelude::*;

use crate::{peer::Peer, plan::Results, scenario::Outcome};

const SIZE: (u32, u32) = (720, 420);

/// What a plot shows.
struct Curve {
    file: &'static str,
    title: &'static str,
    x: &'static str,
    y: &'static str,
    scenario: &'static str,
    value: fn(&Outcome) -> f64,
}

const CURVES: [Curve; 6] = [
    Curve {
        file: "people-cpu.svg",
        title: "Server CPU for each delivered update, 20 edits/s",
        x: "readers",
        y: "µs",
        scenario: "fan-out at 20 edits/s",
        value: |outcome| outcome.cpu_us,
    },
    Curve {
        file: "people-p99.svg",
        title: "p99 from edit to reader, 20 edits/s",
        x: "readers",
        y: "ms",
        scenario: "fan-out at 20 edits/s",
        value: |outcome| outcome.latency.p99,
    },
    Curve {
        file: "rooms-p99.svg",
        title: "p99 in 200 rooms of two",
        x: "edits a second in all rooms",
        y: "ms",
        scenario: "200 rooms of two",
        value: |outcome| outcome.latency.p99,
    },
    Curve {
        file: "rooms-cpu.svg",
        title: "Server CPU for each edit in 200 rooms of two",
        x: "edits a second in all rooms",
        y: "µs",
        scenario: "200 rooms of two",
        value: |outcome| outcome.cpu_us,
    },
    Curve {
        file: "history-cpu.svg",
        title: "Server CPU for each delivered update, by length of history (10 readers)",
        x: "changes before",
        y: "µs",
        scenario: "an edit in a long history",
        value: |outcome| outcome.cpu_us,
    },
    Curve {
        file: "size-cpu.svg",
        title: "Server CPU for each delivered update, by size of the chart (10 readers)",
        x: "MB of JSON",
        y: "µs",
        scenario: "an edit in a large chart",
        value: |outcome| outcome.cpu_us,
    },
];

/// Draws every curve that there are figures for.
pub fn write(results: &Results, folder: &Path) -> anyhow::Result<()> {
    for curve in &CURVES {
        let mut lines: BTreeMap<Peer, Vec<(f64, f64)>> = BTreeMap::new();
        for outcome in results.outcomes.iter().filter(|o| o.scenario == curve.scenario) {
            let point = (outcome.size, (curve.value)(outcome));
            if point.1 > 0.0 {
                lines.entry(outcome.peer).or_default().push(point);
            }
        }
        if !lines.is_empty() {
            draw(curve, &lines, &folder.join(curve.file)).map_err(|error| anyhow!("{error}"))?;
        }
    }
    Ok(())
}

fn draw(
    curve: &Curve,
    lines: &BTreeMap<Peer, Vec<(f64, f64)>>,
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let points = || lines.values().flatten();
    let (low_x, high_x) = bounds(points().map(|(x, _)| *x));
    let (low_y, high_y) = bounds(points().map(|(_, y)| *y));
    // Whole powers of ten, so that the axis has marks.
    let (low_y, high_y) = (10_f64.powf(low_y.log10().floor()), 10_f64.powf(high_y.log10().ceil()));
    let mut chart = ChartBuilder::on(&root)
        .caption(curve.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((low_x..high_x).log_scale(), (low_y..high_y).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(curve.x)
        .y_desc(curve.y)
        .x_label_formatter(&|x| format!("{x}"))
        .y_label_formatter(&|y| format!("{y}"))
        .light_line_style(WHITE)
        .draw()?;
    for (number, (peer, line)) in lines.iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        let drawn =
            chart.draw_series(LineSeries::new(line.iter().copied(), colour.stroke_width(2)))?;
        drawn.label(peer.name()).legend(move |(x, y)| {
            PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2))
        });
        let dots = line.iter().map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(dots)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}

/// A little more than the points take.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    (low * 0.8, high * 1.25)
}
