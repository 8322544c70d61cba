//! What moves between charts: a resource that was written for the wrong patient, and all of a patient's
//! where two charts are one person's.
//!
//! The chart that it goes to is written first, so that a crash leaves it in both rather than in
//! none; asked again, the act goes on where it ended. Both charts are marked with a Provenance that
//! names the AuditEvent; only that names both patients.

mod parameters;
mod relabel;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};

use axum::{http::StatusCode, response::Response};
use chartroom_engine::{
    Command, RoomName,
    access::Right,
    document::{patient_path, room_of},
    limits::{IMPORT_CHUNK_RESOURCES, TEXT_UNITS_MAX},
    time,
};
use chartroom_fhir::outcome::{Issue, outcome};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer,
    ask::Ask,
    audit,
    chart::{Chart, Found, without_history},
    error::FhirError,
    references::{prune, references, rename},
    write::{is_replaced, judge},
};
use crate::{
    audit::{Act, Entry},
    clock,
    error::ApiError,
    import::CHUNK_BYTES_MAX,
};
use parameters::Parameters;
pub(crate) use relabel::relabel;
use transfer::{Key, TEXT_OPS, Texts, Transfer, disputed, texts_of, write};

/// The system of the codes that marks have.
const SYSTEM: &str = "urn:chartroom:activity";

/// `POST [type]/[id]/$correct-patient`.
pub(crate) async fn correct_patient(mut ask: Ask) -> Result<Response, FhirError> {
    let parameters = Parameters::of(&ask)?;
    let to = parameters.patient("patient")?;
    ask.reason = Some(parameters.reason()?);
    let target = charted(&ask, &to, "patient").await?;
    let source = match parameters.patient("from") {
        Ok(from) => RoomName::patient(&from).map_err(|_| FhirError::not_found())?,
        Err(_) => {
            let place = ask.fhir.place(&ask.caller, ask.resource_type, &ask.id).await?;
            place.ok_or_else(FhirError::not_found)?
        }
    };
    let from = source.patient_id().map(str::to_owned);
    if patient_path(ask.resource_type).is_none() {
        return Err(FhirError::rule("a resource of this type is nobody's"));
    }
    if source == target {
        let text = "the resource is in that patient's chart; if it is in another one as well, the \
                    parameter `from` names whose";
        return Err(FhirError::rule(text));
    }
    let (name, id) = (ask.resource_type, ask.id.clone());
    let look = move |chart: &mut Chart| chart.current(name, &id);
    let found = ask.fhir.charts.look_at(&ask.caller, &source, look).await?.flatten();
    let found = found.filter(|found| !found.deleted).ok_or_else(FhirError::not_found)?;
    let behind = behind(&ask, &found, &source).await?;
    let (kind, owner) = (ask.resource_type, to.clone());
    let make = |found: &Found| {
        let mut resource = match &from {
            Some(from) => renamed(found, &(from.clone(), to.clone())),
            None => given(found, &owner),
        };
        let left_out = prune(&mut resource, kind, &behind);
        (resource, left_out)
    };
    let (resource, left_out) = make(&found);
    judge(&ask, &resource)?;
    if room_of(&resource).ok().as_ref() != Some(&target) {
        return Err(FhirError::rule(
            "the resource names its patient in a way that is not corrected",
        ));
    }
    free(&ask, (&source, &target), vec![(found.resource_type.clone(), found.id.clone(), resource)])
        .await?;
    let reference = format!("{}/{}", ask.resource_type, ask.id);
    let referring = referring(&ask, &source, &reference).await?;
    let mut about = vec![reference.clone(), patient(&to)];
    about.extend(from.as_deref().map(patient));
    let mut left = vec![reference.clone()];
    left.extend(from.as_deref().map(patient));
    let left: Vec<&str> = left.iter().map(String::as_str).collect();
    let act = act(&ask, Act::WrongPatientCorrected, &about, [&source, &target]);
    let event = audit::note(&ask, act.clone()).await?;
    let mark = Mark { ask: &ask, activity: act.act.code(), event: &event };
    let transfer = Transfer {
        source: &source,
        target: &target,
        import: false,
        marks: vec![(&target, mark.of(&[&reference, &patient(&to)])), (&source, mark.of(&left))],
    };
    let keys = vec![(found.resource_type.clone(), found.id.clone())];
    let moved = transfer.run(&ask, keys, |found| make(found).0).await;
    ended(&ask, act, moved).await?;
    let done = Issue::information(format!("{reference} is in the other chart now"));
    let left_out = left_out.iter().map(|expression| {
        let text = "it refers to what stays in the other chart, and is left out";
        Issue::warning("business-rule", text).at(expression)
    });
    let referring = referring.iter().map(|other| {
        let text = format!("{other} stays in the other chart, and refers to what is here now");
        Issue::warning("business-rule", text)
    });
    let issues: Vec<Issue> = [done].into_iter().chain(left_out).chain(referring).collect();
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
    let chart = ask.fhir.charts.look_at(&ask.caller, &source, all).await?.unwrap_or_default();
    let (patients, others): (Vec<Found>, Vec<Found>) =
        chart.into_iter().partition(|found| found.resource_type == "Patient");
    let links = links(&ask, &target, patients, (&from, &to)).await?;
    let others =
        others.into_iter().filter(|found| found.resource_type != "Provenance" || !is_mark(found));
    let others: Vec<Found> = others.collect();
    let patients = (from.clone(), to.clone());
    let moving = others
        .iter()
        .map(|found| (found.resource_type.clone(), found.id.clone(), renamed(found, &patients)));
    free(&ask, (&source, &target), moving.collect()).await?;
    let about = [patient(&from), patient(&to)];
    let act = act(&ask, Act::PatientsMerged, &about, [&source, &target]);
    let event = audit::note(&ask, act.clone()).await?;
    let mark = Mark { ask: &ask, activity: act.act.code(), event: &event };
    let marks = (mark.of(&[&patient(&to)]), mark.of(&[&patient(&from)]));
    let merged = merge(&ask, (&source, &target), &others, &patients, links, marks).await;
    ended(&ask, act, merged).await?;
    let text = format!("{} resources are in the chart of {} now", others.len(), patient(&to));
    Ok(answer::json(StatusCode::OK, &outcome(&[Issue::information(text)])))
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
    let keys = others.iter().map(|found| (found.resource_type.clone(), found.id.clone()));
    let texts = texts_of(ask, source, keys.collect()).await?;
    for keys in chunks(others, &texts) {
        transfer.run(ask, keys, |found| renamed(found, patients)).await?;
    }
    write(ask, target, vec![Command::Put { resource: new }, in_target]).await?;
    write(ask, source, vec![Command::Put { resource: old }, in_source]).await
}

