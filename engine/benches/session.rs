//! What peers cost a server's room: those in step, those who join, and those who return.
//!
//! `cargo bench -p chartroom-engine --bench session`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark stops at the first surprise"
)]

mod ward;

use std::{cell::RefCell, sync::Arc};

use chartroom_engine::{Peer, Room};
use divan::{Bencher, counter::ItemsCount};
use ward::{
    chart::Chart,
    rooms::{self, Said, WRITER, Ward},
};

const KB: usize = 1024;
const READERS: [u64; 4] = [1, 10, 100, 1000];

fn main() {
    divan::main();
}

/// One change taken and pushed to readers in step, per reader.
#[divan::bench(args = READERS, sample_count = 100, sample_size = 1)]
fn push_per_reader(bencher: Bencher<'_, '_>, readers: u64) {
    let ward = open(readers);
    bencher
        .counter(ItemsCount::new(readers))
        .with_inputs(|| {
            let mut ward = ward.borrow_mut();
            let answers = ward.acknowledgements();
            ward.hear(answers);
            ward.edits(1)
        })
        .bench_local_values(|messages| ward.borrow_mut().take(messages));
}

/// What those readers answer to it, per answer.
#[divan::bench(args = READERS, sample_count = 100, sample_size = 1)]
fn acknowledgement(bencher: Bencher<'_, '_>, readers: u64) {
    let ward = open(readers);
    bencher
        .counter(ItemsCount::new(readers))
        .with_inputs(|| {
            let mut ward = ward.borrow_mut();
            let messages = ward.edits(1);
            ward.take(messages);
            ward.acknowledgements()
        })
        .bench_local_values(|answers| ward.borrow_mut().hear(answers));
}

/// Somebody with nothing joins a room that was just loaded.
#[divan::bench(args = [500 * KB, 1000 * KB, 4000 * KB], sample_count = 10, sample_size = 1)]
fn first_sync_cold(bencher: Bencher<'_, '_>, bytes: usize) {
    let chart = Chart::of(bytes);
    let snapshot = chart.snapshot(0);
    bencher
        .with_inputs(|| rooms::server(&chart.id, Some(&snapshot)))
        .bench_local_values(|mut server| first_sync(&mut server, opening(&chart), WRITER));
}

/// Somebody with nothing joins a room where others did before.
#[divan::bench(args = [500 * KB, 1000 * KB, 4000 * KB], sample_count = 50, sample_size = 1)]
fn first_sync_warm(bencher: Bencher<'_, '_>, bytes: usize) {
    let chart = Chart::of(bytes);
    let server = RefCell::new(rooms::server(&chart.id, Some(&chart.snapshot(0))));
    first_sync(&mut server.borrow_mut(), opening(&chart), WRITER);
    let mut peers = (WRITER.0 + 1..).map(Peer);
    bencher
        .with_inputs(|| (opening(&chart), peers.next().expect("numbers do not end")))
        .bench_local_values(|(opening, peer)| first_sync(&mut server.borrow_mut(), opening, peer));
}

/// Somebody returns with 200 edits that the room does not know, and lacks 200 of the room's: the
/// server's part.
#[divan::bench(args = [500 * KB, 1000 * KB, 4000 * KB], sample_count = 10, sample_size = 1)]
fn return_with_200_edits_each_side(bencher: Bencher<'_, '_>, bytes: usize) {
    let chart = Chart::of(bytes);
    let snapshot = chart.snapshot(0);
    let behind = || {
        let mut server = rooms::server(&chart.id, Some(&snapshot));
        (0..200).for_each(|number| drop(rooms::edit(&mut server, chart.edit(number))));
        server
    };
    let mut client = rooms::client(&chart.id, 1, Some(&snapshot));
    (200..400).for_each(|number| drop(rooms::edit(&mut client, chart.edit(number))));
    let turns = rooms::meet(&mut behind(), &mut client, WRITER);
    bencher.with_inputs(|| (behind(), turns.clone())).bench_local_values(|(mut server, turns)| {
        rooms::join(&mut server, WRITER);
        for turn in turns {
            rooms::take(&mut server, WRITER, turn);
        }
        server
    });
}

fn open(readers: u64) -> RefCell<Ward> {
    let chart = Arc::new(Chart::of(1000 * KB));
    let snapshot = chart.snapshot(0);
    RefCell::new(Ward::open(&chart, &snapshot, readers))
}

/// What a client says that has nothing.
fn opening(chart: &Chart) -> Vec<Vec<u8>> {
    let mut client = rooms::client(&chart.id, 1, None);
    let mut server = rooms::server(&chart.id, None);
    rooms::meet(&mut server, &mut client, WRITER).swap_remove(0)
}

fn first_sync(server: &mut Room, opening: Vec<Vec<u8>>, peer: Peer) -> Said {
    rooms::join(server, peer);
    rooms::take(server, peer, opening)
}
