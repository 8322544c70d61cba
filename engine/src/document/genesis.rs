//! The one change that every room starts from.
//!
//! A pure function of room name, epoch and schema: the same bytes on every replica of a room, and
//! another hash in every other room. People who create a room apart share its roots and merge, and
//! a change of one chart has no place in another.

use automerge::{
    ActorId, Automerge, ChangeHash, ObjId, ObjType, ROOT, TextEncoding, transaction::CommitOptions,
    transaction::Transactable,
};

use super::resource_types::RESOURCE_TYPES;
use crate::RoomId;

/// The document layout that this engine writes.
pub const SCHEMA: i64 = 1;
/// The collection of narrative that people write together.
pub const TEXTS: &str = "$texts";
/// The root's scalars: room, epoch and schema, in this order.
const ROOT_SCALARS: u64 = 3;

/// The actor of genesis, which nobody else may use.
pub(crate) fn genesis_actor() -> ActorId {
    ActorId::from([0; 16])
}

/// A document that holds genesis and nothing else, and its hash.
pub(crate) fn found(room: &RoomId) -> (Automerge, ChangeHash) {
    let mut doc = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
    doc.set_actor(genesis_actor());
    let mut tx = doc.transaction();
    let written = (|| {
        tx.put(ROOT, "$room", room.name.as_str())?;
        tx.put(ROOT, "$epoch", i64::from(room.epoch))?;
        tx.put(ROOT, "$schema", SCHEMA)?;
        for collection in RESOURCE_TYPES.into_iter().chain([TEXTS]) {
            tx.put_object(ROOT, collection, ObjType::Map)?;
        }
        Ok::<_, automerge::AutomergeError>(())
    })();
    written.expect("puts of fresh keys into an empty map are always accepted");
    let message = format!("genesis of {room}, schema {SCHEMA}");
    let (hash, _) = tx.commit_with(CommitOptions::default().with_message(message).with_time(0));
    (doc, hash.expect("a transaction with operations makes a change"))
}

/// The object of a collection: genesis numbers its operations in the order of the type table.
pub(crate) fn collection(name: &str) -> Option<ObjId> {
    let at = match name {
        TEXTS => RESOURCE_TYPES.len(),
        name => RESOURCE_TYPES.binary_search(&name).ok()?,
    };
    Some(ObjId::Id(ROOT_SCALARS + 1 + at as u64, genesis_actor(), 0))
}

/// The collection that an object is.
pub(super) fn collection_at(object: &ObjId) -> Option<&'static str> {
    match object {
        ObjId::Id(counter, actor, _) => collection_name(*counter, actor),
        ObjId::Root => None,
    }
}

/// The collection that an operation id of genesis made.
pub(crate) fn collection_name(counter: u64, actor: &ActorId) -> Option<&'static str> {
    if *actor != genesis_actor() {
        return None;
    }
    let at = usize::try_from(counter.checked_sub(ROOT_SCALARS + 1)?).ok()?;
    if at == RESOURCE_TYPES.len() { Some(TEXTS) } else { RESOURCE_TYPES.get(at).copied() }
}
