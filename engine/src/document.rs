//! A room's document: FHIR resource collections in one Automerge document.
//!
//! The only module that names automerge's document types. It does not decide who may write
//! ([`crate::change`]) and knows no peers ([`crate::sync`]). Invariants: every replica of a room
//! starts from the same genesis; text indexes are UTF-16; automerge's random actor is always
//! replaced by the one given. Start at [`Document`]; [`Command`] is how it is written, and
//! `conflicts::read` the one function that says what it shows.

mod codec;
mod commands;
mod compartment;
mod conflicts;
mod genesis;
pub(crate) mod history;
mod list_diff;
mod plan;
mod refound;
mod resource_types;
mod safety;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, LoadOptions, ObjId, ROOT, ReadDoc,
    TextEncoding,
};
use serde_json::{Map, Value, json};

use crate::{RoomId, limits};

pub use codec::ShapeError;
pub use commands::{Command, CommandError};
pub(crate) use commands::{Writer, is_resource_id};
pub use compartment::{CompartmentError, room_of};
pub(crate) use compartment::{check as check_compartment, names_patient};
pub use conflicts::{Conflict, ConflictKind, ConflictValue};
pub use genesis::{SCHEMA, TEXTS};
pub(crate) use genesis::{collection_name, genesis_actor};
use history::LogOrder;
pub use history::People;
pub use refound::RefoundError;
pub use resource_types::{RESOURCE_TYPES, resource_type};
pub(crate) use safety::blocks_acts;
use view::Reader;

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

/// One epoch of a room.
#[derive(Debug, Clone)]
pub struct Document {
    doc: Automerge,
    room: RoomId,
    genesis: ChangeHash,
    order: LogOrder,
}

impl Document {
    /// A room with nothing in it but genesis; `actor` writes what comes.
    pub fn found(room: &RoomId, actor: ActorId) -> Self {
        let (mut doc, genesis) = genesis::found(room);
        doc.set_actor(actor);
        Self { doc, room: room.clone(), genesis, order: LogOrder::default() }
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
        let Self { mut doc, genesis, .. } = Self::found(room, actor.clone());
        if let Some(snapshot) = snapshot {
            let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
            doc = Automerge::load_with_options(snapshot, options).map_err(LoadError::Snapshot)?;
            doc.set_actor(actor);
            if doc.get_change_meta_by_hash(&genesis).is_none() {
                return Err(LoadError::OtherRoom);
            }
        }
        let mut parsed = Vec::new();
        for (bytes, number) in changes.into_iter().zip(1..) {
            parsed.push(Change::from_bytes(bytes).map_err(|_| LoadError::Change { number })?);
        }
        let hashes: Vec<ChangeHash> = parsed.iter().map(Change::hash).collect();
        if !parsed.is_empty() {
            doc.apply_changes(parsed).map_err(|_| LoadError::Gap)?;
        }
        if hashes.iter().any(|hash| doc.get_change_meta_by_hash(hash).is_none()) {
            return Err(LoadError::Gap);
        }
        Ok(Self { doc, room: room.clone(), genesis, order: LogOrder::default() })
    }

