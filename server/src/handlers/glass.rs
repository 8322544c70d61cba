//! `POST` and `DELETE /rooms/{room}/glass`: entering a chart without membership, for a stated reason and a
//! limited time.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
    http::StatusCode,
};
use chartroom_engine::{Action, Event, RoomName, access::Ability, event::dotted, time};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    audit::Act,
    auth::{BROKEN_GLASS, Caller, parse_name, standing::Glass},
    clock,
    error::ApiError,
    hub::Mirror,
};

/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 400;
/// The event that members see.
const EVENT: &str = "GLASS_BROKEN";

/// Why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Breaking {
    reason: String,
}

/// Breaks the glass: noted in the audit trail and told in the room before anything is seen.
pub(crate) async fn broken(
    caller: Caller,
    Path(name): Path<String>,
    body: Result<Json<Breaking>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    caller.check(Ability::BreakGlass)?;
    let name = parse_name(&name)?;
    let Json(Breaking { reason }) =
        body.map_err(|rejection| ApiError::Body(rejection.body_text()))?;
    if reason.trim().is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(ApiError::Body(format!("reason is a text of 1 to {REASON_BYTES_MAX} bytes")));
    }
    let since_ms = clock::now_ms();
    let glass_ms = u64::try_from(caller.hub().gate().glass().as_millis()).unwrap_or(u64::MAX);
    let until_ms = since_ms.saturating_add(glass_ms);
    let glass = Glass { person: caller.author().clone(), reason, since_ms, until_ms };
    caller.is_breakable(&name).await?;
    let entry = caller.entry(Act::BreakGlass).room(&name);
    let entry = entry.purpose(BROKEN_GLASS, Some(glass.reason.clone()));
    caller.hub().audit().note_durably(entry).await?;
    let room = caller.hub().open_latest(&name).await?;
    let told = Mirror { events: vec![event(&name, &glass)], ..Mirror::default() };
    room.mirror(told).await?.map_err(|error| ApiError::Command {
        index: 0,
        error,
        edits: json!([]),
    })?;
    caller.hub().break_glass(&name, &glass).await?;
    Ok(Json(json!({ "room": name, "until": instant(until_ms) })))
}

/// Ends it before its time.
pub(crate) async fn mended(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.hub().mend_glass(&parse_name(&name)?, &caller.author().id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the room's log says of it.
fn event(room: &RoomName, glass: &Glass) -> Event {
    let patient = room.patient_id().unwrap_or_default();
    let resource = json!({ "resourceType": "Patient", "id": patient });
    Event {
        seq: 0,
        event: EVENT.to_owned(),
        event_type: dotted(EVENT),
        room: room.clone(),
        patient_id: room.patient_id().map(str::to_owned),
        resource_type: "Patient".to_owned(),
        resource_id: patient.to_owned(),
        action: Action::Updated,
        resource: Arc::new(resource),
        changed: Vec::new(),
        author: Some(glass.person.clone()),
        time_ms: glass.since_ms,
        authored_ms: i64::try_from(glass.since_ms).unwrap_or(i64::MAX),
        changes: Vec::new(),
        import: false,
        details: json!({ "reason": glass.reason, "until": instant(glass.until_ms) }),
        source: None,
        via: None,
    }
}

fn instant(ms: u64) -> String {
    time::rfc3339(i64::try_from(ms).unwrap_or(i64::MAX))
}
