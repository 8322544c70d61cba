//! Conflicts: concurrent values that a person has to choose between, and what is shown until then.
//!
//! All of it is decided from the changes in history, so it holds for foreign clients too. [`read`]
//! is the one function that says what a resource shows; nothing else picks a winner.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, ChangeHash, ObjId, ReadDoc, ValueRef};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    codec::{self, DELETED, Element, SOURCE},
    follow::Line,
    history,
    log_order::LogOrder,
    reader::{self, Part, Reader},
    safety, texts,
    view::{self, ResourceView, Standing, Written},
};
use crate::Author;

/// How two writes clash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictKind {
    /// Two values of one element, or of the variants of one choice element.
    Element,
    /// Elements that only make sense together were written by people who did not know of each
    /// other.
    Group,
    /// One deleted the resource, another edited it.
    Deleted,
    /// Two people created the same id.
    Created,
    /// Two people began, or set, one text apart; splices of one text are merged instead.
    Text,
}

/// Values that stand beside each other until a person writes the element again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// FHIR resource type.
    pub resource_type: String,
    /// FHIR id.
    pub id: String,
    /// How the writes clash.
    pub kind: ConflictKind,
    /// The elements concerned, sorted.
    pub elements: Vec<String>,
    /// Whether it blocks acts: drug, dose, to whom, active or not, allergies, code status.
    pub safety: bool,
    /// The values, the shown one first.
    pub values: Vec<ConflictValue>,
}

/// One side of a conflict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConflictValue {
    /// Element names to values; null where this side removed the element. Of a text, its string.
    pub value: Value,
    /// Who wrote it, where known.
    pub author: Option<Author>,
    /// What the change claims as its time: milliseconds since 1970.
    pub authored_ms: i64,
    /// Hash of the change that wrote it, in hex.
    pub hash: String,
    /// Whether readers see this one until somebody chooses.
    pub shown: bool,
}

/// A resource as read.
pub(super) struct Read {
    /// The elements, without `resourceType` and `id`.
    pub elements: Map<String, Value>,
    /// Whether it is deleted.
    pub deleted: bool,
    /// What `export` gives back into `meta`.
    pub source: Option<Value>,
    /// What a person has to choose; authors are not filled in.
    pub conflicts: Vec<Conflict>,
}

/// A side of a conflict before it is told: the change, and the elements as it has them.
type Sides = BTreeMap<ChangeHash, Written>;

/// The keys of each unit.
type Units = BTreeMap<String, BTreeSet<String>>;

/// Reads a resource: the value that every reader sees, and the conflicts in it.
pub(super) fn read(
    doc: &Automerge,
    order: &LogOrder,
    resource_type: &str,
    id: &str,
) -> Option<Read> {
    read_with(Reader { doc, heads: None }, order, resource_type, id)
}

/// Reads a resource, and what stands in it where nothing is disputed.
pub(super) fn look(
    doc: &Automerge,
    order: &LogOrder,
    resource_type: &str,
    id: &str,
) -> Option<(Read, Option<Line>)> {
    let reader = Reader { doc, heads: None };
    let view = ResourceView::of(reader, resource_type, id)?;
    let mut reading = Reading::new(reader, order, resource_type, id);
    // The browser module reads each resource anew, and is built without this.
    reading.standing = cfg!(not(target_arch = "wasm32")).then(Vec::new);
    reading.read(&view);
    let line = reading.line(&view);
    Some((reading.ended(), line))
}

/// Reads a resource as it was at the reader's heads.
pub(super) fn read_with(
    reader: Reader<'_>,
    order: &LogOrder,
    resource_type: &str,
    id: &str,
) -> Option<Read> {
    let view = ResourceView::of(reader, resource_type, id)?;
    let mut reading = Reading::new(reader, order, resource_type, id);
    reading.read(&view);
    Some(reading.ended())
}

/// The conflicts of texts, those whose keys begin so: texts that were begun apart and say different
/// things. Authors are not filled in.
pub(super) fn of_texts(doc: &Automerge, order: &LogOrder, prefix: &str) -> Vec<Conflict> {
    let mut found = Vec::new();
    for key in texts::keys(doc, prefix, true) {
        let Some((name, id, element)) = texts::names(&key) else { continue };
        let side = |(hash, text): (ChangeHash, ObjId)| {
            let value = Some(Value::from(doc.text(text).unwrap_or_default()));
            (hash, [(element.to_owned(), Element { value, sibling: None })].into())
        };
        let sides: Sides = texts::standing(doc, order, &key).into_iter().map(side).collect();
        let mut reading = Reading::new(Reader { doc, heads: None }, order, name, id);
        reading.report(ConflictKind::Text, vec![element.to_owned()], &sides);
        found.extend(reading.conflicts);
    }
    found
}

