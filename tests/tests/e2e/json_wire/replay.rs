//! Coming back: nothing is missed and nothing comes twice.

use chartroom_server::config::ServerConfig;
use chartroom_tests::{json_client::JsonClient, server::Server};
use serde_json::json;

use super::{condition, of_p1, put, two_patients};
use crate::{ROOM, allergy};

#[tokio::test]
async fn a_killed_socket_resumes_without_gap_or_repeat() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    alice.subscribe(of_p1("s")).await.unwrap();
    put(&server, ROOM, condition("p1", "c1")).await;
    alice.until_event("CONDITION_ADDED", "c1").await.unwrap();
    let mut numbers = alice.numbers(ROOM);
    drop(alice);
    put(&server, ROOM, condition("p1", "c2")).await;

    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    let mut resume = of_p1("s");
    resume["after"] = json!(numbers.last());
    alice.subscribe(resume).await.unwrap();
    put(&server, ROOM, condition("p1", "c3")).await;
    alice.until_event("CONDITION_ADDED", "c3").await.unwrap();
    numbers.extend(alice.numbers(ROOM));
    assert_eq!(numbers, (4..=12).collect::<Vec<u64>>());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_replay_reaches_who_asked_and_live_events_come_once() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    let conditions = json!({
        "subscription_id": "live", "patient_ids": ["p1"], "resource_types": ["Condition"],
    });
    alice.subscribe(conditions).await.unwrap();
    put(&server, ROOM, allergy("a", "latex")).await;
    put(&server, ROOM, condition("p1", "c1")).await;
    alice.until_event("CONDITION_ADDED", "c1").await.unwrap();
    assert_eq!(alice.numbers(ROOM), [6, 7, 8]);
    let replay = json!({
        "subscription_id": "replay", "patient_ids": ["p1"], "after": { ROOM: 2 },
        "resource_types": ["AllergyIntolerance"],
    });
    alice.subscribe(replay).await.unwrap();
    put(&server, ROOM, condition("p1", "c2")).await;
    alice.until_event("CONDITION_ADDED", "c2").await.unwrap();
    assert_eq!(alice.numbers(ROOM), [6, 7, 8, 4, 5, 9, 10, 11]);
    // The same once more, with everything.
    let mut again = of_p1("replay");
    again["after"] = json!(8);
    alice.subscribe(again).await.unwrap();
    alice.until(|data| data["seq"] == 11).await.unwrap();
    put(&server, ROOM, condition("p1", "c3")).await;
    alice.until_event("CONDITION_ADDED", "c3").await.unwrap();
    assert_eq!(alice.numbers(ROOM)[8..], [9, 10, 11, 12, 13, 14]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_slow_reader_is_told_where_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ServerConfig::new(folder.path());
    config.hub.queue_events = 4;
    let server = Server::start_with(config).await.unwrap();
    put(&server, ROOM, condition("p1", "c")).await;
    let mut slow = JsonClient::connect_narrow(server.address(), "alice").await.unwrap();
    slow.subscribe(of_p1("s")).await.unwrap();
    // More than the wire and the queues hold, while the slow one reads nothing.
    for n in 0..10 {
        let mut long = condition("p1", "c");
        long["note"] = json!([{ "text": n.to_string().repeat(512 * 1024) }]);
        put(&server, ROOM, long).await;
    }
    assert_eq!(slow.until_closed().await.unwrap().0, 1013);
    let error = slow.errors.pop().unwrap();
    assert_eq!(error["error"], "TOO_SLOW");
    let mut numbers = slow.numbers(ROOM);
    let after = error["data"]["resume_after"][ROOM].as_u64();
    assert_eq!(after, numbers.last().copied());

    let mut slow = JsonClient::connect(server.address(), "alice").await.unwrap();
    let mut resume = of_p1("s");
    resume["after"] = json!(after);
    slow.subscribe(resume).await.unwrap();
    put(&server, ROOM, condition("p1", "last")).await;
    slow.until_event("CONDITION_ADDED", "last").await.unwrap();
    numbers.extend(slow.numbers(ROOM));
    let last = numbers.last().copied().unwrap();
    assert_eq!(numbers, (4..=last).collect::<Vec<u64>>());
    server.stop().await.unwrap();
}
