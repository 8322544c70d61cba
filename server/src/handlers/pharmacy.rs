//! The pharmacy's queue over HTTP: `GET /rooms/pharmacy:queue/queue`, its acts, and its rebuilding.

use std::sync::Arc;

use axum::{Extension, Json, extract::Path};
use chartroom_engine::{
    CommandError, Edit, RoomName,
    access::Access,
    document::CompartmentError,
    pharmacy::{self, Act, ActKind},
    time,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::commands;
use crate::{
    auth::{Caller, Operator},
    clock,
    error::ApiError,
    facility::pharmacy::Queue,
    hub::RoomError,
};

/// An act as it is asked for: of an entry, or of a prescription in a patient's room.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    kind: ActKind,
    task: Option<String>,
    room: Option<RoomName>,
    prescription: Option<String>,
    quantity: Option<Value>,
    note: Option<String>,
}

/// What one element of a body is.
enum Asked {
    Act(Request),
    /// An edit, which this room takes from nobody.
    Edit,
}

/// Gives the queue as columns of plain entries.
pub(crate) async fn queue(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let room = caller.room(only_queue(&name)?.as_str()).await?;
    let tasks = room.read(|room| room.document().collection("Task")).await?;
    Ok(Json(pharmacy::columns(&tasks)))
}

/// Makes the queue anew from the patients' rooms.
pub(crate) async fn rebuild(
    _operator: Operator,
    Extension(queue): Extension<Arc<Queue>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    only_queue(&name)?;
    // Who asked may leave; what was begun is ended.
    let rebuilt = tokio::spawn(async move { queue.rebuild().await }).await;
    Ok(Json(json!(rebuilt.map_err(|_| RoomError::Ended)??)))
}

/// Carries out acts in the caller's name, each in its patient's room; one that is refused stops no
/// other.
pub(crate) async fn act(caller: Caller, body: Value) -> Result<Json<Value>, ApiError> {
    let access = Arc::new(caller.writing(&RoomName::pharmacy()).await?);
    let mut results = Vec::new();
    for asked in commands::several(body, parse)? {
        results.push(match asked {
            Asked::Act(request) => carry_out(&caller, &access, request).await?,
            Asked::Edit => Err(CompartmentError::Projection.into()),
        });
    }
    commands::answer(results).map(|edits| Json(json!({ "edits": edits })))
}

async fn carry_out(
    caller: &Caller,
    access: &Arc<Access>,
    request: Request,
) -> Result<Result<Edit, CommandError>, ApiError> {
    let Some((room, prescription)) = target(caller, &request).await? else {
        return Ok(Err(CommandError::NotFound));
    };
    // The queue opens charts, and no compartment of one.
    let is_open = room.is_chart() || caller.writing(&room).await.is_ok();
    if !is_open || caller.hub().stored(&room).await?.is_none() {
        return Ok(Err(CommandError::NotFound));
    }
    let now_ms = i64::try_from(clock::now_ms()).unwrap_or(i64::MAX);
    let act = Act {
        kind: request.kind,
        prescription,
        performer: caller.author().name.clone(),
        when: time::rfc3339(now_ms),
        dispense_id: Uuid::from_bytes(rand::random()).to_string(),
        quantity: request.quantity,
        note: request.note,
    };
    let room = caller.hub().open_latest(&room).await?;
    Ok(room.plan_as(caller.author(), access, act.plan()).await?)
}

/// The patient's room and the prescription that an act is on; `None` where the entry is gone.
async fn target(
    caller: &Caller,
    request: &Request,
) -> Result<Option<(RoomName, String)>, ApiError> {
    let Some(task) = request.task.clone() else {
        return Ok(request.room.clone().zip(request.prescription.clone()));
    };
    let queue = caller.hub().open_latest(&RoomName::pharmacy()).await?;
    let task = queue.read(move |queue| queue.document().resource("Task", &task)).await?;
    let origin = task.as_ref().and_then(pharmacy::origin);
    Ok(origin.map(|(room, prescription)| (room, prescription.to_owned())))
}

/// Reads one element of the body.
fn parse(body: Value) -> Result<Asked, String> {
    let mut request: Request = match serde_json::from_value(body.clone()) {
        Ok(request) => request,
        Err(_) if commands::parse(body.clone()).is_ok() => return Ok(Asked::Edit),
        Err(error) => return Err(error.to_string()),
    };
    let patient = request.room.as_ref().is_some_and(|room| room.patient_id().is_some());
    let pair = patient && request.prescription.is_some();
    if pair == request.task.is_some() {
        return Err(
            "task, or a patient's room and prescription, says what the act is on".to_owned()
        );
    }
    request.quantity = match request.quantity.take() {
        Some(number @ Value::Number(_)) => Some(json!({ "value": number })),
        quantity @ (None | Some(Value::Object(_))) => quantity,
        Some(Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_)) => {
            return Err("quantity is a number or a FHIR Quantity".to_owned());
        }
    };
    Ok(Asked::Act(request))
}

fn only_queue(name: &str) -> Result<RoomName, ApiError> {
    let queue = RoomName::pharmacy();
    if name == queue.as_str() { Ok(queue) } else { Err(ApiError::NotFound) }
}
