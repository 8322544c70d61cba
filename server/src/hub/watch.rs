//! Hearing which rooms have new events, whoever writes them: bounded by the number of rooms.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
};

use chartroom_engine::{Event, RoomName};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Rooms with new events that its owner has not heard of.
#[derive(Clone)]
pub struct Watch(Arc<News>);

struct News {
    wanted: Box<dyn Fn(&Event) -> bool + Send + Sync>,
    rooms: Mutex<BTreeSet<RoomName>>,
    ready: Notify,
}

impl Watch {
    /// Waits until there is news; gives all of it, never none. For one waiter.
    pub async fn next(&self) -> BTreeSet<RoomName> {
        loop {
            let rooms = std::mem::take(&mut *self.0.rooms.lock());
            if !rooms.is_empty() {
                return rooms;
            }
            self.0.ready.notified().await;
        }
    }

    /// Adds a room, as one that has to be visited again.
    pub fn mark(&self, room: RoomName) {
        self.0.rooms.lock().insert(room);
        self.0.ready.notify_one();
    }
}

/// Everybody who watches.
#[derive(Default)]
pub(super) struct Watchers(Mutex<Vec<Weak<News>>>);

impl Watchers {
    pub fn watch(&self, wanted: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Watch {
        let (wanted, rooms, ready) = (Box::new(wanted), Mutex::default(), Notify::new());
        let watch = Watch(Arc::new(News { wanted, rooms, ready }));
        self.0.lock().push(Arc::downgrade(&watch.0));
        watch
    }

    /// Says that a room has new events.
    pub fn tell(&self, room: &RoomName, events: &[Arc<Event>]) {
        self.0.lock().retain(|news| {
            let Some(news) = news.upgrade() else { return false };
            if events.iter().any(|event| (news.wanted)(event)) {
                Watch(news).mark(room.clone());
            }
            true
        });
    }
}
