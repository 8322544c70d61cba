//! What history says of two changes: which came first, which knew of the other.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{ActorId, Automerge, ChangeHash, ChangeMetadata, ObjId};
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
        self.servers_word(change).by.or_else(|| Some(author.clone()))
    }

    /// Whether a change belongs to an import: the server alone says so, or anybody could keep what
    /// they write out of the alerts.
    pub fn is_import(&self, change: &ChangeMetadata<'_>) -> bool {
        self.servers_word(change).import
    }

    /// The commit message, empty where the server's own actor did not write it.
    fn servers_word(&self, change: &ChangeMetadata<'_>) -> Message {
        match self.by_actor.get(&*change.actor) {
            Some(author) if author.id == Self::SERVER => Message::parse(change.message.as_deref()),
            Some(_) | None => Message::default(),
        }
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
/// One walk back from all of them, the newest first. Who wrote a change knew all that its actor wrote
/// before, so the walk ends soon below the oldest that is left.
pub(crate) fn maximal(doc: &Automerge, hashes: &BTreeSet<ChangeHash>) -> BTreeSet<ChangeHash> {
    if hashes.len() < 2 {
        return hashes.clone();
    }
    let mut left: Vec<ChangeMetadata<'_>> =
        hashes.iter().filter_map(|hash| doc.get_change_meta_by_hash(hash)).collect();
    // By their last counters, so that those to walk back from stand in the order of descent.
    let mut walk: BTreeSet<(u64, ChangeHash)> = BTreeSet::new();
    let knows = |change: &ChangeMetadata<'_>| -> Vec<(u64, ChangeHash)> {
        let deps = change.deps.iter().filter_map(|dep| doc.get_change_meta_by_hash(dep));
        deps.map(|dep| (dep.max_op, dep.hash)).collect()
    };
    left.iter().for_each(|change| walk.extend(knows(change)));
    let mut oldest = 0;
    let mut counted = 0;
    while left.len() > 1
        && let Some((max_op, hash)) = walk.pop_last()
    {
        if counted != left.len() {
            oldest = left.iter().map(|change| change.max_op).min().unwrap_or(0);
            counted = left.len();
        }
        if max_op < oldest {
            break;
        }
        let Some(change) = doc.get_change_meta_by_hash(&hash) else { continue };
        left.retain(|other| other.actor != change.actor || other.seq > change.seq);
        walk.extend(knows(&change));
    }
    left.into_iter().map(|change| change.hash).collect()
}

/// Where changes stand in the room's log, as far as this replica knows it.
///
/// A document keeps its changes in the order in which they were applied, which on a server is the
/// order of the log. A client's own change was applied before the server logged it, so its place is
/// set when the server acknowledges it; until then it comes last.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogOrder {
    /// The places of each actor's changes, the first one's first.
    places: BTreeMap<ActorId, Vec<u64>>,
    /// How many changes there are.
    count: u64,
    /// The places of local changes that are not where they were applied.
    placed: BTreeMap<ChangeHash, u64>,
}

impl LogOrder {
    /// The order of a document's changes as they stand.
    pub fn of(doc: &Automerge) -> Self {
        let mut order = Self::default();
        order.read(doc);
        order
    }

    /// Reads the order again, of a document in which other changes stand; what was set stays.
    pub fn read(&mut self, doc: &Automerge) {
        self.places.clear();
        self.count = 0;
        for change in doc.get_changes_meta(&[]) {
            self.append(change.actor.into_owned());
        }
    }

    /// Takes over the order of another document of the room; what was set stays.
    pub fn adopt(&mut self, other: Self) {
        self.places = other.places;
        self.count = other.count;
    }

    /// The next change of this actor was applied.
    pub fn append(&mut self, actor: ActorId) {
        // Places count in twos, so that there is one between what arrived so far and what comes next.
        self.places.entry(actor).or_default().push(self.count * 2);
        self.count += 1;
    }

    /// How many changes have a place.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// A local change that the server does not have yet.
    pub fn pending(&mut self, hash: ChangeHash) {
        self.placed.insert(hash, u64::MAX);
    }

    /// The server has it: everything that arrived so far stands before it.
    pub fn acknowledged(&mut self, hash: ChangeHash) {
        self.placed.insert(hash, self.count * 2 - 1);
    }

    /// The one of `hashes` that the room showed first.
    pub fn first<'h>(
        &self,
        doc: &Automerge,
        hashes: impl ExactSizeIterator<Item = &'h ChangeHash>,
    ) -> Option<ChangeHash> {
        let mut hashes = hashes.copied();
        if hashes.len() < 2 {
            return hashes.next();
        }
        hashes.min_by_key(|hash| (self.place(doc, hash), *hash))
    }

    fn place(&self, doc: &Automerge, hash: &ChangeHash) -> Option<u64> {
        self.placed.get(hash).copied().or_else(|| {
            let change = doc.get_change_meta_by_hash(hash)?;
            let index = usize::try_from(change.seq).ok()?.checked_sub(1)?;
            self.places.get(&*change.actor)?.get(index).copied()
        })
    }
}
