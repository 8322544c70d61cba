//! One endpoint per file. A handler reaches rooms through [`crate::auth::Caller`] alone.

pub(crate) mod alerts;
pub(crate) mod api_ws;
pub(crate) mod commands;
pub(crate) mod conflicts;
pub(crate) mod devices;
pub(crate) mod document;
pub(crate) mod events;
pub(crate) mod glass;
pub(crate) mod health;
pub(crate) mod members;
pub(crate) mod metrics;
pub(crate) mod peers;
pub(crate) mod pharmacy;
pub(crate) mod quarantine;
pub(crate) mod refound;
pub(crate) mod room;
pub(crate) mod rooms;
pub(crate) mod sign_in;
mod socket;
pub(crate) mod sync;
pub(crate) mod texts;
pub(crate) mod web;
pub(crate) mod webhooks;

use axum::extract::{Query, rejection::QueryRejection};

use crate::error::ApiError;

/// The query's parameters, or the error that says what is wrong with them.
fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    match query {
        Ok(Query(parameters)) => Ok(parameters),
        Err(rejection) => Err(ApiError::Query(rejection.body_text())),
    }
}

/// Hashes as JSON has them.
fn hex(hashes: &[chartroom_engine::ChangeHash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}
