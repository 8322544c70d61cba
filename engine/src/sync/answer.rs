//! The answer that tells nothing: a peer says that it has what it was just told.
//!
//! Automerge's clients answer every message so. A session takes for granted that what was sent
//! arrives, so hearing such an answer changes nothing of what it sends or asks; whoever holds the
//! peer's bytes may compare and drop them. An answer that differs in any byte has to be heard.

use std::sync::Arc;

use automerge::ChangeHash;

/// The first bytes of a sync message: its version, of which a session takes both alike.
const VERSIONS: [u8; 2] = [0x42, 0x43];

/// The one answer of a peer that would tell its room nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What follows the version, up to the flags.
    body: Arc<[u8]>,
    /// Whether the peer has sent flags before, so that seeing some tells nothing.
    flags_known: bool,
}

impl Answer {
    pub(super) fn new(body: Arc<[u8]>, flags_known: bool) -> Self {
        Self { body, flags_known }
    }

    /// Whether an encoded `automerge::sync::Message` is this answer.
    pub fn is(&self, message: &[u8]) -> bool {
        let Some((version, rest)) = message.split_first() else { return false };
        if !VERSIONS.contains(version) {
            return false;
        }
        match rest.strip_prefix(&*self.body) {
            Some([]) => true,
            // Flags: a length in one byte, and so many bytes.
            Some([length @ 0..0x80, flags @ ..]) => {
                self.flags_known && usize::from(*length) == flags.len()
            }
            Some(_) | None => false,
        }
    }
}

/// What an answer says: these heads, nothing needed, all before the heads shared, no changes.
pub(super) fn body(heads: &[ChangeHash]) -> Option<Arc<[u8]>> {
    // More heads would take a longer count, and a peer with none has lost what it had.
    let count = u8::try_from(heads.len()).ok().filter(|count| (1..0x80).contains(count))?;
    let mut body = Vec::with_capacity(6 + 2 * heads.len() * size_of::<ChangeHash>());
    let hashes = |body: &mut Vec<u8>| {
        body.push(count);
        heads.iter().for_each(|hash| body.extend_from_slice(&hash.0));
    };
    hashes(&mut body);
    body.extend_from_slice(&[0, 1]);
    hashes(&mut body);
    body.extend_from_slice(&[0, 0]);
    Some(body.into())
}

#[cfg(test)]
mod tests {
    use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageFlags, MessageVersion};

    use super::*;

    fn heads(count: u8) -> Vec<ChangeHash> {
        (1..=count).map(|n| ChangeHash([n; 32])).collect()
    }

    fn message(heads: &[ChangeHash]) -> Message {
        Message {
            heads: heads.to_vec(),
            need: Vec::new(),
            have: vec![Have { last_sync: heads.to_vec(), bloom: BloomFilter::default() }],
            changes: ChunkList::empty(),
            flags: None,
            version: MessageVersion::V1,
        }
    }

    fn answer(heads: &[ChangeHash], flags_known: bool) -> Answer {
        Answer::new(body(heads).unwrap(), flags_known)
    }

    #[test]
    fn what_automerge_writes_is_known() {
        for count in [1, 2, 127] {
            let (heads, mut flags) = (heads(count), MessageFlags::new());
            flags.set(MessageFlags::SUPPORTS_SYNC_RESET);
            let plain = message(&heads);
            let second = Message { version: MessageVersion::V2, ..plain.clone() };
            let flagged = Message { flags: Some(flags), ..plain.clone() };
            assert!(answer(&heads, false).is(&plain.encode()));
            assert!(answer(&heads, false).is(&second.encode()));
            assert!(answer(&heads, true).is(&flagged.clone().encode()));
            assert!(!answer(&heads, false).is(&flagged.encode()), "the first flags are news");
        }
    }

    #[test]
    fn what_looks_nearly_like_it_is_heard() {
        let two = heads(2);
        let (answer, honest) = (answer(&two, true), message(&two));
        let filter = BloomFilter::from_hashes(two.iter());
        let have = |last_sync: &[ChangeHash], bloom| Have { last_sync: last_sync.to_vec(), bloom };
        let near = [
            Message { heads: heads(1), ..honest.clone() },
            Message { heads: heads(3), ..honest.clone() },
            Message { heads: Vec::new(), ..honest.clone() },
            Message { need: heads(1), ..honest.clone() },
            Message { have: Vec::new(), ..honest.clone() },
            Message { have: vec![Have::default()], ..honest.clone() },
            Message { have: vec![have(&heads(1), BloomFilter::default())], ..honest.clone() },
            Message { have: vec![have(&two, filter)], ..honest.clone() },
            Message { changes: ChunkList::from(vec![vec![1]]), ..honest.clone() },
            Message { changes: ChunkList::from(vec![vec![]]), ..honest.clone() },
        ];
        for message in near {
            assert!(!answer.is(&message.clone().encode()), "{message:?}");
        }
        let bytes = honest.encode();
        for end in 0..bytes.len() {
            assert!(!answer.is(&bytes[..end]), "cut to {end}");
        }
        for at in 1..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(!answer.is(&other), "another byte at {at}");
        }
        let with = |tail: &[u8]| [&bytes, tail].concat();
        for tail in [&[1][..], &[2, 2], &[2, 2, 0x84, 0], &[0x80, 0], &[0xff; 40]] {
            assert!(!answer.is(&with(tail)), "with {tail:?} behind it");
        }
        assert!(!answer.is(&[&[0x41], &bytes[1..]].concat()));
    }

    #[test]
    fn no_heads_are_no_answer() {
        assert_eq!(body(&[]), None);
        assert_eq!(body(&heads(128)), None);
    }
}
