//! From a peer's chunks to changes that join the next apply: the room's part of ingest.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use automerge::{Change, ChangeHash};

use super::{Room, Work, apply::Applied, linked::Whose};
use crate::{
    Peer,
    change::{
        Checked, Refusal, Touched,
        chunk::{self, Unfit},
        metadata::Ledger,
        operations,
    },
    document, limits,
    room::io::{CloseReason, Output},
};

/// How often the changes of one message are gone through for one whose dependencies came in it.
const PASSES_MAX: usize = 8;

impl Room {
    /// Checks and groups the chunks of one message.
    pub(super) fn apply_from_peer(
        &mut self,
        now_ms: u64,
        peer: Peer,
        chunks: Vec<Vec<u8>>,
        applied: &mut Applied,
    ) {
        let mut waiting: Vec<Change> = Vec::new();
        applied.looked_at += chunks.len();
        let bytes: usize = chunks.iter().map(Vec::len).sum();
        let mut ops_left = limits::CHANGE_OPS_MAX + limits::OPS_PER_BYTE_MAX * bytes as u64;
        for bytes in chunks {
            if self.serves() {
                match parse(&bytes, &mut ops_left) {
                    Ok(Ok(change)) => waiting.push(change),
                    Ok(Err((hash, refusal))) => {
                        self.keep_aside(peer, (hash, None), &bytes, &refusal);
                        self.refuse_hash(peer, hash, refusal);
                    }
                    Err(unfit) => return self.close(peer, unfit.into()),
                }
            } else {
                match self.take_trusted(&bytes) {
                    Ok(changes) => waiting.extend(changes),
                    Err(reason) => return self.close(peer, reason),
                }
            }
        }
        if let Some(member) = self.members.get_mut(&peer) {
            let orphans = member.take_orphans();
            waiting.splice(0..0, orphans);
        }
        if self.serves() {
            // Counters grow along dependencies, so one pass in their order places all but changes
            // without operations that come in the wrong order. What a server sends is in the order of
            // its log, which a client keeps.
            waiting.sort_by_key(Change::start_op);
        }
        for _ in 0..PASSES_MAX {
            let before = waiting.len();
            let (mut left, mut later) = (Vec::new(), Vec::new());
            for change in std::mem::take(&mut waiting) {
                if applied.full {
                    later.push(change);
                    continue;
                }
                match self.consider(now_ms, peer, &change, applied) {
                    // Everything is decided anew, on the document as it was.
                    _ if applied.harmed.is_some() => return,
                    Verdict::Taken => {}
                    Verdict::Refused(refusal) => self.refuse(peer, &change, refusal),
                    Verdict::Waits => left.push(change),
                    Verdict::NextBatch => later.push(change),
                }
            }
            if applied.full {
                return self.postpone(peer, left, later);
            }
            waiting = left;
            if waiting.is_empty() || waiting.len() == before {
                break;
            }
        }
        let Some(member) = self.members.get_mut(&peer) else { return };
        for change in member.keep(now_ms, waiting) {
            self.refuse(peer, &change, Refusal::OverLimit("bytes of waiting changes"));
        }
    }

    /// Puts changes back to the front of the inbox, for the next batch.
    fn postpone(&mut self, peer: Peer, left: Vec<Change>, later: Vec<Change>) {
        let changes = left.into_iter().chain(later);
        let chunks = changes.map(|change| change.raw_bytes().to_vec()).collect();
        self.inbox.push_front(Work::Changes { peer, chunks });
    }

    /// What a trusted server sends: change chunks, or a snapshot that is taken over at once with the
    /// changes behind it, which are history as well and have no events.
    fn take_trusted(&mut self, bytes: &[u8]) -> Result<Vec<Change>, CloseReason> {
        let (mut changes, mut snapshot) = (Vec::new(), None);
        let unreadable = CloseReason::Garbage("automerge cannot read it");
        for (is_document, chunk) in chunk::split(bytes)? {
            if is_document {
                snapshot = Some(chunk);
            } else {
                changes.push(Change::from_bytes(chunk.to_vec()).map_err(|_| unreadable)?);
            }
        }
        if let Some(snapshot) = snapshot {
            self.document.adopt(snapshot, std::mem::take(&mut changes)).map_err(|_| unreadable)?;
            self.ledger = Ledger::of(&self.document);
            self.outputs.push_back(Output::Adopted);
        }
        Ok(changes)
    }

