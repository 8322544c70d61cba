//! Every hostile message that is known: refused with its reason, in bounded time and memory, with
//! the room untouched and everybody else served meanwhile.
//!
//! The rows follow the ways in which automerge 0.12 can be hurt: what cannot be caught (endless
//! work, endless memory), what panics, and what is taken silently and hurts later.

mod forge;

use std::time::{Duration, Instant};

use chartroom_engine::limits;
use chartroom_server::wire::frame::Frame;
use chartroom_tests::{client::Client, server::Server};
use peak_alloc::PeakAlloc;
use serde_json::json;

use crate::{ROOM, allergy, start};
use forge::{Forged, Parts, bent, bloom, chunk, container, leb, message, run, sound};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What any of them may cost, in a debug build beside other tests.
const TIME_MAX: Duration = Duration::from_secs(5);
/// What a change may wait for those that it follows.
const WAIT: Duration = Duration::from_millis(limits::ORPHAN_WAIT_MS);
/// What any of them may hold at most on top of what was held before.
const MEMORY_MAX: usize = 64 * 1024 * 1024;

/// How a hostile message ends.
#[derive(Debug, PartialEq)]
enum End {
    /// Its changes are refused with this code; the connection stands.
    Refused(&'static str),
    /// The connection is closed with this code.
    Closed(u16),
}
use End::{Closed, Refused};

async fn check(name: &str, messages: Vec<Forged>, expected: End) {
    // As the binary does: a panic is told by its place alone.
    chartroom_server::start_logs(false);
    let (folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    let mut mallory = Client::connect(server.address(), "mallory").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    let other = bob.open("patient:p2").await.unwrap();
    mallory.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();

    let (before, begun) = (MEMORY.current_usage(), Instant::now());
    MEMORY.reset_peak_usage();
    let hostile = async {
        for Forged { message } in messages {
            let (sender, target) = mallory.peer_ids();
            let frame = Frame::Sync { sender, target, document: room, data: message };
            mallory.send(&frame).await.unwrap();
        }
        let ended = |mallory: &Client| {
            mallory.closed.is_some()
                || mallory.heard.iter().any(|frame| matches!(frame, Frame::Refused { .. }))
        };
        mallory.until("an answer", ended).await.unwrap();
        begun.elapsed()
    };
    let others = async {
        alice.put(room, allergy("a2", "peanut")).await.unwrap();
        bob.put(
            other,
            json!({ "resourceType": "Condition", "id": "c", "code": { "text": "Asthma" } }),
        )
        .await
        .unwrap();
        alice.until_saved(room).await.unwrap();
        bob.until_saved(other).await.unwrap();
        begun.elapsed()
    };
    let (hostile, others) = tokio::join!(hostile, others);
    let held = MEMORY.peak_usage().saturating_sub(before);
    println!(
        "{name}: {expected:?} after {hostile:.0?}, others served after {others:.0?}, {} KiB held",
        held / 1024
    );
    let end = match (&mallory.closed, mallory.heard.iter().find_map(refusal)) {
        (Some((code, _)), _) => Closed(*code),
        (None, code) => Refused(code.unwrap_or_default()),
    };
    assert_eq!(end, expected);
    assert!(hostile < TIME_MAX + WAIT && others < TIME_MAX, "{hostile:?}, {others:?}");
    assert!(held < MEMORY_MAX, "{held} bytes");
    assert_eq!((&alice.closed, &bob.closed), (&None, &None));

    drop((alice, bob, mallory));
    server.stop().await.unwrap();
    let server = Server::start(folder.path()).await.unwrap();
    let mut late = Client::connect(server.address(), "late").await.unwrap();
    late.open(ROOM).await.unwrap();
    let both = |late: &Client| {
        ["a1", "a2"].iter().all(|id| late.resource(room, "AllergyIntolerance", id).is_some())
    };
    late.until("everything acknowledged", both).await.unwrap();
    for id in ["forged", "second"] {
        assert_eq!(late.resource(room, "Condition", id), None);
    }
    drop(late);
    server.stop().await.unwrap();
}

/// The code of a refusal, without its owner.
fn refusal(frame: &Frame) -> Option<&'static str> {
    let Frame::Refused { code, .. } = frame else { return None };
    let known = [
        "bad-counter",
        "bad-sequence",
        "foreign-actor",
        "malformed",
        "missing-dependencies",
        "not-applicable",
        "outside-collections",
        "too-large",
        "wrong-patient",
    ];
    known.into_iter().find(|known| known == code)
}

macro_rules! table {
    ($($name:ident: $messages:expr => $end:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let messages = $messages;
                check(stringify!($name), messages, $end).await;
            }
        )*
    };
}

fn columns(columns: Vec<(u64, Vec<u8>)>) -> Vec<Forged> {
    vec![chunk(Parts { columns, ..Parts::sound() }.chunk())]
}

/// Two changes of one actor, in two messages.
fn two(bend: impl FnOnce(&mut automerge::ExpandedChange)) -> Vec<Forged> {
    let mut doc = forge::document();
    let first = sound(&mut doc, "first");
    let mut second = sound(&mut doc, "second").decode();
    second.hash = None;
    bend(&mut second);
    let second = automerge::Change::from(second).raw_bytes().to_vec();
    vec![chunk(first.raw_bytes().to_vec()), chunk(second)]
}

