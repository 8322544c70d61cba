//! Texts that people write together: who may not update a resource writes no text of it, and nobody
//! writes one of a signed note.

use chartroom_engine::Command;
use chartroom_tests::{client::Client, identity::Claims};
use serde_json::{Value, json};

use super::{
    Ward, document_of,
    mallory::{ROOM, made, new_actor, refusals, send, ward},
};

const COMMANDS: &str = "/rooms/patient:p1/commands";

fn note() -> Value {
    json!({
        "resourceType": "Composition", "id": "n1", "status": "preliminary", "title": "Note",
        "type": { "text": "note" }, "date": "2024-05-06", "author": [{ "display": "Alice" }],
        "subject": { "reference": "Patient/p1" },
    })
}

fn splice(index: usize, delete: usize, insert: &str) -> Value {
    json!({
        "kind": "splice", "resourceType": "Composition", "id": "n1", "element": "text",
        "index": index, "delete": delete, "insert": insert,
    })
}

fn set(text: &str) -> Value {
    json!({
        "kind": "setText", "resourceType": "Composition", "id": "n1", "element": "text",
        "text": text,
    })
}

fn command(json: &Value) -> Command {
    serde_json::from_value(json.clone()).unwrap()
}

/// The text as a client has it.
fn text(client: &Client) -> Option<String> {
    client.chart(document_of(ROOM)).room.document().text("Composition", "n1", "text")
}

