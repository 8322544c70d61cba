//! `POST /rooms/{room}/commands`: edits in the caller's name, answered when they are durable.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
};
use chartroom_engine::{
    ChangeHash, Command, CommandError, Edit, RoomName, access::Ability, limits::BODY_BYTES_MAX,
    signing::Signing,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{hex, pharmacy};
use crate::{
    auth::{Caller, parse_name},
    error::ApiError,
    hub::Edits,
    limits::Limit,
};

/// Applies one command or an array of them. Each stands for itself: one that is refused stops no
/// other, and the answer is then 422 with what became of each.
///
/// What the pharmacy's queue takes are acts.
pub(crate) async fn apply(
    caller: Caller,
    Path(name): Path<String>,
    body: Result<Json<Value>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let Json(body) = body.map_err(|rejection| {
        let error = ApiError::body(&rejection, BODY_BYTES_MAX);
        if matches!(error, ApiError::BodyTooLarge { .. }) {
            caller.hub().exceeded(Limit::BodyBytes);
        }
        error
    })?;
    if name == RoomName::pharmacy().as_str() {
        return pharmacy::act(caller, body).await;
    }
    let name = parse_name(&name)?;
    let access = Arc::new(caller.writing(&name).await?);
    let asked = several(body, parse_asked)?;
    if asked.iter().any(|one| matches!(one, Asked::Command(command) if command.is_history())) {
        // It raises no alert.
        caller.check(Ability::Operate)?;
    }
    let room = caller.hub().open_latest(&name).await?;
    let (author, mut results, mut commands) = (caller.author(), Vec::new(), Vec::new());
    for one in asked {
        match one {
            Asked::Command(command) => commands.push(command),
            Asked::Sign(sign) => {
                let before = std::mem::take(&mut commands);
                results.extend(room.command_as(author, &access, before).await?);
                results.push(room.plan_as(author, &access, sign.plan()).await?);
            }
        }
    }
    results.extend(room.command_as(author, &access, commands).await?);
    let edits = answer(results)?;
    let heads = match access.check_whole() {
        Ok(()) => Some(room.read(|room| hex(&room.document().heads())).await?),
        Err(_) => None,
    };
    Ok(Json(json!({ "edits": edits, "heads": heads })))
}

/// One thing that is asked for.
enum Asked {
    Command(Command),
    Sign(Signing),
}

/// A signature as it is written: `{"kind": "sign", "resourceType", "id", "heads"}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sign {
    #[serde(rename = "kind")]
    _kind: String,
    resource_type: String,
    id: String,
    heads: Vec<ChangeHash>,
}

fn parse_asked(one: Value) -> Result<Asked, String> {
    if one.get("kind").is_some_and(|kind| kind == "sign") {
        let sign: Sign = serde_json::from_value(one).map_err(|error| error.to_string())?;
        let Sign { resource_type, id, heads, .. } = sign;
        return Ok(Asked::Sign(Signing { resource_type, id, heads }));
    }
    parse(one).map(Asked::Command)
}

/// Reads a body of one element or an array of them.
pub(super) fn several<T>(
    body: Value,
    parse: impl Fn(Value) -> Result<T, String>,
) -> Result<Vec<T>, ApiError> {
    let several = match body {
        Value::Array(several) => several,
        one @ (Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)) => vec![one],
    };
    several
        .into_iter()
        .enumerate()
        .map(|(index, one)| {
            parse(one).map_err(|error| ApiError::Body(format!("command {index}: {error}")))
        })
        .collect()
}

/// Reads a command.
pub(super) fn parse(command: Value) -> Result<Command, String> {
    serde_json::from_value(command).map_err(|error| error.to_string())
}

/// What became of each command, or the error that names the first that was refused.
pub(super) fn answer(results: Edits) -> Result<Value, ApiError> {
    let edits: Value = results.iter().map(edit).collect();
    let refused = results.into_iter().enumerate().find_map(|(index, r)| Some((index, r.err()?)));
    match refused {
        Some((index, error)) => Err(ApiError::Command { index, error, edits }),
        None => Ok(edits),
    }
}

fn edit(result: &Result<Edit, CommandError>) -> Value {
    match result {
        Ok(edit) => json!({
            "hash": edit.hash.map(|hash| hash.to_string()),
            "resources": edit.resources,
        }),
        Err(error) => json!({ "error": { "code": error.code(), "message": error.to_string() } }),
    }
}
