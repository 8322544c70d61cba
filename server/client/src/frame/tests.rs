#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected ends there"
)]

//! `golden.txt` holds frames as automerge-repo 2.5.6 and cbor-x 1.6.9 write them: a name and the
//! bytes in hex, one frame a line.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;

const ALICE: &str = "client-alice";
const SERVER: &str = "server-1";
const STORAGE: &str = "3f2c6e5e-storage";

fn golden() -> Vec<(&'static str, Vec<u8>)> {
    include_str!("golden.txt")
        .lines()
        .map(|line| {
            let (name, hex) = line.split_once(' ').unwrap();
            (name, unhex(hex))
        })
        .collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn document() -> DocumentId {
    DocumentId(0x8f1d_0a52_7c1b_4e0e_9a33_c4a7_2b1e_66d0_u128.to_be_bytes())
}

fn metadata(storage_id: Option<&str>, is_ephemeral: bool) -> PeerMetadata {
    PeerMetadata { storage_id: storage_id.map(str::to_owned), is_ephemeral, ..Default::default() }
}

/// What each golden frame means.
fn expected(name: &str) -> Frame {
    let (alice, server) = (|| ALICE.to_owned(), || SERVER.to_owned());
    let data = vec![0x42, 0, 1, 2, 0xff];
    let join = |metadata| Frame::Join { sender: alice(), metadata, versions: vec!["1".to_owned()] };
    match name {
        "join" => join(metadata(Some(STORAGE), false)),
        "join-without-storage" => join(metadata(None, true)),
        "join-chartroom" => join(PeerMetadata {
            chartroom: Some(ChartroomMetadata { version: 1, ..Default::default() }),
            person: Some(Author::new("alice", "Alice Ärztin")),
            ..metadata(None, true)
        }),
        "peer" => Frame::Peer {
            sender: server(),
            target: alice(),
            metadata: PeerMetadata {
                chartroom: Some(ChartroomMetadata {
                    version: 1,
                    durable_heads: true,
                    ..Default::default()
                }),
                ..metadata(Some(STORAGE), false)
            },
            version: "1".to_owned(),
        },
        "join-parts" => join(PeerMetadata {
            chartroom: Some(ChartroomMetadata { version: 1, parts: true, ..Default::default() }),
            ..metadata(None, true)
        }),
        "sync-part" => {
            Frame::SyncPart { sender: server(), document: document(), total: 70_000, data }
        }
        "error" => Frame::Error {
            sender: Some(server()),
            target: Some(alice()),
            code: None,
            message: "unsupported protocol version".to_owned(),
        },
        "error-undefined" => {
            Frame::Error { sender: None, target: None, code: None, message: "bye".to_owned() }
        }
        "leave" => Frame::Leave { sender: alice() },
        "request" => {
            Frame::Request { sender: alice(), target: server(), document: document(), data }
        }
        "sync" | "sync-extra-fields" | "sync-tagged-bytes" => {
            Frame::Sync { sender: alice(), target: server(), document: document(), data }
        }
        "doc-unavailable" => {
            Frame::DocUnavailable { sender: server(), target: alice(), document: document() }
        }
        "ephemeral" => Frame::Ephemeral {
            sender: alice(),
            target: server(),
            document: document(),
            count: 7,
            session: "session-1".to_owned(),
            data: unhex("b9000264747970656a5f5f70726573656e6365617801"),
        },
        "ephemeral-large-count" => Frame::Ephemeral {
            sender: alice(),
            target: server(),
            document: document(),
            count: 5_000_000_000,
            session: "session-1".to_owned(),
            data: Vec::new(),
        },
        "remote-subscription-change" => Frame::RemoteSubscriptionChange {
            sender: alice(),
            target: server(),
            add: vec![STORAGE.to_owned(), "other".to_owned()],
            remove: Vec::new(),
        },
        "remote-heads-changed" => Frame::RemoteHeadsChanged {
            sender: server(),
            target: alice(),
            document: document(),
            heads: BTreeMap::from([(
                STORAGE.to_owned(),
                RemoteHeads {
                    heads: vec!["2ceiHLqDy5ZhvVsT6QJZwLjTdwWLL6SnnmwJKsTSq8MTymaUFd".to_owned()],
                    timestamp_ms: 1_764_000_000_123,
                },
            )]),
        },
        "room" => Frame::Room { sender: alice(), target: server(), name: "patient:1".to_owned() },
        "room-found" => Frame::RoomFound {
            sender: server(),
            target: alice(),
            name: "patient:1".to_owned(),
            epoch: 1,
            document: document(),
            compartments: Vec::new(),
            read_only: false,
        },
        "room-refused" => Frame::RoomRefused {
            sender: server(),
            target: alice(),
            name: "patient:".to_owned(),
            code: "room-name-invalid".to_owned(),
            message: "no".to_owned(),
        },
        "authors" => Frame::Authors {
            sender: server(),
            target: alice(),
            document: document(),
            authors: vec![(vec![0xff, 1, 2], Author::new("alice", "Alice"))],
        },
        "refused" => Frame::Refused {
            sender: server(),
            target: alice(),
            document: document(),
            hashes: vec![[7; 32]],
            code: "wrong-patient".to_owned(),
            message: "another patient".to_owned(),
        },
        "leave-room" => {
            Frame::LeaveRoom { sender: alice(), target: server(), document: document() }
        }
        "follow" => Frame::Follow {
            sender: alice(),
            target: server(),
            document: document(),
            id: 3,
            start: FollowStart::After(5_000_000_000),
        },
        "unfollow" => Frame::Unfollow { sender: alice(), target: server(), id: 3 },
        "events" => Frame::Events {
            sender: server(),
            target: alice(),
            id: 3,
            events: vec![r#"{"seq":8}"#.to_owned(), r#"{"seq":9}"#.to_owned()],
        },
        "follow-gone" | "follow-ahead" => Frame::FollowEnded {
            sender: server(),
            target: alice(),
            id: 3,
            code: if name == "follow-gone" { "events-gone" } else { "events-ahead" }.to_owned(),
            message: "no".to_owned(),
            first: (name == "follow-gone").then_some(17),
            last: (name == "follow-ahead").then_some(17),
        },
        "unknown" => Frame::Unknown { kind: "sync-state-v9".to_owned() },
        other => panic!("no expectation for {other}"),
    }
}

#[test]
fn frames_of_the_stock_client_are_read() {
    for (name, bytes) in golden() {
        assert_eq!(decode(&bytes), Ok(expected(name)), "{name}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    for (name, _) in golden() {
        let frame = expected(name);
        assert_eq!(decode(&encode(&frame)), Ok(frame), "{name}");
    }
    let Frame::Sync { sender, target, document, data } = expected("sync") else { panic!() };
    assert_eq!(SyncHead::new(&sender, &target, &document).frame(&data), encode(&expected("sync")));
    let Frame::SyncPart { sender, document, total, data } = expected("sync-part") else { panic!() };
    let part = encode_sync_part(&sender, &document, total, &data);
    assert_eq!(part, encode(&expected("sync-part")));
}

#[test]
fn who_is_present_is_read_back() {
    let (sender, target) = (|| ALICE.to_owned(), || SERVER.to_owned());
    let presence = |state: Option<&str>| Frame::Presence {
        sender: sender(),
        target: target(),
        document: document(),
        state: state.map(str::to_owned),
    };
    let present = |complete, gone| Frame::Present {
        sender: target(),
        document: document(),
        complete,
        peers: vec![PresentPeer {
            peer: ALICE.to_owned(),
            person: Author::new("alice", "Alice Ärztin"),
            state: r#"{"at":"Condition/c1"}"#.to_owned(),
        }],
        gone,
    };
    let answer = Frame::Peer {
        sender: target(),
        target: sender(),
        metadata: PeerMetadata {
            chartroom: Some(ChartroomMetadata {
                version: 1,
                durable_heads: true,
                parts: true,
                person: Some(Author::new("alice", "Alice Ärztin")),
            }),
            ..metadata(Some(STORAGE), false)
        },
        version: "1".to_owned(),
    };
    let frames = [
        presence(Some("{}")),
        presence(None),
        present(true, Vec::new()),
        present(false, vec!["client-bob".to_owned()]),
        answer,
    ];
    for frame in frames {
        let bytes = encode(&frame);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "cut to {end}");
        }
        assert_eq!(decode(&bytes), Ok(frame));
    }
}

#[test]
fn frames_between_servers_and_of_devices_are_read_back() {
    let (sender, target) = (|| ALICE.to_owned(), || SERVER.to_owned());
    let standing =
        |heads| RoomStanding { name: "patient:1".to_owned(), epoch: 2, heads, before: heads };
    let frames = [
        Frame::Join {
            sender: sender(),
            metadata: PeerMetadata {
                server: Some("clinic".to_owned()),
                ..metadata(Some(STORAGE), false)
            },
            versions: vec!["1".to_owned()],
        },
        Frame::Join {
            sender: sender(),
            metadata: PeerMetadata {
                device: Some(DeviceSecret("abcdefghijklmnopqrstuv".to_owned())),
                ..metadata(None, true)
            },
            versions: vec!["1".to_owned()],
        },
        Frame::Interest { sender: sender(), target: target(), rooms: vec!["patient:*".to_owned()] },
        Frame::RoomFound {
            sender: sender(),
            target: target(),
            name: "patient:1".to_owned(),
            epoch: 2,
            document: document(),
            compartments: vec!["patient:1~PSY".to_owned()],
            read_only: true,
        },
        Frame::Rooms {
            sender: sender(),
            target: target(),
            rooms: vec![standing(Some([7; 16])), standing(None)],
            complete: true,
        },
        Frame::SyncDeflated {
            sender: sender(),
            target: target(),
            document: document(),
            size: 70_000,
            data: vec![1, 2, 3],
        },
    ];
    for frame in frames {
        let bytes = encode(&frame);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "cut to {end}");
        }
        assert_eq!(decode(&bytes), Ok(frame));
    }
}

