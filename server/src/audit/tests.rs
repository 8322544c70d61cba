#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

mod keys;
mod tampering;
mod writing;

use std::sync::Arc;

use chartroom_engine::Author;

use super::*;
use crate::storage::{Memory, Storage};

/// A store with a trail, and what writes it.
struct Trail {
    memory: Arc<Memory>,
    audit: Arc<Audit>,
    scribe: Scribe,
}

impl Trail {
    fn new() -> Self {
        Self::over(Arc::new(Memory::new()), SigningKey::of_memory())
    }

    fn over(memory: Arc<Memory>, key: SigningKey) -> Self {
        let audit = Audit::holding(key, 1024 * 1024);
        let scribe = Scribe::open(&*memory, Arc::clone(&audit)).unwrap();
        Self { memory, audit, scribe }
    }

    /// Blocks of three entries each, and a checkpoint behind the last.
    fn of_blocks(blocks: u64) -> Self {
        let mut trail = Self::new();
        for block in 0..blocks {
            for n in 1..=3 {
                trail.audit.note(read(block * 3 + n));
            }
            trail.write();
        }
        trail.close();
        trail
    }

    /// Commits what was noted.
    fn write(&mut self) {
        let batch = self.scribe.draw();
        self.commit(batch);
    }

    /// Commits what was noted, and a checkpoint.
    fn close(&mut self) {
        let batch = self.scribe.draw_last();
        self.commit(batch);
    }

    fn commit(&mut self, batch: Option<crate::storage::RoomBatch>) {
        self.memory.commit(&Vec::from_iter(batch)).unwrap();
        self.scribe.written();
    }

    /// What the trail is compared with.
    fn expected(&self) -> Expected {
        let keys = vec![self.audit.key.public()];
        Expected { keys, ..expected(&*self.memory).unwrap() }
    }

    fn verify(&self) -> Result<Whole, Fault> {
        verify(Blocks::of(&*self.memory), &self.expected())
    }

    fn blocks(&self) -> Vec<(u64, Vec<u8>)> {
        Blocks::of(&*self.memory).collect::<Result<_, _>>().unwrap()
    }
}

fn read(n: u64) -> Entry {
    let alice = Author::new("alice", "Alice");
    Entry::of(&alice, Act::Read).via(Door::Http).resource("Condition", &format!("c{n}"))
}

fn whole(entries: u64, checkpoints: u64) -> Whole {
    Whole { entries, checkpoints, ..Whole::default() }
}