/// A ward with a note in Alice's patient's chart, of which one word is written.
async fn begun() -> Ward {
    let ward = ward().await;
    let alice = ward.visitor(&Claims::of("alice"));
    assert_eq!(alice.put(&note()).await.unwrap().status, 201);
    let reply = alice.post(COMMANDS, &splice(0, 0, "Stable")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    ward
}

#[tokio::test]
async fn a_text_is_written_over_http_and_over_sync() {
    let ward = begun().await;
    let mut bob = ward.client("bob").await;
    let room = bob.open(ROOM).await.unwrap();
    bob.until("begun", |me| text(me).as_deref() == Some("Stable")).await.unwrap();
    bob.edit(room, command(&splice(6, 0, ", afebrile"))).await.unwrap();
    bob.until_saved(room).await.unwrap();
    let alice = ward.visitor(&Claims::of("alice"));
    let several = json!([splice(0, 0, "🫀 "), splice(usize::MAX, 0, ".")]);
    let reply = alice.post(COMMANDS, &several).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let whole = "🫀 Stable, afebrile.";
    bob.until("all of it", |me| text(me).as_deref() == Some(whole)).await.unwrap();
    let reply = alice.post(COMMANDS, &set("🫀 Unstable, afebrile.")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    bob.until("set", |me| text(me).as_deref() == Some("🫀 Unstable, afebrile.")).await.unwrap();
    for (bad, status, code) in [
        (splice(0, 0, &"x".repeat(200_000)), 422, "too-large"),
        (
            json!({ "kind": "splice", "resourceType": "Composition", "id": "n2", "element": "text",
            "index": 0, "delete": 0, "insert": "x" }),
            422,
            "not-found",
        ),
        (
            json!({ "kind": "splice", "resourceType": "Composition", "id": "n1", "element": "text",
            "index": -1, "delete": 0, "insert": "x" }),
            400,
            "bad-body",
        ),
    ] {
        let reply = alice.post(COMMANDS, &bad).await.unwrap();
        let told = (reply.status, reply.body["error"]["code"].as_str());
        assert_eq!(told, (status, Some(code)), "{}", reply.text);
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_writes_a_text_who_may_not_update_its_resource() {
    let ward = begun().await;
    for (claims, status, code) in [
        (Claims::of("alice").scope("user/*.rs user/Flag.cruds"), 422, "scope-missing"),
        (Claims::of("alice").scope("user/*.rs user/Composition.cd"), 422, "scope-missing"),
        (Claims::of("charlie"), 403, "read-only"),
        (Claims::of("mallory"), 404, "room-not-found"),
    ] {
        for command in [splice(0, 0, "x"), set("x")] {
            let reply = ward.visitor(&claims).post(COMMANDS, &command).await.unwrap();
            let told = (reply.status, &reply.body["error"]["code"]);
            assert_eq!(told, (status, &json!(code)), "{}", reply.text);
        }
    }
    let mut charlie = ward.client("charlie").await;
    let token = ward.token(&Claims::of("bob").scope("user/*.rs user/Flag.cu"));
    let mut bob = Client::sign_in(ward.server.address(), "bob", &token).await.unwrap();
    for (client, code) in [(&mut charlie, "read-only"), (&mut bob, "scope-missing")] {
        let room = client.open(ROOM).await.unwrap();
        client.until("begun", |me| text(me).as_deref() == Some("Stable")).await.unwrap();
        client.edit(room, command(&splice(0, 0, "x"))).await.unwrap();
        client.until("refused", |me| !refusals(me).is_empty()).await.unwrap();
        assert_eq!(refusals(client), [(code.to_owned(), 1)]);
    }
    let mut alice = ward.client("alice").await;
    alice.open(ROOM).await.unwrap();
    alice.until("begun", |me| text(me).is_some()).await.unwrap();
    assert_eq!(text(&alice).as_deref(), Some("Stable"));
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_text_is_read_by_whoever_reads_its_resource() {
    let ward = begun().await;
    let alice = ward.visitor(&Claims::of("alice"));
    let reply = alice.post(COMMANDS, &splice(0, 0, "🫀 ")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let door = |room: &str, of: &str| format!("/rooms/{room}/texts/{of}");
    let own = door(ROOM, "Composition/n1/text");
    let narrow = |scope: &str| Claims::of("bob").scope(scope);
    for claims in [Claims::of("alice"), Claims::of("charlie"), narrow("user/Composition.r")] {
        let reply = ward.visitor(&claims).get(&own).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.body, json!({ "text": "🫀 Stable", "length": 9 }), "in code units");
    }
    let gone = json!({ "resourceType": "Flag", "id": "f2", "status": "active",
        "code": { "text": "x" }, "subject": { "reference": "Patient/p1" } });
    assert_eq!(alice.put(&gone).await.unwrap().status, 201);
    let told = json!({ "kind": "setText", "resourceType": "Flag", "id": "f2", "element": "text",
        "text": "Was here." });
    assert_eq!(alice.post(COMMANDS, &told).await.unwrap().status, 200);
    let delete = json!({ "kind": "delete", "resourceType": "Flag", "id": "f2" });
    assert_eq!(alice.post(COMMANDS, &delete).await.unwrap().status, 200);

    let mut answers = Vec::new();
    for (claims, path) in [
        (Claims::of("mallory"), own.clone()),
        (narrow("user/Flag.rs"), own.clone()),
        (narrow("user/Composition.s"), own),
        (Claims::of("alice"), door(ROOM, "Composition/n1/note")),
        (Claims::of("alice"), door(ROOM, "Composition/n2/text")),
        (Claims::of("alice"), door(ROOM, "Flag/f2/text")),
        (Claims::of("alice"), door(ROOM, "Nothing/n1/text")),
        (Claims::of("alice"), door(ROOM, "Composition/n1/%2f..%3a")),
        (Claims::of("alice"), door("patient:nobody", "Composition/n1/text")),
        (Claims::of("alice"), door("pharmacy:queue", "Composition/n1/text")),
    ] {
        let reply = ward.visitor(&claims).get(&path).await.unwrap();
        assert_eq!(reply.status, 404, "{path}: {}", reply.text);
        answers.push(reply.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one answer for all: {answers:?}");
    assert!(answers[0].contains("text-not-found"), "{answers:?}");

    // Who read it is in the trail, and nothing of it.
    let audit = ward.chief.get("/fhir/R4/AuditEvent?entity=Composition/n1&_count=100");
    let audit = audit.await.unwrap();
    assert!(audit.text.contains("/texts/{type}/{id}/{name}"), "{}", audit.text);
    assert!(audit.text.contains("charlie") && !audit.text.contains("Stable"), "{}", audit.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn the_text_of_a_signed_note_stands_against_everybody() {
    let ward = begun().await;
    let mut bob = ward.client("bob").await;
    bob.open(ROOM).await.unwrap();
    bob.until("begun", |me| text(me).is_some()).await.unwrap();
    let late = made(&bob, new_actor(), command(&splice(0, 0, "Not ")));
    let alice = ward.visitor(&Claims::of("alice"));
    let heads = ward.document(ROOM).await["heads"].clone();
    // What is typed after the signer looked is not signed.
    let reply = alice.post(COMMANDS, &splice(6, 0, "!")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let sign = |heads: Value| json!({ "kind": "sign", "resourceType": "Composition", "id": "n1", "heads": heads });
    let reply = alice.post(COMMANDS, &sign(heads)).await.unwrap();
    let told = (reply.status, &reply.body["error"]["code"]);
    assert_eq!(told, (422, &json!("changed-since-viewed")));
    let heads = ward.document(ROOM).await["heads"].clone();
    assert_eq!(alice.post(COMMANDS, &sign(heads)).await.unwrap().status, 200);
    for who in [&alice, &ward.chief] {
        for command in [splice(0, 0, "Not "), set("Not stable")] {
            let reply = who.post(COMMANDS, &command).await.unwrap();
            let told = (reply.status, &reply.body["error"]["code"]);
            assert_eq!(told, (422, &json!("signed")), "{}", reply.text);
        }
    }
    send(&mut bob, vec![late]).await;
    bob.until("refused", |me| !refusals(me).is_empty()).await.unwrap();
    assert_eq!(refusals(&bob), [("signed".to_owned(), 1)]);
    bob.until("as signed", |me| text(me).as_deref() == Some("Stable!")).await.unwrap();
    ward.server.stop().await.unwrap();
}
