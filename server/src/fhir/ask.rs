//! A FHIR request, taken apart once for every interaction.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CONTENT_TYPE, HOST, IF_MATCH, IF_NONE_MATCH},
        request::Parts,
    },
};
use bytes::{Bytes, BytesMut};
use chartroom_engine::limits;
use chartroom_fhir::{json, search::Handling};
use futures_util::StreamExt;
use serde_json::Value;

use super::{
    Fhir,
    error::FhirError,
    table::{Interaction, Matched},
    version::Version,
};
use crate::{
    auth::{Caller, HubRef},
    limits::Limit,
};

/// Why a change is made, where the request says so: a Provenance without a target (FHIR R4,
/// provenance.html#header).
const X_PROVENANCE: &str = "x-provenance";
/// Longest reason that is kept, in bytes: it goes into a change's message.
const REASON_BYTES_MAX: usize = 400;

/// Bytes of a body beyond its limit that are read before the connection is given up.
const DRAINED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub caller: Caller,
    pub fhir: Arc<Fhir>,
    /// This server's FHIR base, as the request named it.
    pub base: String,
    /// All of its names.
    pub bases: Vec<String>,
    /// The address, without its query.
    pub url: String,
    /// The resource type of the path; empty at the base.
    pub resource_type: &'static str,
    /// The id of the path; empty where there is none.
    pub id: String,
    /// The version of the path.
    pub version: Option<String>,
    /// The query's parameters, in order.
    pub query: Vec<(String, String)>,
    pub prefer: Prefer,
    pub if_match: Option<Version>,
    pub if_none_match: Option<String>,
    pub if_none_exist: Option<String>,
    /// Why the change is made.
    pub reason: Option<String>,
    pub content_type: String,
    pub body: Bytes,
}

/// What the client would like (FHIR R4, http.html#ops; RFC 7240).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Prefer {
    pub returns: Option<Return>,
    /// Whether an update of an older version is merged with what came since.
    pub merge: bool,
    /// Whether a search parameter that is not supported is an error.
    pub strict: bool,
}

/// What a write answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Return {
    Minimal,
    Representation,
    OperationOutcome,
}

impl Prefer {
    fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| value.split([',', ';'])) {
            match preference.trim() {
                "return=minimal" => prefer.returns = Some(Return::Minimal),
                "return=representation" => prefer.returns = Some(Return::Representation),
                "return=OperationOutcome" => prefer.returns = Some(Return::OperationOutcome),
                "handling=merge" => prefer.merge = true,
                "handling=strict" => prefer.strict = true,
                _ => {}
            }
        }
        prefer
    }

    /// How a search takes what it does not know.
    pub fn handling(self) -> Handling {
        if self.strict { Handling::Strict } else { Handling::Lenient }
    }
}

