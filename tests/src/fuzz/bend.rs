//! Sound changes bent: what a change says of itself, its operations, its columns, its bytes.

use std::{
    num::NonZeroU64,
    panic::{AssertUnwindSafe, catch_unwind},
};

use arbitrary::{Result, Unstructured};
use automerge::{
    ActorId, Change, ChangeHash, ExpandedChange, ObjType, ScalarValue,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
};
use chartroom_engine::Peer;

use super::{
    chunk::{Parts, leb, signed_leb},
    person::scalar,
    ward::{BOB, MALLORY, actor_of},
    words::{text, word},
};

const BENDS_MAX: usize = 4;

/// The chunk of a change, bent in one of four ways or left as it is.
pub(super) fn bend(change: &Change, choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let chunk = change.raw_bytes().to_vec();
    Ok(match choices.int_in_range(0..=4)? {
        0 => chunk,
        1 => fields(change, choices)?.unwrap_or(chunk),
        2 => operations(change, choices)?.unwrap_or(chunk),
        3 => columns(chunk, choices)?,
        _ => bytes(chunk, choices)?,
    })
}

/// Bends what the change says of itself.
fn fields(change: &Change, choices: &mut Unstructured<'_>) -> Result<Option<Vec<u8>>> {
    let mut expanded = change.decode();
    for _ in 0..=choices.int_in_range(0..=BENDS_MAX)? {
        match choices.int_in_range(0..=7)? {
            0 => expanded.seq = number(choices)?,
            1 => expanded.start_op = NonZeroU64::new(number(choices)?).unwrap_or(NonZeroU64::MIN),
            2 => expanded.time = choices.arbitrary()?,
            3 => expanded.deps.push(ChangeHash(choices.arbitrary()?)),
            4 => drop(expanded.deps.pop()),
            5 => expanded.actor_id = actor(choices)?,
            6 => expanded.message = Some(text(choices)?.repeat(choices.int_in_range(0..=300)?)),
            _ => expanded.extra_bytes = choices.arbitrary::<[u8; 5]>()?.to_vec(),
        }
    }
    Ok(encoded(expanded))
}

/// Bends the operations.
fn operations(change: &Change, choices: &mut Unstructured<'_>) -> Result<Option<Vec<u8>>> {
    let mut expanded = change.decode();
    for _ in 0..=choices.int_in_range(0..=BENDS_MAX)? {
        let last = expanded.operations.len().saturating_sub(1);
        let at = choices.int_in_range(0..=last)?;
        let Some(op) = expanded.operations.get_mut(at) else { break };
        match choices.int_in_range(0..=7)? {
            0 => op.obj = ObjectId::Id(op_id(choices)?),
            1 => op.obj = ObjectId::Root,
            2 => op.key = Key::Map(word(choices)?.into()),
            3 => op.key = Key::Seq(ElementId::Id(op_id(choices)?)),
            4 => op.pred = vec![op_id(choices)?; choices.int_in_range(0..=2)?].into(),
            5 => op.insert = !op.insert,
            6 => op.action = action(choices)?,
            _ => {
                let op: Op = op.clone();
                expanded.operations.push(op);
            }
        }
    }
    Ok(encoded(expanded))
}

/// Automerge's own encoder has its limits, too: what it cannot write is nobody's attack.
fn encoded(expanded: ExpandedChange) -> Option<Vec<u8>> {
    catch_unwind(AssertUnwindSafe(|| Change::from(expanded).raw_bytes().to_vec())).ok()
}

fn action(choices: &mut Unstructured<'_>) -> Result<OpType> {
    Ok(match choices.int_in_range(0..=6)? {
        0 => OpType::Delete,
        1 => OpType::Increment(choices.arbitrary()?),
        2 => OpType::Make(ObjType::Map),
        3 => OpType::Make(ObjType::Text),
        4 => OpType::MarkEnd(choices.arbitrary()?),
        5 => OpType::Put(ScalarValue::Unknown { type_code: 10, bytes: vec![1, 2] }),
        _ => OpType::Put(scalar(choices)?),
    })
}

/// Near what a room has, or far from it.
fn op_id(choices: &mut Unstructured<'_>) -> Result<OpId> {
    let counter =
        if choices.ratio(3, 4)? { choices.int_in_range(0..=200)? } else { number(choices)? };
    Ok(OpId(counter, actor(choices)?))
}

fn actor(choices: &mut Unstructured<'_>) -> Result<ActorId> {
    Ok(match choices.int_in_range(0..=5)? {
        0 => actor_of(Peer(1)),
        1 => actor_of(BOB),
        2 => ActorId::from([0; 16]),
        3 => ActorId::from(vec![7; choices.int_in_range(0..=40)?]),
        _ => actor_of(MALLORY),
    })
}

fn number(choices: &mut Unstructured<'_>) -> Result<u64> {
    const EDGES: [u64; 8] =
        [0, 1, 2, 1_000_000, u32::MAX as u64 / 2, u32::MAX as u64, i64::MAX as u64, u64::MAX];
    if choices.ratio(3, 4)? { choices.choose(&EDGES).copied() } else { choices.arbitrary() }
}

/// Bends columns: their bytes, their runs, which there are.
pub(super) fn columns(chunk: Vec<u8>, choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let Some(mut parts) = Parts::of(&chunk) else { return Ok(chunk) };
    for _ in 0..=choices.int_in_range(0..=BENDS_MAX)? {
        let last = parts.columns.len().saturating_sub(1);
        let at = choices.int_in_range(0..=last)?;
        let Some((spec, column)) = parts.columns.get_mut(at) else { break };
        match choices.int_in_range(0..=6)? {
            0 => {
                let end = column.len().saturating_sub(1);
                let at = choices.int_in_range(0..=end)?;
                if let Some(byte) = column.get_mut(at) {
                    *byte = choices.arbitrary()?;
                }
            }
            1 => {
                signed_leb(number(choices)? as i64, column);
                leb(number(choices)?, column);
            }
            2 => {
                let end = column.len();
                column.truncate(choices.int_in_range(0..=end)?);
            }
            3 => *spec = u64::from(choices.arbitrary::<u8>()?),
            4 => drop(parts.columns.remove(at)),
            5 => {
                let column = (u64::from(choices.arbitrary::<u8>()?), vec![choices.arbitrary()?, 1]);
                parts.columns.insert(at, column);
            }
            _ => parts.extra.push(choices.arbitrary()?),
        }
    }
    Ok(parts.chunk())
}

/// Replaces some bytes behind the chunk's checksum, which is made right again.
fn bytes(mut chunk: Vec<u8>, choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    for _ in 0..=choices.int_in_range(0..=BENDS_MAX)? {
        let at = choices.int_in_range(8..=chunk.len() - 1)?;
        if let Some(byte) = chunk.get_mut(at) {
            *byte = choices.arbitrary()?;
        }
    }
    chartroom_engine::change::seal(&mut chunk);
    Ok(chunk)
}
