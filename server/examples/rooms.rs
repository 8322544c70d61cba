//! Writes a store of many small rooms, to see what a start over them costs.
//!
//! `cargo run --release -p chartroom-server --example rooms STORE ROOMS`, then start a server over it
//! and ask for `/readyz`.
#![allow(clippy::wildcard_enum_match_arm, reason = "one kind of output is looked for")]

use std::path::Path;

use anyhow::Context;
use chartroom_engine::{
    Author, Batch, Command, Document, Input, Output, Role, Room, RoomConfig, RoomId, mint_actor,
};
use chartroom_server::storage::{RoomBatch, Sled, Storage};
use serde_json::json;

const NOW_MS: u64 = 1_700_000_000_000;
/// Rooms in one write.
const TOGETHER: usize = 256;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "rooms STORE ROOMS";
    let store = arguments.next().context(usage)?;
    let rooms: usize = arguments.next().context(usage)?.parse()?;
    let storage = Sled::at(Path::new(&store))?;
    let numbers: Vec<usize> = (0..rooms).collect();
    for numbers in numbers.chunks(TOGETHER) {
        let batches = numbers.iter().map(|number| written(*number));
        storage.commit(&batches.collect::<anyhow::Result<Vec<_>>>()?)?;
    }
    Ok(())
}

/// A room with a patient and two observations, whose events everybody has handled.
fn written(number: usize) -> anyhow::Result<RoomBatch> {
    let patient = format!("p{number:06}");
    let id = RoomId::first(format!("patient:{patient}").parse()?);
    let actor = mint_actor(NOW_MS, (number as u64).to_be_bytes());
    let config = RoomConfig {
        server_actor: Some(actor.clone()),
        ..RoomConfig::new(id.clone(), Role::Server)
    };
    let mut room = Room::new(config, Document::found(&id, actor));
    let observation = |name: &str| {
        json!({
            "resourceType": "Observation", "id": name, "status": "final",
            "code": { "text": "Heart rate" }, "valueString": "72",
            "subject": { "reference": format!("Patient/{patient}") },
        })
    };
    let resources = vec![
        json!({ "resourceType": "Patient", "id": patient, "name": [{ "family": "Load" }] }),
        observation("o1"),
        observation("o2"),
    ];
    let commands = resources.into_iter().map(|resource| Command::Put { resource }).collect();
    let command = Command::Batch { commands };
    let author = Some(Author::new("alice", "Alice"));
    room.handle(NOW_MS, Input::Command { ticket: 1, author, command });
    room.advance(NOW_MS);
    let batch = std::iter::from_fn(|| room.poll_output()).find_map(|output| match output {
        Output::Persist(batch) => Some(batch),
        _ => None,
    });
    let batch = Batch { events: Vec::new(), ..batch.context("the room has something to write")? };
    Ok(RoomBatch::new(id, batch, NOW_MS))
}
