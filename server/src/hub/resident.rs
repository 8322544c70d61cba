//! What loaded rooms cost in memory, and which of them go when that is too much.
//!
//! A room's cost is estimated from what is known without walking it. Each room's task says what it
//! costs, when it was last used and who is shown in it; the hub reads all three without asking it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chartroom_engine::{Author, Room};
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

use super::Rooms;

/// A room with next to nothing in it: its task, its mailbox, its maps.
const ROOM_BYTES: u64 = 48 * 1024;
/// An operation with its value.
const OPERATION_BYTES: u64 = 80;
/// A change: its account, and its places in our index and automerge's.
const CHANGE_BYTES: u64 = 350;
/// A member: its session and what it was last told.
const MEMBER_BYTES: u64 = 2 * 1024;
/// A WebSocket: its tasks, its buffers, its queue while nothing waits in it, and the system's part left
/// out. What the server grows by with each of 1,000 readers of one room (docs/performance/figures.md),
/// less what a member costs.
pub(crate) const CONNECTION_BYTES: u64 = 16 * 1024;

/// Bytes that a room costs, members and what waits for them left out.
///
/// The factors are those of `examples/resident.rs`, which prints what this says beside what the
/// process grew by (docs/operations.md has a run of it).
pub fn room_bytes(room: &Room) -> u64 {
    let document = room.document();
    let document = document.ops() * OPERATION_BYTES + document.change_count() * CHANGE_BYTES;
    ROOM_BYTES + room.documents() * document + room.snapshot_bytes() as u64
}

/// One loaded room's cost, and when it was last used; counted in the sum of all until it is dropped.
#[derive(Debug)]
pub(super) struct Resident {
    bytes: AtomicU64,
    used: AtomicU64,
    present: Mutex<Vec<Author>>,
    sum: Gauge,
}

impl Resident {
    pub fn new(sum: Gauge) -> Self {
        Self { bytes: AtomicU64::new(0), used: AtomicU64::new(0), present: Mutex::default(), sum }
    }

    /// Somebody asks something of the room; numbers grow from one use of any room to the next.
    pub fn used(&self, number: u64) {
        self.used.store(number, Ordering::Relaxed);
    }

    /// What the room costs now, with so many in it.
    pub fn measure(&self, room: &Room, members: usize) {
        self.set(room_bytes(room) + members as u64 * MEMBER_BYTES);
    }

    /// Who is shown in the room from now on.
    pub fn show(&self, people: Vec<Author>) {
        *self.present.lock() = people;
    }

    /// Who is shown in the room.
    pub fn present(&self) -> Vec<Author> {
        self.present.lock().clone()
    }

    fn set(&self, bytes: u64) {
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        self.sum.inc_by(bytes.cast_signed() - before.cast_signed());
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Rooms {
    /// Has rooms go that nobody holds, the longest unused first, as many as cost `excess` bytes.
    pub fn evict(&self, excess: u64) {
        let unused = self.loaded.values().filter(|handle| Arc::strong_count(handle) == 1);
        let mut unused: Vec<_> = unused.collect();
        unused.sort_by_key(|handle| handle.resident.used.load(Ordering::Relaxed));
        let mut freed = 0;
        for handle in unused {
            if freed >= excess {
                break;
            }
            freed += handle.resident.bytes.load(Ordering::Relaxed);
            handle.unload();
        }
    }
}