#[test]
fn a_truncated_frame_is_an_error() {
    for (name, bytes) in golden() {
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{name} cut to {end}");
        }
        let ours = encode(&expected(name));
        for end in 0..ours.len() {
            assert!(decode(&ours[..end]).is_err(), "our {name} cut to {end}");
        }
    }
}

#[test]
fn arbitrary_bytes_do_not_panic() {
    let mut random = StdRng::seed_from_u64(1);
    let frames = golden();
    for round in 0..200_000 {
        let bytes: Vec<u8> = if round % 2 == 0 {
            let length = random.random_range(0..64);
            (0..length).map(|_| random.random()).collect()
        } else {
            let mut bytes = frames[random.random_range(0..frames.len())].1.clone();
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            bytes
        };
        if let Ok(frame) = decode(&bytes) {
            // What can be read can be written, and then means the same.
            assert_eq!(decode(&encode(&frame)), Ok(frame));
        }
    }
}

/// `{"type": "leave", "senderId": "a"}` with something in the place of the last value.
fn leave_with_sender(value: &[u8]) -> Vec<u8> {
    [&unhex("a2647479706565") as &[u8], b"leave", &[0x68], b"senderId", value].concat()
}

#[test]
fn pieces_and_open_ends_are_read() {
    let whole = Ok(Frame::Leave { sender: "ab".to_owned() });
    assert_eq!(decode(&leave_with_sender(b"\x62ab")), whole);
    assert_eq!(decode(&leave_with_sender(b"\x7f\x61a\x61b\xff")), whole);
    let open = [b"\xbf".as_slice(), &leave_with_sender(b"\x62ab")[1..], b"\xff"].concat();
    assert_eq!(decode(&open), whole);
}

