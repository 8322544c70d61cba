//! `GET /rooms/{room}/texts/{type}/{id}/{name}`: a text that people write together.
//!
//! It is decided as reading its resource is. Where the room, the resource or the text is not there, or
//! not for this caller, the answer is one and the same.

use axum::{Json, extract::Path};
use chartroom_engine::access::Right;
use serde_json::{Value, json};

use crate::{
    auth::{Caller, parse_name},
    error::ApiError,
};

/// Gives a text as every reader sees it, and its length in UTF-16 code units.
pub(crate) async fn show(
    caller: Caller,
    Path((room, resource_type, id, name)): Path<(String, String, String, String)>,
) -> Result<Json<Value>, ApiError> {
    let room = parse_name(&room)?;
    let access = caller.may_enter(&room).await?.ok_or(ApiError::TextNotFound)?;
    if caller.hub().stored(&room).await?.is_none() {
        return Err(ApiError::TextNotFound);
    }
    let handle = caller.hub().open_latest(&room).await?;
    let wanted = (resource_type.clone(), id.clone());
    let text = handle.read(move |room| {
        let (document, (resource_type, id)) = (room.document(), wanted);
        let resource = document.resource(&resource_type, &id)?;
        let allowed = access.allows(Right::Read, &resource_type, &resource);
        allowed.then(|| document.text(&resource_type, &id, &name)).flatten()
    });
    let text = text.await?.ok_or(ApiError::TextNotFound)?;
    caller.has_seen_resource(&resource_type, &id);
    Ok(Json(json!({ "length": text.encode_utf16().count(), "text": text })))
}
