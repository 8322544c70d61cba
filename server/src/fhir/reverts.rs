//! What a blind update takes back: elements that it sets to what they were before another author wrote
//! them, as happens where a client sends all of a resource that it read a while ago.

use std::collections::BTreeSet;

use chartroom_engine::ChangeHash;
use serde_json::{Map, Value};

use super::chart::{Chart, Found, without_history};

/// Versions that are looked at, the newest.
const VERSIONS_MAX: usize = 50;

/// The elements of `resource` that differ from what stands, were written by somebody else than
/// `author`, and had this value before that.
pub(crate) fn reverts(chart: &Chart, found: &Found, resource: &Value, author: &str) -> Vec<String> {
    let Some(standing) = found.bare() else { return Vec::new() };
    let differing: Vec<String> = names(&standing)
        .union(&names(resource))
        .filter(|name| element(&standing, name) != element(resource, name))
        .cloned()
        .collect();
    if differing.is_empty() {
        return Vec::new();
    }
    let last = found.version.number;
    let numbers: Vec<usize> = (1..=last).rev().take(VERSIONS_MAX).collect();
    let own = |change: &ChangeHash| {
        let writer = chart.account(change).and_then(|account| account.author);
        writer.is_some_and(|writer| writer.id == author)
    };
    let changes = chart.changes_of(&found.resource_type, &found.id);
    if changes.iter().rev().take(VERSIONS_MAX).all(own) {
        return Vec::new();
    }
    let states: Vec<(Value, bool)> = chart
        .at(&found.resource_type, &found.id, &numbers)
        .into_iter()
        .map(|version| {
            let own = own(&version.change);
            (if version.deleted { Value::Null } else { without_history(&version.resource) }, own)
        })
        .collect();
    differing.into_iter().filter(|name| is_put_back(&states, resource, name)).collect()
}

/// Whether an element had the wanted value before somebody else wrote what stands; `states` are the
/// versions, the newest first, and whether the author wrote them.
fn is_put_back(states: &[(Value, bool)], wanted: &Value, name: &str) -> bool {
    let Some((standing, _)) = states.first() else { return false };
    let standing = element(standing, name);
    let unchanged = states.iter().take_while(|(state, _)| element(state, name) == standing).count();
    let Some((_, own)) = unchanged.checked_sub(1).and_then(|at| states.get(at)) else {
        return false;
    };
    let before = states.get(unchanged..).unwrap_or_default();
    !own && before
        .iter()
        .any(|(state, _)| !state.is_null() && element(state, name) == element(wanted, name))
}

/// The element names of a resource.
fn names(resource: &Value) -> BTreeSet<String> {
    let members = resource.as_object().into_iter().flat_map(Map::keys);
    members.map(|name| name.strip_prefix('_').unwrap_or(name).to_owned()).collect()
}

/// Both halves of an element.
fn element<'a>(resource: &'a Value, name: &str) -> (Option<&'a Value>, Option<&'a Value>) {
    (resource.get(name), resource.get(format!("_{name}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put_back(states: &[(&str, &str, bool)], wanted: &str) -> bool {
        let state = |(status, note, own): &(&str, &str, bool)| {
            (json!({ "status": status, "note": note }), *own)
        };
        let states: Vec<_> = states.iter().rev().map(state).collect();
        is_put_back(&states, &json!({ "status": wanted }), "status")
    }

    #[test]
    fn what_was_there_before_another_wrote_is_put_back() {
        assert!(put_back(&[("draft", "", true), ("active", "", false)], "draft"));
        assert!(put_back(
            &[("draft", "", true), ("active", "", false), ("active", "x", true)],
            "draft"
        ));
        assert!(put_back(&[("a", "", true), ("b", "", false), ("c", "", false)], "a"));
        assert!(!put_back(&[("draft", "", true), ("active", "", false)], "stopped"));
        assert!(!put_back(&[("draft", "", false), ("active", "", true)], "draft"));
        assert!(!put_back(&[("draft", "", false)], "active"));
    }
}
