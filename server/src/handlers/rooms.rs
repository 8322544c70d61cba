//! `GET /rooms`: every room that something was written to, by name.

use axum::Json;
use serde_json::{Value, json};

use crate::{auth::Caller, error::ApiError, storage::RoomRecord};

/// Lists rooms from their records, loading none.
pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, ApiError> {
    let records = caller.hub().list().await?;
    let rooms: Vec<Value> = records.iter().map(entry).collect();
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
