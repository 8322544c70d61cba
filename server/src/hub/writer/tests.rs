#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

use std::sync::mpsc::{self, Receiver, SyncSender};

use super::*;
use crate::{
    audit::{Audit, SigningKey},
    storage::{
        Fault, Memory,
        conformance::{batch, loaded, room},
    },
};

type Outcome = Result<(), StorageError>;

fn started() -> (Arc<Memory>, Writer) {
    let memory = Arc::new(Memory::new());
    let writer = Writer::start(Arc::clone(&memory) as Arc<dyn Storage>, scribe(&*memory));
    (memory, writer)
}

/// For a trail in which nothing is noted.
fn scribe(storage: &dyn Storage) -> Scribe {
    Scribe::open(storage, Audit::new(SigningKey::of_memory())).unwrap()
}

fn idle_desk(waiting: mpsc::Receiver<Request>) -> Desk {
    let memory = Arc::new(Memory::new());
    let scribe = scribe(&*memory);
    Desk::new(memory, waiting, Arc::default(), scribe)
}

/// Asks for a commit; the answer comes through the receiver.
fn ask(writer: &Writer, batch: RoomBatch) -> Receiver<Outcome> {
    let (tell, told) = mpsc::sync_channel(1024);
    writer.commit(batch, move |outcome| tell.send(outcome).unwrap());
    told
}

fn ask_compaction(writer: &Writer, room: &RoomId, through_seq: u64) -> Receiver<Outcome> {
    let (tell, told) = mpsc::sync_channel(1024);
    writer.compact(room.clone(), b"snapshot".to_vec(), through_seq, move |outcome| {
        tell.send(outcome).unwrap();
    });
    told
}

/// Keeps each write waiting until it is let go, one message a write.
fn hold_writes(memory: &Memory) -> (Receiver<()>, SyncSender<()>) {
    let (begin, begun) = mpsc::sync_channel(1024);
    let (release, released) = mpsc::sync_channel(1024);
    let released = Mutex::new(released);
    memory.tree().during_writes(move || {
        begin.send(()).unwrap();
        // A test that has ended holds nothing up.
        let _ = released.lock().recv();
    });
    (begun, release)
}

#[test]
fn batches_that_wait_are_committed_together() {
    let (memory, writer) = started();
    let (begun, release) = hold_writes(&memory);
    let first = ask(&writer, batch(&room("patient:0"), 1..=1));
    begun.recv().unwrap();
    let others: Vec<_> =
        (1..100).map(|n| ask(&writer, batch(&room(&format!("patient:{n}")), 1..=1))).collect();
    assert!(first.try_recv().is_err(), "nobody is told before the write is done");
    release.send(()).unwrap();
    first.recv().unwrap().unwrap();
    begun.recv().unwrap();
    assert!(others.iter().all(|told| told.try_recv().is_err()));
    release.send(()).unwrap();
    for told in others {
        told.recv().unwrap().unwrap();
    }
    drop(release);
    let counts = writer.counts();
    assert_eq!((counts.commits, counts.batches, counts.failures), (2, 100, 0));
}

#[test]
fn a_commit_behind_one_of_several_rooms_gathers_what_comes_meanwhile() {
    let (requests, waiting) = sync_channel(16);
    let request = |n: u64| {
        let batch = batch(&room(&format!("patient:{n}")), 1..=1);
        Request::Commit(Box::new(batch), Done::new(drop))
    };
    let mut desk = idle_desk(waiting);
    // One that is alone begins at once, and the next does.
    desk.take(request(0));
    requests.send(request(1)).unwrap();
    desk.gather();
    assert_eq!((desk.commits.len(), desk.paced), (1, None));
    // Of two, and so the next waits, and takes what came.
    desk.take_waiting();
    desk.gather();
    assert_eq!(desk.next_group().len(), 2);
    let until = desk.paced.unwrap();
    desk.take(request(2));
    requests.send(request(3)).unwrap();
    requests.send(request(4)).unwrap();
    desk.gather();
    assert!(Instant::now() >= until);
    assert_eq!(desk.next_group().len(), 3);
    // Who waits behind that one alone is the last that waits.
    desk.take(request(5));
    desk.gather();
    assert_eq!((desk.next_group().len(), desk.paced), (1, None));
    desk.take(Request::Stop);
}

