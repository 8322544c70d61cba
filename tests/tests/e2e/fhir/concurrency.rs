//! Several people at one resource: nobody's work is lost unsaid.

use chartroom_server::config::ServerConfig;
use chartroom_tests::{
    fhir::{Fhir, Reply},
    server::Server,
};
use serde_json::{Value, json};

use super::{check_outcome, hospital, observation, patient, put, until_listed};

const STALE: (&str, &str) = ("if-match", "W/\"1\"");
const MERGE: (&str, &str) = ("prefer", "handling=merge");

/// Version 2 of an observation by Bob, whose version 1 Alice has read.
async fn ahead(bob: &Fhir, alice: &Fhir, change: impl Fn(&mut Value)) -> Value {
    let first = observation("o1", "p1", 1);
    put(alice, &first).await;
    let mut second = first.clone();
    change(&mut second);
    assert_eq!(put(bob, &second).await.version(), "2");
    first
}

fn note(text: &str) -> Value {
    json!([{ "text": text }])
}

fn warns_of(reply: &Reply, element: &str) -> bool {
    reply.issues().iter().any(|issue| {
        issue["severity"] == "warning"
            && issue["code"] == "conflict"
            && issue["expression"][0].as_str().is_some_and(|at| at.contains(element))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_an_older_version_is_refused() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    let mut mine = ahead(&bob, &alice, |o| o["note"] = note("by Bob")).await;
    mine["valueInteger"] = 5.into();
    let mut in_body = mine.clone();
    in_body["meta"] = json!({ "versionId": "1" });
    let patch = json!([{ "op": "replace", "path": "/valueInteger", "value": 5 }]);
    for (how, reply) in [
        ("put", alice.put_with(&mine, &[STALE]).await.unwrap()),
        ("body", alice.put(&in_body).await.unwrap()),
        ("patch", alice.patch("Observation/o1", &patch, &[STALE]).await.unwrap()),
        ("delete", alice.delete("Observation/o1", &[STALE]).await.unwrap()),
    ] {
        assert_eq!(reply.status, 412, "{how}: {}", reply.text);
        check_outcome(how, &reply);
        assert!(reply.text.contains("version 2"), "{how}: {}", reply.text);
    }
    // The header goes before the body.
    in_body["note"] = note("by Bob");
    let reply = alice.put_with(&in_body, &[("if-match", "W/\"2\"")]).await.unwrap();
    assert_eq!((reply.status, reply.version()), (200, "3"), "{}", reply.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_keeps_both_peoples_elements() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    let mut mine = ahead(&bob, &alice, |o| o["note"] = note("by Bob")).await;
    mine["valueInteger"] = 5.into();
    let reply = alice.put_with(&mine, &[STALE, MERGE]).await.unwrap();
    assert_eq!((reply.status, reply.version()), (200, "3"), "{}", reply.text);
    assert!(!warns_of(&reply, "Observation"), "{}", reply.text);
    let read = bob.get("Observation/o1").await.unwrap();
    assert_eq!((&read.body["note"], &read.body["valueInteger"]), (&note("by Bob"), &json!(5)));
    let history = bob.get("Observation/o1/_history").await.unwrap();
    assert_eq!(history.entries().len(), 3);
    assert_eq!(history.entries()[0]["extension"][0]["valueReference"]["display"], "Alice");
    // With what stands as the base there is nothing to merge.
    let reply = alice.put_with(&read.body, &[("if-match", "W/\"3\""), MERGE]).await.unwrap();
    assert_eq!((reply.status, reply.version()), (200, "3"), "{}", reply.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_by_patch_keeps_both_peoples_elements() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    ahead(&bob, &alice, |o| o["note"] = note("by Bob")).await;
    let patch = json!([{ "op": "replace", "path": "/valueInteger", "value": 5 }]);
    let reply = alice.patch("Observation/o1", &patch, &[STALE, MERGE]).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let read = bob.get("Observation/o1").await.unwrap();
    assert_eq!((&read.body["note"], &read.body["valueInteger"]), (&note("by Bob"), &json!(5)));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_at_the_same_element_is_a_conflict_that_is_told() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    let mut mine = ahead(&bob, &alice, |o| o["valueInteger"] = 2.into()).await;
    mine["valueInteger"] = 5.into();
    let reply = alice.put_with(&mine, &[STALE, MERGE]).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(warns_of(&reply, "Observation.value"), "{}", reply.text);
    let conflicts = server.get("/rooms/patient:p1/conflicts").await.unwrap().body;
    assert_eq!(conflicts["conflicts"].as_array().unwrap().len(), 1, "{conflicts}");
    let read = alice.get("Observation/o1").await.unwrap();
    assert!([json!(2), json!(5)].contains(&read.body["valueInteger"]));
    // Somebody chooses.
    let mut chosen = read.body.clone();
    chosen["valueInteger"] = 5.into();
    chosen["note"] = note("chosen");
    let tag = read.header("etag").to_owned();
    let reply = bob.put_with(&chosen, &[("if-match", &tag)]).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(bob.get("Observation/o1").await.unwrap().body["valueInteger"], 5);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_of_a_delete_with_an_edit_is_a_conflict_that_is_told() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    ahead(&bob, &alice, |o| o["note"] = note("by Bob")).await;
    let reply = alice.delete("Observation/o1", &[STALE, MERGE]).await.unwrap();
    assert!([200, 204].contains(&reply.status), "{}", reply.text);
    assert_eq!(reply.codes(), ["conflict"], "{}", reply.text);
    let conflicts = server.get("/rooms/patient:p1/conflicts").await.unwrap().body;
    assert_eq!(conflicts["conflicts"].as_array().unwrap().len(), 1, "{conflicts}");
    let second = alice.get("Observation/o1/_history/2").await.unwrap();
    assert_eq!(second.body["note"], note("by Bob"), "what Bob wrote stays readable");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_of_an_edit_with_a_delete_is_a_conflict_that_is_told() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    let first = observation("o1", "p1", 1);
    put(&alice, &first).await;
    assert_eq!(bob.delete("Observation/o1", &[]).await.unwrap().status, 204);
    let mut mine = first.clone();
    mine["valueInteger"] = 5.into();
    assert_eq!(alice.put_with(&mine, &[STALE]).await.unwrap().status, 412);
    let reply = alice.put_with(&mine, &[STALE, MERGE]).await.unwrap();
    assert!([200, 201].contains(&reply.status), "{}", reply.text);
    assert_eq!(reply.codes(), ["conflict"], "{}", reply.text);
    let third = alice.get("Observation/o1/_history/3").await.unwrap();
    assert!([200, 410].contains(&third.status), "{}", third.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_of_deletes_is_a_delete() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    put(&alice, &observation("o1", "p1", 1)).await;
    assert_eq!(bob.delete("Observation/o1", &[]).await.unwrap().status, 204);
    let reply = alice.delete("Observation/o1", &[STALE, MERGE]).await.unwrap();
    assert!([200, 204].contains(&reply.status), "{}", reply.text);
    assert_eq!(alice.get("Observation/o1").await.unwrap().status, 410);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_writers_who_say_their_version_lose_no_increment() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 0)).await;
    const EACH: usize = 5;
    let writers = (0..20).map(|n| {
        let who = Fhir::of(&server, &format!("nurse{n};Nurse"));
        tokio::spawn(async move {
            let mut refused = 0;
            for _ in 0..EACH {
                loop {
                    let read = who.get("Observation/o1").await.unwrap();
                    let mut next = read.body.clone();
                    next["valueInteger"] = (next["valueInteger"].as_i64().unwrap() + 1).into();
                    let tag = read.header("etag").to_owned();
                    let reply = match n % 3 {
                        0 => who.put(&next).await.unwrap(),
                        1 => who.put_with(&next, &[("if-match", &tag)]).await.unwrap(),
                        _ => {
                            let value = &next["valueInteger"];
                            let patch = json!([{ "op": "replace", "path": "/valueInteger", "value": value }]);
                            who.patch("Observation/o1", &patch, &[("if-match", &tag)]).await.unwrap()
                        }
                    };
                    match reply.status {
                        200 => break,
                        409 | 412 => refused += 1,
                        status => panic!("{status} {}", reply.text),
                    }
                }
            }
            refused
        })
    });
    let mut refused = 0;
    for writer in writers.collect::<Vec<_>>() {
        refused += writer.await.unwrap();
    }
    println!("{refused} were refused, and came again");
    let read = alice.get("Observation/o1").await.unwrap();
    assert_eq!(read.body["valueInteger"], 20 * EACH, "{}", read.text);
    assert_eq!(read.version(), (20 * EACH + 1).to_string());
    let history = alice.pages("Observation/o1/_history").await.unwrap();
    let values: Vec<i64> = history
        .iter()
        .rev()
        .map(|entry| entry["resource"]["valueInteger"].as_i64().unwrap())
        .collect();
    assert_eq!(values, (0..=20 * EACH as i64).collect::<Vec<_>>());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_who_patch_lose_nothing() {
    let (_folder, server, alice) = hospital().await;
    let mut list = observation("o1", "p1", 0);
    list["note"] = note("first");
    put(&alice, &list).await;
    let writers = (0..20).map(|n| {
        let who = Fhir::of(&server, &format!("nurse{n};Nurse"));
        tokio::spawn(async move {
            let patch =
                json!([{ "op": "add", "path": "/note/-", "value": { "text": format!("n{n}") } }]);
            loop {
                let reply = who.patch("Observation/o1", &patch, &[]).await.unwrap();
                match reply.status {
                    200 => break,
                    409 => {}
                    status => panic!("{status} {}", reply.text),
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let read = alice.get("Observation/o1").await.unwrap();
    let mut texts: Vec<&str> = read.body["note"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["text"].as_str().unwrap())
        .collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 21, "{texts:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blind_update_that_takes_back_anothers_work_is_told_and_noted() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    let mut mine = ahead(&bob, &alice, |o| o["valueInteger"] = 2.into()).await;
    mine["note"] = note("by Alice");
    let reply = alice.put(&mine).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(warns_of(&reply, "Observation.valueInteger"), "{}", reply.text);
    let audit = alice.pages("AuditEvent?subtype=edit-reverted").await.unwrap();
    let events: Vec<&Value> = audit.iter().map(|entry| &entry["resource"]).collect();
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(events[0]["subtype"][0]["code"], "edit-reverted");
    assert_eq!(events[0]["agent"][0]["who"]["identifier"]["value"], "alice");
    let read =
        alice.get(&format!("AuditEvent/{}", events[0]["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(&read.body, events[0]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_versions_are_required_an_update_says_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ServerConfig::new(folder.path());
    config.fhir.versions_required = true;
    let server = Server::start_with(config).await.unwrap();
    let alice = Fhir::of(&server, "alice;Alice");
    until_listed(&alice, "Basic/none").await;
    assert_eq!(alice.put(&patient("p1", "Doe")).await.unwrap().status, 201);
    let reply = alice.put(&patient("p1", "Poe")).await.unwrap();
    assert_eq!(reply.status, 428, "{}", reply.text);
    check_outcome("versions required", &reply);
    let reply = alice.put_with(&patient("p1", "Poe"), &[STALE]).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let mut body = patient("p1", "Roe");
    body["meta"] = json!({ "versionId": "2" });
    assert_eq!(alice.put(&body).await.unwrap().status, 200);
    let entries = vec![super::entry("PUT", "Patient/p1", Some(patient("p1", "Moe")))];
    let reply = alice.bundle("transaction", entries).await.unwrap();
    assert_eq!(reply.status, 428, "{}", reply.text);
    assert_eq!(alice.get("Patient/p1").await.unwrap().version(), "3");
    server.stop().await.unwrap();
}
