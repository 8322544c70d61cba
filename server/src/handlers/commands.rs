//! `POST /rooms/{room}/commands`: edits in the caller's name, answered when they are durable.

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
};
use chartroom_engine::{Command, CommandError, Edit, RoomName, limits::BODY_BYTES_MAX};
use serde_json::{Value, json};

use super::{hex, pharmacy};
use crate::{auth::Caller, error::ApiError, hub::Edits, limits::Limit};

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
    let commands = several(body, parse)?;
    let room = caller.room_or_new(&name).await?;
    let edits = answer(room.command(caller.author().clone(), commands).await?)?;
    let heads = room.read(|room| hex(&room.document().heads())).await?;
    Ok(Json(json!({ "edits": edits, "heads": heads })))
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
