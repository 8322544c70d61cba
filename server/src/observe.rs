//! Logs and counters. Neither holds patient data; a room is named by its document id.

mod panics;
mod peers;
mod webhooks;

use std::{io::IsTerminal, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tracing_subscriber::{EnvFilter, fmt};

use crate::{
    hub::{CONNECTION_BYTES, WriterCounts},
    limits::Exceeded,
};
use webhooks::WebhookMetrics;

pub(crate) use peers::PeerMetrics;
pub(crate) use webhooks::TargetMetrics;

/// What is logged where `RUST_LOG` does not say. Automerge would write a line for every bad byte that a
/// stranger sends; such a change is refused, and counted.
const LOGS_DEFAULT: &str = "info,automerge=off";

/// Starts logging to standard error: `RUST_LOG` filters, `info` where it is not set.
pub fn start_logs(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGS_DEFAULT));
    let colours = std::io::stderr().is_terminal();
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // Logging that was started before, as by a test, stays.
    let _ = if json { logs.json().try_init() } else { logs.try_init() };
    panics::watch();
}

/// What the server counts.
pub(crate) struct Metrics {
    registry: Registry,
    /// Rooms in memory.
    pub rooms_loaded: Gauge,
    /// Bytes that these cost, as estimated.
    pub rooms_bytes: Gauge,
    /// Open WebSockets.
    pub connections: Gauge,
    /// Changes handed to the storage thread.
    pub changes: Counter,
    /// Batches handed to the storage thread.
    pub batches: Counter,
    /// Events derived.
    pub events: Counter,
    /// Results whose unit the table of critical values does not have.
    pub values_unchecked: Counter,
    /// Times that old events of a room were dropped.
    pub event_trims: Counter,
    /// Changes of peers that were refused.
    pub changes_refused: Counter,
    /// Limits that somebody went over.
    pub exceeded: Exceeded,
    /// Frames dropped because they named another sender.
    pub frames_foreign: Counter,
    /// Rooms loaded again after a failure.
    pub reloads: Counter,
    /// Connections closed by such a reload.
    pub closed_for_reload: Counter,
    /// Rooms that could not be loaded.
    pub load_failures: Counter,
    /// Seconds from handing a batch over until it was durable.
    pub commit_seconds: Histogram,
    webhooks: WebhookMetrics,
    peers: peers::AllPeers,
    waiting_bytes: Gauge<u64, AtomicU64>,
    connections_bytes: Gauge<u64, AtomicU64>,
    panics: Gauge<u64, AtomicU64>,
    commits: Gauge<u64, AtomicU64>,
    compactions: Gauge<u64, AtomicU64>,
    storage_failures: Gauge<u64, AtomicU64>,
    storage_failing: Gauge,
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        // 0.25 ms to about a second.
        let buckets = exponential_buckets(0.000_25, 2.0, 13);
        let mut metrics = Self {
            registry: Registry::with_prefix("chartroom"),
            rooms_loaded: Gauge::default(),
            rooms_bytes: Gauge::default(),
            connections: Gauge::default(),
            changes: Counter::default(),
            batches: Counter::default(),
            events: Counter::default(),
            values_unchecked: Counter::default(),
            event_trims: Counter::default(),
            changes_refused: Counter::default(),
            exceeded: Exceeded::default(),
            frames_foreign: Counter::default(),
            reloads: Counter::default(),
            closed_for_reload: Counter::default(),
            load_failures: Counter::default(),
            commit_seconds: Histogram::new(buckets),
            webhooks: WebhookMetrics::default(),
            peers: peers::AllPeers::default(),
            waiting_bytes: Gauge::default(),
            connections_bytes: Gauge::default(),
            panics: Gauge::default(),
            commits: Gauge::default(),
            compactions: Gauge::default(),
            storage_failures: Gauge::default(),
            storage_failing: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    /// What is counted of one target.
    pub fn target(&self, name: &str) -> TargetMetrics {
        self.webhooks.target(name)
    }

    /// What is counted of the link to a server.
    pub fn peer(&self, name: &str) -> PeerMetrics {
        self.peers.peer(name)
    }

    /// Everything as Prometheus text.
    pub fn render(&self, writer: WriterCounts, waiting_bytes: u64) -> String {
        self.waiting_bytes.set(waiting_bytes);
        let connections = u64::try_from(self.connections.get()).unwrap_or(0);
        self.connections_bytes.set(connections * CONNECTION_BYTES);
        self.commits.set(writer.commits);
        self.compactions.set(writer.compactions);
        self.storage_failures.set(writer.failures);
        self.panics.set(panics::count());
        self.storage_failing.set(writer.failing.into());
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        text
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("rooms_loaded", "Rooms in memory", self.rooms_loaded.clone());
        let bytes = self.rooms_bytes.clone();
        r.register("rooms_bytes", "Bytes that these cost, as estimated", bytes);
        let waiting = self.waiting_bytes.clone();
        r.register("waiting_bytes", "Bytes that wait to be written to WebSockets", waiting);
        r.register("connections", "Open WebSockets", self.connections.clone());
        let bytes = self.connections_bytes.clone();
        r.register("connections_bytes", "Bytes that these cost, as estimated", bytes);
        r.register("changes", "Changes persisted or being so", self.changes.clone());
        r.register("batches", "Batches persisted or being so", self.batches.clone());
        r.register("events", "Events derived", self.events.clone());
        let unchecked = self.values_unchecked.clone();
        r.register("values_unchecked", "Results whose unit is not in the table", unchecked);
        r.register("event_trims", "Old events of a room dropped", self.event_trims.clone());
        r.register("changes_refused", "Changes refused", self.changes_refused.clone());
        let exceeded = self.exceeded.counts.clone();
        r.register("limit_exceeded", "Times that somebody went over a limit", exceeded);
        r.register("frames_foreign", "Frames of another sender", self.frames_foreign.clone());
        r.register("reloads", "Rooms loaded again after a failure", self.reloads.clone());
        let closed = self.closed_for_reload.clone();
        r.register("closed_for_reload", "Connections closed by a reload", closed);
        r.register("load_failures", "Rooms that could not be loaded", self.load_failures.clone());
        let seconds = self.commit_seconds.clone();
        r.register("commit_seconds", "Seconds until a batch was durable", seconds);
        self.webhooks.register(r);
        self.peers.register(r);
        r.register("storage_commits", "Commits of the storage thread", self.commits.clone());
        r.register("storage_compactions", "Compactions", self.compactions.clone());
        r.register("panics", "Panics, those that were caught included", self.panics.clone());
        let failures = self.storage_failures.clone();
        r.register("storage_failures", "Failures of the storage", failures);
        let failing = self.storage_failing.clone();
        r.register("storage_failing", "1 while the storage takes no writes", failing);
    }
}
