//! What there is to warn of where a write meets what somebody else wrote.

use chartroom_engine::{ChangeHash, Conflict};
use chartroom_fhir::outcome::Issue;
use serde_json::Value;

use super::Prepared;
use crate::fhir::chart::{Chart, Found, expression};

/// Elements of others that a write puts back.
pub(super) fn of_reverts(prepared: &Prepared) -> Vec<Issue> {
    let warning = |name: &String| {
        Issue::warning(
            "conflict",
            "the request does not say which version it goes on, and puts this element back to \
             what it was before another person wrote it",
        )
        .at(format!("{}.{name}", prepared.resource_type))
    };
    prepared.reverts.iter().map(warning).collect()
}

/// The conflicts that a write settles whose author may not know of them.
pub(super) fn of_choices(prepared: &Prepared, found: &Found, resource: &Value) -> Vec<Issue> {
    let standing = prepared.standing.as_ref();
    let differs = |path: &&String| {
        let name = path.rsplit('.').next().unwrap_or_default();
        standing.and_then(|standing| standing.get(name)) != resource.get(name)
    };
    let text =
        "two people's values stood here in conflict, and the request puts one in their place";
    let warning = |path: &String| Issue::warning("conflict", text).at(path);
    found.disputed.iter().filter(differs).map(warning).collect()
}

/// The elements in which a change stands against another's, as warnings.
pub(super) fn of_conflicts(
    chart: &Chart,
    resource_type: &str,
    id: &str,
    change: &ChangeHash,
) -> Vec<Issue> {
    let hash = change.to_string();
    let of_it = |conflict: &Conflict| conflict.values.iter().any(|value| value.hash == hash);
    let conflicts = chart.conflicts(resource_type, id).into_iter().filter(of_it);
    conflicts
        .flat_map(|conflict| conflict.elements)
        .map(|name| {
            let text =
                "another person wrote this meanwhile; both values stand until somebody chooses";
            Issue::warning("conflict", text).at(expression(resource_type, &name))
        })
        .collect()
}
