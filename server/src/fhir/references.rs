//! References within resources: what they name, and how they are changed.

use std::collections::BTreeSet;

use serde_json::Value;

/// Types and ids of what a value refers to on this server.
pub(crate) fn references(value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Object(members) => {
            let own = members.get("reference").and_then(Value::as_str).and_then(|reference| {
                let (name, id) = reference.split_once('/')?;
                Some((name.to_owned(), id.split('/').next()?.to_owned()))
            });
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Makes references to one resource, as `Type/id`, those to another.
pub(crate) fn rename(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, from, to)),
        Value::Object(members) => {
            for (name, member) in members {
                if let Value::String(text) = member
                    && name == "reference"
                {
                    let bare = text.split("/_history").next().unwrap_or_default();
                    if bare == from || bare.ends_with(&format!("/{from}")) {
                        to.clone_into(text);
                    }
                } else {
                    rename(member, from, to);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes out of a resource what refers to one of these; gives where that was.
pub(crate) fn prune(resource: &mut Value, kind: &str, behind: &BTreeSet<String>) -> Vec<String> {
    let mut left_out = Vec::new();
    keep(resource, kind, behind, &mut left_out);
    left_out
}

/// Whether something is left of a value without the parts that refer to one of these.
fn keep(
    value: &mut Value,
    path: &str,
    behind: &BTreeSet<String>,
    left_out: &mut Vec<String>,
) -> bool {
    match value {
        Value::Object(members) => {
            let reference = members.get("reference").and_then(Value::as_str);
            let bare = reference.map(|text| text.split("/_history").next().unwrap_or_default());
            if bare.is_some_and(|bare| behind.contains(bare)) {
                left_out.push(path.to_owned());
                return false;
            }
            members
                .retain(|name, member| keep(member, &format!("{path}.{name}"), behind, left_out));
            !members.is_empty()
        }
        Value::Array(items) => {
            let mut at = 0;
            items.retain_mut(|item| {
                at += 1;
                keep(item, &format!("{path}[{}]", at - 1), behind, left_out)
            });
            !items.is_empty()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
