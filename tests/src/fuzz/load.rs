use std::panic::{AssertUnwindSafe, catch_unwind};

use arbitrary::{Result, Unstructured};

use super::{
    bend,
    person::Person,
    ward::{self, BOB, MALLORY, Ward},
};

/// A snapshot and a tail as stored, some bytes of them bent, are an error or a document that saves
/// and loads again as the same.
pub fn load(data: &[u8]) {
    stored(&mut Unstructured::new(data)).ok();
}

fn stored(choices: &mut Unstructured<'_>) -> Result<()> {
    let mut ward = Ward::new();
    for peer in [BOB, MALLORY] {
        let mut person = Person::in_step(&ward, peer);
        if let Some(change) = person.edit(choices)? {
            ward.offer(peer, vec![change.raw_bytes().to_vec()]);
        }
    }
    let mut snapshot = ward.room.document().save();
    let covered = ward.log.len();
    let mut person = Person::in_step(&ward, BOB);
    for _ in 0..choices.int_in_range(0..=2)? {
        if let Some(change) = person.edit(choices)? {
            ward.offer(BOB, vec![change.raw_bytes().to_vec()]);
        }
    }
    let mut tail: Vec<Vec<u8>> =
        ward.log.iter().skip(covered).map(|chunk| chunk.to_vec()).collect();
    let sound = choices.ratio(1, 8)?;
    if !sound {
        bend_snapshot(&mut snapshot, choices)?;
        bend_tail(&mut tail, choices)?;
    }
    // The server loads on a thread of its own, whose panic is an error of the room's.
    let loaded = catch_unwind(AssertUnwindSafe(|| ward::load(Some(&snapshot), tail)));
    assert!(!sound || matches!(loaded, Ok(Ok(_))), "what was stored can be loaded");
    if let Ok(Ok(document)) = loaded {
        let saved = document.save();
        let again = ward::load(Some(&saved), Vec::new()).expect("what was loaded can be saved");
        assert_eq!(again.heads(), document.heads());
        assert_eq!(again.export(), document.export());
    }
    Ok(())
}

/// Cuts, replaces and adds bytes, as a torn or flipped write would, or as somebody who can write the
/// store: then the checksum is right.
fn bend_snapshot(snapshot: &mut Vec<u8>, choices: &mut Unstructured<'_>) -> Result<()> {
    match choices.int_in_range(0..=3)? {
        0 => snapshot.truncate(choices.int_in_range(0..=snapshot.len())?),
        1 => snapshot.extend(choices.arbitrary::<[u8; 4]>()?),
        2 => {}
        _ => {
            for _ in 0..=choices.int_in_range(0..=3)? {
                let at = choices.int_in_range(0..=snapshot.len() - 1)?;
                if let Some(byte) = snapshot.get_mut(at) {
                    *byte = choices.arbitrary()?;
                }
            }
            if choices.arbitrary()? {
                chartroom_engine::change::seal(snapshot);
            }
        }
    }
    Ok(())
}

fn bend_tail(tail: &mut Vec<Vec<u8>>, choices: &mut Unstructured<'_>) -> Result<()> {
    for chunk in tail.iter_mut() {
        if choices.arbitrary()? {
            *chunk = bend::columns(std::mem::take(chunk), choices)?;
        }
    }
    if choices.ratio(1, 4)? {
        tail.reverse();
    }
    if choices.ratio(1, 4)? {
        tail.pop();
    }
    Ok(())
}
