//! What concurrent values of one element cost a room: people who wrote it apart come back one by one.
//!
//! `cargo run --release -p chartroom-tests --example crowd -- <people> <changes before>` prints how
//! long the server's room works in all, and for the first and the last of them.
#![allow(clippy::wildcard_enum_match_arm, reason = "two kinds of output are looked for")]

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chartroom_engine::{
    Author, Command, Document, Input, Output, Peer, Role, Room, RoomConfig, RoomId, mint_actor,
};
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000_000;
const SERVER: Peer = Peer(0);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<u64> =
        std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [people, changes] = arguments[..] else { bail!("crowd <people> <changes before>") };
    let mut server = replica(Role::Server, 0, None)?;
    edit(&mut server, order("5 mg"));
    (0..changes).for_each(|number| drop(edit(&mut server, observation(number))));
    let snapshot = server.document().save();
    let mut took = Vec::new();
    for number in 1..=people {
        let mut client = replica(Role::Client, number, Some(&snapshot))?;
        edit(&mut client, order(&format!("{number} mg")));
        took.push(meet(&mut server, &mut client, Peer(number)));
    }
    let began = Instant::now();
    let sides = server.conflicts().iter().map(|conflict| conflict.values.len()).max();
    let (first, last) = (took.first().context("nobody")?, took.last().context("nobody")?);
    println!(
        "{people} people after {changes} changes, {} values beside each other: {:?} in all, \
         first {first:?}, last {last:?}; all conflicts read in {:?}",
        sides.unwrap_or(0),
        took.iter().sum::<Duration>(),
        began.elapsed(),
    );
    Ok(())
}

fn replica(role: Role, seed: u64, snapshot: Option<&[u8]>) -> anyhow::Result<Room> {
    let id = RoomId::first("patient:p1".parse()?);
    let actor = mint_actor(NOW, seed.to_be_bytes());
    let document = Document::load(&id, actor.clone(), snapshot, [])?;
    let server_actor = (role == Role::Server).then_some(actor);
    Ok(Room::new(RoomConfig { server_actor, ..RoomConfig::new(id, role) }, document))
}

fn order(dose: &str) -> Command {
    Command::Put {
        resource: json!({
            "resourceType": "MedicationRequest",
            "id": "m1",
            "status": "active",
            "intent": "order",
            "subject": { "reference": "Patient/p1" },
            "medicationCodeableConcept": { "text": "Warfarin" },
            "dosageInstruction": [{ "text": dose }],
        }),
    }
}

fn observation(number: u64) -> Command {
    let id = format!("o{}", number % 500);
    let resource: Value = json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "subject": { "reference": "Patient/p1" },
        "valueString": number.to_string(),
    });
    Command::Put { resource }
}

fn edit(room: &mut Room, command: Command) -> Vec<(Peer, Vec<u8>)> {
    room.handle(NOW, Input::Command { ticket: 1, author: None, command });
    run(room)
}

/// Runs a room until it is quiet; what it says, and to whom.
fn run(room: &mut Room) -> Vec<(Peer, Vec<u8>)> {
    let mut said = Vec::new();
    room.advance(NOW);
    while let Some(output) = room.poll_output() {
        match output {
            Output::Persist(batch) => room.handle(NOW, Input::Persisted { through: batch.number }),
            Output::Send { peer, message, .. } => said.push((peer, message.to_vec())),
            _ => {}
        }
        room.advance(NOW);
    }
    said
}

/// A client joins, syncs until nothing is left to say, and leaves; how long the server's room worked.
fn meet(server: &mut Room, client: &mut Room, peer: Peer) -> Duration {
    let joined = |peer: Peer| {
        let author = Some(Author::new(format!("p{}", peer.0), "Somebody"));
        Input::Joined { peer, author, may_write: true, extensions: true }
    };
    let mut took = Duration::ZERO;
    client.handle(NOW, joined(SERVER));
    server.handle(NOW, joined(peer));
    loop {
        let to_server = run(client);
        if to_server.is_empty() {
            break;
        }
        let began = Instant::now();
        for (_, message) in to_server {
            server.handle(NOW, Input::Received { peer, message });
        }
        let to_client = run(server);
        took += began.elapsed();
        for (_, message) in to_client.into_iter().filter(|(to, _)| *to == peer) {
            client.handle(NOW, Input::Received { peer: SERVER, message });
        }
    }
    server.handle(NOW, Input::Left { peer });
    took
}