    /// Decides about one change; a taken one joins the group that is applied next.
    pub(super) fn consider(
        &mut self,
        now_ms: u64,
        peer: Peer,
        change: &Change,
        applied: &mut Applied,
    ) -> Verdict {
        let hash = change.hash();
        if self.document.has(&hash) {
            // What came before a client's own edit stands before it in the log.
            if self.document.is_pending(&hash) && self.flush_group(now_ms, applied) {
                self.document.mark_acknowledged(&hash);
            }
            return Verdict::Taken;
        }
        let Some(member) = self.members.get(&peer) else { return Verdict::Taken };
        if change.deps().iter().any(|dep| member.refused.contains(dep)) {
            return Verdict::Refused(Refusal::DependsOnRefused);
        }
        if member.refused.contains(&hash) {
            return Verdict::Taken;
        }
        if !change.deps().iter().all(|dep| self.document.has(dep)) {
            return Verdict::Waits;
        }
        if self.serves() {
            let may_write = member.may_write;
            let author = match member.author_of(change.actor_id(), &self.people) {
                Whose::Of(author) => author,
                // The server that a client dials is no stranger.
                Whose::Nobodys => return Verdict::Taken,
                Whose::Untold => return Verdict::Waits,
            };
            if !may_write {
                return Verdict::Refused(Refusal::ReadOnly);
            }
            let counters = change.deps().iter().filter_map(|dep| self.document.max_op_of(dep));
            let dep_max_op = counters.max().unwrap_or(0);
            let vouched = member.server().is_some();
            let checked = self.ledger.check(change, &author, &self.people, dep_max_op, vouched);
            if let Err(refusal) = checked {
                return Verdict::Refused(refusal);
            }
            if !self.follows_its_last(change) {
                let reason = "it does not follow its actor's last change";
                return Verdict::Refused(Refusal::Malformed(reason));
            }
        }
        match self.inspect(now_ms, peer, change, applied) {
            Ok(checked) => {
                if self.take(now_ms, peer, checked, applied) {
                    Verdict::Taken
                } else {
                    Verdict::NextBatch
                }
            }
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    /// Whether a change was made in knowledge of its actor's last one: automerge takes one that was
    /// not, and cannot load what it saves of it.
    fn follows_its_last(&self, change: &Change) -> bool {
        let Some(last) = self.ledger.last(change.actor_id()) else { return true };
        self.document.is_behind(&last, change.deps())
    }

    /// Takes a change apart and checks what it touches.
    fn inspect(
        &mut self,
        now_ms: u64,
        peer: Peer,
        change: &Change,
        applied: &mut Applied,
    ) -> Result<Checked, Refusal> {
        let (document, staged) = (&self.document, &self.staged);
        let taken =
            catch_unwind(AssertUnwindSafe(|| operations::touched(document, staged, change)));
        let (touched, made) =
            taken.unwrap_or(Err(Refusal::Malformed("its operations cannot be read")))?;
        if self.serves() {
            if !self.knows_every_crowd(change, &touched) {
                return Err(Refusal::TooManyConcurrent);
            }
            let mut behind = Vec::new();
            if touched.iter().any(|touched| touched.unclear) {
                if !self.flush_group(now_ms, applied) {
                    return Err(Refusal::NotApplicable);
                }
                behind = self.check_on_copy(change, &touched)?;
            }
            #[cfg(target_arch = "wasm32")]
            let _ = (peer, behind);
            #[cfg(not(target_arch = "wasm32"))]
            self.check_permitted(now_ms, peer, change, (&touched, &behind), applied)?;
        }
        Ok(Checked { change: change.clone(), touched, made })
    }

    /// Whether a change that writes where as many values stand beside each other as may was made in
    /// knowledge of all of them.
    fn knows_every_crowd(&self, change: &Change, touched: &[Touched]) -> bool {
        if self.document.covers_all(change.deps()) {
            return true;
        }
        let crowd = |touched: &Touched| {
            self.document.crowd(&touched.collection, &touched.id, &touched.elements)
        };
        let crowd: BTreeSet<ChangeHash> = touched.iter().flat_map(crowd).collect();
        crowd.iter().all(|hash| self.document.is_behind(hash, change.deps()))
    }

    /// Whether the resources that a change leaves behind belong in this room, tried on a copy:
    /// foreign clients write references in shapes that only the document can put together. Gives these
    /// resources.
    fn check_on_copy(
        &self,
        change: &Change,
        touched: &[Touched],
    ) -> Result<Vec<serde_json::Value>, Refusal> {
        let mut copy = self.document.clone();
        let tried = catch_unwind(AssertUnwindSafe(|| copy.apply(vec![change.clone()]).is_ok()));
        if !tried.unwrap_or(false) || !copy.has(&change.hash()) {
            return Err(Refusal::NotApplicable);
        }
        let mut behind = Vec::new();
        for Touched { collection, id, .. } in touched.iter().filter(|touched| touched.unclear) {
            // What stands beside the shown value, in a conflict, counts as well.
            let conflicts = copy.resource_conflicts(collection, id, &self.people);
            let sides = conflicts.into_iter().flat_map(|conflict| conflict.values);
            let values = sides.map(|side| side.value).chain(copy.resource(collection, id));
            for value in values.filter_map(|value| value.as_object().cloned()) {
                document::check_compartment(&self.id.name, collection, id, &value)?;
            }
            behind.extend(copy.resource(collection, id));
        }
        Ok(behind)
    }
}

/// What becomes of a change.
pub(super) enum Verdict {
    Taken,
    Waits,
    /// Somebody else wrote the same resource in this batch.
    NextBatch,
    Refused(Refusal),
}

/// Scans and parses one chunk of a stranger: a change, or why it is refused, or why the bytes are
/// none at all. Its operations are taken off what the message may still have.
fn parse(bytes: &[u8], ops_left: &mut u64) -> Result<Result<Change, (ChangeHash, Refusal)>, Unfit> {
    let (hash, data) = chunk::open(bytes)?;
    let ops = match chunk::scan(data) {
        Ok((ops, _)) => ops,
        Err(refusal) => return Ok(Err((hash, refusal))),
    };
    let left = ops_left.checked_sub(ops);
    *ops_left = left.ok_or(Unfit::OverLimit("operations in a message"))?;
    Ok(read(bytes, hash).map_err(|refusal| (hash, refusal)))
}

/// Reads a chunk that was scanned.
pub(super) fn read(bytes: &[u8], hash: ChangeHash) -> Result<Change, Refusal> {
    let parsed = catch_unwind(AssertUnwindSafe(|| Change::from_bytes(bytes.to_vec())));
    match parsed {
        Ok(Ok(change)) if change.hash() == hash => Ok(change),
        Ok(_) | Err(_) => Err(Refusal::Malformed("automerge cannot read it")),
    }
}
