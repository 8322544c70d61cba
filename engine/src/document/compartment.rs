//! Whose resource it is, and so which room it belongs to.
//!
//! Source: FHIR R4, CompartmentDefinition "patient"; the elements stand in `resource_types`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::resource_types::{patient_element, patient_list_element};
#[cfg(not(target_arch = "wasm32"))]
use super::{labels, notes};
use crate::{RoomName, RoomNameError};

/// Why a resource does not belong in a room. The patients' ids are left out: errors reach logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompartmentError {
    /// Its subject or patient is not the room's.
    #[error("the resource names another patient than this room's")]
    WrongPatient,
    /// A patient's resource was put where everybody reads.
    #[error("the resource belongs to a patient, whose own room takes it")]
    BelongsToPatient,
    /// It carries a security label, and belongs in the restricted compartment of it.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the resource carries a security label, whose restricted compartment takes it")]
    Restricted,
    /// It does not carry the security labels of this restricted compartment.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the resource does not carry the security labels of this restricted compartment")]
    NotRestricted,
    /// The room is written by the server alone.
    #[error("this room is a projection that only the server writes")]
    Projection,
    /// The patient's id makes no room name.
    #[error("the patient's id makes no room name: {0}")]
    Name(#[from] RoomNameError),
}

impl CompartmentError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongPatient => "wrong-patient",
            Self::BelongsToPatient => "belongs-to-patient",
            #[cfg(not(target_arch = "wasm32"))]
            Self::Restricted => "restricted",
            #[cfg(not(target_arch = "wasm32"))]
            Self::NotRestricted => "not-restricted",
            Self::Projection => "projection",
            Self::Name(_) => "bad-id",
        }
    }
}

/// The room that takes this resource: its patient's, the restricted compartment of that for its
/// security labels, or `facility:directory`.
#[cfg(not(target_arch = "wasm32"))]
pub fn room_of(resource: &Value) -> Result<RoomName, CompartmentError> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
    let Some(object) = resource.as_object() else { return Ok(RoomName::directory()) };
    let patients = patients_of(text("resourceType"), text("id"), object);
    match patients.first() {
        Some(patient) if patients.len() == 1 => {
            let chart = RoomName::patient(patient)?;
            let labels = labels::of(text("resourceType"), object);
            if labels.is_empty() { Ok(chart) } else { Ok(chart.compartment(&labels.join("."))?) }
        }
        _ => Ok(RoomName::directory()),
    }
}

/// Whether a room takes this resource, of which all is given.
pub(crate) fn check(
    room: &RoomName,
    resource_type: &str,
    id: &str,
    resource: &Map<String, Value>,
) -> Result<(), CompartmentError> {
    #[cfg(not(target_arch = "wasm32"))]
    labels::check(room, resource_type, resource)?;
    check_patient(room, resource_type, id, resource)
}

/// Whether a room takes a resource of which a change writes these elements.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn check_written(
    room: &RoomName,
    (resource_type, id): (&str, &str),
    written: &Map<String, Value>,
    is_new: bool,
) -> Result<(), CompartmentError> {
    if is_new || written.contains_key(labels::ELEMENT) {
        labels::check(room, resource_type, written)?;
    }
    check_patient(room, resource_type, id, written)
}

/// Whether a room takes resources of the patients that this one is about.
fn check_patient(
    room: &RoomName,
    resource_type: &str,
    id: &str,
    resource: &Map<String, Value>,
) -> Result<(), CompartmentError> {
    let patients = patients_of(resource_type, id, resource);
    match (room.patient_id(), room.kind()) {
        (Some(patient), _) if patients.is_empty() || patients.contains(patient) => Ok(()),
        (Some(_), _) => Err(CompartmentError::WrongPatient),
        (None, "pharmacy") => Err(CompartmentError::Projection),
        (None, "facility") if room.key() == "directory" && patients.len() == 1 => {
            Err(CompartmentError::BelongsToPatient)
        }
        (None, _) => Ok(()),
    }
}

/// The element that says whose resource this is; `None` for types outside the patient compartment.
pub fn patient_path(resource_type: &str) -> Option<&'static str> {
    patient_element(resource_type).or_else(|| patient_list_element(resource_type))
}

/// Whether an element can say whose resource it is, and on a server also whether it can say how it is
/// protected: by its labels, or as a signed note.
pub(crate) fn says_where(resource_type: &str, element: &str) -> bool {
    #[cfg(not(target_arch = "wasm32"))]
    if element == labels::ELEMENT || notes::status_element(resource_type) == Some(element) {
        return true;
    }
    patient_element(resource_type) == Some(element)
        || patient_list_element(resource_type) == Some(element)
}

/// The ids of the patients that a resource is about.
fn patients_of(resource_type: &str, id: &str, resource: &Map<String, Value>) -> BTreeSet<String> {
    if resource_type == "Patient" {
        return [id.to_owned()].into();
    }
    let mut patients = BTreeSet::new();
    if let Some(value) = patient_path(resource_type).and_then(|element| resource.get(element)) {
        collect(value, &mut patients);
    }
    patients
}

fn collect(value: &Value, patients: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            patients.extend(object.get("reference").and_then(Value::as_str).and_then(patient_id));
            object.values().for_each(|value| collect(value, patients));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, patients)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The id in `Patient/{id}`, also at the end of an absolute url or with a version.
fn patient_id(reference: &str) -> Option<String> {
    let mut segments = reference.split('/').skip_while(|segment| *segment != "Patient").skip(1);
    segments.next().filter(|id| !id.is_empty()).map(str::to_owned)
}
