//! Entries on their way into the store.

use std::time::Duration;

use chartroom_engine::RoomId;
use serde_json::json;

use super::*;
use crate::{
    hub::Writer,
    storage::{
        Fault as Failure, RoomBatch, StorageError,
        conformance::{batch, room},
    },
};

/// A writer over a trail of its own.
fn writer(memory: &Arc<Memory>) -> (Arc<Audit>, Writer) {
    let audit = Audit::new(SigningKey::of_memory());
    let scribe = Scribe::open(&**memory, Arc::clone(&audit)).unwrap();
    (audit, Writer::start(Arc::clone(memory) as Arc<dyn Storage>, scribe))
}

async fn committed(writer: &Writer, batch: RoomBatch) -> Result<(), StorageError> {
    let (tell, told) = oneshot::channel();
    writer.commit(batch, move |result| tell.send(result).unwrap());
    told.await.unwrap()
}

fn entries(memory: &Memory) -> Vec<Entry> {
    entries_between(memory, 0, u64::MAX).unwrap()
}

#[test]
fn an_entry_says_what_it_has_to_and_nothing_else() {
    let name = "patient:p1".parse().unwrap();
    let entry = read(1).from("192.0.2.7").room(&name).refused("not-found");
    let entry = Entry { n: 3, at: 7, ..entry.detail("name", "given") };
    let expected = json!({
        "n": 3,
        "at": 7,
        "who": { "id": "alice", "name": "Alice" },
        "from": "192.0.2.7",
        "via": "http",
        "act": "read",
        "rooms": ["patient:p1"],
        "resources": [{ "of": "Condition/c1" }],
        "outcome": "refused",
        "code": "not-found",
        "detail": { "name": "given" },
    });
    assert_eq!(serde_json::to_value(&entry).unwrap(), expected);
    assert_eq!(serde_json::from_value::<Entry>(expected).unwrap(), entry);
    let bare = serde_json::to_value(Entry::by_server(Act::BreakGlass)).unwrap();
    assert_eq!(bare, json!({ "at": 0, "via": "server", "act": "break-glass" }));
    assert_eq!(Act::BreakGlass.code(), "break-glass");
}

#[test]
fn what_a_stranger_makes_long_is_cut() {
    let long = "ä".repeat(5000);
    let mut entry = read(1).app(&*long).detail(&*long, &*long);
    for n in 0..250 {
        entry = entry.resource("Condition", &n.to_string());
    }
    let mut trail = Trail::new();
    trail.audit.note(entry);
    trail.write();
    let found = entries(&trail.memory).remove(0);
    assert_eq!((found.resources.len(), found.more), (NAMED_MAX, 151));
    assert_eq!(found.app.map(|app| app.len()), Some(TEXT_BYTES_MAX));
    assert!(found.detail.iter().all(|(name, code)| name.len() + code.len() <= 2 * TEXT_BYTES_MAX));
}

#[test]
fn a_thousand_entries_are_never_without_a_checkpoint() {
    let mut trail = Trail::new();
    for n in 1..=2500 {
        trail.audit.note(read(n));
    }
    trail.write();
    assert_eq!(trail.verify(), Ok(Whole { unsigned: 500, ..whole(2502, 2) }));
    let mut next = Trail::over(Arc::clone(&trail.memory), SigningKey::of_memory());
    for n in 1..=500 {
        next.audit.note(read(n));
    }
    next.write();
    // Behind a start it goes on counting.
    assert_eq!(trail.verify(), Ok(Whole { unsigned: 1000, ..whole(3002, 2) }));
    assert_eq!(entry(&*trail.memory, 1001).unwrap().map(|entry| entry.act), Some(Act::Checkpoint));
    let some = entries_between(&*trail.memory, 990, 1010).unwrap();
    assert_eq!(some.iter().map(|entry| entry.n).collect::<Vec<_>>(), Vec::from_iter(991..=1010));
    assert_eq!(entry(&*trail.memory, 5000).unwrap(), None);
}

#[test]
fn a_few_entries_are_signed_after_a_while_and_no_entry_never() {
    let mut trail = Trail::new();
    trail.scribe.signed_at -= scribe::CHECKPOINT_AFTER;
    assert!(!trail.scribe.is_due());
    trail.audit.note(read(1));
    trail.write();
    assert_eq!(trail.verify(), Ok(whole(2, 1)));
    trail.audit.note(read(2));
    trail.write();
    assert!(!trail.scribe.is_due());
    trail.scribe.signed_at -= scribe::CHECKPOINT_AFTER;
    assert!(trail.scribe.is_due(), "also where nobody writes");
    trail.write();
    assert_eq!(trail.verify(), Ok(whole(4, 2)));
}

