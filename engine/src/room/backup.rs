//! A room as it was before strangers' changes were tried on it.
//!
//! Automerge cannot take a change back, and a hostile one can leave a document half changed. A copy
//! costs what the document has, so it is not made for each batch: one is kept while the room is
//! written to, with the changes behind it, which are applied to it when the room has to go back.

use std::{collections::BTreeMap, sync::Arc};

use automerge::ActorId;

use super::{Room, RoomSize, io::Output, member::Orphan};
use crate::{
    Author, Peer,
    change::metadata::Ledger,
    document::{Aside, LoadError},
    limits,
};

/// The document as it was some batches ago, and what was applied to it since.
#[derive(Debug)]
pub(super) struct Behind {
    document: Aside,
    chunks: Vec<Arc<[u8]>>,
}

/// What else a batch changes.
pub(super) struct Backup {
    size: Option<(RoomSize, RoomSize)>,
    orphans: BTreeMap<Peer, Vec<Orphan>>,
    seq: u64,
    event_seq: u64,
    /// How much was waiting to be said.
    said: usize,
}

impl Behind {
    /// With the changes of a batch; `None` where so many are behind it that a new copy is worth more.
    pub fn with(mut self, chunks: impl Iterator<Item = Arc<[u8]>>, history: u64) -> Option<Self> {
        self.chunks.extend(chunks);
        let most = limits::BEHIND_CHANGES_MAX.max(history / limits::BEHIND_SHARE);
        (self.chunks.len() as u64 <= most).then_some(self)
    }
}

impl Backup {
    /// Of a room that is about to try what its peers sent.
    pub fn of(room: &mut Room) -> Self {
        if room.behind.is_none() {
            room.behind = Some(Behind { document: room.document.aside(), chunks: Vec::new() });
        }
        let waiting = room.members.iter().filter(|(_, member)| !member.orphans.is_empty());
        Self {
            size: room.ledger.size(),
            orphans: waiting.map(|(peer, member)| (*peer, member.orphans.clone())).collect(),
            seq: room.seq,
            event_seq: room.event_seq,
            said: room.outputs.len(),
        }
    }

    /// Makes everything as it was; `bound` is what the batch had bound.
    ///
    /// An error leaves a document that is not to be trusted.
    pub fn restore(self, room: &mut Room, bound: &[(ActorId, Author)]) -> Result<(), LoadError> {
        let behind = room.behind.take().ok_or(LoadError::Gap)?;
        room.document.go_back(behind.document);
        room.document.replay(behind.chunks.iter().map(|chunk| chunk.to_vec()))?;
        room.ledger = Ledger::of(&room.document);
        if let Some((size, size_max)) = self.size {
            room.ledger.measure(size, size_max);
        }
        bound.iter().for_each(|(actor, _)| room.people.unbind(actor));
        room.staged.clear();
        room.seq = self.seq;
        room.event_seq = self.event_seq;
        for member in room.members.values_mut() {
            member.orphans.clear();
        }
        for (peer, orphans) in self.orphans {
            if let Some(member) = room.members.get_mut(&peer) {
                member.orphans = orphans;
            }
        }
        // Refusals are decided anew; who sent what is no message is closed again.
        for unsaid in room.outputs.split_off(self.said) {
            if let Output::Refused { peer, hashes, .. } = unsaid
                && let Some(member) = room.members.get_mut(&peer)
            {
                for hash in hashes {
                    member.refused.remove(&hash);
                }
            }
        }
        Ok(())
    }
}