/// Whether texts of a resource stand beside each other.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn has_disputed_text(
    doc: &Automerge,
    order: &LogOrder,
    resource_type: &str,
    id: &str,
) -> bool {
    !of_texts(doc, order, &texts::prefix(resource_type, id)).is_empty()
}

struct Reading<'a> {
    doc: &'a Automerge,
    reader: Reader<'a>,
    order: &'a LogOrder,
    resource_type: &'a str,
    id: &'a str,
    elements: Written,
    /// Whether several people may have written a part of an element.
    has_shared_part: bool,
    /// Where somebody asks for it: the operation behind each key, while nothing is disputed.
    standing: Option<Vec<(String, ObjId)>>,
    /// The latest operation behind what stands.
    last: Option<ObjId>,
    conflicts: Vec<Conflict>,
}

impl<'a> Reading<'a> {
    fn new(reader: Reader<'a>, order: &'a LogOrder, resource_type: &'a str, id: &'a str) -> Self {
        Self {
            doc: reader.doc,
            reader,
            order,
            resource_type,
            id,
            elements: BTreeMap::new(),
            has_shared_part: false,
            standing: None,
            last: None,
            conflicts: Vec::new(),
        }
    }

    fn read(&mut self, view: &ResourceView<'_>) {
        let undisputed = self.undisputed(view);
        if !undisputed {
            self.standing = None;
            self.disputed(view);
        }
        if !undisputed || self.has_shared_part {
            self.parts(view);
        }
    }

    fn ended(self) -> Read {
        let Self { mut elements, conflicts, .. } = self;
        let deleted = elements.remove(DELETED).and_then(|e| e.value) == Some(Value::Bool(true));
        let source = elements.remove(SOURCE).and_then(|element| element.value);
        let mut json = Map::new();
        for (name, element) in elements {
            element.insert_into(name, &mut json);
        }
        Read { elements: json, deleted, source, conflicts }
    }

    /// What stands, where nothing in the resource is disputed.
    fn line(&mut self, view: &ResourceView<'_>) -> Option<Line> {
        let standing = self.standing.take().filter(|_| !self.has_shared_part)?;
        let [map] = view.maps() else { return None };
        let last = history::writer(self.doc, self.last.as_ref()?)?;
        Line::of(map, standing, last)
    }

    /// The common case: one map, and whoever wrote in it knew what had been written in it before, so
    /// nothing in it can be concurrent.
    fn undisputed(&mut self, view: &ResourceView<'_>) -> bool {
        let [map] = view.maps() else { return false };
        let reader = self.reader;
        let mut operations = Vec::new();
        for item in reader.map_range(map) {
            if item.conflict {
                return false;
            }
            let op = item.id();
            let element = match item.value {
                ValueRef::Scalar(scalar) => codec::decode_ref(scalar),
                ValueRef::Object(kind) if reader::has_parts(&item.key, kind) => {
                    let (element, shared) = reader.parted(kind, &op);
                    self.has_shared_part |= shared;
                    element
                }
                ValueRef::Object(kind) => {
                    operations.extend(reader.operations_in(kind, &op));
                    reader.object(&item.key, kind, &op)
                }
            };
            let key = item.key.into_owned();
            if let Some(standing) = &mut self.standing {
                standing.push((key.clone(), op.clone()));
            }
            operations.push(op);
            self.elements.insert(key, element);
        }
        // Along a line counters grow.
        let is_line = self.is_line(&operations);
        self.last = operations.into_iter().max_by_key(counter);
        is_line
    }

    /// Whether of any two operations the writer of one knew of the other, as far as that shows at
    /// once: one actor's always did. Where variants of one choice element stand, who wrote last counts.
    fn is_line(&self, operations: &[ObjId]) -> bool {
        let mut actors = operations.iter().map(reader::actor);
        let first = actors.next();
        if actors.all(|actor| Some(actor) == first) {
            return true;
        }
        let units: BTreeSet<&str> = self.elements.keys().map(|key| view::unit_name(key)).collect();
        units.len() == self.elements.len() && {
            let writers = operations.iter().filter_map(|op| history::writer(self.doc, op));
            self.order.is_line(&writers.collect())
        }
    }