impl Ask {
    /// The absolute URL of a resource.
    pub fn url_of(&self, resource_type: &str, id: &str) -> String {
        format!("{}/{resource_type}/{id}", self.base)
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as a JSON object.
    pub fn json(&self) -> Result<Value, FhirError> {
        let mut value = json::parse(&self.body).map_err(|error| unreadable(&error))?;
        if value.is_object() {
            self.make_relative(&mut value);
            return Ok(value);
        }
        Err(FhirError::one(StatusCode::BAD_REQUEST, "structure", "the body is no JSON object"))
    }

    /// Makes references to this server relative, as rooms have them.
    pub fn make_relative(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.make_relative(item)),
            Value::Object(members) => {
                for (name, member) in members {
                    if let Value::String(text) = member
                        && name == "reference"
                    {
                        let bare = self.bases.iter().find_map(|base| text.strip_prefix(base));
                        if let Some(relative) = bare.and_then(|bare| bare.strip_prefix('/')) {
                            *text = relative.to_owned();
                        }
                    } else {
                        self.make_relative(member);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Refuses a body of another content type than JSON.
    pub fn only_json(&self) -> Result<(), FhirError> {
        let kind = self.content_type.split(';').next().unwrap_or_default().trim();
        if ["", "application/json", "application/fhir+json", "text/json"].contains(&kind) {
            return Ok(());
        }
        Err(FhirError::not_supported(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a resource is sent as application/fhir+json",
        ))
    }
}

impl Ask {
    /// Takes a request apart that came by `base` and was understood as `matched`; its body is empty yet.
    pub async fn of(
        parts: &mut Parts,
        (hub, fhir): (&HubRef, Arc<Fhir>),
        base: &str,
        matched: Matched,
    ) -> Result<Self, FhirError> {
        // Who asks what there is has nothing by which to sign in yet.
        let caller = match matched.interaction == Interaction::Capabilities {
            true => Caller::nobody(hub),
            false => Caller::from_request_parts(parts, hub).await?,
        };
        let headers = &parts.headers;
        let text =
            |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let host = text(HOST.as_str()).unwrap_or_else(|| "localhost".to_owned());
        let address = fhir.address(&host);
        let because = headers.get(X_PROVENANCE).map(|header| reason(header.as_bytes()));
        let ask = Self {
            base: format!("{address}{base}"),
            bases: super::BASES.iter().map(|base| format!("{address}{base}")).collect(),
            url: format!("{address}{}", parts.uri.path()),
            resource_type: matched.resource_type,
            id: matched.id,
            version: matched.version,
            query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
            prefer: Prefer::of(headers),
            if_match: text(IF_MATCH.as_str()).map(|tag| Version::of_etag(&tag)).transpose()?,
            if_none_match: text(IF_NONE_MATCH.as_str()),
            if_none_exist: text("if-none-exist"),
            reason: because.transpose()?.flatten(),
            content_type: text(CONTENT_TYPE.as_str()).unwrap_or_default(),
            body: Bytes::new(),
            fhir,
            caller,
        };
        acceptable(headers, &ask)?;
        Ok(ask)
    }

    /// With the request's body, which is read whole; what is too long is read to its end and dropped, so
    /// that a client that answers are read by later than it writes has one.
    pub async fn with_body(self, body: Body) -> Result<Self, FhirError> {
        let limit = self.fhir.body_bytes_max;
        let (mut whole, mut read) = (BytesMut::new(), 0);
        let mut parts = body.into_data_stream();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|_| FhirError::invalid("the body ended early"))?;
            read += part.len();
            if read <= limit {
                whole.extend_from_slice(&part);
            } else if read > limit + DRAINED_BYTES_MAX {
                break;
            }
        }
        if read <= limit {
            return Ok(Self { body: whole.freeze(), ..self });
        }
        self.caller.hub().exceeded(Limit::BodyBytes);
        let text = format!("the body is over {limit} bytes; $import takes any number of resources");
        Err(FhirError::one(StatusCode::PAYLOAD_TOO_LARGE, "too-long", text))
    }
}

/// What is wrong with a JSON text, without any of it.
pub(crate) fn unreadable(error: &serde_json::Error) -> FhirError {
    let what = match error.classify() {
        serde_json::error::Category::Data => "has a name twice in an object",
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => "is no JSON",
    };
    let text = format!("the body {what}: line {}, column {}", error.line(), error.column());
    FhirError::one(StatusCode::BAD_REQUEST, "structure", text)
}

/// The pairs of a query, or of a form.
pub(crate) fn pairs(query: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query).into_owned().collect()
}

/// Refuses an answer in anything but JSON.
fn acceptable(headers: &HeaderMap, ask: &Ask) -> Result<(), FhirError> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    let wanted = ask.parameter("_format").unwrap_or(accept);
    let is_json = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.is_empty()
            || kind.contains("json")
            || kind.ends_with("/*")
            || kind == "text/event-stream"
    };
    if wanted.split(',').any(is_json) {
        return Ok(());
    }
    Err(FhirError::not_supported(StatusCode::NOT_ACCEPTABLE, "this server answers in FHIR's JSON"))
}

/// The reason in a Provenance: its text, or that of its codes.
fn reason(header: &[u8]) -> Result<Option<String>, FhirError> {
    let unreadable = |_| FhirError::invalid("the header X-Provenance is no JSON of a Provenance");
    let provenance: Value = serde_json::from_slice(header).map_err(unreadable)?;
    let texts: Vec<&str> = provenance
        .get("reason")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(concept_text)
        .collect();
    Ok((!texts.is_empty()).then(|| short(&texts.join("; "))))
}

/// What a CodeableConcept says, for people.
fn concept_text(concept: &Value) -> Option<&str> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).is_some();
    if text(concept, "text") {
        return concept.get("text")?.as_str();
    }
    let coding = concept.get("coding")?.as_array()?.first()?;
    let name = if text(coding, "display") { "display" } else { "code" };
    coding.get(name)?.as_str()
}

/// As much of a reason as is kept.
pub(crate) fn short(reason: &str) -> String {
    let end =
        (0..=REASON_BYTES_MAX.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
    reason.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

const _: () = assert!(REASON_BYTES_MAX < limits::CHANGE_MESSAGE_BYTES_MAX / 2);
