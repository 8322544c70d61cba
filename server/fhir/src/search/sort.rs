//! The order of the matches.
//!
//! Source: FHIR R4, search, Sorting.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use super::date::Span;
use super::filter::is_set;
use super::parameter::{Kind, Parameter};
use super::quantity::number_of;
use super::reference;
use super::text::folded;

/// One key of `_sort`.
#[derive(Debug)]
pub(super) struct Order {
    pub parameter: &'static Parameter,
    pub descending: bool,
}

/// What a resource is sorted by; one parameter gives only one of these.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i128),
    Text(String),
}

/// Sorts by each key in turn; where a value is missing the resource is last, and equals stay as
/// they were.
pub(super) fn sort(orders: &[Order], resources: &mut Vec<Arc<Value>>) {
    if orders.is_empty() {
        return;
    }
    let keyed = resources.drain(..).map(|resource| {
        (orders.iter().map(|order| order.key(&resource)).collect::<Vec<_>>(), resource)
    });
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_by(|(one, _), (other, _)| {
        let keys = orders.iter().zip(one.iter().zip(other));
        keys.map(|(order, (one, other))| order.compare(one.as_ref(), other.as_ref()))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    resources.extend(keyed.into_iter().map(|(_, resource)| resource));
}

impl Order {
    fn compare(&self, one: Option<&Key>, other: Option<&Key>) -> Ordering {
        match (one, other) {
            (Some(one), Some(other)) if self.descending => other.cmp(one),
            (Some(one), Some(other)) => one.cmp(other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        }
    }

    /// Of several values the first in this order.
    fn key(&self, resource: &Value) -> Option<Key> {
        if self.parameter.kind == Kind::Flag {
            return Some(Key::Number(i128::from(is_set(self.parameter, resource))));
        }
        let mut best: Option<Key> = None;
        self.parameter.each(resource, |value| {
            let key = self.key_of(value);
            if self.compare(key.as_ref(), best.as_ref()).is_lt() {
                best = key;
            }
        });
        best
    }

    fn key_of(&self, value: &Value) -> Option<Key> {
        match self.parameter.kind {
            Kind::Token | Kind::Flag => token(value).map(Key::Text),
            Kind::Text => text(value).map(Key::Text),
            Kind::Reference => Some(Key::Text(reference::text_of(value)?.to_owned())),
            Kind::Uri => Some(Key::Text(value.as_str()?.to_owned())),
            Kind::Date => {
                let span = Span::of(value)?;
                Some(Key::Number(if self.descending { span.end } else { span.start }.into()))
            }
            Kind::Number | Kind::Quantity => {
                let limit = if self.descending { "high" } else { "low" };
                number_of(value.get(limit).unwrap_or(value)).map(Key::Number)
            }
        }
    }
}

/// A code, or what a concept without one is called.
fn token(value: &Value) -> Option<String> {
    let coding = value.get("coding").and_then(|codings| codings.get(0)).unwrap_or(value);
    let named = ["code", "value", "text", "display"].iter().find_map(|name| coding.get(*name));
    let named = named.or_else(|| value.get("text")).unwrap_or(coding);
    match named {
        Value::String(text) => Some(text.to_lowercase()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A string; of a HumanName family and given, of an Address city and line, else its text.
fn text(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(folded(text));
    }
    let mut whole = String::new();
    for name in ["family", "given", "city", "line"] {
        let part = value.get(name);
        let items = part.and_then(Value::as_array).map(Vec::as_slice);
        let texts = items.unwrap_or_default().iter().chain(part).filter_map(Value::as_str);
        for text in texts {
            whole.push_str(text);
            whole.push(' ');
        }
    }
    let text = if whole.is_empty() { value.get("text")?.as_str()? } else { &whole };
    Some(folded(text))
}
