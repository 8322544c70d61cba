//! Who is in which room. A message takes a snapshot of the room, so sending holds no lock.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::body::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// Rooms by name; a room stays for as long as the process, since few bytes are in it.
#[derive(Default)]
pub struct Rooms(Mutex<HashMap<String, Arc<Room>>>);

/// The connections of one room.
#[derive(Default)]
pub struct Room {
    members: Mutex<Arc<Vec<Member>>>,
    joined: AtomicU64,
}

/// One connection as the others see it.
#[derive(Clone)]
pub struct Member {
    pub id: u64,
    pub outbox: mpsc::Sender<Bytes>,
}

impl Rooms {
    /// The room of that name.
    pub fn room(&self, name: String) -> Arc<Room> {
        Arc::clone(self.0.lock().entry(name).or_default())
    }
}

impl Room {
    /// Takes a connection in and names it.
    pub fn join(&self, outbox: mpsc::Sender<Bytes>) -> u64 {
        let id = self.joined.fetch_add(1, Ordering::Relaxed);
        Arc::make_mut(&mut *self.members.lock()).push(Member { id, outbox });
        id
    }

    /// Lets a connection go.
    pub fn leave(&self, id: u64) {
        Arc::make_mut(&mut *self.members.lock()).retain(|member| member.id != id);
    }

    /// Everybody who is in the room now.
    pub fn members(&self) -> Arc<Vec<Member>> {
        Arc::clone(&self.members.lock())
    }
}
