//! Writing resources: what a request wants done, checked against what stands, and done in its turn.
//!
//! A write is prepared on a copy of the room ([`aim`], [`prepare_all`]) and carried out in the room ([`carry_out`]),
//! which refuses it where the resource is not what it was prepared on; then it is prepared anew. An
//! update of an older version can be merged: it is made on the room as it was then, and taken in as
//! a change of somebody who did not know of what came since.

mod carry;
mod warnings;

use std::{collections::BTreeSet, sync::Arc};

use axum::http::StatusCode;
use chartroom_engine::{
    ChangeHash, Command, CommandError, Document, RoomName,
    access::{Denial, Right},
    document::{patient_path, room_of},
};
use chartroom_fhir::{
    outcome::{Issue, Severity},
    validate::validate,
};
use serde_json::Value;

use super::{
    Validation,
    ask::Ask,
    chart::{Chart, Found, expression, without_history},
    error::FhirError,
    patch::Patch,
    reverts::reverts,
    version::Version,
};
use crate::error::ApiError;
pub(crate) use carry::carry_out;

/// How often a write is prepared anew because somebody else was faster.
pub(crate) const ATTEMPTS: usize = 16;
/// How often that happens beside other writes over FHIR; then it has its turn alone.
pub(crate) const ATTEMPTS_TOGETHER: usize = 2;

/// What is to become of a resource.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// It stands as given.
    Put(Value),
    /// It stands as this makes of what stands.
    Patched(Patch),
    /// It is deleted.
    Deleted,
}

/// A write that is ready to be carried out.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub room: RoomName,
    pub resource_type: String,
    pub id: String,
    /// What is done; `None` where nothing is left to do.
    pub command: Option<Command>,
    /// The room in which it was, deleted, where it is created in another one.
    pub moved_from: Option<RoomName>,
    /// Whether the room has never had it.
    is_new: bool,
    /// What stands, on which the write goes on.
    pub standing: Option<Value>,
    /// The elements of it in conflict.
    disputed: Vec<String>,
    /// The change behind which it was made, where it is merged with what came since.
    base: Option<ChangeHash>,
    /// What it is answered with.
    pub status: StatusCode,
    /// Elements of other authors that it puts back unseen.
    pub reverts: Vec<String>,
    /// What there is to say of it.
    pub issues: Vec<Issue>,
}

/// A write that was carried out.
#[derive(Debug)]
pub(crate) struct Written {
    pub status: StatusCode,
    /// The resource at the version that the write made, or that stood if nothing differed.
    pub found: Found,
    pub issues: Vec<Issue>,
}

