//! What a commit promises.

use super::*;

pub(crate) fn a_change_is_given_back_as_it_was<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    assert_eq!(subject.storage().load(&alice).unwrap(), None);
    let written = change(1, b"a chunk");
    subject.storage().commit(&[with_changes(&alice, vec![written.clone()])]).unwrap();
    let stored = loaded(subject.storage(), &alice);
    let expected = StoredRoom {
        snapshot: None,
        changes: vec![written],
        bindings: Vec::new(),
        seq: 1,
        event_seq: 1,
        event_time_ms: 1_001,
        sealed: false,
        tail_bytes: 7,
    };
    assert_eq!(stored, expected);
}

pub(crate) fn changes_come_back_in_the_order_of_the_log<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    // Numbers whose order as text, or in little-endian bytes, would be another.
    for seqs in [1..=9, 10..=99, 100..=256, 257..=600] {
        subject.storage().commit(&[batch(&alice, seqs)]).unwrap();
    }
    let stored = loaded(subject.storage(), &alice);
    assert_eq!(stored.changes, batch(&alice, 1..=600).batch.changes);
    assert_eq!((stored.seq, stored.event_seq), (600, 600));
}

pub(crate) fn one_commit_takes_several_rooms<S: Subject>() {
    let subject = S::new();
    let rooms: Vec<RoomId> = (1..=50).map(|n| room(&format!("patient:{n}"))).collect();
    let batches: Vec<RoomBatch> = rooms.iter().map(|room| batch(room, 1..=3)).collect();
    subject.storage().commit(&batches).unwrap();
    // `patient:1` begins the name of `patient:10`: neither may see the other's records.
    for room in &rooms {
        let stored = loaded(subject.storage(), room);
        assert_eq!(stored.changes, batch(room, 1..=3).batch.changes);
        assert_eq!(subject.storage().events(room, 0, 100).unwrap().len(), 3);
    }
}

pub(crate) fn several_batches_of_one_room_go_in_one_commit<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    let mut again = batch(&alice, 2..=2);
    again.summary = Some(summary("Alice"));
    let batches = [batch(&alice, 1..=1), batch(&alice, 2..=2), again, batch(&alice, 3..=4)];
    subject.storage().commit(&batches).unwrap();
    assert_eq!(loaded(subject.storage(), &alice).changes, batch(&alice, 1..=4).batch.changes);
    let listed = subject.storage().room(&alice.name).unwrap().unwrap();
    assert_eq!(listed.summary, summary("Alice"));
}

pub(crate) fn one_bad_batch_keeps_the_whole_commit_out<S: Subject>() {
    let subject = S::new();
    let (alice, bob) = (room("patient:1"), room("patient:2"));
    let outcome = subject.storage().commit(&[batch(&alice, 1..=2), batch(&bob, 2..=2)]);
    assert_refused(outcome, &bob);
    assert_eq!(subject.storage().load(&alice).unwrap(), None);
    assert_eq!(subject.storage().rooms().unwrap(), []);
    // A refusal leaves the storage in order.
    subject.storage().commit(&[batch(&alice, 1..=2)]).unwrap();
    assert_eq!(loaded(subject.storage(), &alice).seq, 2);
}

pub(crate) fn large_values_come_back<S: Subject>() {
    let mut subject = S::new();
    let alice = room("patient:1");
    // Around the lengths at which a record takes one part more, and the largest change.
    let first = VALUE_BYTES_MAX - 52;
    let edges = [first, first + VALUE_BYTES_MAX].into_iter().flat_map(|at| at - 2..at + 3);
    let lengths: Vec<usize> = [0, 1].into_iter().chain(edges).chain([8 * 1024 * 1024]).collect();
    let changes: Vec<LoggedChange> =
        (1..).zip(&lengths).map(|(seq, length)| change(seq, &noise(*length))).collect();
    subject.storage().commit(&[with_changes(&alice, changes.clone())]).unwrap();
    subject = subject.restart();
    assert!(loaded(subject.storage(), &alice).changes == changes);
    let snapshot = noise(4 * 1024 * 1024);
    subject.storage().compact(&alice, &snapshot, changes.len() as u64).unwrap();
    subject = subject.restart();
    let stored = loaded(subject.storage(), &alice);
    assert!(stored.snapshot == Some(snapshot));
    assert_eq!(stored.changes, []);
}

pub(crate) fn a_batch_committed_twice_changes_nothing<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    let mut twice = batch(&alice, 1..=3);
    twice.batch.bindings = vec![(actor(1), Author::new("alice", "Alice"))];
    subject.storage().commit(&[twice.clone()]).unwrap();
    let before = loaded(subject.storage(), &alice);
    subject.storage().commit(&[twice.clone()]).unwrap();
    assert_eq!(loaded(subject.storage(), &alice), before);
    // As when the first commit got through and the second brings more.
    subject.storage().commit(&[twice, batch(&alice, 4..=4)]).unwrap();
    assert_eq!(loaded(subject.storage(), &alice).seq, 4);
    assert_eq!(subject.storage().events(&alice, 0, 100).unwrap().len(), 4);
}

