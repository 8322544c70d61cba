//! Bundles that answer: pages of a search, a history, a chart.

use axum::http::StatusCode;
use chartroom_fhir::{
    outcome::{Issue, outcome},
    search::{COUNT_DEFAULT, COUNT_MAX},
};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{ask::Ask, chart::Found, error::FhirError};

/// The parameter that says where a page begins.
pub(crate) const CURSOR: &str = "_page";

/// Which page is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// Entries at most.
    pub count: usize,
    /// Where it begins; `None` for the first.
    pub cursor: Option<String>,
}

impl Page {
    /// As the query says.
    pub fn of(ask: &Ask) -> Result<Self, FhirError> {
        let count = match ask.parameter("_count") {
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| FhirError::invalid("_count is no number of entries").at("_count"))?,
            None => COUNT_DEFAULT,
        };
        Ok(Self {
            count: count.clamp(1, COUNT_MAX),
            cursor: ask.parameter(CURSOR).map(str::to_owned),
        })
    }
}

/// A page as a Bundle, with links to itself and to the next one.
pub(crate) fn page(
    kind: &str,
    ask: &Ask,
    page: &Page,
    total: Option<usize>,
    next: Option<String>,
    entries: Vec<Value>,
) -> Value {
    let mut links =
        vec![json!({ "relation": "self", "url": url(ask, &ask.query, page.cursor.as_deref()) })];
    if page.cursor.is_some() {
        links.push(json!({ "relation": "first", "url": url(ask, &ask.query, None) }));
    }
    if let Some(next) = next {
        links.push(json!({ "relation": "next", "url": url(ask, &ask.query, Some(&next)) }));
    }
    let mut bundle = json!({ "resourceType": "Bundle", "type": kind, "link": links });
    if let Some(members) = bundle.as_object_mut() {
        if let Some(total) = total {
            members.insert("total".to_owned(), total.into());
        }
        // FHIR's JSON has no empty arrays.
        if !entries.is_empty() {
            members.insert("entry".to_owned(), Value::Array(entries));
        }
    }
    bundle
}

/// A resource as an entry of a search's answer, in this mode; `resource` is as much of it as is told.
pub(crate) fn entry(ask: &Ask, found: &Found, resource: &Value, mode: &str) -> Value {
    json!({
        "fullUrl": ask.url_of(&found.resource_type, &found.id),
        "resource": resource,
        "search": { "mode": mode },
    })
}

/// What there is to say beside them, as another one; `None` where there is nothing.
pub(crate) fn outcome_entry(issues: &[Issue]) -> Option<Value> {
    let entry = || json!({ "resource": outcome(issues), "search": { "mode": "outcome" } });
    (!issues.is_empty()).then(entry)
}

/// The address of a page of what is asked.
fn url(ask: &Ask, query: &[(String, String)], cursor: Option<&str>) -> String {
    let mut pairs = Serializer::new(String::new());
    for (name, value) in query.iter().filter(|(name, _)| name != CURSOR) {
        pairs.append_pair(name, value);
    }
    if let Some(cursor) = cursor {
        pairs.append_pair(CURSOR, cursor);
    }
    let pairs = pairs.finish();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{}{mark}{pairs}", ask.url)
}

/// The address of a page was not given by this server.
pub(crate) fn bad_cursor() -> FhirError {
    FhirError::one(StatusCode::BAD_REQUEST, "invalid", "the page is none that this server gave")
        .at(CURSOR)
}
