//! `GET /devices` and `POST /devices/{handle}/wipe`: what people sign in from, and a device that is lost.

use axum::{
    Json,
    extract::{Path, Query, rejection::QueryRejection},
};
use chartroom_engine::access::Ability;
use serde::Deserialize;
use serde_json::{Value, json};

use super::query;
use crate::{
    auth::{Caller, devices::Handle},
    error::ApiError,
};

/// Whose devices.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    /// A person's id; the caller's own if none is named.
    person: Option<String>,
}

/// Lists a person's devices: everybody's own, and for operators anybody's.
pub(crate) async fn list(
    caller: Caller,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Whose { person } = query(whose)?;
    let own = &caller.author().id;
    let person = person.unwrap_or_else(|| own.clone());
    caller.has_seen_person(&person);
    if person != *own {
        caller.check(Ability::Operate)?;
    }
    let devices = caller.hub().devices_of(&person).await?;
    Ok(Json(json!({ "person": person, "devices": devices })))
}

/// Has a device wiped: one of the caller's own, or for operators any. One that nobody is known to have
/// signed in from is marked, too, for an operator who has its handle from elsewhere.
pub(crate) async fn wipe(
    caller: Caller,
    Path(handle): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let device: Handle = handle.parse().map_err(|_| ApiError::DeviceNotFound)?;
    caller.has_seen_device(&device.to_string());
    let (hub, own) = (caller.hub(), &caller.author().id);
    let operates = caller.check(Ability::Operate).is_ok();
    let known = hub.has_device((!operates).then_some(own), device).await?;
    if !known && !operates {
        return Err(ApiError::DeviceNotFound);
    }
    let wiped = hub.wipe(device, own, !operates).await?;
    Ok(Json(json!({ "handle": device.to_string(), "known": known, "wiped": wiped })))
}
