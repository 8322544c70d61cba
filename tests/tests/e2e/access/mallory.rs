//! Mallory at `/sync`: other people's names, actors and connections, and what she hides among what is
//! hers.

use std::time::Instant;

use automerge::{ReadDoc, transaction::Transactable};
use chartroom_engine::{ActorId, Author, Command, change::seal, document::People, mint_actor};
use chartroom_server::{
    clock::now_ms,
    wire::frame::{Frame, PeerMetadata},
};
use chartroom_tests::{
    client::{Client, PATIENCE},
    forge::Message,
    identity::{Claims, Visitor},
    raw::{Texts, Wire, plain},
};
use serde_json::{Value, json};

use super::{CANARY, Ward, allergy, document_of, observation, sings};

pub(super) const ROOM: &str = "patient:p1";

/// A ward with one chart, in which Alice and Bob write and Charlie reads.
pub(super) async fn ward() -> Ward {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    for (person, level) in [("alice", "write"), ("bob", "write"), ("charlie", "read")] {
        ward.admit(ROOM, person, level).await;
    }
    ward
}

/// The change that a command makes of what a client has, under an actor.
pub(super) fn made(of: &Client, actor: ActorId, command: Command) -> Vec<u8> {
    let document = of.chart(document_of(ROOM)).room.document();
    let heads = document.heads();
    let [head] = heads.as_slice() else { panic!("the log has one end: {heads:?}") };
    document.change_behind(head, actor, &command, now_ms()).unwrap().unwrap()
}

pub(super) fn new_actor() -> ActorId {
    mint_actor(now_ms(), rand::random())
}

/// The same change with one byte of a text in it replaced, its checksum made right.
pub(super) fn bent(mut chunk: Vec<u8>, text: &str, nth: usize, by: &str) -> Vec<u8> {
    let found = (0..chunk.len().saturating_sub(text.len()))
        .filter(|at| &chunk[*at..*at + text.len()] == text.as_bytes())
        .nth(nth);
    let at = found.unwrap_or_else(|| panic!("{text} is in the change"));
    chunk[at..at + by.len()].copy_from_slice(by.as_bytes());
    seal(&mut chunk);
    chunk
}

/// Sends changes in a client's name, of which its own replica knows nothing.
pub(super) async fn send(client: &mut Client, chunks: Vec<Vec<u8>>) {
    let (sender, target) = client.peer_ids();
    let data = Message::of(chunks).encode();
    let frame = Frame::Sync { sender, target, document: document_of(ROOM), data };
    client.send(&frame).await.unwrap();
}

pub(super) fn refusals(client: &Client) -> Vec<(String, usize)> {
    let refused = client.heard.iter().filter_map(|frame| match frame {
        Frame::Refused { code, hashes, .. } => Some((code.clone(), hashes.len())),
        _ => None,
    });
    refused.collect()
}

pub(super) fn put(resource: Value) -> Command {
    Command::Put { resource }
}

/// The author of the change behind a resource, as the room's events say.
async fn author_of(ward: &Ward, id: &str) -> Value {
    let events = ward.events(ROOM).await;
    let event = events.iter().rfind(|event| event["resource_id"] == id);
    event.map(|event| event["author"].clone()).unwrap_or_default()
}

