//! Texts that people write together go where their resource goes, and stay where it stays.

use chartroom_engine::{ActorId, Document, RoomId};
use chartroom_server::storage::Storage;
use chartroom_tests::{
    client::Client,
    fhir::Fhir,
    server::{Answer, Server},
};
use serde_json::{Value, json};

use super::{because, check_changes, hospital, open_hospital, put, refers};

const SECRET: &str = "Confided: 🫀 afraid of the dark.";

/// A note of a patient.
fn note(id: &str, of: &str) -> Value {
    json!({
        "resourceType": "Composition", "id": id, "status": "preliminary", "title": "Note",
        "type": { "text": "note" }, "date": "2024-05-06", "author": [{ "display": "Alice" }],
        "subject": { "reference": format!("Patient/{of}") },
    })
}

fn set(id: &str, name: &str, text: &str) -> Value {
    json!({
        "kind": "setText", "resourceType": "Composition", "id": id, "element": name, "text": text,
    })
}

/// Writes into a text of a note.
async fn write(server: &Server, room: &str, (id, name): (&str, &str), text: &str) {
    let reply = server.command(room, &set(id, name, text)).await.unwrap();
    assert_eq!(reply.status, 200, "{:?}", reply.body);
}

/// A text of a note, as a room has it.
async fn text(server: &Server, room: &str, id: &str, name: &str) -> Option<String> {
    let path = format!("/rooms/{room}/texts/Composition/{id}/{name}");
    let reply: Answer = server.get(&path).await.unwrap();
    assert!([200, 404].contains(&reply.status), "{:?}", reply.body);
    reply.body["text"].as_str().map(str::to_owned)
}

async fn corrected(alice: &Fhir, id: &str, to: &str) -> u16 {
    let parameters = vec![refers("patient", to), because("two beds mixed up")];
    let reply = alice.operate(&format!("Composition/{id}/$correct-patient"), parameters).await;
    let reply = reply.unwrap();
    assert!(!reply.text.contains("afraid"), "{}", reply.text);
    reply.status
}

async fn relabelled(alice: &Fhir, id: &str, labels: &[&str]) -> u16 {
    let label = |code: &&str| json!({ "name": "label", "valueCode": code });
    let mut parameters: Vec<Value> = labels.iter().map(label).collect();
    parameters.push(because("the patient asked for it"));
    let reply = alice.operate(&format!("Composition/{id}/$relabel"), parameters).await.unwrap();
    reply.status
}

