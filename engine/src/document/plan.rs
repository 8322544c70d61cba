//! What a command comes to, and the writing of it into a transaction.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    AutomergeError, ObjId, ObjType, ReadDoc, ScalarValue, Value as Standing,
    transaction::{Transactable, Transaction},
};

use super::{codec::Stored, command::CommandError, genesis, list_diff, texts::TextWrite};

/// Overwritten in the same change: a value that no element has.
const SETTLING: &str = "=";

/// What a command comes to for one resource.
pub(super) struct Plan {
    pub resource_type: &'static str,
    pub id: String,
    pub create: bool,
    pub writes: BTreeMap<String, Stored>,
    /// Elements in conflict that this command settles, whatever stands there.
    pub settles: BTreeSet<String>,
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
        let map = if self.create {
            tx.put_object(&collection, self.id.as_str(), ObjType::Map)?
        } else {
            standing_map(tx, &collection, &self.id).ok_or(CommandError::NotFound)?
        };
        for (name, stored) in &self.writes {
            if self.settles.contains(name) {
                // Automerge leaves out a put of the value that stands, and the choice with it.
                tx.put(&map, name, ScalarValue::Str(SETTLING.into()))?;
            }
            write_element(tx, &map, name, stored)?;
        }
        Ok(())
    }
}

fn standing_map(tx: &Transaction<'_>, collection: &ObjId, id: &str) -> Option<ObjId> {
    let standing = tx.get_all(collection, id).ok()?;
    standing.into_iter().rfind(|(value, _)| value.is_object()).map(|(_, map)| map)
}

fn write_element(
    tx: &mut Transaction<'_>,
    map: &ObjId,
    name: &str,
    stored: &Stored,
) -> Result<(), AutomergeError> {
    let standing = tx.get_all(map, name)?;
    let object = match standing.as_slice() {
        [(Standing::Object(kind), object)] => Some((*kind, object.clone())),
        _ => None,
    };
    match (stored, object) {
        (Stored::Scalar(scalar), _) => tx.put(map, name, scalar.clone()),
        (Stored::List(items), Some((ObjType::List, list))) => list_diff::write(tx, &list, items),
        (Stored::List(items), _) => {
            let list = tx.put_object(map, name, ObjType::List)?;
            items.iter().enumerate().try_for_each(|(at, item)| tx.insert(&list, at, item.clone()))
        }
        (Stored::Map(entries), object) => {
            let extensions = match object {
                Some((ObjType::Map, extensions)) => extensions,
                _ => tx.put_object(map, name, ObjType::Map)?,
            };
            write_extensions(tx, &extensions, entries)
        }
    }
}

fn write_extensions(
    tx: &mut Transaction<'_>,
    extensions: &ObjId,
    entries: &BTreeMap<String, ScalarValue>,
) -> Result<(), AutomergeError> {
    let gone: Vec<String> = tx.keys(extensions).filter(|key| !entries.contains_key(key)).collect();
    for key in gone {
        tx.put(extensions, key, ScalarValue::Null)?;
    }
    for (key, entry) in entries {
        let standing = tx.get_all(extensions, key.as_str())?;
        let same = match standing.as_slice() {
            [(value, _)] => value.as_scalar() == Some(entry),
            _ => false,
        };
        if !same {
            tx.put(extensions, key.as_str(), entry.clone())?;
        }
    }
    Ok(())
}
