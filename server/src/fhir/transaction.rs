//! Bundles that are posted: a batch is a number of requests, a transaction is one.
//!
//! A transaction's entries are checked together, on what stands and on each other; only where nothing
//! is wrong with any of them is anything written: in each room one change, all or none of it. Should a
//! room refuse after another was written, because somebody wrote there at that very moment, the rest is
//! checked anew and tried again.

mod entry;

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    body::to_bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chartroom_engine::{ChangeHash, CommandError, RoomName, document::room_of};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer,
    ask::Ask,
    error::FhirError,
    find,
    interactions::{identify, only_reads},
    patch::Patch,
    table::Interaction,
    write::{
        ATTEMPTS, ATTEMPTS_TOGETHER, Aimed, Prepared, Wanted, Written, aim, busy, carry_out,
        prepare_all, written,
    },
};
use entry::{Entry, References};

/// Entries of a Bundle at most.
const ENTRIES_MAX: usize = 5000;

/// `POST [base]`.
pub(crate) async fn post(ask: Ask) -> Result<Response, FhirError> {
    ask.only_json()?;
    let mut bundle = ask.json()?;
    if bundle.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
        return Err(FhirError::invalid("only a Bundle is posted to the base").at("resourceType"));
    }
    let is_transaction = match bundle.get("type").and_then(Value::as_str) {
        Some("transaction") => true,
        Some("batch") => false,
        Some(_) | None => {
            let text = "a Bundle that is posted is a transaction or a batch";
            return Err(FhirError::invalid(text).at("Bundle.type"));
        }
    };
    let entries = match bundle.get_mut("entry").map(Value::take) {
        Some(Value::Array(entries)) => entries,
        None => Vec::new(),
        Some(_) => return Err(FhirError::invalid("entry is an array").at("Bundle.entry")),
    };
    if entries.len() > ENTRIES_MAX {
        let text = format!("a Bundle has {ENTRIES_MAX} entries at most; $import takes any number");
        return Err(
            FhirError::one(StatusCode::PAYLOAD_TOO_LARGE, "too-long", text).at("Bundle.entry")
        );
    }
    let (kind, answers) = match is_transaction {
        true => ("transaction-response", transaction(&ask, entries).await?),
        false => ("batch-response", batch(&ask, entries).await),
    };
    let mut bundle = json!({ "resourceType": "Bundle", "type": kind });
    if let (Some(members), false) = (bundle.as_object_mut(), answers.is_empty()) {
        members.insert("entry".to_owned(), Value::Array(answers));
    }
    Ok(answer::json(StatusCode::OK, &bundle))
}

/// Carries each entry out for itself.
async fn batch(ask: &Ask, entries: Vec<Value>) -> Vec<Value> {
    let mut answers = Vec::new();
    for (at, entry) in entries.into_iter().enumerate() {
        let place = format!("Bundle.entry[{at}]");
        let asked = Entry::parse(ask, entry, true).map_err(|error| error.below(&place));
        let response = match asked {
            Ok(entry) => {
                let name = entry.ask.resource_type;
                let response = Box::pin(super::dispatch(entry.interaction, entry.ask)).await;
                response.unwrap_or_else(|error| error.of_entry(at, name).into_response())
            }
            Err(error) => error.into_response(),
        };
        answers.push(told(response).await);
    }
    answers
}

