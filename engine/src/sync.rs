//! One peer's session: Automerge's sync messages, spoken from heads.
//!
//! Wire-compatible with `automerge::sync`, and cheaper: where the peer's heads are known, the
//! difference is exact and no Bloom filter is built; an acknowledgement costs a comparison of heads;
//! members in step get the same bytes. A session answers only what it is asked and what is new, so
//! a peer that offers the same refused change for ever gets no second answer.
//! Heads that a session speaks are durable: the room polls it only with everything persisted.

mod answer;
mod outbox;
mod slices;

use std::{collections::BTreeSet, sync::Arc};

use automerge::{
    Change, ChangeHash, ChangeMetadata,
    sync::{BloomFilter, ChunkList, Have, Message, MessageFlags, MessageVersion},
};

pub use answer::Answer;
pub(crate) use outbox::Outbox;
use slices::Slices;

use crate::{document::Document, limits};

/// The state of one exchange. The transport below it delivers in order or breaks.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Heads that the peer last spoke; `None` until it spoke.
    their_heads: Option<Vec<ChangeHash>>,
    /// Whether all of these are in our document, and in `known` or behind it.
    heads_known: bool,
    /// What the peer has once everything sent to it arrives, as heads in our document.
    known: Vec<ChangeHash>,
    /// The heads that the peer last heard from us.
    told: Option<Vec<ChangeHash>>,
    /// The peer's filter of what it has, until it is answered.
    their_have: Option<Have>,
    /// Changes that the peer asked for by hash.
    their_need: Vec<ChangeHash>,
    /// Hashes that were asked of the peer once and are not asked for again.
    asked: BTreeSet<ChangeHash>,
    /// Whether the peer takes several chunks in one element, snapshots among them.
    takes_chunks: bool,
    /// Whether this side opens the exchange: the one that dialled does.
    opens: bool,
    /// Whether this side trusts the other, and takes snapshots from it: a client does.
    trusts: bool,
    /// Between servers a long difference goes in slices.
    slices: Option<Slices>,
    /// Whether the last one that came is not the end.
    more_comes: bool,
}

/// What the room adds to a session's own state when it polls it.
pub(crate) struct Context<'a> {
    pub document: &'a Document,
    pub heads: &'a [ChangeHash],
    /// The heads to open with.
    pub opening: &'a [ChangeHash],
    /// Dependencies that changes of this peer wait for.
    pub wanted: BTreeSet<ChangeHash>,
    /// Changes of this peer that were refused.
    pub refused: &'a BTreeSet<ChangeHash>,
    /// Whether telling new heads can wait for the next tick.
    pub may_wait: bool,
    /// Whether changes of this peer wait to be applied: heads that we do not know may be among them.
    pub staged: bool,
}

impl Session {
    /// A session of a client, which dialled.
    pub fn opening() -> Self {
        Self { opens: true, trusts: true, ..Self::default() }
    }

    /// A session with another server; the one that dialled opens.
    pub fn between_servers(opens: bool) -> Self {
        Self { opens, slices: Some(Slices::default()), ..Self::default() }
    }

    /// Takes in what a message says beside its changes.
    pub fn receive(&mut self, message: &mut Message) {
        self.takes_chunks |= message.flags.is_some();
        if message.heads.is_empty() {
            // The peer has nothing, or lost it: everything is sent again.
            self.known.clear();
            self.told = None;
        }
        if self.slices().is_some() {
            self.more_comes = message.have.is_empty() && !message.changes.is_empty();
        }
        self.their_have = message.have.pop();
        // A need stands until it is answered, though messages behind it name none.
        self.their_need.append(&mut message.need);
        self.their_need.truncate(limits::HASHES_MAX);
        self.their_heads = Some(std::mem::take(&mut message.heads));
        self.heads_known = false;
    }

    /// The browser module has one server, and is built without what is between servers.
    fn slices(&self) -> Option<&Slices> {
        self.slices.as_ref().filter(|_| cfg!(not(target_arch = "wasm32")))
    }

    /// Time has passed.
    pub fn rest(&mut self) {
        if let Some(slices) = &mut self.slices {
            slices.rest();
        }
    }

    /// Whether the peer has said that it has exactly what we have.
    pub fn is_in_step(&self, heads: &[ChangeHash]) -> bool {
        let slices_done = self.slices.as_ref().is_none_or(Slices::is_done);
        let all_came = self.slices.is_none() || !self.more_comes;
        slices_done && all_came && self.told.as_deref() == Some(heads) && self.is_quiet(heads)
    }

    /// The heads that the peer has said to have, those that are in the document.
    pub fn their_known(&self, document: &Document) -> Vec<ChangeHash> {
        self.their_heads().iter().filter(|head| document.has(head)).copied().collect()
    }