#[tokio::test]
async fn who_is_claimed_to_be_somebody_in_a_join_is_whom_the_token_names() {
    let ward = ward().await;
    let token = ward.token(&Claims::of("bob"));
    let mut wire = Wire::open(ward.server.address(), Some(&token), "peer-x").await.unwrap();
    let metadata = PeerMetadata { person: Some(Author::new("alice", "Alice")), ..plain() };
    wire.join(metadata).await.unwrap();
    let mut bob = Client::sign_in(ward.server.address(), "bob", &token).await.unwrap();
    let room = bob.open(ROOM).await.unwrap();
    let chunks = vec![made(&bob, new_actor(), put(allergy("a1", "p1", "latex")))];
    wire.server_id = bob.peer_ids().1;
    assert!(matches!(wire.find(ROOM).await.unwrap(), Frame::RoomFound { .. }));
    wire.sync(room, Message::of(chunks).encode()).await.unwrap();
    let there = |bob: &Client| bob.resource(room, "AllergyIntolerance", "a1").is_some();
    bob.until("taken", there).await.unwrap();
    assert_eq!(author_of(&ward, "a1").await["id"], "bob");
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_frame_in_another_peers_name_does_nothing() {
    let ward = ward().await;
    ward.admit(ROOM, "mallory", "write").await;
    let mut alice = ward.client("alice").await;
    let room = alice.open(ROOM).await.unwrap();
    let token = ward.token(&Claims::of("mallory"));
    let mut mallory = Wire::joined(ward.server.address(), Some(&token), "peer-m").await.unwrap();
    let (theirs, target) = alice.peer_ids();
    let sender = theirs.clone();
    mallory.send(&Frame::Leave { sender }).await.unwrap();
    let (sender, to) = (theirs.clone(), target.clone());
    mallory.send(&Frame::LeaveRoom { sender, target: to, document: room }).await.unwrap();
    let chunk = made(&alice, new_actor(), put(allergy("m1", "p1", "x")));
    let data = Message::of(vec![chunk]).encode();
    let forged = Frame::Sync { sender: theirs, target, document: room, data };
    mallory.send(&forged).await.unwrap();
    mallory.settled().await.unwrap();
    assert_eq!(mallory.closed, None);
    alice.put(room, allergy("a1", "p1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    assert_eq!(alice.closed, None);
    assert_eq!(
        ward.document(ROOM).await["resources"]["AllergyIntolerance"].as_object().unwrap().len(),
        1
    );
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_peer_id_in_use_is_its_persons_alone() {
    let ward = ward().await;
    let mut alice = ward.client("alice").await;
    let room = alice.open(ROOM).await.unwrap();
    let token = ward.token(&Claims::of("mallory"));
    let mut mallory =
        Wire::open(ward.server.address(), Some(&token), &alice.peer_ids().0).await.unwrap();
    mallory.join(plain()).await.unwrap();
    assert_eq!(mallory.until_closed().await.unwrap().0, 1008);
    alice.put(room, allergy("a1", "p1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    assert_eq!(alice.closed, None);
    // Her own second connection takes the place of the first.
    let mut again = ward.client("alice").await;
    assert_eq!(alice.until_closed().await.unwrap().0, 1008);
    again.open(ROOM).await.unwrap();
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn the_servers_peer_id_is_nobodys() {
    let ward = ward().await;
    let token = ward.token(&Claims::of("mallory"));
    let known = Wire::joined(ward.server.address(), Some(&token), "peer-m").await.unwrap();
    let mut mallory =
        Wire::open(ward.server.address(), Some(&token), &known.server_id).await.unwrap();
    mallory.join(plain()).await.unwrap();
    assert_eq!(mallory.until_closed().await.unwrap().0, 1008);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_token_that_names_the_server_itself_signs_nobody_in() {
    let ward = ward().await;
    for person in ["$server", "server", "chartroom", " alice", "alice ", "", "somebody@x"] {
        let token = ward.token(&Claims::of(person));
        let reply = Visitor::of(&ward.server, Some(&token)).get("/sign-in").await.unwrap();
        let id = reply.body["person"]["id"].as_str().unwrap_or_default().to_owned();
        if reply.status == 200 {
            assert!(
                id != People::SERVER && !id.starts_with(People::SOMEBODY_AT),
                "{person:?} is {id:?}"
            );
        }
    }
    for reserved in [People::SERVER.to_owned(), format!("{}x", People::SOMEBODY_AT)] {
        let token = ward.token(&Claims::of(&reserved));
        let visitor = Visitor::of(&ward.server, Some(&token));
        assert_eq!(visitor.get("/sign-in").await.unwrap().status, 401, "{reserved}");
        let mut wire = Wire::open(ward.server.address(), Some(&token), "peer-r").await.unwrap();
        wire.join(plain()).await.unwrap();
        assert_eq!(wire.until_closed().await.unwrap().0, 4001, "{reserved}");
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_change_by_somebody_elses_actor_is_refused() {
    let ward = ward().await;
    ward.admit(ROOM, "mallory", "write").await;
    let mut alice = ward.client("alice").await;
    let room = alice.open(ROOM).await.unwrap();
    let edit = alice.put(room, allergy("a1", "p1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    let mut mallory = ward.client("mallory").await;
    mallory.open(ROOM).await.unwrap();
    mallory.until_heads(room, &alice.heads(room)).await.unwrap();
    let document = alice.chart(room).room.document();
    let hers = document.account(&edit.hash.unwrap(), &People::default()).unwrap().actor;
    let chunk = made(&mallory, hers, put(allergy("m1", "p1", "x")));
    send(&mut mallory, vec![chunk]).await;
    mallory.until("refused", |me| !refusals(me).is_empty()).await.unwrap();
    assert_eq!(refusals(&mallory)[0].0, "foreign-actor");
    // Her connection lives, and so does Alice's actor.
    alice.put(room, allergy("a2", "p1", "peanut")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    mallory.until_heads(room, &alice.heads(room)).await.unwrap();
    assert!(mallory.resource(room, "AllergyIntolerance", "m1").is_none());
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn an_actor_is_whose_first_change_was_stored() {
    let ward = ward().await;
    ward.admit(ROOM, "mallory", "write").await;
    let actor = new_actor();
    let mut alice = ward.client("alice").await;
    let room = alice.open(ROOM).await.unwrap();
    let mut mallory = ward.client("mallory").await;
    mallory.open(ROOM).await.unwrap();
    // Alice is first to show it; what Mallory makes under it is nobody's.
    let first = made(&alice, actor.clone(), put(allergy("a1", "p1", "latex")));
    send(&mut alice, vec![first]).await;
    let there = |me: &Client| me.resource(room, "AllergyIntolerance", "a1").is_some();
    mallory.until("Alice's", there).await.unwrap();
    let second = made(&mallory, actor, put(allergy("m1", "p1", "x")));
    send(&mut mallory, vec![second]).await;
    mallory.until("refused", |me| !refusals(me).is_empty()).await.unwrap();
    assert_eq!(refusals(&mallory)[0].0, "foreign-actor");
    assert_eq!(author_of(&ward, "a1").await["id"], "alice");
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_forbidden_among_what_is_allowed_is_left_out_alone() {
    let ward = ward().await;
    ward.admit(ROOM, "mallory", "write").await;
    let mut alice = ward.client("alice").await;
    let room = alice.open(ROOM).await.unwrap();
    let mut mallory = ward.client("mallory").await;
    mallory.open(ROOM).await.unwrap();
    let change = |id: &str, to: &str| made(&mallory, new_actor(), put(allergy(id, "p1", to)));
    let (before, after) = (change("m1", "latex"), change("m3", "peanut"));
    // On another chart's name the engine itself would refuse to make it.
    let forbidden = bent(change("m2", "WRONGPATIENT"), "Patient/p1", 0, "Patient/p2");
    send(&mut mallory, vec![before, forbidden, after]).await;
    mallory.until("refused", |me| !refusals(me).is_empty()).await.unwrap();
    assert_eq!(refusals(&mallory), [("wrong-patient".to_owned(), 1)]);
    let both = |me: &Client| {
        ["m1", "m3"].iter().all(|id| me.resource(room, "AllergyIntolerance", id).is_some())
    };
    alice.until("what is allowed", both).await.unwrap();
    let document = ward.document(ROOM).await;
    assert!(!document.to_string().contains("WRONGPATIENT"), "{document}");
    alice.put(room, allergy("a1", "p1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    mallory
        .until("it lives", |me| me.resource(room, "AllergyIntolerance", "a1").is_some())
        .await
        .unwrap();
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_forbidden_within_a_change_takes_the_whole_change_with_it() {
    let ward = ward().await;
    ward.admit(ROOM, "mallory", "write").await;
    let mut mallory = ward.client("mallory").await;
    let room = mallory.open(ROOM).await.unwrap();
    let commands = ["m1", "m2", "m3"].map(|id| put(allergy(id, "p1", "HALF")));
    let batch = Command::Batch { commands: commands.to_vec() };
    // Of the three the second is bent.
    let chunk = bent(made(&mallory, new_actor(), batch), "Patient/p1", 1, "Patient/p2");
    send(&mut mallory, vec![chunk]).await;
    mallory.until("refused", |me| !refusals(me).is_empty()).await.unwrap();
    assert_eq!(refusals(&mallory), [("wrong-patient".to_owned(), 1)]);
    assert!(!ward.document(ROOM).await.to_string().contains("HALF"));
    mallory.put(room, allergy("m9", "p1", "latex")).await.unwrap();
    mallory.until_saved(room).await.unwrap();
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn who_reads_only_has_changes_refused_and_goes_on_reading() {
    let ward = ward().await;
    let mut charlie = ward.client("charlie").await;
    let room = charlie.open(ROOM).await.unwrap();
    let before = ward.document(ROOM).await;
    charlie.put(room, allergy("c1", "p1", "x")).await.unwrap();
    charlie.until("refused", |me| !refusals(me).is_empty()).await.unwrap();
    assert_eq!(refusals(&charlie)[0].0, "read-only");
    assert_eq!(ward.document(ROOM).await, before);
    for (person, only) in [("alice", false), ("charlie", true)] {
        let token = ward.token(&Claims::of(person));
        let mut wire = Wire::joined(ward.server.address(), Some(&token), &format!("wire-{person}"))
            .await
            .unwrap();
        let found = wire.find(ROOM).await.unwrap();
        assert!(matches!(found, Frame::RoomFound { read_only, .. } if read_only == only));
    }
    let mut alice = ward.client("alice").await;
    alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "p1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    let there = |me: &Client| me.resource(room, "AllergyIntolerance", "a1").is_some();
    charlie.until("what Alice wrote", there).await.unwrap();
    assert_eq!(charlie.closed, None);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_in_the_servers_manner_names_its_true_author() {
    let ward = ward().await;
    ward.admit(ROOM, "mallory", "write").await;
    let mut mallory = ward.client("mallory").await;
    let room = mallory.open(ROOM).await.unwrap();
    // What the server notes of whom it writes for, in a change of Mallory's own actor.
    let mut copy = automerge::Automerge::new();
    for chunk in mallory.chart(room).room.document().chunks_since(&[]) {
        copy.apply_changes([automerge::Change::from_bytes(chunk).unwrap()]).unwrap();
    }
    copy.set_actor(new_actor());
    let message = json!({ "by": { "id": "alice", "name": "Alice" }, "import": true }).to_string();
    let mut transaction = copy.transaction();
    let (_, all) = transaction.get(automerge::ROOT, "AllergyIntolerance").unwrap().unwrap();
    let one = transaction.put_object(&all, "m1", automerge::ObjType::Map).unwrap();
    transaction.put(&one, "patient", "={\"reference\":\"Patient/p1\"}").unwrap();
    let options = automerge::transaction::CommitOptions::default();
    let (hash, _) = transaction.commit_with(options.with_message(message).with_time(1));
    let change = copy.get_change_by_hash(&hash.unwrap()).unwrap();
    send(&mut mallory, vec![change.raw_bytes().to_vec()]).await;
    let done = |me: &Client| {
        !refusals(me).is_empty() || me.resource(room, "AllergyIntolerance", "m1").is_some()
    };
    let mut bob = ward.client("bob").await;
    bob.open(ROOM).await.unwrap();
    bob.until("taken", done).await.unwrap();
    assert_eq!(author_of(&ward, "m1").await["id"], "mallory");
    let history = ward.chief.get("/fhir/R4/AllergyIntolerance/m1/_history").await.unwrap();
    assert!(
        history.text.contains("mallory") && !history.text.contains("alice"),
        "{}",
        history.text
    );
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn presence_in_another_persons_name_reaches_nobody() {
    let ward = ward().await;
    ward.admit(ROOM, "mallory", "write").await;
    let mut alice = ward.client("alice").await;
    let mut bob = ward.client("bob").await;
    let mut mallory = ward.client("mallory").await;
    let room = alice.open(ROOM).await.unwrap();
    bob.open(ROOM).await.unwrap();
    mallory.open(ROOM).await.unwrap();
    let presence = |of: &Client, as_whom: &str, count| Frame::Ephemeral {
        sender: as_whom.to_owned(),
        target: of.peer_ids().1,
        document: room,
        count,
        session: "s".to_owned(),
        data: vec![0xf6],
    };
    let (alices, own) = (alice.peer_ids().0, mallory.peer_ids().0);
    let forged = presence(&mallory, &alices, 1);
    mallory.send(&forged).await.unwrap();
    let honest = presence(&mallory, &own, 1);
    mallory.send(&honest).await.unwrap();
    let heard = |me: &Client| -> Vec<String> {
        let all = me.heard.iter().filter_map(|frame| match frame {
            Frame::Ephemeral { sender, .. } => Some(sender.clone()),
            _ => None,
        });
        all.collect()
    };
    bob.until("presence", |me| !heard(me).is_empty()).await.unwrap();
    assert_eq!(heard(&bob), [own]);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_clients_own_event_is_nobodys_who_may_not_write_or_hear() {
    let ward = ward().await;
    let address = ward.server.address();
    let mut listener = Texts::open(address, Some(&ward.token(&Claims::of("alice")))).await.unwrap();
    let subscribe =
        json!({ "type": "subscribe", "data": { "subscription_id": "s", "patient_ids": ["p1"] } });
    listener.send(&subscribe).await.unwrap();
    listener.heard(0, "subscription").await.unwrap();
    let placed = |text: &str| json!({ "type": "order.placed", "payload": { "patientId": "p1", "note": text } });
    for (person, code) in [("charlie", "READ_ONLY"), ("mallory", "ROOM_NOT_FOUND")] {
        let token = ward.token(&Claims::of(person));
        let mut speaker = Texts::open(address, Some(&token)).await.unwrap();
        speaker.send(&placed("FORGED")).await.unwrap();
        let error = speaker.heard(0, "error").await.unwrap();
        assert_eq!(error["error"], code, "{person}");
    }
    let token = ward.token(&Claims::of("bob"));
    let mut bob = Texts::open(address, Some(&token)).await.unwrap();
    bob.send(&placed("told")).await.unwrap();
    let told = listener.heard(0, "update").await.unwrap();
    assert_eq!(
        (&told["data"]["note"], &told["data"]["from"]["id"]),
        (&json!("told"), &json!("bob"))
    );
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_of_a_token_a_secret_or_a_patient_is_logged() {
    // Everything that is refused or ended says so in the log; each of these lines is read.
    let log = super::signed_out::log();
    let ward = ward().await;
    let good = ward.token(&Claims::of("alice"));
    let mut bad = vec![
        ward.token(&Claims::of("alice").lasting(-1000)),
        ward.token(&Claims::of("alice").with("aud", "other".into())),
        ward.token(&Claims::of("alice").with("sub", CANARY.into()).with("exp", CANARY.into())),
        format!("{}x", good),
        good.replace('.', "!"),
    ];
    bad.push(format!("{good}{good}"));
    for token in &bad {
        let visitor = Visitor::of(&ward.server, Some(token));
        let reply = visitor.get("/rooms").await.unwrap();
        assert_eq!(reply.status, 401, "{}", reply.text);
        assert!(!reply.text.contains(token) && !sings(&reply.text), "{}", reply.text);
        let mut wire = Wire::open(ward.server.address(), Some(token), "peer-b").await.unwrap();
        wire.join(plain()).await.unwrap();
        assert_eq!(wire.until_closed().await.unwrap().0, 4001);
        let mut texts = Texts::open(ward.server.address(), Some(token)).await.unwrap();
        assert_eq!(texts.until_closed().await.unwrap().0, 4001);
    }
    let alice = ward.visitor(&Claims::of("alice"));
    let o1 = observation("o1", "p1", "laboratory", CANARY);
    assert_eq!(alice.put(&o1).await.unwrap().status, 201);
    let mallory = ward.visitor(&Claims::of("mallory"));
    for path in ["/fhir/R4/Observation/o1", "/rooms/patient:p1", "/rooms/patient:p1/events"] {
        assert_eq!(mallory.get(path).await.unwrap().status, 404);
    }
    ward.revoke(&json!({ "person": "alice" })).await;
    let secret = ward.provider.secret().to_owned();
    ward.server.stop().await.unwrap();
    let log = log.text();
    assert!(!log.contains(&secret) && !sings(&log), "{log}");
    for token in bad.iter().chain([&good]) {
        assert!(!log.contains(token), "{log}");
    }
}

#[tokio::test]
async fn nobody_comes_in_as_another_server_by_saying_so() {
    let ward = ward().await;
    let mallory = ward.token(&Claims::of("mallory"));
    for token in [None, Some(mallory.as_str())] {
        let mut wire = Wire::open(ward.server.address(), token, "peer-m").await.unwrap();
        let metadata = PeerMetadata { server: Some("evil".into()), ..plain() };
        wire.join(metadata).await.unwrap();
        let is_in = wire.frames.iter().any(|frame| matches!(frame, Frame::Peer { .. }));
        let mut content = false;
        if is_in {
            let (sender, target) = (wire.peer_id.clone(), String::new());
            let room = Frame::Room { sender, target, name: ROOM.to_owned() };
            wire.send(&room).await.unwrap();
            let found = |frame: &Frame| matches!(frame, Frame::RoomFound { .. });
            let _ = wire.until("found", |me| me.frames.iter().any(found)).await;
            content = wire.frames.iter().any(found);
        }
        assert!(!is_in && !content, "token {}: {:?}", token.is_some(), wire.frames);
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_writes_in_another_persons_name_by_saying_to_be_a_server() {
    let ward = ward().await;
    let mut alice = ward.client("alice").await;
    let document = alice.open(ROOM).await.unwrap();
    let actor = new_actor();
    let chunk = made(&alice, actor.clone(), put(allergy("m1", "p1", "FORGED")));
    let mut wire = Wire::open(ward.server.address(), None, "peer-m").await.unwrap();
    let metadata = PeerMetadata { server: Some("evil".into()), ..plain() };
    wire.join(metadata).await.unwrap();
    let (sender, target) = (wire.peer_id.clone(), String::new());
    let authors = vec![(actor.to_bytes().to_vec(), Author::new("alice", "Alice"))];
    // One that is closed takes no more.
    let room =
        Frame::Room { sender: sender.clone(), target: target.clone(), name: ROOM.to_owned() };
    let _ = wire.send(&room).await;
    let _ = wire.sync(document, Message::default().encode()).await;
    let _ = wire.send(&Frame::Authors { sender, target, document, authors }).await;
    let _ = wire.sync(document, Message::of(vec![chunk]).encode()).await;
    // What Alice writes behind it shows what became of it.
    wire.until("the end or an answer", |me| me.closed.is_some() || me.frames.len() > 3)
        .await
        .unwrap();
    alice.put(document, allergy("a1", "p1", "latex")).await.unwrap();
    alice.until_saved(document).await.unwrap();
    let stored = ward.document(ROOM).await.to_string();
    let author = author_of(&ward, "m1").await;
    assert!(!stored.contains("FORGED"), "it stands there as {author}'s");
    ward.server.stop().await.unwrap();
}

/// Waits until nobody is connected.
async fn until_alone(ward: &Ward) {
    let deadline = Instant::now() + PATIENCE;
    while !ward.chief.get("/metrics").await.unwrap().text.contains("chartroom_connections 0") {
        assert!(Instant::now() < deadline, "somebody stays connected");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nobody_keeps_another_out_by_taking_their_peer_id() {
    let ward = ward().await;
    // She is away for a moment; members know her peer id from her presence.
    let alice = ward.client("alice").await;
    let (alices, _) = alice.peer_ids();
    drop(alice);
    until_alone(&ward).await;
    let (address, token) = (ward.server.address(), ward.token(&Claims::of("mallory")));
    let taken = Wire::joined(address, Some(&token), &alices).await;
    assert!(taken.is_err(), "an id is its person's, also while they are away");
    let token = ward.token(&Claims::of("alice"));
    let back = Client::sign_in(address, "alice", &token).await;
    assert!(back.is_ok(), "{:?}", back.err());
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn presence_of_somebody_who_is_away_is_nobody_elses_to_say() {
    let ward = ward().await;
    ward.admit(ROOM, "mallory", "write").await;
    let alice = ward.client("alice").await;
    let (alices, _) = alice.peer_ids();
    drop(alice);
    until_alone(&ward).await;
    let mut bob = ward.client("bob").await;
    let mut mallory = ward.client("mallory").await;
    let room = bob.open(ROOM).await.unwrap();
    mallory.open(ROOM).await.unwrap();
    let (own, target) = mallory.peer_ids();
    for sender in [alices, own.clone()] {
        let (target, session, data) = (target.clone(), "s".to_owned(), vec![0xf6]);
        let frame = Frame::Ephemeral { sender, target, document: room, count: 1, session, data };
        mallory.send(&frame).await.unwrap();
    }
    let heard = |me: &Client| -> Vec<String> {
        let all = me.heard.iter().filter_map(|frame| match frame {
            Frame::Ephemeral { sender, .. } => Some(sender.clone()),
            _ => None,
        });
        all.collect()
    };
    bob.until("presence", |me| heard(me).contains(&own)).await.unwrap();
    assert_eq!(heard(&bob), [own]);
    ward.server.stop().await.unwrap();
}
