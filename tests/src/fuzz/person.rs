//! Somebody who writes with automerge itself, as foreign clients do: any object, anywhere.

use arbitrary::{Result, Unstructured};
use automerge::{
    Automerge, AutomergeError, Change, LoadOptions, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    TextEncoding, Value,
    marks::{ExpandMark, Mark},
    transaction::{CommitOptions, Transactable, Transaction},
};
use chartroom_engine::Peer;

use super::{
    ward::{NOW_MS, Ward, actor_of},
    words::{IDS, KEYS, TYPES, text, word},
};

/// Writes of one change.
const WRITES_MAX: usize = 6;

/// What automerge says to a write; it refuses those that make no sense where they are.
type Written = std::result::Result<(), AutomergeError>;

/// A replica of a ward's document, which falls behind until it is made anew.
pub(super) struct Person {
    doc: Automerge,
}

impl Person {
    /// Somebody who has all that the room has, and nothing else.
    pub fn in_step(ward: &Ward, peer: Peer) -> Self {
        let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
        let saved = ward.room.document().save();
        let mut doc =
            Automerge::load_with_options(&saved, options).expect("what a room saves is readable");
        doc.set_actor(actor_of(peer));
        Self { doc }
    }

    /// Writes here and there; no change where every write was one that automerge refuses.
    pub fn edit(&mut self, choices: &mut Unstructured<'_>) -> Result<Option<Change>> {
        let mut tx = self.doc.transaction();
        for _ in 0..=choices.int_in_range(0..=WRITES_MAX)? {
            let name = *choices.choose(&TYPES)?;
            let object = match tx.get(ROOT, name) {
                Ok(Some((Value::Object(_), object))) => object,
                Ok(_) | Err(_) => continue,
            };
            write(&mut tx, object, name == "$texts", choices)?.ok();
        }
        // What no clock says is a bent change's to claim: where automerge checks its arithmetic, its
        // own writer would panic.
        let time = NOW_MS as i64 / 1000 + i64::from(choices.arbitrary::<i8>()?) * 86_400;
        let (hash, _) = tx.commit_with(CommitOptions::default().with_time(time));
        Ok(hash.and_then(|hash| self.doc.get_change_by_hash(&hash)))
    }
}

/// Walks down from a collection and writes once, where the walk ends.
fn write(
    tx: &mut Transaction<'_>,
    mut object: ObjId,
    of_texts: bool,
    choices: &mut Unstructured<'_>,
) -> Result<Written> {
    let mut at_collection = true;
    let (keys, made): (&[&str], _) = match of_texts {
        true => (&KEYS, ObjType::Text),
        false => (&IDS, ObjType::Map),
    };
    loop {
        let kind = match tx.object_type(&object) {
            Ok(kind) => kind,
            Err(error) => return Ok(Err(error)),
        };
        let next = match kind {
            ObjType::Map | ObjType::Table => {
                let key =
                    if at_collection { choices.choose(keys)?.to_string() } else { word(choices)? };
                match tx.get(&object, key.as_str()) {
                    Ok(Some((Value::Object(_), next))) if choices.ratio(3, 4)? => next,
                    _ if at_collection && choices.ratio(7, 8)? => {
                        match tx.put_object(&object, key, made) {
                            Ok(made) => made,
                            Err(error) => return Ok(Err(error)),
                        }
                    }
                    _ => return write_key(tx, &object, key, choices),
                }
            }
            ObjType::List => {
                let index = choices.int_in_range(0..=tx.length(&object))?;
                match tx.get(&object, index) {
                    Ok(Some((Value::Object(_), next))) if choices.ratio(1, 2)? => next,
                    _ => return write_item(tx, &object, index, choices),
                }
            }
            ObjType::Text => return write_text(tx, &object, choices),
        };
        (object, at_collection) = (next, false);
    }
}

fn write_key(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    key: String,
    choices: &mut Unstructured<'_>,
) -> Result<Written> {
    Ok(match choices.int_in_range(0..=7)? {
        0 => tx.delete(object, key),
        1 => tx.put_object(object, key, object_type(choices)?).map(drop),
        2 => tx.increment(object, key, choices.arbitrary()?),
        _ => tx.put(object, key, scalar(choices)?),
    })
}

fn write_item(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    index: usize,
    choices: &mut Unstructured<'_>,
) -> Result<Written> {
    Ok(match choices.int_in_range(0..=5)? {
        0 => tx.delete(object, index),
        1 => tx.insert_object(object, index, object_type(choices)?).map(drop),
        2 => tx.put(object, index, scalar(choices)?),
        3 => tx.increment(object, index, choices.arbitrary()?),
        _ => tx.insert(object, index, scalar(choices)?),
    })
}

fn write_text(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    choices: &mut Unstructured<'_>,
) -> Result<Written> {
    let length = tx.length(object);
    let start = choices.int_in_range(0..=length)?;
    let end = choices.int_in_range(start..=length)?;
    Ok(match choices.int_in_range(0..=3)? {
        0 => {
            let mark = Mark::new(word(choices)?, scalar(choices)?, start, end);
            tx.mark(object, mark, ExpandMark::Both)
        }
        1 => tx.split_block(object, start).map(drop),
        _ => tx.splice_text(object, start, (end - start) as isize, &text(choices)?),
    })
}

fn object_type(choices: &mut Unstructured<'_>) -> Result<ObjType> {
    choices.choose(&[ObjType::Map, ObjType::List, ObjType::Text, ObjType::Table]).copied()
}

pub(super) fn scalar(choices: &mut Unstructured<'_>) -> Result<ScalarValue> {
    Ok(match choices.int_in_range(0..=11)? {
        0 => ScalarValue::Null,
        1 => ScalarValue::Boolean(choices.arbitrary()?),
        2 => ScalarValue::Int(choices.arbitrary()?),
        3 => ScalarValue::Uint(choices.arbitrary()?),
        4 => ScalarValue::F64(choices.arbitrary()?),
        5 => ScalarValue::counter(choices.arbitrary()?),
        6 => ScalarValue::Timestamp(choices.arbitrary()?),
        7 => ScalarValue::Bytes(text(choices)?.into_bytes()),
        _ => ScalarValue::Str(text(choices)?.into()),
    })
}
