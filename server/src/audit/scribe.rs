//! What the storage thread does for the trail: it gives entries their numbers and hashes, signs
//! checkpoints, and has it all written with the next commit.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chartroom_engine::RoomId;

use super::{
    Audit, Checkpoint, Noted, Told,
    chain::{
        Block, CHECKPOINT_ENTRIES_MAX, CHECKPOINT_TABLE, HEAD_KEY, HEAD_TABLE, Head, TABLE, Tip,
        key, lines, of_hex,
    },
    entry::{Act, Entry},
};
use crate::{
    clock,
    storage::{Fact, RoomBatch, Storage, StorageError},
};

/// So late new entries are signed, however few they are.
pub(super) const CHECKPOINT_AFTER: Duration = Duration::from_secs(10 * 60);
/// Blocks that are read at once where the chain's end has to be looked for.
const PAGE: usize = 64;

/// The end of the chain, which grows here alone.
pub(crate) struct Scribe {
    audit: Arc<Audit>,
    tip: Tip,
    /// Entries behind the last checkpoint.
    unsigned: u64,
    pub(super) signed_at: Instant,
    /// What a commit that failed left unwritten; it goes along with the next.
    kept: Vec<Fact>,
    /// Checkpoints that are not durable yet.
    signed: Vec<Checkpoint>,
    /// Who waits for what is not durable yet, with the entry's number.
    told: Vec<(u64, Told)>,
    /// Bytes that [`Audit`] counts as not durable.
    bytes: usize,
    /// Whether nothing more comes, so that what there is is signed.
    closing: bool,
}

impl Scribe {
    /// Goes on where the chain ends. Reads its head, its last checkpoints, and the chain itself only
    /// where the head does not say where it ends.
    pub fn open(storage: &dyn Storage, audit: Arc<Audit>) -> Result<Self, StorageError> {
        let head = storage.fact(HEAD_TABLE, HEAD_KEY)?;
        let head: Option<Head> = head.and_then(|head| serde_json::from_slice(&head).ok());
        let noted = head
            .as_ref()
            .and_then(|head| Some(Tip { n: head.n, hash: of_hex(head.hash.as_bytes())? }));
        let noted = noted.unwrap_or(Tip::NONE);
        let tip =
            end_behind(storage, noted, head.map_or_else(String::new, |head| key(head.block)))?;
        let last = last_checkpoint(storage, tip.n)?;
        let mut scribe = Self {
            audit,
            tip,
            unsigned: tip.n.saturating_sub(last.map_or(0, |n| n + 1)),
            signed_at: Instant::now(),
            kept: Vec::new(),
            signed: Vec::new(),
            told: Vec::new(),
            bytes: 0,
            closing: false,
        };
        if noted != tip || last.is_some_and(|last| last >= tip.n) {
            scribe.note_mismatch(noted.n, last);
        }
        Ok(scribe)
    }