    fn disputed(&mut self, view: &ResourceView<'_>) {
        self.elements.clear();
        let standing = view.standing(self.order);
        let units = standing.units();
        for keys in units.values() {
            let sides = standing.unit(self.order, keys);
            self.show(&sides);
            let names = element_names(keys);
            if !names.is_empty() {
                self.report(ConflictKind::Element, names, &sides);
            }
        }
        self.group(view, &standing, &units);
        self.deletion(&standing, &units);
        self.creation(view, &standing, &units);
    }

    /// Shows the side of a unit that the room showed first.
    fn show(&mut self, sides: &Sides) {
        let first = self.order.first(sides.keys());
        if let Some(side) = first.and_then(|hash| sides.get(&hash)) {
            self.elements.extend(side.clone());
        }
    }

    /// A safety group whose last writers did not know of each other: every side is the group as one
    /// of them had it, so that no order appears that nobody wrote.
    fn group(&mut self, view: &ResourceView<'_>, standing: &Standing, units: &Units) {
        for group in safety::groups(self.resource_type) {
            let keys: BTreeSet<String> =
                group.iter().filter_map(|unit| units.get(*unit)).flatten().cloned().collect();
            let writers = self.order.maximal(&standing.writers(&keys));
            if writers.len() < 2 {
                continue;
            }
            let sides: Sides =
                writers.iter().map(|hash| (*hash, view.seen_by(hash, &keys))).collect();
            let differs = |key: &&String| differs(self.order, key, &sides, standing, units);
            let differing: BTreeSet<String> = keys.iter().filter(differs).cloned().collect();
            if differing.iter().map(|key| view::unit_name(key)).collect::<BTreeSet<_>>().len() < 2 {
                continue;
            }
            self.show(&sides);
            let sides = sides
                .into_iter()
                .map(|(hash, mut side)| {
                    side.retain(|key, _| differing.contains(key));
                    (hash, side)
                })
                .collect();
            let names: Vec<String> = differing.into_iter().collect();
            self.conflicts.retain(|conflict| {
                !conflict.elements.iter().all(|element| names.contains(element))
            });
            self.report(ConflictKind::Group, names, &sides);
        }
    }

    /// A delete and an edit, or what brought the resource back, that did not know of each other.
    fn deletion(&mut self, standing: &Standing, units: &Units) {
        let Some(deleted) = units.get(DELETED) else { return };
        let (mut deletes, mut edits) = (BTreeSet::new(), BTreeSet::new());
        for (hash, side) in standing.unit(self.order, deleted) {
            let deletes_it = side.values().any(|e| e.value == Some(Value::Bool(true)));
            if deletes_it { &mut deletes } else { &mut edits }.insert(hash);
        }
        let others = units.iter().filter(|(unit, _)| *unit != DELETED).flat_map(|(_, keys)| keys);
        edits.extend(standing.writers(others));
        let concurrent: BTreeSet<ChangeHash> = edits
            .into_iter()
            .filter(|edit| {
                deletes.iter().any(|delete| {
                    !self.order.is_ancestor(edit, delete) && !self.order.is_ancestor(delete, edit)
                })
            })
            .collect();
        if deletes.is_empty() || concurrent.is_empty() {
            return;
        }
        let side = |deleted: bool| -> Written {
            let value = deleted.then_some(Value::Bool(true));
            [(DELETED.to_owned(), Element { value, sibling: None })].into()
        };
        let mut sides: Sides = deletes.into_iter().map(|hash| (hash, side(true))).collect();
        sides.extend(concurrent.into_iter().map(|hash| (hash, side(false))));
        self.show(&sides);
        self.report(ConflictKind::Deleted, vec![DELETED.to_owned()], &sides);
    }

    /// Two maps at one id, until somebody who knew of both wrote to the resource.
    fn creation(&mut self, view: &ResourceView<'_>, standing: &Standing, units: &Units) {
        let creations: BTreeSet<ChangeHash> =
            view.maps().iter().filter_map(|map| history::writer(self.doc, map)).collect();
        if creations.len() < 2 {
            return;
        }
        let settled = standing.writers(units.values().flatten()).iter().any(|writer| {
            creations.iter().all(|creation| self.order.is_ancestor(creation, writer))
        });
        if settled {
            return;
        }
        let sides = creations.into_iter().map(|hash| (hash, Written::new())).collect();
        self.tell(ConflictKind::Created, Vec::new(), &sides);
    }

