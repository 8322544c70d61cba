//! Texts that people write together: narrative of a resource, at `Type:id:element` of `$texts`. Between
//! slashes, Automerge's JavaScript would take such a key for a path of its own.
//!
//! Indexes count UTF-16 code units, as JavaScript does. Texts that were begun apart stand beside each
//! other until a person chooses; the one that the room showed first is shown, and written to.

#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeMap;

use automerge::{
    Automerge, AutomergeError, ChangeHash, ObjId, ObjType, ReadDoc,
    transaction::{Transactable, Transaction},
};

use super::{
    CommandError, Document, ShapeError, TEXTS, codec, genesis, history, log_order::LogOrder,
};
use crate::limits;

/// Above this many pairs of characters to compare, what differs in the middle is replaced whole.
const PAIRS_MAX: usize = 1_000_000;

/// What a command comes to for one text.
#[derive(Debug)]
pub(super) struct TextWrite {
    key: String,
    /// The text that stands; `None` where one is made, over all that stand.
    into: Option<ObjId>,
    splice: Splice,
    /// What stands there reads like this behind the write, and whatever way there is short.
    whole: Option<String>,
}

/// A replacement of code units that cuts no pair.
#[derive(Debug, PartialEq, Eq)]
struct Splice {
    index: usize,
    delete: usize,
    insert: String,
}

/// What the keys of a resource's texts begin with.
pub(super) fn prefix(resource_type: &str, id: &str) -> String {
    format!("{resource_type}:{id}:")
}

/// The key of a resource's text.
pub(super) fn key(resource_type: &str, id: &str, element: &str) -> Result<String, ShapeError> {
    let key = prefix(resource_type, id) + element;
    match codec::is_element_name(element) && key.len() <= limits::TEXT_KEY_BYTES_MAX {
        true => Ok(key),
        false => Err(ShapeError::ElementName),
    }
}

/// Type, id and element that a key is made of.
pub(crate) fn names(key: &str) -> Option<(&str, &str, &str)> {
    let (resource_type, rest) = key.split_once(':')?;
    let (id, element) = rest.split_once(':')?;
    Some((resource_type, id, element))
}

/// Whether a name in `$texts` is the key of some resource's text.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn is_key(name: &str) -> bool {
    names(name).is_some_and(|(resource_type, id, element)| key(resource_type, id, element).is_ok())
}

/// Every text that stands at a key, by the change that began it; the shown one first.
pub(super) fn standing(doc: &Automerge, order: &LogOrder, key: &str) -> Vec<(ChangeHash, ObjId)> {
    let all = genesis::collection(TEXTS).and_then(|texts| doc.get_all(texts, key).ok());
    let texts = all.into_iter().flatten().filter(|(value, _)| value.is_object());
    let mut texts: Vec<(ChangeHash, ObjId)> =
        texts.filter_map(|(_, text)| Some((history::writer(doc, &text)?, text))).collect();
    let first = order.first(texts.iter().map(|(hash, _)| hash));
    texts.sort_by_key(|(hash, _)| Some(*hash) != first);
    texts
}

/// The keys of all texts that begin so; with `disputed`, those alone at which several stand.
pub(super) fn keys(doc: &Automerge, prefix: &str, disputed: bool) -> Vec<String> {
    let Some(texts) = genesis::collection(TEXTS) else { return Vec::new() };
    doc.map_range(texts, prefix.to_owned()..)
        .take_while(|item| item.key.starts_with(prefix))
        .filter(|item| item.conflict || !disputed)
        .map(|item| item.key.into_owned())
        .collect()
}

/// A splice of the shown text, or of one that is made for it.
pub(super) fn splice(
    doc: &Automerge,
    order: &LogOrder,
    key: String,
    (index, delete, insert): (usize, usize, &str),
) -> Result<Option<TextWrite>, CommandError> {
    let into = standing(doc, order, &key).into_iter().next().map(|(_, text)| text);
    let before = read(doc, into.as_ref());
    let (index, delete) = whole_units(&before, index, delete);
    let splice = Splice { index, delete, insert: insert.to_owned() };
    if splice.is_nothing() {
        return Ok(None);
    }
    splice.check(&before)?;
    Ok(Some(TextWrite { key, into, splice, whole: None }))
}

