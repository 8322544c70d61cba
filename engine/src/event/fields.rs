//! Reading codes out of FHIR JSON, in whatever shape they stand there.

use serde_json::Value;

use super::table::PHARMACY_STATUS;

/// Both hosts under which the extension is in use.
pub(crate) const PHARMACY_STATUS_URLS: [&str; 2] = [
    "http://wintehr.local/fhir/StructureDefinition/pharmacy-status",
    "http://wintehr.com/fhir/StructureDefinition/pharmacy-status",
];

/// The pharmacy's step of a prescription: pending, verified, dispensed, ready or completed.
///
/// Source: the `pharmacy-status` extension, its nested `status`.
pub fn pharmacy_status(resource: &Value) -> Option<&str> {
    let named = |entries: &'_ [&str], entry: &Value| {
        entry.get("url").and_then(Value::as_str).is_some_and(|url| entries.contains(&url))
    };
    let code = |entry| {
        let values = ["valueCode", "valueString", "valueCoding", "valueCodeableConcept"];
        values.into_iter().find_map(|value| codes(entry, value).first().copied())
    };
    extensions(resource).filter(|outer| named(&PHARMACY_STATUS_URLS, outer)).find_map(|outer| {
        let nested = extensions(outer).find(|inner| named(&["status"], inner));
        code(nested.unwrap_or(outer))
    })
}

/// The codes at a path of element names: of strings, codings and concepts, one or many.
pub(super) fn codes<'a>(resource: &'a Value, path: &str) -> Vec<&'a str> {
    if path == PHARMACY_STATUS {
        return pharmacy_status(resource).into_iter().collect();
    }
    let mut found = Vec::new();
    collect(resource, path, &mut found);
    found
}

/// Whether a code is among those parted by a character; byte by byte, since each change asks this of
/// whole tables.
pub(super) fn listed(codes: &str, parted_by: u8, code: &str) -> bool {
    codes.as_bytes().split(|byte| *byte == parted_by).any(|listed| listed == code.as_bytes())
}

/// The references `Observation/{id}` of a message, in response to which or about which it is.
pub(super) fn observations(message: &Value) -> Vec<String> {
    let mut references = codes(message, "inResponseTo.reference");
    references.extend(codes(message, "about.reference"));
    let mut found: Vec<String> = Vec::new();
    for reference in references {
        let mut segments = reference.split('/').skip_while(|segment| *segment != "Observation");
        if let Some(id) = segments.nth(1) {
            let observation = String::from("Observation/") + id;
            if !found.contains(&observation) {
                found.push(observation);
            }
        }
    }
    found
}

fn extensions(value: &Value) -> impl Iterator<Item = &Value> {
    value.get("extension").and_then(Value::as_array).into_iter().flatten()
}

fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        Value::Object(object) if path.is_empty() => {
            for name in ["coding", "code"] {
                object.get(name).into_iter().for_each(|value| collect(value, "", found));
            }
        }
        Value::Object(object) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            object.get(name).into_iter().for_each(|value| collect(value, rest, found));
        }
        Value::String(code) if path.is_empty() => found.push(code),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
