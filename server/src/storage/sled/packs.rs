//! Packs: small neighbours in a room's log under one key of sled's, since sled's work goes by the key.
//!
//! A pack has its first key's name behind a prefix that no scan reaches, and holds, for each of its keys
//! in their order, what tells it from others of its log, and its value. It takes what is written from
//! its first key up to the next pack's, so a key that stays is never moved to a pack in front of its
//! own, where a scan that is under way would not find it. Where a key also stands by itself, as all did
//! in earlier versions, the pack's value counts.

use std::{iter::Peekable, vec::IntoIter};

use sled::{Batch, Db, IVec};

use super::{guarded, unread, unreadable};
use crate::storage::keyspace::{LOG_KEYS, TreeError, VALUE_BYTES_MAX, log_of};

/// What packs' keys begin with: behind all that is scanned, and before the count of writes.
const PREFIX: &[u8] = b"\xffp";
/// Longest value that is packed.
const PACKED_BYTES_MAX: usize = VALUE_BYTES_MAX / 4;
/// A pack of this length is left as it is when the log goes on behind it.
const FULL_BYTES: usize = VALUE_BYTES_MAX / 2;
/// A key's end within its log, number and part, and the length of its value, little-endian.
const NAME_BYTES: usize = 8 + 4;
const HEAD_BYTES: usize = NAME_BYTES + 2;

/// A key, and its value or that it is deleted.
pub(super) type Change<'a> = (&'a [u8], Option<&'a [u8]>);

type Item = (Vec<u8>, Vec<u8>);

