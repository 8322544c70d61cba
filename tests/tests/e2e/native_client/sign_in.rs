//! Tokens that expire, sign-ins that are taken back, rooms that are no longer a person's.

use std::{
    collections::BTreeSet,
    fs,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chartroom_client::{Client, OpenRoom, Status, Target, TokenError, WaitError};
use chartroom_server::{
    Roles, config::ServerConfig, read_roles, sign_in::SignInConfig, sign_in::read_sign_in,
};
use chartroom_tests::server::Server;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::time::sleep;

use super::{person, put, soon, target, there};
use crate::ROOM;

const SECRET: &str = "a secret of the tests, of forty-one bytes";

async fn start() -> (TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ServerConfig::new(folder.path().join("store"));
    config.sign_in = Some(files(&folder));
    let server = Server::start_with(config).await.unwrap();
    (folder, server)
}

fn files(folder: &TempDir) -> (SignInConfig, Roles) {
    let write = |name, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    write("secret", SECRET.to_owned());
    let keys = json!([{ "algorithm": "HS256", "secretFile": "secret" }]);
    let sign_in = json!({ "keys": keys, "leewaySeconds": 0 });
    let roles = json!({ "roles": {
        "physician": { "writes": ["patient:*"] },
        "nurse": { "writes": ["facility:*"] },
        "operator": { "may": ["admit", "operate"] },
    }});
    let sign_in = read_sign_in(&write("sign-in.json", sign_in.to_string())).unwrap();
    (sign_in, read_roles(&write("roles.json", roles.to_string())).unwrap())
}

fn token(person: &str, role: &str, seconds: f64) -> String {
    #[allow(clippy::disallowed_methods, reason = "tokens tell the time")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let claims = json!({
        "sub": person, "roles": [role], "scope": "user/*.cruds", "iat": now, "exp": now + seconds,
    });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(json!({ "alg": "HS256" })), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Asks with the token of somebody; the JSON of the answer.
async fn ask(server: &Server, who: (&str, &str), method: &str, path: &str, body: Value) -> Value {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(server.http() + path)
        .header("authorization", format!("Bearer {}", token(who.0, who.1, 60.0)))
        .header("content-type", "application/json")
        .body(body.to_string())
        .unwrap();
    let answer = tokio::task::spawn_blocking(|| {
        let text = ureq::run(request).unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap_or_default()
    });
    answer.await.unwrap()
}

const OPERATOR: (&str, &str) = ("olga", "operator");
const ALICE: (&str, &str) = ("alice", "physician");

async fn open(target: Target, room: &str) -> (Client, OpenRoom) {
    let client = Client::connect(target, person("somebody"));
    let room = soon(client.open(room)).await.unwrap();
    (client, room)
}

async fn until_signed_out(client: &Client) -> String {
    let mut status = client.status();
    let signed_out = |status: &Status| matches!(status, Status::SignedOut(_));
    let status = soon(status.wait_for(signed_out)).await.unwrap();
    let Status::SignedOut(reason) = &*status else { unreachable!() };
    reason.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_outlive_tokens_a_revocation_and_the_next_sign_in() {
    let (_folder, server) = start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let renewed = target(&server).with_token_source(move || {
        counted.fetch_add(1, Relaxed);
        ready(Ok(token("alice", "physician", 2.0)))
    });
    let (client, room) = open(renewed, ROOM).await;
    let mut edits = Vec::new();
    while asked.load(Relaxed) < 4 {
        edits.push(room.edit(put(&format!("a{}", edits.len()))).await.unwrap());
        sleep(Duration::from_millis(50)).await;
    }
    soon(room.until_in_step()).await.unwrap();

    ask(&server, OPERATOR, "POST", "/sign-in/revoke", json!({ "person": "alice" })).await;
    let reason = until_signed_out(&client).await;
    assert_eq!(reason, "the server closed the connection with 4003: the sign-in was taken back");
    let before = asked.load(Relaxed);
    edits.push(room.edit(put("late")).await.unwrap());
    // Longer than the first wait behind an error.
    sleep(Duration::from_millis(700)).await;
    assert_eq!((asked.load(Relaxed), room.unsaved()), (before, 1));

    client.sign_in();
    for edit in &edits {
        soon(edit.saved()).await.unwrap();
    }
    let path = format!("/rooms/{ROOM}/events?limit=1000");
    let page = ask(&server, ALICE, "GET", &path, json!(null)).await;
    let events = page["events"].as_array().unwrap();
    let ids =
        |pointer| events.iter().map(move |e| e.pointer(pointer).unwrap()).map(Value::to_string);
    assert_eq!(ids("/resource_id").collect::<BTreeSet<_>>().len(), edits.len());
    assert_eq!(ids("/author/id").collect::<BTreeSet<_>>(), ["\"alice\"".to_owned()].into());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_source_that_says_nobody_is_signed_in_is_not_asked_again() {
    let (_folder, server) = start().await;
    let signed_in = Arc::new(AtomicUsize::new(0));
    let is = Arc::clone(&signed_in);
    let target = target(&server).with_token_source(move || {
        ready(match is.load(Relaxed) {
            0 => Err(TokenError::SignedOut),
            _ => Ok(token("alice", "physician", 60.0)),
        })
    });
    let (client, room) = open(target, ROOM).await;
    assert_eq!(until_signed_out(&client).await, "nobody is signed in");
    let edit = room.edit(put("a1")).await.unwrap();
    signed_in.store(1, Relaxed);
    client.sign_in();
    soon(edit.saved()).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_room_that_is_no_longer_a_persons_is_refused_by_itself() {
    let (_folder, server) = start().await;
    let member = format!("/rooms/{ROOM}/members/bob");
    ask(&server, OPERATOR, "PUT", &member, json!({ "level": "write" })).await;
    let bob = target(&server).with_token(&token("bob", "nurse", 60.0)).unwrap();
    let (client, chart) = open(bob, ROOM).await;
    let directory = soon(client.open("facility:directory")).await.unwrap();
    soon(chart.edit(put("a1")).await.unwrap().saved()).await.unwrap();

    ask(&server, OPERATOR, "DELETE", &member, json!(null)).await;
    soon(chart.until(|room| room.refused().is_some())).await.unwrap();
    let Err(WaitError::Refused { code, .. }) = soon(chart.until_in_step()).await else { panic!() };
    assert_eq!(code, "room-not-found");
    let kept = chart.edit(put("a2")).await.unwrap();
    soon(directory.until_in_step()).await.unwrap();

    ask(&server, OPERATOR, "PUT", &member, json!({ "level": "write" })).await;
    let again = soon(client.open(ROOM)).await.unwrap();
    soon(kept.saved()).await.unwrap();
    assert!(there("a2")(&again));
    server.stop().await.unwrap();
}
