#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chartroom_engine::Author;

use crate::storage::{
    Fact, Fault, Memory, RoomBatch, Storage, StorageError, Tree,
    conformance::{Subject, actor, batch, conformance_tests, loaded, noise, room, summary},
};

impl Subject for Memory {
    fn new() -> Self {
        Memory::new()
    }
    fn storage(&self) -> &dyn Storage {
        self
    }
    fn tree(&self) -> &dyn Tree {
        Memory::tree(self)
    }
    fn restart(self) -> Self {
        self.reopen().unwrap();
        self
    }
}

conformance_tests!(Memory);

/// Every way in which a write goes wrong, and whether what it wrote is there afterwards.
const FAULTS: [(Fault, bool); 3] =
    [(Fault::NotWritten, false), (Fault::WrittenUnheard, true), (Fault::WrittenUnsynced, false)];

#[test]
fn after_a_failure_nothing_is_taken_and_nothing_undurable_is_shown() {
    let (alice, bob) = (room("patient:1"), room("patient:2"));
    for (fault, survives) in FAULTS {
        let memory = Memory::new();
        memory.commit(&[batch(&alice, 1..=2)]).unwrap();
        let before = loaded(&memory, &alice);
        memory.tree().fail_writes([fault]);
        let failed = [batch(&alice, 3..=4), batch(&bob, 1..=1)];
        assert!(matches!(memory.commit(&failed), Err(StorageError::Environment(_))));
        // Reads answer from before, whatever the map may show by now.
        assert_eq!(loaded(&memory, &alice), before);
        assert_eq!(memory.events(&alice, 0, 10).unwrap().len(), 2);
        assert_eq!(memory.load(&bob).unwrap(), None);
        assert_eq!(memory.room(&bob.name).unwrap(), None);
        assert_eq!(memory.rooms().unwrap().len(), 1);
        assert_eq!(memory.room_of_document(&bob.document_id()).unwrap(), None);
        let late = memory.commit(&[batch(&alice, 3..=3)]);
        assert!(matches!(late, Err(StorageError::NeedsReopen)), "{late:?}");
        let late = memory.compact(&alice, b"snapshot", 1);
        assert!(matches!(late, Err(StorageError::NeedsReopen)), "{late:?}");
        memory.reopen().unwrap();
        assert_eq!(loaded(&memory, &alice).seq, if survives { 4 } else { 2 });
        assert_eq!(memory.load(&bob).unwrap().is_some(), survives);
        memory.commit(&failed).unwrap();
        assert_eq!((loaded(&memory, &alice).seq, loaded(&memory, &bob).seq), (4, 1));
    }
}

#[test]
fn a_compaction_may_fail_at_any_write() {
    let alice = room("patient:1");
    for (fault, _) in FAULTS {
        for good in 0..3 {
            let memory = Memory::new();
            memory.commit(&[batch(&alice, 1..=10)]).unwrap();
            memory.compact(&alice, &noise(9_000), 4).unwrap();
            // The write that fails: of the snapshot, of the changes' deletion, of the old one's.
            fail_after(&memory, good, fault);
            assert!(memory.compact(&alice, &noise(10_000), 8).is_err());
            memory.reopen().unwrap();
            let stored = loaded(&memory, &alice);
            let covered = stored.seq - stored.changes.len() as u64;
            let snapshot = if covered == 8 { noise(10_000) } else { noise(9_000) };
            assert_eq!(stored.snapshot, Some(snapshot));
            assert_eq!(stored.changes, batch(&alice, covered + 1..=10).batch.changes);
            memory.compact(&alice, b"whole", 10).unwrap();
            assert_eq!(loaded(&memory, &alice).snapshot.as_deref(), Some(b"whole".as_slice()));
        }
    }
}

fn fail_after(memory: &Memory, good: usize, fault: Fault) {
    memory.tree().fail_writes(std::iter::repeat_n(Fault::None, good).chain([fault]));
}

