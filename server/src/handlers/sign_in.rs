//! `/sign-in`: how people sign in, who the caller is, and sign-ins that are taken back.

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use chartroom_engine::{
    access::{Ability, Right},
    document::RESOURCE_TYPES,
    time,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    auth::{Caller, HubRef, Operator, Revoked},
    error::ApiError,
    sign_in::{App, SignIn},
};

/// Whose sign-ins are taken back: all of a person's, or the one of a token (its `jti`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Meant {
    Person(String),
    Token(String),
}

/// `GET /sign-in/app`: whether people sign in here, and what an app in a browser needs for it.
pub(crate) async fn app(State(hub): State<HubRef>) -> Json<Value> {
    let signing_in = hub.0.gate().signing_in();
    let app = signing_in.and_then(SignIn::app).map(App::for_workspace);
    Json(json!({ "required": signing_in.is_some(), "app": app }))
}

/// `GET /fhir/R4/.well-known/smart-configuration`: the same for SMART apps.
pub(crate) async fn smart(State(hub): State<HubRef>) -> Result<Json<Value>, ApiError> {
    let document = hub.0.gate().signing_in().and_then(SignIn::smart_configuration);
    document.map(Json).ok_or(ApiError::NotFound)
}

/// Says whom the server takes the caller for.
pub(crate) async fn show(caller: Caller) -> Json<Value> {
    let signed = caller.signed();
    let may = [Ability::BreakGlass, Ability::Admit, Ability::Audit, Ability::Operate];
    let may: Vec<Ability> = may.into_iter().filter(|one| caller.check(*one).is_ok()).collect();
    let expires = signed.expires_ms.map(|ms| time::rfc3339(i64::try_from(ms).unwrap_or(i64::MAX)));
    let writing = [Right::Create, Right::Update, Right::Delete];
    let writes_of = |of: &str| writing.into_iter().any(|right| signed.person.may_ever(right, of));
    // What the token leaves; what rooms allow, each says for itself.
    let writes = RESOURCE_TYPES.iter().any(|of| writes_of(of));
    Json(json!({
        "person": caller.author(),
        "roles": signed.person.roles,
        "patient": signed.person.patient,
        "expires": expires,
        "may": may,
        "writes": writes,
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
