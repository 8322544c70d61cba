//! The contract of [`Storage`] as tests that every storage runs: [`conformance_tests!`] in the
//! storage's own tests, with a [`Subject`] that knows how to make, restart and damage one.

pub(crate) mod contract;
pub(crate) mod lasting;
pub(crate) mod reading;
pub(crate) mod strict;

use std::{ops::ControlFlow, sync::Arc};

use chartroom_engine::{Action, ActorId, Author, Batch, ChangeHash, Event, LoggedChange, RoomId};
use serde_json::{Value, json};

use super::{
    RoomBatch, RoomSummary, Storage, StorageError, StoredRoom, Tree, VALUE_BYTES_MAX, Write,
};

/// A storage under test.
pub(crate) trait Subject {
    /// An empty one.
    fn new() -> Self;
    /// The storage.
    fn storage(&self) -> &dyn Storage;
    /// Its records, to be damaged.
    fn tree(&self) -> &dyn Tree;
    /// Ends it and starts it again, as a process does.
    fn restart(self) -> Self;
}

/// Runs the whole suite on one kind of subject.
macro_rules! conformance_tests {
    ($subject:ty) => {
        crate::storage::conformance::conformance_tests! {
            $subject;
            contract: a_change_is_given_back_as_it_was;
            contract: changes_come_back_in_the_order_of_the_log;
            contract: one_commit_takes_several_rooms;
            contract: several_batches_of_one_room_go_in_one_commit;
            contract: one_bad_batch_keeps_the_whole_commit_out;
            contract: large_values_come_back;
            contract: a_batch_committed_twice_changes_nothing;
            contract: a_gap_or_another_change_at_a_number_is_refused;
            contract: bindings_are_kept_and_never_change_hands;
            contract: an_empty_batch_founds_no_room;
            contract: the_server_actor_is_made_once;
            contract: a_restart_changes_nothing;
            contract: reopening_changes_nothing;
            contract: epochs_are_rooms_of_their_own;
            reading: a_compacted_room_loads_from_its_snapshot;
            reading: compaction_refuses_what_the_log_lacks;
            reading: leftovers_of_an_interrupted_compaction_are_ignored_and_cleaned;
            reading: events_are_read_from_a_number;
            reading: events_come_without_their_resource;
            reading: rooms_are_listed_by_name_with_their_summaries;
            reading: many_rooms_are_listed_in_pages;
            reading: a_room_is_found_by_its_document;
            lasting: facts_are_written_with_their_batch;
            lasting: facts_are_read_in_pages;
            lasting: facts_alone_found_no_room;
            lasting: facts_of_a_refused_commit_are_not_written;
            lasting: a_sealed_epoch_takes_nothing_more_and_is_read;
            lasting: event_numbers_go_on_through_epochs;
            lasting: trimmed_events_are_gone_and_the_rest_stays;
            lasting: leftovers_of_an_interrupted_trim_are_ignored_and_cleaned;
            lasting: an_entry_of_an_earlier_version_is_read;
            strict: a_flipped_byte_is_an_error_that_names_room_and_record;
            strict: a_missing_record_is_an_error;
            strict: a_missing_part_is_an_error;
            strict: a_record_in_the_place_of_another_is_an_error;
            strict: a_damaged_room_harms_no_other_and_stays_listed;
            strict: another_format_version_is_an_error;
            strict: a_store_of_the_version_before_is_taken_over;
        }
    };
    ($subject:ty; $($module:ident: $name:ident;)*) => {
        $(
            #[test]
            fn $name() {
                crate::storage::conformance::$module::$name::<$subject>();
            }
        )*
    };
}
pub(crate) use conformance_tests;

pub(crate) fn room(name: &str) -> RoomId {
    RoomId::first(name.parse().expect("a room name"))
}

pub(crate) fn actor(number: u8) -> ActorId {
    ActorId::from([number; 16])
}