    /// Whether the peer has said what it was told, and asks for nothing.
    pub fn is_settled(&self) -> bool {
        let slices_done = self.slices().is_none_or(Slices::is_done);
        slices_done && self.told.as_ref().is_some_and(|t| *t == self.known && self.is_quiet(t))
    }

    /// The answer to what was just said that would tell nothing, `None` while all answers do: of a
    /// peer whose heads, filter or wishes are not dealt with.
    pub fn expects(&self, outbox: &mut Outbox) -> Option<Answer> {
        // Of another server it is to be known what it has.
        let told =
            self.told.as_ref().filter(|told| **told == self.known && self.slices.is_none())?;
        let settled = self.heads_known && self.their_have.is_none() && self.their_need.is_empty();
        let body = settled.then(|| outbox.answer(told)).flatten()?;
        Some(Answer::new(body, self.takes_chunks))
    }

    /// A change of the peer's was taken: it need not be sent back.
    pub fn has(&mut self, change: &Change) {
        self.known.retain(|hash| !change.deps().contains(hash));
        self.known.push(change.hash());
        self.known.sort_unstable();
    }

    /// The heads that the peer last spoke.
    pub fn their_heads(&self) -> &[ChangeHash] {
        self.their_heads.as_deref().unwrap_or_default()
    }

    /// Begins anew with what the peer last said, after the document went back.
    pub fn restart(&mut self, document: &Document) {
        self.known = self.their_known(document);
        self.heads_known = false;
        self.told = None;
    }

    /// Whether this side has the first word, and has not said it.
    pub fn is_to_open(&self) -> bool {
        self.opens && self.told.is_none() && self.their_heads.is_none()
    }

    /// The next message for the peer, if there is anything to tell, to send or to ask.
    pub fn poll(&mut self, context: &Context<'_>, outbox: &mut Outbox) -> Option<Arc<[u8]>> {
        let Context { document, heads, .. } = context;
        if self.their_heads.is_none() {
            return self.is_to_open().then(|| self.open(document, context.opening));
        }
        if self.known == *heads && self.told.as_deref() == Some(heads) && self.is_quiet(heads) {
            return None;
        }
        if self.slices().is_some() && !self.is_plain(outbox) {
            return self.poll_slice(context);
        }
        let missing = self.look_up_heads(context);
        let filter = match context.staged {
            true => None,
            false => self.their_have.take().filter(|_| !missing.is_empty()),
        };
        let need = self.needs(context, &missing);
        let asked_for = std::mem::take(&mut self.their_need);
        let in_step = heads.iter().all(|head| self.known.contains(head));
        let has_news = self.told.as_deref() != Some(heads) && !context.may_wait;
        let first = self.told.is_none();
        if in_step && need.is_empty() && asked_for.is_empty() && !has_news && !first {
            return None;
        }

        let bytes = match filter {
            None if need.is_empty() && asked_for.is_empty() => outbox.push(self, document, heads),
            filter => {
                let deep = need.iter().any(|hash| !missing.contains(hash));
                let mut chunks: Vec<Vec<u8>> = asked_for
                    .iter()
                    .filter_map(|hash| document.change(hash))
                    .map(|change| change.raw_bytes().to_vec())
                    .collect();
                let answer = match &filter {
                    Some(filter) => {
                        chunks.extend(lacking(document, filter));
                        vec![our_filter(document, filter)]
                    }
                    None => {
                        chunks.extend(document.chunks_since(&self.known));
                        vec![Have { last_sync: heads.to_vec(), bloom: BloomFilter::default() }]
                    }
                };
                let have = if deep { Vec::new() } else { answer };
                self.encode(heads, need.clone(), have, chunks)
            }
        };
        self.remember_asked(need);
        self.known.clear();
        self.known.extend_from_slice(heads);
        self.tell(heads);
        Some(bytes)
    }

    /// The hashes to ask for: of heads that are missing, and of what changes wait for, each once.
    fn needs(&self, context: &Context<'_>, missing: &BTreeSet<ChangeHash>) -> Vec<ChangeHash> {
        context
            .wanted
            .union(missing)
            .filter(|hash| !self.asked.contains(hash) && !context.refused.contains(hash))
            .copied()
            .collect()
    }

    fn remember_asked(&mut self, need: Vec<ChangeHash>) {
        self.asked.extend(need);
        if self.asked.len() > limits::REFUSED_MAX {
            self.asked.clear();
        }
    }

    fn tell(&mut self, heads: &[ChangeHash]) {
        let told = self.told.get_or_insert_default();
        told.clear();
        told.extend_from_slice(heads);
    }

