//! Presence and the like: relayed within a room, each message once, kept by nobody.

use std::collections::{BTreeMap, VecDeque};

use chartroom_engine::limits::EPHEMERAL_ORIGINS_MAX;

/// A message that nobody keeps.
#[derive(Debug, Clone)]
pub(crate) struct Ephemeral {
    /// Who first sent it.
    pub sender: String,
    /// The sender's session.
    pub session: String,
    /// Rises within sender and session.
    pub count: u64,
    /// What the peers understand among themselves.
    pub data: Vec<u8>,
}

/// The highest count seen of each origin, the longest unheard forgotten first.
#[derive(Debug, Default)]
pub(super) struct Seen {
    counts: BTreeMap<(String, String), u64>,
    order: VecDeque<(String, String)>,
}

impl Seen {
    /// Whether the message is new; a copy that came round is not.
    pub fn admit(&mut self, message: &Ephemeral) -> bool {
        let origin = (message.sender.clone(), message.session.clone());
        if let Some(count) = self.counts.get_mut(&origin) {
            let new = message.count > *count;
            *count = message.count.max(*count);
            return new;
        }
        if self.order.len() >= EPHEMERAL_ORIGINS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        self.order.push_back(origin.clone());
        self.counts.insert(origin, message.count);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sender: &str, count: u64) -> Ephemeral {
        let session = "s".to_owned();
        Ephemeral { sender: sender.to_owned(), session, count, data: Vec::new() }
    }

    #[test]
    fn a_copy_is_not_relayed_again() {
        let mut seen = Seen::default();
        assert!(seen.admit(&message("alice", 1)));
        assert!(!seen.admit(&message("alice", 1)));
        assert!(seen.admit(&message("alice", 5)));
        assert!(!seen.admit(&message("alice", 4)));
        assert!(seen.admit(&message("bob", 1)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Seen::default();
        for n in 0..3 * EPHEMERAL_ORIGINS_MAX {
            assert!(seen.admit(&message(&n.to_string(), 1)));
        }
        assert_eq!(seen.counts.len(), EPHEMERAL_ORIGINS_MAX);
        assert_eq!(seen.order.len(), EPHEMERAL_ORIGINS_MAX);
    }
}
