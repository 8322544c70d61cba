use std::sync::atomic::AtomicU64;

use super::*;
use crate::storage::sled::journal::HALF;

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
    let long = 1100 * 1024;
    assert_eq!(written(1, long), ["flush", "sync", "flush", "sync"]);
    assert_eq!(written(2, long), ["flush", "sync"]);
    let mut seq = 2;
    // Nothing leaves yet when the first half is full.
    loop {
        seq += 1;
        assert_eq!(written(seq, 60_000), ["append", "sync"]);
        if sled.tree().open.read().as_ref().unwrap().pending.read().is_behind(1.0) {
            break;
        }
    }
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
    assert_eq!(journal.len(), 2 * HALF);
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

/// Lets a process die at every few steps: keeps a copy of the files, and how far answers had come.
struct Deaths {
    folder: PathBuf,
    copies: TempDir,
    steps: AtomicU64,
    answered: Arc<AtomicU64>,
}

impl Deaths {
    fn step(&self, every: u64) {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        if step.is_multiple_of(every) {
            let copy = self.copies.path().join(step.to_string());
            std::fs::create_dir(&copy).unwrap();
            copy_store(&self.folder, &copy, |_| true);
            let answered = self.answered.load(Ordering::Relaxed);
            std::fs::write(copy.with_extension("answered"), answered.to_string()).unwrap();
        }
    }
}

impl Steps for Arc<Deaths> {
    fn append(&self, journal: &File, record: &[u8], at: u64) -> io::Result<()> {
        RealSteps.append(journal, record, at)?;
        self.step(97);
        Ok(())
    }
    fn flush(&self, db: &sled::Db) -> sled::Result<()> {
        // Before it, when sled has a batch in memory alone, and behind it.
        self.step(11);
        RealSteps.flush(db)?;
        self.step(7);
        Ok(())
    }
}

#[test]
fn a_process_that_dies_while_one_half_leaves_and_the_other_is_written_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let deaths = Arc::new(Deaths {
        folder: folder.path().to_owned(),
        copies: tempfile::tempdir().unwrap(),
        steps: AtomicU64::new(0),
        answered: Arc::default(),
    });
    let sled = Sled::with_steps(folder.path(), Box::new(Arc::clone(&deaths))).unwrap();
    let (alice, bob) = (room("patient:1"), room("patient:2"));
    let written = |seq| {
        let text = noise(20_000 + 7 * seq as usize);
        [with_changes(&alice, vec![change(seq, &text)]), batch(&bob, seq..=seq)]
    };
    let mut beside = 0;
    for seq in 1..=450 {
        sled.commit(&written(seq)).unwrap();
        deaths.answered.store(seq, Ordering::Relaxed);
        let before = deaths.steps.load(Ordering::Relaxed);
        sled.tend().unwrap();
        beside += u64::from(deaths.steps.load(Ordering::Relaxed) > before);
    }
    assert!(beside > 20, "sled is handed a little at a time: {beside}");
    let mut died = 0;
    for step in 0..deaths.steps.load(Ordering::Relaxed) {
        let copy = deaths.copies.path().join(step.to_string());
        if !copy.exists() {
            continue;
        }
        died += 1;
        let answered = std::fs::read_to_string(copy.with_extension("answered")).unwrap();
        let answered: u64 = answered.parse().unwrap();
        let sled = Sled::at(&copy).unwrap();
        if answered == 0 {
            continue;
        }
        for (room, own) in [(&alice, 0), (&bob, 1)] {
            let stored = loaded(&sled, room);
            assert!([answered, answered + 1].contains(&stored.seq), "{answered} {}", stored.seq);
            for logged in &stored.changes {
                let batches = written(logged.seq);
                assert_eq!(logged, batches[own].batch.changes.first().unwrap());
            }
            assert_eq!(stored.event_seq, stored.seq);
            assert_eq!(sled.events(room, 0, usize::MAX).unwrap().len() as u64, stored.seq);
        }
    }
    assert!(died > 10, "{died}");
}

#[test]
fn a_half_that_lost_a_record_in_its_middle_is_not_read_past_it() {
    let (folder, _, sled) = recorded();
    let alice = room("patient:1");
    let mut seq = 0;
    // Until a record is in the second half, and nothing left the first.
    while sled.tree().open.read().as_ref().unwrap().pending.read().first_leaving(1).is_empty() {
        seq += 1;
        sled.commit(&[with_changes(&alice, vec![change(seq, &noise(60_000))])]).unwrap();
    }
    let left = tempfile::tempdir().unwrap();
    copy_store(folder.path(), left.path(), |_| true);
    assert_eq!(loaded(&Sled::at(left.path()).unwrap(), &alice).seq, seq);
    let damaged = tempfile::tempdir().unwrap();
    copy_store(folder.path(), damaged.path(), |_| true);
    let file = OpenOptions::new().write(true).open(damaged.path().join("journal")).unwrap();
    file.write_all_at(&[0xab], 2_000_000).unwrap();
    let outcome = Sled::at(damaged.path()).map(drop);
    assert!(matches!(outcome, Err(StorageError::Shortened { .. })), "{outcome:?}");
}

#[test]
fn what_could_not_be_handed_over_is_still_in_the_journal() {
    let (folder, recorder, sled) = recorded();
    let alice = room("patient:1");
    let mut seq = 0;
    let next = |seq: &mut u64| {
        *seq += 1;
        sled.commit(&[with_changes(&alice, vec![change(*seq, &noise(60_000))])]).unwrap();
    };
    for step in [&recorder.fail_flush, &recorder.fail_sync] {
        recorder.steps.lock().clear();
        while !recorder.steps.lock().contains(&"flush") {
            next(&mut seq);
            sled.tend().unwrap();
        }
        while {
            let open = sled.tree().open.read();
            let open = open.as_ref().unwrap();
            let filled = open.journal.lock().filled();
            !open.pending.read().is_behind(filled)
        } {
            next(&mut seq);
        }
        step.store(true, Ordering::Relaxed);
        assert!(matches!(sled.tend(), Err(StorageError::Environment(_))));
        assert_eq!(loaded(&sled, &alice).seq, seq);
        let refused = sled.commit(&[batch(&alice, seq + 1..=seq + 1)]);
        assert!(matches!(refused, Err(StorageError::NeedsReopen)));
        let left = tempfile::tempdir().unwrap();
        copy_store(folder.path(), left.path(), |_| true);
        assert_eq!(loaded(&Sled::at(left.path()).unwrap(), &alice).seq, seq);
        sled.reopen().unwrap();
        assert_eq!(loaded(&sled, &alice).seq, seq);
    }
}
