//! Damage is noticed and named, wherever it is.

use super::*;

/// A room with records of every kind, several of them in parts.
fn furnished<S: Subject>() -> (S, RoomId) {
    let subject = S::new();
    let alice = room("patient:1");
    let mut first = batch(&alice, 1..=6);
    first.batch.bindings =
        vec![(actor(1), Author::new("alice", "Alice")), (actor(2), Author::new("bob", "Bob"))];
    subject.storage().commit(&[first]).unwrap();
    subject.storage().compact(&alice, &noise(20_000), 3).unwrap();
    let large = with_changes(&alice, vec![change(7, &noise(40_000)), change(8, b"last")]);
    subject.storage().commit(&[large, batch(&room("patient:2"), 1..=2)]).unwrap();
    (subject, alice)
}

fn all_of(tree: &dyn Tree, room: &RoomId) -> Vec<(Vec<u8>, Vec<u8>)> {
    let name = room.name.as_str().as_bytes();
    let entry = raw_between(tree, &[b"r", name, &[0]].concat(), &[b"r", name, &[1]].concat());
    let document = [b"d".as_slice(), &room.document_id().0].concat();
    let document = raw_between(tree, &document, &[document.as_slice(), &[255; 5]].concat());
    let kinds = [b'b', b'c', b'e', b's'].into_iter().flat_map(|kind| raw(tree, room, kind));
    entry.into_iter().chain(document).chain(kinds).collect()
}

/// Everything of the room is read; the first thing that cannot be is the answer.
fn read_all(storage: &dyn Storage, room: &RoomId) -> Result<(), StorageError> {
    storage.load(room)?.expect("the room is stored");
    storage.events(room, 0, usize::MAX)?;
    Ok(())
}

/// The room that an error names, where the record belongs to one, and the record.
fn named(outcome: Result<(), StorageError>, alice: &RoomId) -> String {
    match outcome {
        Err(StorageError::Unreadable { room, key, .. }) if room == *alice => key,
        Err(StorageError::StoreUnreadable { key, .. }) => key,
        other => panic!("expected a record that cannot be read, found {other:?}"),
    }
}

pub(crate) fn a_flipped_byte_is_an_error_that_names_room_and_record<S: Subject>() {
    let (subject, alice) = furnished::<S>();
    let (storage, tree) = (subject.storage(), subject.tree());
    read_all(storage, &alice).unwrap();
    let records = all_of(tree, &alice);
    assert!(records.len() > 25);
    for (key, value) in records {
        for at in [0, 8, value.len() / 2, value.len() - 1] {
            let mut flipped = value.clone();
            flipped[at.min(value.len() - 1)] ^= 0x10;
            put(tree, &key, flipped);
            named(read_all(storage, &alice), &alice);
        }
        put(tree, &key, value);
    }
    read_all(storage, &alice).unwrap();
    let (key, value) = raw(tree, &alice, b'c').into_iter().nth(1).unwrap();
    put(tree, &key, [value.as_slice(), b"x"].concat());
    assert_eq!(complaint(storage.load(&alice)), (alice, "change 5 is altered".to_owned()));
}

pub(crate) fn a_missing_record_is_an_error<S: Subject>() {
    let (subject, alice) = furnished::<S>();
    let (storage, tree) = (subject.storage(), subject.tree());
    // Every record, the last change and the last event among them.
    for (key, value) in all_of(tree, &alice) {
        delete(tree, &key);
        named(read_all(storage, &alice), &alice);
        put(tree, &key, value);
    }
    read_all(storage, &alice).unwrap();
    let last = raw(tree, &alice, b'c').pop().unwrap();
    delete(tree, &last.0);
    let expected = (alice.clone(), "change 8 is missing".to_owned());
    assert_eq!(complaint(storage.load(&alice)), expected);
    put(tree, &last.0, last.1);
    let entry = all_of(tree, &alice).swap_remove(0);
    delete(tree, &entry.0);
    let expected = (alice.clone(), "entry is missing".to_owned());
    assert_eq!(complaint(storage.load(&alice)), expected);
    // Nor may such a room be founded anew over what is left of it.
    assert_eq!(complaint(storage.commit(&[batch(&alice, 1..=1)])), expected);
}

