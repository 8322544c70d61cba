//! The CapabilityStatement, made from the table of interactions and that of search parameters.

use std::collections::BTreeMap;

use axum::{http::StatusCode, response::Response};
use chartroom_engine::document::RESOURCE_TYPES;
use chartroom_fhir::search::{Kind, parameters};
use serde_json::{Value, json};

use super::{
    answer,
    ask::Ask,
    table::{Interaction, Level, ROWS, Row},
};

/// When what this says last changed.
const DATE: &str = "2026-11-29";

/// `GET metadata`.
pub(crate) fn statement(ask: &Ask) -> Response {
    let mut statement = capabilities(&ask.base);
    if ask.caller.hub().gate().signs_in()
        && let Some(Value::Object(rest)) = statement.pointer_mut("/rest/0")
    {
        rest.insert("security".to_owned(), security());
    }
    answer::json(StatusCode::OK, &statement)
}

/// How people sign in (SMART App Launch 2.2, conformance).
fn security() -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/restful-security-service";
    json!({
        "service": [{ "coding": [{ "system": system, "code": "SMART-on-FHIR" }] }],
        "description": "Bearer tokens of the operator's provider, with SMART scopes",
    })
}

/// The statement of a server with this FHIR base.
pub(super) fn capabilities(base: &str) -> Value {
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "publisher": "Chartroom",
        "kind": "instance",
        "software": { "name": "Chartroom", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Patient charts that people write together", "url": base },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": ["application/json-patch+json", "application/merge-patch+json"],
        "rest": [{
            "mode": "server",
            "documentation": "Every write is a change of a room: it is durable when it is answered, \
                and everybody in the room has it. A PUT of an older version is refused, or merged \
                where Prefer: handling=merge asks for it.",
            "resource": RESOURCE_TYPES.iter().map(|name| resource(name)).collect::<Vec<_>>(),
            "interaction": codes(|level| level == Level::System),
            "operation": operations(|types| types.is_empty()),
        }],
    })
}

/// Whether a type is only read: the server makes it.
fn is_read_only(name: &str) -> bool {
    name == "AuditEvent"
}

fn resource(name: &str) -> Value {
    let interactions: Vec<Value> = rows(|level| level == Level::Type)
        .into_values()
        .filter(|row| {
            !is_read_only(name)
                || matches!(row.interaction, Interaction::Read | Interaction::Search)
        })
        .map(|row| json!({ "code": row.code }))
        .collect();
    let includes: Vec<String> = parameters(name)
        .filter(|parameter| parameter.kind == Kind::Reference)
        .map(|parameter| format!("{name}:{}", parameter.code))
        .collect();
    let searched: Vec<Value> = parameters(name)
        .map(|parameter| json!({ "name": parameter.code, "type": parameter.kind.code() }))
        .collect();
    let mut resource = json!({
        "type": name,
        "interaction": interactions,
        "versioning": "versioned-update",
        "readHistory": !is_read_only(name),
        "updateCreate": !is_read_only(name),
        "conditionalCreate": !is_read_only(name),
        "conditionalRead": "not-match",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "local"],
        "searchParam": searched,
    });
    if let Some(members) = resource.as_object_mut() {
        if !includes.is_empty() {
            members.insert("searchInclude".to_owned(), json!(includes));
        }
        let operations = operations(|types| types.contains(&name) || types.contains(&"Resource"));
        if !operations.is_empty() {
            members.insert("operation".to_owned(), Value::Array(operations));
        }
    }
    resource
}

/// The rows of some levels, each interaction once.
fn rows(of: impl Fn(Level) -> bool) -> BTreeMap<(Interaction, &'static str), &'static Row> {
    let rows = ROWS.iter().rev().filter(|row| of(row.level));
    rows.map(|row| ((row.interaction, row.code), row)).collect()
}

fn codes(of: impl Fn(Level) -> bool) -> Vec<Value> {
    let rows = rows(of).into_values().filter(|row| row.interaction != Interaction::Capabilities);
    rows.map(|row| json!({ "code": row.code })).collect()
}

fn operations(of: impl Fn(&[&str]) -> bool) -> Vec<Value> {
    let rows = ROWS.iter().filter(|row| match row.level {
        Level::Operation(types) => of(types),
        Level::System | Level::Type => false,
    });
    rows.map(|row| {
        json!({
            "name": row.code,
            "definition": format!("urn:chartroom:operation:{}", row.code),
            "documentation": row.text,
        })
    })
    .collect()
}