#[test]
fn hostile_frames_are_refused() {
    let nested = |count| leave_with_sender(&[vec![0x81; count], vec![0xf6]].concat());
    let too_deep = Err(FrameError::Cbor("it nests too deep"));
    assert_eq!(decode(&nested(8)), Err(FrameError::Shape("senderId")));
    assert_eq!(decode(&nested(5_000_000)), too_deep);
    assert_eq!(decode(&vec![0xc1; 5_000_000]), too_deep);
    assert_eq!(decode(&vec![0x9f; 5_000_000]), too_deep);
    let malformed = Err(FrameError::Cbor("it ends early or is malformed"));
    // Lengths that promise more than there is: text, bytes, array, map.
    for first in [0x7b, 0x5b, 0x9b, 0xbb] {
        let promise = [vec![first], vec![0xff; 8]].concat();
        assert_eq!(decode(&leave_with_sender(&promise)), malformed);
        assert_eq!(decode(&promise), malformed);
    }
    assert_eq!(decode(&[]), malformed);
    assert_eq!(decode(&[0xa0]), Err(FrameError::Missing("type")));
    assert_eq!(decode(&[0x80]), Err(FrameError::Cbor("it is another item")));
    assert_eq!(decode(&[0xa0, 0]), Err(FrameError::Cbor("something follows the map")));
    let twice = unhex("a26474797065616164747970656162");
    assert_eq!(decode(&twice), Err(FrameError::Cbor("a field stands twice")));
    let many: Vec<u8> = (0..65).flat_map(|key| [0x18, key, 0xf6]).collect();
    let many = [vec![0xb8, 65], many].concat();
    assert_eq!(decode(&many), Err(FrameError::Cbor("a map has too many fields")));
    let long = Frame::Leave { sender: "x".repeat(ID_BYTES_MAX + 1) };
    assert_eq!(decode(&encode(&long)), Err(FrameError::TooLong("senderId")));
}

