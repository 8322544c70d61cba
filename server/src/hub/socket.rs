//! Open sockets of any kind: closed when the server closes, and told what other clients say.
//!
//! What a client says to the others in a patient's room is no event of the log: it goes at once to
//! those who hear that room now, and to nobody whose queue is full.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use chartroom_engine::RoomName;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Closing, Hub, Outbox};
use crate::limits::{Limit, Limits};

/// The outboxes, by socket, of those who hear each room.
pub(super) type Listeners = Mutex<BTreeMap<RoomName, BTreeMap<u64, Arc<Outbox>>>>;

/// How many more sockets may be opened.
pub(super) struct Places {
    all: Arc<Semaphore>,
    unjoined: Arc<Semaphore>,
}

impl Places {
    pub fn new(limits: &Limits) -> Self {
        let places = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Self {
            all: places(limits.connections_max),
            unjoined: places(limits.connections_unjoined_max),
        }
    }
}

/// A place for one socket, free again when this is dropped.
pub(crate) struct Place {
    _all: OwnedSemaphorePermit,
    /// Held until the peer says who it is.
    unjoined: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// A place for a socket that needs not say who it is.
    pub fn take(hub: &Hub) -> Result<Self, Limit> {
        let all = Arc::clone(&hub.places.all).try_acquire_owned();
        let _all = all.map_err(|_| hub.exceeded(Limit::Connections))?;
        Ok(Self { _all, unjoined: None })
    }

    /// A place for a socket that has to join.
    pub fn take_to_join(hub: &Hub) -> Result<Self, Limit> {
        let unjoined = Arc::clone(&hub.places.unjoined).try_acquire_owned();
        let unjoined = unjoined.map_err(|_| hub.exceeded(Limit::ConnectionsUnjoined))?;
        Ok(Self { unjoined: Some(unjoined), ..Self::take(hub)? })
    }

    /// The peer has said who it is.
    pub fn joined(&mut self) {
        self.unjoined = None;
    }
}

/// The server's end of one socket; the hub knows it while this exists.
pub(crate) struct Socket {
    hub: Arc<Hub>,
    number: u64,
    outbox: Arc<Outbox>,
    hears: BTreeSet<RoomName>,
}

impl Socket {
    /// A socket that was just accepted.
    pub fn open(hub: Arc<Hub>) -> Self {
        let exceeded = hub.metrics.exceeded.clone();
        let outbox = Arc::new(Outbox::new(hub.config.queue_bytes, exceeded));
        let number = hub.next_number();
        hub.sockets.lock().insert(number, Arc::clone(&outbox));
        hub.metrics.connections.inc();
        if hub.rooms.lock().closed {
            outbox.close(Closing::going_away());
        }
        Self { hub, number, outbox, hears: BTreeSet::new() }
    }

    /// What waits to be written.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// From now on gets exactly what is said in these rooms.
    pub fn hear(&mut self, rooms: BTreeSet<RoomName>) {
        let mut listeners = self.hub.listeners.lock();
        for room in self.hears.difference(&rooms) {
            if let Some(sockets) = listeners.get_mut(room) {
                sockets.remove(&self.number);
                if sockets.is_empty() {
                    listeners.remove(room);
                }
            }
        }
        for room in rooms.difference(&self.hears) {
            let sockets = listeners.entry(room.clone()).or_default();
            sockets.insert(self.number, Arc::clone(&self.outbox));
        }
        drop(listeners);
        self.hears = rooms;
    }

    /// Says something to the others who hear a room.
    pub fn say(&self, room: &RoomName, frame: &Bytes) {
        let listeners = self.hub.listeners.lock();
        for (number, outbox) in listeners.get(room).into_iter().flatten() {
            if *number != self.number && outbox.has_space() {
                outbox.push(frame.clone());
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.hear(BTreeSet::new());
        self.hub.sockets.lock().remove(&self.number);
        self.hub.metrics.connections.dec();
        self.hub.socket_closed.notify_one();
    }
}
