//! `Patient/[id]/$everything`: the chart, page by page, with what it refers to in the directory.

use std::collections::BTreeSet;

use axum::{http::StatusCode, response::Response};
use chartroom_engine::{RoomName, document::resource_type};
use serde_json::Value;

use super::{
    answer,
    ask::Ask,
    bundle::{self, Page},
    chart::{Chart, Found},
    error::FhirError,
    history::since,
    references::references,
};

/// `GET Patient/[id]/$everything`.
pub(crate) async fn everything(ask: Ask) -> Result<Response, FhirError> {
    let (page, since) = (Page::of(&ask)?, since(&ask)?);
    let types = types(&ask)?;
    let room = RoomName::patient(&ask.id).map_err(|_| FhirError::not_found())?;
    let here = part(&ask, &room, &page, (types.clone(), since)).await?;
    let (mut found, mut total) = here.ok_or_else(FhirError::not_found)?;
    for compartment in ask.caller.hub().compartments_of(&room).await? {
        let here = part(&ask, &compartment, &page, (types.clone(), since)).await?;
        let (others, count) = here.unwrap_or_default();
        found.extend(others);
        total += count;
    }
    found.sort_by_cached_key(|found| (rank(&found.resource_type), found.id.clone()));
    let more = found.len() > page.count;
    found.truncate(page.count);
    let last = found.last().filter(|_| more);
    let next = last.map(|found| format!("{}/{}", found.resource_type, found.id));
    let referred = referred_to(&ask, &room, &found, types.as_ref()).await?;
    let entry = |found: &Found, mode| bundle::entry(&ask, found, &found.resource, mode);
    let mut entries: Vec<Value> = found.iter().map(|found| entry(found, "match")).collect();
    entries.extend(referred.iter().map(|found| entry(found, "include")));
    entries.extend(bundle::outcome_entry(&answer::disputes(&found)));
    let bundle = bundle::page("searchset", &ask, &page, Some(total), next, entries);
    Ok(answer::json(StatusCode::OK, &bundle))
}

/// What one room has of a page, with one resource more than that where there is one, and how many it has
/// in all; `None` where it is a chart without its patient.
async fn part(
    ask: &Ask,
    room: &RoomName,
    page: &Page,
    (types, since): (Option<BTreeSet<String>>, Option<i64>),
) -> Result<Option<(Vec<Found>, usize)>, FhirError> {
    let (cursor, count, id) = (page.cursor.clone(), page.count, ask.id.clone());
    let is_chart = room.is_chart();
    let look = move |chart: &mut Chart| {
        if is_chart && chart.current("Patient", &id).is_none_or(|found| found.deleted) {
            return None;
        }
        let cursor = cursor.as_deref().map(|cursor| cursor.split_once('/').unwrap_or((cursor, "")));
        let mut names = chart.types();
        // What clients may have put there is none of the audit.
        names.retain(|name| name != "AuditEvent");
        names.retain(|name| types.as_ref().is_none_or(|types| types.contains(name)));
        // The patient first.
        names.sort_by_key(|name| rank(name));
        let (mut found, mut total): (Vec<Found>, usize) = (Vec::new(), 0);
        for name in &names {
            let all = chart.collection(name).into_iter();
            let all: Vec<Found> =
                all.filter(|found| since.is_none_or(|ms| found.updated_ms >= ms)).collect();
            total += all.len();
            let behind = |found: &Found| {
                let key = (rank(name), found.id.as_str());
                cursor.is_none_or(|(name, id)| key > (rank(name), id))
            };
            found.extend(
                all.into_iter().filter(behind).take((count + 1).saturating_sub(found.len())),
            );
        }
        Some((found, total))
    };
    Ok(ask.fhir.charts.look_at(&ask.caller, room, look).await?.flatten())
}

/// The order of the types: the patient first, then by name.
fn rank(name: &str) -> (bool, String) {
    (name != "Patient", name.to_owned())
}

/// The types that `_type` asks for.
fn types(ask: &Ask) -> Result<Option<BTreeSet<String>>, FhirError> {
    let Some(names) = ask.parameter("_type") else { return Ok(None) };
    let known = names.split(',').map(|name| {
        let known = resource_type(name.trim()).map(str::to_owned);
        known.ok_or_else(|| FhirError::invalid("_type names what is no resource type").at("_type"))
    });
    known.collect::<Result<_, _>>().map(Some)
}

/// Resources of the directory that those of a page refer to.
async fn referred_to(
    ask: &Ask,
    room: &RoomName,
    page: &[Found],
    types: Option<&BTreeSet<String>>,
) -> Result<Vec<Found>, FhirError> {
    let directory = RoomName::directory();
    let wanted = |name: &str| {
        resource_type(name).is_some() && types.is_none_or(|types| types.contains(name))
    };
    let referred: BTreeSet<(String, String)> = page
        .iter()
        .flat_map(|found| references(&found.resource))
        .filter(|(name, _)| wanted(name))
        .collect();
    if *room == directory || referred.is_empty() {
        return Ok(Vec::new());
    }
    let look = move |chart: &mut Chart| -> Vec<Found> {
        let found = referred.iter().filter_map(|(name, id)| chart.current(name, id));
        found.filter(|found| !found.deleted).collect()
    };
    Ok(ask.fhir.charts.look_at(&ask.caller, &directory, look).await?.unwrap_or_default())
}
