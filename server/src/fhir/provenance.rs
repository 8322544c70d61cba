//! The Provenance of a change: which versions it made, who made it, when, with what, and why.
//!
//! Made from the change whenever it is asked for; its id names the document and the change.

use std::collections::BTreeMap;

use chartroom_engine::{ChangeHash, DocumentId, time};
use serde_json::{Value, json};

use super::{
    ask::Ask,
    chart::{Chart, with_history},
    error::FhirError,
    version::{Series, Version},
};

/// Hexadecimal digits of a change's hash in an id, which has 64 characters at most.
const HASH_DIGITS: usize = 32;
/// FHIR's types of agents.
const AGENTS: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
/// What became of data.
const ACTIVITIES: &str = "http://terminology.hl7.org/CodeSystem/v3-DataOperation";

/// The versions that a change made: type, id, number.
type Made = Vec<(String, String, usize)>;

/// The Provenance of the address; `None` where its id names no change.
pub(crate) async fn read(ask: &Ask) -> Result<Option<Value>, FhirError> {
    let Some((document, start)) = ask.id.split_once('.') else { return Ok(None) };
    let Ok(document) = document.parse::<DocumentId>() else { return Ok(None) };
    if start.len() != HASH_DIGITS {
        return Ok(None);
    }
    let hub = ask.caller.hub();
    let Some(room) = hub.room_of_document(document).await? else { return Ok(None) };
    if !crate::hub::is_listed(&room.name) {
        return Ok(None);
    }
    let start = start.to_owned();
    let look = move |chart: &mut Chart| {
        let change = chart.change_named(&start)?;
        let made = chart.made_by(&change);
        let made = made.into_iter().map(|(name, id, n)| (name.to_owned(), id.to_owned(), n));
        let made: Made = made.collect();
        let is_shown = !made.is_empty() && chart.shows_type("Provenance");
        is_shown.then(|| provenance(chart, &change, &made))
    };
    Ok(ask.fhir.charts.look_in(&ask.caller, &room, look).await?.flatten())
}

/// The Provenance of every change of a room that wrote a resource.
pub(crate) fn all(chart: &Chart) -> Vec<Value> {
    let mut made: BTreeMap<ChangeHash, Made> = BTreeMap::new();
    for name in chart.types().into_iter().filter(|name| chart.shows_type(name)) {
        for (id, changes) in chart.versions_of(&name) {
            for (change, number) in changes.iter().zip(1..) {
                made.entry(*change).or_default().push((name.clone(), id.to_owned(), number));
            }
        }
    }
    made.iter().map(|(change, made)| provenance(chart, change, made)).collect()
}

fn provenance(chart: &Chart, change: &ChangeHash, made: &Made) -> Value {
    let account = chart.account(change);
    let recorded_ms = chart.time_of(change);
    let (hash, document) = (change.to_string(), chart.room().document_id());
    let id = format!("{document}.{}", hash.get(..HASH_DIGITS).unwrap_or_default());
    let itself = Version { series: Series::Epoch(1), number: 1 };
    let targets = made.iter().map(|(name, id, number)| {
        let version = Version { series: chart.series(name, id), number: *number };
        json!({ "reference": format!("{name}/{id}/_history/{version}") })
    });
    let mut provenance = json!({
        "resourceType": "Provenance",
        "id": id,
        "target": targets.collect::<Vec<_>>(),
        "recorded": time::rfc3339(recorded_ms),
        "activity": { "coding": [{ "system": ACTIVITIES, "code": activity(chart, change, made) }] },
    });
    if let Some(members) = provenance.as_object_mut() {
        let mut agents = Vec::new();
        if let Some(account) = &account {
            if let Some(author) = &account.author {
                agents.push(agent("author", &author.id, &author.name));
            }
            let device = if account.by_server { "Chartroom server" } else { "Device" };
            agents.push(agent("assembler", &account.actor.to_hex_string(), device));
            if let Some(ms) = account.authored_ms {
                members.insert("occurredDateTime".to_owned(), time::rfc3339(ms).into());
            }
            if let Some(reason) = &account.note.reason {
                members.insert("reason".to_owned(), json!([{ "text": reason }]));
            }
        }
        members.insert("agent".to_owned(), Value::Array(agents));
    }
    with_history(provenance, itself, recorded_ms)
}

/// CREATE where every version that was made is a first one.
fn activity(chart: &Chart, change: &ChangeHash, made: &Made) -> &'static str {
    if chart.is_deleting(change) {
        return "DELETE";
    }
    if made.iter().all(|(_, _, number)| *number == 1) { "CREATE" } else { "UPDATE" }
}

fn agent(role: &str, id: &str, name: &str) -> Value {
    json!({
        "type": { "coding": [{ "system": AGENTS, "code": role }] },
        "who": { "identifier": { "value": id }, "display": name },
    })
}
