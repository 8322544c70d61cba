//! What history says of two changes: which came first, which knew of the other.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{ActorId, Automerge, ChangeHash, ChangeMetadata, ObjId, ReadDoc};
use serde::{Deserialize, Serialize};

use crate::Author;

/// What Chartroom puts into a change's commit message, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Message {
    /// In whose name the server's actor wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Author>,
    /// The change belongs to an import.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub import: bool,
}

impl Message {
    /// Reads a commit message; a foreign client's says nothing.
    pub fn parse(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The commit message, `None` where there is nothing to say.
    pub fn text(&self) -> Option<String> {
        (*self != Self::default())
            .then(|| serde_json::to_string(self).expect("a struct of strings serialises"))
    }
}

/// Whose actor is whose.
#[derive(Debug, Clone, Default)]
pub struct People {
    by_actor: BTreeMap<ActorId, Author>,
}

impl People {
    /// The author id that the server's own actor is bound to.
    pub const SERVER: &'static str = "chartroom:server";

    /// The person that an actor is bound to.
    pub fn of(&self, actor: &ActorId) -> Option<&Author> {
        self.by_actor.get(actor)
    }

    /// Every binding, by actor.
    pub fn bindings(&self) -> impl Iterator<Item = (&ActorId, &Author)> {
        self.by_actor.iter()
    }

    /// Binds an actor for good; a second binding is ignored. Says whether it is new.
    pub fn bind(&mut self, actor: ActorId, author: Author) -> bool {
        match self.by_actor.entry(actor) {
            std::collections::btree_map::Entry::Occupied(_) => false,
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(author);
                true
            }
        }
    }

    /// Who is responsible for a change: the person its actor is bound to, or whom the message names
    /// where the server's own actor wrote it for somebody.
    pub fn author(&self, change: &ChangeMetadata<'_>) -> Option<Author> {
        let author = self.by_actor.get(&*change.actor)?;
        let named = || Message::parse(change.message.as_deref()).by;
        (author.id == Self::SERVER).then(named).flatten().or_else(|| Some(author.clone()))
    }
}

/// The change that wrote an operation.
pub(crate) fn writer(doc: &Automerge, op: &ObjId) -> Option<ChangeHash> {
    doc.hash_for_opid(op)
}

/// Whether `ancestor` is `of`, or `of` was written in knowledge of it.
///
/// Walks back from `of`; an ancestor's operation counters are all below its descendants', and the
/// changes of one actor form a line, which prunes the walk to what lies between the two.
pub(crate) fn is_ancestor(doc: &Automerge, ancestor: &ChangeHash, of: &ChangeHash) -> bool {
    let Some(target) = doc.get_change_meta_by_hash(ancestor) else { return false };
    let mut seen = BTreeSet::new();
    let mut stack = vec![*of];
    while let Some(hash) = stack.pop() {
        if hash == *ancestor {
            return true;
        }
        if !seen.insert(hash) {
            continue;
        }
        let Some(change) = doc.get_change_meta_by_hash(&hash) else { continue };
        if change.actor == target.actor {
            if change.seq >= target.seq {
                return true;
            }
            continue;
        }
        if change.start_op > target.max_op {
            stack.extend(change.deps);
        }
    }
    false
}

/// The changes of `hashes` that no other of them knew of.
///
/// One walk back from all of them, which ends below the oldest or when one is left: a thousand values
/// of one element are a thousand steps, not a million walks.
pub(crate) fn maximal(doc: &Automerge, hashes: &BTreeSet<ChangeHash>) -> BTreeSet<ChangeHash> {
    let mut left = hashes.clone();
    let metas = || hashes.iter().filter_map(|hash| doc.get_change_meta_by_hash(hash));
    let oldest = metas().map(|change| change.max_op).min().unwrap_or(0);
    let mut seen = BTreeSet::new();
    let mut stack: Vec<ChangeHash> = metas().flat_map(|change| change.deps).collect();
    while left.len() > 1
        && let Some(hash) = stack.pop()
    {
        left.remove(&hash);
        let change = doc.get_change_meta_by_hash(&hash);
        if let Some(change) = change.filter(|change| change.start_op > oldest)
            && seen.insert(hash)
        {
            stack.extend(change.deps);
        }
    }
    left
}

/// Where changes stand in the room's log, as far as this replica knows it.
///
/// A document keeps its changes in the order in which they were applied, which on a server is the
/// order of the log. A client's own change was applied before the server logged it, so its place is
/// set when the server acknowledges it; until then it comes last.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogOrder {
    placed: BTreeMap<ChangeHash, u64>,
}

impl LogOrder {
    /// A local change that the server does not have yet.
    pub fn pending(&mut self, hash: ChangeHash) {
        self.placed.insert(hash, u64::MAX);
    }

    /// The server has it: everything that arrived so far stands before it.
    pub fn acknowledged(&mut self, doc: &Automerge, hash: ChangeHash) {
        // Places count in twos, so that there is one between what arrived so far and what comes next.
        self.placed.insert(hash, doc.stats().num_changes * 2 - 1);
    }

    /// The one of `hashes` that the room showed first.
    pub fn first(&self, doc: &Automerge, hashes: &BTreeSet<ChangeHash>) -> Option<ChangeHash> {
        let places: BTreeMap<ChangeHash, u64> = doc
            .get_changes_meta(&[])
            .into_iter()
            .zip((0..).step_by(2))
            .filter(|(change, _)| hashes.contains(&change.hash))
            .map(|(change, place)| (change.hash, place))
            .collect();
        let place = |hash: &ChangeHash| self.placed.get(hash).or_else(|| places.get(hash)).copied();
        hashes.iter().copied().min_by_key(|hash| (place(hash), *hash))
    }
}
