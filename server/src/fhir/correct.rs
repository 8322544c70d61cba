//! What moves between charts: a resource that was written for the wrong patient, and all of a patient's
//! where two charts are one person's.
//!
//! The chart that it goes to is written first, so that a crash leaves it in both rather than in
//! none; asked again, the act goes on where it ended. Both charts are marked with a Provenance that
//! names the AuditEvent; only that names both patients.

mod parameters;
mod transfer;

use axum::{http::StatusCode, response::Response};
use chartroom_engine::{
    Command, RoomName,
    document::{patient_path, room_of},
    limits::IMPORT_CHUNK_RESOURCES,
    time,
};
use chartroom_fhir::outcome::{Issue, Severity, outcome};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer,
    ask::Ask,
    audit::{self, Act},
    chart::{Chart, Found, without_history},
    error::FhirError,
    write::judge,
};
use crate::clock;
use parameters::Parameters;
use transfer::{Transfer, write};

/// The system of the codes that marks have.
const SYSTEM: &str = "urn:chartroom:activity";

/// `POST [type]/[id]/$correct-patient`.
pub(crate) async fn correct_patient(mut ask: Ask) -> Result<Response, FhirError> {
    let parameters = Parameters::of(&ask)?;
    let to = parameters.patient("patient")?;
    ask.reason = Some(parameters.reason()?);
    let hub = ask.caller.hub();
    let target = charted(&ask, &to, "patient").await?;
    let source = match parameters.patient("from") {
        Ok(from) => RoomName::patient(&from).map_err(|_| FhirError::not_found())?,
        Err(_) => {
            let place = ask.fhir.place(hub, ask.resource_type, &ask.id).await?;
            place.ok_or_else(FhirError::not_found)?
        }
    };
    let from = match source.patient_id() {
        Some(from) if patient_path(ask.resource_type).is_some() => from.to_owned(),
        Some(_) | None => return Err(FhirError::rule("the resource is in no patient's chart")),
    };
    if source == target {
        let text = "the resource is in that patient's chart; if it is in another one as well, the \
                    parameter `from` names whose";
        return Err(FhirError::rule(text));
    }
    let (name, id) = (ask.resource_type, ask.id.clone());
    let look = move |chart: &mut Chart| chart.current(name, &id);
    let found = ask.fhir.charts.look_at(hub, &source, look).await?.flatten();
    let found = found.filter(|found| !found.deleted).ok_or_else(FhirError::not_found)?;
    let left_out = left_behind(&ask, &found, &source).await?;
    let patients = (from.clone(), to.clone());
    let make = |found: &Found| without(renamed(found, &patients), &left_out);
    let resource = make(&found);
    judge(&ask, &resource)?;
    if room_of(&resource).ok().as_ref() != Some(&target) {
        return Err(FhirError::rule(
            "the resource names its patient in a way that is not corrected",
        ));
    }
    let reference = format!("{}/{}", ask.resource_type, ask.id);
    let about = [reference.clone(), patient(&from), patient(&to)];
    let act = act("wrong-patient-corrected", &about, [&source, &target]);
    let event = audit::note(&ask, act.clone()).await?;
    let mark = Mark { ask: &ask, activity: act.code, event: &event };
    let transfer = Transfer {
        source: &source,
        target: &target,
        import: false,
        marks: vec![
            (&target, mark.of(&[&reference, &patient(&to)])),
            (&source, mark.of(&[&reference, &patient(&from)])),
        ],
    };
    let keys = vec![(found.resource_type.clone(), found.id.clone())];
    let moved = transfer.run(&ask, keys, make).await;
    ended(&ask, act, moved).await?;
    let done = done(format!("{reference} is in the other chart now"));
    let left_out = left_out.iter().map(|element| {
        let text = "it refers to what stays in the other chart, and is left out";
        Issue::warning("business-rule", text).at(format!("{}.{element}", ask.resource_type))
    });
    let issues: Vec<Issue> = [done].into_iter().chain(left_out).collect();
    Ok(answer::json(StatusCode::OK, &outcome(&issues)))
}

