//! What a batch carries beside a log: facts, seals, and the event log that goes on through epochs.

use super::*;
use crate::storage::{Epoch, Fact};

fn fact(key: &str, value: Option<&[u8]>) -> Fact {
    Fact {
        table: "cursor-pharmacy".to_owned(),
        key: key.to_owned(),
        value: value.map(<[u8]>::to_vec),
    }
}

fn facts(storage: &dyn Storage) -> Vec<(String, Vec<u8>)> {
    storage.facts("cursor-pharmacy").expect("the facts are read")
}

fn pair(key: &str, value: &[u8]) -> (String, Vec<u8>) {
    (key.to_owned(), value.to_vec())
}

fn next_epoch(room: &RoomId) -> RoomId {
    RoomId { epoch: room.epoch + 1, ..room.clone() }
}

fn epoch(id: &RoomId, sealed: bool, event_first: u64, event_last: u64) -> Epoch {
    Epoch { id: id.clone(), sealed, event_first, event_last, heads: None }
}

pub(crate) fn facts_are_written_with_their_batch<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    let mut with_facts = batch(&alice, 1..=1);
    // Keys of which one begins the other, and a value of many parts.
    let long = noise(3 * VALUE_BYTES_MAX);
    with_facts.facts =
        vec![fact("patient:1", Some(b"7")), fact("patient:10", Some(&long)), fact("x", None)];
    subject.storage().commit(&[with_facts]).unwrap();
    let expected = [pair("patient:1", b"7"), pair("patient:10", &long)];
    assert_eq!(facts(subject.storage()), expected);
    assert_eq!(subject.storage().facts("cursor").unwrap(), []);
    let subject = subject.restart();
    assert_eq!(facts(subject.storage()), expected);
    let later = vec![
        fact("patient:1", Some(b"8")),
        fact("patient:10", Some(b"")),
        fact("patient:1", Some(b"9")),
    ];
    subject.storage().commit(&[RoomBatch::of_facts(alice.clone(), later)]).unwrap();
    assert_eq!(facts(subject.storage()), [pair("patient:1", b"9"), pair("patient:10", b"")]);
    let first = vec![fact("patient:1", Some(b"0")), fact("first", Some(b"1"))];
    let again = vec![fact("first", Some(b"2"))];
    for first_facts in [first, again] {
        let batch = RoomBatch { first_facts, ..RoomBatch::of_facts(alice.clone(), Vec::new()) };
        subject.storage().commit(&[batch]).unwrap();
    }
    let written = subject.storage().fact("cursor-pharmacy", "first").unwrap();
    assert_eq!(written, Some(b"1".to_vec()));
    let drop_it = vec![fact("first", None)];
    subject.storage().commit(&[RoomBatch::of_facts(alice.clone(), drop_it)]).unwrap();
    let one = |key| subject.storage().fact("cursor-pharmacy", key).unwrap();
    assert_eq!((one("patient:1"), one("x")), (Some(b"9".to_vec()), None));
    let gone = vec![fact("patient:10", None)];
    subject.storage().commit(&[RoomBatch::of_facts(alice, gone)]).unwrap();
    assert_eq!(facts(subject.restart().storage()), [pair("patient:1", b"9")]);
}

pub(crate) fn facts_are_read_in_pages<S: Subject>() {
    let subject = S::new();
    let directory = room("facility:directory");
    let numbers = (1..=9).chain([10, 250]).map(|n: u32| n.to_string());
    let written: Vec<Fact> = numbers.map(|key| fact(&key, Some(key.as_bytes()))).collect();
    subject.storage().commit(&[RoomBatch::of_facts(directory.clone(), written)]).unwrap();
    let other = Fact { table: "cursor-pharmacies".to_owned(), ..fact("5", Some(b"other")) };
    subject.storage().commit(&[RoomBatch::of_facts(directory.clone(), vec![other])]).unwrap();
    let subject = subject.restart();
    let page = |after: &str, through: &str, limit| -> Vec<String> {
        let found =
            subject.storage().facts_between("cursor-pharmacy", after, through, limit).unwrap();
        assert!(found.iter().all(|(key, value)| key.as_bytes() == value));
        found.into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(page("", "999", 3), ["1", "2", "3"]);
    assert_eq!(page("3", "6", 100), ["4", "5", "6"]);
    assert_eq!(page("8", "999", 100), ["9", "10", "250"]);
    assert_eq!(page("8", "99", 2), ["9", "10"]);
    let none: [&str; 0] = [];
    assert_eq!(page("250", "999", 100), none);
    assert_eq!(page("6", "3", 100), none);
    assert_eq!(page("", "999", 0), none);
    let gone = vec![fact("1", None), fact("2", None)];
    subject.storage().commit(&[RoomBatch::of_facts(directory, gone)]).unwrap();
    assert_eq!(page("", "999", 2), ["3", "4"]);
}

pub(crate) fn facts_alone_found_no_room<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    let noted = vec![fact("patient:1", Some(b"7"))];
    subject.storage().commit(&[RoomBatch::of_facts(alice.clone(), noted)]).unwrap();
    assert_eq!(subject.storage().rooms().unwrap(), []);
    assert_eq!(subject.storage().load(&alice).unwrap(), None);
    assert_eq!(facts(subject.storage()).len(), 1);
}

pub(crate) fn facts_of_a_refused_commit_are_not_written<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    let mut gap = batch(&alice, 2..=2);
    gap.facts = vec![fact("patient:1", Some(b"7"))];
    assert_refused(subject.storage().commit(&[gap]), &alice);
    assert_eq!(facts(subject.storage()), []);
}

