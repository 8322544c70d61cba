//! Reading a document: an element as one JSON value, whatever shapes and concurrent values stand in it.
//!
//! The items of an array and the extensions of one url are parts of their element, which people may
//! write apart ([`Reader::parts`]); any other object that a foreign client put at a key is one value,
//! whoever wrote where in it.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    ActorId, Automerge, ChangeHash, ObjId, ObjType, Prop, ReadDoc, Value as Stored, ValueRef,
    iter::{ListRange, ListRangeItem, MapRange, MapRangeItem},
};
use serde_json::{Map, Value};

use super::{
    codec::{self, Element},
    genesis, history,
    log_order::LogOrder,
    resource_types::is_whole_array,
};
use crate::limits;

/// What stands at one place, by the change that wrote it.
pub(super) type Values = BTreeMap<ChangeHash, Element>;

/// A part of an array or of extensions.
pub(super) struct Part {
    /// The url of extensions; empty where it is an item.
    pub key: String,
    /// As automerge shows it.
    pub element: Element,
    /// What stands beside each other in it; fewer than two where that is one value.
    pub values: Values,
}

/// Reads a document as it is, or as of some heads.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub doc: &'a Automerge,
    /// `None`: as it is.
    pub heads: Option<&'a [ChangeHash]>,
}

impl<'a> Reader<'a> {
    /// The concurrent values at a key or index.
    pub fn all(&self, object: &ObjId, at: impl Into<Prop>) -> Vec<(Stored<'a>, ObjId)> {
        match self.heads {
            Some(heads) => self.doc.get_all_at(object, at, heads),
            None => self.doc.get_all(object, at),
        }
        .unwrap_or_default()
    }

    /// The ids in a collection, deleted ones included.
    pub fn ids(&self, resource_type: &str) -> Vec<String> {
        match (genesis::collection(resource_type), self.heads) {
            (None, _) => Vec::new(),
            (Some(collection), None) => self.doc.keys(collection).collect(),
            (Some(collection), Some(heads)) => self.doc.keys_at(collection, heads).collect(),
        }
    }

    /// The maps that stand at an id of a collection, the winning one last.
    pub fn maps(&self, collection: &ObjId, id: &str) -> Vec<ObjId> {
        self.all(collection, id)
            .into_iter()
            .filter(|(value, _)| matches!(value, Stored::Object(ObjType::Map)))
            .map(|(_, map)| map)
            .collect()
    }

