//! Other systems are told of events: signed, in order, at least once.

mod receiver;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chartroom_engine::RoomId;
use chartroom_server::{
    config::ServerConfig,
    storage::{Memory, Storage},
    webhooks::{Target, read_targets},
};
use chartroom_tests::server::{Answer, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{ROOM, allergy};
use receiver::{Delivery, Receiver, SECRET, delivered};

/// A target of a receiver's that is tried again at once; `more` has further fields.
fn target(receiver: &Receiver, more: &Value) -> Vec<Target> {
    let mut target = json!({
        "name": "lab",
        "url": format!("http://{}/events", receiver.address),
        "secret": SECRET,
        "rooms": ["patient:*"],
        "events": ["*"],
        "backoff_first_ms": 1,
        "backoff_max_ms": 20,
    });
    for (field, value) in more.as_object().unwrap() {
        target[field] = value.clone();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.json");
    std::fs::write(&file, json!({ "targets": [target] }).to_string()).unwrap();
    read_targets(&file).unwrap()
}

async fn start(data: &Path, webhooks: Vec<Target>) -> Server {
    let config = ServerConfig { webhooks, ..ServerConfig::new(data) };
    begun(Server::start_with(config).await.unwrap()).await
}

/// A server whose targets know from where they go on.
async fn begun(server: Server) -> Server {
    until(&server, |targets| targets.iter().all(|entry| entry["state"] != "starting")).await;
    server
}

/// A server with one target, and the folder of its store.
async fn start_with(receiver: &Receiver, more: Value) -> (TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), target(receiver, &more)).await;
    (folder, server)
}

/// Writes an allergy, which is two events, into the room of a patient.
async fn write(server: &Server, patient: &str, id: &str) {
    let mut resource = allergy(id, "latex");
    resource["patient"]["reference"] = json!(format!("Patient/{patient}"));
    let put = json!({ "kind": "put", "resource": resource });
    let answer = server.command(&format!("patient:{patient}"), &put).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The only target's entry, once it is as the test wants it.
async fn until_target(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    until(server, |targets| wanted(&targets[0])).await.remove(0)
}

/// The list of targets, once it is as the test wants it.
async fn until(server: &Server, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let targets = server.get("/webhooks").await.unwrap().body["targets"].take();
        let targets = targets.as_array().unwrap();
        if wanted(targets) {
            return targets.clone();
        }
        assert!(Instant::now() < deadline, "it never came to that: {targets:?}");
    }
}

fn count(deliveries: &[Delivery]) -> usize {
    delivered(deliveries).values().map(Vec::len).sum()
}

async fn letters(server: &Server) -> Answer {
    server.get("/webhooks/dead-letters").await.unwrap()
}

async fn act(server: &Server, path: &str) -> Answer {
    server.post_path(path, String::new()).await.unwrap()
}

