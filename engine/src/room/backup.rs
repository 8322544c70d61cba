//! A room as it was before strangers' changes were tried on it.
//!
//! Automerge cannot take a change back, and a hostile one can leave a document half changed. The
//! copy costs microseconds for a median patient and under a millisecond for a large one, once per
//! batch; with 200,000 changes some milliseconds (docs/performance.md).

use std::collections::BTreeMap;

use super::{Room, io::Output, member::Orphan};
use crate::{
    Peer,
    change::metadata::Ledger,
    document::{Aside, People},
};

pub(super) struct Backup {
    document: Aside,
    ledger: Ledger,
    people: People,
    orphans: BTreeMap<Peer, Vec<Orphan>>,
    seq: u64,
    event_seq: u64,
    /// How much was waiting to be said.
    said: usize,
}

impl Backup {
    pub fn of(room: &Room) -> Self {
        let waiting = room.members.iter().filter(|(_, member)| !member.orphans.is_empty());
        Self {
            document: room.document.aside(),
            ledger: room.ledger.clone(),
            people: room.people.clone(),
            orphans: waiting.map(|(peer, member)| (*peer, member.orphans.clone())).collect(),
            seq: room.seq,
            event_seq: room.event_seq,
            said: room.outputs.len(),
        }
    }

    pub fn restore(self, room: &mut Room) {
        room.document.go_back(self.document);
        room.ledger = self.ledger;
        room.people = self.people;
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
    }
}
