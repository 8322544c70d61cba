//! A failing plan, made smaller while it fails in the same way.

use super::plan::Step;

/// Runs that shrinking may take.
const RUNS_MAX: usize = 400;

/// Leaves out steps, many at first, as long as what is left fails.
pub fn shrink<A: Clone>(
    mut steps: Vec<Step<A>>,
    fails: impl Fn(&[Step<A>]) -> bool,
) -> Vec<Step<A>> {
    let mut runs = 0;
    let mut span = steps.len().div_ceil(2);
    while span > 0 {
        let mut at = 0;
        while at < steps.len() {
            if runs >= RUNS_MAX {
                return steps;
            }
            runs += 1;
            let fewer = without(&steps, at, span);
            if fails(&fewer) {
                steps = fewer;
            } else {
                at += span;
            }
        }
        span /= 2;
    }
    steps
}

/// The steps without `span` of them from `at`; what follows happens when it would have.
fn without<A: Clone>(steps: &[Step<A>], at: usize, span: usize) -> Vec<Step<A>> {
    let mut steps = steps.to_vec();
    let end = (at + span).min(steps.len());
    let gone_ms: u64 = steps.drain(at..end).map(|step| step.after_ms).sum();
    if let Some(next) = steps.get_mut(at) {
        next.after_ms += gone_ms;
    }
    steps
}