    /// The entries of a map.
    pub fn map_range(&self, map: &ObjId) -> MapRange<'a> {
        match self.heads {
            Some(heads) => self.doc.map_range_at(map, .., heads),
            None => self.doc.map_range(map, ..),
        }
    }

    /// The items of a list.
    pub fn list_range(&self, list: &ObjId) -> ListRange<'a> {
        match self.heads {
            Some(heads) => self.doc.list_range_at(list, .., heads),
            None => self.doc.list_range(list, ..),
        }
    }

    /// The element that a value at a key stands for.
    pub fn element(&self, key: &str, value: &Stored<'_>, op: &ObjId) -> Element {
        match value {
            Stored::Scalar(scalar) => codec::decode(scalar),
            Stored::Object(kind) => self.object(key, *kind, op),
        }
    }

    /// The element at a key of a map; where several values stand, automerge's choice.
    pub fn element_in(&self, map: &ObjId, key: &str) -> Element {
        let last = self.all(map, key).pop();
        last.map_or_else(Element::default, |(value, op)| self.element(key, &value, &op))
    }

    /// The element that an object at a key stands for.
    pub fn object(&self, key: &str, kind: ObjType, object: &ObjId) -> Element {
        match kind {
            ObjType::Text => codec::decode_text(&self.text(object)),
            ObjType::List => self.list(self.list_range(object)),
            ObjType::Map | ObjType::Table if codec::is_extension(key) => {
                self.parted(kind, object).0
            }
            ObjType::Map | ObjType::Table => Element {
                value: Some(self.plain(kind, object, limits::NESTING_MAX)),
                sibling: None,
            },
        }
    }

    /// What a part of an element stands for.
    fn part(&self, value: &Stored<'_>, op: &ObjId) -> Element {
        match value {
            Stored::Scalar(scalar) => codec::decode(scalar),
            Stored::Object(ObjType::Text) => codec::decode_text(&self.text(op)),
            Stored::Object(kind) => Element::of(self.plain(*kind, op, limits::NESTING_MAX)),
        }
    }

    /// The parts of an object that has them.
    pub fn parts(&self, order: &LogOrder, kind: ObjType, object: &ObjId) -> Vec<Part> {
        let part = |(key, standing): (String, Vec<(Stored<'_>, ObjId)>)| {
            let element = standing.last().map(|(value, op)| self.part(value, op));
            let values = match is_plain(&standing) {
                true => Values::new(),
                false => self.values(order, None, &standing),
            };
            Part { key, element: element.unwrap_or_default(), values }
        };
        self.places(kind, object).into_iter().map(part).collect()
    }

    /// The element that an object with parts stands for, and whether one of them may have been written by
    /// several people who did not know of each other.
    pub fn parted(&self, kind: ObjType, object: &ObjId) -> (Element, bool) {
        let mut shared = false;
        let mut look = |conflict: bool, value: &ValueRef<'_>, op: &dyn Fn() -> ObjId| {
            shared |= conflict;
            if let ValueRef::Object(kind) = value
                && *kind != ObjType::Text
            {
                let op = op();
                let inner = self.operations_in(*kind, &op);
                shared |= inner.iter().any(|inner| actor(inner) != actor(&op));
            }
        };
        let element = match kind {
            ObjType::List => self.list(
                self.list_range(object)
                    .inspect(|item| look(item.conflict, &item.value, &|| item.id())),
            ),
            ObjType::Map | ObjType::Table | ObjType::Text => {
                let part = |item: MapRangeItem<'_>| {
                    look(item.conflict, &item.value, &|| item.id());
                    let op = item.id();
                    (item.key.into_owned(), self.part(&item.value.to_owned().into(), &op))
                };
                joined(kind, self.map_range(object).map(part))
            }
        };
        (element, shared)
    }

    /// The changes behind what stands beside each other in parts.
    pub fn disputed_parts(
        &self,
        order: &LogOrder,
        kind: ObjType,
        object: &ObjId,
    ) -> BTreeSet<ChangeHash> {
        let places = self.places(kind, object).into_iter();
        places
            .filter(|(_, standing)| !is_plain(standing))
            .map(|(_, standing)| self.writers(order, None, &standing))
            .filter(|writers| writers.len() > 1)
            .flatten()
            .collect()
    }

    /// What stands at a key, or in a part, by who wrote it last, as they had it.
    pub fn values(
        &self,
        order: &LogOrder,
        key: Option<&str>,
        standing: &[(Stored<'a>, ObjId)],
    ) -> Values {
        let mut values = Values::new();
        for written @ (value, op) in standing {
            let writers = self.writers(order, key, std::slice::from_ref(written));
            for hash in &writers {
                let own = [*hash];
                let heads = if writers.len() > 1 { Some(&own[..]) } else { self.heads };
                let then = Reader { doc: self.doc, heads };
                let element = match key {
                    Some(key) => then.element(key, value, op),
                    None => then.part(value, op),
                };
                values.insert(*hash, element);
            }
        }
        values
    }

    /// Who wrote last what stands at a key, or in a part: of each value those who did not know of each
    /// other.
    pub fn writers(
        &self,
        order: &LogOrder,
        key: Option<&str>,
        standing: &[(Stored<'a>, ObjId)],
    ) -> BTreeSet<ChangeHash> {
        let of = |(value, op): &(Stored<'a>, ObjId)| {
            let mut operations = vec![op.clone()];
            if let Stored::Object(kind) = value
                && !key.is_some_and(|key| has_parts(key, *kind))
            {
                operations.extend(self.operations_in(*kind, op));
            }
            let writers = operations.iter().filter_map(|op| history::writer(self.doc, op));
            order.maximal(&writers.collect())
        };
        standing.iter().flat_map(of).collect()
    }

    /// The operations behind all that stands in an object; none of a text, in which letters are merged.
    pub fn operations_in(&self, kind: ObjType, object: &ObjId) -> Vec<ObjId> {
        let mut found = Vec::new();
        let mut walk = vec![(kind, object.clone())];
        while let Some((kind, object)) = walk.pop() {
            for (_, standing) in self.places(kind, &object) {
                for (value, op) in standing {
                    if let Stored::Object(kind) = value {
                        walk.push((kind, op.clone()));
                    }
                    found.push(op);
                }
            }
        }
        found
    }

    /// The places in an object, by key but in a list, and what stands at each, automerge's choice last.
    pub fn places(&self, kind: ObjType, object: &ObjId) -> Vec<(String, Vec<(Stored<'a>, ObjId)>)> {
        match kind {
            ObjType::List => {
                let place = |item: ListRangeItem<'a>| match item.conflict {
                    true => (String::new(), self.all(object, item.index)),
                    false => (String::new(), vec![(item.value.to_owned().into(), item.id())]),
                };
                self.list_range(object).map(place).collect()
            }
            ObjType::Map | ObjType::Table => {
                self.map_range(object).map(|item| self.map_place(object, item)).collect()
            }
            ObjType::Text => Vec::new(),
        }
    }

    /// The place of a map that an item tells of.
    pub fn map_place(
        &self,
        map: &ObjId,
        item: MapRangeItem<'a>,
    ) -> (String, Vec<(Stored<'a>, ObjId)>) {
        let standing = match item.conflict {
            true => self.all(map, &*item.key),
            false => vec![(item.value.to_owned().into(), item.id())],
        };
        (item.key.into_owned(), standing)
    }

    /// The element that a list of these items stands for.
    pub fn list<'i>(&self, items: impl Iterator<Item = ListRangeItem<'i>>) -> Element {
        let item = |item: ListRangeItem<'_>| match item.value {
            ValueRef::Scalar(scalar) => codec::decode_ref(scalar).into_json(),
            ValueRef::Object(ObjType::Text) => {
                codec::decode_text(&self.text(&item.id())).into_json()
            }
            ValueRef::Object(kind) => self.plain(kind, &item.id(), limits::NESTING_MAX),
        };
        Element { value: Some(items.map(item).collect()), sibling: None }
    }

    fn text(&self, object: &ObjId) -> String {
        match self.heads {
            Some(heads) => self.doc.text_at(object, heads),
            None => self.doc.text(object),
        }
        .unwrap_or_default()
    }

    fn items(&self, list: &ObjId) -> Vec<(Stored<'static>, ObjId)> {
        self.list_range(list).map(|item| (item.value.to_owned().into(), item.id())).collect()
    }

    fn entries(&self, map: &ObjId) -> Vec<(String, Stored<'static>, ObjId)> {
        self.map_range(map)
            .map(|item| (item.key.to_string(), item.value.to_owned().into(), item.id()))
            .collect()
    }

    /// A foreign client's nested objects as the JSON they mean, strings as they stand.
    fn plain(&self, kind: ObjType, object: &ObjId, depth: usize) -> Value {
        let inner = |value: Stored<'_>, op: &ObjId| match value {
            Stored::Scalar(scalar) => {
                scalar.as_str().map_or_else(|| codec::decode(&scalar).into_json(), Value::from)
            }
            Stored::Object(_) if depth == 0 => Value::Null,
            Stored::Object(kind) => self.plain(kind, op, depth - 1),
        };
        match kind {
            ObjType::Text => Value::from(self.text(object)),
            ObjType::List => {
                self.items(object).into_iter().map(|(value, op)| inner(value, &op)).collect()
            }
            ObjType::Map | ObjType::Table => Value::Object(
                self.entries(object)
                    .into_iter()
                    .filter(|(_, value, _)| !value.is_null())
                    .map(|(key, value, op)| (key, inner(value, &op)))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

/// The device that made an operation.
pub(super) fn actor(op: &ObjId) -> Option<&ActorId> {
    match op {
        ObjId::Id(_, actor, _) => Some(actor),
        ObjId::Root => None,
    }
}

/// Whether what stands in a part is one value that is written as a whole.
pub(super) fn is_plain(standing: &[(Stored<'_>, ObjId)]) -> bool {
    matches!(standing, [(Stored::Scalar(_) | Stored::Object(ObjType::Text), _)])
}

/// Whether people write the parts of an object at this key apart: the items of an array, the extensions
/// of each url.
pub(super) fn has_parts(key: &str, kind: ObjType) -> bool {
    match kind {
        ObjType::List => !is_whole_array(key),
        ObjType::Map | ObjType::Table => codec::is_extension(key),
        ObjType::Text => false,
    }
}

/// The element that parts make.
pub(super) fn joined(kind: ObjType, parts: impl Iterator<Item = (String, Element)>) -> Element {
    Element::of(match kind {
        ObjType::List => parts.map(|(_, item)| item.into_json()).collect(),
        ObjType::Map | ObjType::Table | ObjType::Text => codec::decode_extensions(parts.collect()),
    })
}