pub(crate) fn a_missing_part_is_an_error<S: Subject>() {
    let (subject, alice) = furnished::<S>();
    let (storage, tree) = (subject.storage(), subject.tree());
    let parts: Vec<_> = raw(tree, &alice, b'c').into_iter().skip(3).take(10).collect();
    assert_eq!(parts.len(), 10);
    for (key, value) in &parts {
        delete(tree, key);
        let (room, key_and_reason) = complaint(storage.load(&alice));
        assert_eq!(room, alice);
        assert!(key_and_reason.starts_with("change 7 "), "{key_and_reason}");
        for cut in [0, 1, value.len() / 2] {
            put(tree, key, value[..cut].to_vec());
            let (_, key_and_reason) = complaint(storage.load(&alice));
            assert!(key_and_reason.starts_with("change 7 "), "{key_and_reason}");
        }
        put(tree, key, value.clone());
    }
    read_all(storage, &alice).unwrap();
}

pub(crate) fn a_record_in_the_place_of_another_is_an_error<S: Subject>() {
    let (subject, alice) = furnished::<S>();
    let (storage, tree) = (subject.storage(), subject.tree());
    let changes = raw(tree, &alice, b'c');
    put(tree, &changes[0].0, changes[1].1.clone());
    assert_eq!(complaint(storage.load(&alice)), (alice.clone(), "change 4 is altered".to_owned()));
    put(tree, &changes[0].0, changes[0].1.clone());
    let other = raw(tree, &room("patient:2"), b'e');
    let events = raw(tree, &alice, b'e');
    put(tree, &events[0].0, other[0].1.clone());
    let outcome = storage.events(&alice, 0, 1);
    assert_eq!(complaint(outcome), (alice, "event 1 is altered".to_owned()));
}

pub(crate) fn a_damaged_room_harms_no_other_and_stays_listed<S: Subject>() {
    let (subject, alice) = furnished::<S>();
    let bob = room("patient:2");
    let (key, mut value) = all_of(subject.tree(), &alice).swap_remove(0);
    *value.last_mut().unwrap() ^= 1;
    put(subject.tree(), &key, value);
    let subject = subject.restart();
    let storage = subject.storage();
    let expected = (alice.clone(), "entry is altered".to_owned());
    assert_eq!(complaint(storage.load(&alice)), expected);
    assert_eq!(complaint(storage.commit(&[batch(&alice, 9..=9)])), expected);
    assert_eq!(loaded(storage, &bob).seq, 2);
    storage.commit(&[batch(&bob, 3..=3)]).unwrap();
    let listed: Vec<RoomId> = storage.rooms().unwrap().into_iter().map(|room| room.id).collect();
    assert_eq!(listed, [alice.clone(), bob]);
    assert!(storage.room(&alice.name).unwrap().is_some());
}

pub(crate) fn another_format_version_is_an_error<S: Subject>() {
    let subject = S::new();
    let (key, value) = raw_between(subject.tree(), b"m", b"n").pop().unwrap();
    let other = version_record("4");
    assert_eq!(value, version_record("3"));
    put(subject.tree(), &key, other);
    let outcome = subject.storage().reopen();
    assert!(
        matches!(&outcome, Err(StorageError::Version { found, expected: 3 }) if found == "4"),
        "{outcome:?}"
    );
    // Nor is a folder of somebody else's records a store.
    delete(subject.tree(), &key);
    put(subject.tree(), b"something", b"else".to_vec());
    let outcome = subject.storage().reopen();
    assert!(
        matches!(&outcome, Err(StorageError::Version { found, .. }) if found == "none"),
        "{outcome:?}"
    );
}

pub(crate) fn a_store_of_the_version_before_is_taken_over<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    subject.storage().commit(&[batch(&alice, 1..=3)]).unwrap();
    let (key, _) = raw_between(subject.tree(), b"m", b"n").pop().unwrap();
    for before in ["1", "2"] {
        put(subject.tree(), &key, version_record(before));
        subject.storage().reopen().unwrap();
        let versions = raw_between(subject.tree(), b"m", b"n");
        assert_eq!(versions, [(key.clone(), version_record("3"))]);
        assert_eq!(loaded(subject.storage(), &alice).seq, 3);
    }
}

/// The record of a version, spelled out here so that its layout is held by a test.
fn version_record(version: &str) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(b"mversion");
    hasher.update(version.as_bytes());
    let length = (version.len() as u64).to_le_bytes();
    [length.as_slice(), &hasher.finalize().to_le_bytes(), version.as_bytes()].concat()
}
