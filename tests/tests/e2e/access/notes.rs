//! Signed notes: they stand as they were signed, whoever writes in whatever way.

use chartroom_tests::identity::Claims;
use serde_json::{Value, json};

use super::{
    Ward,
    mallory::{ROOM, bent, made, new_actor, put, refusals, send, ward},
};

const COMMANDS: &str = "/rooms/patient:p1/commands";

fn note(status: &str, title: &str) -> Value {
    json!({
        "resourceType": "Composition", "id": "n1", "status": status, "title": title,
        "type": { "text": "note" }, "date": "2024-05-06", "author": [{ "display": "Alice" }],
        "subject": { "reference": "Patient/p1" },
    })
}

/// What it takes to sign the note as it stands.
async fn signature(ward: &Ward) -> Value {
    let heads = ward.document(ROOM).await["heads"].clone();
    json!({ "kind": "sign", "resourceType": "Composition", "id": "n1", "heads": heads })
}

#[tokio::test]
async fn a_signed_note_stands_against_everybody() {
    let ward = ward().await;
    let note = note("preliminary", "Note");
    let alice = ward.visitor(&Claims::of("alice"));
    let bob = ward.visitor(&Claims::of("bob"));
    assert_eq!(alice.put(&note).await.unwrap().status, 201);
    let path = format!("/rooms/{ROOM}/commands");
    let stale = ward.document(ROOM).await["heads"].clone();
    let mut edited = note.clone();
    edited["title"] = "Note, edited".into();
    assert_eq!(bob.put(&edited).await.unwrap().status, 200);
    let sign = |heads: &Value| json!({ "kind": "sign", "resourceType": "Composition", "id": "n1", "heads": heads });
    let refused = alice.post(&path, &sign(&stale)).await.unwrap();
    assert_eq!(
        (refused.status, &refused.body["error"]["code"]),
        (422, &json!("changed-since-viewed"))
    );
    let seen = ward.document(ROOM).await["heads"].clone();
    assert_eq!(alice.post(&path, &sign(&seen)).await.unwrap().status, 200);
    let signed = ward.document(ROOM).await["resources"]["Composition"]["n1"].clone();
    assert_eq!(signed["status"], "final");
    let mut frozen = signed.clone();
    frozen["title"] = "Forged".into();
    for who in [&alice, &bob, &ward.chief] {
        let reply = who.put(&frozen).await.unwrap();
        assert_eq!(reply.status, 422, "{}", reply.text);
        let patch = json!({ "title": "Forged" });
        let merge = [("content-type", "application/merge-patch+json")];
        let body = Value::String(patch.to_string());
        let target = "/fhir/R4/Composition/n1";
        let reply = who.send_with("PATCH", target, &merge, Some(&body)).await.unwrap();
        assert_eq!(reply.status, 422, "{}", reply.text);
        let reply = who.send("DELETE", target, None).await.unwrap();
        assert_eq!(reply.status, 422, "{}", reply.text);
        for command in [
            json!({ "kind": "put", "resource": frozen }),
            json!({ "kind": "patch", "resourceType": "Composition", "id": "n1", "elements": patch }),
            json!({ "kind": "delete", "resourceType": "Composition", "id": "n1" }),
        ] {
            let reply = who.post(&path, &command).await.unwrap();
            assert_eq!(reply.status, 422, "{command}: {}", reply.text);
        }
    }
    // By hand, since an honest client refuses to make it.
    let mut client = ward.client("bob").await;
    client.open(ROOM).await.unwrap();
    let mut other = note.clone();
    (other["id"], other["title"]) = ("n2".into(), "Forged".into());
    let chunk = made(&client, new_actor(), put(other));
    send(&mut client, vec![bent(chunk, "n2", 0, "n1")]).await;
    client.until("refused", |me| !refusals(me).is_empty()).await.unwrap();
    assert_eq!(refusals(&client)[0].0, "signed");
    assert_eq!(ward.document(ROOM).await["resources"]["Composition"]["n1"], signed);
    let mut amended = frozen.clone();
    (amended["status"], amended["title"]) = ("amended".into(), "Note, amended".into());
    let reply = bob.put(&amended).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_signed_note_stands_against_merges_bundles_and_imports() {
    let ward = ward().await;
    let alice = ward.visitor(&Claims::of("alice"));
    for title in ["one", "two"] {
        alice.put(&note("preliminary", title)).await.unwrap();
    }
    let sign = signature(&ward).await;
    assert_eq!(alice.post(COMMANDS, &sign).await.unwrap().status, 200);
    let signed = ward.document(ROOM).await["resources"]["Composition"].clone();
    let forged = note("final", "Forged");
    let merge = [
        ("if-match", "W/\"1\""),
        ("prefer", "handling=merge"),
        ("content-type", "application/fhir+json"),
    ];
    let path = "/fhir/R4/Composition/n1";
    let reply = alice.send_with("PUT", path, &merge, Some(&forged)).await.unwrap();
    assert_eq!(reply.status, 422, "{}", reply.text);
    let entry =
        json!({ "resource": forged, "request": { "method": "PUT", "url": "Composition/n1" } });
    for kind in ["transaction", "batch"] {
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
        let reply = alice.post("/fhir/R4", &bundle).await.unwrap();
        assert!(reply.text.contains("the note is signed"), "{}", reply.text);
    }
    let import = json!({ "kind": "import", "resources": [forged] });
    assert_eq!(ward.chief.post(COMMANDS, &import).await.unwrap().status, 422);
    let lines = [("content-type", "application/fhir+ndjson")];
    let body = Value::String(format!("{forged}\n"));
    let reply =
        ward.chief.send_with("POST", "/fhir/R4/$import", &lines, Some(&body)).await.unwrap();
    assert!(reply.text.contains("\"leftOut\":1"), "{}", reply.text);
    assert_eq!(ward.document(ROOM).await["resources"]["Composition"], signed);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_signs_who_may_not_write_the_note() {
    let ward = ward().await;
    let alice = ward.visitor(&Claims::of("alice"));
    alice.put(&note("preliminary", "one")).await.unwrap();
    let sign = signature(&ward).await;
    for (claims, status, code) in [
        (Claims::of("alice").scope("user/*.rs user/Flag.cruds"), 422, "scope-missing"),
        (Claims::of("charlie"), 403, "read-only"),
        (Claims::of("mallory"), 404, "room-not-found"),
    ] {
        let reply = ward.visitor(&claims).post(COMMANDS, &sign).await.unwrap();
        assert_eq!((reply.status, &reply.body["error"]["code"]), (status, &json!(code)));
    }
    let stands = ward.document(ROOM).await["resources"]["Composition"]["n1"]["status"].clone();
    assert_eq!(stands, "preliminary");
    ward.server.stop().await.unwrap();
}

/// Parameters of an operation that moves something.
fn moving(more: Value) -> Value {
    let reason = json!({ "name": "reason", "valueString": "asked for" });
    json!({ "resourceType": "Parameters", "parameter": [more, reason] })
}

/// A signed note in Alice's patient's chart.
async fn signed(ward: &Ward) {
    let alice = ward.visitor(&Claims::of("alice"));
    assert_eq!(alice.put(&note("preliminary", "SIGNED")).await.unwrap().status, 201);
    assert_eq!(alice.post(COMMANDS, &signature(ward).await).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_signed_note_of_the_wrong_patient_is_in_one_chart_alone_afterwards() {
    let ward = ward().await;
    ward.chart("p2").await;
    signed(&ward).await;
    let to = json!({ "name": "patient", "valueReference": { "reference": "Patient/p2" } });
    let path = "/fhir/R4/Composition/n1/$correct-patient";
    let reply = ward.chief.post(path, &moving(to)).await.unwrap();
    let (from, to) = (ward.document(ROOM).await, ward.document("patient:p2").await);
    let is_in = |document: &Value| document.to_string().contains("SIGNED");
    assert!(is_in(&from) != is_in(&to), "{} {}", reply.status, reply.text);
    assert_eq!(reply.status == 200, is_in(&to), "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_signed_note_that_is_relabelled_is_in_one_room_alone_afterwards() {
    let ward = ward().await;
    signed(&ward).await;
    let label = json!({ "name": "label", "valueCode": "PSY" });
    let reply = ward.chief.post("/fhir/R4/Composition/n1/$relabel", &moving(label)).await.unwrap();
    let from = ward.document(ROOM).await;
    let to = ward.chief.get("/rooms/patient:p1~PSY/document").await.unwrap();
    let (from, to) = (from.to_string().contains("SIGNED"), to.text.contains("SIGNED"));
    assert!(from != to, "{} {}", reply.status, reply.text);
    assert_eq!(reply.status == 200, to, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_chart_with_a_signed_note_is_merged_whole_or_not_at_all() {
    let ward = ward().await;
    ward.chart("p2").await;
    signed(&ward).await;
    let refers = |name: &str, to: &str| json!({ "name": name, "valueReference": { "reference": format!("Patient/{to}") } });
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        refers("source-patient", "p1"), refers("target-patient", "p2"),
        { "name": "reason", "valueString": "asked for" },
    ] });
    let reply = ward.chief.post("/fhir/R4/Patient/$merge", &parameters).await.unwrap();
    let (from, to) = (ward.document(ROOM).await, ward.document("patient:p2").await);
    let is_in = |document: &Value| document.to_string().contains("SIGNED");
    assert!(is_in(&from) != is_in(&to), "{} {}", reply.status, reply.text);
    assert_eq!(reply.status == 200, is_in(&to), "{}", reply.text);
    ward.server.stop().await.unwrap();
}