/// Carries all entries out, or none.
async fn transaction(ask: &Ask, entries: Vec<Value>) -> Result<Vec<Value>, FhirError> {
    let mut parsed = Vec::new();
    for (at, entry) in entries.into_iter().enumerate() {
        let entry = Entry::parse(ask, entry, false);
        parsed.push(entry.map_err(|error| error.below(&format!("Bundle.entry[{at}]")))?);
    }
    // Conditional creates of the same resource come one after the other.
    let _one_at_a_time = match parsed.iter().any(|entry| entry.ask.if_none_exist.is_some()) {
        true => Some(std::sync::Arc::clone(&ask.fhir.conditional).lock_owned().await),
        false => None,
    };
    let standing = identified(&mut parsed).await?;
    let references = References::of(&parsed);
    for (at, entry) in parsed.iter_mut().enumerate() {
        let place = format!("Bundle.entry[{at}]");
        references.resolve(entry).await.map_err(|error| error.below(&place))?;
    }
    let created = created_patients(&parsed);
    check_reads(&parsed).await?;
    let mut done: BTreeMap<usize, Outcome> = standing;
    for attempt in 0..ATTEMPTS {
        // What is written in one room is written whole or not at all, whoever else writes; of several
        // rooms the second must not refuse what the first has taken.
        let mut alone = match attempt < ATTEMPTS_TOGETHER && !over_rooms(&parsed) {
            true => None,
            false => Some(ask.fhir.turn.write().await),
        };
        let mut rooms = prepared(ask, &parsed, &created, &done).await;
        if alone.is_none() && rooms.as_ref().is_ok_and(|rooms| rooms.len() > 1) {
            alone = Some(ask.fhir.turn.write().await);
            rooms = prepared(ask, &parsed, &created, &done).await;
        }
        let rooms = rooms.map_err(|error| halfway(error, &done))?;
        let together = match alone {
            None => Some(ask.fhir.turn.read().await),
            Some(_) => None,
        };
        let whole = written_in(ask, rooms, &mut done).await;
        drop((alone, together));
        if whole.map_err(|error| halfway(error, &done))? {
            return answers(ask, parsed, done).await;
        }
    }
    Err(halfway(busy(), &done))
}

/// Whether the resources are of several rooms, as far as they say.
fn over_rooms(entries: &[Entry]) -> bool {
    let mut rooms = entries.iter().filter_map(|entry| room_of(entry.resource.as_ref()?).ok());
    let first = rooms.next();
    rooms.any(|room| Some(&room) != first.as_ref())
}