async fn merged(alice: &Fhir) -> u16 {
    let patients = [refers("source-patient", "p1"), refers("target-patient", "p2")];
    let parameters = patients.into_iter().chain([because("the same person")]).collect();
    alice.operate("Patient/$merge", parameters).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn the_texts_of_a_resource_go_into_the_right_chart_with_it() {
    let (storage, server, alice) = open_hospital().await;
    put(&alice, &note("n1", "p1")).await;
    put(&alice, &note("n2", "p1")).await;
    write(&server, "patient:p1", ("n1", "text"), SECRET).await;
    write(&server, "patient:p1", ("n1", "summary"), "").await;
    write(&server, "patient:p1", ("n2", "text"), "Stays.").await;
    assert_eq!(corrected(&alice, "n1", "p2").await, 200);

    assert_eq!(text(&server, "patient:p2", "n1", "text").await.as_deref(), Some(SECRET));
    assert_eq!(text(&server, "patient:p2", "n1", "summary").await.as_deref(), Some(""));
    assert_eq!(text(&server, "patient:p1", "n1", "text").await, None);
    assert_eq!(text(&server, "patient:p1", "n2", "text").await.as_deref(), Some("Stays."));
    // In one change with the resource.
    let room = RoomId::first("patient:p2".parse().unwrap());
    let stored = storage.load(&room).unwrap().unwrap();
    let changes = stored.changes.iter().map(|logged| logged.bytes.to_vec());
    let mut changes: Vec<Vec<u8>> = changes.collect();
    let at = |chunks: &[Vec<u8>]| {
        let mut document = Document::found(&room, ActorId::from([7_u8; 16]));
        document.replay(chunks.to_vec()).unwrap();
        let stands = document.resource("Composition", "n1").is_some();
        (stands, document.text("Composition", "n1", "text").is_some())
    };
    while at(&changes).0 {
        assert!(at(&changes).1, "a crash would have left the resource without its text");
        changes.pop();
    }
    check_changes(&storage, "p2");

    // And back, over what is left of it there, with what was written since.
    write(&server, "patient:p2", ("n1", "text"), "Sleeps well.").await;
    assert_eq!(corrected(&alice, "n1", "p1").await, 200);
    assert_eq!(text(&server, "patient:p1", "n1", "text").await.as_deref(), Some("Sleeps well."));
    assert_eq!(text(&server, "patient:p2", "n1", "text").await, None);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_texts_of_a_resource_do_not_mix_with_those_of_another_that_was_there() {
    let (_folder, server, alice) = hospital().await;
    let of_p2 = json!({ "kind": "put", "resource": note("n1", "p2") });
    assert_eq!(server.command("patient:p2", &of_p2).await.unwrap().status, 200);
    write(&server, "patient:p2", ("n1", "summary"), "Of another patient.").await;
    let delete = json!({ "kind": "delete", "resourceType": "Composition", "id": "n1" });
    assert_eq!(server.command("patient:p2", &delete).await.unwrap().status, 200);
    let of_p1 = json!({ "kind": "put", "resource": note("n1", "p1") });
    assert_eq!(server.command("patient:p1", &of_p1).await.unwrap().status, 200);
    write(&server, "patient:p1", ("n1", "text"), SECRET).await;
    let from = |id: &str| {
        let parameters = vec![refers("from", "p1"), refers("patient", "p2"), because("x")];
        (format!("Composition/{id}/$correct-patient"), parameters)
    };
    let (path, parameters) = from("n1");
    let reply = alice.operate(&path, parameters).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(text(&server, "patient:p2", "n1", "text").await.as_deref(), Some(SECRET));
    assert_eq!(text(&server, "patient:p2", "n1", "summary").await.as_deref(), Some(""));

    // One that stands there and says something else is not written over.
    put(&alice, &note("n2", "p1")).await;
    write(&server, "patient:p1", ("n2", "text"), "One.").await;
    let of_p2 = json!({ "kind": "put", "resource": note("n2", "p2") });
    assert_eq!(server.command("patient:p2", &of_p2).await.unwrap().status, 200);
    write(&server, "patient:p2", ("n2", "text"), "Two.").await;
    let (path, parameters) = from("n2");
    let reply = alice.operate(&path, parameters).await.unwrap();
    assert_eq!(reply.status, 409, "{}", reply.text);
    assert_eq!(text(&server, "patient:p2", "n2", "text").await.as_deref(), Some("Two."));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_go_along_however_many_they_are() {
    let (storage, server, alice) = open_hospital().await;
    put(&alice, &note("n1", "p1")).await;
    let long = |letter: &str| letter.repeat(48 * 1024);
    let all = [("text", long("a")), ("summary", long("b")), ("plan", long("c"))];
    for (name, whole) in &all {
        write(&server, "patient:p1", ("n1", name), whole).await;
    }
    for (from, to) in [("p1", "p2"), ("p2", "p1")] {
        assert_eq!(corrected(&alice, "n1", to).await, 200);
        for (name, whole) in &all {
            let there = text(&server, &format!("patient:{to}"), "n1", name).await;
            assert!(there.as_deref() == Some(whole), "{name} from {from} to {to}");
        }
    }
    check_changes(&storage, "p1");
    check_changes(&storage, "p2");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_texts_of_a_relabelled_resource_leave_nothing_in_the_room_that_they_were_in() {
    let (storage, server, alice) = open_hospital().await;
    put(&alice, &note("n1", "p1")).await;
    put(&alice, &note("n2", "p1")).await;
    write(&server, "patient:p1", ("n1", "text"), SECRET).await;
    write(&server, "patient:p1", ("n2", "text"), "Stays.").await;
    assert_eq!(relabelled(&alice, "n1", &["PSY"]).await, 200);

    assert_eq!(text(&server, "patient:p1~PSY", "n1", "text").await.as_deref(), Some(SECRET));
    assert_eq!(text(&server, "patient:p1", "n1", "text").await, None);
    assert_eq!(text(&server, "patient:p1", "n2", "text").await.as_deref(), Some("Stays."));
    let next = RoomId { epoch: 2, ..RoomId::first("patient:p1".parse().unwrap()) };
    let stored = storage.load(&next).unwrap().unwrap();
    let mut document = Document::found(&next, ActorId::from([7_u8; 16]));
    document.replay(stored.changes.iter().map(|logged| logged.bytes.to_vec())).unwrap();
    assert_eq!(document.text("Composition", "n1", "text"), None);
    assert_eq!(document.text("Composition", "n2", "text").as_deref(), Some("Stays."));
    for logged in &stored.changes {
        let bytes = logged.bytes.windows(6).any(|window| window == b"afraid");
        assert!(!bytes, "change {} has letters of it", logged.seq);
    }
    let events = server.get("/rooms/patient:p1/events").await.unwrap();
    assert!(!events.body.to_string().contains("n1"), "{:?}", events.body);

    // And back.
    assert_eq!(relabelled(&alice, "n1", &[]).await, 200);
    assert_eq!(text(&server, "patient:p1", "n1", "text").await.as_deref(), Some(SECRET));
    assert_eq!(text(&server, "patient:p1~PSY", "n1", "text").await, None);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_texts_of_a_chart_go_into_the_one_that_it_is_merged_with() {
    let (storage, server, alice) = open_hospital().await;
    put(&alice, &note("stays", "p2")).await;
    write(&server, "patient:p2", ("stays", "text"), "Was here.").await;
    for n in 0..30 {
        put(&alice, &note(&format!("n{n}"), "p1")).await;
        let (id, whole) = (format!("n{n}"), format!("{n}: {}", "long 🫀 ".repeat(1000)));
        write(&server, "patient:p1", (&id, "text"), &whole).await;
    }
    let patient_text = json!({
        "kind": "setText", "resourceType": "Patient", "id": "p1", "element": "text", "text": "P1.",
    });
    assert_eq!(server.command("patient:p1", &patient_text).await.unwrap().status, 200);
    let before = server.get("/rooms/facility:alerts/active").await.unwrap().body;
    assert_eq!(merged(&alice).await, 200);

    for n in 0..30 {
        let (id, whole) = (format!("n{n}"), format!("{n}: {}", "long 🫀 ".repeat(1000)));
        let there = text(&server, "patient:p2", &id, "text").await;
        assert!(there == Some(whole), "{id}: {:?} letters", there.map(|there| there.len()));
        assert_eq!(text(&server, "patient:p1", &id, "text").await, None);
    }
    assert_eq!(text(&server, "patient:p2", "stays", "text").await.as_deref(), Some("Was here."));
    let stays = server.get("/rooms/patient:p1/texts/Patient/p1/text").await.unwrap();
    assert_eq!(stays.body["text"], "P1.", "the Patient stays, and so does its text");
    // It came as history.
    let events = server.get("/rooms/patient:p2/events?limit=1000").await.unwrap().body;
    for event in events["events"].as_array().unwrap() {
        let came = event["resource_id"].as_str().is_some_and(|id| id.starts_with('n'));
        assert!(!came || event["import"] == true, "{event}");
    }
    assert_eq!(server.get("/rooms/facility:alerts/active").await.unwrap().body, before);
    check_changes(&storage, "p2");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_stands_twice_is_decided_before_its_resource_moves() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &note("n1", "p1")).await;
    let mut people = Vec::new();
    for person in ["bob", "dora"] {
        let mut client = Client::connect(server.address(), person).await.unwrap();
        let room = client.open("patient:p1").await.unwrap();
        let has_note = |me: &Client| me.resource(room, "Composition", "n1").is_some();
        client.until("the note", has_note).await.unwrap();
        people.push((person, client, room));
    }
    for (person, client, room) in &mut people {
        let command = serde_json::from_value(set("n1", "text", &format!("By {person}."))).unwrap();
        client.edit(*room, command).await.unwrap();
    }
    for (_, client, room) in &mut people {
        client.until_saved(*room).await.unwrap();
    }
    let conflicts = server.get("/rooms/patient:p1/conflicts").await.unwrap().body;
    assert_eq!(conflicts["conflicts"][0]["kind"], "text", "{conflicts}");

    assert_eq!(corrected(&alice, "n1", "p2").await, 409);
    assert_eq!(relabelled(&alice, "n1", &["PSY"]).await, 409);
    assert_eq!(merged(&alice).await, 409);
    assert_eq!(text(&server, "patient:p2", "n1", "text").await, None);
    write(&server, "patient:p1", ("n1", "text"), "By both.").await;
    assert_eq!(corrected(&alice, "n1", "p2").await, 200);
    assert_eq!(text(&server, "patient:p2", "n1", "text").await.as_deref(), Some("By both."));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_while_a_resource_moves_is_in_neither_chart_lost() {
    let (_folder, server, alice) = hospital().await;
    for round in 0..4 {
        let id = format!("n{round}");
        put(&alice, &note(&id, "p1")).await;
        write(&server, "patient:p1", (&id, "text"), "Begun.").await;
        let typing = async {
            let splice = json!({
                "kind": "splice", "resourceType": "Composition", "id": id, "element": "text",
                "index": 0, "delete": 0, "insert": "x",
            });
            // Fewer than the times that a move goes after what was written meanwhile.
            let mut taken = 0;
            for _ in 0..6 {
                let reply = server.command("patient:p1", &splice).await.unwrap();
                assert!([200, 422].contains(&reply.status), "{:?}", reply.body);
                taken += usize::from(reply.status == 200);
            }
            taken
        };
        let (letters, status) = tokio::join!(typing, corrected(&alice, &id, "p2"));
        assert_eq!(status, 200);
        let there = text(&server, "patient:p2", &id, "text").await;
        assert_eq!(there, Some("x".repeat(letters) + "Begun."), "what was acknowledged is there");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_note_moves_with_its_text_and_a_move_that_ended_halfway_goes_on() {
    let (_folder, server, alice) = hospital().await;
    let signed = |of: &str| {
        let mut signed = note("n1", of);
        signed["status"] = "final".into();
        json!({ "kind": "put", "resource": signed })
    };
    put(&alice, &note("n1", "p1")).await;
    write(&server, "patient:p1", ("n1", "text"), SECRET).await;
    assert_eq!(server.command("patient:p1", &signed("p1")).await.unwrap().status, 200);
    // As a crash leaves it: there already, with one of its texts, and here still.
    let draft = json!({ "kind": "put", "resource": note("n1", "p2") });
    assert_eq!(server.command("patient:p2", &draft).await.unwrap().status, 200);
    write(&server, "patient:p2", ("n1", "text"), SECRET).await;
    assert_eq!(server.command("patient:p2", &signed("p2")).await.unwrap().status, 200);
    let parameters = vec![refers("from", "p1"), refers("patient", "p2"), because("x")];
    let reply = alice.operate("Composition/n1/$correct-patient", parameters).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(text(&server, "patient:p1", "n1", "text").await, None);
    for round in 0..2 {
        let there = text(&server, "patient:p2", "n1", "text").await;
        assert_eq!(there.as_deref(), Some(SECRET), "round {round}");
        assert_eq!(corrected(&alice, "n1", "p1").await, 200);
        assert_eq!(text(&server, "patient:p1", "n1", "text").await.as_deref(), Some(SECRET));
        assert_eq!(corrected(&alice, "n1", "p2").await, 200);
    }
    let reply = server.command("patient:p2", &set("n1", "text", "x")).await.unwrap();
    assert_eq!((reply.status, reply.code()), (422, Some("signed")));
    server.stop().await.unwrap();
}
