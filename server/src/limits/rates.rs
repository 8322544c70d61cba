//! How often each of many may do something, counted in bounded memory.

use std::{borrow::Borrow, collections::HashMap, hash::Hash, time::Duration};

use chartroom_engine::limits::COUNTED_MAX;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Bucket, Rate};

/// How long to wait before the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryAfter(pub Duration);

impl RetryAfter {
    /// As `Retry-After` has it (RFC 9110, section 10.2.3): whole seconds, and not too few.
    pub fn seconds(self) -> u64 {
        self.0.as_secs() + 1
    }
}

/// One rate for each key, such as a person's id or an address.
///
/// Keys that have done nothing for a while are forgotten; where too many are busy at once, those that
/// come anew share one rate.
#[derive(Debug)]
pub(crate) struct Rates<K> {
    rate: Rate,
    counted: Mutex<Counted<K>>,
}

#[derive(Debug)]
struct Counted<K> {
    buckets: HashMap<K, Bucket>,
    others: Bucket,
    /// When idle keys were last forgotten, which looks at all of them.
    swept: Instant,
}

impl<K: Eq + Hash> Rates<K> {
    /// Nothing counted yet.
    pub fn new(rate: Rate) -> Self {
        let now = Instant::now();
        let counted = Counted { buckets: HashMap::new(), others: Bucket::full(now), swept: now };
        Self { rate, counted: Mutex::new(counted) }
    }

    /// Takes so many of what `key` may do now; one that is refused costs nothing.
    pub fn take<Q>(&self, key: &Q, cost: usize) -> Result<(), RetryAfter>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        self.take_at(Instant::now(), key, cost)
    }

    fn take_at<Q>(&self, now: Instant, key: &Q, cost: usize) -> Result<(), RetryAfter>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let mut counted = self.counted.lock();
        let bucket = counted.bucket(now, self.rate, key);
        let owed = bucket.take(now, 0, self.rate);
        if !owed.is_zero() {
            return Err(RetryAfter(owed));
        }
        bucket.take(now, cost, self.rate);
        Ok(())
    }
}

impl<K: Eq + Hash> Counted<K> {
    fn bucket<Q>(&mut self, now: Instant, rate: Rate, key: &Q) -> &mut Bucket
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        if !self.buckets.contains_key(key) {
            if self.buckets.len() >= COUNTED_MAX && now >= self.swept + rate.burst {
                self.buckets.retain(|_, bucket| !bucket.is_full(now));
                self.swept = now;
            }
            if self.buckets.len() >= COUNTED_MAX {
                return &mut self.others;
            }
        }
        self.buckets.entry(key.to_owned()).or_insert_with(|| Bucket::full(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten a second, thirty at once.
    const RATE: Rate = Rate { per_second: 10, burst: Duration::from_secs(3) };

    #[test]
    fn each_key_has_its_own_and_a_refusal_costs_nothing() {
        let rates = Rates::<String>::new(RATE);
        let start = Instant::now();
        for _ in 0..31 {
            rates.take_at(start, "alice", 1).unwrap();
        }
        for _ in 0..1000 {
            let refused = rates.take_at(start, "alice", 1).unwrap_err();
            assert_eq!((refused.0, refused.seconds()), (Duration::from_millis(100), 1));
        }
        assert!(rates.take_at(start, "bob", 1).is_ok());
        assert!(rates.take_at(start + Duration::from_millis(100), "alice", 1).is_ok());
    }

    #[test]
    fn what_costs_more_is_paid_for() {
        let rates = Rates::<String>::new(RATE);
        let start = Instant::now();
        rates.take_at(start, "mallory", 100).unwrap();
        assert_eq!(rates.take_at(start, "mallory", 1), Err(RetryAfter(Duration::from_secs(7))));
    }

    #[test]
    fn keys_beyond_the_most_share_and_idle_ones_are_forgotten() {
        let rates = Rates::<u64>::new(RATE);
        let start = Instant::now();
        for key in 0..COUNTED_MAX as u64 {
            rates.take_at(start, &key, 1).unwrap();
        }
        rates.take_at(start, &u64::MAX, 60).unwrap();
        assert!(rates.take_at(start, &(u64::MAX - 1), 1).is_err());
        assert!(rates.take_at(start, &7, 1).is_ok(), "who was counted before is not concerned");
        assert_eq!(rates.counted.lock().buckets.len(), COUNTED_MAX);
        let later = start + Duration::from_secs(10);
        rates.take_at(later, &(u64::MAX - 1), 1).unwrap();
        assert_eq!(rates.counted.lock().buckets.len(), 1);
    }
}
