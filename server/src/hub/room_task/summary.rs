//! The little of a patient that the list of rooms shows.

use chartroom_engine::{Batch, Room, RoomId, wording};
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
        title: wording::person_name(&patient),
        birth_date: text("birthDate"),
        gender: text("gender"),
        deceased: text("deceasedDateTime").or_else(|| {
            let known = patient.get("deceasedBoolean") == Some(&Value::Bool(true));
            known.then(|| "true".to_owned())
        }),
    })
}