    /// Takes the heads that the peer spoke into what it has, as far as they are in the document; gives
    /// those that are not and may be asked for.
    fn look_up_heads(&mut self, context: &Context<'_>) -> BTreeSet<ChangeHash> {
        if self.their_have.as_ref().is_some_and(is_reset) {
            // The peer lacks something that we thought was sent.
            self.known.clear();
            self.heads_known = false;
        }
        let mut missing = BTreeSet::new();
        if std::mem::replace(&mut self.heads_known, true) {
            return missing;
        }
        for hash in self.their_heads.iter().flatten() {
            if self.known.contains(hash) {
                continue;
            }
            if context.document.has(hash) {
                self.known.push(*hash);
                continue;
            }
            self.heads_known = false;
            if !context.staged && !context.refused.contains(hash) {
                missing.insert(*hash);
            }
        }
        self.known.sort_unstable();
        missing
    }

    fn is_quiet(&self, heads: &[ChangeHash]) -> bool {
        self.their_need.is_empty()
            && self.their_heads() == heads
            && !self.their_have.as_ref().is_some_and(is_reset)
    }

    /// The opening message: these heads, and a filter of what we have for a peer that does not know
    /// them.
    fn open(&mut self, document: &Document, heads: &[ChangeHash]) -> Arc<[u8]> {
        self.told = Some(heads.to_vec());
        let have =
            our_filter(document, &Have { last_sync: Vec::new(), bloom: BloomFilter::default() });
        self.encode(heads, Vec::new(), vec![have], Vec::new())
    }

    /// `flags` only from a client: a server that sends none is answered with plain change
    /// chunks alone, the only ones it takes.
    fn encode(
        &self,
        heads: &[ChangeHash],
        need: Vec<ChangeHash>,
        have: Vec<Have>,
        chunks: Vec<Vec<u8>>,
    ) -> Arc<[u8]> {
        let together = self.takes_chunks && !chunks.is_empty() && !self.trusts;
        let (changes, version) = if together {
            (ChunkList::from(chunks.concat()), MessageVersion::V2)
        } else {
            (ChunkList::from(chunks), MessageVersion::V1)
        };
        let flags = self.trusts.then(MessageFlags::new);
        let message = Message { heads: heads.to_vec(), need, have, changes, flags, version };
        Arc::from(message.encode())
    }
}

/// Whether a peer says that it knows nothing of what we share: automerge's answer to a `last_sync`
/// that it does not have.
fn is_reset(have: &Have) -> bool {
    have.last_sync.is_empty() && have.bloom == BloomFilter::default()
}

/// What a peer lacks by its filter, with everything that follows on it: heads it does not name and
/// we do not know leave no exact difference.
fn lacking(document: &Document, filter: &Have) -> Vec<Vec<u8>> {
    let since = shared(document, filter);
    let known = document.metas_since(&since);
    let in_order = lacks(&known, filter);
    let lacks: BTreeSet<&ChangeHash> = in_order.iter().collect();
    // Reading all of them at once costs a tenth for each, but reads those that the peer has as well.
    let changes = if in_order.len() * 10 > known.len() {
        let mut changes = document.changes_since(&since);
        changes.retain(|change| lacks.contains(&change.hash()));
        changes
    } else {
        in_order.iter().filter_map(|hash| document.change(hash)).collect()
    };
    changes.iter().map(|change| change.raw_bytes().to_vec()).collect()
}

/// The heads of what both sides had when they last were in step.
fn shared(document: &Document, filter: &Have) -> Vec<ChangeHash> {
    filter.last_sync.iter().filter(|hash| document.has(hash)).copied().collect()
}

/// Hashes of the changes that a peer lacks by its filter, and of all that follow on these.
fn lacks(known: &[ChangeMetadata<'_>], filter: &Have) -> Vec<ChangeHash> {
    let (mut lacks, mut in_order) = (BTreeSet::new(), Vec::new());
    // Log order puts dependencies first, so one pass carries "lacks it" on to what follows.
    for change in known {
        let follows = change.deps.iter().any(|dep| lacks.contains(dep));
        if follows || !filter.bloom.contains_hash(&change.hash) {
            lacks.insert(change.hash);
            in_order.push(change.hash);
        }
    }
    in_order
}

/// A filter of our changes since what both sides have.
fn our_filter(document: &Document, theirs: &Have) -> Have {
    let last_sync = shared(document, theirs);
    let hashes: Vec<ChangeHash> =
        document.metas_since(&last_sync).iter().map(|change| change.hash).collect();
    Have { last_sync, bloom: BloomFilter::from_hashes(hashes.iter()) }
}
