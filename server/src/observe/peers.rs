//! What is counted of links to other servers, by the operator's names for them.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The label that tells servers apart.
type Labels = [(&'static str, String); 1];
/// A gauge of seconds.
type Seconds = Gauge<f64, AtomicU64>;

/// All links.
#[derive(Default)]
pub(super) struct AllPeers {
    connected: Family<Labels, Gauge>,
    failures: Family<Labels, Counter>,
    rooms_behind: Family<Labels, Gauge>,
    lag_changes: Family<Labels, Gauge>,
    lag_seconds: Family<Labels, Seconds>,
    received: Family<Labels, Counter>,
    sent: Family<Labels, Counter>,
    refused: Family<Labels, Counter>,
}

/// One link.
pub(crate) struct PeerMetrics {
    /// 1 while it stands.
    pub connected: Gauge,
    /// Times that it broke, or could not be made.
    pub failures: Counter,
    /// Rooms that are not known to be the same at both ends.
    pub rooms_behind: Gauge,
    /// Changes that the other end has not said to have.
    pub lag_changes: Gauge,
    /// For how long the longest of these rooms differs.
    pub lag_seconds: Seconds,
    /// Bytes that came.
    pub received: Counter,
    /// Bytes that were written.
    pub sent: Counter,
    /// Changes of this server that the other refused.
    pub refused: Counter,
}

impl AllPeers {
    pub fn register(&self, r: &mut Registry) {
        r.register("peer_connected", "Whether a link to a server stands", self.connected.clone());
        r.register("peer_failures", "Times that a link broke", self.failures.clone());
        let behind = self.rooms_behind.clone();
        r.register("peer_rooms_behind", "Rooms that differ between the ends of a link", behind);
        let changes = self.lag_changes.clone();
        r.register("peer_lag_changes", "Changes that a server has not said to have", changes);
        let help = "For how long the longest of the differing rooms differs";
        r.register("peer_lag_seconds", help, self.lag_seconds.clone());
        r.register("peer_received_bytes", "Bytes that a server sent", self.received.clone());
        r.register("peer_sent_bytes", "Bytes sent to a server", self.sent.clone());
        let refused = self.refused.clone();
        r.register("peer_refused", "Changes of this server that another refused", refused);
    }

    pub fn peer(&self, name: &str) -> PeerMetrics {
        let labels = [("peer", name.to_owned())];
        PeerMetrics {
            connected: self.connected.get_or_create(&labels).clone(),
            failures: self.failures.get_or_create(&labels).clone(),
            rooms_behind: self.rooms_behind.get_or_create(&labels).clone(),
            lag_changes: self.lag_changes.get_or_create(&labels).clone(),
            lag_seconds: self.lag_seconds.get_or_create(&labels).clone(),
            received: self.received.get_or_create(&labels).clone(),
            sent: self.sent.get_or_create(&labels).clone(),
            refused: self.refused.get_or_create(&labels).clone(),
        }
    }
}
