//! A storage that stops whoever reads something, once, behind the reading: what happens in between is
//! the test's to say.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicU64, Ordering},
};

use chartroom_engine::{ActorId, DocumentId, Event, RoomId, RoomName};
use chartroom_server::storage::{
    Epoch, Memory, RoomBatch, RoomRecord, Storage, StorageError, StoredRoom,
};
use tokio::sync::Notify;

/// Who is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Of a fact of a table.
    Fact(String),
    /// Of a room's record.
    Room(RoomName),
    /// Of a whole room.
    Load(RoomName),
}

/// A memory that may hold a reader.
#[derive(Default)]
pub struct Hold {
    memory: Memory,
    wanted: Mutex<Option<Reading>>,
    held: Mutex<bool>,
    let_go: Condvar,
    reached: Notify,
    lookups: AtomicU64,
}

impl Hold {
    /// One that holds nobody.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Stops the next one who reads this.
    pub fn stop(&self, reading: Reading) {
        *self.held.lock().expect("nobody panics here") = true;
        *self.wanted.lock().expect("nobody panics here") = Some(reading);
    }

    /// Waits until somebody is held.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets go of who is held.
    pub fn release(&self) {
        *self.held.lock().expect("nobody panics here") = false;
        self.let_go.notify_all();
    }

    /// How often somebody looked up a patient's room, or what is known of one or of who stands to it.
    pub fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::SeqCst)
    }

    fn count(&self) {
        self.lookups.fetch_add(1, Ordering::SeqCst);
    }

    fn read(&self, reading: &Reading) {
        let is_it = {
            let mut wanted = self.wanted.lock().expect("nobody panics here");
            wanted.take_if(|wanted| wanted == reading).is_some()
        };
        if !is_it {
            return;
        }
        self.reached.notify_one();
        let held = self.held.lock().expect("nobody panics here");
        drop(self.let_go.wait_while(held, |held| *held).expect("nobody panics here"));
    }
}

impl Storage for Hold {
    fn commit(&self, batches: &[RoomBatch]) -> Result<(), StorageError> {
        self.memory.commit(batches)
    }

    fn rooms(&self) -> Result<Vec<RoomRecord>, StorageError> {
        self.memory.rooms()
    }

    fn room(&self, name: &RoomName) -> Result<Option<RoomRecord>, StorageError> {
        if !name.is_facility() {
            self.count();
        }
        let found = self.memory.room(name);
        self.read(&Reading::Room(name.clone()));
        found
    }

    fn room_of_document(&self, document: &DocumentId) -> Result<Option<RoomId>, StorageError> {
        self.count();
        self.memory.room_of_document(document)
    }

    fn load(&self, room: &RoomId) -> Result<Option<StoredRoom>, StorageError> {
        let found = self.memory.load(room);
        self.read(&Reading::Load(room.name.clone()));
        found
    }

    fn compact(&self, room: &RoomId, snapshot: &[u8], through: u64) -> Result<(), StorageError> {
        self.memory.compact(room, snapshot, through)
    }

    fn events(&self, room: &RoomId, after: u64, limit: usize) -> Result<Vec<Event>, StorageError> {
        self.memory.events(room, after, limit)
    }

    fn epochs(&self, name: &RoomName) -> Result<Vec<Epoch>, StorageError> {
        self.memory.epochs(name)
    }

    fn trim_events(&self, room: &RoomId, through: u64) -> Result<(), StorageError> {
        self.memory.trim_events(room, through)
    }

    fn facts(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.memory.facts(table)
    }

    fn fact(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        if ["member", "glass", "place", "moved", "patient"].contains(&table) {
            self.count();
        }
        let found = self.memory.fact(table, key);
        self.read(&Reading::Fact(table.to_owned()));
        found
    }

    fn facts_between(
        &self,
        table: &str,
        after: &str,
        through: &str,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.memory.facts_between(table, after, through, limit)
    }

    fn server_actor(&self, make: &dyn Fn() -> ActorId) -> Result<ActorId, StorageError> {
        self.memory.server_actor(make)
    }

    fn tend(&self) -> Result<(), StorageError> {
        self.memory.tend()
    }

    fn reopen(&self) -> Result<(), StorageError> {
        self.memory.reopen()
    }
}
