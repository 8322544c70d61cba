use std::panic::{AssertUnwindSafe, catch_unwind};

use arbitrary::{Result, Unstructured};
use automerge::Change;
use chartroom_engine::change::{Refusal, scan as scanned};

use super::{
    bend,
    chunk::change_chunk,
    memory::held,
    person::Person,
    ward::{BOB, Ward},
};

/// What the scan of a chunk says is what automerge says, and what automerge's own writer makes within
/// the limits is never refused. The first byte says what the others are: the data of a change chunk,
/// choices of an edit, or choices of an edit and of what its columns are bent to.
pub fn scan(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 3 {
        0 => check(&change_chunk(rest)),
        mode => drop(edited(mode == 2, &mut Unstructured::new(rest))),
    }
}

fn edited(bent: bool, choices: &mut Unstructured<'_>) -> Result<()> {
    let Some(change) = Person::in_step(&Ward::new(), BOB).edit(choices)? else { return Ok(()) };
    if bent {
        check(&bend::columns(change.raw_bytes().to_vec(), choices)?);
    } else {
        let found = scanned(change.raw_bytes());
        assert!(found.is_ok(), "a sound change is refused: {found:?}");
        agree(change.raw_bytes(), &found.expect("asserted above"));
    }
    Ok(())
}

fn check(chunk: &[u8]) {
    let mut found = None;
    let held = held(|| found = Some(scanned(chunk)));
    assert!(held < 8 * 1024, "a scan takes {held} bytes");
    match found.expect("the scan ran") {
        Ok(found) => agree(chunk, &found),
        Err(Refusal::Malformed(reason)) if !on_purpose(reason) && is_short_lived(chunk) => {
            let parsed = catch_unwind(AssertUnwindSafe(|| Change::from_bytes(chunk.to_vec())));
            assert!(!matches!(parsed, Ok(Ok(_))), "automerge takes it: {reason}");
        }
        Err(_) => {}
    }
}

/// Automerge parses what was scanned to the same change, or refuses it; it may panic, as ingest
/// expects, but not run for long.
fn agree(chunk: &[u8], found: &(chartroom_engine::ChangeHash, u64, u64)) {
    let (hash, ops, seq) = *found;
    let parsed = catch_unwind(AssertUnwindSafe(|| Change::from_bytes(chunk.to_vec())));
    let Ok(Ok(change)) = parsed else { return };
    assert_eq!((change.hash(), change.len() as u64, change.seq()), (hash, ops, seq));
    assert_eq!(change.raw_bytes(), chunk);
}

/// What the scan refuses though automerge might take it.
fn on_purpose(reason: &str) -> bool {
    [
        "columns are not in order",
        "sequence number and first operation count from 1",
        "only an actor's first change names an author",
        "an actor id is empty",
    ]
    .contains(&reason)
}

/// Whether no number in the chunk is above 2¹⁴, so that automerge, which expands runs, can be asked
/// about what the scan refused.
fn is_short_lived(chunk: &[u8]) -> bool {
    !chunk.get(9..).unwrap_or_default().windows(2).any(|pair| pair.iter().all(|b| *b >= 0x80))
}
