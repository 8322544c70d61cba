//! Devices that people sign in from, and lost ones that are wiped.

use std::sync::Arc;

use chartroom_server::{
    audit::{Act, Entry, Outcome, entries_between},
    storage::Memory,
    wire::frame::{DeviceSecret, Frame, PeerMetadata},
};
use chartroom_tests::{
    identity::Claims,
    raw::{Wire, plain},
};
use serde_json::{Value, json};

use super::{Ward, sings};

const ROOM: &str = "patient:p1";
const LAPTOP: &str = "laptop_laptop_laptop_1";
const PHONE: &str = "phone-phone-phone-phone-1";

fn device(secret: &str) -> PeerMetadata {
    PeerMetadata { device: Some(DeviceSecret(secret.to_owned())), ..plain() }
}

/// Joins from a device; the answer is in the frames, or the socket closed.
async fn join(ward: &Ward, token: Option<&str>, peer: &str, secret: &str) -> Wire {
    let mut wire = Wire::open(ward.server.address(), token, peer).await.unwrap();
    wire.join(device(secret)).await.unwrap();
    wire
}

fn is_in(wire: &Wire) -> bool {
    matches!(wire.frames.first(), Some(Frame::Peer { .. }))
}

/// Whether a device is told to wipe what it keeps, and nothing else.
async fn is_sent_off(mut wire: Wire) -> bool {
    let (code, _) = wire.until_closed().await.unwrap();
    let is_error = |frame: &Frame| matches!(frame, Frame::Error { .. });
    code == 4004 && wire.frames.iter().all(is_error)
}

async fn ward_over(storage: &Arc<Memory>) -> Ward {
    let ward = Ward::open_over(Arc::clone(storage) as _, |_| {}).await;
    ward.chart("p1").await;
    ward.admit(ROOM, "bob", "write").await;
    ward
}

