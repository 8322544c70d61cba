//! What is taken from somebody in the very moment in which they use it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chartroom_server::wire::frame::Frame;
use chartroom_tests::{
    event_source::EventSource,
    forge::{self, Message},
    hold::{Hold, Reading},
    identity::Claims,
    raw::{Kept, Texts, Wire},
};
use serde_json::json;

use super::{Ward, allergy, document_of};

const ROOM: &str = "patient:p1";

async fn ward() -> (Arc<Hold>, Ward) {
    let hold = Hold::new();
    let set = |config: &mut chartroom_server::config::ServerConfig| {
        config.hub.room_idle = Duration::from_millis(20);
    };
    let ward = Ward::open_over(hold.clone(), set).await;
    ward.chart("p1").await;
    ward.admit(ROOM, "bob", "write").await;
    (hold, ward)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_while_being_dismissed_is_not_remembered_as_a_member() {
    let (hold, ward) = ward().await;
    let bob = ward.visitor(&Claims::of("bob"));
    hold.stop(Reading::Fact("member".to_owned()));
    let asking = {
        let bob = bob.clone();
        tokio::spawn(async move { bob.get(&format!("/rooms/{ROOM}")).await })
    };
    hold.reached().await;
    ward.dismiss(ROOM, "bob").await;
    hold.release();
    asking.await.unwrap().unwrap();
    let reply = bob.get(&format!("/rooms/{ROOM}")).await.unwrap();
    assert_eq!(reply.status, 404, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_while_being_dismissed_is_out() {
    let (hold, ward) = ward().await;
    let token = ward.token(&Claims::of("bob"));
    let mut bob = Wire::joined(ward.server.address(), Some(&token), "peer-1").await.unwrap();
    // Nobody has the room open, so who enters waits until it is loaded.
    let deadline = Instant::now() + chartroom_tests::client::PATIENCE;
    while !ward.chief.get("/metrics").await.unwrap().text.contains("chartroom_rooms_loaded 0") {
        assert!(Instant::now() < deadline, "rooms stay loaded");
        tokio::task::yield_now().await;
    }
    hold.stop(Reading::Load(ROOM.parse().unwrap()));
    let message = Message::default().encode();
    bob.sync(document_of(ROOM), message).await.unwrap();
    hold.reached().await;
    ward.dismiss(ROOM, "bob").await;
    hold.release();
    let reply = ward.chief.put(&allergy("late", "p1", "AFTERWARDS")).await.unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text);
    let heard = |me: &Wire| me.bytes.windows(10).any(|part| part == b"AFTERWARDS");
    let over = |me: &Wire| {
        let away = |frame: &Frame| matches!(frame, Frame::DocUnavailable { .. });
        me.closed.is_some() || heard(me) || me.frames.iter().any(away)
    };
    bob.until("the end, or what was written since", over).await.unwrap();
    assert!(!heard(&bob));
    ward.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_to_read_events_while_being_dismissed_is_out() {
    let (hold, ward) = ward().await;
    let token = ward.token(&Claims::of("bob"));
    hold.stop(Reading::Room(ROOM.parse().unwrap()));
    let (address, path) = (ward.server.address(), format!("/rooms/{ROOM}/events?token={token}"));
    let opening = tokio::spawn(async move { EventSource::open(address, &path, "").await });
    hold.reached().await;
    ward.dismiss(ROOM, "bob").await;
    hold.release();
    let mut events = opening.await.unwrap().unwrap();
    if events.head[0].contains("200") {
        let reply = ward.chief.put(&allergy("late", "p1", "AFTERWARDS")).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text);
        while let Some(message) = events.next().await.unwrap() {
            assert!(!message.data.to_string().contains("AFTERWARDS"), "{:?}", message.data);
        }
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_subscribes_while_being_dismissed_is_out() {
    let (hold, ward) = ward().await;
    let token = ward.token(&Claims::of("bob"));
    let mut bob = Texts::open(ward.server.address(), Some(&token)).await.unwrap();
    bob.heard(0, "welcome").await.unwrap();
    hold.stop(Reading::Room(ROOM.parse().unwrap()));
    let data = json!({ "subscription_id": "s", "patient_ids": ["p1"] });
    bob.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
    hold.reached().await;
    ward.dismiss(ROOM, "bob").await;
    hold.release();
    let done = |me: &Texts| {
        me.closed.is_some()
            || me.frames.iter().any(|frame| {
                ["subscription", "error"].contains(&frame["type"].as_str().unwrap_or_default())
            })
    };
    bob.until("an answer", done).await.unwrap();
    let reply = ward.chief.put(&allergy("late", "p1", "AFTERWARDS")).await.unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text);
    let heard = |me: &Texts| me.frames.iter().any(|frame| frame.to_string().contains("AFTERWARDS"));
    let over = |me: &Texts| {
        me.closed.is_some() || heard(me) || me.frames.iter().any(|frame| frame["type"] == "error")
    };
    bob.until("the end, or what was written since", over).await.unwrap();
    assert!(!heard(&bob));
    ward.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slowed_down_is_out_as_soon_as_anybody() {
    let (_hold, ward) = ward().await;
    let token = ward.token(&Claims::of("bob"));
    let mut bob = Wire::joined(ward.server.address(), Some(&token), "peer-1").await.unwrap();
    let document = document_of(ROOM);
    bob.sync(document, Message::default().encode()).await.unwrap();
    let in_room = |frame: &Frame| matches!(frame, Frame::Sync { .. });
    bob.until("in the room", |me| me.frames.iter().any(in_room)).await.unwrap();
    // More changes that are refused than cost no wait, and a message that waits for that.
    let refused = (0..500_u128).map(|n| forge::refused((0xff << 120 | n).to_be_bytes())).collect();
    bob.sync(document, Message::of(refused).encode()).await.unwrap();
    let told = |me: &Wire| -> usize {
        let refused = me.frames.iter().map(|frame| match frame {
            Frame::Refused { hashes, .. } => hashes.len(),
            _ => 0,
        });
        refused.sum()
    };
    bob.until("refused", |me| told(me) == 500).await.unwrap();
    bob.sync(document, Message::default().encode()).await.unwrap();
    ward.revoke(&json!({ "person": "bob" })).await;
    let reply = ward.chief.put(&allergy("late", "p1", "AFTERWARDS")).await.unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(bob.until_closed().await.unwrap().0, 4003);
    let heard = bob.bytes.windows(10).any(|part| part == b"AFTERWARDS");
    assert!(!heard, "what was written behind the revocation came");
    ward.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_anothers_is_looked_up_as_often_as_what_is_nowhere() {
    let (hold, ward) = ward().await;
    let token = ward.token(&Claims::of("mallory"));
    let mut kept = Kept::open(ward.server.address(), Some(&token)).await.unwrap();
    let mut wire = Wire::joined(ward.server.address(), Some(&token), "peer-m").await.unwrap();
    let paths = [
        "/rooms/patient:{}",
        "/rooms/patient:{}/events",
        "/fhir/R4/Patient/{}",
        "/fhir/R4/Patient/{}/$everything",
        "/fhir/R4/Observation/{}-o",
        "/fhir/R4/Observation?patient={}",
        "/fhir/R4/Patient?_id={}",
        "request",
        "request, then room",
    ];
    for n in 0..paths.len() {
        ward.chart(&format!("h{n}")).await;
    }
    let mut differ = Vec::new();
    for (n, path) in paths.into_iter().enumerate() {
        for round in ["first", "again"] {
            let mut counts = Vec::new();
            for id in [format!("h{n}"), format!("n{n}")] {
                let room = format!("patient:{id}");
                if path.starts_with("request") {
                    let (sender, target) = (wire.peer_id.clone(), wire.server_id.clone());
                    let (document, data) = (document_of(&room), Message::default().encode());
                    let mut before = hold.lookups();
                    wire.send(&Frame::Request { sender, target, document, data }).await.unwrap();
                    wire.settled().await.unwrap();
                    if path.ends_with("room") {
                        before = hold.lookups();
                        wire.find(&room).await.unwrap();
                    }
                    counts.push(hold.lookups() - before);
                } else {
                    let before = hold.lookups();
                    kept.ask("GET", &path.replace("{}", &id), "", "").await.unwrap();
                    counts.push(hold.lookups() - before);
                }
            }
            if counts[0] != counts[1] {
                differ.push(format!("{path}, {round}: {} and {}", counts[0], counts[1]));
            }
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
    ward.server.stop().await.unwrap();
}
