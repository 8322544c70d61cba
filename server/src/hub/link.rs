//! The far end of one joined connection, as rooms see it.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::{Closing, Outbox, neighbours::ServerEnd};
use crate::{
    limits::Patience,
    wire::frame::{ChartroomMetadata, Frame, encode},
};

/// Where a room sends what a peer is to hear.
#[derive(Debug)]
pub(crate) struct Link {
    /// The id that the peer chose.
    pub peer_id: String,
    /// The id of the person behind it; empty where it is another server.
    pub person: String,
    /// The address that it comes from.
    pub from: Option<IpAddr>,
    /// Whether it understands Chartroom's extension messages.
    pub extensions: bool,
    /// Whether it takes long sync messages in parts.
    pub parts: bool,
    /// What it is, where it is another server.
    pub server: Option<ServerEnd>,
    /// What waits for its socket.
    pub outbox: Arc<Outbox>,
    heads_wanted: AtomicBool,
    patience: Mutex<Patience>,
}

impl Link {
    /// A peer that has just joined.
    pub fn new(
        peer_id: String,
        extensions: Option<ChartroomMetadata>,
        outbox: Arc<Outbox>,
    ) -> Self {
        let (heads_wanted, patience) = (AtomicBool::new(false), Mutex::new(Patience::new()));
        let parts = extensions.as_ref().is_some_and(|extensions| extensions.parts);
        let (extensions, server) = (extensions.is_some(), None);
        let (person, from) = (String::new(), None);
        Self { peer_id, person, from, extensions, parts, server, outbox, heads_wanted, patience }
    }

    /// The same, of a person at an address.
    pub fn of(self, person: String, from: Option<IpAddr>) -> Self {
        Self { person, from, ..self }
    }

    /// Another server, at the far end of a link.
    pub fn to_server(peer_id: String, server: ServerEnd, outbox: Arc<Outbox>) -> Self {
        let extensions = server.chartroom;
        Self { extensions, server: Some(server), ..Self::new(peer_id, None, outbox) }
    }

    /// Whether the peer wants to hear which heads this server's storage has.
    pub fn heads_wanted(&self) -> bool {
        self.heads_wanted.load(Ordering::Relaxed)
    }

    /// Subscribes the peer to, or from, this server's heads.
    pub fn want_heads(&self, wanted: bool) {
        self.heads_wanted.store(wanted, Ordering::Relaxed);
    }

    /// Changes of the peer were refused; it may be one too many. Those of another server are kept aside
    /// instead, which is bounded in its own way.
    pub fn refused(&self, count: usize) -> Result<(), Closing> {
        if self.server.is_some() {
            return Ok(());
        }
        self.patience.lock().refused(count)
    }

    /// How long to wait before the peer's next change is heard, after many that were refused.
    pub fn wait(&self) -> Duration {
        self.patience.lock().wait()
    }

    /// A message of the peer came to nothing; it may be one too many.
    pub fn mistake(&self) -> Result<(), Closing> {
        self.patience.lock().mistake()
    }

    /// Tells the peer why, then ends its connection.
    pub fn fail(&self, us: &str, closing: Closing) {
        fail(&self.outbox, us, Some(&self.peer_id), closing);
    }

    /// Queues a frame.
    pub fn send(&self, frame: &Frame) {
        self.outbox.push(encode(frame).into());
    }
}

/// Tells a peer, which may not have said who it is, why its connection ends, and ends it.
pub(super) fn fail(outbox: &Outbox, us: &str, peer_id: Option<&str>, closing: Closing) {
    let frame = Frame::Error {
        sender: Some(us.to_owned()),
        target: peer_id.map(str::to_owned),
        code: closing.limit.map(|limit| limit.code().to_owned()),
        message: closing.message.clone().into_owned(),
    };
    outbox.push(encode(&frame).into());
    outbox.close(closing);
}