    /// The whole document as one snapshot chunk.
    pub fn save(&self) -> Vec<u8> {
        self.doc.save()
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

    /// A resource as every reader sees it; `None` where it is absent or deleted.
    pub fn resource(&self, resource_type: &str, id: &str) -> Option<Value> {
        let resource_type = resource_types::resource_type(resource_type)?;
        let read = conflicts::read(&self.doc, &self.order, resource_type, id)?;
        (!read.deleted).then(|| with_identity(resource_type, id, read.elements))
    }

    /// Resources as they stood right behind changes of the log, as events tell them: a stub of type
    /// and id where one was deleted, or where the change is not of this document.
    ///
    /// One walk over the history, whatever the number of questions; a document that was loaded from
    /// a server's storage has it in the order of the log.
    pub fn resources_behind(&self, asked: &[(ChangeHash, String, String)]) -> Vec<Value> {
        let mut prefix = BTreeSet::new();
        let mut heads: BTreeMap<ChangeHash, Vec<ChangeHash>> =
            asked.iter().map(|(change, ..)| (*change, Vec::new())).collect();
        for change in self.doc.get_changes_meta(&[]) {
            for dep in &change.deps {
                prefix.remove(dep);
            }
            prefix.insert(change.hash);
            if let Some(heads) = heads.get_mut(&change.hash) {
                heads.extend(prefix.iter().copied());
            }
        }
        let mut answers: Vec<Value> = Vec::with_capacity(asked.len());
        let mut before = None;
        for question in asked {
            // The events of one change of one resource follow on one another.
            let same = answers.last().filter(|_| before == Some(question)).cloned();
            before = Some(question);
            let (change, name, id) = question;
            answers.push(same.unwrap_or_else(|| {
                let heads = heads.get(change).map_or(&[][..], Vec::as_slice);
                self.resource_at(heads, name, id).unwrap_or_else(|| stub(name, id))
            }));
        }
        answers
    }

    /// A resource as it stood at `heads`; `None` where it was absent or deleted.
    pub(crate) fn resource_at(&self, heads: &[ChangeHash], name: &str, id: &str) -> Option<Value> {
        let resource_type = resource_types::resource_type(name)?;
        let reader = Reader { doc: &self.doc, heads: Some(heads) };
        let read = conflicts::read_with(reader, &self.order, resource_type, id)?;
        (!read.deleted).then(|| with_identity(resource_type, id, read.elements))
    }

    /// The resources of one type, by id.
    pub fn collection(&self, resource_type: &str) -> Vec<Value> {
        self.ids(resource_type).iter().filter_map(|id| self.resource(resource_type, id)).collect()
    }

    /// The types that have resources, and how many.
    pub fn collections(&self) -> Vec<(String, usize)> {
        RESOURCE_TYPES
            .iter()
            .map(|name| ((*name).to_owned(), self.collection(name).len()))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// All resources, by type and id.
    pub fn resources(&self) -> Vec<Value> {
        RESOURCE_TYPES.iter().flat_map(|name| self.collection(name)).collect()
    }

    /// All resources as a FHIR Bundle of type `collection`, with `meta.versionId` and
    /// `meta.lastUpdated` as they came in.
    pub fn export(&self) -> Value {
        let entry = |name: &'static str, id: &String| {
            let read = conflicts::read(&self.doc, &self.order, name, id)?;
            let mut elements = read.elements;
            codec::restore_meta(&mut elements, read.source);
            (!read.deleted).then(|| {
                json!({
                    "fullUrl": format!("{name}/{id}"),
                    "resource": with_identity(name, id, elements),
                })
            })
        };
        let entries: Vec<Value> = RESOURCE_TYPES
            .into_iter()
            .flat_map(|name| self.ids(name).into_iter().map(move |id| (name, id)))
            .filter_map(|(name, id)| entry(name, &id))
            .collect();
        json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
    }

    /// Every conflict of the room; with authors as `people` knows them.
    pub fn conflicts(&self, people: &People) -> Vec<Conflict> {
        RESOURCE_TYPES
            .iter()
            .flat_map(|name| self.ids(name).into_iter().map(move |id| (*name, id)))
            .flat_map(|(name, id)| self.resource_conflicts(name, &id, people))
            .collect()
    }

    /// The conflicts of one resource, deleted or not.
    pub fn resource_conflicts(
        &self,
        resource_type: &str,
        id: &str,
        people: &People,
    ) -> Vec<Conflict> {
        let Some(read) = conflicts::read(&self.doc, &self.order, resource_type, id) else {
            return Vec::new();
        };
        let mut found = read.conflicts;
        for value in found.iter_mut().flat_map(|conflict| &mut conflict.values) {
            let hash: Option<ChangeHash> = value.hash.parse().ok();
            value.author = hash.and_then(|hash| people.author(&self.meta(&hash)?));
        }
        found
    }

    /// A resource as [`resource`](Self::resource) gives it, and the sorted names of its elements in
    /// conflict, in one reading.
    pub(crate) fn look(&self, resource_type: &str, id: &str) -> (Option<Value>, Vec<String>) {
        let Some(resource_type) = resource_types::resource_type(resource_type) else {
            return (None, Vec::new());
        };
        let Some(read) = conflicts::read(&self.doc, &self.order, resource_type, id) else {
            return (None, Vec::new());
        };
        let names: BTreeSet<String> = read
            .conflicts
            .into_iter()
            .flat_map(|conflict| match conflict.kind {
                ConflictKind::Created => vec!["$created".to_owned()],
                ConflictKind::Element | ConflictKind::Group | ConflictKind::Deleted => {
                    conflict.elements
                }
            })
            .collect();
        let resource = (!read.deleted).then(|| with_identity(resource_type, id, read.elements));
        (resource, names.into_iter().collect())
    }

    /// Whether history has this change.
    pub(crate) fn has(&self, hash: &ChangeHash) -> bool {
        self.doc.get_change_meta_by_hash(hash).is_some()
    }

    /// The change's own account of itself.
    pub(crate) fn meta(&self, hash: &ChangeHash) -> Option<automerge::ChangeMetadata<'_>> {
        self.doc.get_change_meta_by_hash(hash)
    }

