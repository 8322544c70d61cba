use super::*;

#[test]
fn every_write_is_in_the_journal_and_synced_before_it_is_answered() {
    let (_folder, recorder, sled) = recorded();
    let alice = room("patient:1");
    let answered = |outcome: Result<(), StorageError>| {
        outcome.unwrap();
        recorder.steps.lock().push("answer");
    };
    answered(sled.commit(&[batch(&alice, 1..=3), batch(&room("patient:2"), 1..=1)]));
    answered(sled.commit(&[batch(&alice, 4..=4)]));
    answered(sled.compact(&alice, b"snapshot", 4));
    answered(sled.server_actor(&|| actor(1)).map(drop));
    let commit = ["append", "sync", "answer"];
    // The snapshot's write is durable before the one that deletes what it covers begins.
    let compaction = ["append", "sync", "append", "sync", "answer"];
    let expected = [&commit[..], &commit, &compaction, &commit].concat();
    assert_eq!(*recorder.steps.lock(), expected);
}

#[test]
fn sled_is_flushed_and_synced_when_the_journal_is_full_and_past_it_for_a_long_write() {
    let (folder, recorder, sled) = recorded();
    let alice = room("patient:1");
    let written = |seq, bytes| {
        recorder.steps.lock().clear();
        sled.commit(&[with_changes(&alice, vec![change(seq, &noise(bytes))])]).unwrap();
        recorder.steps.lock().clone()
    };
    // What the founding left pending, and the write.
    assert_eq!(written(1, 1024 * 1024), ["flush", "sync", "flush", "sync"]);
    assert_eq!(written(2, 1024 * 1024), ["flush", "sync"]);
    let mut seq = 2;
    for _ in 0..3 {
        // Each of them the front of a journal that older records follow.
        let mut appended = 0;
        loop {
            seq += 1;
            let steps = written(seq, 60_000);
            appended += 1;
            if steps != ["append", "sync"] {
                assert!(steps.starts_with(&["flush", "sync"]), "{steps:?}");
                assert!(steps.ends_with(&["flush", "sync", "append", "sync"]), "{steps:?}");
                break;
            }
        }
        assert!(appended > 10, "{appended}");
        let left = tempfile::tempdir().unwrap();
        copy_store(folder.path(), left.path(), |_| true);
        assert_eq!(loaded(&Sled::at(left.path()).unwrap(), &alice), loaded(&sled, &alice));
    }
    let journal = std::fs::metadata(folder.path().join("journal")).unwrap();
    assert_eq!(journal.len(), 1024 * 1024);
}

#[test]
fn a_torn_record_at_the_end_of_the_journal_is_a_write_that_never_was() {
    let (folder, _, sled) = recorded();
    let alice = room("patient:1");
    sled.commit(&[batch(&alice, 1..=3)]).unwrap();
    let journal = || std::fs::read(folder.path().join("journal")).unwrap();
    let end = |bytes: Vec<u8>| bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let before = end(journal());
    let older = tempfile::tempdir().unwrap();
    copy_store(folder.path(), older.path(), |name| name != "journal");
    sled.commit(&[batch(&alice, 4..=4)]).unwrap();
    let whole = journal();
    let whole_end = end(whole.clone());
    for cut in (before..whole_end).step_by(41).chain([whole_end - 1, whole_end]) {
        let mut torn = whole.clone();
        torn.iter_mut().skip(cut).for_each(|byte| *byte = 0);
        let left = tempfile::tempdir().unwrap();
        copy_store(older.path(), left.path(), |_| true);
        std::fs::write(left.path().join("journal"), &torn).unwrap();
        let seq = if torn == whole { 4 } else { 3 };
        assert_eq!(loaded(&Sled::at(left.path()).unwrap(), &alice).seq, seq, "cut at {cut}");
    }
}

#[test]
fn a_failed_sync_of_the_journal_is_made_good_by_a_flush_of_sled() {
    let (folder, recorder, sled) = recorded();
    let alice = room("patient:1");
    sled.commit(&[batch(&alice, 1..=3)]).unwrap();
    recorder.fail_sync.store(true, Ordering::Relaxed);
    let next = [batch(&alice, 4..=4)];
    assert!(matches!(sled.commit(&next), Err(StorageError::Environment(_))));
    assert_eq!(loaded(&sled, &alice).seq, 3);
    recorder.steps.lock().clear();
    sled.reopen().unwrap();
    assert_eq!(recorder.steps.lock().last_chunk(), Some(&["flush", "sync"]));
    // Nobody knew what became of it, and it is committed once more.
    sled.commit(&next).unwrap();
    drop(sled);
    let sled = Sled::at(folder.path()).unwrap();
    assert_eq!(loaded(&sled, &alice).changes, batch(&alice, 1..=4).batch.changes);
}