/// Carries writes out room by room; false where a room refuses since somebody wrote there.
async fn written_in(
    ask: &Ask,
    rooms: BTreeMap<RoomName, Vec<(usize, Prepared)>>,
    done: &mut BTreeMap<usize, Outcome>,
) -> Result<bool, FhirError> {
    for writes in rooms.into_values() {
        let (places, writes): (Vec<usize>, Vec<Prepared>) = writes.into_iter().unzip();
        match carry_out(ask, &writes).await? {
            Ok(change) => {
                let outcomes = writes.into_iter().map(|write| Outcome::of(write, change));
                done.extend(places.into_iter().zip(outcomes));
            }
            Err(CommandError::Changed) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// What became of an entry.
enum Outcome {
    /// It was written.
    Write(Box<Prepared>, Option<ChangeHash>),
    /// A conditional create found it.
    Stands(Box<super::chart::Found>),
}

impl Outcome {
    fn of(write: Prepared, change: Option<ChangeHash>) -> Self {
        Self::Write(Box::new(write), change)
    }
}

/// Gives every resource that is created its id; conditional creates that find theirs are done.
async fn identified(entries: &mut [Entry]) -> Result<BTreeMap<usize, Outcome>, FhirError> {
    let (mut done, mut asked) = (BTreeMap::new(), BTreeSet::new());
    // Deletes come first (FHIR R4, http.html#trules).
    let deleted = deleted(entries);
    for (at, entry) in entries.iter_mut().enumerate() {
        if entry.interaction != Interaction::Create {
            continue;
        }
        let place = format!("Bundle.entry[{at}]");
        if let Some(criteria) = entry.ask.if_none_exist.clone() {
            let existing = find::existing(&entry.ask, &criteria).await;
            let mut existing = existing.map_err(|error| error.below(&place))?;
            existing.retain(|found| {
                !deleted.contains(&(found.resource_type.clone(), found.id.clone()))
            });
            if !asked.insert((entry.ask.resource_type, criteria)) {
                let text = "two entries have the same ifNoneExist";
                let error = FhirError::one(StatusCode::PRECONDITION_FAILED, "duplicate", text);
                return Err(error.below(&place));
            }
            if existing.len() > 1 {
                let text = "ifNoneExist matches several resources";
                let error =
                    FhirError::one(StatusCode::PRECONDITION_FAILED, "multiple-matches", text);
                return Err(error.below(&place));
            }
            if let Some(found) = existing.pop() {
                entry.ask.id.clone_from(&found.id);
                done.insert(at, Outcome::Stands(Box::new(found)));
                continue;
            }
        }
        entry.ask.id = free_id(entry).await?;
        let id = entry.ask.id.clone();
        if let Some(resource) = &mut entry.resource {
            identify(resource, &id);
        }
    }
    Ok(done)
}

/// Reads what is read, ahead of writing: what cannot be fails the transaction, unless it is written here.
async fn check_reads(entries: &[Entry]) -> Result<(), FhirError> {
    let key = |entry: &Entry| (entry.ask.resource_type, entry.ask.id.clone());
    let written: BTreeSet<_> = entries.iter().filter(|entry| entry.writes()).map(key).collect();
    for (at, entry) in entries.iter().enumerate() {
        let error = |error: FhirError| error.of_entry(at, entry.ask.resource_type);
        if written.contains(&key(entry)) {
            continue;
        }
        // What writes otherwise is none of a transaction's.
        wanted(entry).map_err(error)?;
        let read = Box::pin(super::dispatch(entry.interaction, entry.ask.clone())).await;
        read.map_err(error)?;
    }
    Ok(())
}

/// What the transaction deletes.
fn deleted(entries: &[Entry]) -> BTreeSet<(String, String)> {
    let deletes = entries.iter().filter(|entry| entry.interaction == Interaction::Delete);
    deletes.map(|entry| (entry.ask.resource_type.to_owned(), entry.ask.id.clone())).collect()
}

/// An id for a resource that is created: that of its `urn:uuid`, where nothing has it yet.
async fn free_id(entry: &Entry) -> Result<String, FhirError> {
    let url = entry.full_url.as_deref().unwrap_or_default();
    if let Some(uuid) = url.strip_prefix("urn:uuid:").filter(|uuid| Uuid::parse_str(uuid).is_ok())
        && entry.ask.fhir.place(&entry.ask.caller, entry.ask.resource_type, uuid).await?.is_none()
    {
        return Ok(uuid.to_owned());
    }
    Ok(Uuid::from_bytes(rand::random()).to_string())
}

/// The ids of the patients that the transaction writes.
fn created_patients(entries: &[Entry]) -> BTreeSet<String> {
    let writes = entries.iter().filter(|entry| entry.resource.is_some());
    let patients = writes.filter(|entry| entry.ask.resource_type == "Patient");
    patients.map(|entry| entry.ask.id.clone()).collect()
}

/// The writes that are not done yet, by room: patients' charts behind the directory's.
async fn prepared(
    ask: &Ask,
    entries: &[Entry],
    created: &BTreeSet<String>,
    done: &BTreeMap<usize, Outcome>,
) -> Result<BTreeMap<RoomName, Vec<(usize, Prepared)>>, FhirError> {
    let (mut named, mut aimed) =
        (BTreeSet::new(), BTreeMap::<RoomName, Vec<(usize, Aimed)>>::new());
    for (at, entry) in entries.iter().enumerate().filter(|(at, _)| !done.contains_key(at)) {
        let wrong = |error: FhirError| error.of_entry(at, entry.ask.resource_type);
        let Some(wanted) = wanted(entry).map_err(wrong)? else { continue };
        if !named.insert((entry.ask.resource_type, entry.ask.id.as_str())) {
            let text = "two entries of a transaction write the same resource";
            return Err(wrong(FhirError::invalid(text)));
        }
        let write = aim(&entry.ask, wanted, created).await.map_err(wrong)?;
        aimed.entry(write.room.clone()).or_default().push((at, write));
    }
    let mut rooms: BTreeMap<RoomName, Vec<(usize, Prepared)>> = BTreeMap::new();
    for (room, writes) in aimed {
        let (places, writes): (Vec<usize>, Vec<Aimed>) = writes.into_iter().unzip();
        for (at, write) in places.into_iter().zip(prepare_all(ask, &room, writes).await?) {
            let name = entries.get(at).map_or("", |entry| entry.ask.resource_type);
            let write = write.map_err(|error| error.of_entry(at, name))?;
            if write.is_merge() {
                let text = "an update of an older version is not merged within a transaction";
                return Err(FhirError::stale(text).of_entry(at, name));
            }
            rooms.entry(room.clone()).or_default().push((at, write));
        }
    }
    Ok(rooms)
}

/// What an entry writes; `None` where it reads.
fn wanted(entry: &Entry) -> Result<Option<Wanted>, FhirError> {
    if entry.ask.resource_type == "AuditEvent" {
        only_reads(entry.interaction)?;
    }
    Ok(match entry.interaction {
        Interaction::Create | Interaction::Update => entry.resource.clone().map(Wanted::Put),
        Interaction::Patch => {
            Some(Wanted::Patched(Patch::parse(&entry.ask.content_type, &entry.ask.body)?))
        }
        Interaction::Delete => Some(Wanted::Deleted),
        Interaction::Read
        | Interaction::Vread
        | Interaction::Search
        | Interaction::HistoryInstance
        | Interaction::HistoryType
        | Interaction::Everything
        | Interaction::Capabilities => None,
        Interaction::Bundle
        | Interaction::Import
        | Interaction::CorrectPatient
        | Interaction::MergePatients
        | Interaction::Relabel => {
            return Err(FhirError::invalid("an operation that writes is no part of a transaction")
                .at("request.url"));
        }
    })
}

/// The answers, in the order of the entries; what only reads is read now.
async fn answers(
    ask: &Ask,
    entries: Vec<Entry>,
    done: BTreeMap<usize, Outcome>,
) -> Result<Vec<Value>, FhirError> {
    let mut rooms: BTreeMap<RoomName, Vec<(usize, Prepared, Option<ChangeHash>)>> = BTreeMap::new();
    let (mut answered, mut answers) = (BTreeMap::new(), Vec::new());
    for (at, outcome) in done {
        match outcome {
            Outcome::Stands(found) => {
                let (status, issues) = (StatusCode::OK, Vec::new());
                answered.insert(at, (status, Some(Written { status, found: *found, issues })));
            }
            Outcome::Write(write, change) => {
                rooms.entry(write.room.clone()).or_default().push((at, *write, change));
            }
        }
    }
    for (room, writes) in rooms {
        let places: Vec<_> = writes.iter().map(|(at, write, _)| (*at, write.status)).collect();
        let writes = writes.into_iter().map(|(_, write, change)| (write, change)).collect();
        let written = written(ask, &room, writes).await?;
        let written = places.into_iter().zip(written);
        answered.extend(written.map(|((at, status), written)| (at, (status, written))));
    }
    for (at, entry) in entries.into_iter().enumerate() {
        let response = match answered.remove(&at) {
            Some((status, Some(Written { found, issues, .. }))) => {
                answer::written(&entry.ask, status, &found, &issues)
            }
            Some((status, None)) => status.into_response(),
            None => {
                let response = Box::pin(super::dispatch(entry.interaction, entry.ask)).await;
                response.unwrap_or_else(|error| {
                    error.below(&format!("Bundle.entry[{at}]")).into_response()
                })
            }
        };
        answers.push(told(response).await);
    }
    Ok(answers)
}

/// A response as an entry of the Bundle that answers.
async fn told(response: Response) -> Value {
    let (parts, body) = response.into_parts();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let mut told = json!({ "status": parts.status.as_u16().to_string() });
    if let Some(members) = told.as_object_mut() {
        for (name, header) in [("location", header("location")), ("etag", header("etag"))] {
            if let Some(text) = header {
                members.insert(name.to_owned(), text.into());
            }
        }
        if let Some(time) = parts.extensions.get::<answer::Updated>() {
            members.insert("lastModified".to_owned(), time.0.clone().into());
        }
    }
    // A body of this server's is in memory already.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut entry = json!({});
    if let (Ok(body), Some(entry)) = (serde_json::from_slice::<Value>(&body), entry.as_object_mut())
    {
        let is_outcome =
            body.get("resourceType").and_then(Value::as_str) == Some("OperationOutcome");
        match (is_outcome, told.as_object_mut()) {
            (true, Some(told)) => told.insert("outcome".to_owned(), body),
            (true, None) => None,
            (false, _) => entry.insert("resource".to_owned(), body),
        };
    }
    if let Some(entry) = entry.as_object_mut() {
        entry.insert("response".to_owned(), told);
    }
    entry
}

/// An error behind which part of a transaction is written, which says so.
fn halfway(mut error: FhirError, done: &BTreeMap<usize, Outcome>) -> FhirError {
    let mut written: Vec<String> = Vec::new();
    for (at, outcome) in done {
        if matches!(outcome, Outcome::Write(..)) {
            written.push(at.to_string());
        }
    }
    if !written.is_empty() {
        let text = format!("entries {} are written, in other rooms", written.join(", "));
        error.issues.push(chartroom_fhir::outcome::Issue::error("incomplete", text));
    }
    error
}