    /// All changes that are not ancestors of `have`, in the order of the log.
    pub(crate) fn changes_since(&self, have: &[ChangeHash]) -> Vec<Change> {
        self.doc.get_changes(have)
    }

    /// The raw chunks of these changes.
    pub(crate) fn chunks_since(&self, have: &[ChangeHash]) -> Vec<Vec<u8>> {
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

    /// Applies changes whose dependencies are all here; their hashes must be read back afterwards.
    pub(crate) fn apply(&mut self, changes: Vec<Change>) -> Result<(), AutomergeError> {
        self.doc.apply_changes(changes)
    }

    /// Takes over a snapshot from a trusted server; local changes that it lacks are applied again.
    pub(crate) fn adopt(&mut self, chunk: &[u8]) -> Result<(), LoadError> {
        if self.is_founded_only() {
            let loaded = Self::load(&self.room, self.doc.get_actor().clone(), Some(chunk), [])?;
            self.doc = loaded.doc;
            return Ok(());
        }
        self.doc.load_incremental(chunk).map(|_| ()).map_err(LoadError::Snapshot)
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
        let hash = commands::apply(&mut self.doc, &self.order, name, command, writer, time_s)?;
        Ok(hash.and_then(|hash| self.doc.get_change_by_hash(&hash)))
    }

    /// Marks a local change as one that the server does not have yet.
    pub(crate) fn mark_pending(&mut self, hash: ChangeHash) {
        self.order.pending(hash);
    }

    /// Marks a local change as one that the server holds durably.
    pub(crate) fn mark_acknowledged(&mut self, hash: ChangeHash) {
        self.order.acknowledged(&self.doc, hash);
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

    /// The last sequence number of every actor.
    pub(crate) fn sequences(&self) -> BTreeMap<ActorId, u64> {
        let mut sequences = BTreeMap::new();
        for change in self.doc.get_changes_meta(&[]) {
            let last = sequences.entry(change.actor.into_owned()).or_insert(0);
            *last = change.seq.max(*last);
        }
        sequences
    }

    /// Collection, resource id and element that an object lies in; fewer for those higher up.
    ///
    /// `None` where there is no such object.
    pub(crate) fn place(&self, object: &ObjId) -> Option<Vec<String>> {
        if *object == ROOT {
            return Some(Vec::new());
        }
        let mut path: Vec<String> = self
            .doc
            .parents(object)
            .ok()?
            .map(|parent| match parent.prop {
                automerge::Prop::Map(key) => key,
                automerge::Prop::Seq(_) => String::new(),
            })
            .collect();
        path.reverse();
        Some(path)
    }

    /// The ids of one type, deleted ones included.
    pub(crate) fn ids(&self, resource_type: &str) -> Vec<String> {
        genesis::collection(resource_type)
            .map_or_else(Vec::new, |collection| self.doc.keys(collection).collect())
    }
}

/// The path that is not stored, back in its members.
fn with_identity(resource_type: &str, id: &str, elements: Map<String, Value>) -> Value {
    let mut resource = Map::new();
    resource.insert("resourceType".to_owned(), Value::from(resource_type));
    resource.insert("id".to_owned(), Value::from(id));
    resource.extend(elements);
    Value::Object(resource)
}

/// The JSON value that the text of a string scalar stands for.
pub(crate) fn text_value(text: &str) -> Value {
    codec::decode_text(text).into_json()
}

/// A stub of type and id, as events carry it after a delete.
pub(crate) fn stub(resource_type: &str, id: &str) -> Value {
    with_identity(resource_type, id, Map::new())
}

const _: () = assert!(limits::RESOURCE_BYTES_MAX < limits::CHANGE_BYTES_MAX);

#[cfg(test)]
mod tests;

/// The object of a collection, for tests that write as foreign clients do.
#[cfg(test)]
pub(crate) fn tests_collection(name: &str) -> ObjId {
    genesis::collection(name).unwrap()
}
