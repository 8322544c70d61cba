//! What a command comes to, and the writing of it into a transaction.

use std::collections::BTreeMap;

use automerge::{
    AutomergeError, ObjId, ObjType, ReadDoc, ScalarValue, Value as Standing, ValueRef,
    transaction::{Transactable, Transaction},
};

use super::{
    codec::{self, Stored},
    command::CommandError,
    genesis, list_diff, reader,
    texts::TextWrite,
};

/// Overwritten in the same change: a value that no element has.
const SETTLING: &str = "=";

/// What a command comes to for one resource.
pub(super) struct Plan {
    pub resource_type: &'static str,
    pub id: String,
    pub create: bool,
    pub writes: BTreeMap<String, Stored>,
    /// Elements in conflict that this command settles, and as what they show.
    pub settles: BTreeMap<String, Stored>,
    /// What is written into texts of it, each once.
    pub texts: Vec<TextWrite>,
}

impl Plan {
    /// Whether there is nothing to write.
    pub fn is_nothing(&self) -> bool {
        !self.writes_elements() && self.texts.is_empty()
    }

    /// Whether it writes anything but texts.
    pub fn writes_elements(&self) -> bool {
        self.create || !self.writes.is_empty()
    }

    /// Takes texts of the same resource in; false where it writes one of them itself.
    pub fn join(&mut self, texts: Vec<TextWrite>) -> bool {
        let is_new = |text: &TextWrite| !self.texts.iter().any(|own| own.key() == text.key());
        let all_new = texts.iter().all(is_new);
        self.texts.extend(texts);
        all_new
    }

    /// Writes the plan into a transaction.
    pub fn write(&self, tx: &mut Transaction<'_>) -> Result<(), CommandError> {
        for text in &self.texts {
            text.write(tx)?;
        }
        if !self.writes_elements() {
            return Ok(());
        }
        let collection = genesis::collection(self.resource_type).ok_or(CommandError::Write)?;
        let mut maps = standing_maps(tx, &collection, &self.id)?;
        // What is written into one of several maps has to be later than what is in the others.
        let by_parts = maps.len() == 1;
        let map = match (self.create, maps.pop()) {
            (true, _) => tx.put_object(&collection, self.id.as_str(), ObjType::Map)?,
            (false, map) => map.ok_or(CommandError::NotFound)?,
        };
        for (name, stored) in &self.writes {
            let shown = self.settles.get(name);
            if shown.is_some() && !(by_parts && has_loose_part(tx, &map, name)?) {
                // Automerge leaves out a put of the value that stands, and the choice with it.
                tx.put(&map, name, ScalarValue::Str(SETTLING.into()))?;
            }
            write_element(tx, &map, name, stored, shown)?;
        }
        Ok(())
    }
}

/// The maps that stand at an id, the winning one last.
fn standing_maps(
    tx: &Transaction<'_>,
    collection: &ObjId,
    id: &str,
) -> Result<Vec<ObjId>, AutomergeError> {
    let standing = tx.get_all(collection, id)?.into_iter();
    Ok(standing.filter(|(value, _)| value.is_object()).map(|(_, map)| map).collect())
}

/// Whether an element has a part that may be in dispute.
fn has_loose_part(tx: &Transaction<'_>, map: &ObjId, name: &str) -> Result<bool, AutomergeError> {
    let standing = tx.get_all(map, name)?;
    let [(Standing::Object(kind), object)] = standing.as_slice() else { return Ok(false) };
    Ok(match kind {
        _ if !reader::has_parts(name, *kind) => false,
        ObjType::List => tx.list_range(object, ..).any(|item| is_loose(item.conflict, &item.value)),
        ObjType::Map | ObjType::Table | ObjType::Text => {
            tx.map_range(object, ..).any(|item| is_loose(item.conflict, &item.value))
        }
    })
}

/// Whether a part may be in dispute: several values stand there, or a foreign client's object, in which
/// several people may have written.
pub(super) fn is_loose(conflict: bool, value: &ValueRef<'_>) -> bool {
    conflict || matches!(value, ValueRef::Object(_))
}

fn write_element(
    tx: &mut Transaction<'_>,
    map: &ObjId,
    name: &str,
    stored: &Stored,
    shown: Option<&Stored>,
) -> Result<(), AutomergeError> {
    let standing = tx.get_all(map, name)?;
    let object = match standing.as_slice() {
        [(Standing::Object(kind), object)] => Some((*kind, object.clone())),
        _ => None,
    };
    match (stored, object) {
        (Stored::Scalar(scalar), _) => tx.put(map, name, scalar.clone()),
        (Stored::List(items), Some((ObjType::List, list))) => {
            let shown = match shown {
                Some(Stored::List(shown)) => Some(shown.as_slice()),
                _ => None,
            };
            list_diff::write(tx, &list, items, shown)
        }
        (Stored::List(items), _) => {
            let list = tx.put_object(map, name, ObjType::List)?;
            items.iter().enumerate().try_for_each(|(at, item)| tx.insert(&list, at, item.clone()))
        }
        (Stored::Map(entries), object) => {
            let extensions = match object {
                Some((ObjType::Map, extensions)) => extensions,
                _ => tx.put_object(map, name, ObjType::Map)?,
            };
            let shown = match shown {
                Some(Stored::Map(shown)) => Some(shown),
                _ => None,
            };
            write_extensions(tx, &extensions, entries, shown)
        }
    }
}

/// Makes extensions read as `entries`. Of those in dispute, which read as `shown`, the others are kept if
/// `entries` differ in what is not.
fn write_extensions(
    tx: &mut Transaction<'_>,
    extensions: &ObjId,
    entries: &BTreeMap<String, ScalarValue>,
    shown: Option<&BTreeMap<String, ScalarValue>>,
) -> Result<(), AutomergeError> {
    let standing: Vec<(String, bool, Option<ScalarValue>)> = tx
        .map_range(extensions, ..)
        .map(|item| {
            let loose = is_loose(item.conflict, &item.value);
            let value: Standing<'_> = item.value.to_owned().into();
            (item.key.into_owned(), loose, value.as_scalar().cloned())
        })
        .collect();
    let shows = |key: &str| shown.and_then(|shown| shown.get(key));
    let settles = shown.is_none()
        || (entries.keys().all(|key| standing.iter().any(|(other, ..)| other == key))
            && standing.iter().all(|(key, loose, _)| {
                *loose || key == codec::ORDER || shows(key) == entries.get(key)
            }));
    for (key, loose, value) in &standing {
        let entry = entries.get(key);
        let is_kept = match settles {
            true => !loose && value.as_ref() == entry,
            false => shows(key) == entry,
        };
        if !is_kept {
            tx.put(extensions, key.as_str(), entry.cloned().unwrap_or(ScalarValue::Null))?;
        }
    }
    for (key, entry) in entries {
        if !standing.iter().any(|(other, ..)| other == key) {
            tx.put(extensions, key.as_str(), entry.clone())?;
        }
    }
    Ok(())
}