/// The batch that seals an epoch, and founds the next with one change.
fn seal(first: &RoomId) -> RoomBatch {
    let mut founding = with_changes(&next_epoch(first), vec![]);
    founding.batch.changes = vec![change(1, b"kept")];
    let batch = RoomBatch::new(first.clone(), Batch::default(), 1);
    RoomBatch { successor: Some(Box::new(founding)), ..batch }
}

pub(crate) fn a_sealed_epoch_takes_nothing_more_and_is_read<S: Subject>() {
    let subject = S::new();
    let first = room("patient:1");
    let second = next_epoch(&first);
    subject.storage().commit(&[batch(&first, 1..=3)]).unwrap();
    subject.storage().commit(&[seal(&first)]).unwrap();
    subject.storage().commit(&[seal(&first), batch(&first, 2..=3)]).unwrap();
    assert_refused(subject.storage().commit(&[batch(&first, 4..=4)]), &first);
    let summary = RoomBatch { summary: Some(summary("Alice")), ..batch(&first, 3..=3) };
    assert_refused(subject.storage().commit(&[summary]), &first);
    let subject = subject.restart();
    let stored = loaded(subject.storage(), &first);
    assert_eq!((stored.sealed, stored.seq), (true, 3));
    assert!(!loaded(subject.storage(), &second).sealed);
    assert_eq!(
        subject.storage().epochs(&first.name).unwrap(),
        [epoch(&first, true, 1, 3), epoch(&second, false, 4, 3)]
    );
    assert_eq!(subject.storage().epochs(&room("patient:2").name).unwrap(), []);
}

pub(crate) fn event_numbers_go_on_through_epochs<S: Subject>() {
    let subject = S::new();
    let first = room("patient:1");
    let second = next_epoch(&first);
    subject.storage().commit(&[batch(&first, 1..=3), seal(&first)]).unwrap();
    let with_event = |seq, number| {
        let mut batch = with_changes(&second, vec![]);
        batch.batch.changes = vec![change(seq, b"new")];
        batch.batch.events = vec![event(&second, number).into()];
        batch
    };
    assert_refused(subject.storage().commit(&[with_event(2, 1)]), &second);
    assert_refused(subject.storage().commit(&[with_event(2, 5)]), &second);
    subject.storage().commit(&[with_event(2, 4)]).unwrap();
    let subject = subject.restart();
    let stored = loaded(subject.storage(), &second);
    assert_eq!((stored.event_seq, stored.event_time_ms), (4, 1_004));
    assert_eq!(subject.storage().room(&first.name).unwrap().unwrap().event_last, 4);
    let numbers: Vec<u64> =
        subject.storage().events(&second, 0, 10).unwrap().iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [4]);
}

pub(crate) fn trimmed_events_are_gone_and_the_rest_stays<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    subject.storage().commit(&[batch(&alice, 1..=12)]).unwrap();
    assert_refused(subject.storage().trim_events(&alice, 13), &alice);
    subject.storage().trim_events(&alice, 5).unwrap();
    subject.storage().trim_events(&alice, 3).unwrap();
    let numbers = |storage: &dyn Storage, after, limit| -> Vec<u64> {
        storage.events(&alice, after, limit).unwrap().iter().map(|event| event.seq).collect()
    };
    assert_eq!(numbers(subject.storage(), 0, 3), [6, 7, 8]);
    assert_eq!(raw(subject.tree(), &alice, b'e').len(), 7);
    let subject = subject.restart();
    assert_eq!(numbers(subject.storage(), 7, 100), [8, 9, 10, 11, 12]);
    assert_eq!(subject.storage().epochs(&alice.name).unwrap(), [epoch(&alice, false, 6, 12)]);
    subject.storage().commit(&[batch(&alice, 12..=13)]).unwrap();
    subject.storage().trim_events(&alice, 13).unwrap();
    assert_eq!(numbers(subject.storage(), 0, 3), [] as [u64; 0]);
    assert_eq!(loaded(subject.storage(), &alice).event_seq, 13);
}

pub(crate) fn leftovers_of_an_interrupted_trim_are_ignored_and_cleaned<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    subject.storage().commit(&[batch(&alice, 1..=6)]).unwrap();
    let before = raw(subject.tree(), &alice, b'e');
    subject.storage().trim_events(&alice, 4).unwrap();
    for (key, value) in before.into_iter().take(3) {
        put(subject.tree(), &key, value);
    }
    let subject = subject.restart();
    assert_eq!(subject.storage().events(&alice, 0, 10).unwrap().len(), 2);
    subject.storage().trim_events(&alice, 5).unwrap();
    assert_eq!(raw(subject.tree(), &alice, b'e').len(), 1);
}

pub(crate) fn an_entry_of_an_earlier_version_is_read<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    subject.storage().commit(&[batch(&alice, 1..=2)]).unwrap();
    let stored = loaded(subject.storage(), &alice);
    assert_eq!((stored.sealed, stored.event_seq), (false, 2));
    let entry = serde_json::json!({"seq": 2, "event_seq": 2, "snapshot_seq": 0, "bindings": 0});
    crate::storage::keyspace::rewrite_entry(subject.tree(), &alice, &entry);
    let stored = loaded(subject.restart().storage(), &alice);
    assert_eq!((stored.sealed, stored.event_seq, stored.event_time_ms), (false, 2, 0));
}