pub(crate) fn change(seq: u64, bytes: &[u8]) -> LoggedChange {
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().zip(seq.to_be_bytes().iter().chain(bytes)) {
        *at = *byte;
    }
    LoggedChange { seq, hash: ChangeHash(hash), bytes: Arc::from(bytes), via: None }
}

/// Bytes that no compression or repetition hides a fault in.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(length).collect()
}

pub(crate) fn event(room: &RoomId, seq: u64) -> Event {
    Event {
        seq,
        event: "RESOURCE_CREATED".to_owned(),
        event_type: "resource.created".to_owned(),
        room: room.name.clone(),
        patient_id: room.name.patient_id().map(str::to_owned),
        resource_type: "Condition".to_owned(),
        resource_id: format!("c{seq}"),
        action: Action::Created,
        resource: json!({"resourceType": "Condition", "id": format!("c{seq}")}).into(),
        changed: vec!["code".to_owned()],
        author: Some(Author::new("alice", "Alice")),
        time_ms: 1_000 + seq,
        authored_ms: -5,
        changes: vec!["ab".repeat(32)],
        import: seq.is_multiple_of(2),
        source: None,
        via: None,
        details: if seq == 1 { Value::Null } else { json!({"severity": 1.50}) },
    }
}

/// A batch of small changes, each with one event.
pub(crate) fn batch(room: &RoomId, seqs: std::ops::RangeInclusive<u64>) -> RoomBatch {
    with_changes(room, seqs.map(|seq| change(seq, &noise(100 + seq as usize))).collect())
}

pub(crate) fn with_changes(room: &RoomId, changes: Vec<LoggedChange>) -> RoomBatch {
    let events = changes.iter().map(|change| event(room, change.seq).into()).collect();
    let batch = Batch { number: 1, changes, events, ..Batch::default() };
    RoomBatch::new(room.clone(), batch, 42)
}

pub(crate) fn summary(title: &str) -> RoomSummary {
    RoomSummary {
        title: Some(title.to_owned()),
        birth_date: Some("1970-01-02".to_owned()),
        deceased: None,
        gender: None,
    }
}

pub(crate) fn loaded(storage: &dyn Storage, room: &RoomId) -> StoredRoom {
    storage.load(room).expect("the room loads").expect("the room is stored")
}

/// All keys of a room's records of one kind: `c`hanges, `s`napshots, `e`vents, `b`indings.
fn raw(tree: &dyn Tree, room: &RoomId, kind: u8) -> Vec<(Vec<u8>, Vec<u8>)> {
    let name = room.name.as_str().as_bytes();
    let from = [b"x", name, &[0], &room.epoch.to_be_bytes(), &[kind]].concat();
    let to = [b"x", name, &[0], &room.epoch.to_be_bytes(), &[kind + 1]].concat();
    raw_between(tree, &from, &to)
}

fn raw_between(tree: &dyn Tree, from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    tree.scan(from, to, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })
    .expect("the tree is read");
    found
}

/// The one error that a damaged room gives, as room and record.
fn complaint<T: std::fmt::Debug>(outcome: Result<T, StorageError>) -> (RoomId, String) {
    match outcome {
        Err(StorageError::Unreadable { room, key, reason }) => (room, format!("{key} {reason}")),
        other => panic!("expected a record that cannot be read, found {other:?}"),
    }
}

fn assert_refused(outcome: Result<(), StorageError>, culprit: &RoomId) {
    match outcome {
        Err(StorageError::Refused { room, .. }) if room == *culprit => {}
        other => panic!("expected a refusal of {culprit}, found {other:?}"),
    }
}

fn put(tree: &dyn Tree, key: &[u8], value: Vec<u8>) {
    tree.write(vec![Write::Put(key.to_vec(), value)]).expect("the tree is written");
}

fn delete(tree: &dyn Tree, key: &[u8]) {
    tree.write(vec![Write::Delete(key.to_vec())]).expect("the tree is written");
}
