//! A room's document: FHIR resource collections in one Automerge document.
//!
//! The only module that names automerge's document types. It does not decide who may write
//! ([`crate::change`]) and knows no peers ([`crate::sync`]). Invariants: every replica of a room
//! starts from the same genesis; text indexes are UTF-16; automerge's random actor is always
//! replaced by the one given. Start at [`Document`]; [`Command`] is how it is written, and
//! `conflicts::read` the one function that says what it shows.

mod codec;
mod command;
mod compartment;
mod conflicts;
mod follow;
mod genesis;
pub(crate) mod history;
#[cfg(not(target_arch = "wasm32"))]
mod labels;
mod list_diff;
mod log_order;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod notes;
mod past;
mod plan;
mod read;
mod reader;
mod refound;
mod resource_types;
mod safety;
mod texts;
mod versions;
mod view;
mod write;

use std::{collections::BTreeMap, sync::Arc};

use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, LoadOptions, ObjId, Parent, Prop, ROOT,
    ReadDoc, TextEncoding,
};
use serde_json::Value;

use crate::{RoomId, limits};

pub(crate) use codec::DELETED;
pub use codec::ShapeError;
pub use command::{Command, CommandError};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use compartment::check_written;
#[cfg(not(target_arch = "wasm32"))]
pub use compartment::room_of;
pub use compartment::{CompartmentError, patient_path};
pub(crate) use compartment::{check as check_compartment, says_where};
pub use conflicts::{Conflict, ConflictKind, ConflictValue};
pub(crate) use follow::{Look, Put, Seen};
pub use genesis::{SCHEMA, TEXTS};
pub(crate) use genesis::{collection_name, genesis_actor};
pub use history::{Account, Note, People};
#[cfg(not(target_arch = "wasm32"))]
pub use labels::is_label;
use log_order::LogOrder;
pub use past::{Version, VersionAction};
pub(crate) use read::stub;
pub use refound::RefoundError;
pub use resource_types::{RESOURCE_TYPES, resource_type};
pub(crate) use safety::blocks_acts;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use texts::is_key as is_text_key;
pub(crate) use texts::names as text_names;
pub use versions::Versions;
pub(crate) use write::{Writer, is_resource_id};

/// Why stored bytes are not this room's document.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The snapshot is no readable Automerge document.
    #[error("the snapshot is not a readable document")]
    Snapshot(#[source] AutomergeError),
    /// A change is no readable change chunk.
    #[error("change {number} of the log is not readable")]
    Change {
        /// Its place among the changes given, from 1.
        number: u64,
    },
    /// The changes are readable, but do not follow on one another.
    #[error("the changes of the log do not follow on one another")]
    Gap,
    /// The bytes are of another room, epoch or schema.
    #[error("the document is of another room, epoch or schema")]
    OtherRoom,
}

/// A document's whole history as one chunk.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The heads that it reaches, sorted.
    pub heads: Vec<ChangeHash>,
    /// What [`Document::save`] gave.
    pub bytes: Arc<[u8]>,
}

impl Snapshot {
    /// Whether so many bytes of changes behind it are worth another one.
    pub fn is_outgrown(&self, tail_bytes: usize) -> bool {
        tail_bytes > limits::SNAPSHOT_TAIL_BYTES_MAX.max(self.bytes.len() / 8)
    }
}

/// One epoch of a room.
#[derive(Debug, Clone)]
pub struct Document {
    doc: Automerge,
    room: RoomId,
    genesis: ChangeHash,
    order: LogOrder,
}

/// A document as it was.
#[derive(Debug)]
pub(crate) struct Aside(Automerge);

impl Document {
    /// A room with nothing in it but genesis; `actor` writes what comes.
    pub fn found(room: &RoomId, actor: ActorId) -> Self {
        let (mut doc, genesis) = genesis::found(room);
        doc.set_actor(actor);
        let order = LogOrder::of(&doc);
        Self { doc, room: room.clone(), genesis, order }
    }