    /// Parts of an element that people wrote apart are one conflict of it: each side is the element with
    /// the parts that one of them wrote, and what shows in the others.
    fn parts(&mut self, view: &ResourceView<'_>) {
        let reader = self.reader;
        // Where the resource was created twice, an element may have been written in the other map since.
        let standing = (view.maps().len() > 1).then(|| view.standing(self.order));
        for item in view.maps().iter().flat_map(|map| reader.map_range(map)) {
            let ValueRef::Object(kind) = item.value else { continue };
            if item.conflict || !reader::has_parts(&item.key, kind) {
                continue;
            }
            let key = item.key.to_string();
            let last = standing.as_ref().map(|all| self.order.maximal(&all.writers([&key])));
            let own = history::writer(self.doc, &item.id());
            if last.is_some_and(|last| last != own.into_iter().collect()) {
                continue;
            }
            let parts = reader.parts(self.order, kind, &item.id());
            let disputed = parts.iter().filter(|part| part.values.len() > 1);
            let writers: BTreeSet<ChangeHash> =
                disputed.flat_map(|part| part.values.keys()).copied().collect();
            if writers.is_empty() {
                continue;
            }
            let as_of = |hash: &ChangeHash| {
                let part = |part: &Part| {
                    let first = || part.values.get(&self.order.first(part.values.keys())?);
                    let element = part.values.get(hash).or_else(first).unwrap_or(&part.element);
                    (part.key.clone(), element.clone())
                };
                reader::joined(kind, parts.iter().map(part))
            };
            let side = |hash: &ChangeHash| (*hash, [(key.clone(), as_of(hash))].into());
            let sides: Sides = writers.iter().map(side).collect();
            self.show(&sides);
            self.report(ConflictKind::Element, vec![key], &sides);
        }
    }

    /// Reports sides that say different things; equal values do not clash.
    fn report(&mut self, kind: ConflictKind, elements: Vec<String>, sides: &Sides) {
        let mut distinct: Vec<Map<String, Value>> = Vec::new();
        for side in sides.values() {
            let json = side_json(side, &[]);
            if !distinct.contains(&json) {
                distinct.push(json);
            }
        }
        if distinct.len() > 1 {
            self.tell(kind, elements, sides);
        }
    }

    fn tell(&mut self, kind: ConflictKind, elements: Vec<String>, sides: &Sides) {
        let first = self.order.first(sides.keys());
        let mut values: Vec<ConflictValue> = sides
            .iter()
            .map(|(hash, side)| {
                let change = self.doc.get_change_meta_by_hash(hash);
                let time = change.as_ref().map_or(0, |change| change.timestamp);
                ConflictValue {
                    value: match kind {
                        ConflictKind::Text => side_text(side),
                        ConflictKind::Element
                        | ConflictKind::Group
                        | ConflictKind::Deleted
                        | ConflictKind::Created => Value::Object(side_json(side, &elements)),
                    },
                    author: None,
                    authored_ms: crate::time::claimed_ms(time),
                    hash: hash.to_string(),
                    shown: Some(*hash) == first,
                }
            })
            .collect();
        values.sort_by_key(|value| !value.shown);
        self.conflicts.push(Conflict {
            resource_type: self.resource_type.to_owned(),
            id: self.id.to_owned(),
            kind,
            safety: safety::is_critical(self.resource_type, kind, &elements),
            elements,
            values,
        });
    }
}

/// Whether sides of a group differ in a key. Where one of them never had it, that side shows what
/// stands there.
fn differs(order: &LogOrder, key: &str, sides: &Sides, standing: &Standing, units: &Units) -> bool {
    let all_have_it = sides.values().all(|side| side.contains_key(key));
    let unit = units.get(view::unit_name(key)).filter(|_| !all_have_it);
    let shown = unit.map(|keys| standing.unit(order, keys)).unwrap_or_default();
    let mut values = sides.values().chain(shown.values()).filter_map(|side| side.get(key));
    let first = values.next();
    values.any(|value| Some(value) != first)
}

fn counter(op: &ObjId) -> u64 {
    match op {
        ObjId::Id(counter, ..) => *counter,
        ObjId::Root => 0,
    }
}

/// What one side says: absent elements left out, but for those named, which are null.
fn side_json(side: &Written, named: &[String]) -> Map<String, Value> {
    let mut json: Map<String, Value> = named
        .iter()
        .filter(|name| side.contains_key(*name))
        .map(|name| (name.clone(), Value::Null))
        .collect();
    for (name, element) in side {
        if !element.is_absent() {
            json.insert(name.clone(), element.clone().into_json());
        }
    }
    json
}

/// What one side of a text says.
fn side_text(side: &Written) -> Value {
    side.values().find_map(|text| text.value.clone()).unwrap_or_default()
}

fn element_names(keys: &BTreeSet<String>) -> Vec<String> {
    keys.iter().filter(|key| !key.starts_with('$')).cloned().collect()
}
