//! Versions of resources: which changes of the log wrote each of them.
//!
//! The nth change of a resource, in the order of the log, makes its version n. What a change wrote is
//! read from its operations, as ingest does, so one that lost against a concurrent one counts too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use automerge::{ActorId, ChangeHash, ScalarValue};
use serde_json::Value;

use super::{
    Account, Command, CommandError, Document, People, Seen, TEXTS, Writer, codec::DELETED,
    history::Message,
};
use crate::{
    change::{Touched, operations},
    time,
};

/// The changes of every resource of a document, in the order of the log.
#[derive(Debug, Clone, Default)]
pub struct Versions {
    by_type: BTreeMap<String, BTreeMap<String, Vec<ChangeHash>>>,
    /// The changes that deleted all that they wrote.
    deleting: BTreeSet<ChangeHash>,
    /// The heads of the document as far as it was followed.
    heads: Vec<ChangeHash>,
}

impl Versions {
    /// Takes in the changes that a document has had since it was last followed; gives type and id of
    /// what they wrote.
    pub fn follow(&mut self, document: &Document) -> BTreeSet<(String, String)> {
        if !self.heads.iter().all(|head| document.has(head)) {
            // A client took back what its server refused.
            *self = Self::default();
        }
        let mut made = operations::Staged::default();
        let mut written = BTreeSet::new();
        for change in document.changes_since(&self.heads) {
            // Genesis makes collections, and what is no change of ours is in no document.
            let Ok((touched, objects)) = operations::touched(document, &made, &change) else {
                continue;
            };
            made.extend(objects);
            if !touched.is_empty() && touched.iter().all(is_delete) {
                self.deleting.insert(change.hash());
            }
            for touched in touched.into_iter().filter(|touched| touched.collection != TEXTS) {
                let of_type = self.by_type.entry(touched.collection.clone()).or_default();
                of_type.entry(touched.id.clone()).or_default().push(change.hash());
                written.insert((touched.collection, touched.id));
            }
        }
        self.heads = document.heads();
        written
    }

    /// The changes of a resource; empty where there was none.
    pub fn of(&self, resource_type: &str, id: &str) -> &[ChangeHash] {
        let of_type = self.by_type.get(resource_type);
        of_type.and_then(|of_type| of_type.get(id)).map_or(&[], Vec::as_slice)
    }

    /// The ids of one type, of deleted resources too, with their changes.
    pub fn of_type(&self, resource_type: &str) -> impl Iterator<Item = (&str, &[ChangeHash])> {
        let of_type = self.by_type.get(resource_type).into_iter().flatten();
        of_type.map(|(id, changes)| (id.as_str(), changes.as_slice()))
    }

    /// The types that something was written of.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.by_type.keys().map(String::as_str)
    }

    /// Whether all that a change did was to delete.
    pub fn is_deleting(&self, change: &ChangeHash) -> bool {
        self.deleting.contains(change)
    }

    /// What a change wrote, with the number of the version that it made of each.
    pub fn made_by(&self, change: &ChangeHash) -> Vec<(&str, &str, usize)> {
        let resources = self.by_type.iter().flat_map(|(name, of_type)| {
            of_type.iter().map(move |(id, changes)| (name.as_str(), id.as_str(), changes))
        });
        resources
            .filter_map(|(name, id, changes)| {
                let at = changes.iter().position(|made| made == change)?;
                Some((name, id, at + 1))
            })
            .collect()
    }
}

fn is_delete(touched: &Touched) -> bool {
    let puts = touched.puts.as_deref().unwrap_or_default();
    puts.iter().any(|put| put.key == DELETED && put.value == ScalarValue::Boolean(true))
}

impl Document {
    /// What is known of a change; `None` where it is not this document's.
    pub fn account(&self, change: &ChangeHash, people: &People) -> Option<Account> {
        let meta = self.meta(change)?;
        let Message { by, import, note } = people.said(&meta.actor, meta.message.as_deref());
        Some(Account {
            hash: *change,
            author: by,
            authored_ms: Some(time::claimed_ms(meta.timestamp)).filter(|ms| *ms > 0),
            by_server: people.is_server(&meta.actor),
            note,
            import,
            actor: meta.actor.into_owned(),
        })
    }

    /// A resource as every reader sees it, `None` where it is absent or deleted; and the names of its
    /// elements in conflict, in one reading. Names that begin with `$` are kinds of conflicts.
    pub fn resource_with_disputes(
        &self,
        resource_type: &str,
        id: &str,
    ) -> (Option<Value>, Vec<String>) {
        let Seen { resource, disputed } = self.look(resource_type, id).seen;
        (resource.map(Arc::unwrap_or_clone), disputed)
    }

    /// Whether history has this change.
    pub fn contains(&self, change: &ChangeHash) -> bool {
        self.has(change)
    }

    /// The change that a command makes of the document as it stood right behind a change of its log: a
    /// raw change chunk of `actor`, for whoever takes it in as one made elsewhere; `None` where
    /// nothing differs from what stood then. The document is as before.
    pub fn change_behind(
        &self,
        base: &ChangeHash,
        actor: ActorId,
        command: &Command,
        now_ms: u64,
    ) -> Result<Option<Vec<u8>>, CommandError> {
        let mut changes = self.changes_since(&[]);
        let behind = changes.iter().position(|change| change.hash() == *base);
        changes.truncate(behind.ok_or(CommandError::NotFound)? + 1);
        let mut then = Self::found(&self.room, actor);
        // In the order of the log, by which the shown one of concurrent values is told.
        then.apply(changes)?;
        let change = then.command(command, Writer::Person(None), now_ms)?;
        Ok(change.map(|change| change.raw_bytes().to_vec()))
    }
}

#[cfg(test)]
mod tests;
