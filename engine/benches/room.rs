//! What a change costs a server's room: taken, applied, its events derived, logged and pushed.
//!
//! `cargo bench -p chartroom-engine --bench room`. Every batch is durable at once, so this is the
//! processor's part alone. Each change gives an observation a value, and one batch's changes are of
//! different resources.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark stops at the first surprise"
)]

mod ward;

use std::{cell::RefCell, sync::Arc};

use divan::{Bencher, counter::ItemsCount};
use ward::{chart::Chart, rooms::Ward};

const KB: usize = 1024;
const BATCHES: [u64; 3] = [1, 10, 100];

fn main() {
    divan::main();
}

/// Per change, by bytes of the chart's JSON and changes in a batch.
#[divan::bench(consts = [500 * KB, 1000 * KB, 4000 * KB], args = BATCHES, sample_count = 50, sample_size = 1)]
fn apply_per_change<const BYTES: usize>(bencher: Bencher<'_, '_>, changes: u64) {
    apply(bencher, &open(BYTES, 0), changes, changes);
}

/// Per change, by changes that the room has seen and changes in a batch.
#[divan::bench(consts = [1000, 10_000, 50_000], args = BATCHES, sample_count = 50, sample_size = 1)]
fn apply_by_history<const HISTORY: u64>(bencher: Bencher<'_, '_>, changes: u64) {
    apply(bencher, &open(500 * KB, HISTORY), changes, changes);
}

/// The same as `apply_per_change` on 1 MB, per event that is derived.
#[divan::bench(args = BATCHES, sample_count = 50, sample_size = 1)]
fn apply_per_event(bencher: Bencher<'_, '_>, changes: u64) {
    let ward = open(1000 * KB, 0);
    let messages = ward.borrow_mut().edits(changes);
    let events = ward.borrow_mut().take(messages);
    apply(bencher, &ward, changes, events as u64);
}

fn open(bytes: usize, history: u64) -> RefCell<Ward> {
    let chart = Arc::new(Chart::of(bytes));
    let snapshot = chart.snapshot(history);
    RefCell::new(Ward::open(&chart, &snapshot, 0))
}

fn apply(bencher: Bencher<'_, '_>, ward: &RefCell<Ward>, changes: u64, items: u64) {
    bencher
        .counter(ItemsCount::new(items))
        .with_inputs(|| ward.borrow_mut().edits(changes))
        .bench_local_values(|messages| ward.borrow_mut().take(messages));
}
