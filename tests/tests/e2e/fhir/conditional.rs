//! Requests with conditions that are met.

use chartroom_tests::fhir::Fhir;
use serde_json::{Value, json};

use super::{hospital, observation, patient, put};

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_exist_is_made_once() {
    let (_folder, server, alice) = hospital().await;
    let o1 = observation("o1", "p1", 1);
    let star = [("if-none-match", "*")];
    assert_eq!(alice.put_with(&o1, &star).await.unwrap().status, 201);
    let again = alice.put_with(&observation("o1", "p1", 2), &star).await.unwrap();
    assert_eq!(again.status, 412, "{}", again.text);
    assert_eq!(alice.get("Observation/o1").await.unwrap().body["valueInteger"], 1);
    alice.delete("Observation/o1", &[]).await.unwrap();
    assert_eq!(
        alice.put_with(&o1, &star).await.unwrap().status,
        201,
        "what is deleted is not there"
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_is_not_sent_again() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    put(&alice, &observation("o1", "p1", 2)).await;
    for (tag, status) in [("W/\"2\"", 304), ("\"2\"", 304), ("W/\"1\"", 200), ("W/\"none\"", 200)] {
        let reply = alice.get_with("Observation/o1", &[("if-none-match", tag)]).await.unwrap();
        assert_eq!(reply.status, status, "{tag}: {}", reply.text);
        assert_eq!(reply.version(), "2", "{tag}");
        assert_eq!(reply.text.is_empty(), status == 304, "{tag}");
        assert!(!reply.header("last-modified").is_empty());
    }
    server.stop().await.unwrap();
}

/// RFC 9110, section 13.1.2: several tags, or any.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_that_are_known_is_not_sent_again() {
    let (_folder, server, alice) = hospital().await;
    for (tag, status) in [("W/\"3\", W/\"1\"", 304), ("W/\"3\", W/\"2\"", 200), ("*", 304)] {
        let reply = alice.get_with("Patient/p1", &[("if-none-match", tag)]).await.unwrap();
        assert_eq!(reply.status, status, "{tag}: {}", reply.text);
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_who_create_unless_it_exists_create_one() {
    let (_folder, server, alice) = hospital().await;
    let mut new = patient("", "Poe");
    new.as_object_mut().unwrap().remove("id");
    new["identifier"] = json!([{ "system": "urn:mrn", "value": "4711" }]);
    let headers = [("if-none-exist", "identifier=urn:mrn|4711")];
    let posts = (0..20).map(|n| {
        let (who, new) = (Fhir::of(&server, &format!("nurse{n};Nurse")), new.clone());
        tokio::spawn(async move { who.create(&new, &headers).await.unwrap() })
    });
    let mut ids = std::collections::BTreeSet::new();
    let mut created = 0;
    for post in posts.collect::<Vec<_>>() {
        let reply = post.await.unwrap();
        assert!([200, 201].contains(&reply.status), "{}", reply.text);
        created += usize::from(reply.status == 201);
        ids.insert(reply.id().to_owned());
        assert!(reply.header("location").contains(reply.id()));
    }
    assert_eq!((created, ids.len()), (1, 1), "{ids:?}");
    let found = alice.get("Patient?identifier=urn:mrn|4711").await.unwrap();
    assert_eq!(found.body["total"], 1, "{}", found.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_creates_unless_it_exists_finds_what_others_write_meanwhile() {
    let (_folder, server, alice) = hospital().await;
    let mut drug = json!({
        "resourceType": "Medication", "code": { "text": "aspirin" },
        "identifier": [{ "system": "urn:drug", "value": "asa" }],
    });
    let headers = [("if-none-exist", "identifier=urn:drug|asa")];
    let first = alice.create(&drug, &headers).await.unwrap();
    assert_eq!(first.status, 201, "{}", first.text);
    drug["code"]["text"] = "acetylsalicylic acid".into();
    let second = alice.create(&drug, &headers).await.unwrap();
    assert_eq!((second.status, second.id()), (200, first.id()));
    assert_eq!(second.body["code"]["text"], "aspirin", "what stands is left as it is");
    alice.delete(&format!("Medication/{}", first.id()), &[]).await.unwrap();
    let third = alice.create(&drug, &headers).await.unwrap();
    assert_eq!(third.status, 201, "what is deleted does not match");
    assert_ne!(third.id(), first.id());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_entries_of_a_transaction_that_create_unless_it_exists_create_one() {
    let (_folder, server, alice) = hospital().await;
    let new = |n: usize| {
        json!({
            "fullUrl": format!("urn:uuid:00000000-0000-4000-8000-00000000000{n}"),
            "request": { "method": "POST", "url": "Medication", "ifNoneExist": "identifier=urn:drug|asa" },
            "resource": {
                "resourceType": "Medication",
                "identifier": [{ "system": "urn:drug", "value": "asa" }],
            },
        })
    };
    for _ in 0..2 {
        let reply = alice.bundle("transaction", vec![new(1), new(2)]).await.unwrap();
        // Either the second finds the first, or the transaction is refused for naming one twice.
        assert!([200, 400, 412].contains(&reply.status), "{}", reply.text);
    }
    let found = alice.get("Medication?identifier=urn:drug|asa").await.unwrap();
    assert!(found.body["total"].as_u64().unwrap() <= 1, "{}", found.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preference_for_what_is_answered_is_kept() {
    let (_folder, server, alice) = hospital().await;
    let mut local = observation("o1", "p1", 1);
    // Valid but for its zone: it is stored with a warning.
    local["effectiveDateTime"] = "2024-05-06T07:08:09".into();
    for (resource, prefer, kind) in [
        (observation("o1", "p1", 1), "return=minimal", Value::Null),
        (observation("o1", "p1", 2), "return=representation", "Observation".into()),
        (observation("o1", "p1", 3), "return=OperationOutcome", "OperationOutcome".into()),
        (local, "return=OperationOutcome", "OperationOutcome".into()),
    ] {
        let reply = alice.put_with(&resource, &[("prefer", prefer)]).await.unwrap();
        assert!([200, 201].contains(&reply.status), "{}", reply.text);
        assert_eq!(reply.body["resourceType"], kind, "{prefer}: {}", reply.text);
        assert!(!reply.header("etag").is_empty() && !reply.header("location").is_empty());
    }
    server.stop().await.unwrap();
}

/// FHIR R4, http.html#ops: who asks for the resource gets it; what there is to say goes elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_the_resource_gets_it_whatever_there_is_to_say() {
    let (_folder, server, alice) = hospital().await;
    let mut local = observation("o1", "p1", 1);
    local["effectiveDateTime"] = "2024-05-06T07:08:09".into();
    let reply = alice.put_with(&local, &[("prefer", "return=representation")]).await.unwrap();
    assert_eq!(
        (reply.status, &reply.body["resourceType"]),
        (201, &json!("Observation")),
        "{}",
        reply.text
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_was_has_no_version_to_match() {
    let (_folder, server, alice) = hospital().await;
    let new = json!({ "resourceType": "Patient", "id": "p9" });
    let reply = alice.put_with(&new, &[("if-match", "W/\"1\"")]).await.unwrap();
    assert_eq!(reply.status, 412, "{}", reply.text);
    assert_eq!(server.get("/rooms/patient:p9").await.unwrap().status, 404);
    server.stop().await.unwrap();
}
