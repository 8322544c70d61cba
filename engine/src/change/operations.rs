//! Which resources a change touches, read from its operations.
//!
//! Patches would not do: a write that loses against a concurrent one leaves no patch, and what a
//! change touches must not depend on what else has arrived.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    Change, ObjId, ObjType, ScalarValue,
    legacy::{Key, ObjectId, Op, OpId, OpType},
};

use serde_json::Map;

use super::{Refusal, Touched};
use crate::{
    document::{self, Document, Put, TEXTS, text_names},
    limits,
};

/// Where an object lies.
#[derive(Debug, Clone)]
struct Place {
    /// The names from the root down to it, as far as collection, resource and element.
    names: Vec<String>,
    /// How many there are.
    depth: usize,
}

impl Place {
    fn of(mut names: Vec<String>) -> Self {
        let depth = names.len();
        names.truncate(3);
        Self { names, depth }
    }

    /// The place of what an operation writes in this object.
    fn at(mut self, key: &Key) -> Self {
        self.depth += 1;
        if self.depth <= 3 {
            self.names.push(match key {
                Key::Map(name) => name.to_string(),
                Key::Seq(_) => String::new(),
            });
        }
        self
    }
}

/// Places of objects: of those that changes of this batch make, which the document does not have yet,
/// and of some that it has, where it would be searched for them. An object never moves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Staged(BTreeMap<(u64, automerge::ActorId), Place>);

impl Staged {
    /// Adds the objects that a change of the batch makes, or writes in.
    pub fn extend(&mut self, made: Self) {
        self.0.extend(made.0);
    }

    /// The batch is applied: all of these are in the document, and are kept while they are few.
    pub fn rest(&mut self) {
        if self.0.len() > limits::PLACES_MAX {
            self.clear();
        }
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Takes a change apart: what it touches, and the objects it makes.
///
/// `staged` has the objects of changes before it that are not applied yet.
pub(crate) fn touched(
    document: &Document,
    staged: &Staged,
    change: &Change,
) -> Result<(Vec<Touched>, Staged), Refusal> {
    let expanded = change.decode();
    let mut found: BTreeMap<(String, String), Touched> = BTreeMap::new();
    let mut made = Staged::default();
    for (op, counter) in expanded.operations.iter().zip(expanded.start_op.get()..) {
        // Automerge takes it, and reads what it saved of such a map back with keys missing.
        if op.insert && matches!(op.key, Key::Map(_)) {
            return Err(Refusal::Malformed("it inserts at a key of a map"));
        }
        let place = place(document, staged, &mut made, &op.obj)?.at(&op.key);
        check_shape(&place, op)?;
        if let (Some(collection), Some(id)) = (place.names.first(), place.names.get(1)) {
            let touched =
                found.entry((collection.clone(), id.clone())).or_insert_with(|| Touched {
                    collection: collection.clone(),
                    id: id.clone(),
                    elements: BTreeSet::new(),
                    claims: Map::new(),
                    unclear: false,
                    deletes: false,
                    // The browser module reads each resource anew, and is built without this.
                    puts: cfg!(not(target_arch = "wasm32")).then(Vec::new),
                });
            touched.put(op, OpId(counter, expanded.actor_id.clone()));
            if let Some(element) = place.names.get(2) {
                touched.elements.insert(element.clone());
                if document::says_where(collection, element) {
                    touched.claim(element, &op.action, place.depth == 3);
                }
            }
            touched.note_delete(op, &place);
        }
        if matches!(op.action, OpType::Make(_)) {
            made.0.insert((counter, expanded.actor_id.clone()), place);
        }
    }
    Ok((found.into_values().collect(), made))
}

impl Touched {
    /// Notes an operation that puts a value at a key of a map; with any other, nothing is noted.
    fn put(&mut self, op: &Op, operation: OpId) {
        let Some(puts) = &mut self.puts else { return };
        let (ObjectId::Id(map), Key::Map(key), OpType::Put(value)) = (&op.obj, &op.key, &op.action)
        else {
            self.puts = None;
            return;
        };
        puts.push(Put {
            operation,
            map: map.clone(),
            key: key.to_string(),
            value: value.clone(),
            replaces: op.pred.iter().cloned().collect(),
        });
    }

    /// Notes an operation that deletes the resource: ours says so in an element, foreign clients take
    /// the key away.
    fn note_delete(&mut self, op: &Op, place: &Place) {
        let at_mark =
            place.depth == 3 && place.names.last().is_some_and(|name| name == document::DELETED);
        let unmarks = matches!(
            op.action,
            OpType::Put(ScalarValue::Null | ScalarValue::Boolean(false)) | OpType::Delete
        );
        self.deletes |=
            at_mark && !unmarks || place.depth == 2 && matches!(op.action, OpType::Delete);
    }

    /// Whether it is about a resource, or a text of it.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn concerns(&self, resource_type: &str, id: &str) -> bool {
        self.resource() == (resource_type, id)
    }

    /// Type and id of the resource that it is, or whose text it is.
    pub fn resource(&self) -> (&str, &str) {
        if self.collection != TEXTS {
            return (&self.collection, &self.id);
        }
        text_names(&self.id).map(|(name, id, _)| (name, id)).unwrap_or_default()
    }

    /// Notes a write at an element that says where the resource belongs, or whether it is signed.
    fn claim(&mut self, element: &str, action: &OpType, at_element: bool) {
        match action {
            OpType::Put(ScalarValue::Null) | OpType::Delete if at_element => {
                // To take a label away is to say something, too; a browser does not look at it.
                #[cfg(not(target_arch = "wasm32"))]
                self.claims.insert(element.to_owned(), serde_json::Value::Null);
            }
            OpType::Put(ScalarValue::Str(text)) if at_element => {
                self.claims.insert(element.to_owned(), document::text_value(text));
            }
            OpType::Put(_)
            | OpType::Delete
            | OpType::Make(_)
            | OpType::Increment(_)
            | OpType::MarkBegin(_)
            | OpType::MarkEnd(_) => self.unclear = true,
        }
    }
}

/// Whether anything behind `heads` touches a resource, or a text of it. Costs by what came since.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn is_touched_since(
    document: &Document,
    heads: &[automerge::ChangeHash],
    (resource_type, id): (&str, &str),
) -> bool {
    let leaves_it = |change: &Change| {
        let taken = touched(document, &Staged::default(), change);
        // What cannot be taken apart any more may have been about it.
        taken.is_ok_and(|(touched, _)| !touched.iter().any(|one| one.concerns(resource_type, id)))
    };
    !document.covers_all(heads) && !document.changes_since(heads).iter().all(leaves_it)
}

