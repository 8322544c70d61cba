//! What it costs to load a room from what is stored, by size and by history.
//!
//! `cargo bench -p chartroom-engine --bench load`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark stops at the first surprise"
)]

mod ward;

use chartroom_engine::{Document, Role, Room, RoomConfig, mint_actor};
use divan::Bencher;
use ward::{
    chart::Chart,
    rooms::{self, NOW},
};

const KB: usize = 1024;
const SIZES: [usize; 3] = [500 * KB, 1000 * KB, 4000 * KB];
const HISTORIES: [u64; 3] = [1000, 10_000, 50_000];

fn main() {
    divan::main();
}

/// A snapshot, by bytes of the chart's JSON.
#[divan::bench(args = SIZES, sample_count = 20, sample_size = 1)]
fn snapshot(bencher: Bencher<'_, '_>, bytes: usize) {
    let chart = Chart::of(bytes);
    let snapshot = chart.snapshot(0);
    bencher.bench_local(|| load(&chart, &snapshot, Vec::new()));
}

/// A snapshot of a chart of 0.5 MB, by changes that the room has seen.
#[divan::bench(args = HISTORIES, sample_count = 20, sample_size = 1)]
fn snapshot_by_history(bencher: Bencher<'_, '_>, changes: u64) {
    let chart = Chart::of(500 * KB);
    let snapshot = chart.snapshot(changes);
    bencher.bench_local(|| load(&chart, &snapshot, Vec::new()));
}

/// A snapshot and 1,000 changes behind it.
#[divan::bench(args = SIZES, sample_count = 10, sample_size = 1)]
fn snapshot_and_tail(bencher: Bencher<'_, '_>, bytes: usize) {
    let chart = Chart::of(bytes);
    let snapshot = chart.snapshot(0);
    let mut writer = rooms::client(&chart.id, 1, Some(&snapshot));
    (0..1000).for_each(|number| drop(rooms::edit(&mut writer, chart.edit(number))));
    let log = writer.document().log().into_iter().map(|change| change.bytes.to_vec());
    let stored = load(&chart, &snapshot, Vec::new()).change_count() as usize - 1;
    let tail: Vec<Vec<u8>> = log.skip(stored).collect();
    bencher.with_inputs(|| tail.clone()).bench_local_values(|tail| load(&chart, &snapshot, tail));
}

/// A server's room from a document that is loaded.
#[divan::bench(args = SIZES, sample_count = 20, sample_size = 1)]
fn room(bencher: Bencher<'_, '_>, bytes: usize) {
    let chart = Chart::of(bytes);
    let document = load(&chart, &chart.snapshot(0), Vec::new());
    let config = RoomConfig::new(chart.id.clone(), Role::Server);
    bencher
        .with_inputs(|| (config.clone(), document.clone()))
        .bench_local_values(|(config, document)| Room::new(config, document));
}

fn load(chart: &Chart, snapshot: &[u8], tail: Vec<Vec<u8>>) -> Document {
    let actor = mint_actor(NOW, [0; 8]);
    Document::load(&chart.id, actor, Some(snapshot), tail).expect("what was saved")
}
