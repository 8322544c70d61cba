//! The part of a peer's sync frames that does not change, so that only the rest is read.
//!
//! A client writes every sync message of one document into the same map, and only `data` differs.
//! A frame that has the bytes of an earlier one before and behind its `data` decodes to the same
//! fields, so these are compared and not read again.

use chartroom_engine::DocumentId;

use super::{Frame, FrameError, cbor::Fields, decode};

/// What is kept of a frame at most; stock clients' have under 250 bytes.
const BYTES_MAX: usize = 1024;

/// What the peer's last sync frame had beside its message.
#[derive(Debug, Default)]
pub struct Envelope(Option<Known>);

#[derive(Debug)]
struct Known {
    sender: String,
    document: DocumentId,
    /// The bytes before `data`.
    head: Vec<u8>,
    /// The bytes behind it.
    tail: Vec<u8>,
}

impl Envelope {
    /// The document and the sync message of a frame that differs from the last one of `sender` in
    /// nothing else; [`Envelope::decode`] reads all others.
    pub fn open<'b>(&self, sender: &str, frame: &'b [u8]) -> Option<(DocumentId, &'b [u8])> {
        let known = self.0.as_ref().filter(|known| known.sender == sender)?;
        let data = frame.strip_prefix(&*known.head)?.strip_suffix(&*known.tail)?;
        Some((known.document, one_string(data)?))
    }

    /// As [`decode`](super::decode), and remembers what a [`Frame::Sync`] has beside its message.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Frame, FrameError> {
        let fields = Fields::of_frame(bytes)?;
        let frame = decode::read(&fields)?;
        if let Frame::Sync { sender, document, .. } = &frame {
            self.0 = known(&fields, bytes, sender, *document);
        }
        Ok(frame)
    }
}

fn known(fields: &Fields<'_>, bytes: &[u8], sender: &str, document: DocumentId) -> Option<Known> {
    let data = fields.place("data", bytes)?;
    let (head, tail) = (bytes.get(..data.start)?, bytes.get(data.end..)?);
    (sender.len() + head.len() + tail.len() <= BYTES_MAX).then(|| Known {
        sender: sender.to_owned(),
        document,
        head: head.to_vec(),
        tail: tail.to_vec(),
    })
}

/// The content of exactly one CBOR byte string, if it comes in one piece.
fn one_string(item: &[u8]) -> Option<&[u8]> {
    let (length, content) = match item {
        [first @ 0x40..=0x57, rest @ ..] => (usize::from(first - 0x40), rest),
        [0x58, length, rest @ ..] => (usize::from(*length), rest),
        [0x59, a, b, rest @ ..] => (usize::from(u16::from_be_bytes([*a, *b])), rest),
        // Longer ones are seldom enough to be read whole.
        _ => return None,
    };
    (content.len() == length).then_some(content)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::frame::encode;

    const DOCUMENT: &str = "2akvofn6L1o4RMUEMQi7qzwRjKWZ";

    fn sync(sender: &str, data: &[u8]) -> Vec<u8> {
        encode(&Frame::Sync {
            sender: sender.to_owned(),
            target: "server".to_owned(),
            document: DOCUMENT.parse().unwrap(),
            data: data.to_vec(),
        })
    }

    /// The same fields with `data` among them, as automerge-repo writes them.
    fn shuffled(data: &[u8]) -> Vec<u8> {
        let text =
            |text: &str| [&[0x78, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let fields = [
            text("type"),
            text("sync"),
            text("data"),
            [&[0x58, u8::try_from(data.len()).unwrap()], data].concat(),
            text("targetId"),
            text("server"),
            text("documentId"),
            text(DOCUMENT),
            text("senderId"),
            text("alice"),
        ];
        [vec![0xa5], fields.concat()].concat()
    }

    #[test]
    fn what_differs_in_its_message_alone_opens() {
        for write in [|data: &[u8]| sync("alice", data), shuffled] {
            let mut envelope = Envelope::default();
            assert_eq!(envelope.open("alice", &write(b"one")), None);
            envelope.decode(&write(b"one")).unwrap();
            for length in [0, 1, 23, 24, 200, 255] {
                let (data, frame) = (vec![7; length], write(&vec![7; length]));
                let expected = (DOCUMENT.parse().unwrap(), &*data);
                assert_eq!(envelope.open("alice", &frame), Some(expected), "{length}");
                assert_eq!(envelope.open("mallory", &frame), None);
            }
        }
        let mut envelope = Envelope::default();
        envelope.decode(&sync("alice", b"one")).unwrap();
        for length in [256, 65535] {
            let frame = sync("alice", &vec![7; length]);
            assert_eq!(envelope.open("alice", &frame).unwrap().1.len(), length);
        }
        assert_eq!(envelope.open("alice", &sync("alice", &[7; 65536])), None, "it is read whole");
    }

    #[test]
    fn what_differs_elsewhere_is_read_whole() {
        let mut envelope = Envelope::default();
        let frame = shuffled(b"some bytes of a message that is long enough");
        envelope.decode(&frame).unwrap();
        for end in 0..frame.len() {
            assert_eq!(envelope.open("alice", frame.get(..end).unwrap()), None, "cut to {end}");
        }
        let data = b"some bytes of a message that is long enough";
        let at = frame.windows(data.len()).position(|window| window == data).unwrap();
        for place in (0..at).chain(at + data.len()..frame.len()) {
            let mut other = frame.clone();
            *other.get_mut(place).unwrap() ^= 0x80;
            assert_eq!(envelope.open("alice", &other), None, "another byte at {place}");
        }
        assert_eq!(envelope.open("alice", &[&*frame, &[0]].concat()), None);
        // In pieces, tagged, or no bytes at all.
        let (head, tail) = (frame.get(..at - 2).unwrap(), frame.get(at + data.len()..).unwrap());
        for item in [&b"\x5f\x41a\x41b\xff"[..], b"\xc2\x41a", b"\x61a", b"\x41ab", b"\x42a", b""] {
            assert_eq!(envelope.open("alice", &[head, item, tail].concat()), None, "{item:?}");
        }
    }

    #[test]
    fn a_long_one_is_not_kept() {
        let mut envelope = Envelope::default();
        let frame = encode(&Frame::Sync {
            sender: "a".repeat(500),
            target: "b".repeat(500),
            document: DOCUMENT.parse().unwrap(),
            data: Vec::new(),
        });
        envelope.decode(&frame).unwrap();
        assert!(envelope.0.is_none());
    }
}
