//! Other servers that rooms are synced with: who they are, what they may, and what rooms tell of them.
//!
//! Both ends of a link use this: the one that dialled (`peers`) and the one that was dialled
//! (`connection`). A room's task tells a link what happened by [`News`], which holds one entry a room
//! and so is bounded by the number of rooms.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use chartroom_engine::{Linked, RoomId, RoomName};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::RoomError;
use chartroom_engine::access::RoomPattern;

/// A room as another server may know it: its latest epoch, and a digest of its heads where known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomAt {
    /// The epoch.
    pub epoch: u32,
    /// [`heads_digest`](chartroom_engine::heads_digest) of its heads.
    pub heads: Option<[u8; 16]>,
}

/// Whether rooms of this name are synced between servers: what a facility projects from its rooms is
/// its own.
pub fn is_shared(room: &RoomName) -> bool {
    *room != RoomName::pharmacy() && *room != RoomName::alerts()
}

/// What a server may, as this one's operator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The rooms it may have.
    pub rooms: Vec<RoomPattern>,
    /// Whether changes from it are taken.
    pub may_write: bool,
}

impl Rights {
    /// Whether it may have a room.
    pub fn covers(&self, room: &RoomName) -> bool {
        is_shared(room) && self.rooms.iter().any(|pattern| pattern.matches(room))
    }
}

/// The far end of a link, as rooms see it.
#[derive(Debug)]
pub(crate) struct ServerEnd {
    /// The name by which it is known here.
    pub name: Arc<str>,
    /// What it may.
    pub rights: Rights,
    /// Whether this side dialled.
    pub opens: bool,
    /// When the two first met, in milliseconds since 1970.
    pub since_ms: u64,
    /// Whether it is a Chartroom server, which takes deflated messages.
    pub chartroom: bool,
    /// What rooms tell.
    pub news: Arc<News>,
}

impl ServerEnd {
    /// What a room is told of it.
    pub fn linked(&self) -> Linked {
        Linked {
            name: Arc::clone(&self.name),
            opens: self.opens,
            may_write: self.rights.may_write,
            extensions: self.chartroom,
            since_ms: self.since_ms,
        }
    }
}

/// What a room tells a link.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoomNews {
    /// A digest of the heads that are durable now, where there are new ones.
    pub heads: Option<[u8; 16]>,
    /// Changes that became durable.
    pub changes: u64,
    /// Whether the far end has exactly what the room has, where that changed, and a digest of the
    /// heads that the room had then.
    pub in_step: Option<(bool, [u8; 16])>,
    /// Changes that the far end has not said to have, as counted last.
    pub lacks: Option<u64>,
    /// Changes of the far end that were kept aside.
    pub quarantined: u64,
    /// The room cannot be entered.
    pub lost: Option<RoomError>,
}

/// News of rooms, until the link takes them.
#[derive(Debug, Default)]
pub(crate) struct News {
    rooms: Mutex<BTreeMap<RoomId, RoomNews>>,
    ready: Notify,
}

impl News {
    /// Adds to the news of a room.
    pub fn tell(&self, room: &RoomId, add: impl FnOnce(&mut RoomNews)) {
        let mut rooms = self.rooms.lock();
        match rooms.get_mut(room) {
            Some(news) => add(news),
            None => add(rooms.entry(room.clone()).or_default()),
        }
        drop(rooms);
        self.ready.notify_one();
    }

    /// Waits until there is news; gives all of it. For one waiter.
    pub async fn next(&self) -> BTreeMap<RoomId, RoomNews> {
        loop {
            let rooms = std::mem::take(&mut *self.rooms.lock());
            if !rooms.is_empty() {
                return rooms;
            }
            self.ready.notified().await;
        }
    }
}

/// Links that hear of every change.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<Vec<Weak<News>>>);

impl Listeners {
    pub fn add(&self, news: &Arc<News>) {
        self.0.lock().push(Arc::downgrade(news));
    }

    /// Says that changes of a room became durable.
    pub fn tell(&self, room: &RoomId, heads: [u8; 16], changes: u64) {
        self.0.lock().retain(|news| {
            let Some(news) = news.upgrade() else { return false };
            news.tell(room, |news| {
                news.heads = Some(heads);
                news.changes += changes;
            });
            true
        });
    }
}
