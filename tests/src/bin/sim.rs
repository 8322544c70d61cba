//! `make sim`: as many seeds as fit the time, over every core; a failing plan is shrunk and saved.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::{
    fs,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use chartroom_tests::sim::{Outcome, plan::Plan, run, run_told, shrink::shrink};

const USAGE: &str = "sim [--seed FIRST] [--minutes N] [--seeds MOST] [--steps N] | sim PLAN";

/// What the seeds so far came to.
#[derive(Default)]
struct Tally {
    seeds: AtomicU64,
    happened: AtomicU64,
    edits: AtomicU64,
    events: AtomicU64,
}

fn main() -> ExitCode {
    match begin() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn begin() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut first, mut minutes, mut most, mut steps) = (1, 20.0, u64::MAX, 200);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context(USAGE);
        match argument.as_str() {
            "--seed" => first = value()?.parse()?,
            "--minutes" => minutes = value()?.parse()?,
            "--seeds" => most = value()?.parse()?,
            "--steps" => steps = value()?.parse()?,
            path if !path.starts_with('-') => return tell(path),
            _ => bail!(USAGE),
        }
    }
    seeds(first, most, steps, Duration::from_secs_f64(minutes * 60.0))
}

/// Runs a saved plan and tells what happens.
fn tell(path: &str) -> anyhow::Result<()> {
    let plan: Plan = fs::read_to_string(path).context("the plan cannot be read")?.parse()?;
    let (outcome, lines) = run_told(&plan);
    lines.iter().for_each(|line| println!("{line}"));
    println!("{:?}", outcome?);
    Ok(())
}

/// Runs seeds until the time is over or one fails.
fn seeds(first: u64, most: u64, steps: usize, time: Duration) -> anyhow::Result<()> {
    // A panic is a failure that is told with its plan.
    std::panic::set_hook(Box::new(|_| {}));
    let (begun, tally, failed) = (Instant::now(), Tally::default(), AtomicBool::new(false));
    let (next, told) = (AtomicU64::new(0), Mutex::new(begun));
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while begun.elapsed() < time && !failed.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= most {
                        return;
                    }
                    let plan = Plan::of_seed(first + at, steps);
                    match run(&plan) {
                        Ok(outcome) => tally.enter(&outcome),
                        Err(found) => {
                            failed.store(true, Ordering::Relaxed);
                            failure.lock().expect("no thread panics").get_or_insert((plan, found));
                        }
                    }
                    let mut told = told.lock().expect("no thread panics");
                    if told.elapsed() > Duration::from_secs(30) {
                        *told = Instant::now();
                        tally.tell(begun.elapsed());
                    }
                }
            });
        }
    });
    tally.tell(begun.elapsed());
    let Some((plan, failure)) = failure.into_inner().expect("no thread panics") else {
        println!("first seed {first}: none failed");
        return Ok(());
    };
    println!("seed {}: {failure}", plan.seed);
    let small = shrink(plan, failure.check);
    let path = format!("tests/artifacts/failed-{}.plan", small.seed);
    fs::create_dir_all("tests/artifacts")?;
    fs::write(&path, format!("# {}\n{small}", failure.check))?;
    bail!("{} steps of it fail in the same way: {path}", small.steps.len());
}

impl Tally {
    fn enter(&self, outcome: &Outcome) {
        self.seeds.fetch_add(1, Ordering::Relaxed);
        self.happened.fetch_add(outcome.happened, Ordering::Relaxed);
        self.edits.fetch_add(outcome.edits, Ordering::Relaxed);
        self.events.fetch_add(outcome.events, Ordering::Relaxed);
    }

    fn tell(&self, time: Duration) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "{} seeds in {:.0} s, {:.0} a minute; {} happenings, {} edits, {} events",
            count(&self.seeds),
            time.as_secs_f64(),
            count(&self.seeds) as f64 / time.as_secs_f64() * 60.0,
            count(&self.happened),
            count(&self.edits),
            count(&self.events),
        );
    }
}