#[tokio::test]
async fn an_entry_is_written_in_the_step_of_the_batch_that_it_speaks_of() {
    let memory = Arc::new(Memory::new());
    let (audit, writer) = writer(&memory);
    let before = memory.tree().writes();
    audit.note(read(1));
    committed(&writer, batch(&room("patient:1"), 1..=1)).await.unwrap();
    assert_eq!(entries(&memory).len(), 1);
    assert_eq!((memory.tree().writes() - before, writer.counts().batches), (1, 1));
    // Where nothing is noted nothing is written of it.
    committed(&writer, batch(&room("patient:1"), 2..=2)).await.unwrap();
    assert_eq!(entries(&memory).len(), 1);
    writer.stop();
}

#[tokio::test]
async fn entries_alone_are_soon_written_together_and_at_once_where_somebody_waits() {
    let memory = Arc::new(Memory::new());
    let (audit, writer) = writer(&memory);
    for n in 1..=100 {
        audit.note(read(n));
    }
    let soon = async {
        while entries(&memory).len() < 100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), soon).await.unwrap();
    assert!(writer.counts().commits <= 2, "{:?}", writer.counts());
    assert_eq!(audit.note_durably(read(101)).await.unwrap(), 101);
    audit.note(read(102));
    audit.flushed().await.unwrap();
    assert_eq!(entries(&memory).len(), 102);
    audit.flushed().await.unwrap();
    writer.stop();
    // The end is signed, and what comes later is refused.
    assert_eq!(entries(&memory).last().map(|entry| entry.act), Some(Act::Checkpoint));
    assert_eq!(audit.check(), Err(Unavailable));
    assert!(audit.note_durably(read(103)).await.is_err());
    let keys = vec![audit.key.public()];
    let expected = Expected { keys, ..expected(&*memory).unwrap() };
    assert_eq!(verify(Blocks::of(&*memory), &expected), Ok(whole(103, 1)));
}

#[tokio::test]
async fn a_commit_that_fails_keeps_the_entries_for_the_next() {
    for failure in [Failure::NotWritten, Failure::WrittenUnheard, Failure::WrittenUnsynced] {
        let memory = Arc::new(Memory::new());
        let (audit, writer) = writer(&memory);
        audit.note_durably(read(1)).await.unwrap();
        memory.tree().fail_writes([failure; 2]);
        audit.note(read(2));
        assert!(committed(&writer, batch(&room("patient:1"), 1..=1)).await.is_err());
        // Who waits for an entry hears that it is not durable; it is kept all the same.
        audit.note(read(3));
        committed(&writer, batch(&room("patient:1"), 1..=1)).await.unwrap();
        let of = |entry: &Entry| entry.resources[0].of.clone();
        let found: Vec<String> = entries(&memory).iter().map(of).collect();
        assert_eq!(found, ["Condition/c1", "Condition/c2", "Condition/c3"], "{failure:?}");
        writer.stop();
        let keys = vec![audit.key.public()];
        let expected = Expected { keys, ..expected(&*memory).unwrap() };
        assert_eq!(verify(Blocks::of(&*memory), &expected), Ok(whole(4, 1)), "{failure:?}");
    }
}

#[tokio::test]
async fn a_room_that_is_refused_keeps_no_entry_out_whatever_its_name() {
    let memory = Arc::new(Memory::new());
    let (audit, writer) = writer(&memory);
    audit.note(read(1));
    let gap = batch(&room("server:audit"), 7..=7);
    assert!(committed(&writer, gap).await.is_err());
    // Who is refused hears it first.
    writer.stop();
    assert_eq!(memory.rooms().unwrap(), []);
    assert_eq!(memory.load(&RoomId::first("server:audit".parse().unwrap())).unwrap(), None);
}

#[test]
fn what_is_too_much_to_keep_is_counted_in_the_chain() {
    let mut trail = Trail::new();
    let long = "x".repeat(TEXT_BYTES_MAX);
    let mut noted: u64 = 0;
    while trail.audit.check().is_ok() {
        trail.audit.note(read(1).app(&*long));
        noted += 1;
    }
    while trail.audit.waiting.lock().unkept == 0 {
        trail.audit.note(read(1).app(&*long));
        noted += 1;
    }
    trail.audit.note(read(1).app(&*long));
    trail.write();
    assert_eq!(trail.audit.check(), Ok(()));
    let last = last_number(&*trail.memory).unwrap();
    let found = entry(&*trail.memory, last).unwrap().unwrap();
    assert_eq!((found.act, found.detail["entries"].as_str()), (Act::Overflow, "2"));
    assert!(found.at > 0);
    let verified = trail.verify().unwrap();
    assert_eq!(verified.entries - verified.checkpoints, noted);
}
