//! What loaded rooms cost: the estimate that the memory budget counts with beside what the process
//! grew by, and how long loading, copying and saving take.
//!
//! `cargo run --release -p chartroom-server --example resident STORE [ROOMS]`, over a store that
//! `chartroom --data STORE import …` wrote.

use std::{fs, path::Path, time::Instant};

use anyhow::Context;
use chartroom_engine::mint_actor;
use chartroom_server::{
    clock,
    hub::{HubConfig, load_room, room_bytes},
    storage::{Sled, Storage},
};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let store = arguments.next().context("resident STORE [ROOMS]")?;
    let copies: u32 = arguments.next().map_or(Ok(50), |text| text.parse())?;
    let storage = Sled::at(Path::new(&store))?;
    let (actor, config) = (mint_actor(clock::now_ms(), [1; 8]), HubConfig::default());
    println!(
        "operations changes snapshot-kB estimate-kB measured-kB load-ms copy-ms save-ms  (each of {copies} rooms)"
    );
    let mut kept = Vec::new();
    for record in storage.rooms()? {
        // The first one warms the store's cache, and takes what loading frees again.
        let first = load_room(&storage, &record.id, &actor, &config)?;
        let (before, begun) = (resident_bytes()?, Instant::now());
        let rooms = (0..copies).map(|_| load_room(&storage, &record.id, &actor, &config));
        let rooms = rooms.collect::<Result<Vec<_>, _>>()?;
        let load = begun.elapsed() / copies;
        let measured = (resident_bytes()? - before) / u64::from(copies);
        // Kept, so that what comes next does not fill the memory of these.
        let estimate: u64 = rooms.iter().map(|loaded| room_bytes(&loaded.room)).sum();
        kept.push(rooms);
        let document = first.room.document();
        let begun = Instant::now();
        let copy = document.clone();
        let copied = begun.elapsed();
        let saved = Instant::now();
        drop(copy.save());
        println!(
            "{:>10} {:>7} {:>11} {:>11} {:>11} {:>7.1} {:>7.2} {:>7.1}",
            document.ops(),
            document.change_count(),
            first.room.snapshot_bytes() / 1000,
            estimate / u64::from(copies) / 1000,
            measured / 1000,
            load.as_secs_f64() * 1e3,
            copied.as_secs_f64() * 1e3,
            saved.elapsed().as_secs_f64() * 1e3,
        );
    }
    Ok(())
}

/// Memory of this process that is not on disk alone, in bytes.
fn resident_bytes() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")).context("VmRSS")?;
    Ok(kilobytes.trim().parse::<u64>()? * 1024)
}
