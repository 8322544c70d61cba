//! How much of a resource is answered (FHIR R4, search.html#summary and #elements).

use serde_json::{Map, Value, json};

/// Elements that every answer has.
const ALWAYS: [&str; 3] = ["resourceType", "id", "meta"];

/// A resource as `_elements` and `_summary` ask for it, marked as a part of itself where it is one.
pub(crate) fn shape(query: &[(String, String)], resource: &Value) -> Value {
    let parameter = |name: &str| {
        let found = query.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    if let Some(elements) = parameter("_elements") {
        let wanted: Vec<&str> = elements.split(',').map(str::trim).collect();
        return part(resource, |name| wanted.contains(&name));
    }
    match parameter("_summary") {
        Some("text") => part(resource, |name| matches!(name, "text" | "status" | "code")),
        Some("data") => part(resource, |name| name != "text"),
        Some("true") => part(resource, |name| !matches!(name, "text" | "contained")),
        Some(_) | None => resource.clone(),
    }
}

fn part(resource: &Value, wanted: impl Fn(&str) -> bool) -> Value {
    let Some(members) = resource.as_object() else { return resource.clone() };
    let mut kept: Map<String, Value> = Map::new();
    for (name, value) in members {
        let bare = name.strip_prefix('_').unwrap_or(name);
        if ALWAYS.contains(&bare) || wanted(bare) {
            kept.insert(name.clone(), value.clone());
        }
    }
    if kept.len() < members.len() {
        let meta = kept.entry("meta").or_insert_with(|| json!({}));
        let tag = json!({
            "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
            "code": "SUBSETTED",
        });
        if let Some(meta) = meta.as_object_mut()
            && let Some(tags) = meta.entry("tag").or_insert_with(|| json!([])).as_array_mut()
        {
            tags.push(tag);
        }
    }
    Value::Object(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_that_it_is_one() {
        let patient = json!({
            "resourceType": "Patient", "id": "1", "text": {"status": "generated"},
            "gender": "female", "birthDate": "1970-01-01", "_birthDate": {"id": "b"},
        });
        let asked =
            |name: &str, value: &str| shape(&[(name.to_owned(), value.to_owned())], &patient);
        let part = asked("_elements", "birthDate");
        assert_eq!(part["birthDate"], "1970-01-01");
        assert_eq!(part["_birthDate"]["id"], "b");
        assert_eq!(part.get("gender"), None);
        assert_eq!(part["meta"]["tag"][0]["code"], "SUBSETTED");
        assert_eq!(asked("_summary", "data").get("text"), None);
        assert_eq!(asked("_summary", "false"), patient);
        assert_eq!(asked("_elements", "gender,birthDate,text"), patient);
    }
}
