//! Transactions: all of a Bundle or nothing, in each room as one change.

use chartroom_tests::client::Client;
use serde_json::{Value, json};

use super::{
    check_changes, entry, heads, hospital, level, levels, observation, open_hospital, patient, put,
};
use crate::ROOM;

const DIRECTORY: &str = "facility:directory";

fn uuid(n: usize) -> String {
    format!("urn:uuid:00000000-0000-4000-8000-{n:012}")
}

fn posted(n: usize, mut resource: Value) -> Value {
    resource.as_object_mut().unwrap().remove("id");
    let url = resource["resourceType"].clone();
    json!({ "fullUrl": uuid(n), "resource": resource, "request": { "method": "POST", "url": url } })
}

fn status(entry: &Value) -> &str {
    entry["response"]["status"].as_str().unwrap().split(' ').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn references_between_entries_become_those_of_the_server() {
    let (_folder, server, alice) = hospital().await;
    let mut seen = observation("", "p1", 1);
    seen["subject"] = json!({ "reference": uuid(1) });
    seen["performer"] =
        json!([{ "reference": uuid(2) }, { "reference": "Practitioner?identifier=urn:d|7" }]);
    seen["derivedFrom"] = json!([{ "reference": uuid(4) }]);
    let mut other = seen.clone();
    other.as_object_mut().unwrap().remove("derivedFrom");
    put(&alice, &json!({
        "resourceType": "Practitioner", "id": "d7", "identifier": [{ "system": "urn:d", "value": "7" }],
    })).await;
    let reply = alice
        .bundle(
            "transaction",
            vec![
                // What refers comes before what it refers to.
                posted(3, seen),
                posted(4, other),
                posted(1, patient("", "Poe")),
                posted(2, json!({ "resourceType": "Practitioner", "name": [{ "family": "Kim" }] })),
            ],
        )
        .await
        .unwrap();
    assert_eq!(
        (reply.status, &reply.body["type"]),
        (200, &json!("transaction-response")),
        "{}",
        reply.text
    );
    let places: Vec<String> = reply
        .entries()
        .iter()
        .map(|entry| {
            assert_eq!((status(entry), &entry["response"]["etag"]), ("201", &json!("W/\"1\"")));
            assert!(entry["response"]["lastModified"].is_string());
            let place = entry["response"]["location"].as_str().unwrap();
            let place = place.split("/fhir/R4/").last().unwrap();
            place.strip_suffix("/_history/1").unwrap().to_owned()
        })
        .collect();
    let read = alice.get(&places[0]).await.unwrap();
    assert_eq!(read.body["subject"]["reference"], places[2]);
    assert_eq!(read.body["performer"][0]["reference"], places[3]);
    assert_eq!(read.body["performer"][1]["reference"], "Practitioner/d7");
    assert_eq!(read.body["derivedFrom"][0]["reference"], places[1]);
    let found = alice.get(&format!("Observation?subject={}", places[2])).await.unwrap();
    assert_eq!(found.body["total"], 2);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_one_change_in_each_room() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("old", "p1", 1)).await;
    put(&alice, &json!({ "resourceType": "Location", "id": "l0" })).await;
    let before = (level(&server, ROOM).await, level(&server, DIRECTORY).await);
    let mut entries: Vec<Value> = (0..296)
        .map(|n| {
            let id = format!("o{n}");
            entry("PUT", &format!("Observation/{id}"), Some(observation(&id, "p1", n)))
        })
        .collect();
    entries.push(entry("DELETE", "Observation/old", None));
    entries.push(entry(
        "PUT",
        "Location/l1",
        Some(json!({ "resourceType": "Location", "id": "l1" })),
    ));
    entries.push(entry("GET", "Observation/o7", None));
    entries.push(entry("GET", "Observation?patient=p1&_summary=count", None));
    let reply = alice.bundle("transaction", entries).await.unwrap();
    assert_eq!(reply.status, 200, "{:.2000}", reply.text);
    let statuses: Vec<&str> = reply.entries().iter().map(status).collect();
    assert_eq!(statuses.len(), 300);
    assert!(statuses[..296].iter().all(|status| *status == "201"));
    assert_eq!(statuses[296..], ["204", "201", "200", "200"]);
    assert_eq!(reply.entries()[298]["resource"]["valueInteger"], 7, "reads see what was written");
    assert_eq!(reply.entries()[299]["resource"]["total"], 296);
    let after = (level(&server, ROOM).await, level(&server, DIRECTORY).await);
    assert_eq!((after.0.0, after.1.0), (before.0.0 + 1, before.1.0 + 1), "changes");
    assert_eq!(alice.get("Observation/old").await.unwrap().status, 410);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_several_patients_is_one_change_in_each_room() {
    let (_folder, server, alice) = hospital().await;
    let before = (level(&server, ROOM).await.0, level(&server, "patient:p2").await.0);
    let entries = (0..20)
        .map(|n| {
            let (id, of) = (format!("o{n}"), if n % 2 == 0 { "p1" } else { "p2" });
            entry("PUT", &format!("Observation/{id}"), Some(observation(&id, of, n)))
        })
        .collect();
    let reply = alice.bundle("transaction", entries).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let after = (level(&server, ROOM).await.0, level(&server, "patient:p2").await.0);
    assert_eq!(after, (before.0 + 1, before.1 + 1));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_say_which_version_they_go_on() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    put(&alice, &observation("o2", "p1", 1)).await;
    let update = |id: &str, tag: &str, value: i64| {
        let mut entry =
            entry("PUT", &format!("Observation/{id}"), Some(observation(id, "p1", value)));
        entry["request"]["ifMatch"] = tag.into();
        entry
    };
    let both = |tag: &str| vec![update("o1", "W/\"1\"", 2), update("o2", tag, 2)];
    let before = levels(&server).await;
    let reply = alice.bundle("transaction", both("W/\"9\"")).await.unwrap();
    assert_eq!(reply.status, 412, "{}", reply.text);
    assert!(reply.expressions()[0].contains("Bundle.entry[1]"), "{}", reply.text);
    assert_eq!(levels(&server).await, before);
    let reply = alice.bundle("transaction", both("W/\"1\"")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(alice.get("Observation/o2").await.unwrap().version(), "2");
    let mut gone = entry("DELETE", "Observation/o1", None);
    gone["request"]["ifMatch"] = "W/\"1\"".into();
    assert_eq!(alice.bundle("transaction", vec![gone.clone()]).await.unwrap().status, 412);
    gone["request"]["ifMatch"] = "W/\"2\"".into();
    assert_eq!(alice.bundle("transaction", vec![gone]).await.unwrap().status, 200);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_in_a_transaction_is_a_binary() {
    use base64::Engine as _;
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    let patch = json!([{ "op": "replace", "path": "/valueInteger", "value": 2 }]).to_string();
    let binary = json!({
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64::engine::general_purpose::STANDARD.encode(patch),
    });
    let entries = vec![entry("PATCH", "Observation/o1", Some(binary))];
    let reply = alice.bundle("transaction", entries).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(alice.get("Observation/o1").await.unwrap().body["valueInteger"], 2);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_create_that_finds_its_resource_is_what_others_refer_to() {
    let (_folder, server, alice) = hospital().await;
    let mut known = patient("p3", "Poe");
    known["identifier"] = json!([{ "system": "urn:mrn", "value": "3" }]);
    put(&alice, &known).await;
    let mut first = posted(1, known.clone());
    first["request"]["ifNoneExist"] = "identifier=urn:mrn|3".into();
    let mut seen = observation("", "p1", 1);
    seen["subject"] = json!({ "reference": uuid(1) });
    let reply = alice.bundle("transaction", vec![first, posted(2, seen)]).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.entries().iter().map(status).collect::<Vec<_>>(), ["200", "201"]);
    let found = alice.get("Observation?patient=p3").await.unwrap();
    assert_eq!(found.body["total"], 1);
    assert_eq!(alice.get("Patient/p3").await.unwrap().version(), "1");
    server.stop().await.unwrap();
}

/// FHIR R4, bundle.html#references: a relative reference is one to the entry whose full URL has the same
/// root, also where that entry is created and gets another id.
#[tokio::test(flavor = "multi_thread")]
async fn a_relative_reference_to_an_entry_that_is_created_follows_it() {
    let (_folder, server, alice) = hospital().await;
    let full = |entry: &mut Value, to: &str| {
        entry["fullUrl"] = format!("http://elsewhere.example/fhir/{to}").into()
    };
    let mut who = posted(1, patient("", "Poe"));
    full(&mut who, "Patient/77");
    let mut seen = posted(2, observation("", "77", 1));
    full(&mut seen, "Observation/88");
    let reply = alice.bundle("transaction", vec![who, seen]).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let place = reply.entries()[0]["response"]["location"].as_str().unwrap();
    let id = place.split("/Patient/").last().unwrap().split('/').next().unwrap();
    assert_eq!(alice.get(&format!("Observation?patient={id}")).await.unwrap().body["total"], 1);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_many_people_in_the_same_rooms_are_all_or_nothing() {
    let (_folder, server, alice) = hospital().await;
    let posts = (0..12).map(|n| {
        let who = chartroom_tests::fhir::Fhir::of(&server, &format!("nurse{n};Nurse"));
        tokio::spawn(async move {
            let ids: Vec<String> = ["p1", "p2"].iter().map(|of| format!("of-{of}-{n}")).collect();
            let mut entries: Vec<Value> = ids
                .iter()
                .zip(["p1", "p2"])
                .map(|(id, of)| {
                    entry("PUT", &format!("Observation/{id}"), Some(observation(id, of, 1)))
                })
                .collect();
            // All write this one, and so are in each other's way.
            entries.push(entry("PUT", "Observation/shared", Some(observation("shared", "p1", n))));
            (n, who.bundle("transaction", entries).await.unwrap())
        })
    });
    for post in posts.collect::<Vec<_>>() {
        let (n, reply) = post.await.unwrap();
        let there = |of: &str| format!("Observation/of-{of}-{n}");
        let expected = match reply.status {
            200 => 200,
            409 => 404,
            status => panic!("{status} {}", reply.text),
        };
        for of in ["p1", "p2"] {
            assert_eq!(alice.get(&there(of)).await.unwrap().status, expected, "{}", reply.text);
        }
    }
    server.stop().await.unwrap();
}

/// All or nothing holds in each room; what is left undone in others is told, whatever stopped it.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_ends_halfway_says_so() {
    let (_folder, server, alice) = hospital().await;
    for round in 0..5 {
        let shared = format!("shared{round}");
        put(&alice, &observation(&shared, "p1", 0)).await;
        let posts = (0..8).map(|n| {
            let who = chartroom_tests::fhir::Fhir::of(&server, &format!("nurse{n};Nurse"));
            let (own, shared) = (format!("l{round}-{n}"), shared.clone());
            tokio::spawn(async move {
                let location = json!({ "resourceType": "Location", "id": own });
                let seen = observation(&shared, "p1", n + 1);
                let mut update = entry("PUT", &format!("Observation/{shared}"), Some(seen));
                update["request"]["ifMatch"] = "W/\"1\"".into();
                let entries =
                    vec![entry("PUT", &format!("Location/{own}"), Some(location)), update];
                (own, who.bundle("transaction", entries).await.unwrap())
            })
        });
        let mut taken = 0;
        for post in posts.collect::<Vec<_>>() {
            let (own, reply) = post.await.unwrap();
            if reply.status == 200 {
                taken += 1;
                continue;
            }
            assert!([409, 412].contains(&reply.status), "{}", reply.text);
            let own = alice.get(&format!("Location/{own}")).await.unwrap();
            let told = reply.codes().contains(&"incomplete");
            assert_eq!(
                own.status == 200,
                told,
                "written: {}, and told: {}",
                own.status,
                reply.text
            );
        }
        assert_eq!(taken, 1, "one goes on version 1");
    }
    server.stop().await.unwrap();
}

/// What a transaction writes as one change is taken in by those who have the chart open.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_transaction_reaches_everybody() {
    use base64::Engine as _;
    let (storage, server, alice) = open_hospital().await;
    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    let room = bob.open(ROOM).await.unwrap();
    let entries = (0..2)
        .map(|n| {
            let scan: Vec<u8> = (0..3_000_000).map(|_| rand::random()).collect();
            let data = base64::engine::general_purpose::STANDARD.encode(scan);
            let id = format!("d{n}");
            let document = json!({
                "resourceType": "DocumentReference", "id": id, "status": "current",
                "subject": { "reference": "Patient/p1" },
                "content": [{ "attachment": { "contentType": "application/pdf", "data": data } }],
            });
            entry("PUT", &format!("DocumentReference/{id}"), Some(document))
        })
        .collect();
    let reply = alice.bundle("transaction", entries).await.unwrap();
    assert_eq!(reply.status, 200, "{:.500}", reply.text);
    let heads = heads(&server, ROOM).await;
    // He was away meanwhile.
    bob.reconnect(server.address()).await.unwrap();
    bob.until_heads(room, &heads).await.unwrap();
    assert!(bob.resource(room, "DocumentReference", "d1").is_some());
    check_changes(&storage, "p1");
    server.stop().await.unwrap();
}
