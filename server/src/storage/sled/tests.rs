#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected ends there"
)]

mod journal;
mod packs;

use std::{
    fs::OpenOptions,
    ops::ControlFlow,
    os::unix::fs::MetadataExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chartroom_engine::RoomId;
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tempfile::TempDir;

use super::*;
use crate::storage::{
    Storage, VALUE_BYTES_MAX,
    conformance::{
        Subject, actor, batch, change, conformance_tests, loaded, noise, room, with_changes,
    },
};

/// A store in a folder that goes with it.
struct Store {
    sled: Sled,
    folder: TempDir,
}

impl Subject for Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { sled: Sled::at(&folder.path().join("store")).unwrap(), folder }
    }
    fn storage(&self) -> &dyn Storage {
        &self.sled
    }
    fn tree(&self) -> &dyn Tree {
        self.sled.tree()
    }
    fn restart(self) -> Self {
        let Self { sled, folder } = self;
        drop(sled);
        Self { sled: Sled::at(&folder.path().join("store")).unwrap(), folder }
    }
}

conformance_tests!(Store);

/// Writes down the steps in their order, and fails those that it is told to.
#[derive(Clone, Default)]
struct Recorder {
    steps: Arc<Mutex<Vec<&'static str>>>,
    fail_flush: Arc<AtomicBool>,
    fail_sync: Arc<AtomicBool>,
}

impl Steps for Recorder {
    fn append(&self, journal: &File, record: &[u8], at: u64) -> io::Result<()> {
        self.steps.lock().push("append");
        RealSteps.append(journal, record, at)
    }

    fn flush(&self, db: &sled::Db) -> sled::Result<()> {
        self.steps.lock().push("flush");
        if self.fail_flush.swap(false, Ordering::Relaxed) {
            return Err(sled::Error::Io(io::Error::other("no space left")));
        }
        RealSteps.flush(db)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.steps.lock().push("sync");
        if self.fail_sync.swap(false, Ordering::Relaxed) {
            return Err(io::Error::other("the disk is gone"));
        }
        RealSteps.sync(file)
    }
}

fn recorded() -> (TempDir, Recorder, Sled) {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    let sled = Sled::with_steps(folder.path(), Box::new(recorder.clone())).unwrap();
    recorder.steps.lock().clear();
    (folder, recorder, sled)
}

#[test]
fn a_failed_sync_is_made_good_by_a_file_that_is_all_new() {
    let (folder, recorder, sled) = recorded();
    let alice = room("patient:1");
    sled.commit(&[batch(&alice, 1..=3)]).unwrap();
    // Past the journal, into sled's file.
    let long = |seq| with_changes(&alice, vec![change(seq, &[7; 1_200_000])]);
    let inode = || std::fs::metadata(files::data_file(folder.path())).unwrap().ino();
    let inode_before = inode();
    for (step, seq) in [(&recorder.fail_sync, 4), (&recorder.fail_flush, 5)] {
        step.store(true, Ordering::Relaxed);
        let next = [long(seq)];
        assert!(matches!(sled.commit(&next), Err(StorageError::Environment(_))));
        assert_eq!(loaded(&sled, &alice).seq, seq - 1);
        assert!(matches!(sled.commit(&next), Err(StorageError::NeedsReopen)));
        sled.reopen().unwrap();
        sled.commit(&next).unwrap();
        assert_eq!(loaded(&sled, &alice).changes.last(), long(seq).batch.changes.last());
    }
    assert_ne!(inode(), inode_before);
    drop(sled);
    let sled = Sled::at(folder.path()).unwrap();
    assert_eq!(loaded(&sled, &alice).seq, 5);
}

#[test]
fn room_is_reserved_behind_the_last_segment_that_sled_wrote_and_given_back_at_an_opening() {
    const SEGMENT: u64 = 512 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let data = files::data_file(folder.path());
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&data);
    let file = file.unwrap();
    // Segments of the file behind a reservation for so many bytes.
    let reserved = |bytes: u64| {
        files::reserve(&file, usize::try_from(bytes).unwrap()).unwrap();
        file.metadata().unwrap().len() / SEGMENT
    };
    let write_to = |segment: u64| file.write_all_at(&[1], segment * SEGMENT + 4).unwrap();
    assert_eq!(reserved(0), 16);
    for (segment, longer) in [(0, 16), (7, 16), (8, 25), (16, 25), (17, 34)] {
        write_to(segment);
        assert_eq!(reserved(0), longer, "segment {segment} is written");
    }
    assert_eq!(reserved(8 * SEGMENT), 18 + 48, "twice what is written, and that twice");
    files::trim(folder.path()).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 18 * SEGMENT);
    file.set_len(18 * SEGMENT + 9).unwrap();
    assert_eq!(reserved(0), 19 + 16, "a segment that ends early is written");
    file.write_all_at(&[1], 30 * SEGMENT - 1).unwrap();
    files::trim(folder.path()).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 35 * SEGMENT, "nothing is cut off but zeros");
}