#[tokio::test]
async fn deliveries_are_signed_and_say_what_the_log_says() {
    let receiver = Receiver::start(|_| 200).await;
    let headers = json!({ "headers": { "authorization": "Bearer of-news" } });
    let (_folder, server) = start_with(&receiver, headers).await;
    for n in 0..3 {
        write(&server, "p1", &format!("a{n}")).await;
        write(&server, "p2", &format!("b{n}")).await;
    }
    let seen = receiver.until(|seen| count(seen) == 12).await;

    let in_order: Vec<u64> = (1..=6).collect();
    let expected = ["patient:p1", "patient:p2"].map(|room| (room.to_owned(), in_order.clone()));
    assert_eq!(delivered(&seen), expected.into());
    assert!(seen.iter().all(|delivery| delivery.signed && delivery.path == "/events"));
    assert!(seen.iter().all(|delivery| delivery.headers["authorization"] == "Bearer of-news"));
    let ids: BTreeSet<&String> = seen.iter().map(|d| &d.id).collect();
    assert_eq!(ids.len(), 12);
    let log = server.get("/rooms/patient:p1/events").await.unwrap().body["events"].clone();
    let told: Vec<&Value> =
        seen.iter().filter(|d| d.room() == ROOM).map(|delivery| &delivery.event).collect();
    assert_eq!(json!(told), log);
    let entry = until_target(&server, |entry| entry["state"] == "idle").await;
    assert_eq!((&entry["delivered"], &entry["failed"]), (&json!(12), &json!(0)));
    assert!(!entry.to_string().contains("of-news") && !entry.to_string().contains(SECRET));
    let metrics = server.text("/metrics").await.unwrap();
    assert!(metrics.contains(r#"chartroom_webhook_delivered_total{target="lab"} 12"#), "{metrics}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_target_hears_its_rooms_and_events_alone() {
    let receiver = Receiver::start(|_| 200).await;
    let only = json!({ "rooms": [ROOM], "events": ["ALLERGY_ADDED"] });
    let (_folder, server) = start_with(&receiver, only).await;
    let import = json!({ "kind": "import", "resources": [allergy("a0", "latex")] });
    assert_eq!(server.command(ROOM, &import).await.unwrap().status, 200);
    write(&server, "p2", "b1").await;
    write(&server, "p1", "a1").await;
    write(&server, "p1", "a2").await;
    // The last one is there, so what comes before it in its room was left out.
    receiver.until(|seen| count(seen) == 2).await;
    until_target(&server, |entry| entry["state"] == "idle").await;
    let seen: Vec<String> = receiver.seen().iter().map(Delivery::what).collect();
    assert_eq!(seen, ["ALLERGY_ADDED a1", "ALLERGY_ADDED a2"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_failing_room_holds_up_no_other_and_stays_in_order() {
    let receiver = Receiver::start(|event| if event["room"] == ROOM { 503 } else { 200 }).await;
    let (_folder, server) = start_with(&receiver, json!({})).await;
    write(&server, "p1", "a1").await;
    receiver.until(|seen| seen.iter().filter(|delivery| delivery.status == 503).count() > 3).await;
    write(&server, "p1", "a2").await;
    write(&server, "p2", "b1").await;
    receiver.until(|seen| count(seen) == 2).await;
    let entry = until_target(&server, |entry| entry["roomsWaiting"] == 1).await;
    assert_eq!(
        (&entry["state"], &entry["lastError"]["code"]),
        (&json!("failing"), &json!("status-503"))
    );

    receiver.answer(|_| 200);
    let seen = receiver.until(|seen| count(seen) == 6).await;
    assert_eq!(delivered(&seen)[ROOM], [1, 2, 3, 4]);
    // Whatever its number of attempts, an event has one id and one body.
    let first: Vec<&Delivery> =
        seen.iter().filter(|delivery| delivery.room() == ROOM && delivery.seq() == 1).collect();
    assert!(first.len() > 3);
    assert!(
        first.iter().all(|delivery| delivery.id == first[0].id && delivery.event == first[0].event)
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_happens_while_the_target_is_away_is_delivered_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200).await;
    let mut targets = target(&receiver, &json!({}));
    let server = start(folder.path(), targets.clone()).await;
    write(&server, "p1", "a1").await;
    receiver.until(|seen| count(seen) == 2).await;
    drop(receiver);
    write(&server, "p1", "a2").await;
    write(&server, "p2", "b1").await;
    until_target(&server, |entry| entry["lastError"]["code"] == "unreachable").await;
    server.stop().await.unwrap();

    let receiver = Receiver::start(|_| 200).await;
    targets[0].url = format!("http://{}/events", receiver.address).parse().unwrap();
    let server = start(folder.path(), targets).await;
    let seen = receiver.until(|seen| count(seen) == 4).await;
    // A server that was stopped in order repeats nothing.
    assert_eq!(seen.len(), 4);
    assert_eq!(
        delivered(&seen),
        [(ROOM.to_owned(), vec![3, 4]), ("patient:p2".to_owned(), vec![1, 2])].into()
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_loses_no_delivery_and_repeats_with_the_same_ids() {
    let receiver = Receiver::start(|_| 200).await;
    let storage = Arc::new(Memory::new());
    for round in 1..=3 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let webhooks = target(&receiver, &json!({}));
        let config = ServerConfig { webhooks, ..ServerConfig::new("unused") };
        let starting = Server::start_over_with(storage.clone(), config);
        let server = begun(runtime.spawn(starting).await.unwrap().unwrap()).await;
        for n in 0..5 {
            write(&server, "p1", &format!("a{round}-{n}")).await;
        }
        // Killed in the middle of it: every task is dropped where it stands.
        receiver.until(|seen| count(seen) > 10 * (round - 1) + 2).await;
        runtime.shutdown_background();
    }
    let webhooks = target(&receiver, &json!({}));
    let config = ServerConfig { webhooks, ..ServerConfig::new("unused") };
    let server = Server::start_over_with(storage, config).await.unwrap();
    let seen = receiver.until(|seen| count(seen) == 30).await;
    assert_eq!(delivered(&seen)[ROOM], (1..=30).collect::<Vec<u64>>());
    let mut by_seq = BTreeMap::new();
    for delivery in &seen {
        assert_eq!(by_seq.entry(delivery.seq()).or_insert(&delivery.id), &&delivery.id);
    }
    println!("{} deliveries of 30 events in 3 killed servers and one that was not", seen.len());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_given_up_is_listed_and_can_be_sent_again() {
    let receiver = Receiver::start(|event| if event["seq"] == 2 { 500 } else { 200 }).await;
    let folder = tempfile::tempdir().unwrap();
    let targets = target(&receiver, &json!({ "attempts": 3 }));
    let server = start(folder.path(), targets.clone()).await;
    write(&server, "p1", "a1").await;
    write(&server, "p1", "a2").await;
    // Behind the event that was given up the room goes on.
    let seen = receiver.until(|seen| count(seen) == 3).await;
    assert_eq!(delivered(&seen)[ROOM], [1, 3, 4]);
    assert_eq!(seen.iter().filter(|delivery| delivery.seq() == 2).count(), 3);
    server.stop().await.unwrap();

    let server = start(folder.path(), targets).await;
    let listed = letters(&server).await.body;
    let letter = &listed["deadLetters"][0];
    assert_eq!(
        (&listed["total"], &letter["room"], &letter["seq"]),
        (&json!(1), &json!(ROOM), &json!(2))
    );
    assert_eq!((&letter["attempts"], &letter["error"]), (&json!(3), &json!("status-500")));
    let id = letter["id"].as_str().unwrap().to_owned();
    assert_eq!(id, seen.iter().find(|delivery| delivery.seq() == 2).unwrap().id);

    let retry = format!("/webhooks/dead-letters/{id}/retry");
    let refused = act(&server, &retry).await;
    assert_eq!((refused.status, refused.code()), (502, Some("not-delivered")));
    assert_eq!(letters(&server).await.body["deadLetters"][0]["attempts"], 4);
    receiver.answer(|_| 200);
    assert_eq!(act(&server, &retry).await.status, 204);
    assert_eq!(receiver.seen().last().unwrap().id, id);
    assert_eq!(letters(&server).await.body, json!({ "deadLetters": [], "total": 0 }));
    let again = act(&server, &retry).await;
    assert_eq!((again.status, again.code()), (404, Some("letter-not-found")));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_receiver_that_is_gone_for_good_is_left_alone_until_resumed() {
    let receiver = Receiver::start(|_| 410).await;
    let (_folder, server) = start_with(&receiver, json!({ "attempts": 1 })).await;
    write(&server, "p1", "a1").await;
    until_target(&server, |entry| entry["state"] == "paused").await;
    write(&server, "p2", "b1").await;
    until_target(&server, |entry| entry["roomsWaiting"] == 2).await;
    assert_eq!(receiver.seen().len(), 1);
    assert_eq!(letters(&server).await.body["total"], 0);

    receiver.answer(|_| 200);
    assert_eq!(act(&server, "/webhooks/lab/resume").await.status, 200);
    receiver.until(|seen| count(seen) == 4).await;
    let unknown = act(&server, "/webhooks/lob/resume").await;
    assert_eq!((unknown.status, unknown.code()), (404, Some("target-not-found")));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_a_failure() {
    let receiver = Receiver::start(|_| 307).await;
    let (_folder, server) = start_with(&receiver, json!({ "attempts": 2 })).await;
    write(&server, "p1", "a1").await;
    receiver.until(|seen| seen.len() == 4).await;
    until_target(&server, |entry| entry["dead"] == 2).await;
    assert!(receiver.seen().iter().all(|delivery| delivery.path == "/events"));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_new_target_begins_at_the_logs_end_or_where_it_is_told_to() {
    let receiver = Receiver::start(|_| 200).await;
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), Vec::new()).await;
    write(&server, "p1", "a1").await;
    server.stop().await.unwrap();

    let server = start(folder.path(), target(&receiver, &json!({}))).await;
    until_target(&server, |entry| entry["state"] == "idle").await;
    write(&server, "p1", "a2").await;
    let seen = receiver.until(|seen| count(seen) == 2).await;
    assert_eq!(delivered(&seen)[ROOM], [3, 4]);
    server.stop().await.unwrap();

    let from_start = json!({ "name": "archive", "from": "start" });
    let server = start(folder.path(), target(&receiver, &from_start)).await;
    let seen = receiver.until(|seen| seen.len() == 6).await;
    let replayed: Vec<u64> = seen[2..].iter().map(Delivery::seq).collect();
    assert_eq!(replayed, [1, 2, 3, 4]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_retention_dropped_is_counted_and_not_waited_for() {
    let receiver = Receiver::start(|_| 200).await;
    let storage = Arc::new(Memory::new());
    let server = Server::start_over(storage.clone()).await.unwrap();
    write(&server, "p1", "a1").await;
    write(&server, "p1", "a2").await;
    server.stop().await.unwrap();
    storage.trim_events(&RoomId::first(ROOM.parse().unwrap()), 3).unwrap();

    let webhooks = target(&receiver, &json!({ "from": "start" }));
    let config = ServerConfig { webhooks, ..ServerConfig::new("unused") };
    let server = Server::start_over_with(storage, config).await.unwrap();
    let seen = receiver.until(|seen| count(seen) == 1).await;
    assert_eq!(delivered(&seen)[ROOM], [4]);
    let metrics = server.text("/metrics").await.unwrap();
    assert!(metrics.contains(r#"chartroom_webhook_missed_total{target="lab"} 3"#), "{metrics}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_critical_value_alerts_each_target_once_and_a_late_one_none() {
    let receiver = Receiver::start(|_| 200).await;
    let alerts = |name: &str, rooms: &str| {
        let url = format!("http://{}/{name}", receiver.address);
        let events = json!(["CRITICAL_VALUE_ALERT"]);
        json!({ "name": name, "url": url, "rooms": [rooms], "events": events })
    };
    let mut targets = target(&receiver, &alerts("everything", "*"));
    targets.extend(target(&receiver, &alerts("alarms", "facility:alerts")));
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), targets).await;
    for (id, more) in [
        ("late", json!({ "effectiveDateTime": "2020-01-01" })),
        ("first", json!({})),
        ("second", json!({})),
    ] {
        let mut potassium = json!({
            "resourceType": "Observation", "id": id, "status": "final",
            "subject": { "reference": "Patient/p1" },
            "code": { "coding": [{ "system": "http://loinc.org", "code": "2823-3" }] },
            "valueQuantity": { "value": 7.2, "unit": "mmol/L" },
        });
        potassium.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let put = json!({ "kind": "put", "resource": potassium });
        assert_eq!(server.command(ROOM, &put).await.unwrap().status, 200);
    }
    let told = |seen: &[Delivery], path: &str| -> Vec<(String, String)> {
        let of_path = seen.iter().filter(|delivery| delivery.path == path);
        of_path.map(|delivery| (delivery.room().to_owned(), delivery.what())).collect()
    };
    // The second of each shows that nothing came between.
    let both = |seen: &Vec<Delivery>| {
        told(seen, "/everything").len() >= 2 && told(seen, "/alarms").len() >= 2
    };
    let seen = receiver.until(both).await;
    let in_room = |room: &str| {
        ["first", "second"].map(|id| (room.to_owned(), format!("CRITICAL_VALUE_ALERT {id}")))
    };
    assert_eq!(told(&seen, "/everything"), in_room(ROOM));
    assert_eq!(told(&seen, "/alarms"), in_room("facility:alerts"));
    server.stop().await.unwrap();
}
