use std::sync::Arc;

use chartroom_fhir::{
    json::parse,
    search::{Context, Handling, Query},
    validate::{ISSUES_MAX, validate},
};
use serde_json::{Value, json};

/// Where the resource's type is none.
const TYPE: &str = "Observation";

/// Any JSON is judged with a bounded number of issues, and any query that is read answers for it, the
/// same again when it is read from what was applied. The first byte says how much of the rest is the
/// query; the other part is the resource.
pub fn fhir(data: &[u8]) {
    let Some((length, rest)) = data.split_first() else { return };
    let (query, text) = rest.split_at(usize::from(*length).min(rest.len()));
    let resource = parse(text).unwrap_or_else(|_| json!({ "resourceType": TYPE }));
    assert!(validate(&resource).len() <= ISSUES_MAX, "the issues are bounded");
    let name = resource.get("resourceType").and_then(Value::as_str).unwrap_or(TYPE);
    let base = "http://127.0.0.1/fhir/R4";
    let context = Context { handling: Handling::Lenient, base, now_ms: 1_700_000_000_000 };
    let Ok((read, _)) = Query::parse(name, &pairs(query), &context) else { return };
    let again = Query::parse(name, read.applied(), &context);
    let Ok((again, warnings)) = again else { panic!("what was applied is read again") };
    assert!(warnings.is_empty(), "what was applied is known");
    let matches = read.matches(&resource);
    assert_eq!(matches, again.matches(&resource), "what was applied asks the same");
    assert!(!matches || read.may_match(&resource), "what matches may match");
    let mut sorted = vec![Arc::new(resource.clone()), Arc::new(json!({})), Arc::new(resource)];
    read.sort(&mut sorted);
    assert_eq!(sorted.len(), 3);
}

/// The pairs of a query, without percent signs.
fn pairs(query: &[u8]) -> Vec<(String, String)> {
    String::from_utf8_lossy(query)
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect()
}
