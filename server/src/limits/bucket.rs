//! A token bucket that is one instant: when it will be full again.

use std::time::Duration;

use tokio::time::Instant;

/// So many a second, and at once as many as come in `burst`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// How many a second in the long run; 0 counts as 1.
    pub per_second: u64,
    /// How long a bucket that is empty takes to be full.
    pub burst: Duration,
}

impl Rate {
    /// So many times as many.
    pub fn times(self, factor: u64) -> Self {
        Self { per_second: self.per_second.saturating_mul(factor), ..self }
    }
}

/// What one connection took of a rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Whether nothing is missing, so that a new one does as well.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }

    /// Takes so many out, more than there are if need be; gives how long it takes until none is
    /// owed.
    pub fn take(&mut self, now: Instant, count: usize, rate: Rate) -> Duration {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let nanos = u128::from(count) * 1_000_000_000 / u128::from(rate.per_second.max(1));
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.full_at = self.full_at.max(now) + cost;
        (self.full_at - now).saturating_sub(rate.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten a second, thirty at once.
    const RATE: Rate = Rate { per_second: 10, burst: Duration::from_secs(3) };

    #[test]
    fn a_burst_passes_and_what_follows_waits_for_its_share() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert_eq!(bucket.take(start, 30, RATE), Duration::ZERO);
        assert_eq!(bucket.take(start, 1, RATE), Duration::from_millis(100));
        let later = start + Duration::from_millis(200);
        assert_eq!(bucket.take(later, 1, RATE), Duration::ZERO);
    }

    #[test]
    fn a_steady_sender_within_the_rate_never_waits() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        for tick in 0..1000 {
            let now = start + Duration::from_millis(100) * tick;
            assert_eq!(bucket.take(now, 1, RATE), Duration::ZERO);
        }
    }

    #[test]
    fn what_was_not_used_does_not_add_up_beyond_the_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let later = start + Duration::from_secs(3600);
        assert_eq!(bucket.take(later, 40, RATE), Duration::from_secs(1));
    }

    #[test]
    fn one_that_is_larger_than_the_burst_passes_and_is_paid_for() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert_eq!(bucket.take(start, 100, RATE), Duration::from_secs(7));
        assert_eq!(bucket.take(start + Duration::from_secs(7), 0, RATE), Duration::ZERO);
    }
}
