//! `GET /quarantine` and `DELETE /quarantine/{hash}`: changes of other servers that this one refuses.

use axum::{Json, extract::Path, http::StatusCode};
use serde::Serialize;

use crate::{auth::Operator, error::ApiError, hub::Kept};

#[derive(Serialize)]
pub(crate) struct Changes {
    changes: Vec<Kept>,
}

/// Lists them by room.
pub(crate) async fn list(Operator(caller): Operator) -> Json<Changes> {
    Json(Changes { changes: caller.hub().quarantine().list() })
}

/// Drops one for good, here; the server that brought it keeps it.
pub(crate) async fn discard(
    Operator(caller): Operator,
    Path(hash): Path<String>,
) -> Result<StatusCode, ApiError> {
    match caller.hub().drop_quarantined(&hash).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotQuarantined),
    }
}