/// What sled has to do so that it has these changes, which are in the order of their keys.
pub(super) fn batch(db: &Db, changes: &[Change<'_>]) -> Result<Batch, TreeError> {
    let (mut batch, mut rest) = (Batch::default(), changes);
    while let Some(((key, value), behind)) = rest.split_first() {
        let Some(log) = log_of(key) else {
            put_alone(&mut batch, key, *value);
            rest = behind;
            continue;
        };
        let count = rest.iter().take_while(|(key, _)| log_of(key) == Some(log)).count();
        let (of_log, behind) = rest.split_at(count);
        put_log(&mut batch, db, log, of_log)?;
        rest = behind;
    }
    Ok(batch)
}

/// Changes of one log go into the packs that they belong to, and new ones behind or before those.
fn put_log(
    batch: &mut Batch,
    db: &Db,
    log: &[u8],
    changes: &[Change<'_>],
) -> Result<(), TreeError> {
    let (Some((first, _)), Some((last, _))) = (changes.first(), changes.last()) else {
        return Ok(());
    };
    let packs = guarded(|| {
        let before = db.range(pack_key(log)..=pack_key(first)).next_back().transpose()?;
        let from = before.map_or_else(|| IVec::from(pack_key(first)), |(key, _)| key);
        db.range(from..=IVec::from(pack_key(last))).collect::<sled::Result<Vec<_>>>()
    })?
    .map_err(unread)?;
    let before = |rest: &[Change<'_>], pack: Option<&(IVec, IVec)>| {
        let end = pack.map(|(key, _)| key.get(PREFIX.len()..).unwrap_or_default());
        rest.partition_point(|(key, _)| end.is_none_or(|end| *key < end))
    };
    let (new, mut rest) = changes.split_at(before(changes, packs.first()));
    put_items(batch, Vec::new(), new);
    for (place, (key, pack)) in packs.iter().enumerate() {
        let (own, behind) = rest.split_at(before(rest, packs.get(place + 1)));
        rest = behind;
        let items = items(log, pack)?;
        let goes_on =
            items.last().zip(own.first()).is_some_and(|((last, _), (key, _))| **last < **key);
        if own.is_empty() || goes_on && pack.len() >= FULL_BYTES {
            put_items(batch, Vec::new(), own);
        } else {
            batch.remove(key);
            put_items(batch, items, own);
        }
    }
    Ok(())
}

/// Puts a pack's items, changed, into as many packs as they take.
fn put_items(batch: &mut Batch, items: Vec<Item>, changes: &[Change<'_>]) {
    let mut pack: Option<(Vec<u8>, Vec<u8>)> = None;
    let mut put = |key: &[u8], value: &[u8]| {
        let fits = |pack: &Vec<u8>| pack.len() + HEAD_BYTES + value.len() <= VALUE_BYTES_MAX;
        if let Some((key, full)) = pack.take_if(|(_, pack)| !fits(pack)) {
            batch.insert(key, full);
        }
        let (_, bytes) = pack.get_or_insert_with(|| (pack_key(key), Vec::new()));
        append(bytes, key, value);
    };
    let (mut items, mut alone) = (items.into_iter().peekable(), Vec::new());
    for (key, value) in changes {
        while let Some((key, value)) = items.next_if(|(kept, _)| kept.as_slice() < *key) {
            put(&key, &value);
        }
        items.next_if(|(kept, _)| kept == key);
        match value {
            Some(value) if value.len() <= PACKED_BYTES_MAX => put(key, value),
            Some(_) | None => alone.push((key, value)),
        }
    }
    items.for_each(|(key, value)| put(&key, &value));
    if let Some((key, last)) = pack {
        batch.insert(key, last);
    }
    alone.into_iter().for_each(|(key, value)| put_alone(batch, key, *value));
}

fn put_alone(batch: &mut Batch, key: &[u8], value: Option<&[u8]>) {
    match value {
        Some(value) => batch.insert(key, value),
        None => batch.remove(key),
    }
}

fn append(pack: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let length = u16::try_from(value.len()).expect("what is packed is short");
    pack.extend_from_slice(key.last_chunk::<NAME_BYTES>().expect("a log's key ends in its name"));
    pack.extend_from_slice(&length.to_le_bytes());
    pack.extend_from_slice(value);
}

/// What a pack of this log holds.
fn items(log: &[u8], pack: &[u8]) -> Result<Vec<Item>, TreeError> {
    let (mut items, mut rest) = (Vec::new(), pack);
    while !rest.is_empty() {
        let item = rest.split_at_checked(NAME_BYTES).and_then(|(name, rest)| {
            let (length, rest) = rest.split_first_chunk()?;
            let (value, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
            Some((name, value, rest))
        });
        let Some((name, value, behind)) = item else {
            return Err(unreadable("a pack of records is not what was written"));
        };
        items.push(([log, name].concat(), value.to_vec()));
        rest = behind;
    }
    Ok(items)
}

fn pack_key(key: &[u8]) -> Vec<u8> {
    [PREFIX, key].concat()
}

/// What sled has at a key, in a pack or by itself.
pub(super) fn value(db: &Db, key: &[u8]) -> Result<Option<Vec<u8>>, TreeError> {
    if let Some(log) = log_of(key) {
        let span = pack_key(log)..=pack_key(key);
        let pack = guarded(|| db.range(span).next_back()).map_err(unreadable)?;
        if let Some((_, pack)) = pack.transpose().map_err(unread)?
            && let Some((_, value)) = items(log, &pack)?.into_iter().find(|(own, _)| own == key)
        {
            return Ok(Some(value));
        }
    }
    let alone = guarded(|| db.get(key)).map_err(unreadable)?.map_err(unread)?;
    Ok(alone.map(|value| value.to_vec()))
}

/// What sled has of a span, in the order of keys, out of packs and beside them.
pub(super) struct Stored {
    alone: sled::Iter,
    packs: Option<sled::Iter>,
    next_alone: Option<(IVec, IVec)>,
    items: Peekable<IntoIter<Item>>,
    /// Key of the last item of the packs that were opened: one that was divided meanwhile shows again
    /// what was seen.
    last: Vec<u8>,
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Stored {
    pub(super) fn within(db: &Db, from: &[u8], to: &[u8]) -> Result<Self, TreeError> {
        let packed = from < LOG_KEYS.end && to > LOG_KEYS.start;
        let packs = guarded(|| {
            let before = db.range(PREFIX.to_vec()..=pack_key(from)).next_back().transpose()?;
            let first = before.map_or_else(|| IVec::from(pack_key(from)), |(key, _)| key);
            Ok(db.range(first..IVec::from(pack_key(to))))
        });
        let packs = if packed { Some(packs?.map_err(unread)?) } else { None };
        let mut stored = Self {
            alone: db.range(from..to),
            packs,
            next_alone: None,
            items: Vec::new().into_iter().peekable(),
            last: Vec::new(),
            from: from.to_vec(),
            to: to.to_vec(),
        };
        stored.next_alone = next_of(&mut stored.alone)?;
        Ok(stored)
    }

    pub(super) fn next(&mut self) -> Result<Option<(IVec, IVec)>, TreeError> {
        self.open_pack()?;
        let alone = self.next_alone.as_ref().map(|(key, _)| key);
        let packed = self.items.next_if(|(key, _)| alone.is_none_or(|alone| **key <= **alone));
        let Some((key, value)) = packed else {
            let next = next_of(&mut self.alone)?;
            return Ok(std::mem::replace(&mut self.next_alone, next));
        };
        if alone.is_some_and(|alone| **alone == *key) {
            self.next_alone = next_of(&mut self.alone)?;
        }
        Ok(Some((key.into(), value.into())))
    }

    /// Has the next item of a pack at hand, if there is one.
    fn open_pack(&mut self) -> Result<(), TreeError> {
        while self.items.peek().is_none() {
            let Some(packs) = &mut self.packs else { break };
            let Some((key, pack)) = next_of(packs)? else { break };
            let log = key.get(PREFIX.len()..).and_then(log_of);
            let log = log.ok_or_else(|| unreadable("a pack has a name that no version wrote"))?;
            let mut items = items(log, &pack)?;
            let last = items.last().map(|(key, _)| key.clone());
            items.retain(|(key, _)| *key >= self.from && *key < self.to && *key > self.last);
            self.items = items.into_iter().peekable();
            self.last = last.unwrap_or_default().max(std::mem::take(&mut self.last));
        }
        Ok(())
    }
}

fn next_of(entries: &mut sled::Iter) -> Result<Option<(IVec, IVec)>, TreeError> {
    guarded(|| entries.next()).map_err(unreadable)?.transpose().map_err(unread)
}
