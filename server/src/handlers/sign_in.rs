//! `GET /sign-in` and `POST /sign-in/revoke`: who the caller is, and sign-ins that are taken back.

use axum::{Json, extract::rejection::JsonRejection, http::StatusCode};
use chartroom_engine::{access::Ability, time};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    auth::{Caller, Operator, Revoked},
    error::ApiError,
};

/// Whose sign-ins are taken back: all of a person's, or the one of a token (its `jti`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Meant {
    Person(String),
    Token(String),
}

/// Says whom the server takes the caller for.
pub(crate) async fn show(caller: Caller) -> Json<Value> {
    let signed = caller.signed();
    let may = [Ability::BreakGlass, Ability::Admit, Ability::Audit, Ability::Operate];
    let may: Vec<Ability> = may.into_iter().filter(|one| caller.check(*one).is_ok()).collect();
    let expires = signed.expires_ms.map(|ms| time::rfc3339(i64::try_from(ms).unwrap_or(i64::MAX)));
    Json(json!({
        "person": caller.author(),
        "roles": signed.person.roles,
        "patient": signed.person.patient,
        "expires": expires,
        "may": may,
    }))
}

/// Takes sign-ins back: who has one is out at once, and comes in with none that was issued before.
pub(crate) async fn revoke(
    Operator(caller): Operator,
    body: Result<Json<Meant>, JsonRejection>,
) -> Result<StatusCode, ApiError> {
    let Json(meant) = body.map_err(|rejection| ApiError::Body(rejection.body_text()))?;
    if let Meant::Person(id) = &meant {
        caller.has_seen_person(id);
    }
    let revoked = match meant {
        Meant::Person(id) => Revoked::Person(id),
        Meant::Token(id) => Revoked::Token(id),
    };
    caller.hub().revoke(&revoked).await?;
    Ok(StatusCode::NO_CONTENT)
}
