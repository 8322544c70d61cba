//! `GET /rooms`: every room that something was written to, by name.

use axum::Json;
use chartroom_engine::{Author, RoomName, access::Right};
use serde_json::{Value, json};

use crate::{auth::Caller, error::ApiError, storage::RoomRecord};

/// Lists rooms from their records, loading none.
pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, ApiError> {
    let records = caller.hub().list().await?;
    let names: Vec<RoomName> = records.iter().map(|record| record.id.name.clone()).collect();
    let open = caller.open_to(names).await?;
    let present = caller.hub().present();
    let rooms = records.iter().filter_map(|record| {
        // The list tells the patient's name.
        let access = open.get(&record.id.name);
        let access = access.filter(|access| access.may_allow(Right::Search, "Patient"))?;
        // Whoever may enter a room hears who is in it.
        let present = present.get(&record.id.name).filter(|_| access.check_whole().is_ok());
        Some(entry(record, present.map_or(&[], Vec::as_slice)))
    });
    Ok(Json(json!({ "rooms": rooms.collect::<Vec<_>>() })))
}

fn entry(record: &RoomRecord, present: &[Author]) -> Value {
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
        "present": present,
    })
}
