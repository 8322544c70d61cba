//! The simulator: many people, several rooms, a network and a store that fail, on one virtual clock.
//!
//! A [`Plan`](plan::Plan) says what happens; [`run`] lets it happen and holds what must hold against
//! it. Rooms, the loading of rooms and the storage contract are the product's own code. The same plan
//! gives the same trace. A plan that fails is made smaller by [`shrink`](shrink::shrink) and saved as
//! lines that a person reads. Start at [`run`]; [`ring`] is the world of several servers.
#![allow(missing_docs, reason = "the fields of a plan's steps are what their words say")]

mod checkers;
pub mod choices;
mod disk;
mod foreign;
mod model;
mod network;
mod people;
pub mod plan;
pub mod ring;
mod server;
pub mod shrink;
mod splits;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use plan::Plan;
use world::World;

/// What does not hold, and when.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{check}, after {at_ms} ms: {text}")]
pub struct Failure {
    /// Which check.
    pub check: &'static str,
    /// Virtual milliseconds since the beginning.
    pub at_ms: u64,
    /// What was found.
    pub text: String,
}

/// What came of a run that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The same for the same plan.
    pub trace: u64,
    /// Things that happened.
    pub happened: u64,
    /// Changes that people made at their clients.
    pub edits: u64,
    /// Events in the rooms' logs.
    pub events: u64,
}

/// Runs a plan. A panic is a failure like any other.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    tell(plan, false).0
}

/// Runs a plan, and gives what happened as lines for people.
pub fn run_told(plan: &Plan) -> (Result<Outcome, Failure>, Vec<String>) {
    tell(plan, true)
}

fn tell(plan: &Plan, verbose: bool) -> (Result<Outcome, Failure>, Vec<String>) {
    let mut world = World::new(plan, verbose);
    let outcome = caught(|| world.outcome(plan));
    let outcome = outcome.unwrap_or_else(|panic| Err(world.failure("panic", panic)));
    (outcome, world.lines().to_vec())
}

/// Runs something; a panic in it is an error with what it says.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        text.unwrap_or_default()
    })
}

/// Runs the plan that a fuzzer's bytes choose.
pub fn run_bytes(data: &[u8]) {
    let plan = Plan::choose(1, 100, &mut choices::Choices::Bytes(data));
    if let Err(failure) = run(&plan) {
        panic!("{failure}\n{plan}");
    }
}

#[cfg(test)]
mod tests {
    use super::{plan::Plan, run};

    /// Seeds of every run of the tests; `SEED` and `SEEDS` take others.
    const SEEDS: u64 = 12;

    #[test]
    fn everybody_converges_and_nothing_promised_is_lost() {
        let number = |name, usual| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        let first: u64 = number("SEED", 1);
        for seed in first..first + number("SEEDS", SEEDS) {
            let plan = Plan::of_seed(seed, 200);
            if let Err(failure) = run(&plan) {
                panic!("seed {seed}: {failure}");
            }
        }
    }

    #[test]
    fn plans_that_failed_once_hold() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/plans");
        let plans: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
        assert!(!plans.is_empty());
        // The folder in it is `ring`'s.
        for plan in plans.iter().filter(|plan| plan.path().is_file()) {
            let text = std::fs::read_to_string(plan.path()).unwrap();
            if let Err(failure) = run(&text.parse().unwrap()) {
                panic!("{}: {failure}", plan.path().display());
            }
        }
    }

    #[test]
    fn the_same_seed_has_the_same_trace() {
        let outcome = |seed| run(&Plan::of_seed(seed, 100));
        assert_eq!(outcome(7), outcome(7));
        assert_ne!(outcome(7), outcome(8));
    }
}
