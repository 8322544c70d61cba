//! One connection in a room: its session, and the changes of its that wait or were refused.

use std::collections::{BTreeMap, BTreeSet};
#[cfg(not(target_arch = "wasm32"))]
use std::sync::Arc;

use automerge::{Change, ChangeHash};

use super::linked::Link;
#[cfg(not(target_arch = "wasm32"))]
use crate::access::Access;
use crate::{Author, CloseReason, change::frame, document::Document, limits, sync::Session};

/// A member of a room.
#[derive(Debug)]
pub(super) struct Member {
    /// Who is signed in on it; `None` for the server that a client dials.
    pub author: Option<Author>,
    /// Whether changes from it are taken.
    pub may_write: bool,
    /// What it may do, where that is not everything.
    #[cfg(not(target_arch = "wasm32"))]
    pub access: Option<Arc<Access>>,
    /// Whether it understands Chartroom's extension messages.
    pub extensions: bool,
    /// The server that it is, where it is one.
    pub link: Option<Link>,
    pub session: Session,
    /// Hashes that were refused and are neither taken nor asked for again.
    pub refused: BTreeSet<ChangeHash>,
    pub orphans: Vec<Orphan>,
    /// Until when those may wait that are being tried again.
    deadlines: BTreeMap<ChangeHash, u64>,
}

/// A change whose dependencies are not here yet.
#[derive(Debug, Clone)]
pub(super) struct Orphan {
    change: Change,
    deadline_ms: u64,
}

impl Member {
    pub fn new(author: Option<Author>, may_write: bool, extensions: bool) -> Self {
        Self {
            author,
            may_write,
            #[cfg(not(target_arch = "wasm32"))]
            access: None,
            extensions,
            link: None,
            session: Session::default(),
            refused: BTreeSet::new(),
            orphans: Vec::new(),
            deadlines: BTreeMap::new(),
        }
    }

    /// With what it may do from now on.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn granted(self, access: Arc<Access>) -> Self {
        Self { access: Some(access), ..self }
    }

    /// What it has where it is another server. The browser module has no such members, and is built
    /// without what is done for them.
    pub fn server(&self) -> Option<&Link> {
        self.link.as_ref().filter(|_| cfg!(not(target_arch = "wasm32")))
    }

    /// This side dialled, so its session opens the exchange.
    pub fn dialled(&mut self) {
        self.session = Session::opening();
    }

    /// Takes a sync message in and gives its chunks.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, CloseReason> {
        let mut message = frame::decode(bytes)?;
        self.session.receive(&mut message);
        Ok(message.changes.iter().map(<[u8]>::to_vec).collect())
    }

    /// Keeps changes until their dependencies come, and none longer because it was tried again; gives
    /// those that there is no room for.
    pub fn keep(&mut self, now_ms: u64, changes: Vec<Change>) -> Vec<Change> {
        let deadlines = std::mem::take(&mut self.deadlines);
        let (mut held, mut over) = (0, Vec::new());
        for change in changes {
            held += change.raw_bytes().len();
            if held > limits::ORPHAN_BYTES_MAX {
                over.push(change);
            } else {
                let known = deadlines.get(&change.hash()).copied();
                let deadline_ms = known.unwrap_or(now_ms + limits::ORPHAN_WAIT_MS);
                self.orphans.push(Orphan { change, deadline_ms });
            }
        }
        over
    }

    /// Takes out the changes that wait, to be tried again.
    pub fn take_orphans(&mut self) -> Vec<Change> {
        let orphans = std::mem::take(&mut self.orphans);
        let deadlines = orphans.iter().map(|orphan| (orphan.change.hash(), orphan.deadline_ms));
        self.deadlines.extend(deadlines);
        orphans.into_iter().map(|orphan| orphan.change).collect()
    }

    /// Changes that waited too long; they are dropped.
    pub fn expired(&mut self, now_ms: u64) -> Vec<Change> {
        self.orphans
            .extract_if(.., |orphan| orphan.deadline_ms <= now_ms)
            .map(|orphan| orphan.change)
            .collect()
    }

    /// The dependencies that waiting changes lack.
    pub fn wanted(&self, document: &Document) -> BTreeSet<ChangeHash> {
        if self.orphans.is_empty() {
            return BTreeSet::new();
        }
        let waiting: BTreeSet<ChangeHash> =
            self.orphans.iter().map(|orphan| orphan.change.hash()).collect();
        self.orphans
            .iter()
            .flat_map(|orphan| orphan.change.deps())
            .filter(|hash| !waiting.contains(hash) && !document.has(hash))
            .copied()
            .collect()
    }

    /// Remembers a refused hash; beyond the limit the oldest memory is given up.
    pub fn remember_refused(&mut self, hash: ChangeHash) {
        if self.refused.len() >= limits::REFUSED_MAX {
            self.refused.clear();
        }
        self.refused.insert(hash);
    }
}
