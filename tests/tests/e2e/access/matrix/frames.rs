//! Everybody with every message of `/sync`.

use std::collections::BTreeMap;

use chartroom_engine::{Author, Command, DocumentId, mint_actor};
use chartroom_server::{
    clock::now_ms,
    wire::frame::{FollowStart, Frame, FrameKind, PROTOCOL_VERSION, RemoteHeads, RoomStanding},
};
use chartroom_tests::{
    client::Client,
    forge::Message,
    raw::{Wire, plain},
};

use super::{ALL, OtherScope, People, Reader, Ward, Who, check, ward};
use crate::access::{allergy, document_of, flag, sings};

/// What is tried: a kind of frame, and one that brings a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Try {
    Kind(FrameKind),
    Change,
}

fn tries() -> impl Iterator<Item = Try> {
    FrameKind::ALL.iter().map(|kind| Try::Kind(*kind)).chain([Try::Change])
}

impl Try {
    fn title(self) -> String {
        match self {
            Self::Kind(kind) => {
                let mut name = String::new();
                for letter in format!("{kind:?}").chars() {
                    if letter.is_ascii_uppercase() && !name.is_empty() {
                        name.push('-');
                    }
                    name.push(letter.to_ascii_lowercase());
                }
                format!("`{name}`")
            }
            Self::Change => "`sync` with a change".to_owned(),
        }
    }

    /// Whether the room is entered first.
    fn enters(self) -> bool {
        use FrameKind::{Request, Sync};
        !matches!(self, Self::Kind(Request | Sync))
    }
}

/// What is to become of it.
fn expected(tried: Try, who: Who) -> &'static str {
    use FrameKind as K;
    if !who.is_in() {
        return if tried == Try::Kind(K::Join) { "4001" } else { "1002" };
    }
    let kind = match tried {
        Try::Kind(kind) => kind,
        Try::Change if who == Reader => return "refused `read-only`",
        Try::Change if who.sees() => return "taken",
        Try::Change => return "doc-unavailable",
    };
    match kind {
        K::Join => "peer",
        K::Leave => "1000",
        K::Request | K::Sync if who.sees() => "sync",
        K::Request | K::Sync => "doc-unavailable",
        K::Room if who.sees() => "room-found",
        K::Room if who == OtherScope => "refused `scope-too-narrow`",
        K::Room => "refused `room-not-found`",
        K::Follow if who.sees() => "events",
        K::Follow => "refused `room-unavailable`",
        K::Ephemeral if who.sees() => "relayed",
        K::Presence if who.sees() => "present",
        K::Presence | K::Ephemeral | K::LeaveRoom | K::Unfollow | K::RemoteSubscriptionChange => {
            "nothing"
        }
        // What only servers say to each other, or to clients.
        K::Peer | K::Error | K::DocUnavailable | K::RemoteHeadsChanged | K::RoomFound => "nothing",
        K::Present | K::RoomRefused | K::Authors | K::Refused | K::SyncPart | K::Events => {
            "nothing"
        }
        K::FollowEnded | K::Interest | K::Rooms | K::SyncDeflated | K::Unknown => "nothing",
    }
}

pub(super) fn expected_table() -> String {
    let cells = |tried: Try| ALL.iter().map(|who| expected(tried, *who).to_owned()).collect();
    super::table("message", tries().map(|tried| (tried.title(), cells(tried))).collect())
}