/// A write of the whole text, over all that stand.
pub(super) fn set(
    doc: &Automerge,
    order: &LogOrder,
    key: String,
    text: &str,
) -> Result<Option<TextWrite>, CommandError> {
    let mut standing = standing(doc, order, &key).into_iter().map(|(_, text)| text);
    let into = standing.next().filter(|_| standing.next().is_none());
    let before = read(doc, into.as_ref());
    let (splice, pairs) = difference(&before, text);
    if into.is_some() && splice.is_nothing() {
        return Ok(None);
    }
    splice.check(&before)?;
    let whole = (into.is_some() && pairs <= PAIRS_MAX).then(|| text.to_owned());
    Ok(Some(TextWrite { key, into, splice, whole }))
}

impl TextWrite {
    /// Where the text lies.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Operations that it comes to at most.
    pub fn ops(&self) -> u64 {
        (1 + self.splice.delete + units(&self.splice.insert)) as u64
    }

    /// Writes it into a transaction.
    pub fn write(&self, tx: &mut Transaction<'_>) -> Result<(), AutomergeError> {
        let text = match (&self.into, genesis::collection(TEXTS)) {
            (Some(text), _) => text.clone(),
            (None, Some(texts)) => tx.put_object(&texts, self.key.as_str(), ObjType::Text)?,
            (None, None) => return Ok(()),
        };
        if let Some(whole) = &self.whole {
            return tx.update_text(&text, whole);
        }
        let Splice { index, delete, insert } = &self.splice;
        let delete = isize::try_from(*delete).unwrap_or(isize::MAX);
        tx.splice_text(&text, *index, delete, insert)
    }
}

impl Splice {
    fn is_nothing(&self) -> bool {
        self.delete == 0 && self.insert.is_empty()
    }

    /// Refuses to make a text longer than it may be.
    fn check(&self, before: &str) -> Result<(), CommandError> {
        let limit = limits::TEXT_UNITS_MAX;
        let before = units(before);
        let after = before.saturating_sub(self.delete) + units(&self.insert);
        match after > limit && after > before {
            true => Err(CommandError::TextTooLong { units: after, limit }),
            false => Ok(()),
        }
    }
}

impl Document {
    /// The text of a resource that people write together, as every reader sees it; `None` where nobody
    /// began one. It stays where the resource is deleted.
    pub fn text(&self, resource_type: &str, id: &str, element: &str) -> Option<String> {
        let key = key(resource_type, id, element).ok()?;
        let (_, text) = standing(&self.doc, &self.order, &key).into_iter().next()?;
        self.doc.text(text).ok()
    }

    /// All texts of a resource that people write together, by name, each as every reader sees it.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn texts_of(&self, resource_type: &str, id: &str) -> BTreeMap<String, String> {
        let prefix = prefix(resource_type, id);
        let of = |key: String| {
            let (_, text) = standing(&self.doc, &self.order, &key).into_iter().next()?;
            Some((key.get(prefix.len()..)?.to_owned(), self.doc.text(text).ok()?))
        };
        keys(&self.doc, &prefix, false).into_iter().filter_map(of).collect()
    }
}

fn read(doc: &Automerge, text: Option<&ObjId>) -> String {
    text.and_then(|text| doc.text(text).ok()).unwrap_or_default()
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The code units that a splice covers: those that there are, and both halves of a pair.
fn whole_units(text: &str, index: usize, delete: usize) -> (usize, usize) {
    let end = index.saturating_add(delete);
    let (mut at, mut from, mut to) = (0, 0, None);
    for width in text.chars().map(char::len_utf16).chain([0]) {
        if at <= index {
            from = at;
        }
        if at >= end && to.is_none() {
            to = Some(at);
        }
        at += width;
    }
    let to = to.filter(|_| delete > 0).unwrap_or(if delete > 0 { at } else { from });
    (from, to - from)
}

/// The one splice that makes `new` of `old`, and how many pairs of characters differ in it.
fn difference(old: &str, new: &str) -> (Splice, usize) {
    let same = |pair: &(char, char)| pair.0 == pair.1;
    let head: Vec<(char, char)> = old.chars().zip(new.chars()).take_while(same).collect();
    let head: String = head.into_iter().map(|(char, _)| char).collect();
    let (old, new) = (&old.get(head.len()..), &new.get(head.len()..));
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let tail = old.chars().rev().zip(new.chars().rev()).take_while(same);
    let tail: usize = tail.map(|(char, _)| char.len_utf8()).sum();
    let gone = old.get(..old.len() - tail).unwrap_or_default();
    let come = new.get(..new.len() - tail).unwrap_or_default();
    let splice = Splice { index: units(&head), delete: units(gone), insert: come.to_owned() };
    (splice, gone.chars().count().saturating_mul(come.chars().count()))
}

#[cfg(test)]
mod tests;
