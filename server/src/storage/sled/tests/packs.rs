use std::collections::BTreeMap;

use super::*;
use crate::storage::keyspace::log_of;

fn tree_in(folder: &TempDir) -> Sled {
    Sled::at(folder.path()).unwrap()
}

fn log_key(room: u8, kind: u8, number: u64) -> Vec<u8> {
    let name = format!("patient:{room}");
    [b"x", name.as_bytes(), &[0], &1_u32.to_be_bytes(), &[kind], &number.to_be_bytes(), &[0; 4]]
        .concat()
}

fn scanned(tree: &dyn Tree, from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    tree.scan(from, to, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

/// Does something to a closed store with sled alone; it is closed behind it, sled's threads included.
fn with_sled(folder: &TempDir, act: impl FnOnce(&sled::Db)) {
    let db = sled::open(folder.path()).unwrap();
    act(&db);
    db.flush().unwrap();
    drop(db);
    files::claim_soon(folder.path()).unwrap();
}

/// Hands over all that is pending, so that scans read what sled has.
fn settle(sled: &Sled) {
    let open = sled.tree().open.read();
    sled.tree().checkpoint(open.as_ref().unwrap()).unwrap();
}

fn keys_of_sled(sled: &Sled) -> usize {
    sled.tree().open.read().as_ref().unwrap().db.len()
}

/// Puts and deletes at random, in logs and beside them, read as an ordered map would give them.
#[test]
fn packs_read_as_the_map_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut sled = tree_in(&folder);
    let mut random = StdRng::seed_from_u64(5);
    let mut model: BTreeMap<Vec<u8>, Vec<u8>> =
        scanned(sled.tree(), &[], &[u8::MAX]).into_iter().collect();
    for round in 0..120 {
        let mut writes = Vec::new();
        for _ in 0..random.random_range(1..60) {
            let room = random.random_range(0..3);
            let key = match random.random_range(0..8) {
                0 => format!("f{room}").into_bytes(),
                1 => log_key(room, b's', random.random_range(0..9)),
                2..=4 => log_key(room, b'c', random.random_range(0..80)),
                _ => log_key(room, b'e', random.random_range(0..200)),
            };
            if random.random_bool(0.3) {
                model.remove(&key);
                writes.push(Write::Delete(key));
            } else {
                let length =
                    if random.random_bool(0.1) { 1500 } else { random.random_range(0..400) };
                let value = vec![random.random(); length];
                model.insert(key.clone(), value.clone());
                writes.push(Write::Put(key, value));
            }
        }
        sled.tree().write(writes).unwrap();
        if round % 3 == 0 {
            settle(&sled);
        }
        if round % 20 == 19 {
            drop(sled);
            sled = tree_in(&folder);
        }
        let all: Vec<_> = model.clone().into_iter().collect();
        assert_eq!(scanned(sled.tree(), &[], &[u8::MAX]), all, "round {round}");
        let (from, to) = (
            log_key(1, b'c', random.random_range(0..80)),
            log_key(1, b'e', random.random_range(0..200)),
        );
        let part: Vec<_> = model
            .range(from.clone()..to.clone())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        assert_eq!(scanned(sled.tree(), &from, &to), part, "round {round}");
    }
}

#[test]
fn many_small_records_are_few_keys_of_sled() {
    let folder = tempfile::tempdir().unwrap();
    let sled = tree_in(&folder);
    let alice = room("patient:1");
    sled.commit(&[batch(&alice, 1..=200)]).unwrap();
    settle(&sled);
    assert!(keys_of_sled(&sled) < 60, "{}", keys_of_sled(&sled));
    // One at a time: those that are not full are filled first.
    for seq in 201..=400 {
        sled.commit(&[batch(&alice, seq..=seq)]).unwrap();
        settle(&sled);
    }
    assert!(keys_of_sled(&sled) < 160, "{}", keys_of_sled(&sled));
    sled.compact(&alice, b"snapshot", 400).unwrap();
    sled.trim_events(&alice, 400).unwrap();
    settle(&sled);
    assert!(keys_of_sled(&sled) < 8, "{}", keys_of_sled(&sled));
}

/// A scan reads pack by pack; meanwhile they are divided, and emptied from the front.
#[test]
fn a_scan_beside_a_checkpoint_sees_every_key_that_stays_once() {
    let folder = tempfile::tempdir().unwrap();
    let sled = tree_in(&folder);
    let puts = |numbers: &mut dyn Iterator<Item = u64>, length| {
        numbers.map(|number| Write::Put(log_key(1, b'c', number), vec![1; length])).collect()
    };
    sled.tree().write(puts(&mut (0..400).map(|number| number * 2), 100)).unwrap();
    settle(&sled);
    let (mut seen, mut at) = (Vec::new(), 0);
    sled.tree()
        .scan(&log_key(1, b'c', 0), &log_key(1, b'd', 0), &mut |key, _| {
            seen.push(key.to_vec());
            at += 1;
            if at % 37 == 5 {
                sled.tree()
                    .write(puts(&mut (at..at + 90).map(|number| number * 2 + 1), 900))
                    .unwrap();
                let deleted = (0..at / 2).map(|number| Write::Delete(log_key(1, b'c', number * 2)));
                sled.tree().write(deleted.collect()).unwrap();
                settle(&sled);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(seen.is_sorted_by(|one, other| one < other));
    seen.retain(|key| key.get(key.len() - 5).is_some_and(|byte| byte % 2 == 0));
    let expected: Vec<_> = (0..400).map(|number| log_key(1, b'c', number * 2)).collect();
    assert_eq!(seen, expected);
}

/// As the version before left it, every key by itself, and one that had been put into a pack as well.
#[test]
fn a_store_without_packs_is_read_and_goes_on() {
    let (folder, _, sled) = recorded();
    let alice = room("patient:1");
    sled.commit(&[batch(&alice, 1..=20)]).unwrap();
    settle(&sled);
    let all = scanned(sled.tree(), &[], &[u8::MAX]);
    let expected = loaded(&sled, &alice);
    drop(sled);
    with_sled(&folder, |db| {
        for entry in db.scan_prefix(b"\xffp") {
            db.remove(entry.unwrap().0).unwrap();
        }
        for (key, value) in &all {
            db.insert(key.as_slice(), value.as_slice()).unwrap();
        }
    });
    let sled = Sled::at(folder.path()).unwrap();
    assert_eq!(loaded(&sled, &alice), expected);
    sled.commit(&[batch(&alice, 21..=30)]).unwrap();
    settle(&sled);
    assert_eq!(loaded(&sled, &alice).changes, batch(&alice, 1..=30).batch.changes);
    // A key in a pack and beside it is one key.
    let (key, value) = all.iter().rfind(|(key, _)| key.starts_with(b"x")).unwrap();
    sled.tree().write(vec![Write::Put(key.clone(), value.clone())]).unwrap();
    settle(&sled);
    assert_eq!(sled.events(&alice, 0, 100).unwrap().len(), 30);
    sled.compact(&alice, b"snapshot", 25).unwrap();
    sled.trim_events(&alice, 25).unwrap();
    settle(&sled);
    assert_eq!(loaded(&sled, &alice).changes.len(), 5);
    assert_eq!(sled.events(&alice, 0, 100).unwrap().len(), 5);
    let logs =
        scanned(sled.tree(), b"x", b"y").into_iter().filter(|(key, _)| log_of(key).is_some());
    assert_eq!(logs.count(), 10);
}

#[test]
fn a_damaged_pack_is_an_error_that_names_its_room() {
    let (folder, _, sled) = recorded();
    let (alice, bob) = (room("patient:1"), room("patient:2"));
    sled.commit(&[batch(&alice, 1..=20), batch(&bob, 1..=20)]).unwrap();
    drop(sled);
    with_sled(&folder, |db| {
        let (key, pack) = db.scan_prefix(b"\xffpxpatient:1").next().unwrap().unwrap();
        db.insert(key, &pack[..pack.len() - 1]).unwrap();
    });
    let sled = Sled::at(folder.path()).unwrap();
    let outcome = sled.load(&alice);
    assert!(
        matches!(&outcome, Err(StorageError::Unreadable { room, .. }) if *room == alice),
        "{outcome:?}"
    );
    assert_eq!(loaded(&sled, &bob).seq, 20);
}
