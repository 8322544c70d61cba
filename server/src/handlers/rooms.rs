//! `GET /rooms`: every room that something was written to, by name.

use axum::Json;
use chartroom_engine::{RoomName, access::Right};
use serde_json::{Value, json};

use crate::{auth::Caller, error::ApiError, storage::RoomRecord};

/// Lists rooms from their records, loading none.
pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, ApiError> {
    let records = caller.hub().list().await?;
    let names: Vec<RoomName> = records.iter().map(|record| record.id.name.clone()).collect();
    let open = caller.open_to(names).await?;
    // The list tells the patient's name.
    let is_open = |record: &&RoomRecord| {
        let access = open.get(&record.id.name);
        access.is_some_and(|access| access.may_allow(Right::Search, "Patient"))
    };
    let rooms: Vec<Value> = records.iter().filter(is_open).map(entry).collect();
    Ok(Json(json!({ "rooms": rooms })))
}

fn entry(record: &RoomRecord) -> Value {
    let document = record.id.document_id();
    json!({
        "room": record.id.name,
        "epoch": record.id.epoch,
        "documentId": document.to_string(),
        "url": format!("automerge:{document}"),
        "title": record.summary.title,
        "birthDate": record.summary.birth_date,
        "gender": record.summary.gender,
        "deceased": record.summary.deceased,
    })
}
