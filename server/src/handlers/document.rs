//! `GET /rooms/{room}/document`: all resources of a room, by type and id or as a Bundle.

use axum::{
    Json,
    extract::{Path, Query, rejection::QueryRejection},
};
use chartroom_engine::Room;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{hex, query};
use crate::{auth::Caller, error::ApiError};

/// How the answer is written.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Collections of resources by their ids.
    #[default]
    Document,
    /// A FHIR Bundle of type `collection`.
    Bundle,
}

/// The query.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    #[serde(default)]
    format: Format,
    epoch: Option<u32>,
}

/// Gives everything in a room, or in an earlier epoch of it.
pub(crate) async fn show(
    caller: Caller,
    Path(name): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Parameters { format, epoch } = query(parameters)?;
    let room = caller.epoch(&name, epoch).await?;
    let value = match format {
        Format::Document => room.read(by_type_and_id).await?,
        Format::Bundle => room.read(|room| room.document().export()).await?,
    };
    Ok(Json(value))
}

fn by_type_and_id(room: &Room) -> Value {
    let document = room.document();
    let mut resources = Map::new();
    for (resource_type, _) in document.collections() {
        let collection = document.collection(&resource_type).into_iter().filter_map(|resource| {
            let id = resource.get("id")?.as_str()?.to_owned();
            Some((id, resource))
        });
        let collection = Value::Object(collection.collect());
        resources.insert(resource_type, collection);
    }
    json!({ "room": room.id().name, "heads": hex(&document.heads()), "resources": resources })
}
