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

/// Messages that may wait for one reader.
pub const OUTBOX_MAX: usize = 256;

/// Rooms by name; a room stays for as long as the process, since few bytes are in it.
#[derive(Default)]
pub struct Rooms(Mutex<HashMap<String, Arc<Room>>>);

/// The connections of one room.
#[derive(Default)]
struct Room {
    members: Mutex<Arc<Vec<Member>>>,
    joined: AtomicU64,
}

/// One connection as the others see it.
#[derive(Clone)]
struct Member {
    id: u64,
    outbox: mpsc::Sender<Bytes>,
}

/// A place in a room, held until it is dropped.
pub struct Seat {
    room: Arc<Room>,
    id: u64,
    outbox: mpsc::Sender<Bytes>,
}

impl Rooms {
    /// Takes a seat in the room of that name, with what the room will say to it.
    pub fn join(&self, name: String) -> (Seat, mpsc::Receiver<Bytes>) {
        let room = Arc::clone(self.0.lock().entry(name).or_default());
        let id = room.joined.fetch_add(1, Ordering::Relaxed);
        let (outbox, outgoing) = mpsc::channel(OUTBOX_MAX);
        let member = Member { id, outbox: outbox.clone() };
        Arc::make_mut(&mut *room.members.lock()).push(member);
        (Seat { room, id, outbox }, outgoing)
    }
}

impl Seat {
    /// Says something to the seat itself.
    pub async fn hear(&self, message: Bytes) {
        // A queue that is closed is one whose socket has gone.
        let _ = self.outbox.send(message).await;
    }

    /// Says something to everybody else in the room.
    pub async fn tell(&self, message: &Bytes) {
        let members = Arc::clone(&self.room.members.lock());
        for member in members.iter().filter(|member| member.id != self.id) {
            let _ = member.outbox.send(message.clone()).await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        Arc::make_mut(&mut *self.room.members.lock()).retain(|member| member.id != self.id);
    }
}