/// Types and ids of resources, as many together as make, with their texts, a change of a bearable size.
fn chunks(others: &[Found], texts: &BTreeMap<Key, Texts>) -> Vec<Vec<Key>> {
    let (mut chunks, mut bytes, mut ops): (Vec<Vec<Key>>, usize, usize) = (Vec::new(), 0, 0);
    for found in others {
        let key = (found.resource_type.clone(), found.id.clone());
        let typed = texts.get(&key).into_iter().flat_map(BTreeMap::values);
        let typed: usize = typed.map(|text| 1 + text.encode_utf16().count()).sum();
        let more = found.resource.to_string().len();
        let fits = |chunk: &&mut Vec<Key>| {
            chunk.len() < IMPORT_CHUNK_RESOURCES
                && bytes + more <= CHUNK_BYTES_MAX
                && ops + typed <= TEXT_OPS
        };
        match chunks.last_mut().filter(fits) {
            Some(chunk) => {
                (bytes, ops) = (bytes + more, ops + typed);
                chunk.push(key);
            }
            None => {
                (bytes, ops) = (more, typed);
                chunks.push(vec![key]);
            }
        }
    }
    chunks
}

/// An act on two charts.
fn act(ask: &Ask, act: Act, about: &[String], [source, target]: [&RoomName; 2]) -> Entry {
    let mut entry = Entry::of(ask.caller.author(), act).room(source).room(target);
    about.iter().for_each(|reference| entry.touch(reference.clone(), None));
    entry
}