/// `POST Patient/$merge`.
pub(crate) async fn merge_patients(mut ask: Ask) -> Result<Response, FhirError> {
    let parameters = Parameters::of(&ask)?;
    let (from, to) = (parameters.patient("source-patient")?, parameters.patient("target-patient")?);
    ask.reason = Some(parameters.reason()?);
    if from == to {
        return Err(FhirError::rule("a chart is not merged with itself"));
    }
    let source = charted(&ask, &from, "source-patient").await?;
    let target = charted(&ask, &to, "target-patient").await?;
    let chart = ask.fhir.charts.look_at(ask.caller.hub(), &source, all).await?.unwrap_or_default();
    let (patients, others): (Vec<Found>, Vec<Found>) =
        chart.into_iter().partition(|found| found.resource_type == "Patient");
    let links = links(&ask, &target, patients, (&from, &to)).await?;
    let others =
        others.into_iter().filter(|found| found.resource_type != "Provenance" || !is_mark(found));
    let others: Vec<Found> = others.collect();
    let patients = (from.clone(), to.clone());
    free(&ask, &target, &others, &patients).await?;
    let act = act("patients-merged", &[patient(&from), patient(&to)], [&source, &target]);
    let event = audit::note(&ask, act.clone()).await?;
    let mark = Mark { ask: &ask, activity: act.code, event: &event };
    let marks = (mark.of(&[&patient(&to)]), mark.of(&[&patient(&from)]));
    let merged = merge(&ask, (&source, &target), &others, &patients, links, marks).await;
    ended(&ask, act, merged).await?;
    let text = format!("{} resources are in the chart of {} now", others.len(), patient(&to));
    Ok(answer::json(StatusCode::OK, &outcome(&[done(text)])))
}

/// Moves all resources, then links the two Patients and marks both charts.
async fn merge(
    ask: &Ask,
    (source, target): (&RoomName, &RoomName),
    others: &[Found],
    patients: &(String, String),
    (old, new): (Value, Value),
    (in_target, in_source): (Command, Command),
) -> Result<(), FhirError> {
    let transfer = Transfer { source, target, import: true, marks: Vec::new() };
    for chunk in others.chunks(IMPORT_CHUNK_RESOURCES) {
        let key = |found: &Found| (found.resource_type.clone(), found.id.clone());
        let keys = chunk.iter().map(key).collect();
        transfer.run(ask, keys, |found| renamed(found, patients)).await?;
    }
    write(ask, target, vec![Command::Put { resource: new }, in_target]).await?;
    write(ask, source, vec![Command::Put { resource: old }, in_source]).await
}

/// An act on two charts.
fn act<'a>(code: &'static str, about: &[String], rooms: [&RoomName; 2]) -> Act<'a> {
    Act {
        code,
        action: "U",
        about: about.iter().map(|reference| (reference.clone(), Vec::new())).collect(),
        rooms: rooms.into_iter().cloned().collect(),
        failed: false,
    }
}

/// Notes an act that ended halfway.
async fn ended(ask: &Ask, act: Act<'_>, result: Result<(), FhirError>) -> Result<(), FhirError> {
    if result.is_err() {
        audit::note(ask, Act { failed: true, ..act }).await?;
    }
    result
}

/// The two Patients as they are linked with each other: the one that is replaced, and the one that
/// replaces it.
async fn links(
    ask: &Ask,
    target: &RoomName,
    replaced: Vec<Found>,
    (from, to): (&str, &str),
) -> Result<(Value, Value), FhirError> {
    let id = to.to_owned();
    let look =
        move |chart: &mut Chart| chart.current("Patient", &id).and_then(|found| found.bare());
    let new = ask.fhir.charts.look_at(ask.caller.hub(), target, look).await?.flatten();
    let old = replaced.first().and_then(Found::bare);
    let (Some(mut old), Some(mut new)) = (old, new) else { return Err(FhirError::not_found()) };
    if is_replaced(&new) {
        return Err(FhirError::rule("the target's chart was itself merged into another one"));
    }
    link(&mut old, to, "replaced-by");
    link(&mut new, from, "replaces");
    if let Some(old) = old.as_object_mut() {
        old.insert("active".to_owned(), false.into());
    }
    Ok((old, new))
}

fn is_replaced(patient: &Value) -> bool {
    let links = patient.get("link").and_then(Value::as_array).into_iter().flatten();
    let kinds = links.filter_map(|link| link.get("type").and_then(Value::as_str));
    kinds.into_iter().any(|kind| kind == "replaced-by")
}

/// Links a Patient with another one, once.
fn link(resource: &mut Value, other: &str, kind: &str) {
    let link = json!({ "other": { "reference": patient(other) }, "type": kind });
    let Some(members) = resource.as_object_mut() else { return };
    if let Some(links) = members.entry("link").or_insert_with(|| json!([])).as_array_mut()
        && !links.contains(&link)
    {
        links.push(link);
    }
}

