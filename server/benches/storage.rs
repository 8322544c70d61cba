//! What a store of many busy rooms costs an edit: time of each thread, bytes written, commits kept waiting.
//!
//! `storage FOLDER [EDITS]` founds a store there and writes edits as the load of 200 rooms does. Under
//! `valgrind --tool=callgrind` the same counts instructions: what varies with the machine is then only
//! how sled's own threads interleave.
#![allow(
    clippy::disallowed_macros,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark writes to a terminal, and stops at the first surprise"
)]

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Instant};

use chartroom_engine::{Action, Author, Batch, ChangeHash, Event, LoggedChange, RoomId};
use chartroom_server::storage::{RoomBatch, Sled, Storage};
use mimalloc::MiMalloc;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const ROOMS: usize = 200;
const EDITS: u64 = 20_000;
const NOW: u64 = 1_790_000_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        // As `cargo bench` calls every benchmark.
        [only] if only.starts_with("--") => println!("storage FOLDER [EDITS]"),
        [folder] => measure(Path::new(folder), EDITS),
        [folder, edits] => measure(Path::new(folder), edits.parse().unwrap()),
        _ => println!("storage FOLDER [EDITS]"),
    }
}

fn measure(folder: &Path, edits: u64) {
    let sled = Sled::at(folder).unwrap();
    let mut ward = Ward::new();
    let founding: Vec<_> = (0..ROOMS).map(|room| ward.batch(room, 20)).collect();
    for batch in founding {
        sled.commit(&[batch]).unwrap();
    }
    let (threads, written) = (threads_us(), written_bytes());
    let (mut done, mut commits, mut waits_us) = (0, 0, Vec::new());
    let mut planned_us = 0;
    while done < edits {
        let began = thread_us();
        let batches = ward.commit();
        planned_us += thread_us() - began;
        done += batches.iter().map(|batch| batch.batch.changes.len() as u64).sum::<u64>();
        let began = Instant::now();
        sled.commit(&batches).unwrap();
        waits_us.push(began.elapsed().as_micros());
        sled.tend().unwrap();
        commits += 1;
    }
    let mut spent = BTreeMap::<String, u64>::new();
    for (id, (name, us)) in threads_us() {
        let before = threads.get(&id).map_or(0, |(_, us)| *us);
        *spent.entry(name).or_default() += us - before;
    }
    let each = |us: u64| us as f64 / done as f64;
    for (name, us) in spent {
        let us = us - if name == "storage" { planned_us } else { 0 };
        println!("{name}: {:.2} µs an edit", each(us));
    }
    waits_us.sort_unstable();
    let at = |share: f64| waits_us.get((waits_us.len() as f64 * share) as usize).copied();
    println!(
        "{:.0} bytes an edit, {:.1} edits a commit",
        each(written_bytes() - written),
        done as f64 / f64::from(commits)
    );
    println!("commits: p50 {:?} p99 {:?} longest {:?} µs", at(0.5), at(0.99), waits_us.last());
    let began = Instant::now();
    drop(sled);
    println!("closed in {:?}", began.elapsed());
}

struct Ward {
    random: StdRng,
    rooms: Vec<Room>,
}

struct Room {
    id: RoomId,
    seq: u64,
    event_seq: u64,
}

impl Ward {
    fn new() -> Self {
        let room = |number| Room {
            id: RoomId::first(format!("patient:load{number}").parse().unwrap()),
            seq: 0,
            event_seq: 0,
        };
        Self { random: StdRng::seed_from_u64(7), rooms: (0..ROOMS).map(room).collect() }
    }

    /// Some rooms, each with a batch.
    fn commit(&mut self) -> Vec<RoomBatch> {
        let (count, first) =
            (self.random.random_range(10..=50), self.random.random_range(0..ROOMS));
        let rooms = (first..first + count).map(|room| room % ROOMS);
        rooms.map(|room| self.batch(room, if room % 5 == 0 { 2 } else { 1 })).collect()
    }

    fn batch(&mut self, room: usize, edits: usize) -> RoomBatch {
        let room = self.rooms.get_mut(room).unwrap();
        let mut batch = Batch::default();
        for _ in 0..edits {
            let mut bytes = vec![0; 200];
            self.random.fill(&mut bytes[..]);
            let mut hash = [0; 32];
            self.random.fill(&mut hash[..]);
            room.seq += 1;
            let change = LoggedChange {
                seq: room.seq,
                hash: ChangeHash(hash),
                bytes: Arc::from(bytes),
                via: None,
            };
            let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            for (event, event_type) in [
                ("RESOURCE_UPDATED", "resource.updated"),
                ("OBSERVATION_AMENDED", "observation.amended"),
            ] {
                room.event_seq += 1;
                batch.events.push(std::sync::Arc::new(Event {
                    seq: room.event_seq,
                    event: event.to_owned(),
                    event_type: event_type.to_owned(),
                    room: room.id.name.clone(),
                    patient_id: room.id.name.patient_id().map(str::to_owned),
                    resource_type: "Observation".to_owned(),
                    resource_id: format!("observation-{}", room.seq % 17),
                    action: Action::Updated,
                    resource: std::sync::Arc::default(),
                    changed: vec!["valueString".to_owned()],
                    author: Some(Author::new("alice", "Alice")),
                    time_ms: NOW + room.seq,
                    authored_ms: (NOW + room.seq).cast_signed(),
                    changes: vec![hex.clone()],
                    import: false,
                    source: None,
                    via: None,
                    details: json!({"before": "a value", "after": "another value"}),
                }));
            }
            batch.changes.push(change);
        }
        RoomBatch::new(room.id.clone(), batch, NOW + room.seq)
    }
}

/// Name and processor time of each thread; the first is the one that commits.
fn threads_us() -> BTreeMap<u64, (String, u64)> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task").unwrap().flatten() {
        let id: u64 = entry.file_name().to_string_lossy().parse().unwrap();
        let Ok(time) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
        let ns: u64 = time.split(' ').next().unwrap().parse().unwrap();
        let name = if id == u64::from(std::process::id()) { "storage" } else { "others" };
        threads.insert(id, (name.to_owned(), ns / 1000));
    }
    threads
}

fn thread_us() -> u64 {
    let time = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    time.split(' ').next().unwrap().parse::<u64>().unwrap() / 1000
}

fn written_bytes() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    line.parse().unwrap()
}
