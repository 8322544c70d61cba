//! A reader of all rooms' events that remembers how far it is in each, through restarts.
//!
//! The number of the last event handled is a fact, written in the same step as what followed from
//! the events where the owner passes [`Consumer::fact`] along, so nothing is lost and nothing is
//! done twice. It hears of news; what came while the server was down it finds by one look at the
//! list of rooms. Rooms with news go first, then those of that look, then those that failed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use chartroom_engine::{Event, RoomId, RoomName};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Hub, RoomError, Watch};
use crate::storage::Fact;

/// Positions without anything that followed from them that are saved together.
const UNSAVED_MAX: usize = 100;
/// How long to wait where the store cannot be read.
const STORE_WAIT: Duration = Duration::from_secs(1);
/// How long a room that failed waits at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// One reader and its positions.
pub(crate) struct Consumer {
    hub: Arc<Hub>,
    table: String,
    watch: Watch,
    /// The number of the last event handled, by room.
    positions: BTreeMap<RoomName, u64>,
    /// Rooms whose position is not in the store yet.
    unsaved: BTreeSet<RoomName>,
    news: BTreeSet<RoomName>,
    /// Rooms with events behind the position when the server started.
    backlog: VecDeque<RoomName>,
    failed: BTreeMap<RoomName, Failed>,
    /// Whether the list of rooms was looked at.
    listed: bool,
    /// Whether the store may have other positions: none was read yet, or a write failed.
    stale: bool,
}

/// A room that waits to be tried again.
struct Failed {
    wait: Duration,
    due: Instant,
}

impl Consumer {
    /// Begins to listen for events that `wanted` picks; `name` is `[a-z-]`, and names its positions.
    ///
    /// Events that are not wanted are given too, together with the next that is.
    pub fn start(hub: &Arc<Hub>, name: &str, wanted: fn(&Event) -> bool) -> Self {
        Self {
            hub: Arc::clone(hub),
            table: format!("cursor-{name}"),
            watch: hub.watch_for(wanted),
            positions: BTreeMap::new(),
            unsaved: BTreeSet::new(),
            news: BTreeSet::new(),
            backlog: VecDeque::new(),
            failed: BTreeMap::new(),
            listed: false,
            stale: true,
        }
    }

    /// Waits for a room with events to handle, and gives the number behind which they begin.
    ///
    /// Safe to cancel: a room that was not given comes with the next call.
    pub async fn next(&mut self) -> (RoomName, u64) {
        loop {
            while let Err(error) = self.read_positions().await {
                tracing::warn!(table = self.table, code = error.code(), "positions were not read");
                sleep(STORE_WAIT).await;
            }
            if let Some(room) = self.waiting() {
                let after = self.positions.get(&room).copied().unwrap_or(0);
                return (room, after);
            }
            self.save().await;
            let due = self.failed.values().map(|failed| failed.due).min();
            tokio::select! {
                rooms = self.watch.next() => self.news.extend(rooms),
                () = at(due) => {}
            }
        }
    }

    /// The fact that a room's events are handled up to a number; belongs into the step of what
    /// followed from them, before [`saved`](Self::saved).
    pub fn fact(&self, room: &RoomName, through: u64) -> Fact {
        let value = Some(through.to_be_bytes().to_vec());
        Fact { table: self.table.clone(), key: room.to_string(), value }
    }

    /// A room's [`fact`](Self::fact) is durable.
    pub fn saved(&mut self, room: &RoomName, through: u64) {
        self.positions.insert(room.clone(), through);
        self.unsaved.remove(room);
        self.failed.remove(room);
    }

    /// Nothing followed from a room's events up to a number; saved a while later.
    pub async fn skipped(&mut self, room: &RoomName, through: u64) {
        if self.positions.insert(room.clone(), through) != Some(through) {
            self.unsaved.insert(room.clone());
        }
        self.failed.remove(room);
        if self.unsaved.len() >= UNSAVED_MAX {
            self.save().await;
        }
    }

    /// A room could not be handled: it comes again after a while, longer with each time.
    pub fn failed(&mut self, room: RoomName) {
        // The store may have taken what it said it had not.
        self.stale = true;
        let (first, most) = RETRY;
        let wait = self.failed.get(&room).map_or(first, |failed| (failed.wait * 2).min(most));
        self.failed.insert(room, Failed { wait, due: Instant::now() + wait });
    }

    /// Makes all positions durable; what cannot be saved is read again after the next start.
    pub async fn save(&mut self) {
        let facts: Vec<Fact> = self
            .unsaved
            .iter()
            .filter_map(|room| Some(self.fact(room, *self.positions.get(room)?)))
            .collect();
        let Some(room) = self.unsaved.first().cloned() else { return };
        match self.hub.note(RoomId::first(room), facts).await {
            Ok(()) => self.unsaved.clear(),
            Err(error) => {
                tracing::warn!(table = self.table, code = error.code(), "positions were not saved");
            }
        }
    }

    /// The next room whose turn it is.
    fn waiting(&mut self) -> Option<RoomName> {
        let now = Instant::now();
        let news = self.news.pop_first().or_else(|| self.backlog.pop_front());
        news.or_else(|| {
            let (room, failed) = self.failed.iter_mut().find(|(_, failed)| failed.due <= now)?;
            // It stays on the list until it succeeds, and is not given twice meanwhile.
            failed.due = now + RETRY.1;
            Some(room.clone())
        })
    }

    /// Reads from the store what is not known, the first time with the rooms that have news.
    async fn read_positions(&mut self) -> Result<(), RoomError> {
        if !self.stale {
            return Ok(());
        }
        for (room, value) in self.hub.facts(&self.table).await? {
            let position = value.try_into().map(u64::from_be_bytes);
            if let (Ok(room), Ok(position)) = (room.parse::<RoomName>(), position) {
                let known = self.positions.entry(room).or_default();
                *known = position.max(*known);
            }
        }
        if !self.listed {
            for record in self.hub.list().await? {
                let position = self.positions.get(&record.id.name).copied().unwrap_or(0);
                if record.event_last > position {
                    self.backlog.push_back(record.id.name);
                }
            }
            self.listed = true;
        }
        self.stale = false;
        Ok(())
    }
}

/// Waits for an instant, or for ever.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
