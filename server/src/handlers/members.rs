//! `GET`, `PUT` and `DELETE /rooms/{room}/members…`: who belongs to a room, such as a patient's care team.

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
    http::StatusCode,
};
use chartroom_engine::{
    Author,
    access::{Ability, Level},
    limits::PERSON_BYTES_MAX,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    auth::{Caller, parse_name, standing::Member},
    clock,
    error::ApiError,
};

/// How far a member may go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Membership {
    level: Level,
    /// The name that colleagues read.
    name: Option<String>,
}

/// Lists members, and whose glass is broken now, for those who may say who is one, and for each other.
pub(crate) async fn list(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let name = parse_name(&name)?;
    if caller.check(Ability::Admit).is_err() {
        caller.whole(&name).await?;
    }
    let (members, glasses) = caller.hub().people_of(&name).await?;
    Ok(Json(json!({ "room": name, "members": members, "glasses": glasses })))
}

/// Lets somebody in, whether or not anything was written to the room.
pub(crate) async fn admit(
    caller: Caller,
    Path((name, person)): Path<(String, String)>,
    body: Result<Json<Membership>, JsonRejection>,
) -> Result<StatusCode, ApiError> {
    caller.check(Ability::Admit)?;
    let name = parse_name(&name)?;
    let Json(Membership { level, name: shown }) =
        body.map_err(|rejection| ApiError::Body(rejection.body_text()))?;
    if person.is_empty() || person.len() + shown.as_ref().map_or(0, String::len) > PERSON_BYTES_MAX
    {
        return Err(ApiError::Person);
    }
    let shown = shown.unwrap_or_else(|| person.clone());
    let member = Member {
        person: Author::new(person, shown),
        level,
        by: caller.author().id.clone(),
        since_ms: clock::now_ms(),
    };
    caller.has_seen_person(&member.person.id);
    caller.hub().admit(&name, &member).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a membership away; the connections that the person has in the room end.
pub(crate) async fn dismiss(
    caller: Caller,
    Path((name, person)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.check(Ability::Admit)?;
    caller.has_seen_person(&person);
    caller.hub().dismiss(&parse_name(&name)?, &person).await?;
    Ok(StatusCode::NO_CONTENT)
}
