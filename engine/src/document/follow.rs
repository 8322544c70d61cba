//! What a plain change makes of a resource, told without reading the document.
//!
//! A change is plain for a resource if all it does there is to put values at elements of the one map
//! that stands, each in place of exactly what stood there, by somebody who knew of everything that
//! stands in it. Then nothing in the resource is concurrent behind the change either, and readers see
//! what they saw with these elements set. Any other change is read; debug builds read these too, and
//! hold one against the other ([`Room`](crate::Room)).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use automerge::{Change, ChangeHash, ObjId, ScalarValue, legacy::OpId};
use serde_json::Value;

use super::{Document, codec, view};

/// A resource as readers see it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    /// `None` where it is absent or deleted.
    pub resource: Option<Arc<Value>>,
    /// The names of its elements in conflict, sorted.
    pub disputed: Vec<String>,
}

/// The same, with what says which changes are plain for it.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub seen: Seen,
    /// Bytes of the resource as JSON text, about.
    pub bytes: usize,
    line: Option<Line>,
}

/// What stands in a resource whose writers each knew of those before them.
#[derive(Debug)]
pub(super) struct Line {
    map: OpId,
    /// The operation behind what stands at each key.
    standing: BTreeMap<String, OpId>,
    /// The last of the writers, who knew of all others.
    last: ChangeHash,
}

/// An operation that puts a value at a key of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Put {
    pub operation: OpId,
    pub map: OpId,
    pub key: String,
    pub value: ScalarValue,
    /// The operations whose values it takes the place of.
    pub replaces: Vec<OpId>,
}

impl Look {
    pub(super) fn new(seen: Seen, line: Option<Line>) -> Self {
        let bytes = seen.resource.as_deref().map_or(0, bytes);
        Self { seen, bytes, line }
    }
}

impl Line {
    /// Of what stands in a map, undisputed; `None` where JSON does not tell the keys apart or two of
    /// them are one element, so that a write of one may change another.
    pub fn of(map: &ObjId, standing: Vec<(String, ObjId)>, last: ChangeHash) -> Option<Self> {
        let units: BTreeSet<&str> = standing.iter().map(|(key, _)| view::unit_name(key)).collect();
        if units.len() < standing.len() || !standing.iter().all(|(key, _)| is_told_apart(key)) {
            return None;
        }
        let standing = standing
            .into_iter()
            .map(|(key, op)| Some((key, operation(&op)?)))
            .collect::<Option<_>>()?;
        Some(Self { map: operation(map)?, standing, last })
    }

    /// Enters a put; says no where it is not in place of exactly what stands there.
    fn take(&mut self, put: &Put) -> bool {
        // What a counter says depends on what was added to it since.
        let is_counter = matches!(put.value, ScalarValue::Counter(_));
        if put.map != self.map || !is_element(&put.key) || is_counter {
            return false;
        }
        if let Some(standing) = self.standing.get_mut(&put.key) {
            return *put.replaces == [std::mem::replace(standing, put.operation.clone())];
        }
        let unit = view::unit_name(&put.key);
        if !put.replaces.is_empty() || self.standing.keys().any(|key| view::unit_name(key) == unit)
        {
            return false;
        }
        self.standing.insert(put.key.clone(), put.operation.clone());
        true
    }
}

impl Document {
    /// The resource behind a change that puts these values, where it is plain for it; `None` where the
    /// document has to be read. The change is staged or applied.
    pub(crate) fn follow(&self, before: &mut Look, change: &Change, puts: &[Put]) -> Option<Look> {
        let mut line = before.line.take()?;
        if !self.is_behind(&line.last, change.deps()) {
            return None;
        }
        let mut resource = before.seen.resource.as_deref()?.clone();
        let members = resource.as_object_mut()?;
        let mut bytes = before.bytes;
        for put in puts {
            if !line.take(put) {
                return None;
            }
            if let ScalarValue::Str(text) = &put.value {
                bytes += text.len();
            }
            members.remove(&put.key);
            members.remove(&format!("_{}", put.key));
            codec::decode(&put.value).insert_into(put.key.clone(), members);
        }
        line.last = change.hash();
        let seen = Seen { resource: Some(Arc::new(resource)), disputed: Vec::new() };
        Some(Look { seen, bytes, line: Some(line) })
    }
}

/// Whether what stands at a key is read as that member alone.
fn is_told_apart(key: &str) -> bool {
    !key.starts_with('_') && !matches!(key, "resourceType" | "id")
}

/// Whether a key is an element's, and no name of our own.
fn is_element(key: &str) -> bool {
    is_told_apart(key) && !key.starts_with('$')
}

fn operation(object: &ObjId) -> Option<OpId> {
    match object {
        ObjId::Id(counter, actor, _) => Some(OpId(*counter, actor.clone())),
        ObjId::Root => None,
    }
}

fn bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(bytes).sum(),
        Value::Object(members) => members.iter().map(|(key, value)| key.len() + bytes(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
    }
}

#[cfg(test)]
mod tests;
