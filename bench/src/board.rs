//! What a run saw: when each edit was due, and when whom it reached.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// The number of an edit, or of a presence message, in one run.
pub type Sent = usize;

/// The counts of one run.
#[derive(Debug, Default)]
pub struct Board {
    due: Vec<Option<Instant>>,
    arrived_us: Vec<u32>,
    acknowledged_us: Vec<u32>,
    /// Connections whose first sync is there.
    pub synced: usize,
    /// Times from connecting to a first sync.
    pub synced_us: Vec<u32>,
    /// First syncs that had the last edit that was made before.
    pub held: usize,
    /// Payload bytes that came in.
    pub bytes_in: u64,
    /// Payload bytes that went out.
    pub bytes_out: u64,
    /// Connections that ended by themselves.
    pub lost: usize,
    /// Told of each acknowledgement.
    pub told: Rc<Notify>,
}

impl Board {
    /// A number for something that will be sent.
    pub fn allocate(&mut self) -> Sent {
        self.due.push(None);
        self.due.len() - 1
    }

    /// It was to be sent then, however late the generator came to it.
    pub fn is_due(&mut self, sent: Sent, at: Instant) {
        if let Some(due) = self.due.get_mut(sent) {
            *due = Some(at);
        }
    }

    /// Somebody else has it.
    pub fn arrived(&mut self, sent: Sent) {
        self.arrived_us.extend(self.since(sent));
    }

    /// Its writer was told that it is kept.
    pub fn acknowledged(&mut self, sent: Sent) {
        self.acknowledged_us.extend(self.since(sent));
        self.told.notify_one();
    }

    /// How many arrivals there were.
    pub fn arrivals(&self) -> usize {
        self.arrived_us.len()
    }

    /// How many acknowledgements there were.
    pub fn acknowledgements(&self) -> usize {
        self.acknowledged_us.len()
    }

    /// From due to arrival.
    pub fn latency(&self) -> Latency {
        Latency::of(&self.arrived_us)
    }

    /// From due to acknowledgement.
    pub fn until_acknowledged(&self) -> Latency {
        Latency::of(&self.acknowledged_us)
    }

    /// Forgets what was counted, not what is under way.
    pub fn clear(&mut self) {
        self.arrived_us.clear();
        self.acknowledged_us.clear();
        (self.bytes_in, self.bytes_out) = (0, 0);
    }

    fn since(&self, sent: Sent) -> Option<u32> {
        let due = (*self.due.get(sent)?)?;
        Some(micros(due.elapsed()))
    }
}

/// A time in microseconds, as boards keep it.
pub fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// Milliseconds at some percentiles.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// 95 of 100 are below.
    pub p95: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    /// Of times in microseconds; zeros where there are none.
    pub fn of(times_us: &[u32]) -> Self {
        let mut sorted = times_us.to_vec();
        sorted.sort_unstable();
        let at = |share: f64| {
            let place = (sorted.len() as f64 * share).ceil() as usize;
            sorted.get(place.saturating_sub(1)).map_or(0.0, |us| f64::from(*us) / 1000.0)
        };
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_times_that_there_are() {
        let times: Vec<u32> = (1..=1000).rev().map(|ms| ms * 1000).collect();
        let Latency { p50, p95, p99, max } = Latency::of(&times);
        assert_eq!([p50, p95, p99, max], [500.0, 950.0, 990.0, 1000.0]);
        assert_eq!(Latency::of(&[]).p99, 0.0);
    }
}
