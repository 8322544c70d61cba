//! Compaction, events and lists.

use super::*;

pub(crate) fn a_compacted_room_loads_from_its_snapshot<S: Subject>() {
    let mut subject = S::new();
    let alice = room("patient:1");
    subject.storage().commit(&[batch(&alice, 1..=20)]).unwrap();
    let first = noise(20_000);
    subject.storage().compact(&alice, &first, 15).unwrap();
    let stored = loaded(subject.storage(), &alice);
    assert_eq!(stored.snapshot, Some(first));
    assert_eq!(stored.changes, batch(&alice, 16..=20).batch.changes);
    assert_eq!((stored.seq, stored.event_seq), (20, 20));
    // The log goes on, and a later snapshot takes the place of the first.
    subject.storage().commit(&[batch(&alice, 21..=22)]).unwrap();
    subject.storage().compact(&alice, b"second", 22).unwrap();
    subject = subject.restart();
    let stored = loaded(subject.storage(), &alice);
    assert_eq!(stored.snapshot.as_deref(), Some(b"second".as_slice()));
    assert_eq!((stored.changes.len(), stored.seq, stored.tail_bytes), (0, 22, 0));
    assert_eq!(raw(subject.tree(), &alice, b'c'), []);
    assert_eq!(raw(subject.tree(), &alice, b's').len(), 1);
    assert_eq!(subject.storage().events(&alice, 0, 100).unwrap().len(), 22);
}

pub(crate) fn compaction_refuses_what_the_log_lacks<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    assert_refused(subject.storage().compact(&alice, b"snapshot", 1), &alice);
    subject.storage().commit(&[batch(&alice, 1..=5)]).unwrap();
    assert_refused(subject.storage().compact(&alice, b"snapshot", 6), &alice);
    subject.storage().compact(&alice, b"snapshot", 0).unwrap();
    assert_eq!(loaded(subject.storage(), &alice).snapshot, None);
    subject.storage().compact(&alice, b"snapshot", 4).unwrap();
    subject.storage().compact(&alice, b"late", 3).unwrap();
    let stored = loaded(subject.storage(), &alice);
    assert_eq!(stored.snapshot.as_deref(), Some(b"snapshot".as_slice()));
}

pub(crate) fn leftovers_of_an_interrupted_compaction_are_ignored_and_cleaned<S: Subject>() {
    let subject = S::new();
    let (storage, tree) = (subject.storage(), subject.tree());
    let alice = room("patient:1");
    storage.commit(&[batch(&alice, 1..=10)]).unwrap();
    let covered = raw(tree, &alice, b'c');
    storage.compact(&alice, &noise(30_000), 5).unwrap();
    let clean = loaded(storage, &alice);
    // As if the power went before anything covered was deleted, one half of it, or all but one.
    for left in [covered.as_slice(), &covered[..5], &covered[4..5]] {
        for (key, value) in left {
            put(tree, key, value.clone());
        }
        assert_eq!(loaded(storage, &alice), clean);
    }
    storage.compact(&alice, b"next", 10).unwrap();
    assert_eq!(raw(tree, &alice, b'c'), []);
    assert_eq!(raw(tree, &alice, b's').len(), 1);
    assert_eq!(loaded(storage, &alice).snapshot.as_deref(), Some(b"next".as_slice()));
}

pub(crate) fn events_are_read_from_a_number<S: Subject>() {
    let subject = S::new();
    let storage = subject.storage();
    let alice = room("patient:1");
    assert_eq!(storage.events(&alice, 0, 10).unwrap(), []);
    storage.commit(&[batch(&alice, 1..=12)]).unwrap();
    let numbers = |after, limit| -> Vec<u64> {
        storage.events(&alice, after, limit).unwrap().iter().map(|event| event.seq).collect()
    };
    assert_eq!(numbers(0, 5), [1, 2, 3, 4, 5]);
    assert_eq!(numbers(5, 100), [6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(numbers(11, 1), [12]);
    assert_eq!(numbers(12, 5), [] as [u64; 0]);
    assert_eq!(numbers(0, 0), [] as [u64; 0]);
    assert_eq!(numbers(u64::MAX, usize::MAX), [] as [u64; 0]);
    assert_eq!(numbers(10, usize::MAX), [11, 12]);
}

pub(crate) fn events_come_without_their_resource<S: Subject>() {
    let subject = S::new();
    for room in [room("patient:1"), room("facility:directory")] {
        subject.storage().commit(&[batch(&room, 1..=3)]).unwrap();
        let expected: Vec<Event> = (1..=3)
            .map(|seq| Event { resource: std::sync::Arc::default(), ..event(&room, seq) })
            .collect();
        assert_eq!(subject.storage().events(&room, 0, 10).unwrap(), expected);
    }
}

pub(crate) fn rooms_are_listed_by_name_with_their_summaries<S: Subject>() {
    let mut subject = S::new();
    let names = ["patient:2", "facility:directory", "patient:1", "patient:10"];
    for name in names {
        let mut founding = batch(&room(name), 1..=1);
        founding.summary = Some(summary(name));
        subject.storage().commit(&[founding]).unwrap();
    }
    // No summary leaves the one that stands; one that is long, then short again, replaces it.
    subject.storage().commit(&[batch(&room("patient:1"), 2..=2)]).unwrap();
    for (seq, title) in [(2, "x".repeat(20_000)), (3, "short".to_owned())] {
        let mut renaming = batch(&room("patient:2"), seq..=seq);
        renaming.summary = Some(summary(&title));
        subject.storage().commit(&[renaming]).unwrap();
    }
    subject = subject.restart();
    let listed = subject.storage().rooms().unwrap();
    let titles: Vec<(&str, Option<&str>)> = listed
        .iter()
        .map(|record| (record.id.name.as_str(), record.summary.title.as_deref()))
        .collect();
    let expected = [
        ("facility:directory", Some("facility:directory")),
        ("patient:1", Some("patient:1")),
        ("patient:10", Some("patient:10")),
        ("patient:2", Some("short")),
    ];
    assert_eq!(titles, expected);
    assert_eq!(subject.storage().room(&room("patient:1").name).unwrap().unwrap(), listed[1]);
    assert_eq!(subject.storage().room(&room("patient:3").name).unwrap(), None);
}

pub(crate) fn many_rooms_are_listed_in_pages<S: Subject>() {
    let subject = S::new();
    let batches: Vec<RoomBatch> =
        (0..1000).map(|n| batch(&room(&format!("patient:{n}")), 1..=1)).collect();
    subject.storage().commit(&batches).unwrap();
    let mut expected: Vec<RoomId> = batches.into_iter().map(|batch| batch.room).collect();
    expected.sort();
    let listed = subject.storage().rooms().unwrap();
    assert_eq!(listed.into_iter().map(|record| record.id).collect::<Vec<_>>(), expected);
}

pub(crate) fn a_room_is_found_by_its_document<S: Subject>() {
    let subject = S::new();
    let first = room("patient:1");
    let second = RoomId { epoch: 2, ..first.clone() };
    subject.storage().commit(&[batch(&first, 1..=1), batch(&second, 1..=1)]).unwrap();
    let subject = subject.restart();
    for room in [first, second] {
        let found = subject.storage().room_of_document(&room.document_id()).unwrap();
        assert_eq!(found, Some(room));
    }
    let unknown = room("patient:2").document_id();
    assert_eq!(subject.storage().room_of_document(&unknown).unwrap(), None);
}