/// Notes an act that ended halfway.
async fn ended(ask: &Ask, act: Entry, result: Result<(), FhirError>) -> Result<(), FhirError> {
    if result.is_err() {
        audit::note(ask, act.failed("ended-halfway")).await?;
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
    let new = ask.fhir.charts.look_at(&ask.caller, target, look).await?.flatten();
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

/// Refuses to write over resources with the same types and ids that say something else, and over texts of
/// them that do: which is which nobody could tell. Refuses texts that cannot go along as they are.
async fn free(
    ask: &Ask,
    (source, target): (&RoomName, &RoomName),
    moving: Vec<(String, String, Value)>,
) -> Result<(), FhirError> {
    let keys = moving.iter().map(|(name, id, _)| (name.clone(), id.clone()));
    let keys: Vec<Key> = keys.collect();
    let texts = texts_of(ask, source, keys.clone()).await?;
    let look = move |chart: &mut Chart| {
        keys.iter().any(|(name, id)| chart.document().has_disputed_text(name, id))
    };
    if ask.fhir.charts.look_at(&ask.caller, source, look).await?.unwrap_or(false) {
        return Err(disputed());
    }
    let too_long = |text: &String| text.encode_utf16().count() > TEXT_UNITS_MAX;
    if texts.values().flat_map(BTreeMap::values).any(too_long) {
        return Err(FhirError::rule("a text is longer than one may be; make it shorter first"));
    }
    let look = move |chart: &mut Chart| {
        let mut differs = |(name, id, resource): &(String, String, Value)| {
            let Some(there) = chart.current(name, id).and_then(|found| found.bare()) else {
                return false;
            };
            // What was begun and ended halfway has none there yet.
            let said = chart.document().texts_of(name, id);
            let own = texts.get(&(name.clone(), id.clone()));
            let other = said.iter().any(|(name, text)| {
                !text.is_empty() && own.and_then(|own| own.get(name)) != Some(text)
            });
            other || there != *resource
        };
        moving.iter().filter(|moving| differs(moving)).count()
    };
    let taken = ask.fhir.charts.look_at(&ask.caller, target, look).await?.unwrap_or(0);
    if taken == 0 {
        return Ok(());
    }
    let text = format!("{taken} resources have the same type and id in both charts");
    Err(FhirError::one(StatusCode::CONFLICT, "duplicate", text))
}

fn all(chart: &mut Chart) -> Vec<Found> {
    chart.types().iter().flat_map(|name| chart.collection(name)).collect()
}

/// What a resource refers to that stays in its chart.
async fn behind(
    ask: &Ask,
    found: &Found,
    source: &RoomName,
) -> Result<BTreeSet<String>, FhirError> {
    let mut behind = BTreeSet::new();
    if source.patient_id().is_none() {
        return Ok(behind);
    }
    for (kind, id) in references(&found.resource).into_iter().filter(|(kind, _)| kind != "Patient")
    {
        if ask.caller.hub().place_of(&kind, &id).await?.as_ref() == Some(source) {
            behind.insert(format!("{kind}/{id}"));
        }
    }
    Ok(behind)
}

/// What in a chart refers to a resource, as `Type/id`.
async fn referring(ask: &Ask, room: &RoomName, reference: &str) -> Result<Vec<String>, FhirError> {
    let (kind, id) = reference.split_once('/').unwrap_or_default();
    let wanted = (kind.to_owned(), id.to_owned());
    let look = move |chart: &mut Chart| -> Vec<String> {
        let refers = |found: &Found| {
            found.resource_type != "Provenance" && references(&found.resource).contains(&wanted)
        };
        let found = all(chart).into_iter().filter(refers);
        found.map(|found| format!("{}/{}", found.resource_type, found.id)).collect()
    };
    Ok(ask.fhir.charts.look_at(&ask.caller, room, look).await?.unwrap_or_default())
}

/// What was nobody's as a patient's.
fn given(found: &Found, to: &str) -> Value {
    let mut resource = without_history(&found.resource);
    if let (Some(path), Some(members)) =
        (patient_path(&found.resource_type), resource.as_object_mut())
    {
        members.entry(path).or_insert_with(|| json!({ "reference": patient(to) }));
    }
    resource
}

/// A resource in which one patient is another.
fn renamed(found: &Found, (from, to): &(String, String)) -> Value {
    let mut resource = without_history(&found.resource);
    rename(&mut resource, &patient(from), &patient(to));
    resource
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
    let unknown = || {
        let text = format!("the patient that `{parameter}` names does not exist");
        FhirError::one(StatusCode::UNPROCESSABLE_ENTITY, "not-found", text)
    };
    let room = room.filter(|_| exists).ok_or_else(unknown)?;
    // What moves between charts is its mover's to read and to write in both.
    let access = ask.caller.may_enter(&room).await?.ok_or_else(unknown)?;
    access.check_whole().map_err(ApiError::from)?;
    match access.writes_everything() {
        true => Ok(room),
        false => Err(ApiError::from(access.denial(Right::Update)).into()),
    }
}

fn patient(id: &str) -> String {
    format!("Patient/{id}")
}
