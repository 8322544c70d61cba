//! Messages that several members are sent: encoded once for all of them.
//!
//! The invariant: everything here is of durable heads. A session is polled, and a snapshot saved,
//! only of a document that is settled.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use automerge::{
    ChangeHash,
    sync::{BloomFilter, Have},
};

use super::{Session, answer};
use crate::{
    document::{Document, Snapshot},
    limits::{SLICE_BYTES_MAX, SNAPSHOT_TAIL_BYTES_MAX},
};

/// Messages of one round, each encoded once, and what those are sent who have nothing.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// For those who take chunks one by one.
    apart: Pushes,
    /// For those who take them together.
    together: Pushes,
    /// What those answer who have the heads of this round.
    answer: Option<(Vec<ChangeHash>, Arc<[u8]>)>,
    /// The batches that were applied last, the newest at the end; each begins where the one before it
    /// ended.
    recent: VecDeque<Round>,
    first: Option<FirstSync>,
}

/// By what the peer has.
type Pushes = BTreeMap<Vec<ChangeHash>, Arc<[u8]>>;

/// A batch: the heads that it was applied to, and its changes as they came. A document would put them
/// together again from its operations.
#[derive(Debug)]
struct Round {
    to: Vec<ChangeHash>,
    chunks: Vec<Arc<[u8]>>,
}

/// Batches that are kept for members who have everything before them.
const RECENT_MAX: usize = 8;

impl Outbox {
    /// With the snapshot of a document that was loaded.
    pub fn new(snapshot: Option<Snapshot>) -> Self {
        Self { first: snapshot.map(FirstSync::from), ..Self::default() }
    }

    /// A batch was applied to a document with these heads, and is durable.
    pub fn applied(&mut self, to: Vec<ChangeHash>, chunks: Vec<Arc<[u8]>>) {
        self.recent.push_back(Round { to, chunks });
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Sends this snapshot from now on.
    pub fn renew(&mut self, snapshot: Snapshot) {
        self.first = Some(snapshot.into());
    }

    /// Whether what newcomers are sent is worth another snapshot.
    pub fn is_outgrown(&self) -> bool {
        self.first.as_ref().is_some_and(FirstSync::is_outgrown)
    }

    /// Bytes that are kept for newcomers.
    pub fn kept_bytes(&self) -> usize {
        self.first.as_ref().map_or(0, FirstSync::bytes)
    }

    /// Forgets the round's messages; what newcomers are sent stays.
    pub fn end_round(&mut self) {
        self.apart.clear();
        self.together.clear();
        self.answer = None;
    }

    /// What those answer who have these heads.
    pub(super) fn answer(&mut self, heads: &[ChangeHash]) -> Option<Arc<[u8]>> {
        if self.answer.as_ref().is_none_or(|(of, _)| of != heads) {
            self.answer = Some((heads.to_vec(), answer::body(heads)?));
        }
        self.answer.as_ref().map(|(_, body)| Arc::clone(body))
    }

    /// Forgets what is quickly made again when somebody comes.
    pub fn rest(&mut self) {
        self.recent.clear();
        if let Some(first) = &mut self.first {
            first.message = None;
        }
    }

    /// Everything that a peer lacks which needs no filter and asked for nothing. A peer that never
    /// heard from us and has nothing is sent a snapshot; one that was there when the room was empty
    /// is sent the changes, whose events it wants.
    pub(super) fn push(
        &mut self,
        session: &Session,
        document: &Document,
        heads: &[ChangeHash],
    ) -> Arc<[u8]> {
        let Session { known, takes_chunks, .. } = session;
        let has_nothing = known.is_empty() || *known == [document.genesis()];
        // The browser module serves nobody, and is built without what serves newcomers.
        let serves = cfg!(not(target_arch = "wasm32")) && !session.trusts;
        let is_new = serves && has_nothing && session.told.is_none() && *takes_chunks;
        if is_new && !document.is_founded_only() {
            let first = self.first.get_or_insert_with(|| document.snapshot().into());
            return first.message(session, document, heads);
        }
        if let Some(message) = self.pushes(*takes_chunks).get(&**known) {
            return Arc::clone(message);
        }
        let chunks = match known == heads {
            true => Vec::new(),
            false => self.chunks_since(document, known),
        };
        let message = encode(session, heads, chunks);
        self.pushes(*takes_chunks).insert(known.clone(), Arc::clone(&message));
        message
    }

    /// Whether what a peer lacks that has everything up to these heads is at hand, and short.
    pub(super) fn reaches(&self, known: &[ChangeHash]) -> bool {
        let first = self.recent.iter().position(|batch| batch.to == known);
        first.is_some_and(|first| {
            let chunks = self.recent.iter().skip(first).flat_map(|batch| &batch.chunks);
            chunks.map(|chunk| chunk.len()).sum::<usize>() <= SLICE_BYTES_MAX
        })
    }

    fn pushes(&mut self, together: bool) -> &mut Pushes {
        if together { &mut self.together } else { &mut self.apart }
    }

    /// The changes that are not ancestors of `known`, in the order of the log.
    fn chunks_since(&self, document: &Document, known: &[ChangeHash]) -> Vec<Vec<u8>> {
        // The browser module has one peer, and is built without this.
        if cfg!(not(target_arch = "wasm32"))
            && let Some(first) = self.recent.iter().position(|batch| batch.to == known)
        {
            let chunks = self.recent.iter().skip(first).flat_map(|batch| &batch.chunks);
            return chunks.map(|chunk| chunk.to_vec()).collect();
        }
        document.chunks_since(known)
    }
}

/// What somebody is sent who has nothing: a snapshot and the changes behind it.
#[derive(Debug)]
struct FirstSync {
    snapshot: Snapshot,
    tail: Vec<u8>,
    /// The heads that snapshot and tail reach.
    heads: Vec<ChangeHash>,
    message: Option<Arc<[u8]>>,
}

impl From<Snapshot> for FirstSync {
    fn from(snapshot: Snapshot) -> Self {
        Self { heads: snapshot.heads.clone(), tail: Vec::new(), message: None, snapshot }
    }
}

impl FirstSync {
    /// The message, encoded once for all who come before the document changes.
    fn message(
        &mut self,
        session: &Session,
        document: &Document,
        heads: &[ChangeHash],
    ) -> Arc<[u8]> {
        self.reach(document, heads);
        let Self { snapshot, tail, .. } = self;
        let message = self.message.get_or_insert_with(|| {
            encode(session, heads, vec![snapshot.bytes.to_vec(), tail.clone()])
        });
        Arc::clone(message)
    }

    fn reach(&mut self, document: &Document, heads: &[ChangeHash]) {
        if self.heads == heads {
            return;
        }
        self.message = None;
        self.tail.extend(document.chunks_since(&self.heads).concat());
        self.heads = heads.to_vec();
        // A snapshot on its way is waited for, unless newcomers were sent far more than they need.
        if self.tail.len() > self.snapshot.bytes.len() + 4 * SNAPSHOT_TAIL_BYTES_MAX {
            *self = document.snapshot().into();
        }
    }

    fn is_outgrown(&self) -> bool {
        self.snapshot.is_outgrown(self.tail.len())
    }

    fn bytes(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| message.len());
        self.snapshot.bytes.len() + self.tail.len() + message
    }
}

fn encode(session: &Session, heads: &[ChangeHash], chunks: Vec<Vec<u8>>) -> Arc<[u8]> {
    // After applying this message the peer has our heads.
    let have = Have { last_sync: heads.to_vec(), bloom: BloomFilter::default() };
    session.encode(heads, Vec::new(), vec![have], chunks)
}