    /// Where what is written here is noted.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    fn note_mismatch(&mut self, head: u64, checkpoint: Option<u64>) {
        let end = self.tip.n;
        tracing::error!(end, head, checkpoint, "the audit trail does not end where it was left");
        let entry = Entry::by_server(Act::Mismatch).detail("end", end.to_string());
        let entry = entry.detail("head", head.to_string());
        self.audit.note(match checkpoint {
            Some(n) => entry.detail("checkpoint", n.to_string()),
            None => entry,
        });
    }

    /// Whether there is something to write though nobody else writes.
    pub fn is_due(&self) -> bool {
        !self.kept.is_empty() || self.audit.waits() || self.checkpoint_is_due()
    }

    /// Takes what was noted, as a batch to be committed; `None` where there is nothing. Every other
    /// batch of the commit was handed over later than the entries that speak of it were noted.
    pub fn draw(&mut self) -> Option<RoomBatch> {
        if !self.is_due() {
            return None;
        }
        let (noted, waiters, unkept) = self.audit.take();
        let mut blocks = Vec::new();
        for Noted { json, told } in noted {
            self.bytes += json.len();
            self.append(&mut blocks, &json);
            self.told.extend(told.map(|told| (self.tip.n, told)));
        }
        self.told.extend(waiters.into_iter().map(|told| (self.tip.n, told)));
        if unkept > 0 {
            tracing::error!(unkept, "more entries of the audit trail waited than are kept");
            let entry = Entry::by_server(Act::Overflow).detail("entries", unkept.to_string());
            let entry = Entry { at: clock::now_ms(), ..entry };
            self.append(&mut blocks, &super::encoded(entry));
        }
        if self.checkpoint_is_due() {
            self.sign(&mut blocks);
        }
        Some(self.batch(blocks))
    }

    /// As [`draw`](Self::draw) for the last time, with a checkpoint; what is noted later is not kept.
    pub fn draw_last(&mut self) -> Option<RoomBatch> {
        self.audit.close();
        self.closing = true;
        self.draw()
    }

    /// What was drawn is durable.
    pub fn written(&mut self) {
        for (n, told) in self.told.drain(..) {
            // Who no longer waits needs no answer.
            let _ = told.send(Ok(n));
        }
        for Checkpoint { n, hash, at, key, signature } in self.signed.drain(..) {
            tracing::info!(n, hash, at, key, signature, "a checkpoint of the audit trail");
        }
        self.audit.durable(std::mem::take(&mut self.bytes));
    }

    /// What was drawn may or may not be durable: it is written once more, as it is, with the next draw.
    pub fn failed(&mut self, batch: RoomBatch, error: &StorageError) {
        self.kept = batch.facts;
        for (_, told) in self.told.drain(..) {
            // Who no longer waits needs no answer.
            let _ = told.send(Err(error.clone()));
        }
    }

    fn checkpoint_is_due(&self) -> bool {
        self.unsigned > 0 && (self.closing || self.signed_at.elapsed() >= CHECKPOINT_AFTER)
    }

    /// Adds an entry, behind a checkpoint where one is due.
    fn append(&mut self, blocks: &mut Vec<Block>, json: &[u8]) {
        if self.unsigned >= CHECKPOINT_ENTRIES_MAX {
            self.sign(blocks);
        }
        self.push(blocks, json);
        self.unsigned += 1;
    }

    fn sign(&mut self, blocks: &mut Vec<Block>) {
        let now_ms = clock::now_ms();
        let checkpoint = self.audit.key.sign(self.tip.n, &self.tip.hash, now_ms);
        let mut entry = Entry::by_server(Act::Checkpoint);
        (entry.at, entry.checkpoint) = (now_ms, Some(checkpoint.clone()));
        self.push(blocks, &super::encoded(entry));
        self.signed.push(checkpoint);
        (self.unsigned, self.signed_at) = (0, Instant::now());
    }

    fn push(&mut self, blocks: &mut Vec<Block>, json: &[u8]) {
        if !blocks.last().is_some_and(Block::has_room) {
            blocks.push(Block::behind(self.tip));
        }
        if let Some(block) = blocks.last_mut() {
            block.push(json);
            self.tip = block.tip;
        }
    }

    fn batch(&mut self, blocks: Vec<Block>) -> RoomBatch {
        let mut facts = std::mem::take(&mut self.kept);
        let head = blocks.last().map(Block::head);
        facts.extend(blocks.into_iter().map(|block| fact(TABLE, key(block.first), block.text)));
        facts.extend(head.map(|head| fact(HEAD_TABLE, HEAD_KEY.to_owned(), json(&head))));
        let signed = self.signed.iter();
        facts.extend(signed.map(|sign| fact(CHECKPOINT_TABLE, key(sign.n), json(sign))));
        RoomBatch::of_facts(room(), facts)
    }
}

/// What the trail's batches are said to be about: an epoch that no room has, so that no room's records
/// can be to blame for them.
fn room() -> RoomId {
    RoomId { name: "server:audit".parse().expect("this is a room's name"), epoch: 0 }
}

/// Whether a batch is the trail's.
pub(crate) fn is_of_the_trail(batch: &RoomBatch) -> bool {
    batch.room.epoch == 0
}

/// The end of the chain, which the head says to be at `tip`, in the block with this key.
fn end_behind(storage: &dyn Storage, mut tip: Tip, mut last: String) -> Result<Tip, StorageError> {
    loop {
        let page = storage.facts_between(TABLE, &last, &key(u64::MAX), PAGE)?;
        let Some((key, _)) = page.last() else { return Ok(tip) };
        last.clone_from(key);
        for (key, text) in page {
            let end = end_of(&key, &text).ok_or_else(|| StorageError::StoreUnreadable {
                key: format!("{TABLE} {key}"),
                reason: "is no block of the audit trail",
            })?;
            if end.n > tip.n {
                tip = end;
            }
        }
    }
}

fn end_of(key: &str, text: &[u8]) -> Option<Tip> {
    let entries: Vec<_> = lines(text).1.collect();
    let last = key.parse::<u64>().ok()?.checked_add(entries.len() as u64)?.checked_sub(1)?;
    Some(Tip { n: last, hash: of_hex(entries.last()?.hash)? })
}

/// What the last checkpoint covers, if it is one of the last there can be.
fn last_checkpoint(storage: &dyn Storage, end: u64) -> Result<Option<u64>, StorageError> {
    let after = key(end.saturating_sub(CHECKPOINT_ENTRIES_MAX + 2));
    let found = storage.facts_between(CHECKPOINT_TABLE, &after, &key(u64::MAX), usize::MAX)?;
    Ok(found.last().and_then(|(key, _)| key.parse().ok()))
}

fn fact(table: &str, key: String, value: Vec<u8>) -> Fact {
    Fact { table: table.to_owned(), key, value: Some(value) }
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("text and numbers are JSON")
}
