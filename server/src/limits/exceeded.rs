//! How often each limit was exceeded: a metric, and a line in the log now and then.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus_client::metrics::{counter::Counter, family::Family};
use tokio::time::Instant;

use super::Limit;

/// How long the log is silent about a limit behind a line about it.
const SILENCE: Duration = Duration::from_secs(10);

/// Counts for the whole server; copies count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exceeded {
    /// By code.
    pub counts: Family<[(&'static str, &'static str); 1], Counter>,
    said: Arc<Mutex<BTreeMap<Limit, Said>>>,
}

/// What the log was told of one limit.
#[derive(Debug)]
struct Said {
    at: Instant,
    untold: u64,
}

impl Exceeded {
    /// Notes that somebody went over a limit.
    pub fn note(&self, limit: Limit) {
        self.counts.get_or_create(&[("limit", limit.code())]).inc();
        if let Some(times) = self.to_tell(limit, Instant::now()) {
            tracing::warn!(limit = limit.code(), times, "a limit was exceeded");
        }
    }

    /// How often it happened since the last line, where it is time for one.
    fn to_tell(&self, limit: Limit, now: Instant) -> Option<u64> {
        let mut said = self.said.lock();
        let Some(last) = said.get_mut(&limit) else {
            said.insert(limit, Said { at: now, untold: 0 });
            return Some(1);
        };
        last.untold += 1;
        if now < last.at + SILENCE {
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_hears_at_once_and_then_sums_up() {
        let exceeded = Exceeded::default();
        let start = Instant::now();
        let tell = |limit, after| exceeded.to_tell(limit, start + Duration::from_secs(after));
        assert_eq!(tell(Limit::Queue, 0), Some(1));
        assert_eq!(tell(Limit::Queue, 1), None);
        assert_eq!(tell(Limit::Refused, 1), Some(1));
        assert_eq!(tell(Limit::Queue, 9), None);
        assert_eq!(tell(Limit::Queue, 10), Some(3));
        assert_eq!(tell(Limit::Queue, 11), None);
    }
}
