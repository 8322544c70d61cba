//! Reading: a resource as one JSON value, whatever shapes and concurrent values stand in the map.
//!
//! A unit is what a reader takes as one element: one key, or all variants of a choice element
//! (`value[x]`). [`Standing::unit`] gives the concurrent values of one. Everything can be read as
//! it was at some heads: [`Reader`].

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    Automerge, ChangeHash, ObjId, ObjType, Prop, ReadDoc, Value as Stored, ValueRef,
    iter::{ListRange, ListRangeItem, MapRange},
};
use serde_json::{Map, Value};

use super::{
    codec::{self, Element},
    genesis, history,
    log_order::LogOrder,
};
use crate::limits;

/// The elements that one change wrote into a unit.
pub(super) type Written = BTreeMap<String, Element>;

/// One resource of a document: its map, or several where people created it at the same time.
pub(super) struct ResourceView<'a> {
    reader: Reader<'a>,
    collection: ObjId,
    id: String,
    /// The winning map last.
    maps: Vec<ObjId>,
}

/// Every value that stands in a resource, by key: the change that wrote it, and what it says. Names of
/// our own (`$deleted`, `$source`) included.
pub(super) struct Standing {
    by_key: BTreeMap<String, Vec<(ChangeHash, Element)>>,
}

impl<'a> ResourceView<'a> {
    /// The view of `Type/id`; `None` where no map stands.
    pub fn of(reader: Reader<'a>, resource_type: &str, id: &str) -> Option<Self> {
        let collection = genesis::collection(resource_type)?;
        let maps = reader.maps(&collection, id);
        (!maps.is_empty()).then(|| Self { reader, collection, id: id.to_owned(), maps })
    }

    /// Every map that stands at this id.
    pub fn maps(&self) -> &[ObjId] {
        &self.maps
    }

    /// Every value that stands in the maps.
    pub fn standing(&self) -> Standing {
        let doc = self.reader.doc;
        let mut by_key: BTreeMap<String, Vec<(ChangeHash, Element)>> = BTreeMap::new();
        for map in &self.maps {
            for item in self.reader.map_range(map) {
                let operations = match item.conflict {
                    true => self.reader.all(map, &*item.key),
                    false => vec![(item.value.to_owned().into(), item.id())],
                };
                let key = item.key.into_owned();
                let written = operations.into_iter().filter_map(|(value, op)| {
                    let element = self.reader.element(&key, &value, &op);
                    Some((history::writer(doc, &op)?, element))
                });
                let written: Vec<_> = written.collect();
                by_key.entry(key).or_default().extend(written);
            }
        }
        Standing { by_key }
    }

    /// The changes behind the values that stand beside each other at one of these keys, or behind the
    /// maps themselves; empty where they are fewer than `max`.
    pub fn crowd(&self, keys: &BTreeSet<String>, max: usize) -> BTreeSet<ChangeHash> {
        let writer = |op: &ObjId| history::writer(self.reader.doc, op);
        if self.maps.len() >= max {
            return self.maps.iter().filter_map(writer).collect();
        }
        let mut by_key: BTreeMap<String, Vec<ObjId>> = BTreeMap::new();
        for map in &self.maps {
            for item in self.reader.map_range(map).filter(|item| keys.contains(&*item.key)) {
                let operations = by_key.entry(item.key.to_string()).or_default();
                match item.conflict {
                    true => operations
                        .extend(self.reader.all(map, &*item.key).into_iter().map(|(_, op)| op)),
                    false => operations.push(item.id()),
                }
            }
        }
        let crowds = by_key.values().filter(|operations| operations.len() >= max);
        crowds.flatten().filter_map(writer).collect()
    }

    /// These keys as the author of a change had them. Where people created the resource apart, what
    /// one of them never wrote is left out: the read model joins their elements.
    pub fn seen_by(&self, hash: &ChangeHash, keys: &BTreeSet<String>) -> Written {
        let heads = [*hash];
        let then = Reader { doc: self.reader.doc, heads: Some(&heads) };
        let joined = self.maps.len() > 1;
        // Of many maps an author had few; one that was replaced since says nothing any more.
        let maps = match joined {
            true => {
                let mut maps = then.maps(&self.collection, &self.id);
                maps.retain(|map| self.maps.contains(map));
                maps
            }
            false => self.maps.clone(),
        };
        let at = |key: &String| {
            let mut found = maps.iter().map(|map| then.element_in(map, key));
            found.find(|element| !element.is_absent()).unwrap_or_default()
        };
        keys.iter()
            .map(|key| (key.clone(), at(key)))
            .filter(|(_, element)| !joined || !element.is_absent())
            .collect()
    }
}