/// Where an operation's object lies. Genesis's collections are known by number; objects of this
/// batch by the operations that make them; the rest is asked of the document.
fn place(
    document: &Document,
    staged: &Staged,
    made: &mut Staged,
    object: &ObjectId,
) -> Result<Place, Refusal> {
    let ObjectId::Id(OpId(counter, actor)) = object else {
        return Err(Refusal::OutsideCollections);
    };
    if let Some(collection) = document::collection_name(*counter, actor) {
        return Ok(Place::of(vec![collection.to_owned()]));
    }
    let key = (*counter, actor.clone());
    if let Some(place) = made.0.get(&key).or_else(|| staged.0.get(&key)) {
        return Ok(place.clone());
    }
    let unknown = Refusal::Malformed("it writes to an object that does not exist");
    let names = document.place(&ObjId::Id(*counter, actor.clone(), 0)).ok_or(unknown)?;
    let place = Place::of(names);
    made.0.insert(key, place.clone());
    Ok(place)
}

/// A collection holds maps by FHIR id, `$texts` holds texts; nothing else may stand in them, and
/// objects nest no deeper than they are read.
fn check_shape(place: &Place, op: &Op) -> Result<(), Refusal> {
    if place.depth > 3 + limits::NESTING_MAX {
        return Err(Refusal::OverLimit("levels of nesting"));
    }
    let [collection, id] = place.names.as_slice() else { return Ok(()) };
    let (fits, id_ok) = if collection == TEXTS {
        (
            matches!(op.action, OpType::Make(ObjType::Text) | OpType::Delete),
            id.len() <= limits::TEXT_KEY_BYTES_MAX,
        )
    } else {
        (
            matches!(op.action, OpType::Make(ObjType::Map) | OpType::Delete),
            document::is_resource_id(id),
        )
    };
    match (fits, id_ok) {
        (false, _) => Err(Refusal::OutsideCollections),
        (true, false) => Err(Refusal::BadId),
        (true, true) => Ok(()),
    }
}