    /// A room from its snapshot and the changes behind it, raw chunks in the order of the log.
    ///
    /// Strict: what cannot be read is an error, never a shortened room.
    pub fn load(
        room: &RoomId,
        actor: ActorId,
        snapshot: Option<&[u8]>,
        changes: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, LoadError> {
        let mut document = match snapshot {
            Some(snapshot) => Self::open(room, actor, snapshot)?,
            None => Self::found(room, actor),
        };
        document.replay(changes)?;
        Ok(document)
    }

    /// A room as its snapshot has it.
    pub fn open(room: &RoomId, actor: ActorId, snapshot: &[u8]) -> Result<Self, LoadError> {
        let Self { genesis, .. } = Self::found(room, actor.clone());
        let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
        let mut doc =
            Automerge::load_with_options(snapshot, options).map_err(LoadError::Snapshot)?;
        doc.set_actor(actor);
        if doc.get_change_meta_by_hash(&genesis).is_none() {
            return Err(LoadError::OtherRoom);
        }
        let order = LogOrder::of(&doc);
        Ok(Self { doc, room: room.clone(), genesis, order })
    }

    /// Applies the changes behind the snapshot, as strictly as [`load`](Self::load).
    pub fn replay(&mut self, changes: impl IntoIterator<Item = Vec<u8>>) -> Result<(), LoadError> {
        let mut parsed = Vec::new();
        for (bytes, number) in changes.into_iter().zip(1..) {
            parsed.push(Change::from_bytes(bytes).map_err(|_| LoadError::Change { number })?);
        }
        let hashes: Vec<ChangeHash> = parsed.iter().map(Change::hash).collect();
        self.apply(parsed).map_err(|_| LoadError::Gap)?;
        if hashes.iter().all(|hash| self.has(hash)) { Ok(()) } else { Err(LoadError::Gap) }
    }

    /// The whole document as one snapshot chunk.
    pub fn save(&self) -> Vec<u8> {
        self.doc.save()
    }

    /// The same, with the heads that it reaches.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { heads: self.heads(), bytes: self.save().into() }
    }

    /// The room and epoch.
    pub fn room(&self) -> &RoomId {
        &self.room
    }