/// A frame of a kind, about a room.
fn frame(kind: FrameKind, wire: &Wire, room: &str, document: DocumentId) -> Frame {
    use FrameKind as K;
    let (sender, target) = (wire.peer_id.clone(), wire.server_id.clone());
    let (code, message) = ("code".to_owned(), "message".to_owned());
    let (data, name) = (Message::default().encode(), room.to_owned());
    let rooms = vec![RoomStanding { name: room.to_owned(), epoch: 2, heads: None, before: None }];
    let heads =
        BTreeMap::from([("storage".to_owned(), RemoteHeads { heads: vec![], timestamp_ms: 1 })]);
    match kind {
        K::Join => {
            Frame::Join { sender, metadata: plain(), versions: vec![PROTOCOL_VERSION.to_owned()] }
        }
        K::Peer => {
            Frame::Peer { sender, target, metadata: plain(), version: PROTOCOL_VERSION.to_owned() }
        }
        K::Error => {
            Frame::Error { sender: Some(sender), target: Some(target), code: None, message }
        }
        K::Leave => Frame::Leave { sender },
        K::Request => Frame::Request { sender, target, document, data },
        K::Sync => Frame::Sync { sender, target, document, data },
        K::DocUnavailable => Frame::DocUnavailable { sender, target, document },
        K::Ephemeral => {
            let (session, data) = ("s".to_owned(), vec![0xf6]);
            Frame::Ephemeral { sender, target, document, count: 1, session, data }
        }
        K::RemoteSubscriptionChange => {
            let add = vec![wire.server_id.trim_start_matches("chartroom-").to_owned()];
            Frame::RemoteSubscriptionChange { sender, target, add, remove: vec![] }
        }
        K::RemoteHeadsChanged => Frame::RemoteHeadsChanged { sender, target, document, heads },
        K::Room => Frame::Room { sender, target, name },
        K::RoomFound => {
            let (compartments, read_only) = (Vec::new(), false);
            Frame::RoomFound { sender, target, name, epoch: 1, document, compartments, read_only }
        }
        K::RoomRefused => Frame::RoomRefused { sender, target, name, code, message },
        K::Authors => {
            let authors = vec![(vec![1; 16], Author::new("alice", "Alice"))];
            Frame::Authors { sender, target, document, authors }
        }
        K::Refused => {
            Frame::Refused { sender, target, document, hashes: vec![[1; 32]], code, message }
        }
        K::SyncPart => Frame::SyncPart { sender, document, total: 1, data: vec![1] },
        K::LeaveRoom => Frame::LeaveRoom { sender, target, document },
        K::Presence => Frame::Presence { sender, target, document, state: Some("{}".to_owned()) },
        K::Present => {
            let (peers, gone) = (Vec::new(), vec![sender.clone()]);
            Frame::Present { sender, document, complete: true, peers, gone }
        }
        K::Follow => {
            Frame::Follow { sender, target, document, id: 1, start: FollowStart::After(0) }
        }
        K::Unfollow => Frame::Unfollow { sender, target, id: 1 },
        K::Events => Frame::Events { sender, target, id: 1, events: vec!["{}".to_owned()] },
        K::FollowEnded => {
            Frame::FollowEnded { sender, target, id: 1, code, message, first: None, last: None }
        }
        K::Interest => Frame::Interest { sender, target, rooms: vec!["*".to_owned()] },
        K::Rooms => Frame::Rooms { sender, target, rooms, complete: true },
        K::SyncDeflated => Frame::SyncDeflated { sender, target, document, size: 1, data: vec![1] },
        K::Unknown => Frame::Unknown { kind: "unheard-of".to_owned() },
    }
}

/// What the server said to a frame since, in the words of the table.
fn said(wire: &Wire, known: usize, to: Try) -> String {
    use FrameKind as K;
    let words = wire.frames.iter().skip(known).filter_map(|frame| {
        Some(match frame {
            // It asks whether all is heard.
            Frame::RoomRefused { code, .. } if code == "room-name-invalid" => return None,
            Frame::RoomRefused { code, .. }
            | Frame::FollowEnded { code, .. }
            | Frame::Refused { code, .. } => format!("refused `{code}`"),
            // What goes with being in a room.
            Frame::Authors { .. } | Frame::RemoteHeadsChanged { .. } | Frame::Error { .. } => {
                return None;
            }
            other => match other.kind() {
                // A session goes on beside what is asked here.
                K::Sync | K::SyncPart if to.enters() => return None,
                K::SyncPart => "sync".to_owned(),
                kind => Try::Kind(kind).title().trim_matches('`').to_owned(),
            },
        })
    });
    let mut words: Vec<String> = words.collect();
    words.dedup();
    match (&wire.closed, words.is_empty()) {
        (Some((code, _)), _) => code.to_string(),
        (None, true) => "nothing".to_owned(),
        (None, false) => words.join(", "),
    }
}

/// Who looks on: a member who sees what reaches the room.
struct Onlooker {
    client: Client,
    room: DocumentId,
}

impl Onlooker {
    fn hears(&self, peer: &str) -> bool {
        self.client.heard.iter().any(|frame| match frame {
            Frame::Ephemeral { sender, .. } => sender == peer,
            _ => false,
        })
    }
}