#[test]
fn a_list_of_countless_small_items_is_refused_early() {
    let versions = vec![String::new(); 5_000];
    let join = Frame::Join { sender: "a".to_owned(), metadata: PeerMetadata::default(), versions };
    assert_eq!(decode(&encode(&join)), Err(FrameError::TooLong("supportedProtocolVersions")));
}

#[test]
fn a_document_id_with_a_wrong_checksum_is_refused() {
    let wrong = golden().into_iter().find(|(name, _)| *name == "doc-unavailable").unwrap().1;
    let text = document().to_string();
    let at = wrong.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    let mut wrong = wrong;
    wrong[at] = if wrong[at] == b'2' { b'3' } else { b'2' };
    assert_eq!(decode(&wrong), Err(FrameError::DocumentId));
}

#[test]
fn a_follow_begins_behind_a_number_or_before_the_end() {
    let (sender, target) = (ALICE.to_owned(), SERVER.to_owned());
    let follow = |start| {
        let (sender, target) = (sender.clone(), target.clone());
        Frame::Follow { sender, target, document: document(), id: 3, start }
    };
    for count in [1, FOLLOW_LAST_MAX] {
        let frame = follow(FollowStart::Last(count));
        assert_eq!(decode(&encode(&frame)), Ok(frame));
    }
    for count in [0, FOLLOW_LAST_MAX + 1] {
        let bytes = encode(&follow(FollowStart::Last(count)));
        assert_eq!(decode(&bytes), Err(FrameError::Shape("last")), "{count}");
    }
    let mut both = encode(&follow(FollowStart::Last(1)));
    both[0] += 1;
    both.extend_from_slice(b"\x65after\x00");
    assert_eq!(decode(&both), Err(FrameError::Shape("last")));
}

#[test]
fn numbers_out_of_range_are_refused() {
    for bad in ["20", "fbbff0000000000000", "fb3ff8000000000000", "fb7ff8000000000000", "6131"] {
        let tail = [&[0x65], b"epoch".as_slice(), &unhex(bad)].concat();
        let mut bytes = encode(&Frame::RoomFound {
            sender: "a".to_owned(),
            target: "b".to_owned(),
            name: "c:d".to_owned(),
            epoch: 1,
            document: document(),
            compartments: Vec::new(),
            read_only: false,
        });
        let at = bytes.windows(6).position(|window| window == b"\x65epoch").unwrap();
        bytes.splice(at..at + 7, tail);
        assert_eq!(decode(&bytes), Err(FrameError::Shape("epoch")), "{bad}");
    }
}