    /// Hashes of the changes that no other change follows, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.doc.get_heads()
    }

    /// The hash of the change that every replica of this room starts from.
    pub fn genesis(&self) -> ChangeHash {
        self.genesis
    }

    /// Whether nothing was written since genesis.
    pub fn is_founded_only(&self) -> bool {
        self.change_count() <= 1
    }

    /// How many changes the history has, genesis included.
    pub fn change_count(&self) -> u64 {
        self.doc.stats().num_changes
    }

    /// Whether history has this change, or will when what is staged is applied.
    pub(crate) fn has(&self, hash: &ChangeHash) -> bool {
        self.order.has(hash)
    }

    /// The highest operation counter of a change that history has, or that is staged.
    pub(crate) fn max_op_of(&self, hash: &ChangeHash) -> Option<u64> {
        self.order.max_op(hash)
    }

    /// The change's own account of itself.
    pub(crate) fn meta(&self, hash: &ChangeHash) -> Option<automerge::ChangeMetadata<'_>> {
        self.doc.get_change_meta_by_hash(hash)
    }

    /// How many operations the document has.
    pub fn ops(&self) -> u64 {
        self.doc.stats().num_ops
    }

    /// All changes that are not ancestors of `have`, in the order of the log.
    pub(crate) fn changes_since(&self, have: &[ChangeHash]) -> Vec<Change> {
        self.doc.get_changes(have)
    }

    /// The raw chunks of all changes that are not ancestors of `have`, in the order of the log.
    pub fn chunks_since(&self, have: &[ChangeHash]) -> Vec<Vec<u8>> {
        self.changes_since(have).iter().map(|change| change.raw_bytes().to_vec()).collect()
    }

    /// The accounts of all changes that are not ancestors of `have`, in the order of the log.
    pub(crate) fn metas_since(&self, have: &[ChangeHash]) -> Vec<automerge::ChangeMetadata<'_>> {
        self.doc.get_changes_meta(have)
    }

    /// A change by its hash.
    pub(crate) fn change(&self, hash: &ChangeHash) -> Option<Change> {
        self.doc.get_change_by_hash(hash)
    }

    /// Gives a change its place in the log, ahead of being applied there.
    pub(crate) fn stage(&mut self, change: &Change) {
        if !self.has(&change.hash()) {
            self.order.append(change.hash(), change.deps(), change.max_op());
        }
    }

    /// Applies changes in the order given, each behind its dependencies; their hashes must be read
    /// back afterwards.
    pub(crate) fn apply(&mut self, changes: Vec<Change>) -> Result<(), AutomergeError> {
        changes.iter().for_each(|change| self.stage(change));
        let applied = apply_in_order(&mut self.doc, changes);
        if self.order.count() != self.change_count() {
            // Not all of them, or some that had waited.
            self.order.read(&self.doc);
        }
        applied
    }

    /// A copy to go back to. What can be read from the document again is not in it, so that it costs
    /// little where the history is long.
    pub(crate) fn aside(&self) -> Aside {
        Aside(self.doc.clone())
    }

    /// Makes everything as it was.
    pub(crate) fn go_back(&mut self, to: Aside) {
        self.doc = to.0;
        self.order.read(&self.doc);
    }

    /// Takes over a snapshot from a trusted server and the changes behind it, which stand here as in
    /// its log; local changes that these lack are applied again.
    pub(crate) fn adopt(&mut self, snapshot: &[u8], changes: Vec<Change>) -> Result<(), LoadError> {
        let loaded = Self::open(&self.room, self.doc.get_actor().clone(), snapshot)?;
        let metas = self.metas_since(&[]);
        let local = metas.iter().filter(|change| !loaded.has(&change.hash));
        let mut local: Vec<Change> = local.filter_map(|change| self.change(&change.hash)).collect();
        (self.doc, self.order) = (loaded.doc, loaded.order);
        self.apply(changes).map_err(LoadError::Snapshot)?;
        local.retain(|change| !self.has(&change.hash()));
        local.iter().for_each(|change| self.mark_pending(change.hash()));
        self.apply(local).map_err(LoadError::Snapshot)
    }

    /// Carries out a command; `None` where nothing differed.
    pub(crate) fn command(
        &mut self,
        command: &Command,
        writer: Writer<'_>,
        now_ms: u64,
    ) -> Result<Option<Change>, CommandError> {
        let time_s = i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
        let name = &self.room.name;
        let hash = write::apply(&mut self.doc, &self.order, name, command, writer, time_s)?;
        let change = hash.and_then(|hash| self.doc.get_change_by_hash(&hash));
        if let Some(change) = &change {
            self.order.append(change.hash(), change.deps(), change.max_op());
        }
        Ok(change)
    }

    /// Marks a local change as one that the server does not have yet.
    pub(crate) fn mark_pending(&mut self, hash: ChangeHash) {
        self.order.pending(hash);
    }

    /// Whether a local change is one of which it is not known where the server logged it.
    pub(crate) fn is_pending(&self, hash: &ChangeHash) -> bool {
        self.order.is_pending(hash)
    }

    /// Marks a local change as one that the server holds durably, behind everything that came so far
    /// unless its place is known.
    pub(crate) fn mark_acknowledged(&mut self, hash: &ChangeHash) {
        self.order.acknowledged(hash);
    }

    /// The change that a local one stands next behind in the room's log, where that is not where it was
    /// applied here: others' changes came before the server acknowledged it.
    pub fn logged_behind(&self, hash: &ChangeHash) -> Option<ChangeHash> {
        self.order.behind(hash)
    }

    /// Takes over what [`logged_behind`](Self::logged_behind) said of a change before it was saved.
    pub fn keep_behind(&mut self, hash: ChangeHash, other: &ChangeHash) {
        self.order.keep_behind(hash, other);
    }

    /// Takes over what [`logged_behind`](Self::logged_behind) says of every change in a document of the
    /// same room, which may hold others too.
    pub(crate) fn keep_places_of(&mut self, other: &Self) {
        self.order.keep_places_of(&other.order);
    }

    /// Makes commands check against another room, as a client that does not check would.
    #[cfg(test)]
    pub(crate) fn set_room(&mut self, name: &str, actor: ActorId) {
        self.room.name = name.parse().expect("a test names a room");
        self.doc.set_actor(actor);
    }

    /// Replaces the actor that writes what comes.
    #[cfg(test)]
    pub(crate) fn set_actor(&mut self, actor: ActorId) {
        self.doc.set_actor(actor);
    }

    /// The actor that writes what comes.
    pub(crate) fn actor(&self) -> &ActorId {
        self.doc.get_actor()
    }

    /// The highest operation counter in history.
    pub(crate) fn max_op(&self) -> u64 {
        let heads = self.doc.get_heads();
        heads.iter().filter_map(|h| self.meta(h)).map(|meta| meta.max_op).max().unwrap_or(0)
    }

    /// The last change of every actor, and its sequence number.
    pub(crate) fn last_changes(&self) -> BTreeMap<ActorId, (u64, ChangeHash)> {
        let mut last = BTreeMap::new();
        for change in self.doc.get_changes_meta(&[]) {
            let number = (change.seq, change.hash);
            let last = last.entry(change.actor.into_owned()).or_insert(number);
            *last = number.max(*last);
        }
        last
    }

    /// Whether a change is one of `heads`, or was known to whoever wrote one of them.
    pub(crate) fn is_behind(&self, change: &ChangeHash, heads: &[ChangeHash]) -> bool {
        heads.iter().any(|head| self.order.is_ancestor(change, head))
    }

    /// The heads of what the server is known to have logged: all but local changes that are pending.
    pub(crate) fn logged_heads(&self) -> Vec<ChangeHash> {
        let (mut walk, mut heads) = (self.heads(), Vec::new());
        while let Some(hash) = walk.pop() {
            if !self.order.is_pending(&hash) {
                heads.push(hash);
            } else if let Some(change) = self.meta(&hash) {
                walk.retain(|other| !change.deps.contains(other));
                walk.extend(change.deps);
            }
        }
        heads.sort_unstable();
        heads.dedup();
        let all = heads.clone();
        let is_known =
            |hash: &ChangeHash, by: &ChangeHash| by != hash && self.order.is_ancestor(hash, by);
        heads.retain(|hash| !all.iter().any(|other| is_known(hash, other)));
        heads
    }

    /// Whether a change with these dependencies was made in knowledge of every other, those included
    /// that are staged.
    pub(crate) fn covers_all(&self, deps: &[ChangeHash]) -> bool {
        self.order.covers_all(deps)
    }

    /// Collection, resource id and element that an object lies in; fewer for those higher up.
    ///
    /// `None` where there is no such object.
    pub(crate) fn place(&self, object: &ObjId) -> Option<Vec<String>> {
        if *object == ROOT {
            return Some(Vec::new());
        }
        let mut path = Vec::new();
        for Parent { obj, prop, .. } in self.doc.parents(object).ok()? {
            path.push(match prop {
                Prop::Map(key) => key,
                Prop::Seq(_) => String::new(),
            });
            // Where a collection lies is known; automerge would search for it.
            if let Some(collection) = genesis::collection_at(&obj) {
                path.push(collection.to_owned());
                break;
            }
        }
        path.reverse();
        Some(path)
    }
}

