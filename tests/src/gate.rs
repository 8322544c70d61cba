//! A storage that keeps one room from being written, as a crash between two rooms' commits does, and
//! its list of rooms from being read, as if it were endless.

use std::sync::{Arc, Mutex, RwLock, RwLockWriteGuard};

use chartroom_engine::{ActorId, DocumentId, Event, RoomId, RoomName};
use chartroom_server::storage::{
    Epoch, Memory, RoomBatch, RoomRecord, Storage, StorageError, StoredRoom,
};

/// What becomes of commits that hold the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// They are written.
    Open,
    /// They fail.
    Lost,
    /// They are written and reported to have failed.
    Unheard,
}

/// A memory with a gate before one room, and one before the list of rooms.
pub struct Gate {
    memory: Arc<Memory>,
    room: RoomName,
    passage: Mutex<Passage>,
    list: RwLock<()>,
    loaded: Mutex<Vec<RoomId>>,
}

impl Gate {
    /// An open gate before a room of a store.
    pub fn new(memory: Arc<Memory>, room: RoomName) -> Self {
        let (passage, list) = (Mutex::new(Passage::Open), RwLock::new(()));
        Self { memory, room, passage, list, loaded: Mutex::default() }
    }

    /// Lets nobody list the rooms until this is dropped.
    pub fn hold_list(&self) -> RwLockWriteGuard<'_, ()> {
        self.list.write().expect("nobody panics here")
    }

    /// The rooms that were loaded so far.
    pub fn loaded(&self) -> Vec<RoomId> {
        self.loaded.lock().expect("nobody panics here").clone()
    }

    /// Sets what becomes of commits from now on.
    pub fn set(&self, passage: Passage) {
        *self.passage.lock().expect("nobody panics here") = passage;
    }
}

impl Storage for Gate {
    fn commit(&self, batches: &[RoomBatch]) -> Result<(), StorageError> {
        let passage = *self.passage.lock().expect("nobody panics here");
        let concerned = batches.iter().find(|batch| batch.room.name == self.room);
        let (Some(batch), true) = (concerned, passage != Passage::Open) else {
            return self.memory.commit(batches);
        };
        if passage == Passage::Unheard {
            self.memory.commit(batches)?;
        }
        // An error of this room alone, so that the others' batches are written.
        Err(StorageError::Refused { room: batch.room.clone(), reason: "the gate is closed" })
    }

    fn rooms(&self) -> Result<Vec<RoomRecord>, StorageError> {
        let _passed = self.list.read().expect("nobody panics here");
        self.memory.rooms()
    }

    fn room(&self, name: &RoomName) -> Result<Option<RoomRecord>, StorageError> {
        self.memory.room(name)
    }

    fn room_of_document(&self, document: &DocumentId) -> Result<Option<RoomId>, StorageError> {
        self.memory.room_of_document(document)
    }

    fn load(&self, room: &RoomId) -> Result<Option<StoredRoom>, StorageError> {
        self.loaded.lock().expect("nobody panics here").push(room.clone());
        self.memory.load(room)
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
        self.memory.fact(table, key)
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