/// Refuses a merge where both charts have a resource with one type and id that differ: which is which
/// nobody could say.
async fn free(
    ask: &Ask,
    target: &RoomName,
    others: &[Found],
    patients: &(String, String),
) -> Result<(), FhirError> {
    let moving: Vec<_> = others
        .iter()
        .map(|found| (found.resource_type.clone(), found.id.clone(), renamed(found, patients)))
        .collect();
    let look = move |chart: &mut Chart| {
        let mut differs = |(name, id, resource): &(String, String, Value)| {
            let there = chart.current(name, id).and_then(|found| found.bare());
            there.is_some_and(|there| there != *resource)
        };
        moving.iter().filter(|moving| differs(moving)).count()
    };
    let taken = ask.fhir.charts.look_at(ask.caller.hub(), target, look).await?.unwrap_or(0);
    if taken == 0 {
        return Ok(());
    }
    let text = format!("{taken} resources have the same type and id in both charts");
    Err(FhirError::one(StatusCode::CONFLICT, "duplicate", text))
}

fn all(chart: &mut Chart) -> Vec<Found> {
    chart.types().iter().flat_map(|name| chart.collection(name)).collect()
}

/// The elements of a resource that refer to what is in its chart, and stay behind.
async fn left_behind(
    ask: &Ask,
    found: &Found,
    source: &RoomName,
) -> Result<Vec<String>, FhirError> {
    let mut left_out = Vec::new();
    for (name, value) in found.resource.as_object().into_iter().flatten() {
        for (kind, id) in references(value).into_iter().filter(|(kind, _)| kind != "Patient") {
            let place = ask.caller.hub().place_of(&kind, &id).await?;
            if place.as_ref() == Some(source) {
                left_out.push(name.clone());
                break;
            }
        }
    }
    Ok(left_out)
}

/// A resource without these elements.
fn without(mut resource: Value, elements: &[String]) -> Value {
    if let Some(members) = resource.as_object_mut() {
        members.retain(|name, _| !elements.contains(name));
    }
    resource
}

/// A resource in which one patient is another.
fn renamed(found: &Found, (from, to): &(String, String)) -> Value {
    let mut resource = without_history(&found.resource);
    rename(&mut resource, &patient(from), &patient(to));
    resource
}

fn rename(value: &mut Value, from: &str, to: &str) {
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

/// Types and ids that a value refers to.
fn references(value: &Value) -> Vec<(String, String)> {
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

/// How a chart is marked.
struct Mark<'a> {
    ask: &'a Ask,
    activity: &'static str,
    /// The id of the AuditEvent.
    event: &'a str,
}

impl Mark<'_> {
    /// The mark, about these.
    fn of(&self, targets: &[&str]) -> Command {
        let now_ms = i64::try_from(clock::now_ms()).unwrap_or(i64::MAX);
        let targets: Vec<Value> = targets.iter().map(|text| json!({ "reference": text })).collect();
        let author = self.ask.caller.author();
        let resource = json!({
            "resourceType": "Provenance",
            "id": Uuid::from_bytes(rand::random()).to_string(),
            "target": targets,
            "recorded": time::rfc3339(now_ms),
            "activity": { "coding": [{ "system": SYSTEM, "code": self.activity }] },
            "reason": [{ "text": self.ask.reason }],
            "agent": [{ "who": { "identifier": { "value": author.id }, "display": author.name } }],
            "entity": [{
                "role": "source",
                "what": { "reference": format!("AuditEvent/{}", self.event) },
            }],
        });
        Command::Put { resource }
    }
}

/// Whether a Provenance is such a mark.
fn is_mark(found: &Found) -> bool {
    found.resource.pointer("/activity/coding/0/system").and_then(Value::as_str) == Some(SYSTEM)
}

/// The chart of a patient who exists.
async fn charted(ask: &Ask, id: &str, parameter: &str) -> Result<RoomName, FhirError> {
    let room = RoomName::patient(id).ok();
    let exists = ask.caller.hub().has_patient(id).await?;
    room.filter(|_| exists).ok_or_else(|| {
        let text = format!("the patient that `{parameter}` names does not exist");
        FhirError::one(StatusCode::UNPROCESSABLE_ENTITY, "not-found", text)
    })
}

fn patient(id: &str) -> String {
    format!("Patient/{id}")
}

fn done(text: String) -> Issue {
    Issue { severity: Severity::Information, ..Issue::error("informational", text) }
}
