//! Servers that keep rooms in step: real sockets, real stores.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::Context;
use chartroom_client::frame::{
    ChartroomMetadata, Frame, PROTOCOL_VERSION, PeerMetadata, decode, encode,
};
use chartroom_server::config::ServerConfig;
use chartroom_tests::{
    client::{Client, PATIENCE, Socket, open_socket},
    server::Server,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

/// A server that dials others.
async fn start_linked(folder: &Path, name: &str, peers: &[SocketAddr]) -> Server {
    let mut config = ServerConfig::new(folder);
    config.hub.servers.name = Some(name.to_owned());
    for peer in peers {
        let url = format!("ws://{peer}");
        config.hub.servers.add(&url, None, &["*".parse().unwrap()]).unwrap();
    }
    Server::start_with(config).await.unwrap()
}

fn folders(count: usize) -> Vec<TempDir> {
    (0..count).map(|_| tempfile::tempdir().unwrap()).collect()
}

fn condition(id: &str, text: &str) -> Value {
    json!({ "resourceType": "Condition", "id": id, "code": { "text": text } })
}

async fn put(server: &Server, room: &str, resource: Value) {
    let body = json!({ "kind": "put", "resource": resource });
    let answer = server.command(room, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn refound(server: &Server, room: &str) {
    let answer = server.post_path(&format!("/rooms/{room}/refound"), String::new()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Waits until a request's answer is as wanted.
async fn until(
    server: &Server,
    path: &str,
    what: &str,
    holds: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    let deadline = Instant::now() + 3 * PATIENCE;
    loop {
        let answer = server.get(path).await?;
        if holds(&answer.body) {
            return Ok(answer.body);
        }
        if Instant::now() > deadline {
            anyhow::bail!("{what} did not come about at {path}: {}", answer.text);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn heads(server: &Server, room: &str) -> anyhow::Result<Value> {
    let answer = server.get(&format!("/rooms/{room}")).await?;
    answer.body.get("heads").cloned().context("a room has heads")
}

/// Waits until all have the same of a room.
async fn same(servers: &[&Server], room: &str) -> anyhow::Result<()> {
    let first = heads(servers[0], room).await?;
    for server in &servers[1..] {
        until(server, &format!("/rooms/{room}"), "the same heads", |body| body["heads"] == first)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_edit_at_one_server_reaches_a_browser_at_another() {
    let folders = folders(2);
    let hospital = start_linked(folders[0].path(), "hospital", &[]).await;
    let clinic = start_linked(folders[1].path(), "clinic", &[hospital.address()]).await;
    let mut bob = Client::connect(clinic.address(), "bob").await.unwrap();
    let room = bob.open("patient:p1").await.unwrap();
    put(&hospital, "patient:p1", condition("c1", "Asthma")).await;
    let seen = |me: &Client| me.resource(room, "Condition", "c1").is_some();
    bob.until_within(3 * PATIENCE, "the edit arrives", seen).await.unwrap();
    bob.put(room, condition("c2", "Gout")).await.unwrap();
    bob.until_saved(room).await.unwrap();
    same(&[&clinic, &hospital], "patient:p1").await.unwrap();
    // Who wrote it stays who it was, and the way it came is noted.
    let events = hospital.get("/rooms/patient:p1/events").await.unwrap().body;
    let last = events["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["author"]["id"], &last["via"]), (&json!("bob"), &json!("clinic")));
    let peers =
        until(&clinic, "/peers", "in step", |peers| peers["peers"][0]["rooms"]["behind"] == 0);
    let peers = peers.await.unwrap();
    assert_eq!(peers["peers"][0]["state"], "connected");
    assert_eq!(peers["peers"][0]["software"], "chartroom");
}

#[tokio::test]
async fn a_room_founded_anew_at_one_server_goes_on_there_at_the_other() {
    let folders = folders(2);
    let hospital = start_linked(folders[0].path(), "hospital", &[]).await;
    let clinic = start_linked(folders[1].path(), "clinic", &[hospital.address()]).await;
    put(&hospital, "patient:p1", condition("c1", "Asthma")).await;
    put(&clinic, "patient:p2", condition("c1", "Asthma")).await;
    for room in ["patient:p1", "patient:p2"] {
        until(&clinic, &format!("/rooms/{room}"), "the room", |room| room["epoch"] == 1)
            .await
            .unwrap();
        same(&[&hospital, &clinic], room).await.unwrap();
    }
    // By the server that is dialled, and by the one that dials.
    for (first, other, room) in
        [(&hospital, &clinic, "patient:p1"), (&clinic, &hospital, "patient:p2")]
    {
        refound(first, room).await;
        put(first, room, condition("c2", "Gout")).await;
        let path = format!("/rooms/{room}");
        until(other, &path, "the next epoch", |room| room["epoch"] == 2).await.unwrap();
        same(&[first, other], room).await.unwrap();
        put(other, room, condition("c3", "Angina")).await;
        same(&[other, first], room).await.unwrap();
        // The numbers of events go on, and the log has each event once.
        let events = other.get(&format!("/rooms/{room}/events")).await.unwrap().body;
        let numbers =
            events["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap());
        let numbers: Vec<u64> = numbers.collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_room_founded_anew_before_the_servers_met_is_the_same_at_both() {
    let folders = folders(2);
    let path = "/rooms/patient:p1";
    let alone = start_linked(folders[1].path(), "clinic", &[]).await;
    put(&alone, "patient:p1", condition("c1", "Asthma")).await;
    refound(&alone, "patient:p1").await;
    alone.stop().await.unwrap();
    let hospital = start_linked(folders[0].path(), "hospital", &[]).await;
    let clinic = start_linked(folders[1].path(), "clinic", &[hospital.address()]).await;
    until(&hospital, path, "the room", |room| room["epoch"] == 2).await.unwrap();
    same(&[&clinic, &hospital], "patient:p1").await.unwrap();
    put(&hospital, "patient:p1", condition("c2", "Gout")).await;
    same(&[&hospital, &clinic], "patient:p1").await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_away_catches_up_and_nothing_comes_round() {
    let folders = folders(3);
    let mut servers = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        let before: Vec<_> = servers.iter().map(Server::address).collect();
        servers.push(start_linked(folder.path(), &format!("s{number}"), &before).await);
    }
    let [first, second, third] = &servers[..] else { panic!("three were started") };
    for number in 0..20 {
        let room = format!("patient:r{number}");
        put([first, second, third][number % 3], &room, condition("c1", "Asthma")).await;
    }
    for number in 0..20 {
        let room = format!("patient:r{number}");
        for server in [first, second, third] {
            until(server, &format!("/rooms/{room}"), "the room", |room| room["heads"].is_array())
                .await
                .unwrap();
        }
        same(&[first, second, third], &room).await.unwrap();
        // Each server has the same events once, whatever way they came.
        let mut logs = Vec::new();
        for server in [first, second, third] {
            let log = server.get(&format!("/rooms/{room}/events")).await.unwrap().body;
            let events = log["events"].as_array().unwrap();
            logs.push(
                events.iter().map(|e| (e["seq"].clone(), e["event"].clone())).collect::<Vec<_>>(),
            );
        }
        assert!(logs.windows(2).all(|pair| pair[0] == pair[1]), "{logs:?}");
    }
    // Once everything is told, the links say nothing more.
    until(third, "/peers", "in step", |peers| {
        peers["peers"].as_array().unwrap().iter().all(|peer| peer["rooms"]["behind"] == 0)
    })
    .await
    .unwrap();
}

/// Another server, of which the test says every word.
struct Raw(Socket);

impl Raw {
    async fn join(server: SocketAddr) -> Self {
        let mut raw = Self(open_socket(server).await.unwrap());
        let metadata = PeerMetadata {
            storage_id: Some("another-store".to_owned()),
            chartroom: Some(ChartroomMetadata { version: 1, ..Default::default() }),
            server: Some("van".to_owned()),
            ..PeerMetadata::default()
        };
        let versions = vec![PROTOCOL_VERSION.to_owned()];
        raw.say(&Frame::Join { sender: "van".to_owned(), metadata, versions }).await;
        let Frame::Peer { metadata, .. } = raw.hear().await else { panic!("it answers a join") };
        assert!(metadata.server.is_some());
        raw
    }

    async fn say(&mut self, frame: &Frame) {
        self.0.send(Message::Binary(encode(frame).into())).await.unwrap();
    }

    async fn hear(&mut self) -> Frame {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap();
            if let Message::Binary(bytes) = message {
                return decode(&bytes).unwrap();
            }
        }
    }

    async fn want(&mut self, rooms: &[&str]) {
        let rooms = rooms.iter().map(|&room| room.to_owned()).collect();
        let (sender, target) = ("van".to_owned(), "hospital".to_owned());
        self.say(&Frame::Interest { sender, target, rooms }).await;
    }

    /// The names of the rooms that it is told next, and whether that is all.
    async fn rooms(&mut self) -> (Vec<String>, bool) {
        let Frame::Rooms { rooms, complete, .. } = self.hear().await else { panic!("not rooms") };
        (rooms.into_iter().map(|room| room.name).collect(), complete)
    }
}

#[tokio::test]
async fn a_server_is_told_of_the_rooms_it_wants_and_of_no_others() {
    let folders = folders(1);
    let hospital = start_linked(folders[0].path(), "hospital", &[]).await;
    put(&hospital, "patient:p1", condition("c1", "Asthma")).await;
    put(&hospital, "ward:w1", json!({ "resourceType": "Basic", "id": "b1" })).await;
    let mut van = Raw::join(hospital.address()).await;
    van.want(&["patient:*", "pharmacy:queue"]).await;
    assert_eq!(van.rooms().await, (vec!["patient:p1".to_owned()], true));
    put(&hospital, "ward:w1", json!({ "resourceType": "Basic", "id": "b2" })).await;
    put(&hospital, "patient:p2", condition("c1", "Gout")).await;
    assert_eq!(van.rooms().await, (vec!["patient:p2".to_owned()], false));
    // What it wants no more it does not hear of.
    van.want(&[]).await;
    van.want(&["patient:none"]).await;
    assert_eq!(van.rooms().await, (Vec::new(), true));
    put(&hospital, "patient:p1", condition("c2", "Angina")).await;
    van.want(&["ward:*"]).await;
    assert_eq!(van.rooms().await, (vec!["ward:w1".to_owned()], true));
}
