//! The far end of one joined connection, as rooms see it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::wire::frame::{Frame, encode};

use super::Outbox;

/// Where a room sends what a peer is to hear.
#[derive(Debug)]
pub(crate) struct Link {
    /// The id that the peer chose.
    pub peer_id: String,
    /// Whether it understands Chartroom's extension messages.
    pub extensions: bool,
    /// What waits for its socket.
    pub outbox: Arc<Outbox>,
    heads_wanted: AtomicBool,
}

impl Link {
    /// A peer that has just joined.
    pub fn new(peer_id: String, extensions: bool, outbox: Arc<Outbox>) -> Self {
        Self { peer_id, extensions, outbox, heads_wanted: AtomicBool::new(false) }
    }

    /// Whether the peer wants to hear which heads this server's storage has.
    pub fn heads_wanted(&self) -> bool {
        self.heads_wanted.load(Ordering::Relaxed)
    }

    /// Subscribes the peer to, or from, this server's heads.
    pub fn want_heads(&self, wanted: bool) {
        self.heads_wanted.store(wanted, Ordering::Relaxed);
    }

    /// Queues a frame.
    pub fn send(&self, frame: &Frame) {
        self.outbox.push(encode(frame).into());
    }
}
