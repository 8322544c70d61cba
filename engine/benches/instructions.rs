//! Scenarios whose instructions `scripts/instructions.mjs` counts under callgrind.
//!
//! `instructions chart FILE` writes the input of all of them, the snapshot of a sample grown to a
//! megabyte, so that making it is not done under callgrind. `instructions list` names the scenarios, and
//! `instructions run SCENARIO FILE` runs one: what stands in [`measured`] is counted, the rest is not.
//! Neither time nor entropy reaches a scenario; what changes a count is the code.
#![allow(
    clippy::disallowed_macros,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark writes to a terminal, and stops at the first surprise"
)]

mod ward;

use std::{fs, hint::black_box, sync::Arc};

use chartroom_engine::{Command, Document, Role, Room, RoomConfig, mint_actor};
use ward::{
    chart::Chart,
    rooms::{self, NOW, WRITER, Ward},
};

const CHART_BYTES: usize = 1024 * 1024;

/// Name, and what it does with the chart and its snapshot.
type Scenario = (&'static str, fn(&Arc<Chart>, &[u8]));

const SCENARIOS: [Scenario; 10] = [
    ("an edit in a small room of two", edit_of_two),
    ("eight edits at once in a small room of two", eight_edits),
    ("a change taken and logged", change),
    ("a batch of 100 changes", batch),
    ("a change pushed to 100 readers", push),
    ("100 acknowledgements", acknowledgements),
    ("a newcomer", newcomer),
    ("a return with 20 edits each side", returning),
    ("a chart of 1 MB loaded", load),
    ("100 resources to elements and back", codec),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => SCENARIOS.iter().for_each(|(name, _)| println!("{name}")),
        ["chart", file] => {
            let snapshot = Chart::grown(CHART_BYTES).snapshot(0);
            fs::write(file, snapshot).expect("a file that can be written");
        }
        ["run", name, file] => {
            let (_, scenario) =
                SCENARIOS.iter().find(|(known, _)| *known == name).expect("a known scenario");
            let snapshot = fs::read(file).expect("what `chart` wrote");
            scenario(&Arc::new(Chart::grown(CHART_BYTES)), &snapshot);
        }
        // As `cargo bench` calls every benchmark.
        _ => println!("node scripts/instructions.mjs counts these"),
    }
}

/// What is counted: callgrind is told this function's name.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
    // Keeps the call from being made a jump, whose end callgrind would not see.
    black_box(());
}

/// From the writer's message to the answer of the other one, who is in step then.
fn edit_of_two(_: &Arc<Chart>, _: &[u8]) {
    let chart = Arc::new(Chart::grown(0));
    let mut ward = Ward::open(&chart, &chart.snapshot(0), 1);
    for _ in 0..20 {
        let mut messages = ward.edits(1);
        measured(&mut || assert!(ward.take(std::mem::take(&mut messages)) > 0));
        let mut answers = ward.acknowledgements();
        measured(&mut || ward.hear(std::mem::take(&mut answers)));
    }
}

/// As under load: what the writer did meanwhile comes as one batch, of resources that were written before.
fn eight_edits(_: &Arc<Chart>, _: &[u8]) {
    let chart = Arc::new(Chart::grown(0));
    let mut ward = Ward::open(&chart, &chart.snapshot(0), 1);
    for round in 0..12 {
        let mut messages = ward.edits(8);
        if round < 2 {
            ward.take(messages);
        } else {
            measured(&mut || assert!(ward.take(std::mem::take(&mut messages)) > 0));
        }
        let answers = ward.acknowledgements();
        ward.hear(answers);
    }
}

fn change(chart: &Arc<Chart>, snapshot: &[u8]) {
    taken(chart, snapshot, 10, 1);
}

fn batch(chart: &Arc<Chart>, snapshot: &[u8]) {
    taken(chart, snapshot, 1, 100);
}

fn taken(chart: &Arc<Chart>, snapshot: &[u8], times: u64, changes: u64) {
    let mut ward = Ward::open(chart, snapshot, 0);
    for _ in 0..times {
        let mut messages = ward.edits(changes);
        measured(&mut || assert!(ward.take(std::mem::take(&mut messages)) > 0));
    }
}

fn push(chart: &Arc<Chart>, snapshot: &[u8]) {
    let mut ward = Ward::open(chart, snapshot, 100);
    for _ in 0..5 {
        let mut messages = ward.edits(1);
        measured(&mut || assert!(ward.take(std::mem::take(&mut messages)) > 0));
        let answers = ward.acknowledgements();
        ward.hear(answers);
    }
}

fn acknowledgements(chart: &Arc<Chart>, snapshot: &[u8]) {
    let mut ward = Ward::open(chart, snapshot, 100);
    let messages = ward.edits(1);
    ward.take(messages);
    let mut answers = ward.acknowledgements();
    measured(&mut || ward.hear(std::mem::take(&mut answers)));
}

fn newcomer(chart: &Arc<Chart>, snapshot: &[u8]) {
    let mut server = rooms::server(&chart.id, Some(snapshot));
    let mut opening = rooms::opening(chart);
    measured(&mut || {
        rooms::join(&mut server, WRITER);
        let said = rooms::take(&mut server, WRITER, std::mem::take(&mut opening));
        assert!(!said.messages.is_empty());
    });
}

fn returning(chart: &Arc<Chart>, snapshot: &[u8]) {
    let mut away = rooms::Away::with(chart, snapshot, 20);
    measured(&mut || away.returns());
}

fn load(chart: &Arc<Chart>, snapshot: &[u8]) {
    measured(&mut || {
        let actor = mint_actor(NOW, [0; 8]);
        let document = Document::load(&chart.id, actor, Some(snapshot), []).expect("a snapshot");
        black_box(Room::new(RoomConfig::new(chart.id.clone(), Role::Server), document));
    });
}

fn codec(chart: &Arc<Chart>, _: &[u8]) {
    let mut room = rooms::server(&chart.id, None);
    let mut resources = chart.resources[..100].to_vec();
    measured(&mut || {
        rooms::edit(&mut room, Command::Import { resources: std::mem::take(&mut resources) });
        assert_eq!(room.document().resources().len(), 100);
    });
}
