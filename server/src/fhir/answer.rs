//! How FHIR answers are written: content type, version, time and place of a resource.

use axum::{
    body::Body,
    http::{
        HeaderName, HeaderValue, Response as HttpResponse, StatusCode,
        header::{CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION},
    },
    response::Response,
};
use chartroom_engine::time;
use chartroom_fhir::outcome::{Issue, outcome};
use serde_json::Value;

use super::{
    ask::{Ask, Return},
    chart::Found,
};

/// FHIR's JSON (FHIR R4, http.html#mime-type).
pub(crate) const FHIR_JSON: HeaderValue =
    HeaderValue::from_static("application/fhir+json; charset=utf-8");

/// The elements of a resource in conflict, of which the answer shows one value each.
const CONFLICTS: HeaderName = HeaderName::from_static("x-chartroom-conflicts");

/// An answer of one JSON document.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    let text = serde_json::to_vec(body).unwrap_or_default();
    let mut response = HttpResponse::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, FHIR_JSON);
    response
}

/// A resource with the headers that tell its version.
pub(crate) fn resource(status: StatusCode, found: &Found, body: &Value) -> Response {
    let mut response = json(status, body);
    tell_version(&mut response, found);
    if let (false, Ok(paths)) = (found.disputed.is_empty(), found.disputed.join(", ").parse()) {
        response.headers_mut().insert(CONFLICTS, paths);
    }
    response
}

/// What there is to say of resources in which values stand in conflict, of which each shows one.
pub(crate) fn disputes<'a>(found: impl IntoIterator<Item = &'a Found>) -> Vec<Issue> {
    let of = |found: &'a Found| {
        let reference = format!("{}/{}", found.resource_type, found.id);
        found.disputed.iter().map(move |path| {
            let text =
                format!("two people's values stand here in conflict, and {reference} shows one");
            Issue::warning("conflict", text).at(path)
        })
    };
    found.into_iter().flat_map(of).collect()
}

/// What a write answers, as `Prefer: return` asks: the resource, nothing, or what there is to say.
pub(crate) fn written(ask: &Ask, status: StatusCode, found: &Found, issues: &[Issue]) -> Response {
    let mut response = match ask.prefer.returns {
        // What somebody else wrote goes before everything.
        _ if issues.iter().any(|issue| issue.code == "conflict") => json(status, &outcome(issues)),
        Some(Return::Minimal) => {
            let mut response = HttpResponse::new(Body::empty());
            *response.status_mut() = status;
            response
        }
        Some(Return::Representation) | None => json(status, &found.resource),
        Some(Return::OperationOutcome) => {
            let done = Issue::information("written, durably");
            let told: Vec<Issue> = issues.iter().cloned().chain([done]).collect();
            json(status, &outcome(&told))
        }
    };
    tell_version(&mut response, found);
    let location =
        format!("{}/_history/{}", ask.url_of(&found.resource_type, &found.id), found.version);
    if let Ok(location) = location.parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// A weak ETag of a version.
pub(crate) fn etag(version: &str) -> String {
    format!("W/\"{version}\"")
}

pub(crate) fn tell_version(response: &mut Response, found: &Found) {
    response.extensions_mut().insert(Updated(time::rfc3339(found.updated_ms)));
    let headers = response.headers_mut();
    if let Ok(tag) = etag(&found.version.to_string()).parse() {
        headers.insert(ETAG, tag);
    }
    if let Ok(time) = http_date(found.updated_ms).parse() {
        headers.insert(LAST_MODIFIED, time);
    }
}

/// When the resource of an answer was written, as FHIR writes it: for who puts the answer in a Bundle.
#[derive(Debug, Clone)]
pub(crate) struct Updated(pub String);

/// A time as HTTP writes it (RFC 9110, section 5.6.7).
fn http_date(ms: i64) -> String {
    let ms = u64::try_from(ms).unwrap_or(0);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms))
}