impl Standing {
    /// The keys, grouped into units.
    pub fn units(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut units: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for key in self.by_key.keys() {
            units.entry(unit_name(key).to_owned()).or_default().insert(key.clone());
        }
        units
    }

    /// The change behind every value that stands at these keys.
    pub fn writers<'k>(&self, keys: impl IntoIterator<Item = &'k String>) -> BTreeSet<ChangeHash> {
        keys.into_iter().flat_map(|key| self.at(key)).map(|(hash, _)| *hash).collect()
    }

    /// What stands in a unit, by the change that wrote it; writes that a later one knew of left out.
    pub fn unit(&self, order: &LogOrder, keys: &BTreeSet<String>) -> BTreeMap<ChangeHash, Written> {
        let mut by_change: BTreeMap<ChangeHash, Written> = BTreeMap::new();
        for key in keys {
            for (hash, element) in self.at(key) {
                by_change.entry(*hash).or_default().insert(key.clone(), element.clone());
            }
        }
        let maximal = order.maximal(&by_change.keys().copied().collect());
        by_change.retain(|hash, _| maximal.contains(hash));
        by_change
    }

    fn at(&self, key: &str) -> &[(ChangeHash, Element)] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }
}

/// The unit that a key belongs to: `value[x]` for `valueQuantity`, else the key itself.
pub(super) fn unit_name(key: &str) -> &str {
    choice_base(key).unwrap_or(key)
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
    fn maps(&self, collection: &ObjId, id: &str) -> Vec<ObjId> {
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
    fn element_in(&self, map: &ObjId, key: &str) -> Element {
        let last = self.all(map, key).pop();
        last.map_or_else(Element::default, |(value, op)| self.element(key, &value, &op))
    }

    /// The element that an object at a key stands for.
    pub fn object(&self, key: &str, kind: ObjType, object: &ObjId) -> Element {
        match kind {
            ObjType::Text => codec::decode_text(&self.text(object)),
            ObjType::List => self.list(self.list_range(object)),
            ObjType::Map | ObjType::Table if codec::is_extension(key) => {
                let by_url = self
                    .entries(object)
                    .into_iter()
                    .map(|(url, value, op)| {
                        let element = match value {
                            Stored::Scalar(scalar) => codec::decode(&scalar),
                            Stored::Object(ObjType::Text) => codec::decode_text(&self.text(&op)),
                            Stored::Object(kind) => Element {
                                value: Some(self.plain(kind, &op, limits::NESTING_MAX)),
                                sibling: None,
                            },
                        };
                        (url, element)
                    })
                    .collect();
                Element { value: Some(codec::decode_extensions(by_url)), sibling: None }
            }
            ObjType::Map | ObjType::Table => Element {
                value: Some(self.plain(kind, object, limits::NESTING_MAX)),
                sibling: None,
            },
        }
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

/// The name of the choice element that a key is a variant of.
///
/// Source: the `[x]` elements at the top level of FHIR R4 resources.
fn choice_base(key: &str) -> Option<&'static str> {
    CHOICES.into_iter().find(|base| {
        let rest = base.strip_suffix("[x]").and_then(|stem| key.strip_prefix(stem));
        rest.is_some_and(|datatype| DATATYPES.contains(&datatype))
    })
}

const CHOICES: [&str; 32] = [
    "abatement[x]",
    "age[x]",
    "asNeeded[x]",
    "authoredBy[x]",
    "born[x]",
    "content[x]",
    "deceased[x]",
    "diagnosis[x]",
    "due[x]",
    "effective[x]",
    "event[x]",
    "identified[x]",
    "item[x]",
    "location[x]",
    "medication[x]",
    "multipleBirth[x]",
    "occurrence[x]",
    "onset[x]",
    "performed[x]",
    "procedure[x]",
    "product[x]",
    "quantity[x]",
    "reported[x]",
    "scheduled[x]",
    "serviced[x]",
    "source[x]",
    "start[x]",
    "statusReason[x]",
    "subject[x]",
    "target[x]",
    "timing[x]",
    "value[x]",
];

const DATATYPES: [&str; 22] = [
    "Age",
    "Annotation",
    "Attachment",
    "Boolean",
    "CodeableConcept",
    "Coding",
    "Date",
    "DateTime",
    "Decimal",
    "Duration",
    "Identifier",
    "Instant",
    "Integer",
    "Period",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "SampledData",
    "String",
    "Time",
    "Timing",
];