#[test]
fn a_store_that_was_left_with_room_in_reserve_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let alice = room("patient:1");
    for seq in 1..=8 {
        let sled = Sled::at(folder.path()).unwrap();
        // Past the journal, into sled's file.
        sled.commit(&[with_changes(&alice, vec![change(seq, &noise(1_200_000))])]).unwrap();
        assert_eq!(loaded(&sled, &alice).seq, seq);
    }
    let length = std::fs::metadata(files::data_file(folder.path())).unwrap().len();
    assert!(length < 60 * 1024 * 1024, "{length} bytes, and what is reserved does not pile up");
}

fn blobs(folder: &TempDir) -> usize {
    std::fs::read_dir(folder.path().join("blobs")).unwrap().count()
}

#[test]
fn long_records_leave_no_blob_files() {
    let (folder, _, sled) = recorded();
    let alice = room("patient:1");
    let large = (1..=6).map(|seq| change(seq, &noise(3 * 1024 * 1024))).collect();
    sled.commit(&[with_changes(&alice, large)]).unwrap();
    assert_eq!(blobs(&folder), 0);
    sled.compact(&alice, &noise(4 * 1024 * 1024), 5).unwrap();
    assert_eq!(blobs(&folder), 0);
    let mut longest = 0;
    sled.tree()
        .scan(&[], &[u8::MAX], &mut |_, value| {
            longest = longest.max(value.len());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(longest, VALUE_BYTES_MAX);
}

/// Pages split and merge as rooms grow at random and are compacted; none may outgrow its place.
#[test]
fn a_life_of_many_rooms_leaves_no_blob_files() {
    let (folder, _, sled) = recorded();
    let mut random = StdRng::seed_from_u64(7);
    let mut seqs = [0; 12];
    for round in 0..400 {
        let mut batches = Vec::new();
        for (number, seq) in seqs.iter_mut().enumerate() {
            if random.random_bool(0.3) {
                *seq += 1;
                let length = 1 << random.random_range(4..16);
                let room = room(&format!("patient:{number}"));
                batches.push(with_changes(&room, vec![change(*seq, &noise(length))]));
            }
        }
        sled.commit(&batches).unwrap();
        if round % 7 == 0 {
            let number = random.random_range(0..seqs.len());
            let length = 1 << random.random_range(4..18);
            let through = seqs.get(number).copied().unwrap_or(0);
            let _ = sled.compact(&room(&format!("patient:{number}")), &noise(length), through);
        }
        assert_eq!(blobs(&folder), 0, "round {round}");
    }
}

#[test]
fn a_blob_that_appears_all_the_same_is_synced() {
    let (folder, recorder, sled) = recorded();
    // Far past what records hand over.
    let long = Write::Put(b"key".to_vec(), noise(1024 * 1024));
    sled.tree().write(vec![long]).unwrap();
    assert_eq!(blobs(&folder), 1);
    // Behind what the founding left pending: the blob, the folder of blobs, the file.
    assert_eq!(*recorder.steps.lock(), ["flush", "sync", "flush", "sync", "sync", "sync"]);
}

#[test]
fn a_second_opening_is_told_that_the_store_is_in_use() {
    let (folder, _, sled) = recorded();
    for _ in 0..2 {
        let second = Sled::at(folder.path()).map(drop);
        assert!(matches!(second, Err(StorageError::InUse { .. })), "{second:?}");
    }
    // And the first is none the worse for it.
    sled.commit(&[batch(&room("patient:1"), 1..=1)]).unwrap();
    drop(sled);
    Sled::at(folder.path()).unwrap();
}

#[test]
fn a_torn_recovery_snapshot_does_not_keep_the_store_shut() {
    let (folder, _, sled) = recorded();
    let alice = room("patient:1");
    sled.commit(&[batch(&alice, 1..=50)]).unwrap();
    drop(sled);
    drop(Sled::at(folder.path()).unwrap());
    let mut torn = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            OpenOptions::new().write(true).open(entry.path()).unwrap().set_len(7).unwrap();
            torn += 1;
        }
    }
    assert!(torn > 0);
    let sled = Sled::at(folder.path()).unwrap();
    assert_eq!(loaded(&sled, &alice).changes, batch(&alice, 1..=50).batch.changes);
}

