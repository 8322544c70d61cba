//! Whoever may write the store changes the trail, and is found out.

use chartroom_engine::RoomId;

use super::*;
use crate::storage::{Fact, RoomBatch, Write};

/// Puts other facts into the store.
fn put(trail: &Trail, facts: Vec<(&str, String, Option<Vec<u8>>)>) {
    let facts = facts.into_iter();
    let facts =
        facts.map(|(table, key, value)| Fact { table: table.to_owned(), key, value }).collect();
    let room = RoomId::first("facility:directory".parse().unwrap());
    trail.memory.commit(&[RoomBatch::of_facts(room, facts)]).unwrap();
}

/// The blocks with `change` done to them, verified.
fn with(trail: &Trail, change: impl FnOnce(&mut Vec<(u64, Vec<u8>)>)) -> Result<Whole, Fault> {
    let mut blocks = trail.blocks();
    change(&mut blocks);
    verify(blocks.into_iter().map(Ok), &trail.expected())
}

/// A block's lines, the hash before it first.
fn lines(block: &[u8]) -> Vec<Vec<u8>> {
    block.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_chain_as_it_was_written_is_whole() {
    assert_eq!(Trail::new().verify(), Ok(Whole::default()));
    let trail = Trail::of_blocks(3);
    // Three blocks of three, and the checkpoint.
    assert_eq!(trail.blocks().len(), 4);
    assert_eq!(trail.verify(), Ok(whole(10, 1)));
    let stored = checkpoints(&*trail.memory).unwrap();
    assert_eq!(stored.keys().collect::<Vec<_>>(), [&9]);
}

#[test]
fn every_byte_that_is_changed_is_found_in_its_entry() {
    let trail = Trail::of_blocks(3);
    for (at, (first, text)) in trail.blocks().iter().enumerate() {
        let mut entry = *first;
        let begins = 1 + text.iter().position(|byte| *byte == b'\n').unwrap();
        for (place, byte) in text.iter().enumerate() {
            for other in [byte ^ 1, byte ^ 32, b'\n', b'\t', b'"'] {
                if other == *byte {
                    continue;
                }
                let found = with(&trail, |blocks| blocks[at].1[place] = other).unwrap_err();
                assert_eq!(found.entry(), entry, "byte {place} as {other}: {found}");
            }
            if *byte == b'\n' && place >= begins {
                entry += 1;
            }
        }
    }
}

#[test]
fn an_entry_that_is_taken_out_of_its_block_is_missing() {
    let trail = Trail::of_blocks(3);
    for n in 1..=10 {
        let (block, line) = ((n - 1) / 3, 1 + (n - 1) % 3);
        let found = with(&trail, |blocks| {
            let (_, text) = &mut blocks[block];
            let mut left = lines(text);
            left.remove(line);
            *text = left.concat();
        });
        assert_eq!(found.unwrap_err().entry(), n as u64);
    }
}

#[test]
fn entries_and_blocks_that_change_places_are_found() {
    let trail = Trail::of_blocks(3);
    let found = with(&trail, |blocks| {
        let mut swapped = lines(&blocks[1].1);
        swapped.swap(2, 3);
        blocks[1].1 = swapped.concat();
    });
    assert_eq!(found, Err(Fault::Missing { n: 5, found: 6 }));
    // The records change places, or what stands in them does.
    let found = with(&trail, |blocks| blocks.swap(0, 2));
    assert_eq!(found, Err(Fault::Missing { n: 1, found: 7 }));
    let found = with(&trail, |blocks| {
        let (one, other) = (blocks[1].1.clone(), blocks[2].1.clone());
        (blocks[1].1, blocks[2].1) = (other, one);
    });
    assert_eq!(found, Err(Fault::Missing { n: 4, found: 7 }));
    // An entry is said twice.
    let found = with(&trail, |blocks| {
        let mut twice = lines(&blocks[0].1);
        twice.insert(2, twice[1].clone());
        blocks[0].1 = twice.concat();
    });
    assert_eq!(found, Err(Fault::Missing { n: 2, found: 1 }));
}

#[test]
fn a_block_that_is_taken_away_is_missing_through_the_storage_too() {
    for block in 0..4 {
        let trail = Trail::of_blocks(3);
        let (first, _) = trail.blocks()[block];
        put(&trail, vec![(chain::TABLE, chain::key(first), None)]);
        let found = trail.verify().unwrap_err();
        assert_eq!(found.entry(), first, "{found}");
    }
}

#[test]
fn a_byte_on_the_disk_is_found_where_the_storage_cannot_read_on() {
    let trail = Trail::of_blocks(3);
    let tree = trail.memory.tree();
    let mut blocks = Vec::new();
    crate::storage::Tree::scan(tree, b"faudit-log", b"faudit-loh", &mut |key, value| {
        blocks.push((key.to_vec(), value.to_vec()));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    let (key, mut value) = blocks[2].clone();
    let last = value.len() - 5;
    value[last] ^= 1;
    crate::storage::Tree::write(tree, vec![Write::Put(key, value)]).unwrap();
    let found = trail.verify().unwrap_err();
    assert_eq!(found.entry(), 7);
    assert!(matches!(found, Fault::Unreadable { .. }), "{found}");
}

#[test]
fn an_end_that_is_cut_off_is_told_by_the_head_or_a_checkpoint() {
    let cut = || {
        let trail = Trail::of_blocks(3);
        put(
            &trail,
            vec![(chain::TABLE, chain::key(7), None), (chain::TABLE, chain::key(10), None)],
        );
        trail
    };
    let trail = cut();
    let found = trail.verify().unwrap_err();
    assert_eq!(
        found.to_string(),
        "entry 7 is missing: the chain ends at 6, and the record of its end says 10"
    );
    // With another head the checkpoint tells, be it the one in the store or one kept elsewhere.
    let kept = checkpoints(&*trail.memory).unwrap();
    let end = chain::lines(&trail.blocks()[1].1).1.last().unwrap().hash.to_vec();
    let hash = String::from_utf8(end).unwrap();
    let head = serde_json::to_vec(&chain::Head { n: 6, hash, block: 4 }).unwrap();
    put(&trail, vec![(chain::HEAD_TABLE, chain::HEAD_KEY.to_owned(), Some(head))]);
    let found = trail.verify().unwrap_err();
    assert_eq!(
        found.to_string(),
        "entry 7 is missing: the chain ends at 6, and a checkpoint says 10"
    );
    put(&trail, vec![(chain::CHECKPOINT_TABLE, chain::key(9), None)]);
    assert_eq!(trail.verify(), Ok(Whole { unsigned: 6, ..whole(6, 0) }), "nothing here tells");
    let expected = Expected { kept, ..trail.expected() };
    let found = verify(Blocks::of(&*trail.memory), &expected).unwrap_err();
    assert_eq!(
        found.to_string(),
        "entry 7 is missing: the chain ends at 6, and a checkpoint that was kept elsewhere says 9"
    );
}

#[test]
fn a_server_that_goes_on_behind_a_cut_end_leaves_the_gap() {
    let trail = Trail::of_blocks(3);
    put(&trail, vec![(chain::TABLE, chain::key(7), None), (chain::TABLE, chain::key(10), None)]);
    let mut next = Trail::over(Arc::clone(&trail.memory), SigningKey::of_memory());
    next.audit.note(read(11));
    next.close();
    let found = trail.verify();
    assert_eq!(found, Err(Fault::Missing { n: 7, found: 11 }));
}

#[test]
fn a_head_that_says_less_is_noted_when_the_server_starts() {
    for head in [None, Some(br#"{"n":3,"hash":"00","block":1}"#.to_vec())] {
        let trail = Trail::of_blocks(3);
        put(&trail, vec![(chain::HEAD_TABLE, chain::HEAD_KEY.to_owned(), head)]);
        assert_eq!(trail.verify(), Err(Fault::Head { n: 10 }));
        let mut next = Trail::over(Arc::clone(&trail.memory), SigningKey::of_memory());
        next.write();
        let expected = Expected { keys: trail.expected().keys, ..next.expected() };
        let found = verify(Blocks::of(&*next.memory), &expected).unwrap();
        assert_eq!((found.entries, found.mismatches), (11, vec![11]));
    }
}

#[test]
fn a_chain_that_is_made_anew_without_the_key_does_not_verify() {
    let trail = Trail::of_blocks(3);
    let forged = Trail::of_blocks(3);
    let keys = trail.expected().keys;
    let expected = Expected { keys: keys.clone(), ..forged.expected() };
    let found = verify(Blocks::of(&*forged.memory), &expected);
    assert_eq!(found, Err(Fault::Checkpoint { n: 10 }));
    // With the true checkpoints in it they do not fit; without any, one that was kept elsewhere tells.
    let stored = checkpoints(&*trail.memory).unwrap();
    let expected = Expected { stored: stored.clone(), ..expected };
    assert!(verify(Blocks::of(&*forged.memory), &expected).is_err());
    let mut bare = Trail::new();
    for n in 1..=12 {
        bare.audit.note(read(n));
    }
    bare.write();
    let expected = Expected { keys: keys.clone(), kept: stored, ..bare.expected() };
    let found = verify(Blocks::of(&*bare.memory), &expected);
    assert_eq!(found, Err(Fault::Kept { n: 9 }));
    // A checkpoint that somebody made up says nothing against the chain.
    let expected = Expected { kept: checkpoints(&*forged.memory).unwrap(), ..trail.expected() };
    let found = verify(Blocks::of(&*trail.memory), &expected);
    assert_eq!(found, Err(Fault::KeptUnsigned { n: 9 }));
}

#[test]
fn a_record_of_a_checkpoint_that_is_gone_or_another_is_found() {
    let trail = Trail::of_blocks(3);
    let mut stored = checkpoints(&*trail.memory).unwrap();
    put(&trail, vec![(chain::CHECKPOINT_TABLE, chain::key(9), None)]);
    assert_eq!(trail.verify(), Err(Fault::Record { n: 10 }));
    let moved = serde_json::to_vec(&stored.remove(&9)).unwrap();
    put(&trail, vec![(chain::CHECKPOINT_TABLE, chain::key(5), Some(moved))]);
    assert_eq!(trail.verify(), Err(Fault::Record { n: 6 }));
}
