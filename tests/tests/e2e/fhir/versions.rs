//! Versions: the nth change of a resource is its version n, whoever made it and however.

use std::collections::BTreeSet;

use chartroom_tests::{
    client::Client,
    fhir::{Fhir, Reply},
};
use serde_json::{Value, json};

use super::{entry, heads, hospital, observation, patient, put};
use crate::ROOM;

/// The versions of a history's entries, in their order.
fn tags(entries: &[Value]) -> Vec<String> {
    let tags = entries.iter().map(|entry| entry["response"]["etag"].as_str().unwrap());
    tags.map(|tag| tag.trim_start_matches("W/").trim_matches('"').to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nth_change_is_version_n() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    for n in 1..=5 {
        let who = if n % 2 == 0 { &bob } else { &alice };
        let reply = who.put(&observation("o1", "p1", n)).await.unwrap();
        assert_eq!(
            (reply.status, reply.version()),
            (if n == 1 { 201 } else { 200 }, n.to_string().as_str())
        );
        assert_eq!(
            reply.header("location"),
            format!("{}/Observation/o1/_history/{n}", alice.base())
        );
        assert_eq!(reply.body["meta"]["versionId"], n.to_string());
    }
    let same = put(&alice, &observation("o1", "p1", 5)).await;
    assert_eq!(same.version(), "5", "what changes nothing makes no version");
    let deleted = alice.delete("Observation/o1", &[]).await.unwrap();
    assert_eq!((deleted.status, deleted.version()), (204, "6"));
    let again = alice.delete("Observation/o1", &[]).await.unwrap();
    assert_eq!(again.status, 204, "a delete of what is deleted does no harm");
    let read = alice.get("Observation/o1").await.unwrap();
    assert_eq!((read.status, read.version()), (410, "6"));
    assert_eq!(put(&bob, &observation("o1", "p1", 7)).await.version(), "7");

    for n in 1..=7 {
        let read = alice.get(&format!("Observation/o1/_history/{n}")).await.unwrap();
        if n == 6 {
            assert_eq!(read.status, 410, "{}", read.text);
            continue;
        }
        assert_eq!((read.status, read.version()), (200, n.to_string().as_str()));
        assert_eq!(read.body["valueInteger"], n, "{}", read.text);
        assert_eq!(read.body["meta"]["versionId"], n.to_string());
    }
    let history = alice.pages("Observation/o1/_history?_count=3").await.unwrap();
    assert_eq!(tags(&history), ["7", "6", "5", "4", "3", "2", "1"]);
    let methods: Vec<&Value> = history.iter().map(|entry| &entry["request"]["method"]).collect();
    assert_eq!(methods, ["PUT", "DELETE", "PUT", "PUT", "PUT", "PUT", "POST"]);
    assert_eq!(history[1].get("resource"), None);
    let who = |at: usize| &history[at]["extension"][0]["valueReference"]["identifier"]["value"];
    assert_eq!(
        (who(0), who(1), who(2), who(3)),
        (&json!("bob"), &json!("alice"), &json!("alice"), &json!("bob"))
    );
    let of_type = alice.pages("Observation/_history?_count=2").await.unwrap();
    assert_eq!(tags(&of_type), tags(&history));
    for (one, other) in of_type.iter().zip(&history) {
        assert_eq!(one, other);
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_since_a_time_has_what_came_since() {
    let (_folder, server, alice) = hospital().await;
    for n in 1..=3 {
        put(&alice, &observation("o1", "p1", n)).await;
    }
    let third = alice.get("Observation/o1/_history/3").await.unwrap();
    let since = third.body["meta"]["lastUpdated"].as_str().unwrap().replace('+', "%2B");
    for path in ["Observation/o1/_history", "Observation/_history"] {
        let history = alice.pages(&format!("{path}?_since={since}&_count=1")).await.unwrap();
        assert_eq!(tags(&history).first().unwrap(), "3", "{path}");
        let all =
            alice.pages(&format!("{path}?_since=2001-01-01T00:00:00Z&_count=2")).await.unwrap();
        assert_eq!(tags(&all), ["3", "2", "1"], "{path}");
        let none = alice.pages(&format!("{path}?_since=2100-01-01T00:00:00Z")).await.unwrap();
        assert!(none.is_empty(), "{path}: {none:?}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_that_come_otherwise_are_versions_at_once() {
    let (_folder, server, alice) = hospital().await;
    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    let room = bob.open(ROOM).await.unwrap();
    bob.put(room, observation("o1", "p1", 1)).await.unwrap();
    bob.until_saved(room).await.unwrap();
    let read = alice.get("Observation/o1").await.unwrap();
    assert_eq!((read.status, read.version(), &read.body["valueInteger"]), (200, "1", &json!(1)));
    for n in 2..10 {
        match n % 3 {
            0 => {
                bob.until_heads(room, &heads(&server, ROOM).await).await.unwrap();
                bob.put(room, observation("o1", "p1", n)).await.unwrap();
                bob.until_saved(room).await.unwrap();
            }
            1 => {
                let command = json!({ "kind": "put", "resource": observation("o1", "p1", n) });
                assert_eq!(server.command(ROOM, &command).await.unwrap().status, 200);
            }
            _ => drop(put(&alice, &observation("o1", "p1", n)).await),
        }
        let read = alice.get("Observation/o1").await.unwrap();
        assert_eq!(
            (read.version(), &read.body["valueInteger"]),
            (n.to_string().as_str(), &json!(n))
        );
        let found = alice.get("Observation?patient=p1").await.unwrap();
        assert_eq!(found.entries()[0]["resource"], read.body);
        let history = alice.get("Observation/o1/_history?_count=1").await.unwrap();
        assert_eq!(history.entries()[0]["resource"], read.body);
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_founded_anew_counts_its_versions_anew() {
    let (_folder, server, alice) = hospital().await;
    for n in 1..=3 {
        put(&alice, &observation("o1", "p1", n)).await;
    }
    put(&alice, &observation("gone", "p1", 1)).await;
    alice.delete("Observation/gone", &[]).await.unwrap();
    let answer = server.post_path(&format!("/rooms/{ROOM}/refound"), String::new()).await.unwrap();
    assert_eq!(answer.body["epoch"], 2, "{}", answer.text);

    let read = alice.get("Observation/o1").await.unwrap();
    assert_eq!((read.status, read.version(), &read.body["valueInteger"]), (200, "2.1", &json!(3)));
    let year = read.body["meta"]["lastUpdated"].as_str().unwrap()[..4].parse::<u32>().unwrap();
    assert!(year > 2000, "{}", read.text);
    let new = observation("o1", "p1", 4);
    for version in ["1", "3", "1.1", "2.2", "2.0", "3.1"] {
        let tag = format!("W/\"{version}\"");
        let reply = alice.put_with(&new, &[("if-match", &tag)]).await.unwrap();
        assert_eq!(reply.status, 412, "{version}: {}", reply.text);
        let headers = [("if-match", tag.as_str()), ("prefer", "handling=merge")];
        let reply = alice.put_with(&new, &headers).await.unwrap();
        assert_eq!(reply.status, 412, "{version}: {}", reply.text);
        assert!(reply.text.contains("not known"), "{version}: {}", reply.text);
    }
    let mut of_before = new.clone();
    of_before["meta"] = json!({ "versionId": "3" });
    assert_eq!(alice.put(&of_before).await.unwrap().status, 412);
    let reply = alice.put_with(&new, &[("if-match", "W/\"2.1\"")]).await.unwrap();
    assert_eq!((reply.status, reply.version()), (200, "2.2"));
    for (version, value) in [("2.1", 3), ("2.2", 4)] {
        let read = alice.get(&format!("Observation/o1/_history/{version}")).await.unwrap();
        assert_eq!(
            (read.status, &read.body["valueInteger"]),
            (200, &json!(value)),
            "{}",
            read.text
        );
    }
    assert_eq!(alice.get("Observation/o1/_history/1").await.unwrap().status, 404);
    let history = alice.pages("Observation/o1/_history").await.unwrap();
    assert_eq!(tags(&history), ["2.2", "2.1"]);
    // What was deleted in the epoch before is either known to be deleted, or not known any more.
    let gone = alice.get("Observation/gone").await.unwrap();
    assert!([404, 410].contains(&gone.status), "{}", gone.text);
    assert_eq!(alice.get("Patient/p1").await.unwrap().version(), "2.1");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_a_room_founded_anew_is_no_older_than_the_one_before() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    let before = alice.get("Observation/o1").await.unwrap();
    let answer = server.post_path(&format!("/rooms/{ROOM}/refound"), String::new()).await.unwrap();
    assert_eq!(answer.status, 200);
    let behind = alice.get("Observation/o1").await.unwrap();
    let time = |reply: &Reply| reply.body["meta"]["lastUpdated"].as_str().unwrap().to_owned();
    assert!(time(&behind) >= time(&before), "{} is before {}", time(&behind), time(&before));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_types_history_goes_on_when_a_room_is_founded_anew() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    let answer = server.post_path(&format!("/rooms/{ROOM}/refound"), String::new()).await.unwrap();
    assert_eq!(answer.status, 200);
    put(&alice, &observation("o1", "p1", 2)).await;
    let of_instance = alice.pages("Observation/o1/_history").await.unwrap();
    let of_type = alice.pages("Observation/_history").await.unwrap();
    assert_eq!(tags(&of_instance), ["2.2", "2.1"]);
    assert_eq!(tags(&of_type), tags(&of_instance));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transactions_writes_are_one_version_each() {
    let (_folder, server, alice) = hospital().await;
    let entries = |value: i64| -> Vec<Value> {
        let put = |n: i64| {
            entry(
                "PUT",
                &format!("Observation/o{n}"),
                Some(observation(&format!("o{n}"), "p1", value)),
            )
        };
        (0..10).map(put).collect()
    };
    for value in 1..=3 {
        let reply = alice.bundle("transaction", entries(value)).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        for entry in reply.entries() {
            assert_eq!(entry["response"]["etag"], format!("W/\"{value}\""), "{}", reply.text);
        }
    }
    let of_type = alice.pages("Observation/_history?_count=7").await.unwrap();
    assert_eq!(of_type.len(), 30);
    let mut told: Vec<String> = of_type
        .iter()
        .map(|entry| format!("{}/{}", entry["resource"]["id"], entry["response"]["etag"]))
        .collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 30, "each once");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_has_a_provenance() {
    let (_folder, server, alice) = hospital().await;
    let bob = Fhir::of(&server, "bob;Bob");
    let why = json!({ "resourceType": "Provenance", "reason": [{ "text": "typed wrong" }] });
    put(&alice, &observation("o1", "p1", 1)).await;
    let headers = [("x-provenance", why.to_string())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let reply = bob.put_with(&observation("o1", "p1", 2), &headers).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let patch = json!([{ "op": "replace", "path": "/valueInteger", "value": 3 }]);
    assert_eq!(bob.patch("Observation/o1", &patch, &headers).await.unwrap().status, 200);
    assert_eq!(alice.delete("Observation/o1", &headers).await.unwrap().status, 204);

    let found = alice.pages("Provenance?target=Observation/o1").await.unwrap();
    assert_eq!(found.len(), 4, "{found:#?}");
    for version in 1..=4 {
        let target = format!("Observation/o1/_history/{version}");
        let about: Vec<&Value> = found
            .iter()
            .map(|entry| &entry["resource"])
            .filter(|resource| resource["target"][0]["reference"] == target.as_str())
            .collect();
        assert_eq!(about.len(), 1, "{version}");
        let provenance = about[0];
        let agents = provenance["agent"].as_array().unwrap();
        let author = if [1, 4].contains(&version) { ("alice", "Alice") } else { ("bob", "Bob") };
        assert_eq!(agents[0]["who"]["identifier"]["value"], author.0, "{version}");
        assert_eq!(agents[0]["who"]["display"], author.1);
        assert!(agents[1]["who"]["identifier"]["value"].is_string(), "with what: {provenance}");
        let reason = if version > 1 { json!("typed wrong") } else { Value::Null };
        assert_eq!(provenance["reason"][0]["text"], reason, "{version}");
        assert!(provenance["recorded"].is_string() && provenance["occurredDateTime"].is_string());
        if version < 4 {
            let activity = &provenance["activity"]["coding"][0]["code"];
            assert_eq!(activity, if version == 1 { "CREATE" } else { "UPDATE" }, "{version}");
        }
        let read =
            alice.get(&format!("Provenance/{}", provenance["id"].as_str().unwrap())).await.unwrap();
        assert_eq!((read.status, &read.body), (200, provenance));
    }
    for id in ["none", "none.0123456789abcdef0123456789abcdef", "x.y"] {
        assert_eq!(alice.get(&format!("Provenance/{id}")).await.unwrap().status, 404, "{id}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provenance_of_a_delete_says_so() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    assert_eq!(alice.delete("Observation/o1", &[]).await.unwrap().status, 204);
    let found = alice.pages("Provenance?target=Observation/o1").await.unwrap();
    let mut codes: Vec<&Value> =
        found.iter().map(|entry| &entry["resource"]["activity"]["coding"][0]["code"]).collect();
    codes.sort_by_key(|code| code.to_string());
    // http://terminology.hl7.org/CodeSystem/v3-DataOperation
    assert_eq!(codes, ["CREATE", "DELETE"]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patients_provenances_are_found() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &patient("p1", "Poe")).await;
    let found = alice.pages("Provenance?target=Patient/p1").await.unwrap();
    assert_eq!(found.len(), 2, "{found:#?}");
    let found = alice.pages("Provenance?patient=p1").await.unwrap();
    assert_eq!(found.len(), 2, "{found:#?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_their_times_outlive_a_restart() {
    let (folder, server, alice) = hospital().await;
    for n in 1..=3 {
        put(&alice, &observation("o1", "p1", n)).await;
    }
    let before = alice.pages("Observation/o1/_history").await.unwrap();
    server.stop().await.unwrap();
    let server = chartroom_tests::server::Server::start(folder.path()).await.unwrap();
    let alice = Fhir::of(&server, "alice;Alice");
    let strip = |entries: Vec<Value>| -> Vec<Value> {
        entries
            .into_iter()
            .map(|mut entry| {
                entry.as_object_mut().unwrap().remove("fullUrl");
                entry
            })
            .collect()
    };
    assert_eq!(strip(alice.pages("Observation/o1/_history").await.unwrap()), strip(before));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provenance_outlives_its_epoch() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    let found = alice.pages("Provenance?target=Observation/o1").await.unwrap();
    let before = &found[0]["resource"];
    let answer = server.post_path(&format!("/rooms/{ROOM}/refound"), String::new()).await.unwrap();
    assert_eq!(answer.status, 200);
    let read = alice.get(&format!("Provenance/{}", before["id"].as_str().unwrap())).await.unwrap();
    assert_eq!((read.status, &read.body), (200, before), "{}", read.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_a_read_without_its_body() {
    let (_folder, server, alice) = hospital().await;
    for path in ["Patient/p1", "Patient/p1/_history/1", "Patient?family=Doe", "metadata"] {
        let read = alice.get(path).await.unwrap();
        let head = alice.send("HEAD", path, &[], None).await.unwrap();
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        for name in ["etag", "last-modified", "content-type"] {
            assert_eq!(head.header(name), read.header(name), "{path} {name}");
        }
    }
    let head = alice.send("HEAD", "Patient/none", &[], None).await.unwrap();
    assert_eq!((head.status, head.text.as_str()), (404, ""));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_the_same_whoever_reads_it_when() {
    let (_folder, server, alice) = hospital().await;
    for n in 1..=3 {
        put(&alice, &observation("o1", "p1", n)).await;
    }
    let versions = async || {
        let mut versions = Vec::new();
        for n in 1..=3 {
            versions.push(alice.get(&format!("Observation/o1/_history/{n}")).await.unwrap().body);
        }
        versions
    };
    let before = versions().await;
    // A client that was away brings work that is older than what the server has had since.
    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    let room = bob.open(ROOM).await.unwrap();
    put(&alice, &observation("o1", "p1", 4)).await;
    let mut late = observation("o1", "p1", 3);
    late["note"] = json!([{ "text": "since childhood" }]);
    bob.put(room, late).await.unwrap();
    bob.until_saved(room).await.unwrap();
    assert_eq!(versions().await, before);
    let read = alice.get("Observation/o1").await.unwrap();
    assert_eq!(read.version(), "5", "{}", read.text);
    assert_eq!(
        (&read.body["valueInteger"], &read.body["note"][0]["text"]),
        (&json!(4), &json!("since childhood"))
    );
    let fourth = alice.get("Observation/o1/_history/4").await.unwrap();
    assert_eq!(
        (&fourth.body["valueInteger"], fourth.body.get("note")),
        (&json!(4), None),
        "{}",
        fourth.text
    );
    server.stop().await.unwrap();
}

/// A reference is searched for without its version; each Provenance names the one that it is of.
#[tokio::test(flavor = "multi_thread")]
async fn every_version_leads_to_the_provenances_of_all() {
    let (_folder, server, alice) = hospital().await;
    for n in 1..=3 {
        put(&alice, &observation("o1", "p1", n)).await;
    }
    let found = alice.pages("Provenance?target=Observation/o1/_history/2").await.unwrap();
    let targets: BTreeSet<String> = found
        .iter()
        .map(|entry| entry["resource"]["target"][0]["reference"].as_str().unwrap().to_owned())
        .collect();
    let expected = (1..=3).map(|n| format!("Observation/o1/_history/{n}"));
    assert_eq!(targets, expected.collect());
    server.stop().await.unwrap();
}
