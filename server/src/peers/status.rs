//! How each link to another server stands: what `GET /peers` and the metrics tell.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chartroom_engine::time;
use parking_lot::Mutex;
use serde::Serialize;

use super::agenda::Lag;
use crate::{clock, hub::Rights, observe::PeerMetrics};

/// Rooms about which nothing is done that are named one by one.
const HELD_SHOWN: usize = 100;

/// Whether a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It is being dialled.
    Connecting,
    /// It stands, and the rooms of both ends are being compared.
    Comparing,
    /// It stands.
    Connected,
    /// It broke, and is dialled again after a while.
    Waiting,
    /// The server that dials here is not there.
    Away,
}

/// One link.
pub(crate) struct Status {
    name: Arc<str>,
    /// Where it is dialled; `None` where it dials.
    address: Option<String>,
    rights: Rights,
    received: AtomicU64,
    sent: AtomicU64,
    metrics: PeerMetrics,
    standing: Mutex<Standing>,
}

struct Standing {
    state: State,
    since_ms: u64,
    problem: Option<Problem>,
    /// Whether it is a Chartroom server; `None` before it was met.
    chartroom: Option<bool>,
    lag: Lag,
    held: Vec<Held>,
    refused: u64,
    /// Connections that the server made: a new one may come before the end of the last is noticed.
    connections: usize,
}

/// Why a link broke last.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    message: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    try_again_at: Option<String>,
}

/// A room about which nothing is done.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Held {
    /// The room's name.
    pub room: String,
    /// Why, as a stable code.
    pub code: &'static str,
}

/// A link as it is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    name: Arc<str>,
    direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software: Option<&'static str>,
    patterns: Vec<String>,
    read_only: bool,
    state: State,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    rooms: Rooms,
    lag: Behind,
    bytes: Bytes,
    /// Changes of it that this server's rules refuse, kept aside.
    pub quarantined: usize,
    /// Changes of this server that it said to refuse.
    refused: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rooms {
    known: usize,
    behind: usize,
    /// Told by the side that dials.
    from_before: usize,
    held: Vec<Held>,
}

#[derive(Debug, Serialize)]
struct Behind {
    changes: u64,
    seconds: u64,
}

#[derive(Debug, Serialize)]
struct Bytes {
    received: u64,
    sent: u64,
}

impl Status {
    pub fn new(
        name: Arc<str>,
        address: Option<String>,
        rights: Rights,
        metrics: PeerMetrics,
    ) -> Self {
        let standing = Standing {
            state: if address.is_some() { State::Connecting } else { State::Away },
            since_ms: clock::now_ms(),
            problem: None,
            chartroom: None,
            lag: Lag::default(),
            held: Vec::new(),
            refused: 0,
            connections: 0,
        };
        let (received, sent) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { name, address, rights, received, sent, metrics, standing: Mutex::new(standing) }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// It is being dialled.
    pub fn connecting(&self) {
        self.enter(&mut self.standing.lock(), State::Connecting);
    }

    /// It stands; what the other end has is not known yet.
    pub fn comparing(&self, chartroom: bool) {
        self.stands(&mut self.standing.lock(), State::Comparing, chartroom);
    }

    /// It stands.
    pub fn connected(&self, chartroom: bool) {
        self.stands(&mut self.standing.lock(), State::Connected, chartroom);
    }

    /// The server has dialled this one.
    pub fn joined(&self, chartroom: bool) {
        let mut standing = self.standing.lock();
        standing.connections += 1;
        self.stands(&mut standing, State::Connected, chartroom);
    }

    /// A connection that the server made has ended.
    pub fn left(&self) {
        let mut standing = self.standing.lock();
        standing.connections = standing.connections.saturating_sub(1);
        if standing.connections == 0 {
            self.breaks(&mut standing, "it left".to_owned(), None);
        }
    }

    /// It broke; `try_again_ms` is when it is dialled again, `None` where that is for the other end.
    pub fn broke(&self, message: String, try_again_ms: Option<u64>) {
        self.breaks(&mut self.standing.lock(), message, try_again_ms);
    }

    fn enter(&self, standing: &mut Standing, state: State) {
        if standing.state != state {
            (standing.state, standing.since_ms) = (state, clock::now_ms());
        }
        let stands = matches!(state, State::Comparing | State::Connected);
        self.metrics.connected.set(i64::from(stands));
    }

    fn stands(&self, standing: &mut Standing, state: State, chartroom: bool) {
        self.enter(standing, state);
        (standing.chartroom, standing.problem) = (Some(chartroom), None);
    }

    fn breaks(&self, standing: &mut Standing, message: String, try_again_ms: Option<u64>) {
        self.enter(standing, if try_again_ms.is_some() { State::Waiting } else { State::Away });
        self.metrics.failures.inc();
        let (at, try_again_at) = (instant(clock::now_ms()), try_again_ms.map(instant));
        standing.problem = Some(Problem { message, at, try_again_at });
    }

    /// How far the two ends are apart.
    pub fn lags(&self, lag: Lag, held: Vec<Held>) {
        self.metrics.rooms_behind.set(i64::try_from(lag.behind).unwrap_or(i64::MAX));
        self.metrics.lag_changes.set(i64::try_from(lag.changes).unwrap_or(i64::MAX));
        self.metrics.lag_seconds.set(lag.ms as f64 / 1000.0);
        let mut standing = self.standing.lock();
        (standing.lag, standing.held) = (lag, held);
    }

    /// It refused changes of this server.
    pub fn refused(&self, count: u64) {
        self.standing.lock().refused += count;
        self.metrics.refused.inc_by(count);
    }

    /// Bytes that came.
    pub fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.received.inc_by(bytes);
    }

    /// Bytes that were written.
    pub fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.sent.inc_by(bytes);
    }

    /// Bytes that came, and that were written.
    pub fn bytes(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }

    /// As it is told.
    pub fn report(&self, quarantined: usize) -> Report {
        let standing = self.standing.lock();
        Report {
            name: Arc::clone(&self.name),
            direction: if self.address.is_some() { "dials" } else { "is-dialled" },
            address: self.address.clone(),
            software: standing
                .chartroom
                .map(|ours| if ours { "chartroom" } else { "automerge-repo" }),
            patterns: self.rights.rooms.iter().map(ToString::to_string).collect(),
            read_only: !self.rights.may_write,
            state: standing.state,
            since: instant(standing.since_ms),
            problem: standing.problem.clone(),
            rooms: Rooms {
                known: standing.lag.rooms,
                behind: standing.lag.behind,
                from_before: standing.lag.from_before,
                held: standing.held.iter().take(HELD_SHOWN).cloned().collect(),
            },
            lag: Behind { changes: standing.lag.changes, seconds: standing.lag.ms / 1000 },
            bytes: Bytes {
                received: self.received.load(Ordering::Relaxed),
                sent: self.sent.load(Ordering::Relaxed),
            },
            quarantined,
            refused: standing.refused,
        }
    }
}

/// Milliseconds since 1970 as text.
fn instant(ms: u64) -> String {
    time::rfc3339(i64::try_from(ms).unwrap_or(i64::MAX))
}
