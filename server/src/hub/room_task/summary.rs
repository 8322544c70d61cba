//! What is known of a room's resources without loading it: the little of a patient that the list of
//! rooms shows, where each resource is, and the patients themselves.

use std::collections::BTreeSet;

use chartroom_engine::{Action, Batch, Room, RoomId, wording};
use serde_json::Value;

use crate::{
    hub::places,
    storage::{Fact, RoomSummary},
};

/// What a batch that touched a room's patient leaves of it: what the list of rooms shows, and the
/// patient as it stands; `None` behind any other.
pub(super) fn patient_behind(
    id: &RoomId,
    room: &Room,
    batch: &Batch,
) -> Option<(RoomSummary, Option<Fact>)> {
    let patient_id = id.name.patient_id()?;
    batch.events.iter().find(|event| event.resource_type == "Patient")?;
    let patient = room.document().resource("Patient", patient_id);
    let fact = places::patient(&id.name, patient.as_ref());
    Some((patient.as_ref().map(summary_of).unwrap_or_default(), fact))
}

fn summary_of(patient: &Value) -> RoomSummary {
    let text = |name: &str| patient.get(name).and_then(Value::as_str).map(str::to_owned);
    RoomSummary {
        title: wording::person_name(patient),
        birth_date: text("birthDate"),
        gender: text("gender"),
        deceased: text("deceasedDateTime").or_else(|| {
            let known = patient.get("deceasedBoolean") == Some(&Value::Bool(true));
            known.then(|| "true".to_owned())
        }),
    }
}

/// Where the resources are that a batch created, and which types a chart keeps that are no patient's.
pub(super) fn places_of(id: &RoomId, batch: &Batch) -> Vec<Fact> {
    if !places::is_listed(&id.name) {
        return Vec::new();
    }
    let created = batch.events.iter().filter(|event| event.action == Action::Created);
    let created: BTreeSet<_> =
        created.map(|event| (event.resource_type.as_str(), event.resource_id.as_str())).collect();
    let strays = created.iter().filter_map(|(name, _)| places::stray(&id.name, name));
    let placed = created.iter().filter_map(|(name, of)| places::place(&id.name, name, of));
    placed.chain(strays).chain(places::compartment(&id.name)).collect()
}