/// Says one thing, and what became of it.
async fn tried(
    ward: &Ward,
    people: &People,
    onlooker: &mut Onlooker,
    (what, who, name): (Try, Who, &str),
) -> (String, Wire) {
    let (address, token) = (ward.server.address(), people.token(who));
    let (peer, room) = (format!("peer-{name}"), format!("patient:{name}"));
    let document = onlooker.room;
    let kind = match what {
        Try::Kind(kind) => kind,
        Try::Change => FrameKind::Sync,
    };
    if !who.is_in() {
        let mut wire = Wire::open(address, token, &peer).await.unwrap();
        let frame = frame(kind, &wire, &room, document);
        wire.send(&frame).await.unwrap();
        wire.until_closed().await.unwrap();
        return (said(&wire, 0, what), wire);
    }
    let mut wire = Wire::joined(address, token, &peer).await.unwrap();
    if what.enters() {
        wire.find(&room).await.unwrap();
        wire.sync(document, Message::default().encode()).await.unwrap();
        let entered = |frame: &Frame| {
            let kind = frame.kind();
            [FrameKind::Sync, FrameKind::SyncPart, FrameKind::DocUnavailable].contains(&kind)
        };
        wire.until("in the room or not", |me| me.frames.iter().any(entered)).await.unwrap();
        wire.settled().await.unwrap();
    }
    let known = wire.frames.len();
    let own = onlooker.client.chart(document).room.document();
    let mut change = None;
    if what == Try::Change {
        let heads = own.heads();
        let put = Command::Put { resource: flag("changed", name, "CHANGED") };
        let actor = mint_actor(now_ms(), rand::random());
        change = own.change_behind(&heads[0], actor, &put, now_ms()).unwrap();
    }
    match change {
        Some(chunk) => wire.sync(document, Message::of(vec![chunk]).encode()).await.unwrap(),
        None => {
            let frame = frame(kind, &wire, &room, document);
            wire.send(&frame).await.unwrap();
        }
    }
    let wanted = expected(what, who);
    if !["nothing", "relayed", "taken"].contains(&wanted) {
        // What the room itself answers comes when it comes.
        let heard = |me: &Wire| said(me, known, what) != "nothing";
        wire.until(wanted, heard).await.unwrap();
    }
    wire.settled().await.unwrap();
    let answered = said(&wire, known, what);
    // A change that reaches everybody in the room is behind all that was said before.
    let late = allergy("late", name, "Zebediah Canary");
    onlooker.client.put(document, late).await.unwrap();
    onlooker.client.until_saved(document).await.unwrap();
    if what == Try::Change && wanted == "taken" {
        let there = |me: &Client| me.resource(document, "Flag", "changed").is_some();
        onlooker.client.until("taken", there).await.unwrap();
        return ("taken".to_owned(), wire);
    }
    if wanted == "relayed" {
        onlooker
            .client
            .until("presence", |me| {
                me.heard.iter().any(|frame| matches!(frame, Frame::Ephemeral { .. }))
            })
            .await
            .unwrap();
    }
    wire.settled().await.unwrap();
    if onlooker.hears(&peer) {
        return ("relayed".to_owned(), wire);
    }
    (answered, wire)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_does_for_everybody_what_it_may_and_tells_others_nothing() {
    let (ward, people) = ward().await;
    let (mut wrong, mut charts) = (Vec::new(), 0);
    for what in tries() {
        for who in ALL {
            charts += 1;
            let name = format!("f{charts}");
            people.chart(&ward, &name).await;
            let room = format!("patient:{name}");
            let chief =
                ward.token(&chartroom_tests::identity::Claims::of("chief").roles(&["chief"]));
            let mut client =
                Client::sign_in(ward.server.address(), &format!("chief-{name}"), &chief)
                    .await
                    .unwrap();
            let opened = client.open(&room).await.unwrap();
            assert_eq!(opened, document_of(&room));
            let mut onlooker = Onlooker { client, room: opened };
            let wanted = expected(what, who);
            let (found, wire) = tried(&ward, &people, &mut onlooker, (what, who, &name)).await;
            let place = format!("{} of {who:?}", what.title());
            if found != wanted {
                wrong.push(format!("{place}: {found} for {wanted}; {:?}", wire.closed));
            }
            let shows = |frame: &Frame| {
                use FrameKind::{
                    Authors, Ephemeral, Events, Present, RemoteHeadsChanged, RoomFound, Sync,
                    SyncPart,
                };
                [Authors, Ephemeral, Events, Present, RemoteHeadsChanged, RoomFound, Sync, SyncPart]
                    .contains(&frame.kind())
            };
            if !who.sees()
                && (wire.frames.iter().any(shows) || sings(&String::from_utf8_lossy(&wire.bytes)))
            {
                wrong.push(format!("{place} tells what may not be seen: {:?}", wire.frames));
            }
            let document = ward.document(&room).await;
            if (wanted != "taken") == document["resources"]["Flag"]["changed"].is_object() {
                wrong.push(format!("{place}: {document}"));
            }
        }
    }
    check(wrong);
    ward.server.stop().await.unwrap();
}