async fn devices(ward: &Ward, claims: &Claims, query: &str) -> Value {
    let reply = ward.visitor(claims).get(&format!("/devices{query}")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.body["devices"].clone()
}

async fn wipe(ward: &Ward, claims: &Claims, handle: &str) -> (u16, Value) {
    let path = format!("/devices/{handle}/wipe");
    let reply = ward.visitor(claims).send("POST", &path, None).await.unwrap();
    (reply.status, reply.body)
}

/// The handle of the one device that a person has.
async fn only_handle(ward: &Ward, person: &str) -> String {
    let devices = devices(ward, &Claims::of(person), "").await;
    assert_eq!(devices.as_array().unwrap().len(), 1, "{devices}");
    devices[0]["handle"].as_str().unwrap().to_owned()
}

fn wipes(storage: &Memory) -> Vec<Entry> {
    let all = entries_between(storage, 0, 1000).unwrap();
    all.into_iter().filter(|entry| entry.act == Act::Wipe).collect()
}

#[tokio::test]
async fn a_lost_device_is_told_at_once_and_whoever_uses_it_later() {
    let storage = Arc::new(Memory::new());
    let ward = ward_over(&storage).await;
    let (bob, alice) = (Claims::of("bob"), Claims::of("alice"));
    let token = ward.token(&bob);
    let mut laptop = join(&ward, Some(&token), "peer-1", LAPTOP).await;
    assert!(is_in(&laptop));
    laptop.find(ROOM).await.unwrap();
    let handle = only_handle(&ward, "bob").await;
    assert_eq!(handle.len(), 16);
    let mut phone = join(&ward, Some(&token), "peer-2", PHONE).await;
    let known = devices(&ward, &bob, "").await;
    assert_eq!(known.as_array().unwrap().len(), 2);
    assert!(known.as_array().unwrap().iter().all(|one| one["wiped"].is_null()), "{known}");

    let (status, body) = wipe(&ward, &bob, &handle).await;
    assert_eq!((status, &body["known"]), (200, &json!(true)), "{body}");
    assert_eq!(laptop.until_closed().await.unwrap().0, 4004);
    // With the token, with one that is over, with none, and in another's hands.
    let over = ward.token(&Claims::of("bob").lasting(-1000));
    let alices = ward.token(&alice);
    for token in [Some(&*token), Some(&*over), None, Some(&*alices)] {
        assert!(is_sent_off(join(&ward, token, "peer-3", LAPTOP).await).await);
    }
    phone.settled().await.unwrap();
    assert_eq!(phone.closed, None);
    assert!(is_in(&join(&ward, Some(&alices), "peer-4", "alices_laptop_laptop_12").await));
    let known = devices(&ward, &bob, "").await;
    let wiped: Vec<&Value> =
        known.as_array().unwrap().iter().filter(|one| one["wiped"].is_string()).collect();
    assert_eq!(wiped.len(), 1);
    assert!(wiped[0]["handle"] == *handle && wiped[0]["told"].is_string(), "{known}");
    ward.server.stop().await.unwrap();

    let entries = wipes(&storage);
    let (asked, told) = entries.split_first().unwrap();
    assert_eq!(asked.who.as_ref().unwrap().id, "bob");
    assert!(told.len() == 5 && told.iter().all(|entry| entry.detail["wipe"] == "told"));
    assert_eq!(told[0].who.as_ref().unwrap().id, "bob", "who was connected is known");
    assert!(entries.iter().all(|entry| entry.detail["device"] == handle));
    let all = entries_between(&*storage, 0, 1000).unwrap();
    let from_laptop = |entry: &&Entry| entry.detail.get("device") == Some(&handle);
    let signed_in = all.iter().filter(from_laptop).filter(|entry| entry.act == Act::SignIn);
    assert_eq!(signed_in.count(), 1, "nobody came in from it since");
    let text = serde_json::to_string(&all).unwrap();
    assert!(!text.contains(LAPTOP) && !sings(&text));
}

#[tokio::test]
async fn a_device_that_is_away_is_told_when_it_comes_and_after_a_restart() {
    let storage = Arc::new(Memory::new());
    let ward = ward_over(&storage).await;
    let token = ward.token(&Claims::of("bob"));
    drop(join(&ward, Some(&token), "peer-1", LAPTOP).await);
    let handle = only_handle(&ward, "bob").await;
    // An operator may; and again, which changes nothing.
    let olga = Claims::of("olga").roles(&["operator"]);
    let (status, first) = wipe(&ward, &olga, &handle).await;
    assert_eq!(status, 200);
    assert_eq!(wipe(&ward, &olga, &handle).await, (200, first));
    let of_bob = devices(&ward, &olga, "?person=bob").await;
    assert!(of_bob[0]["wiped"].is_string() && of_bob[0]["told"].is_null(), "{of_bob}");
    assert!(is_sent_off(join(&ward, Some(&token), "peer-1", LAPTOP).await).await);
    ward.server.stop().await.unwrap();

    let ward = Ward::open_over(Arc::clone(&storage) as _, |_| {}).await;
    let token = ward.token(&Claims::of("bob"));
    assert!(is_sent_off(join(&ward, Some(&token), "peer-1", LAPTOP).await).await);
    let of_bob = devices(&ward, &olga, "?person=bob").await;
    assert!(of_bob[0]["told"].is_string(), "{of_bob}");
    assert!(is_in(&join(&ward, Some(&token), "peer-1", PHONE).await));
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn another_person_neither_sees_a_device_nor_wipes_it() {
    let storage = Arc::new(Memory::new());
    let ward = ward_over(&storage).await;
    let token = ward.token(&Claims::of("bob"));
    let mut laptop = join(&ward, Some(&token), "peer-1", LAPTOP).await;
    let handle = only_handle(&ward, "bob").await;
    let mallory = Claims::of("mallory");
    let path = "/devices?person=bob";
    let reply = ward.visitor(&mallory).get(path).await.unwrap();
    assert_eq!((reply.status, reply.body["error"]["code"].as_str()), (403, Some("role-missing")));
    // As one that is nobody's, or no handle at all.
    for handle in [&*handle, "0123456789abcdef", "../x", "%2e%2e"] {
        let (status, body) = wipe(&ward, &mallory, handle).await;
        assert_eq!(status, 404, "{handle} {body}");
    }
    laptop.settled().await.unwrap();
    assert_eq!(laptop.closed, None);
    assert!(devices(&ward, &Claims::of("bob"), "").await[0]["wiped"].is_null());
    let reply = ward.visitor(&mallory).get("/devices?whose=bob").await.unwrap();
    assert_eq!(reply.status, 400);
    ward.server.stop().await.unwrap();
    let refused = wipes(&storage);
    assert!(refused.iter().any(|entry| {
        entry.outcome == Outcome::Refused && entry.detail.get("device") == Some(&handle)
    }));
}

#[tokio::test]
async fn what_is_no_devices_secret_ends_the_connection() {
    let ward = Ward::open().await;
    let token = ward.token(&Claims::of("bob"));
    for wrong in ["", "short", "laptop laptop laptop 1", &"x".repeat(65)] {
        let mut wire = join(&ward, Some(&token), "peer-1", wrong).await;
        assert_eq!(wire.until_closed().await.unwrap().0, 1002, "{wrong}");
        assert!(!is_in(&wire));
    }
    assert_eq!(devices(&ward, &Claims::of("bob"), "").await, json!([]));
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn without_sign_in_a_device_is_its_persons_who_says_so() {
    let (_folder, server) = crate::start().await;
    let mut wire = Wire::open(server.address(), None, "peer-1").await.unwrap();
    let person = Some(chartroom_engine::Author::new("alice", "Alice"));
    wire.join(PeerMetadata { person, ..device(LAPTOP) }).await.unwrap();
    assert!(is_in(&wire));
    let nobody = server.get("/devices").await.unwrap().body;
    assert_eq!(nobody["devices"], json!([]));
    let listed = server.get("/devices?person=alice").await.unwrap().body;
    let handle = listed["devices"][0]["handle"].as_str().unwrap();
    let reply = server.post_path(&format!("/devices/{handle}/wipe"), String::new()).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(wire.until_closed().await.unwrap().0, 4004);
    server.stop().await.unwrap();
}
