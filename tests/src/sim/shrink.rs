//! A failing plan, made smaller while it fails in the same way.

use super::{plan::Plan, run};

/// Runs that shrinking may take.
const RUNS_MAX: usize = 400;

/// Leaves out steps, many at first, as long as the same check fails.
pub fn shrink(mut plan: Plan, check: &str) -> Plan {
    let fails = |plan: &Plan| run(plan).is_err_and(|failure| failure.check == check);
    let mut runs = 0;
    let mut span = plan.steps.len().div_ceil(2);
    while span > 0 {
        let mut at = 0;
        while at < plan.steps.len() {
            if runs >= RUNS_MAX {
                return plan;
            }
            runs += 1;
            let smaller = without(&plan, at, span);
            if fails(&smaller) {
                plan = smaller;
            } else {
                at += span;
            }
        }
        span /= 2;
    }
    plan
}

/// The plan without `span` steps from `at`; what follows happens when it would have.
fn without(plan: &Plan, at: usize, span: usize) -> Plan {
    let mut steps = plan.steps.clone();
    let end = (at + span).min(steps.len());
    let gone_ms: u64 = steps.drain(at..end).map(|step| step.after_ms).sum();
    if let Some(next) = steps.get_mut(at) {
        next.after_ms += gone_ms;
    }
    Plan { seed: plan.seed, steps }
}