#[test]
fn the_files_as_they_are_after_an_answer_hold_what_was_answered() {
    let (folder, _, sled) = recorded();
    let alice = room("patient:1");
    for seq in 1..=30 {
        let outcome =
            if seq % 10 == 0 { sled.compact(&alice, &noise(50_000), seq - 1) } else { Ok(()) };
        outcome.unwrap();
        sled.commit(&[batch(&alice, seq..=seq)]).unwrap();
        // What a process that dies here would leave behind.
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
            }
        }
        let left = Sled::at(copy.path()).unwrap();
        assert_eq!(loaded(&left, &alice), loaded(&sled, &alice));
        assert_eq!(loaded(&left, &alice).seq, seq);
    }
}

fn copy_store(from: &Path, to: &Path, keep: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() && keep(&entry.file_name().to_string_lossy()) {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_store_that_lost_its_end_is_not_opened() {
    let (folder, _, sled) = recorded();
    let alice = room("patient:1");
    sled.commit(&[batch(&alice, 1..=3)]).unwrap();
    let older = tempfile::tempdir().unwrap();
    copy_store(folder.path(), older.path(), |name| name != "acknowledged");
    sled.commit(&[batch(&alice, 4..=4)]).unwrap();
    copy_store(folder.path(), older.path(), |name| name == "acknowledged");
    drop(sled);
    let outcome = Sled::at(older.path()).map(drop);
    assert!(
        matches!(outcome, Err(StorageError::Shortened { found: 2, acknowledged: 3, .. })),
        "{outcome:?}"
    );
    // Whoever accepts the loss says so by removing the count.
    std::fs::remove_file(older.path().join("acknowledged")).unwrap();
    let sled = Sled::at(older.path()).unwrap();
    assert_eq!(loaded(&sled, &alice).seq, 3);
    sled.commit(&[batch(&alice, 4..=4)]).unwrap();
}

/// A byte of the store's file is flipped at random places. Whatever comes of it, no room is read
/// that is not as it was committed.
#[test]
fn damage_to_the_file_never_shortens_a_room() {
    let (folder, _, sled) = recorded();
    let rooms: Vec<RoomId> = (0..40).map(|n| room(&format!("patient:{n}"))).collect();
    for seq in 1..=12 {
        let batches: Vec<_> = rooms.iter().map(|room| batch(room, seq..=seq)).collect();
        sled.commit(&batches).unwrap();
    }
    for room in rooms.iter().take(20) {
        sled.compact(room, &noise(9_000), 8).unwrap();
    }
    let expected: Vec<_> = rooms.iter().map(|room| loaded(&sled, room)).collect();
    drop(sled);
    drop(Sled::at(folder.path()).unwrap());
    let data = std::fs::read(files::data_file(folder.path())).unwrap();
    let mut random = StdRng::seed_from_u64(11);
    let (mut noticed, mut unharmed) = (0, 0);
    for _ in 0..60 {
        let damaged = tempfile::tempdir().unwrap();
        copy_store(folder.path(), damaged.path(), |_| true);
        let mut bytes = data.clone();
        let at = random.random_range(0..bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << random.random_range(0..8);
        }
        std::fs::write(files::data_file(damaged.path()), bytes).unwrap();
        let Ok(sled) = Sled::at(damaged.path()) else {
            noticed += 1;
            continue;
        };
        let mut harmed = false;
        for (room, expected) in rooms.iter().zip(&expected) {
            match sled.load(room) {
                Ok(stored) => assert_eq!(stored.as_ref(), Some(expected)),
                Err(StorageError::Unreadable { room: named, .. }) if named == *room => {
                    harmed = true
                }
                Err(StorageError::StoreUnreadable { .. } | StorageError::Environment(_)) => {
                    harmed = true;
                }
                Err(other) => panic!("{other}"),
            }
        }
        if harmed { noticed += 1 } else { unharmed += 1 }
    }
    assert!(noticed > 0 && unharmed > 0, "{noticed} {unharmed}");
}
