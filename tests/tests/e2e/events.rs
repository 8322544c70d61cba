//! The event log over HTTP, as JSON and as server-sent events.

use std::sync::Arc;

use chartroom_engine::RoomId;
use chartroom_server::{
    config::ServerConfig,
    storage::{Memory, Storage},
};
use chartroom_tests::{event_source::EventSource, json_client::JsonClient, server::Server};
use serde_json::{Value, json};

use crate::{ROOM, allergy, start};

const EVENTS: &str = "/rooms/patient:p1/events";

/// Two events: RESOURCE_CREATED and ALLERGY_ADDED, or RESOURCE_UPDATED and ALLERGY_UPDATED.
async fn put(server: &Server, id: &str, to: &str) {
    let put = json!({ "kind": "put", "resource": allergy(id, to) });
    assert_eq!(server.command(ROOM, &put).await.unwrap().status, 200);
}

fn numbers(page: &Value) -> Vec<u64> {
    page["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect()
}

/// A server whose room has five allergies, with two events each.
async fn five() -> (tempfile::TempDir, Server) {
    let (folder, server) = start().await;
    for n in 0..5 {
        put(&server, &format!("a{n}"), "latex").await;
    }
    (folder, server)
}

#[tokio::test]
async fn a_page_is_filtered_and_says_where_to_go_on() {
    let (_folder, server) = five().await;
    let page = |query: &str| {
        let path = format!("{EVENTS}?{query}");
        let server = &server;
        async move { server.get(&path).await.unwrap().body }
    };
    let named = page("events=ALLERGY_ADDED&limit=2").await;
    assert_eq!((numbers(&named), &named["last"]), (vec![2, 4], &json!(4)));
    assert_eq!(named["events"][0]["resource"], allergy("a0", "latex"));
    let rest = page("events=allergy.added&after=4").await;
    assert_eq!((numbers(&rest), &rest["last"]), (vec![6, 8, 10], &json!(10)));
    let none = page("types=Condition,Goal").await;
    assert_eq!((numbers(&none), &none["last"]), (vec![], &json!(10)));
    assert_eq!(numbers(&page("types=AllergyIntolerance&after=9").await), [10]);
    assert!(numbers(&page("after=10").await).is_empty());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn wrong_queries_are_named() {
    let (_folder, server) = five().await;
    for (query, field) in [("types=Condition,condition", "types[1]"), ("events=NOVEL", "events[0]")]
    {
        let answer = server.get(&format!("{EVENTS}?{query}")).await.unwrap();
        assert_eq!((answer.status, answer.code()), (400, Some("bad-query")));
        assert_eq!(answer.body["error"]["field"], field);
    }
    let ahead = server.get(&format!("{EVENTS}?after=11")).await.unwrap();
    assert_eq!((ahead.status, ahead.code()), (410, Some("events-ahead")));
    assert_eq!(ahead.body["error"]["last"], 10);
    let nowhere = server.get("/rooms/patient:nobody/events").await.unwrap();
    assert_eq!((nowhere.status, nowhere.code()), (404, Some("room-not-found")));
    let stream =
        EventSource::open(server.address(), EVENTS, "Last-Event-ID: yesterday").await.unwrap();
    assert!(stream.head[0].contains("400"), "{:?}", stream.head);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn who_asks_for_what_is_gone_hears_what_is_kept() {
    let storage = Arc::new(Memory::new());
    let server = Server::start_over(storage.clone()).await.unwrap();
    for n in 0..5 {
        put(&server, &format!("a{n}"), "latex").await;
    }
    server.stop().await.unwrap();
    storage.trim_events(&RoomId::first(ROOM.parse().unwrap()), 6).unwrap();
    let server = Server::start_over(storage).await.unwrap();

    let gone = server.get(&format!("{EVENTS}?after=5")).await.unwrap();
    assert_eq!((gone.status, gone.code()), (410, Some("events-gone")));
    let error = &gone.body["error"];
    assert_eq!((&error["first"], &error["last"]), (&json!(7), &json!(10)));
    let stream = EventSource::open(server.address(), EVENTS, "Last-Event-ID: 5").await.unwrap();
    assert!(stream.head[0].contains("410"), "{:?}", stream.head);
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    let mut data = json!({ "subscription_id": "s", "room": ROOM, "after": 5 });
    let subscribe = json!({ "type": "subscribe", "data": data });
    let error = alice.refused(&subscribe).await.unwrap();
    assert_eq!((&error["error"], &error["field"]), (&json!("EVENTS_GONE"), &json!("data.after")));
    assert_eq!((&error["data"]["first"], &error["data"]["last"]), (&json!(7), &json!(10)));

    let kept = server.get(&format!("{EVENTS}?after=6")).await.unwrap().body;
    assert_eq!(numbers(&kept), [7, 8, 9, 10]);
    assert_eq!(numbers(&server.get(EVENTS).await.unwrap().body), [7, 8, 9, 10]);
    data["after"] = json!(6);
    alice.subscribe(data).await.unwrap();
    alice.until(|data| data["seq"] == 10).await.unwrap();
    assert_eq!(alice.numbers(ROOM), [7, 8, 9, 10]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_replays_and_goes_on_live() {
    let (_folder, server) = five().await;
    let path = format!("{EVENTS}?after=8");
    let mut stream = EventSource::open(server.address(), &path, "").await.unwrap();
    assert!(stream.head.iter().any(|line| line.contains("text/event-stream")));
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!((first.id, first.event), (Some(9), None));
    let page = server.get(&format!("{EVENTS}?after=8&limit=1")).await.unwrap().body;
    assert_eq!(first.data, page["events"][0]);
    put(&server, "a5", "latex").await;
    assert_eq!(stream.numbers(3).await.unwrap(), [10, 11, 12]);
    drop(stream);

    put(&server, "a6", "latex").await;
    // What the reader has heard counts more than what it once asked for.
    let mut stream = EventSource::open(server.address(), &path, "Last-Event-ID: 12").await.unwrap();
    put(&server, "a7", "latex").await;
    assert_eq!(stream.numbers(4).await.unwrap(), [13, 14, 15, 16]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_without_a_number_is_live_and_filtered() {
    let (_folder, server) = five().await;
    let path = format!("{EVENTS}?events=ALLERGY_UPDATED");
    let mut stream = EventSource::open(server.address(), &path, "").await.unwrap();
    put(&server, "a5", "latex").await;
    put(&server, "a5", "peanut").await;
    let message = stream.next().await.unwrap().unwrap();
    assert_eq!((message.id, &message.data["event"]), (Some(14), &json!("ALLERGY_UPDATED")));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_servers_end_ends_a_stream_with_the_number_to_go_on_from() {
    let (_folder, server) = five().await;
    let path = format!("{EVENTS}?after=9");
    let mut stream = EventSource::open(server.address(), &path, "").await.unwrap();
    assert_eq!(stream.numbers(1).await.unwrap(), [10]);
    let (stopped, last) = tokio::join!(server.stop(), stream.next());
    stopped.unwrap();
    let last = last.unwrap().unwrap();
    assert_eq!(last.event.as_deref(), Some("closed"));
    assert_eq!(last.data, json!({ "code": "shutting-down", "resumeAfter": 10 }));
    assert!(stream.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_slow_stream_ends_with_the_number_to_go_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ServerConfig::new(folder.path());
    config.hub.queue_events = 4;
    let server = Server::start_with(config).await.unwrap();
    put(&server, "a0", "latex").await;
    let mut stream = EventSource::open_narrow(server.address(), EVENTS).await.unwrap();
    // More than the wire and the queues hold, while nobody reads.
    for n in 0..10 {
        put(&server, "a0", &n.to_string().repeat(512 * 1024)).await;
    }
    let mut heard = Vec::new();
    let last = loop {
        let message = stream.next().await.unwrap().unwrap();
        match message.id {
            Some(number) => heard.push(number),
            None => break message,
        }
    };
    assert_eq!(last.event.as_deref(), Some("closed"));
    assert_eq!(last.data["code"], "too-slow");
    assert_eq!(last.data["resumeAfter"].as_u64(), heard.last().copied());
    let all: Vec<u64> = (3..).take(heard.len()).collect();
    assert_eq!(heard, all);
    server.stop().await.unwrap();
}