/// Prepares and carries out one write.
pub(crate) async fn write(ask: &Ask, wanted: &Wanted) -> Result<Option<Written>, FhirError> {
    for attempt in 0..ATTEMPTS {
        let alone = match attempt < ATTEMPTS_TOGETHER {
            true => None,
            false => Some(ask.fhir.turn.write().await),
        };
        let prepared = prepare(ask, wanted).await?;
        let together = match alone {
            None => Some(ask.fhir.turn.read().await),
            Some(_) => None,
        };
        let done = carry_out(ask, std::slice::from_ref(&prepared)).await?;
        drop((alone, together));
        match done {
            Ok(change) => {
                let room = prepared.room.clone();
                let mut done = written(ask, &room, vec![(prepared, change)]).await?;
                return Ok(done.pop().flatten());
            }
            Err(CommandError::Changed) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// Others write the same all the time.
pub(crate) fn busy() -> FhirError {
    FhirError::one(StatusCode::CONFLICT, "conflict", "others keep writing there; try again")
}

/// A write and the room that it goes into.
#[derive(Debug, Clone)]
pub(crate) struct Aimed {
    ask: Ask,
    wanted: Wanted,
    pub room: RoomName,
    /// The room in which the resource was, if it is another one.
    moved_from: Option<RoomName>,
    issues: Vec<Issue>,
}

/// Checks a write against what stands.
async fn prepare(ask: &Ask, wanted: &Wanted) -> Result<Prepared, FhirError> {
    let aimed = aim(ask, wanted.clone(), &BTreeSet::new()).await?;
    let room = aimed.room.clone();
    let prepared = prepare_all(ask, &room, vec![aimed]).await?.pop();
    prepared.unwrap_or_else(|| Err(FhirError::not_found()))
}

/// Says where a write goes; `created` are the ids of patients that the same transaction creates.
pub(crate) async fn aim(
    ask: &Ask,
    wanted: Wanted,
    created: &BTreeSet<String>,
) -> Result<Aimed, FhirError> {
    let place = ask.fhir.place(&ask.caller, ask.resource_type, &ask.id).await?;
    let (room, moved_from, issues) = match &wanted {
        Wanted::Put(resource) => {
            let issues = judge(ask, resource)?;
            let (room, moved_from) = room_for(ask, resource, place, created).await?;
            (room, moved_from, issues)
        }
        Wanted::Patched(_) => (place.ok_or_else(FhirError::not_found)?, None, Vec::new()),
        Wanted::Deleted => (place.unwrap_or_else(RoomName::directory), None, Vec::new()),
    };
    Ok(Aimed { ask: ask.clone(), wanted, room, moved_from, issues })
}

/// Checks writes that go into one room against what stands there, in one look at it.
pub(crate) async fn prepare_all(
    ask: &Ask,
    room: &RoomName,
    aimed: Vec<Aimed>,
) -> Result<Vec<Result<Prepared, FhirError>>, FhirError> {
    let kept = Arc::new(aimed);
    let writes = Arc::clone(&kept);
    let looking = move |chart: &mut Chart| -> Vec<_> {
        writes.iter().map(|write| write.prepare(Some(chart))).collect()
    };
    let looked = ask.fhir.charts.look_at(&ask.caller, room, looking).await?;
    Ok(looked.unwrap_or_else(|| kept.iter().map(|write| write.prepare(None)).collect()))
}

impl Aimed {
    fn prepare(&self, chart: Option<&mut Chart>) -> Result<Prepared, FhirError> {
        let mut prepared = prepare_on(&self.ask, &self.wanted, &self.room, chart)?;
        prepared.issues.splice(0..0, self.issues.iter().cloned());
        // One that was in the room before is counted on.
        prepared.moved_from = self.moved_from.clone().filter(|_| prepared.is_new);
        Ok(prepared)
    }
}

/// Where a resource is put: the room that its patient says, unless that would move it; and the room in
/// which it was, deleted, where that is another one.
async fn room_for(
    ask: &Ask,
    resource: &Value,
    place: Option<RoomName>,
    created: &BTreeSet<String>,
) -> Result<(RoomName, Option<RoomName>), FhirError> {
    let hub = ask.caller.hub();
    if let Some(issue) = misplaced(resource) {
        return Err(FhirError::new(StatusCode::UNPROCESSABLE_ENTITY, vec![issue]));
    }
    let wanted = room_of(resource).map_err(CommandError::from)?;
    if place.as_ref() == Some(&wanted) {
        // It may be on its way there.
        let former = hub.former_places(ask.resource_type, &ask.id).await?;
        return Ok((wanted, former.into_iter().next_back()));
    }
    if let Some(place) = &place {
        let (name, id) = (ask.resource_type, ask.id.clone());
        let look = move |chart: &mut Chart| chart.current(name, &id).and_then(|found| found.bare());
        let standing = ask.fhir.charts.look_at(&ask.caller, place, look).await?.flatten();
        match standing.map(|standing| room_of(&standing)) {
            // It says of no patient that it is theirs, and is in a chart.
            Some(Ok(said)) if said == wanted => return Ok((place.clone(), None)),
            Some(_) if place.chart().is_some() && place.chart() == wanted.chart() => {
                return Err(relabels(ask.resource_type));
            }
            Some(_) => return Err(moves(ask.resource_type)),
            None => {}
        }
    }
    if ask.resource_type != "Patient"
        && let Some(patient) = wanted.patient_id().filter(|patient| !created.contains(*patient))
    {
        takes_resources(ask, patient).await?;
    }
    Ok((wanted, place))
}

/// Why a resource is nobody's to write here: it is the audit's, or a patient's of another server.
pub(crate) fn misplaced(resource: &Value) -> Option<Issue> {
    let name = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    if name == "AuditEvent" {
        let text = "the audit is this server's own; it is read, and not written";
        return Some(Issue::error("not-supported", text));
    }
    let element =
        patient_path(name).filter(|element| resource.get(element).is_some_and(is_elsewhere))?;
    let text = "the patient is another server's, and has no chart here";
    Some(Issue::error("business-rule", text).at(format!("{name}.{element}.reference")))
}

/// Whether a value refers to a Patient of another server.
fn is_elsewhere(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let reference = members.get("reference").and_then(Value::as_str);
            reference.is_some_and(|text| text.contains("://") && text.contains("/Patient/"))
                || members.values().any(is_elsewhere)
        }
        Value::Array(items) => items.iter().any(is_elsewhere),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Refuses new resources for a patient who does not exist, or was merged into another one.
async fn takes_resources(ask: &Ask, patient: &str) -> Result<(), FhirError> {
    let chart = RoomName::patient(patient).map_err(|_| FhirError::not_found())?;
    let known = match ask.caller.may_enter(&chart).await? {
        Some(_) => ask.caller.hub().patient(patient).await?,
        None => None,
    };
    let (code, text) = match known {
        None => ("not-found", "the patient that the resource refers to does not exist"),
        Some(patient) if is_replaced(&patient) => {
            ("business-rule", "the patient was merged into another one, who takes new resources")
        }
        Some(_) => return Ok(()),
    };
    let element = patient_path(ask.resource_type).unwrap_or("subject");
    let expression = format!("{}.{element}.reference", ask.resource_type);
    Err(FhirError::one(StatusCode::UNPROCESSABLE_ENTITY, code, text).at(&expression))
}

/// Whether a patient was merged into another one.
pub(crate) fn is_replaced(patient: &Value) -> bool {
    let links = patient.get("link").and_then(Value::as_array).into_iter().flatten();
    let mut kinds = links.filter_map(|link| link.get("type").and_then(Value::as_str));
    kinds.any(|kind| kind == "replaced-by")
}

fn relabels(resource_type: &str) -> FhirError {
    FhirError::rule(format!(
        "the security labels say in which room the resource is, and an update does not move it; \
         {resource_type}/[id]/$relabel does"
    ))
    .at(&format!("{resource_type}.meta.security"))
}

fn moves(resource_type: &str) -> FhirError {
    FhirError::rule(format!(
        "the resource is another patient's, and an update does not move it; \
         {resource_type}/[id]/$correct-patient does"
    ))
    .at(&format!("{resource_type}.{}", patient_path(resource_type).unwrap_or("subject")))
}

/// Refuses what is no resource of the path's type and id, or not what R4 says of it.
pub(crate) fn judge(ask: &Ask, resource: &Value) -> Result<Vec<Issue>, FhirError> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    if text("resourceType") != Some(ask.resource_type) {
        let text = format!("the body is no {}, which the address names", ask.resource_type);
        return Err(FhirError::invalid(text).at("resourceType"));
    }
    if text("id") != Some(&ask.id) {
        let expression = format!("{}.id", ask.resource_type);
        return Err(FhirError::invalid("the id is not that of the address").at(&expression));
    }
    let mut found = validate(resource);
    let wrong = found.iter().any(|issue| issue.severity >= Severity::Error);
    match ask.fhir.validation {
        Validation::Refuse if wrong => {
            return Err(FhirError::new(StatusCode::UNPROCESSABLE_ENTITY, found));
        }
        Validation::Refuse => {}
        Validation::Warn => {
            for issue in &mut found {
                issue.severity = issue.severity.min(Severity::Warning);
            }
        }
    }
    Ok(found)
}

fn prepare_on(
    ask: &Ask,
    wanted: &Wanted,
    room: &RoomName,
    chart: Option<&mut Chart>,
) -> Result<Prepared, FhirError> {
    let Some(chart) = chart else {
        return match ask.if_match {
            Some(_) => Err(nothing_to_match()),
            None => unprepared(ask, room).make(ask, wanted, None),
        };
    };
    if chart.hides(ask.resource_type, &ask.id) {
        // Nobody writes over what they may not see.
        return Err(ApiError::from(Denial::Scope(Right::Update)).into());
    }
    let current = chart.current(ask.resource_type, &ask.id);
    let mut prepared = unprepared(ask, room);
    prepared.is_new = current.is_none();
    prepared.standing = current.as_ref().and_then(Found::bare);
    prepared.disputed = current.as_ref().map(|found| found.disputed.clone()).unwrap_or_default();
    if ask.if_none_match.as_deref() == Some("*") && prepared.standing.is_some() {
        return Err(FhirError::stale("the resource exists, and If-None-Match says it must not"));
    }
    let said = ask.if_match.or_else(|| version_in(wanted).filter(|_| current.is_some()));
    match (current, said) {
        (None, Some(_)) => Err(nothing_to_match()),
        (None, None) => prepared.make(ask, wanted, None),
        (Some(found), Some(said)) if said == found.version => prepared.make(ask, wanted, None),
        (Some(found), Some(said)) => {
            let base = older(ask, chart, &found, said)?;
            prepared.base = Some(base.change);
            prepared.make(ask, wanted, base.bare().as_ref())
        }
        (Some(found), None) => {
            let mut prepared = prepared.make(ask, wanted, None)?;
            if let (Wanted::Put(_), Some(Command::Put { resource }), false) =
                (wanted, &prepared.command, found.deleted)
            {
                if ask.fhir.versions_required {
                    return Err(version_required());
                }
                prepared.reverts = reverts(chart, &found, resource, &ask.caller.author().id);
                prepared.issues.extend(warnings::of_reverts(&prepared));
                prepared.issues.extend(warnings::of_choices(&prepared, &found, resource));
            }
            Ok(prepared)
        }
    }
}

fn unprepared(ask: &Ask, room: &RoomName) -> Prepared {
    Prepared {
        room: room.clone(),
        resource_type: ask.resource_type.to_owned(),
        id: ask.id.clone(),
        command: None,
        moved_from: None,
        is_new: true,
        standing: None,
        disputed: Vec::new(),
        base: None,
        status: StatusCode::OK,
        reverts: Vec::new(),
        issues: Vec::new(),
    }
}

impl Prepared {
    /// With the command that does what is wanted: to `base`, where that is an older version than the one
    /// that stands.
    fn make(mut self, ask: &Ask, wanted: &Wanted, base: Option<&Value>) -> Result<Self, FhirError> {
        let from = base.or(self.standing.as_ref());
        match wanted {
            Wanted::Put(resource) => {
                if self.standing.is_none() {
                    self.status = StatusCode::CREATED;
                }
                self.command = Some(Command::Put { resource: without_history(resource) });
            }
            Wanted::Patched(patch) => {
                let from = from.ok_or_else(FhirError::gone)?;
                let resource = without_history(&patch.apply(from)?);
                self.issues = judge(ask, &resource)?;
                let (to, from) = (room_of(&resource).ok(), room_of(from).ok());
                if misplaced(&resource).is_some() || to != from {
                    let chart = |room: Option<RoomName>| room.and_then(|room| room.chart());
                    return Err(match chart(to) == chart(from) {
                        true => relabels(ask.resource_type),
                        false => moves(ask.resource_type),
                    });
                }
                self.command = Some(Command::Put { resource });
            }
            Wanted::Deleted => {
                self.status = StatusCode::NO_CONTENT;
                let (resource_type, id) = (self.resource_type.clone(), self.id.clone());
                self.command =
                    self.standing.is_some().then_some(Command::Delete { resource_type, id });
            }
        }
        Ok(self)
    }

    /// Whether what it goes on is what a document shows.
    fn still_stands(&self, document: &Document) -> bool {
        let (now, disputed) = document.resource_with_disputes(&self.resource_type, &self.id);
        let paths = disputed.iter().map(|name| expression(&self.resource_type, name));
        now.as_ref().map(without_history) == self.standing
            && paths.eq(self.disputed.iter().cloned())
    }

    /// Whether it is merged with what came since the version that it goes on.
    pub fn is_merge(&self) -> bool {
        self.base.is_some()
    }

    /// The element names that it puts back, as the change notes them.
    pub fn noted_reverts(&self) -> impl Iterator<Item = String> {
        self.reverts.iter().map(|name| format!("{}/{}.{name}", self.resource_type, self.id))
    }
}

/// The version that a body goes on, as it says.
fn version_in(wanted: &Wanted) -> Option<Version> {
    let Wanted::Put(resource) = wanted else { return None };
    let said = resource.get("meta")?.get("versionId")?.as_str()?;
    Some(Version::parse(said).unwrap_or(Version::FOREIGN))
}

/// The older version that a write goes on, where it may be merged with what came since.
fn older(ask: &Ask, chart: &Chart, found: &Found, said: Version) -> Result<Found, FhirError> {
    if !ask.prefer.merge {
        return Err(FhirError::stale(format!(
            "version {} stands, and the request goes on another; read it again, or send \
             Prefer: handling=merge to have both people's work kept",
            found.version
        )));
    }
    let base = chart.version(&found.resource_type, &found.id, said);
    base.filter(|base| !base.deleted).ok_or_else(|| {
        FhirError::stale(format!(
            "version {} stands, and the one that the request goes on is not known here",
            found.version
        ))
    })
}

fn nothing_to_match() -> FhirError {
    FhirError::stale("there is no such resource to match If-Match with")
}

fn version_required() -> FhirError {
    FhirError::one(
        StatusCode::PRECONDITION_REQUIRED,
        "required",
        "an update says which version it goes on: If-Match, or meta.versionId in the body",
    )
}

/// What writes in one room are answered with; `None` where nothing is left of a resource.
pub(crate) async fn written(
    ask: &Ask,
    room: &RoomName,
    writes: Vec<(Prepared, Option<ChangeHash>)>,
) -> Result<Vec<Option<Written>>, FhirError> {
    let count = writes.len();
    let look = move |chart: &mut Chart| -> Vec<Option<Written>> {
        writes.into_iter().map(|(write, change)| written_in(chart, write, change)).collect()
    };
    let looked = ask.fhir.charts.look_at(&ask.caller, room, look).await?;
    Ok(looked.unwrap_or_else(|| (0..count).map(|_| None).collect()))
}

fn written_in(chart: &mut Chart, write: Prepared, change: Option<ChangeHash>) -> Option<Written> {
    let Prepared { resource_type, id, status, mut issues, base, .. } = write;
    let found = match change.and_then(|change| chart.version_of(&resource_type, &id, &change)) {
        Some(number) if number < chart.count(&resource_type, &id) => {
            chart.at(&resource_type, &id, &[number]).pop()
        }
        Some(_) | None => chart.current(&resource_type, &id),
    };
    if let (Some(_), Some(change)) = (base, change) {
        issues.extend(warnings::of_conflicts(chart, &resource_type, &id, &change));
    }
    Some(Written { status, found: found?, issues })
}