#[test]
fn an_opening_that_fails_leaves_the_storage_closed() {
    let memory = Memory::new();
    let alice = room("patient:1");
    memory.tree().fail_writes([Fault::NotWritten]);
    memory.tree().fail_opens(2);
    assert!(memory.commit(&[batch(&alice, 1..=1)]).is_err());
    assert!(memory.reopen().is_err());
    assert!(matches!(memory.commit(&[]), Err(StorageError::NeedsReopen)));
    assert!(memory.reopen().is_err());
    memory.reopen().unwrap();
    memory.commit(&[batch(&alice, 1..=1)]).unwrap();
}

#[test]
fn a_read_during_a_write_shows_what_was_durable_before() {
    let memory = Arc::new(Memory::new());
    let (alice, bob) = (room("patient:1"), room("patient:2"));
    memory.commit(&[batch(&alice, 1..=2)]).unwrap();
    let before = loaded(&*memory, &alice);
    let looked = Arc::new(AtomicUsize::new(0));
    memory.tree().during_writes({
        let (memory, looked) = (Arc::downgrade(&memory), Arc::clone(&looked));
        let (alice, bob) = (alice.clone(), bob.clone());
        move || {
            let memory = memory.upgrade().unwrap();
            assert_eq!(loaded(&*memory, &alice), before);
            assert_eq!(memory.events(&alice, 0, 10).unwrap().len(), 2);
            assert_eq!(memory.load(&bob).unwrap(), None);
            assert_eq!(memory.rooms().unwrap().len(), 1);
            assert_eq!(memory.room_of_document(&bob.document_id()).unwrap(), None);
            looked.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut growing = batch(&alice, 3..=4);
    growing.summary = Some(summary("Alice"));
    memory.commit(&[growing, batch(&bob, 1..=1)]).unwrap();
    assert_eq!(looked.load(Ordering::Relaxed), 1);
    assert_eq!((loaded(&*memory, &alice).seq, loaded(&*memory, &bob).seq), (4, 1));
}

#[test]
fn facts_are_shown_when_they_are_durable() {
    let alice = room("patient:1");
    let noted = |value: &[u8]| {
        let (table, key) = ("cursor".to_owned(), "patient:1".to_owned());
        vec![RoomBatch::of_facts(
            alice.clone(),
            vec![Fact { table, key, value: Some(value.to_vec()) }],
        )]
    };
    for (fault, survives) in FAULTS {
        let memory = Memory::new();
        memory.commit(&noted(b"1")).unwrap();
        memory.tree().fail_writes([fault]);
        assert!(memory.commit(&noted(b"2")).is_err());
        let value = || memory.facts("cursor").unwrap().remove(0).1;
        let paged = || memory.facts_between("cursor", "", "patient:9", 9).unwrap().remove(0).1;
        assert_eq!((value(), paged()), (b"1".to_vec(), b"1".to_vec()), "{fault:?}");
        memory.reopen().unwrap();
        assert_eq!(value(), if survives { b"2" } else { b"1" }, "{fault:?}");
    }
}

#[test]
fn bindings_are_shown_when_they_are_durable() {
    let alice = room("patient:1");
    for (fault, survives) in FAULTS {
        let memory = Memory::new();
        memory.commit(&[batch(&alice, 1..=1)]).unwrap();
        let bound = loaded(&memory, &alice).bindings;
        let mut binding = batch(&alice, 2..=2);
        binding.batch.bindings = vec![(actor(77), Author::new("bob", "Bob"))];
        memory.tree().fail_writes([fault]);
        assert!(memory.commit(&[binding.clone()]).is_err());
        assert_eq!(loaded(&memory, &alice).bindings, bound, "{fault:?}");
        memory.reopen().unwrap();
        let count = bound.len() + usize::from(survives);
        assert_eq!(loaded(&memory, &alice).bindings.len(), count, "{fault:?}");
        memory.commit(&[binding]).unwrap();
        assert_eq!(loaded(&memory, &alice).bindings.len(), bound.len() + 1, "{fault:?}");
    }
}
