//! `make sim`: as many seeds as fit the time, over every core; a failing plan is shrunk and saved.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::{
    fmt::Display,
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
use chartroom_tests::sim::{
    Failure, Outcome,
    plan::Plan,
    ring::{self, plan::Plan as RingPlan},
    run, run_told,
    shrink::shrink,
};

const USAGE: &str =
    "sim [--ring] [--seed FIRST] [--minutes N] [--seeds MOST] [--steps N] | sim PLAN";

/// What can be run from a seed.
trait Run: Display + Sized + Send {
    fn of_seed(seed: u64, steps: usize) -> Self;
    fn run(&self) -> Result<Outcome, Failure>;
    /// Less of it, which fails in the same way.
    fn shrunk(self, check: &str) -> Self;
    fn steps(&self) -> usize;
}

impl Run for Plan {
    fn of_seed(seed: u64, steps: usize) -> Self {
        Self::of_seed(seed, steps)
    }

    fn run(&self) -> Result<Outcome, Failure> {
        run(self)
    }

    fn shrunk(self, check: &str) -> Self {
        let with = |steps: &[_]| Self { steps: steps.to_vec(), ..self };
        let fails = |steps: &[_]| run(&with(steps)).is_err_and(|failure| failure.check == check);
        with(&shrink(self.steps.clone(), fails))
    }

    fn steps(&self) -> usize {
        self.steps.len()
    }
}

impl Run for RingPlan {
    fn of_seed(seed: u64, steps: usize) -> Self {
        Self::of_seed(seed, steps)
    }

    fn run(&self) -> Result<Outcome, Failure> {
        ring::run(self)
    }

    fn shrunk(self, check: &str) -> Self {
        let with = |steps: &[_]| Self { steps: steps.to_vec(), ..self };
        let fails = |steps: &[_]| ring::run(&with(steps)).is_err_and(|found| found.check == check);
        with(&shrink(self.steps.clone(), fails))
    }

    fn steps(&self) -> usize {
        self.steps.len()
    }
}

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
    let mut is_ring = false;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context(USAGE);
        match argument.as_str() {
            "--ring" => is_ring = true,
            "--seed" => first = value()?.parse()?,
            "--minutes" => minutes = value()?.parse()?,
            "--seeds" => most = value()?.parse()?,
            "--steps" => steps = value()?.parse()?,
            path if !path.starts_with('-') => return tell(path),
            _ => bail!(USAGE),
        }
    }
    let time = Duration::from_secs_f64(minutes * 60.0);
    match is_ring {
        true => seeds::<RingPlan>(first, most, steps, time),
        false => seeds::<Plan>(first, most, steps, time),
    }
}

/// Runs a saved plan and tells what happens.
fn tell(path: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(path).context("the plan cannot be read")?;
    let (outcome, lines) = match text.lines().any(|line| line.starts_with("servers ")) {
        true => ring::run_told(&text.parse()?),
        false => run_told(&text.parse()?),
    };
    lines.iter().for_each(|line| println!("{line}"));
    println!("{:?}", outcome?);
    Ok(())
}

/// Runs seeds until the time is over or one fails.
fn seeds<P: Run>(first: u64, most: u64, steps: usize, time: Duration) -> anyhow::Result<()> {
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
                    let seed = first + at;
                    let plan = P::of_seed(seed, steps);
                    match plan.run() {
                        Ok(outcome) => tally.enter(&outcome),
                        Err(found) => {
                            failed.store(true, Ordering::Relaxed);
                            failure
                                .lock()
                                .expect("no thread panics")
                                .get_or_insert((seed, plan, found));
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
    let Some((seed, plan, failure)) = failure.into_inner().expect("no thread panics") else {
        println!("first seed {first}: none failed");
        return Ok(());
    };
    println!("seed {seed}: {failure}");
    let path = format!("tests/artifacts/failed-{seed}.plan");
    fs::create_dir_all("tests/artifacts")?;
    // Shrinking may take minutes.
    fs::write(&path, format!("# {}\n{plan}", failure.check))?;
    let small = plan.shrunk(failure.check);
    fs::write(&path, format!("# {}\n{small}", failure.check))?;
    bail!("{} steps of it fail in the same way: {path}", small.steps());
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
