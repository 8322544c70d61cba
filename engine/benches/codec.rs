//! What it costs to turn FHIR JSON into elements and back, and to read and write sync messages.
//!
//! `cargo bench -p chartroom-engine --bench codec`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark stops at the first surprise"
)]

mod ward;

use std::{cell::RefCell, sync::Arc};

use automerge::sync::Message;
use chartroom_engine::{Command, change};
use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use serde_json::Value;
use ward::{
    chart::Chart,
    rooms::{self, Ward},
};

const MB: usize = 1000 * 1024;

fn main() {
    divan::main();
}

/// Every resource of a chart put into an empty room, a hundred in a change.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn resources_to_elements(bencher: Bencher<'_, '_>) {
    let chart = Chart::of(MB);
    bencher
        .counter(ItemsCount::new(chart.resources.len()))
        .counter(BytesCount::new(json_bytes(&chart)))
        .with_inputs(|| (rooms::server(&chart.id, None), chart.resources.clone()))
        .bench_local_values(|(mut room, mut resources)| {
            while !resources.is_empty() {
                let rest = resources.split_off(resources.len().min(100));
                rooms::edit(&mut room, Command::Import { resources });
                resources = rest;
            }
            room
        });
}

/// Every resource of a chart read back.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn elements_to_resources(bencher: Bencher<'_, '_>) {
    let chart = Chart::of(MB);
    let room = rooms::server(&chart.id, Some(&chart.snapshot(0)));
    bencher
        .counter(ItemsCount::new(chart.resources.len()))
        .counter(BytesCount::new(json_bytes(&chart)))
        .bench_local(|| room.document().resources());
}

/// A resource put again as it stands, which writes nothing.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn put_what_stands(bencher: Bencher<'_, '_>) {
    let chart = Chart::of(MB);
    let room = RefCell::new(rooms::server(&chart.id, Some(&chart.snapshot(0))));
    let mut resources = chart.resources.iter().cycle();
    bencher
        .with_inputs(|| resources.next().expect("a cycle does not end").clone())
        .bench_local_values(|resource: Value| {
            rooms::edit(&mut room.borrow_mut(), Command::Put { resource })
        });
}

/// The message of one change, decoded.
#[divan::bench]
fn decode_message(bencher: Bencher<'_, '_>) {
    let bytes = message();
    bencher.bench_local(|| Message::decode(&bytes));
}

/// The message of one change, encoded.
#[divan::bench]
fn encode_message(bencher: Bencher<'_, '_>) {
    let message = Message::decode(&message()).expect("a client's message");
    bencher.with_inputs(|| message.clone()).bench_local_values(Message::encode);
}

/// The scan of one change before automerge sees it.
#[divan::bench]
fn scan_change(bencher: Bencher<'_, '_>) {
    let message = Message::decode(&message()).expect("a client's message");
    let chunk = message.changes.iter().next().expect("a change").to_vec();
    bencher.bench_local(|| change::scan(&chunk));
}

fn message() -> Vec<u8> {
    let chart = Arc::new(Chart::of(MB));
    let snapshot = chart.snapshot(0);
    Ward::open(&chart, &snapshot, 0).edits(1).swap_remove(0)
}

fn json_bytes(chart: &Chart) -> usize {
    chart.resources.iter().map(|resource| resource.to_string().len()).sum()
}
