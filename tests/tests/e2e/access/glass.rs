//! Charts that are entered in an emergency, and epochs that are sealed.

use std::time::Duration;

use chartroom_server::wire::frame::{FollowStart, Frame};
use chartroom_tests::{
    event_source::EventSource,
    forge::Message,
    identity::Claims,
    raw::{Texts, Wire},
};
use serde_json::{Value, json};

use super::{Ward, allergy, document_of, observation, sings};

const ROOM: &str = "patient:p1";
const GLASS: &str = "/rooms/patient:p1/glass";

fn alice() -> Claims {
    Claims::of("alice").roles(&["physician"])
}

fn because(reason: &str) -> Value {
    json!({ "reason": reason })
}

#[tokio::test]
async fn glass_takes_an_ability_and_a_reason() {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    let before = ward.events(ROOM).await;
    let bob = ward.visitor(&Claims::of("bob"));
    let reply = bob.post(GLASS, &because("cardiac arrest")).await.unwrap();
    assert_eq!((reply.status, &reply.body["error"]["code"]), (403, &json!("role-missing")));
    let alice = ward.visitor(&alice());
    for reason in ["", "   ", "\n\t", &"x".repeat(401)] {
        let reply = alice.post(GLASS, &because(reason)).await.unwrap();
        assert_eq!(reply.status, 400, "{reason:?}");
    }
    for body in [json!({}), json!({ "reason": null }), json!({ "reason": "x", "until": "never" })] {
        assert_eq!(alice.post(GLASS, &body).await.unwrap().status, 400, "{body}");
    }
    for room in ["patient:none", "pharmacy:queue", "facility:alerts", "facility:directory"] {
        let path = format!("/rooms/{room}/glass");
        assert_eq!(alice.post(&path, &because("x")).await.unwrap().status, 404, "{room}");
    }
    assert_eq!(alice.get(&format!("/rooms/{ROOM}")).await.unwrap().status, 404);
    assert_eq!(ward.events(ROOM).await, before);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn broken_glass_is_told_in_the_room_and_opens_it_until_it_is_mended() {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    let alice = ward.visitor(&alice());
    let reply = alice.post(GLASS, &because("cardiac arrest")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.body["until"].is_string());
    let events = ward.events(ROOM).await;
    let told = events.last().unwrap();
    assert_eq!(told["event"], "GLASS_BROKEN");
    assert_eq!(told["author"], json!({ "id": "alice", "name": "Alice" }));
    assert_eq!(told["details"]["reason"], "cardiac arrest");
    assert!(sings(&alice.get(&format!("/rooms/{ROOM}/document")).await.unwrap().text));
    assert_eq!(alice.put(&allergy("a1", "p1", "latex")).await.unwrap().status, 201);
    let people = ward.chief.get(&format!("/rooms/{ROOM}/members")).await.unwrap();
    assert_eq!(people.body["glasses"][0]["person"]["id"], "alice");
    assert_eq!(alice.send("DELETE", GLASS, None).await.unwrap().status, 204);
    assert_eq!(alice.get(&format!("/rooms/{ROOM}/document")).await.unwrap().status, 404);
    // As for any patient who is not known to her.
    assert_eq!(alice.put(&allergy("a2", "p1", "latex")).await.unwrap().status, 422);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn sockets_that_glass_opened_end_with_it() {
    let ward = Ward::open_with(|config| {
        let (_, roles) = config.sign_in.as_mut().unwrap();
        roles.glass = Duration::from_millis(1500);
    })
    .await;
    ward.chart("p1").await;
    let token = ward.token(&alice());
    let visitor = ward.visitor(&alice());
    let reply = visitor.post(GLASS, &because("cardiac arrest")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let address = ward.server.address();
    let mut sync = Wire::joined(address, Some(&token), "peer-1").await.unwrap();
    sync.sync(document_of(ROOM), Message::default().encode()).await.unwrap();
    let mut texts = Texts::open(address, Some(&token)).await.unwrap();
    let data = json!({ "subscription_id": "s", "patient_ids": ["p1"] });
    texts.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
    texts.heard(0, "subscription").await.unwrap();
    let path = format!("/rooms/{ROOM}/events?token={token}");
    let mut events = EventSource::open(address, &path, "").await.unwrap();
    assert_eq!(sync.until_closed().await.unwrap().0, 1013);
    assert_eq!(texts.until_closed().await.unwrap().0, 1013);
    let mut last = None;
    while let Some(message) = events.next().await.unwrap() {
        last = Some(message);
    }
    let last = last.unwrap();
    assert_eq!(
        (last.event.as_deref(), &last.data["code"]),
        (Some("closed"), &json!("access-ended"))
    );
    assert_eq!(visitor.get(&format!("/rooms/{ROOM}")).await.unwrap().status, 404);
    let mut sync = Wire::joined(address, Some(&token), "peer-2").await.unwrap();
    assert!(matches!(sync.find(ROOM).await.unwrap(), Frame::RoomRefused { .. }));
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn glass_of_a_chart_opens_no_compartment_of_it() {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    let room = format!("{ROOM}~PSY");
    let put = json!({ "kind": "put", "resource": super::protected("s1", "p1") });
    let reply = ward.chief.post(&format!("/rooms/{room}/commands"), &put).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let alice = ward.visitor(&alice());
    assert_eq!(alice.post(GLASS, &because("x")).await.unwrap().status, 200);
    let reply = alice.get(&format!("/rooms/{room}")).await.unwrap();
    assert_eq!(reply.status, 404, "{}", reply.text);
    let reply = alice.post(&format!("/rooms/{room}/glass"), &because("x")).await.unwrap();
    assert_eq!(reply.status, 404, "{}", reply.text);
    assert_eq!(alice.get("/fhir/R4/Observation/s1").await.unwrap().status, 404);
    let reply = alice.get("/fhir/R4/Observation?patient=p1").await.unwrap();
    assert_eq!(reply.entries().len(), 1, "{}", reply.text);
    // Whom the label is open to besides gets both, for as long as the glass is broken.
    let both = ward.visitor(&Claims::of("alice").roles(&["physician", "psychiatrist"]));
    assert_eq!(both.get(&format!("/rooms/{room}")).await.unwrap().status, 200);
    assert_eq!(both.send("DELETE", GLASS, None).await.unwrap().status, 204);
    assert_eq!(both.get(&format!("/rooms/{room}")).await.unwrap().status, 404);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn sealed_epochs_are_the_auditors() {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    ward.admit(ROOM, "bob", "write").await;
    let reply = ward.chief.send("DELETE", "/fhir/R4/Observation/p1-o", None).await.unwrap();
    assert_eq!(reply.status, 204);
    let reply = ward.chief.post(&format!("/rooms/{ROOM}/refound"), &Value::Null).await.unwrap();
    assert_eq!((reply.status, &reply.body["epoch"]), (200, &json!(2)));
    let bob = ward.visitor(&Claims::of("bob"));
    let auditor = ward.visitor(&Claims::of("bob").roles(&["auditor"]));
    let stranger = ward.visitor(&Claims::of("mallory").roles(&["auditor"]));
    for path in [format!("/rooms/{ROOM}"), format!("/rooms/{ROOM}/document")] {
        let old = format!("{path}?epoch=1");
        let reply = bob.get(&old).await.unwrap();
        assert_eq!((reply.status, &reply.body["error"]["code"]), (403, &json!("role-missing")));
        assert_eq!(bob.get(&path).await.unwrap().status, 200);
        assert_eq!(auditor.get(&old).await.unwrap().status, 200);
        assert_eq!(stranger.get(&old).await.unwrap().status, 404);
        assert_eq!(bob.get(&format!("{path}?epoch=9")).await.unwrap().status, 404);
    }
    let token = ward.token(&Claims::of("bob"));
    let mut wire = Wire::joined(ward.server.address(), Some(&token), "peer-1").await.unwrap();
    let (sender, target) = (wire.peer_id.clone(), wire.server_id.clone());
    let (document, data) = (document_of(ROOM), Message::default().encode());
    wire.send(&Frame::Request { sender, target, document, data }).await.unwrap();
    wire.until("an answer", |me| me.frames.len() > 1 || me.closed.is_some()).await.unwrap();
    wire.settled().await.unwrap();
    let sent = |frame: &Frame| matches!(frame, Frame::Sync { .. } | Frame::SyncPart { .. });
    assert!(!wire.frames.iter().any(sent), "{:?}", wire.frames);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn who_follows_by_glass_hears_nothing_beyond_its_end() {
    let ward = Ward::open_with(|config| {
        let (_, roles) = config.sign_in.as_mut().unwrap();
        roles.glass = Duration::from_millis(1000);
    })
    .await;
    ward.chart("p1").await;
    let token = ward.token(&alice());
    let visitor = ward.visitor(&alice());
    assert_eq!(visitor.post(GLASS, &because("cardiac arrest")).await.unwrap().status, 200);
    let address = ward.server.address();
    // Another socket, which is in the room, shows when the glass has ended.
    let mut clock = Wire::joined(address, Some(&token), "peer-1").await.unwrap();
    clock.sync(document_of(ROOM), Message::default().encode()).await.unwrap();
    let mut sync = Wire::joined(address, Some(&token), "peer-2").await.unwrap();
    let Frame::RoomFound { document, .. } = sync.find(ROOM).await.unwrap() else { panic!() };
    let (sender, target) = (sync.peer_id.clone(), sync.server_id.clone());
    sync.send(&Frame::Follow { sender, target, document, id: 1, start: FollowStart::After(1000) })
        .await
        .unwrap();
    let (sender, target) = (sync.peer_id.clone(), sync.server_id.clone());
    sync.send(&Frame::Follow { sender, target, document, id: 2, start: FollowStart::After(0) })
        .await
        .unwrap();
    clock.until_closed().await.unwrap();
    let reply = ward.chief.put(&allergy("late", "p1", "AFTERWARDS")).await.unwrap();
    assert_eq!(reply.status, 201);
    let heard = |me: &Wire| me.bytes.windows(10).any(|part| part == b"AFTERWARDS");
    sync.until("the end, or what was written since", |me| me.closed.is_some() || heard(me))
        .await
        .unwrap();
    assert!(!heard(&sync));
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_relabelled_is_in_no_event_of_the_room_that_it_left() {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    ward.admit(ROOM, "bob", "write").await;
    let secret = observation("s1", "p1", "laboratory", "RELABELLED");
    assert_eq!(ward.chief.put(&secret).await.unwrap().status, 201);
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "label", "valueCode": "PSY" }, { "name": "reason", "valueString": "asked for" },
    ] });
    let reply = ward.chief.post("/fhir/R4/Observation/s1/$relabel", &parameters).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let bob = ward.visitor(&Claims::of("bob"));
    for path in [
        "/rooms/patient:p1/events",
        "/rooms/patient:p1/document",
        "/fhir/R4/Observation?patient=p1",
        "/fhir/R4/Observation/s1",
        "/fhir/R4/Observation/s1/_history",
        "/fhir/R4/Observation/_history",
        "/fhir/R4/Provenance?patient=p1",
        "/fhir/R4/Patient/p1/$everything",
    ] {
        let reply = bob.get(path).await.unwrap();
        assert!(!reply.text.contains("RELABELLED"), "{path}: {}", reply.text);
    }
    let token = ward.token(&Claims::of("bob"));
    let mut wire = Wire::joined(ward.server.address(), Some(&token), "peer-1").await.unwrap();
    let Frame::RoomFound { document, .. } = wire.find(ROOM).await.unwrap() else { panic!() };
    let (sender, target) = (wire.peer_id.clone(), wire.server_id.clone());
    wire.send(&Frame::Follow { sender, target, document, id: 1, start: FollowStart::After(0) })
        .await
        .unwrap();
    let any = |frame: &Frame| matches!(frame, Frame::Events { .. } | Frame::FollowEnded { .. });
    wire.until("events", |me| me.frames.iter().any(any)).await.unwrap();
    wire.settled().await.unwrap();
    assert!(!wire.bytes.windows(10).any(|part| part == b"RELABELLED"));
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn broken_glass_is_in_the_audit_trail_with_its_reason() {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    let alice = ward.visitor(&alice());
    let reply = alice.post(GLASS, &because("cardiac arrest")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let trail = ward.chief.get("/fhir/R4/AuditEvent?_count=1000").await.unwrap();
    assert!(trail.text.contains("cardiac arrest"), "{}", trail.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn whom_somebody_admits_dismisses_or_signs_out_is_in_the_audit_trail() {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    let entries = async || {
        let trail = ward.chief.get("/fhir/R4/AuditEvent?_summary=count").await.unwrap();
        trail.body["total"].as_u64().unwrap()
    };
    let mut known = entries().await;
    let mut silent = Vec::new();
    for act in ["admit", "dismiss", "revoke"] {
        match act {
            "admit" => ward.admit(ROOM, "bob", "write").await,
            "dismiss" => ward.dismiss(ROOM, "bob").await,
            _ => ward.revoke(&json!({ "person": "bob" })).await,
        }
        let now = entries().await;
        if now == known {
            silent.push(act);
        }
        known = now;
    }
    assert!(silent.is_empty(), "{silent:?} leave no entry");
    ward.server.stop().await.unwrap();
}
