//! The little of a patient that the list of rooms shows.

use chartroom_engine::{Batch, Room, RoomId};
use serde_json::Value;

use crate::storage::RoomSummary;

/// The room's summary behind a batch that touched its patient; `None` behind any other.
pub(super) fn summary_of(id: &RoomId, room: &Room, batch: &Batch) -> Option<RoomSummary> {
    let patient_id = id.name.patient_id()?;
    batch.events.iter().find(|event| event.resource_type == "Patient")?;
    let Some(patient) = room.document().resource("Patient", patient_id) else {
        return Some(RoomSummary::default());
    };
    let text = |name: &str| patient.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(RoomSummary {
        title: official_name(&patient),
        birth_date: text("birthDate"),
        gender: text("gender"),
        deceased: text("deceasedDateTime").or_else(|| {
            let known = patient.get("deceasedBoolean") == Some(&Value::Bool(true));
            known.then(|| "true".to_owned())
        }),
    })
}

/// The name marked official, or else the first: its text, or given names and family name.
fn official_name(patient: &Value) -> Option<String> {
    let names = patient.get("name")?.as_array()?;
    let official = names.iter().find(|name| name.get("use").is_some_and(|u| u == "official"));
    let name = official.or_else(|| names.first())?;
    if let Some(text) = name.get("text").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let given = name.get("given").and_then(Value::as_array).into_iter().flatten();
    let parts: Vec<&str> = given.chain(name.get("family")).filter_map(Value::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_official_name_is_shown() {
        let maiden = json!({ "use": "maiden", "given": ["Ann"], "family": "Smith" });
        let official = json!({ "use": "official", "given": ["Ann", "Bea"], "family": "Doe" });
        let patient = json!({ "name": [maiden, official] });
        assert_eq!(official_name(&patient).as_deref(), Some("Ann Bea Doe"));
        let patient = json!({ "name": [{ "text": "Ann Doe" }] });
        assert_eq!(official_name(&patient).as_deref(), Some("Ann Doe"));
        assert_eq!(official_name(&json!({ "name": [] })), None);
    }
}
