//! The room's past, as people ask for it: versions of a resource, the room at a time, what is new
//! since.

use std::collections::BTreeSet;

use automerge::{Change, ChangeHash};
use serde::Serialize;

use super::{Document, People, Versions, codec::DELETED};
use crate::{
    Author,
    change::operations::{Staged, touched},
    time,
};

/// What a change did to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionAction {
    /// It was not there before, or was deleted.
    Created,
    /// It stood.
    Updated,
    /// It is deleted from then on.
    Deleted,
}

/// One version of a resource: what one change wrote of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Hash of the change, in hex.
    pub hash: String,
    /// Who wrote it, where known.
    pub author: Option<Author>,
    /// What the change claims as its time: milliseconds since 1970, 0 where it says nothing.
    pub authored_ms: i64,
    /// What it did.
    pub action: VersionAction,
    /// The elements that it wrote, sorted.
    pub changed: Vec<String>,
}

impl Document {
    /// The versions of a resource, the oldest first; `versions` have followed this document.
    pub fn history(
        &self,
        versions: &Versions,
        resource_type: &str,
        id: &str,
        people: &People,
    ) -> Vec<Version> {
        let changes = versions.of(resource_type, id).iter().enumerate();
        let version = |(number, hash): (usize, &ChangeHash)| {
            let change = self.change(hash)?;
            let (all, _) = touched(self, &Staged::default(), &change).ok()?;
            let this =
                all.into_iter().find(|one| one.collection == resource_type && one.id == id)?;
            let action = match (this.deletes, number == 0 || this.elements.contains(DELETED)) {
                (true, _) => VersionAction::Deleted,
                (false, true) => VersionAction::Created,
                (false, false) => VersionAction::Updated,
            };
            let changed = this.elements.into_iter().filter(|name| !name.starts_with('$'));
            Some(Version {
                hash: hash.to_string(),
                author: people.author(change.actor_id(), change.message()),
                authored_ms: time::claimed_ms(change.timestamp()),
                action,
                changed: changed.collect(),
            })
        };
        changes.filter_map(version).collect()
    }

    /// The heads of what the room had at a time, as its changes claim theirs: of those that claim that
    /// time or an earlier one, and follow on nothing that does not.
    pub fn heads_at(&self, ms: i64) -> Vec<ChangeHash> {
        let (mut known, mut heads) = (BTreeSet::new(), BTreeSet::new());
        for change in self.metas_since(&[]) {
            let then = time::claimed_ms(change.timestamp) <= ms;
            if then && change.deps.iter().all(|dep| known.contains(dep)) {
                for dep in &change.deps {
                    heads.remove(dep);
                }
                known.insert(change.hash);
                heads.insert(change.hash);
            }
        }
        heads.into_iter().collect()
    }

    /// Type and id of the resources that changes wrote which are not ancestors of `heads`, or whose texts
    /// they wrote.
    pub fn changed_since(&self, heads: &[ChangeHash]) -> BTreeSet<(String, String)> {
        let of = |change: Change| {
            // Genesis writes no resource.
            let all =
                touched(self, &Staged::default(), &change).map_or_else(|_| Vec::new(), |t| t.0);
            all.into_iter().map(|one| {
                let (resource_type, id) = one.resource();
                (resource_type.to_owned(), id.to_owned())
            })
        };
        self.changes_since(heads).into_iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests;