/// Applies changes so that history has them in the order given, which is the order of the log.
///
/// Automerge takes a batch breadth first: those that follow on nothing in the batch, then those that
/// follow on these. A change that it would put elsewhere begins the next batch.
fn apply_in_order(doc: &mut Automerge, changes: Vec<Change>) -> Result<(), AutomergeError> {
    let (mut batch, mut places, mut last) = (Vec::new(), BTreeMap::new(), None);
    for change in changes {
        let mut behind = change.deps().iter().filter_map(|dep| places.get(dep)).max().copied();
        if behind < last {
            doc.apply_changes(std::mem::take(&mut batch))?;
            places.clear();
            behind = None;
        }
        last = behind;
        places.insert(change.hash(), batch.len());
        batch.push(change);
    }
    if batch.is_empty() { Ok(()) } else { doc.apply_changes(batch) }
}

/// The JSON value that the text of a string scalar stands for.
pub(crate) fn text_value(text: &str) -> Value {
    codec::decode_text(text).into_json()
}

const _: () = assert!(limits::RESOURCE_BYTES_MAX < limits::CHANGE_BYTES_MAX);
// A text may be written anew in one change.
const _: () = assert!(2 * (limits::TEXT_UNITS_MAX as u64) < limits::CHANGE_OPS_MAX);

#[cfg(test)]
mod tests;

/// The object of a collection, for tests that write as foreign clients do.
#[cfg(test)]
pub(crate) fn tests_collection(name: &str) -> ObjId {
    genesis::collection(name).unwrap()
}
