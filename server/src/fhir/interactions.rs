//! The interactions on one resource: read, vread, create, update, patch, delete.

use std::sync::Arc;

use axum::{
    http::{HeaderValue, StatusCode, header::ALLOW},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    answer,
    ask::Ask,
    audit,
    chart::{Chart, Found},
    error::FhirError,
    find,
    patch::Patch,
    provenance,
    table::Interaction,
    version::Version,
    write::{Wanted, write},
};

/// `GET [type]/[id]`.
pub(crate) async fn read(ask: Ask) -> Result<Response, FhirError> {
    if let Some(made) = made_here(&ask).await? {
        let found = Found::made(&Arc::new(made));
        return Ok(answer::resource(StatusCode::OK, &found, &shaped(&ask, &found)));
    }
    if ask.resource_type == "AuditEvent" {
        return Err(FhirError::not_found());
    }
    let found = standing(&ask).await?;
    if found.deleted {
        let tag = answer::etag(&found.version.to_string()).parse();
        let tag = tag.unwrap_or_else(|_| HeaderValue::from_static(""));
        return Err(FhirError::gone().with(axum::http::header::ETAG, tag));
    }
    if ask.if_none_match.as_deref().is_some_and(|tags| found.version.is_listed(tags)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        answer::tell_version(&mut response, &found);
        return Ok(response);
    }
    Ok(answer::resource(StatusCode::OK, &found, &shaped(&ask, &found)))
}

/// `GET [type]/[id]/_history/[version]`.
pub(crate) async fn vread(ask: Ask) -> Result<Response, FhirError> {
    let version =
        ask.version.as_deref().and_then(Version::parse).ok_or_else(FhirError::not_found)?;
    let name = ask.resource_type;
    let mut found = None;
    for room in ask.fhir.places(&ask.caller, name, &ask.id).await? {
        let id = ask.id.clone();
        let look = move |chart: &mut Chart| chart.version(name, &id, version);
        found = ask.fhir.charts.look_at(&ask.caller, &room, look).await?.flatten();
        if found.is_some() {
            break;
        }
    }
    let found = found.ok_or_else(FhirError::not_found)?;
    if found.deleted {
        return Err(FhirError::gone());
    }
    Ok(answer::resource(StatusCode::OK, &found, &found.resource))
}

/// `POST [type]`.
pub(crate) async fn create(mut ask: Ask) -> Result<Response, FhirError> {
    ask.only_json()?;
    let mut resource = ask.json()?;
    let _one_at_a_time = match ask.if_none_exist {
        Some(_) => Some(Arc::clone(&ask.fhir.conditional).lock_owned().await),
        None => None,
    };
    if let Some(criteria) = ask.if_none_exist.clone() {
        match find::existing(&ask, &criteria).await?.as_slice() {
            [] => {}
            [one] => return Ok(answer::written(&ask, StatusCode::OK, one, &[])),
            _ => {
                return Err(FhirError::one(
                    StatusCode::PRECONDITION_FAILED,
                    "multiple-matches",
                    "If-None-Exist matches several resources",
                ));
            }
        }
    }
    ask.id = Uuid::from_bytes(rand::random()).to_string();
    (ask.if_match, ask.if_none_match) = (None, None);
    identify(&mut resource, &ask.id);
    done(&ask, &Wanted::Put(resource)).await
}

/// `PUT [type]/[id]`.
pub(crate) async fn update(ask: Ask) -> Result<Response, FhirError> {
    ask.only_json()?;
    let resource = ask.json()?;
    done(&ask, &Wanted::Put(resource)).await
}

/// `PATCH [type]/[id]`.
pub(crate) async fn patch(ask: Ask) -> Result<Response, FhirError> {
    let patch = Patch::parse(&ask.content_type, &ask.body)?;
    done(&ask, &Wanted::Patched(patch)).await
}

/// `DELETE [type]/[id]`.
pub(crate) async fn delete(ask: Ask) -> Result<Response, FhirError> {
    match write(&ask, &Wanted::Deleted).await? {
        Some(written) if !written.issues.is_empty() => {
            Ok(answer::written(&ask, StatusCode::OK, &written.found, &written.issues))
        }
        Some(written) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            answer::tell_version(&mut response, &written.found);
            Ok(response)
        }
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

async fn done(ask: &Ask, wanted: &Wanted) -> Result<Response, FhirError> {
    let written = write(ask, wanted).await?.ok_or_else(FhirError::not_found)?;
    Ok(answer::written(ask, written.status, &written.found, &written.issues))
}

/// Gives a resource its id, whatever it came with.
pub(crate) fn identify(resource: &mut Value, id: &str) {
    if let Some(resource) = resource.as_object_mut() {
        resource.insert("id".to_owned(), id.into());
    }
}

/// The resource of the address as it stands, deleted or not: where it is, or, should it not have come
/// there, where it was.
async fn standing(ask: &Ask) -> Result<Found, FhirError> {
    let name = ask.resource_type;
    let mut deleted = None;
    for room in ask.fhir.places(&ask.caller, name, &ask.id).await? {
        let id = ask.id.clone();
        let look = move |chart: &mut Chart| chart.current(name, &id);
        match ask.fhir.charts.look_at(&ask.caller, &room, look).await?.flatten() {
            Some(found) if !found.deleted => return Ok(found),
            Some(found) => deleted = deleted.or(Some(found)),
            None => {}
        }
    }
    deleted.ok_or_else(FhirError::not_found)
}

/// A resource that is made from what the server knows, and never written: an AuditEvent, or the
/// Provenance of a version.
async fn made_here(ask: &Ask) -> Result<Option<Value>, FhirError> {
    match ask.resource_type {
        "AuditEvent" => Ok(audit::read(ask.caller.hub(), &ask.id).await?),
        "Provenance" => provenance::read(ask).await,
        _ => Ok(None),
    }
}

/// Refuses everything but reading of what the server makes itself: the audit.
pub(crate) fn only_reads(interaction: Interaction) -> Result<(), FhirError> {
    if matches!(interaction, Interaction::Read | Interaction::Search) {
        return Ok(());
    }
    Err(FhirError::not_supported(
        StatusCode::METHOD_NOT_ALLOWED,
        "the audit is this server's own; it is read, and not written",
    )
    .with(ALLOW, HeaderValue::from_static("GET")))
}

/// A resource as `_summary` and `_elements` ask for it.
fn shaped(ask: &Ask, found: &Found) -> Value {
    find::shape(&ask.query, &found.resource)
}
