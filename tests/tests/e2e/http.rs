//! What HTTP shows of rooms.

use serde_json::{Value, json};

use crate::{ROOM, alice_and_bob, allergy, start};

#[tokio::test]
async fn rooms_are_listed_with_what_is_known_of_the_patient() {
    let (_folder, server) = start().await;
    let patient = json!({
        "resourceType": "Patient", "id": "p1", "birthDate": "1970-01-02", "gender": "female", "deceasedDateTime": "2020-03-04",
        "name": [{ "use": "official", "given": ["Ann"], "family": "Doe" }],
    });
    let commands = json!([
        { "kind": "put", "resource": patient },
        { "kind": "put", "resource": allergy("a1", "latex") },
    ]);
    let answer = server.command(ROOM, &commands).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["edits"][1]["resources"], json!([["AllergyIntolerance", "a1"]]));

    let rooms = server.get("/rooms").await.unwrap().body;
    let room = &rooms["rooms"][0];
    assert_eq!((&room["room"], &room["title"]), (&json!(ROOM), &json!("Ann Doe")));
    assert_eq!(room["deceased"], "2020-03-04");
    assert_eq!((&room["birthDate"], &room["gender"]), (&json!("1970-01-02"), &json!("female")));
    let shown = server.get("/rooms/patient:p1").await.unwrap().body;
    assert_eq!(shown["url"], format!("automerge:{}", shown["documentId"].as_str().unwrap()));
    assert_eq!(shown["heads"], answer.body["heads"]);
    assert_eq!(shown["resources"], json!({ "AllergyIntolerance": 1, "Patient": 1 }));
    let document = server.get("/rooms/patient:p1/document").await.unwrap().body;
    assert_eq!(document["resources"]["Patient"]["p1"], patient);
    let bundle = server.get("/rooms/patient:p1/document?format=bundle").await.unwrap().body;
    assert_eq!(bundle["entry"].as_array().unwrap().len(), 2);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn decimals_pass_to_the_digit() {
    let (_folder, server) = start().await;
    let text = r#"{"kind":"put","resource":{"resourceType":"Observation","id":"o1",
        "subject":{"reference":"Patient/p1"},"valueQuantity":{"value":0.010},
        "referenceRange":[{"low":{"value":1e-7}}]}}"#;
    assert_eq!(server.post(ROOM, text.to_owned()).await.unwrap().status, 200);
    let document = server.get("/rooms/patient:p1/document").await.unwrap().body;
    let observation = &document["resources"]["Observation"]["o1"];
    assert_eq!(observation["valueQuantity"]["value"].to_string(), "0.010");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_event_log_resumes_from_a_number() {
    let (_folder, server) = start().await;
    for n in 0..5 {
        let put = json!({ "kind": "put", "resource": allergy(&format!("a{n}"), "latex") });
        server.command(ROOM, &put).await.unwrap();
    }
    let first = server.get("/rooms/patient:p1/events?limit=2").await.unwrap().body;
    assert_eq!(first["events"].as_array().unwrap().len(), 2);
    let after = first["last"].as_u64().unwrap();
    let path = format!("/rooms/patient:p1/events?after={after}");
    let rest = server.get(&path).await.unwrap().body;
    let seqs: Vec<u64> =
        rest["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs.first(), Some(&(after + 1)));
    assert_eq!(seqs.last().copied(), rest["last"].as_u64());
    let author = &first["events"][0]["author"];
    assert_eq!(author, &json!({ "id": "alice", "name": "Alice" }));
    let bad = server.get("/rooms/patient:p1/events?after=x").await.unwrap();
    assert_eq!((bad.status, bad.code()), (400, Some("bad-query")));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn conflicts_name_both_authors() {
    let (_folder, server) = start().await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    bob.until_heads(room, &alice.heads(room)).await.unwrap();
    // Neither takes in what the other sends before both have written.
    alice.put(room, allergy("a1", "natural latex")).await.unwrap();
    bob.put(room, allergy("a1", "latex gloves")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    bob.until_saved(room).await.unwrap();

    let conflicts = server.get("/rooms/patient:p1/conflicts").await.unwrap().body;
    let values = conflicts["conflicts"][0]["values"].as_array().unwrap().clone();
    let mut names: Vec<&Value> = values.iter().map(|value| &value["author"]["name"]).collect();
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, [&json!("Alice"), &json!("Bob")], "{conflicts}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn watchers_get_their_answers() {
    let (_folder, server) = start().await;
    assert_eq!(server.get("/healthz").await.unwrap().body, json!({ "status": "ok" }));
    assert_eq!(server.get("/readyz").await.unwrap().status, 200);
    assert!(server.text("/metrics").await.unwrap().contains("chartroom_connections 0"));
    assert!(server.text("/").await.unwrap().contains("Chartroom"));
    server.stop().await.unwrap();
}