#[test]
fn a_compaction_has_its_turn_among_commits_without_end() {
    let (_requests, waiting) = sync_channel(1);
    let mut desk = idle_desk(waiting);
    let (told, ended) = mpsc::sync_channel(1);
    let compaction = Shortening::TrimEvents { through: 0 };
    let done = Done::new(move |_| told.send(()).unwrap());
    desk.take(Request::Shorten(room("patient:1"), compaction, done));
    for n in 1..=u64::from(COMMITS_IN_A_ROW_MAX) + 1 {
        assert!(ended.try_recv().is_err());
        desk.take(Request::Commit(Box::new(batch(&room("patient:1"), n..=n)), Done::new(drop)));
        desk.serve();
    }
    ended.try_recv().unwrap();
    assert_eq!(desk.commits.len(), 1, "the commit that waited comes next");
}

#[test]
fn a_failed_commit_is_tried_again_after_reopening() {
    let alice = room("patient:1");
    for fault in [Fault::NotWritten, Fault::WrittenUnheard, Fault::WrittenUnsynced, Fault::Panic] {
        let (memory, writer) = started();
        memory.tree().fail_writes([fault]);
        ask(&writer, batch(&alice, 1..=3)).recv().unwrap().unwrap();
        // What it does behind a commit is a write too, and writes are one thread's.
        writer.stop();
        memory.reopen().unwrap();
        assert_eq!(loaded(&*memory, &alice).seq, 3, "{fault:?}");
        assert_eq!(writer.counts().failures, 1);
    }
}

#[test]
fn a_second_failure_is_told_to_all_and_later_commits_work() {
    let (memory, writer) = started();
    let (begun, release) = hold_writes(&memory);
    let first = ask(&writer, batch(&room("patient:0"), 1..=1));
    begun.recv().unwrap();
    let group: Vec<_> =
        (1..=5).map(|n| ask(&writer, batch(&room(&format!("patient:{n}")), 1..=1))).collect();
    memory.tree().fail_writes([Fault::WrittenUnsynced, Fault::NotWritten]);
    drop(release);
    first.recv().unwrap().unwrap();
    for told in group {
        let outcome = told.recv().unwrap();
        assert!(matches!(outcome, Err(StorageError::Environment(_))), "{outcome:?}");
    }
    let alice = room("patient:1");
    ask(&writer, batch(&alice, 1..=1)).recv().unwrap().unwrap();
    assert_eq!(loaded(&*memory, &alice).seq, 1);
    assert_eq!(memory.rooms().unwrap().len(), 2);
}

#[test]
fn a_storage_that_does_not_open_fails_commits_until_it_does() {
    let (memory, writer) = started();
    let alice = room("patient:1");
    memory.tree().fail_writes([Fault::NotWritten]);
    memory.tree().fail_opens(2);
    for _ in 0..2 {
        assert!(ask(&writer, batch(&alice, 1..=1)).recv().unwrap().is_err());
        assert_eq!(memory.load(&alice).unwrap(), None);
    }
    ask(&writer, batch(&alice, 1..=1)).recv().unwrap().unwrap();
    assert_eq!(loaded(&*memory, &alice).seq, 1);
}

#[test]
fn a_storage_that_fails_is_tried_without_being_asked_until_it_takes_writes() {
    let (memory, writer) = started();
    let (tell, tried) = mpsc::sync_channel(1024);
    memory.tree().during_writes(move || tell.send(()).unwrap());
    // A commit with its second try, and a probe with its own.
    memory.tree().fail_writes([Fault::NotWritten; 4]);
    assert!(ask(&writer, batch(&room("patient:1"), 1..=1)).recv().unwrap().is_err());
    for _ in 0..4 {
        assert!(writer.counts().failing);
        tried.recv().unwrap();
    }
    tried.recv().unwrap();
    writer.stop();
    assert!(!writer.counts().failing);
    assert_eq!(memory.rooms().unwrap(), []);
}

