//! When to dial again: soon at first, then less and less often, never all at one moment.

use std::time::Duration;

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The network, or a server that is on its way down or up: it may be well in a moment.
    Passing,
    /// The other end does what no waiting mends: an operator has to look.
    Lasting,
}

/// Waits between attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The wait behind the first passing trouble; each further one doubles it.
    pub const FIRST: Duration = Duration::from_millis(500);
    /// The longest wait while the trouble may pass.
    pub const LONGEST: Duration = Duration::from_secs(30);
    /// The wait behind the first trouble that lasts.
    pub const FIRST_LASTING: Duration = Duration::from_secs(15);
    /// The longest wait behind trouble that lasts.
    pub const LONGEST_LASTING: Duration = Duration::from_secs(600);

    /// Nothing was tried yet.
    pub fn new() -> Self {
        Self { attempts: 0 }
    }

    /// The connection stood: what was before does not count.
    pub fn succeeded(&mut self) {
        self.attempts = 0;
    }

    /// How long to wait behind an attempt that failed: between half of the step and all of it.
    ///
    /// `random` is uniform over all values.
    pub fn failed(&mut self, trouble: Trouble, random: u64) -> Duration {
        let (first, longest) = match trouble {
            Trouble::Passing => (Self::FIRST, Self::LONGEST),
            Trouble::Lasting => (Self::FIRST_LASTING, Self::LONGEST_LASTING),
        };
        let step = first.saturating_mul(1 << self.attempts.min(16)).min(longest);
        self.attempts = self.attempts.saturating_add(1);
        let half = step / 2;
        half + half.mul_f64(random as f64 / u64::MAX as f64)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_behind_success() {
        let mut backoff = Backoff::new();
        let most = |backoff: &mut Backoff| backoff.failed(Trouble::Passing, u64::MAX);
        let waits: Vec<u64> =
            (0..8).map(|_| most(&mut backoff).as_millis().try_into().unwrap()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        backoff.succeeded();
        assert_eq!(most(&mut backoff), Backoff::FIRST);
    }

    #[test]
    fn a_wait_is_at_least_half_its_step() {
        let mut backoff = Backoff::new();
        assert_eq!(backoff.failed(Trouble::Passing, 0), Backoff::FIRST / 2);
        assert_eq!(backoff.failed(Trouble::Lasting, 0), Backoff::FIRST_LASTING);
    }
}
