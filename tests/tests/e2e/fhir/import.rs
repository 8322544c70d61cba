//! Any number of resources in one request, as history.

use std::{fmt::Write as _, io::Write as _, path::PathBuf, process::ExitCode};

use chartroom_server::{
    cli,
    config::{Options, ServerOptions, Task},
};
use chartroom_tests::{
    fhir::{Fhir, Reply},
    server::Server,
};
use serde_json::{Value, json};

use super::{clinic, hospital, ids_of, levels, observation, patient, until_listed};
use crate::ROOM;

const NDJSON: (&str, &str) = ("content-type", "application/fhir+ndjson");

async fn import(alice: &Fhir, lines: impl Into<Vec<u8>>) -> Reply {
    alice.send("POST", "$import", &[NDJSON], Some(lines.into())).await.unwrap()
}

/// The lines of the answer, and the last of them.
fn told(reply: &Reply) -> (Vec<Value>, Value) {
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.header("content-type").starts_with("application/fhir+ndjson"));
    let lines: Vec<Value> =
        reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap().clone();
    (lines, last)
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_imported_and_bad_ones_named() {
    let (_folder, server, alice) = clinic().await;
    let mut bad = observation("bad", "p1", 1);
    bad["colour"] = "red".into();
    let mut unnamed = observation("x", "p1", 1);
    unnamed.as_object_mut().unwrap().remove("id");
    let lines = [
        patient("p1", "Doe").to_string(),
        observation("o1", "p1", 1).to_string(),
        "{no JSON".to_owned(),
        String::new(),
        bad.to_string(),
        "[]".to_owned(),
        unnamed.to_string(),
        json!({ "resourceType": "Shoe", "id": "s" }).to_string(),
        json!({ "resourceType": "Location", "id": "l1" }).to_string(),
        observation("o2", "p1", 2).to_string(),
    ];
    for (ends, last) in [("\r\n", ""), ("\n", "\n")] {
        let text = lines.join(ends) + last;
        let reply = import(&alice, text).await;
        let (all, sums) = told(&reply);
        assert_eq!(
            sums,
            json!({ "resources": 4, "leftOut": 5, "rooms": 2, "done": true }),
            "{}",
            reply.text
        );
        let mut left_out: Vec<u64> = all.iter().filter_map(|line| line["at"].as_u64()).collect();
        left_out.sort_unstable();
        assert_eq!(left_out, [3, 5, 6, 7, 8], "{}", reply.text);
        let with_outcome = all.iter().filter(|line| line["at"].is_u64());
        assert!(
            with_outcome
                .into_iter()
                .all(|line| line["outcome"]["resourceType"] == "OperationOutcome")
        );
    }
    assert_eq!(
        alice.get("Observation/o2").await.unwrap().version(),
        "1",
        "imported twice, written once"
    );
    assert_eq!(alice.get("Location/l1").await.unwrap().status, 200);
    assert_eq!(alice.get("Observation/bad").await.unwrap().status, 404);
    assert_eq!(ids_of(&alice.pages("Patient?family=Doe").await.unwrap(), "Patient"), ["p1"]);
    let events = server.get(&format!("/rooms/{ROOM}/events?after=0")).await.unwrap().body;
    let events = events["events"].as_array().unwrap();
    assert!(
        !events.is_empty() && events.iter().all(|event| event["import"] == true),
        "{events:#?}"
    );
    let history = alice.get("Observation/o1/_history").await.unwrap();
    assert_eq!(history.entries()[0]["extension"][0]["valueReference"]["display"], "Alice");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_imported() {
    let (_folder, server, alice) = clinic().await;
    let urn = "urn:uuid:00000000-0000-4000-8000-000000000001";
    let mut seen = observation("o1", "p1", 1);
    seen["subject"] = json!({ "reference": urn });
    let mut who = patient("", "Doe");
    who.as_object_mut().unwrap().remove("id");
    for kind in ["collection", "transaction", "searchset"] {
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [
            { "fullUrl": urn, "resource": who },
            { "resource": seen },
            { "resource": { "resourceType": "Shoe", "id": "s" } },
            {},
        ] });
        let reply = alice.send_json("POST", "$import", &[], &bundle).await.unwrap();
        let (_, sums) = told(&reply);
        assert_eq!(
            sums,
            json!({ "resources": 2, "leftOut": 2, "rooms": 1, "done": true }),
            "{}",
            reply.text
        );
    }
    let read = alice.get("Observation/o1").await.unwrap();
    assert_eq!(read.body["subject"]["reference"], "Patient/00000000-0000-4000-8000-000000000001");
    assert_eq!(read.version(), "1");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_import_is_refused() {
    let (_folder, server, alice) = hospital().await;
    let before = levels(&server).await;
    for (kind, body, statuses) in [
        ("application/fhir+json", "{", [400, 400]),
        ("application/fhir+json", "[]", [400, 400]),
        ("application/fhir+json", "{\"resourceType\":\"Bundle\"}", [400, 400]),
        ("text/csv", "a,b", [415, 415]),
        ("application/fhir+xml", "<Bundle/>", [415, 415]),
    ] {
        let reply = alice
            .send("POST", "$import", &[("content-type", kind)], Some(body.into()))
            .await
            .unwrap();
        assert!(statuses.contains(&reply.status), "{kind} {body}: {} {}", reply.status, reply.text);
        super::check_outcome(body, &reply);
    }
    let (_, sums) = told(&import(&alice, "").await);
    assert_eq!(sums["resources"], 0);
    let (_, sums) = told(&import(&alice, "\r\n\r\n\n").await);
    assert_eq!((&sums["resources"], &sums["leftOut"]), (&json!(0), &json!(0)));
    let deep = "[".repeat(100_000);
    let (_, sums) = told(&import(&alice, deep).await);
    assert_eq!((&sums["leftOut"], &sums["done"]), (&json!(1), &json!(true)));
    assert_eq!(levels(&server).await, before);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_not_imported() {
    let (_folder, server, alice) = hospital().await;
    let event = json!({
        "resourceType": "AuditEvent", "id": "forged", "recorded": "2024-01-01T00:00:00Z",
        "type": { "code": "rest" }, "agent": [{ "requestor": true }], "source": { "observer": { "display": "x" } },
    });
    let (_, sums) = told(&import(&alice, event.to_string()).await);
    assert_eq!((&sums["resources"], &sums["leftOut"]), (&json!(0), &json!(1)));
    assert_eq!(alice.get("AuditEvent/forged").await.unwrap().status, 404);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_lines_are_imported() {
    let (_folder, server, alice) = clinic().await;
    let mut text = String::new();
    let mut left_out = 0;
    for n in 0..20_000_i64 {
        let of = format!("p{}", n % 40);
        if n < 40 {
            writeln!(text, "{}", patient(&of, "Doe")).unwrap();
        } else if n % 1000 == 999 {
            text.push_str("{\"resourceType\":\"Observation\"}\n");
            left_out += 1;
        } else {
            writeln!(text, "{}", observation(&format!("o{n}"), &of, n)).unwrap();
        }
    }
    let reply = import(&alice, text).await;
    let (lines, sums) = told(&reply);
    let expected =
        json!({ "resources": 20_000 - left_out, "leftOut": left_out, "rooms": 40, "done": true });
    assert_eq!(sums, expected);
    assert!(lines.len() >= 20 + left_out, "progress is told while it goes on");
    assert_eq!(alice.get("Observation/o19998").await.unwrap().status, 200);
    let one = alice.get("Observation?patient=p7&_summary=count").await.unwrap();
    assert_eq!(one.body["total"], 499);
    server.stop().await.unwrap();
}

/// Most clients read nothing of the answer before all of the request is sent.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_bad_lines_are_answered_to_who_reads_late() {
    let (_folder, server, alice) = clinic().await;
    let line =
        format!("{{\"resourceType\":\"Patient\",\"id\":\"x\",\"shoe\":\"{}\"}}\n", "x".repeat(200));
    let reply = import(&alice, line.repeat(20_000)).await;
    let (_, sums) = told(&reply);
    assert_eq!((&sums["leftOut"], &sums["done"]), (&json!(20_000), &json!(true)));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_lines_are_imported_by_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = format!("{}\r\n", patient("p1", "Doe"));
    for n in 0..1500 {
        write!(text, "{}\r\n", observation(&format!("o{n}"), "p1", n)).unwrap();
    }
    let plain = folder.path().join("plain.ndjson");
    std::fs::write(&plain, &text).unwrap();
    let packed = folder.path().join("packed.ndjson.gz");
    let file = std::fs::File::create(&packed).unwrap();
    let mut packing = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packing.write_all(text.replace("p1", "p2").replace("\"o", "\"q").as_bytes()).unwrap();
    packing.finish().unwrap();
    let bad = folder.path().join("bad.ndjson");
    std::fs::write(&bad, format!("{{no\n{}", patient("p3", "Poe"))).unwrap();
    let store = folder.path().join("store");
    assert_eq!(run(&[plain.clone(), packed], &store).await, ExitCode::SUCCESS);
    assert_eq!(run(&[bad], &store).await, ExitCode::from(1));
    assert_eq!(run(&[plain], &store).await, ExitCode::SUCCESS);

    let server = Server::start(&store).await.unwrap();
    let alice = Fhir::of(&server, "alice;Alice");
    until_listed(&alice, "Basic/none").await;
    for (path, value) in [("Observation/o1499", 1499), ("Observation/q7", 7)] {
        let read = alice.get(path).await.unwrap();
        assert_eq!(
            (read.status, read.version(), &read.body["valueInteger"]),
            (200, "1", &json!(value)),
            "{}",
            read.text
        );
    }
    let found = alice.pages("Patient?birthdate=1970").await.unwrap();
    assert_eq!(ids_of(&found, "Patient"), ["p1", "p2", "p3"]);
    let events = server.get(&format!("/rooms/{ROOM}/events?after=0&limit=10")).await.unwrap().body;
    assert!(events["events"].as_array().unwrap().iter().all(|event| event["import"] == true));
    server.stop().await.unwrap();
}

async fn run(files: &[PathBuf], store: &std::path::Path) -> ExitCode {
    let command = Task::Import { files: files.to_vec(), server: ServerOptions::default() };
    let options =
        Options { data: Some(store.to_owned()), audit_key: None, log_json: false, command };
    tokio::task::spawn_blocking(move || cli::execute(options)).await.unwrap().unwrap()
}
