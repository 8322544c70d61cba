//! What is counted of webhooks, by the operator's names for the targets.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The label that tells targets apart.
type Labels = [(&'static str, String); 1];
/// A gauge of seconds.
type Seconds = Gauge<f64, AtomicU64>;

/// All targets.
#[derive(Default)]
pub(super) struct WebhookMetrics {
    delivered: Family<Labels, Counter>,
    failed: Family<Labels, Counter>,
    dead: Family<Labels, Counter>,
    missed: Family<Labels, Counter>,
    rooms_waiting: Family<Labels, Gauge>,
    oldest_seconds: Family<Labels, Seconds>,
}

/// One target.
pub(crate) struct TargetMetrics {
    /// Events delivered.
    pub delivered: Counter,
    /// Attempts that failed.
    pub failed: Counter,
    /// Events given up.
    pub dead: Counter,
    /// Events that retention dropped before they were looked at.
    pub missed: Counter,
    /// Rooms with events to deliver.
    pub rooms_waiting: Gauge,
    /// When the oldest of these began to wait, in seconds since 1970; 0 where none waits.
    pub oldest_seconds: Seconds,
}

impl WebhookMetrics {
    pub fn register(&self, r: &mut Registry) {
        r.register("webhook_delivered", "Events delivered", self.delivered.clone());
        r.register("webhook_failed", "Attempts to deliver that failed", self.failed.clone());
        r.register("webhook_dead", "Events given up", self.dead.clone());
        let missed = self.missed.clone();
        r.register("webhook_missed", "Events dropped before they were looked at", missed);
        let waiting = self.rooms_waiting.clone();
        r.register("webhook_rooms_waiting", "Rooms with events to deliver", waiting);
        let oldest = self.oldest_seconds.clone();
        let help = "When the oldest waiting room began to wait, since 1970; 0 for none";
        r.register("webhook_oldest_timestamp_seconds", help, oldest);
    }

    pub fn target(&self, name: &str) -> TargetMetrics {
        let labels = [("target", name.to_owned())];
        TargetMetrics {
            delivered: self.delivered.get_or_create(&labels).clone(),
            failed: self.failed.get_or_create(&labels).clone(),
            dead: self.dead.get_or_create(&labels).clone(),
            missed: self.missed.get_or_create(&labels).clone(),
            rooms_waiting: self.rooms_waiting.get_or_create(&labels).clone(),
            oldest_seconds: self.oldest_seconds.get_or_create(&labels).clone(),
        }
    }
}
