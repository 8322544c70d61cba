//! Whose peer ids are whose, where people sign in: one that somebody came with is theirs as long as it is
//! remembered, also while they are away, so that nobody keeps them out by it, or speaks as them.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::Link;

/// Ids that are remembered; beyond it those that nobody is here with are forgotten.
const REMEMBERED_MAX: usize = 64 * 1024;

/// From peer ids to persons.
#[derive(Debug, Default)]
pub(super) struct PeerIds(Mutex<BTreeMap<String, String>>);

impl PeerIds {
    /// Makes a connection's id its person's; says no where it is another's.
    pub fn take(&self, link: &Link, is_here: impl Fn(&str) -> bool) -> bool {
        let mut owners = self.0.lock();
        if owners.len() >= REMEMBERED_MAX {
            owners.retain(|peer_id, _| is_here(peer_id));
        }
        let owner = owners.entry(link.peer_id.clone()).or_insert_with(|| link.person.clone());
        *owner == link.person
    }

    /// Whether an id is nobody else's than the connection's person.
    pub fn may_use(&self, link: &Link, peer_id: &str) -> bool {
        self.0.lock().get(peer_id).is_none_or(|owner| *owner == link.person)
    }
}
