//! What a change says of itself, against what the room knows.

use std::collections::BTreeMap;

use automerge::{ActorId, Change, ChangeHash};

use super::Refusal;
use crate::{
    Author, RoomSize,
    document::{Document, People, genesis_actor},
    limits,
};

/// The room's books of actors and counters, ahead of what is applied by what is staged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// The last change of every actor, and its sequence number.
    last: BTreeMap<ActorId, (u64, ChangeHash)>,
    max_op: u64,
    /// How large the room is, and may be; measured on a server.
    size: Option<(RoomSize, RoomSize)>,
}

impl Ledger {
    /// The books of a document.
    pub fn of(document: &Document) -> Self {
        Self { last: document.last_changes(), max_op: document.max_op(), size: None }
    }

    /// Keeps account of the room's size from now on.
    pub fn measure(&mut self, size: RoomSize, size_max: RoomSize) {
        self.size = Some((size, size_max));
    }

    /// How large the room is, and may be, where that is measured.
    pub fn size(&self) -> Option<(RoomSize, RoomSize)> {
        self.size
    }

    /// Whether so much more would make the room larger than it may be.
    pub fn is_full(&self, more: RoomSize) -> bool {
        self.size.is_some_and(|(size, size_max)| {
            size.bytes + more.bytes > size_max.bytes || size.ops + more.ops > size_max.ops
        })
    }

    /// Enters a change that will be, or was, applied.
    pub fn enter(&mut self, change: &Change) {
        let number = (change.seq(), change.hash());
        let last = self.last.entry(change.actor_id().clone()).or_insert(number);
        *last = number.max(*last);
        self.max_op = change.max_op().max(self.max_op);
        if let Some((size, _)) = &mut self.size {
            let more = size_of(change);
            *size = RoomSize { bytes: size.bytes + more.bytes, ops: size.ops + more.ops };
        }
    }

    /// The last change of an actor.
    pub fn last(&self, actor: &ActorId) -> Option<ChangeHash> {
        self.last.get(actor).map(|(_, hash)| *hash)
    }

    /// Checks a change whose dependencies are all known: actor, sequence and counters.
    ///
    /// `dep_max_op` is the highest counter among its dependencies; `vouched` whether another server says
    /// that `author` made it.
    pub fn check(
        &self,
        change: &Change,
        author: &Author,
        people: &People,
        dep_max_op: u64,
        vouched: bool,
    ) -> Result<(), Refusal> {
        let actor = change.actor_id();
        if change.deps().is_empty() {
            return Err(Refusal::MissingDependencies);
        }
        let foreign = |owner: &Author| {
            // Who it is was not known; a server that vouches for somebody is believed then.
            owner.id != author.id && !(vouched && People::is_somebody_at(owner))
        };
        if *actor == genesis_actor() || people.of(actor).is_some_and(foreign) {
            return Err(Refusal::ForeignActor);
        }
        let expected = self.last.get(actor).map_or(1, |(last, _)| last + 1);
        if change.seq() != expected {
            return Err(Refusal::Sequence { found: change.seq(), expected });
        }
        let start = change.start_op().get();
        if start <= dep_max_op || start > self.max_op + limits::OP_COUNTER_AHEAD_MAX {
            return Err(Refusal::Counter);
        }
        // Automerge takes a gap before no operations, and cannot load what it saves of it.
        if change.is_empty() && start != dep_max_op + 1 {
            return Err(Refusal::Counter);
        }
        if self.is_full(size_of(change)) {
            return Err(Refusal::RoomFull);
        }
        Ok(())
    }
}

/// What a change adds to a room.
fn size_of(change: &Change) -> RoomSize {
    RoomSize { bytes: change.raw_bytes().len() as u64, ops: change.len() as u64 }
}