pub(crate) fn a_gap_or_another_change_at_a_number_is_refused<S: Subject>() {
    let subject = S::new();
    let storage = subject.storage();
    let alice = room("patient:1");
    assert_refused(storage.commit(&[batch(&alice, 0..=0)]), &alice);
    assert_refused(storage.commit(&[batch(&alice, 2..=2)]), &alice);
    storage.commit(&[batch(&alice, 1..=3)]).unwrap();
    assert_refused(storage.commit(&[batch(&alice, 5..=5)]), &alice);
    let other = with_changes(&alice, vec![change(3, b"another change")]);
    assert_refused(storage.commit(&[other]), &alice);
    let mut events = batch(&alice, 4..=4);
    events.batch.events = vec![event(&alice, 5).into()];
    assert_refused(storage.commit(&[events]), &alice);
    let mut events = batch(&alice, 4..=4);
    events.batch.events = vec![Event { seq: 3, ..event(&alice, 4) }.into()];
    assert_refused(storage.commit(&[events]), &alice);
    storage.compact(&alice, b"snapshot", 3).unwrap();
    assert_refused(storage.commit(&[batch(&alice, 2..=2)]), &alice);
    assert_eq!(loaded(storage, &alice).seq, 3);
}

pub(crate) fn bindings_are_kept_and_never_change_hands<S: Subject>() {
    let mut subject = S::new();
    let alice = room("patient:1");
    let bind = |seqs, bindings| {
        let mut bound = batch(&alice, seqs);
        bound.batch.bindings = bindings;
        bound
    };
    // Actors of several lengths: the bytes of one may begin those of another.
    let short = ActorId::from(vec![1, 0, 0]);
    let long = ActorId::from(vec![1, 0, 0, 0, 0, 0, 0]);
    let first = vec![
        (actor(9), Author::new("alice", "Alice")),
        (long.clone(), Author::new("carol", "Carol")),
        (short.clone(), Author::new("bob", "Bob")),
    ];
    subject.storage().commit(&[bind(1..=1, first)]).unwrap();
    let renamed = vec![(actor(9), Author::new("alice", "Alice Smith"))];
    subject.storage().commit(&[bind(2..=2, renamed)]).unwrap();
    let stolen = vec![(actor(9), Author::new("mallory", "Alice Smith"))];
    assert_refused(subject.storage().commit(&[bind(3..=3, stolen)]), &alice);
    subject.storage().compact(&alice, b"snapshot", 2).unwrap();
    subject = subject.restart();
    let mut expected = vec![
        (short, Author::new("bob", "Bob")),
        (long, Author::new("carol", "Carol")),
        (actor(9), Author::new("alice", "Alice Smith")),
    ];
    expected.sort();
    assert_eq!(loaded(subject.storage(), &alice).bindings, expected);
}

pub(crate) fn an_empty_batch_founds_no_room<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    subject.storage().commit(&[]).unwrap();
    subject.storage().commit(&[with_changes(&alice, Vec::new())]).unwrap();
    assert_eq!(subject.storage().load(&alice).unwrap(), None);
    assert_eq!(subject.storage().rooms().unwrap(), []);
}

pub(crate) fn the_server_actor_is_made_once<S: Subject>() {
    let subject = S::new();
    assert_eq!(subject.storage().server_actor(&|| actor(7)).unwrap(), actor(7));
    assert_eq!(subject.storage().server_actor(&|| actor(8)).unwrap(), actor(7));
    let subject = subject.restart();
    assert_eq!(subject.storage().server_actor(&|| actor(9)).unwrap(), actor(7));
}

pub(crate) fn a_restart_changes_nothing<S: Subject>() {
    let mut subject = S::new();
    let (alice, bob) = (room("patient:1"), room("facility:directory"));
    for seq in 1..=40 {
        subject.storage().commit(&[batch(&alice, seq..=seq), batch(&bob, seq..=seq)]).unwrap();
        if seq % 10 == 0 {
            subject = subject.restart();
        }
    }
    for room in [alice, bob] {
        let stored = loaded(subject.storage(), &room);
        assert_eq!(stored.changes, batch(&room, 1..=40).batch.changes);
        assert_eq!(stored.event_seq, 40);
    }
}

pub(crate) fn reopening_changes_nothing<S: Subject>() {
    let subject = S::new();
    let alice = room("patient:1");
    subject.storage().commit(&[batch(&alice, 1..=5)]).unwrap();
    let before = loaded(subject.storage(), &alice);
    subject.storage().reopen().unwrap();
    assert_eq!(loaded(subject.storage(), &alice), before);
    subject.storage().commit(&[batch(&alice, 6..=6)]).unwrap();
    assert_eq!(loaded(subject.storage(), &alice).seq, 6);
}

pub(crate) fn epochs_are_rooms_of_their_own<S: Subject>() {
    let subject = S::new();
    let first = room("patient:1");
    let second = RoomId { epoch: 2, ..first.clone() };
    let mut founding = batch(&second, 1..=1);
    founding.summary = Some(summary("Alice"));
    subject.storage().commit(&[batch(&first, 1..=3), founding]).unwrap();
    assert_eq!(loaded(subject.storage(), &first).seq, 3);
    assert_eq!(loaded(subject.storage(), &second).seq, 1);
    let latest = subject.storage().room(&first.name).unwrap().unwrap();
    assert_eq!((latest.id.clone(), latest.summary.clone()), (second, summary("Alice")));
    assert_eq!(subject.storage().rooms().unwrap(), [latest]);
}