table! {
    // What cannot be caught: it has to be seen in the bytes.
    a_bloom_filter_with_four_billion_probes: vec![bloom(1, 10, u64::from(u32::MAX))] => Closed(1002);
    a_bloom_filter_with_four_billion_entries: vec![bloom(u64::from(u32::MAX), 10, 7)] => Closed(1002);
    a_bloom_filter_without_bits: vec![bloom(1, 0, 7)] => Closed(1002);
    a_deflated_change: vec![chunk(container(2, &forge::deflate_bomb(16 << 20)))] => Closed(1002);
    a_document: vec![chunk(forge::document().save())] => Closed(1002);
    a_document_of_deflated_zeros: vec![chunk(container(0, &forge::deflate_bomb(16 << 20)))] => Closed(1002);
    a_bundle: vec![chunk(container(3, &[0; 40]))] => Closed(1002);
    a_deflated_column: columns(vec![(66 | 8, forge::deflate_bomb(1 << 20))]) => Closed(1002);
    a_run_of_a_trillion_operations: columns(vec![(66, run(1 << 40, 1))]) => Closed(1002);
    a_run_of_a_billion_operations: columns(vec![(66, run(1_000_000_000, 1))]) => Closed(1002);
    a_run_of_a_trillion_predecessors: columns(vec![(66, run(1, 1)), (112, run(1, 1 << 40))]) => Closed(1002);
    a_list_of_very_many_filters: vec![message(&[], &[leb(5_000), vec![0; 10_000]].concat(), &[])] => Closed(1009);
    very_many_heads: vec![message(&vec![[7; 32]; 5_000], &[0], &[])] => Closed(1009);
    very_many_chunks: vec![message(&[], &[0], &vec![vec![0]; 17_000])] => Closed(1009);
    a_chunk_of_nine_megabytes: vec![chunk(container(1, &vec![0; 9 << 20]))] => Closed(1002);
    columns_without_end: columns((0..5_000).map(|n| (n << 4 | 2, vec![])).collect()) => Closed(1002);

    // What makes automerge panic, or would.
    the_second_change_of_an_unknown_actor: vec![chunk(bent(|change| change.seq = 2))] => Refused("bad-sequence");
    a_gap_in_an_actors_sequence: two(|second| second.seq = 5) => Refused("bad-sequence");
    an_author_behind_the_first_change: two(|second| second.extra_bytes = vec![1, 3, b'e', b'v', b'e']) => Refused("malformed");
    a_write_into_an_object_that_does_not_exist: vec![chunk(bent(forge::into_nothing))] => Refused("malformed");
    an_item_behind_an_element_that_does_not_exist: vec![chunk(bent(forge::behind_nothing))] => Closed(1008);
    an_actor_index_out_of_range: columns(vec![(1, run(1, 9)), (2, run(1, 5)), (66, run(1, 1)), (86, run(1, 0))]) => Refused("malformed");
    a_delete_of_what_does_not_exist: vec![chunk(bent(forge::delete_nothing))] => Closed(1008);

    // What is taken silently, and hurts later.
    counters_that_leave_none_for_others: vec![chunk(bent(|change| change.start_op = (u64::from(u32::MAX) - 9).try_into().unwrap()))] => Closed(1002);
    counters_far_ahead: vec![chunk(bent(|change| change.start_op = 900_000_000.try_into().unwrap()))] => Refused("bad-counter");
    counters_behind_the_dependencies: vec![chunk(bent(|change| change.start_op = 1.try_into().unwrap()))] => Refused("bad-counter");
    the_place_of_what_does_not_exist: vec![chunk(bent(forge::in_place_of_nothing))] => Closed(1008);
    another_encoding_of_the_same: columns(vec![(66, [run(1, 1), run(1, 1)].concat())]) => Refused("malformed");
    an_unknown_column: columns(vec![(66, run(1, 1)), (0xf2, run(1, 1))]) => Refused("malformed");
    actors_that_nothing_names: vec![chunk(Parts { others: vec![vec![1; 16]], ..Parts::sound() }.chunk())] => Closed(1008);
    an_actor_of_three_hundred_bytes: vec![chunk(Parts { actor: vec![1; 300], ..Parts::sound() }.chunk())] => Closed(1002);
    very_many_other_actors: vec![chunk(Parts { others: vec![vec![1; 4]; 2_000], ..Parts::sound() }.chunk())] => Closed(1002);
    no_actor_at_all: vec![chunk(Parts { actor: vec![], ..Parts::sound() }.chunk())] => Closed(1002);
    a_wrong_checksum: {
        let mut bytes = sound(&mut forge::document(), "forged").raw_bytes().to_vec();
        bytes[5] ^= 1;
        vec![message(&[[7; 32]], &[0], &[bytes])]
    } => Closed(1002);
    two_changes_with_one_number: two(|second| {
        second.seq = 1;
        second.deps.clear();
    }) => Refused("missing-dependencies");
    a_change_behind_nothing: vec![chunk(bent(|change| change.deps.clear()))] => Refused("missing-dependencies");
    a_change_behind_what_nobody_has: vec![chunk(bent(|change| change.deps = vec![automerge::ChangeHash([5; 32])]))] => Refused("missing-dependencies");
    a_chunk_cut_short: {
        let bytes = sound(&mut forge::document(), "forged").raw_bytes().to_vec();
        vec![message(&[[7; 32]], &[0], &[bytes[..bytes.len() - 9].to_vec()])]
    } => Closed(1002);
    the_genesis_actors_change: vec![chunk(bent(|change| change.actor_id = forge::genesis_actor()))] => Refused("foreign-actor");
}
