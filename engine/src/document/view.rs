//! A resource as its readers have it: every map that people created for it, and what stands in them.
//!
//! A unit is what a reader takes as one element: one key, or all variants of a choice element
//! (`value[x]`). [`Standing::unit`] gives the concurrent values of one.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{ChangeHash, ObjId, ObjType, Value as Stored};

use super::{
    codec::Element,
    genesis, history,
    log_order::LogOrder,
    reader::{Reader, has_parts, is_plain},
};

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
    pub fn standing(&self, order: &LogOrder) -> Standing {
        let mut by_key: BTreeMap<String, Vec<(ChangeHash, Element)>> = BTreeMap::new();
        for map in &self.maps {
            for (key, standing) in self.reader.places(ObjType::Map, map) {
                let values = self.reader.values(order, Some(&key), &standing);
                by_key.entry(key).or_default().extend(values);
            }
        }
        Standing { by_key }
    }

    /// The changes behind the values that stand beside each other at one of these keys, or in the parts
    /// of one, or behind the maps themselves; empty where they are fewer than `max`.
    pub fn crowd(
        &self,
        order: &LogOrder,
        keys: &BTreeSet<String>,
        max: usize,
    ) -> BTreeSet<ChangeHash> {
        let reader = self.reader;
        if self.maps.len() >= max {
            return self.maps.iter().filter_map(|op| history::writer(reader.doc, op)).collect();
        }
        let mut places: BTreeMap<(String, bool), BTreeSet<ChangeHash>> = BTreeMap::new();
        let at = |map| {
            let of_keys = reader.map_range(map).filter(|item| keys.contains(&*item.key));
            of_keys.map(|item| reader.map_place(map, item))
        };
        for (key, standing) in self.maps.iter().flat_map(at) {
            // The usual case.
            if self.maps.len() == 1 && is_plain(&standing) {
                continue;
            }
            for (value, op) in &standing {
                if let Stored::Object(kind) = value
                    && has_parts(&key, *kind)
                {
                    let disputed = reader.disputed_parts(order, *kind, op);
                    places.entry((key.clone(), true)).or_default().extend(disputed);
                }
            }
            let writers = reader.writers(order, Some(&key), &standing);
            places.entry((key, false)).or_default().extend(writers);
        }
        places.into_values().filter(|writers| writers.len() >= max).flatten().collect()
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