#[test]
fn what_fails_between_commits_fails_no_commit() {
    let (memory, writer) = started();
    let alice = room("patient:1");
    for (seq, opens) in [(1, 0), (2, 1)] {
        memory.tree().fail_tends(1);
        memory.tree().fail_opens(opens);
        ask(&writer, batch(&alice, seq..=seq)).recv().unwrap().unwrap();
    }
    // It has opened again by itself, after a rest, and a write is asked of it then.
    ask(&writer, batch(&alice, 3..=3)).recv().unwrap().unwrap();
    writer.stop();
    assert_eq!(loaded(&*memory, &alice).seq, 3);
    assert!(!writer.counts().failing);
}

#[test]
fn a_refused_batch_is_its_own_rooms_matter() {
    let (memory, writer) = started();
    let (begun, release) = hold_writes(&memory);
    let first = ask(&writer, batch(&room("patient:0"), 1..=1));
    begun.recv().unwrap();
    let good = ask(&writer, batch(&room("patient:1"), 1..=1));
    let bad = ask(&writer, batch(&room("patient:2"), 7..=7));
    let better = ask(&writer, batch(&room("patient:3"), 1..=1));
    drop(release);
    for told in [first, good, better] {
        told.recv().unwrap().unwrap();
    }
    let outcome = bad.recv().unwrap();
    assert!(matches!(&outcome, Err(StorageError::Refused { room, .. })
        if room.name.as_str() == "patient:2"));
    assert_eq!(memory.rooms().unwrap().len(), 3);
}

#[test]
fn compactions_run_between_commits_and_their_failure_harms_nobody() {
    let (memory, writer) = started();
    let alice = room("patient:1");
    ask(&writer, batch(&alice, 1..=4)).recv().unwrap().unwrap();
    memory.tree().fail_writes([Fault::WrittenUnsynced]);
    assert!(ask_compaction(&writer, &alice, 4).recv().unwrap().is_err());
    ask(&writer, batch(&alice, 5..=5)).recv().unwrap().unwrap();
    assert_eq!(loaded(&*memory, &alice).snapshot, None);
    ask_compaction(&writer, &alice, 4).recv().unwrap().unwrap();
    let stored = loaded(&*memory, &alice);
    assert_eq!((stored.snapshot.is_some(), stored.changes.len(), stored.seq), (true, 1, 5));
    assert!(ask_compaction(&writer, &alice, 9).recv().unwrap().is_err());
    assert_eq!(writer.counts().compactions, 1);
}

#[test]
fn a_listener_that_panics_does_not_keep_others_from_being_told() {
    let (memory, writer) = started();
    let (begun, release) = hold_writes(&memory);
    let first = ask(&writer, batch(&room("patient:0"), 1..=1));
    begun.recv().unwrap();
    writer.commit(batch(&room("patient:1"), 1..=1), |_| {
        std::panic::resume_unwind(Box::new("a listener's own fault"));
    });
    let last = ask(&writer, batch(&room("patient:2"), 1..=1));
    drop(release);
    first.recv().unwrap().unwrap();
    last.recv().unwrap().unwrap();
}

#[test]
fn stopping_serves_what_waits_and_refuses_what_comes_later() {
    let (memory, writer) = started();
    let told: Vec<_> =
        (0..50).map(|n| ask(&writer, batch(&room(&format!("patient:{n}")), 1..=1))).collect();
    let compacted = ask_compaction(&writer, &room("patient:0"), 1);
    writer.stop();
    for told in told {
        told.try_recv().unwrap().unwrap();
    }
    compacted.try_recv().unwrap().unwrap();
    assert_eq!(memory.rooms().unwrap().len(), 50);
    let late = ask(&writer, batch(&room("patient:0"), 2..=2)).recv().unwrap();
    assert!(matches!(late, Err(StorageError::Closed)), "{late:?}");
    writer.stop();
}

#[test]
fn nobody_is_left_without_an_answer_when_the_writer_is_dropped() {
    let (_memory, writer) = started();
    let told = ask(&writer, batch(&room("patient:0"), 1..=1));
    drop(writer);
    told.recv().unwrap().unwrap();
}
