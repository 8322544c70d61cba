//! `GET /rooms`: every room that something was written to, by name.

use axum::Json;
use serde_json::{Value, json};

use crate::{auth::Caller, error::ApiError, storage::RoomRecord};

/// Lists rooms from their records, loading none.
pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, ApiError> {
    let known = caller.hub().rooms_of(&caller.author().id).await?;
    let mut rooms = Vec::new();
    for record in caller.hub().list().await? {
        if caller.may_know(&record.id.name, &known).await? {
            rooms.push(entry(&record));
        }
    }
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
