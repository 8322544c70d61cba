//! Security labels: which restricted compartment a resource belongs in.
//!
//! A label is a code of `meta.security` that names a kind of sensitive information. A resource with
//! one is not in the chart but in a room of its own, `patient:{id}~{label}`; with several it is in
//! `patient:{id}~{label}.{label}`, in their order. The Patient is in the chart whatever its labels,
//! which would say nothing of whose it is otherwise.

use serde_json::{Map, Value};

use super::CompartmentError;
use crate::RoomName;

/// The element that says so.
pub(crate) const ELEMENT: &str = "meta";

/// The codes that are labels, of whatever system: sites name it differently, and a code that is taken
/// for a label protects too much, not too little.
///
/// Source: HL7 v3 ActCode, `_InformationSensitivityPolicy`, those about what a person has or went
/// through.
const LABELS: [&str; 23] = [
    "BH", "COGN", "DVD", "EMOTDIS", "ETH", "ETHUD", "GDIS", "HIV", "MH", "MST", "OPIOIDUD",
    "PREGNANT", "PSY", "PSYTHPN", "SCA", "SDV", "SEX", "SICKLE", "SPI", "STD", "SUD", "TBOO",
    "VIO",
];

/// Whether a code is a label.
pub fn is_label(code: &str) -> bool {
    LABELS.contains(&code)
}

/// The labels of a resource, in their order, each once.
pub(crate) fn of<'a>(resource_type: &str, resource: &'a Map<String, Value>) -> Vec<&'a str> {
    if resource_type == "Patient" {
        return Vec::new();
    }
    let security = resource.get(ELEMENT).and_then(|meta| meta.get("security"));
    let codings = security.and_then(Value::as_array).into_iter().flatten();
    let codes = codings.filter_map(|coding| coding.get("code")?.as_str());
    let mut labels: Vec<&str> = codes.filter(|code| LABELS.contains(code)).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// Whether a patient's room is the one of the labels that a resource carries.
pub(super) fn check(
    room: &RoomName,
    resource_type: &str,
    resource: &Map<String, Value>,
) -> Result<(), CompartmentError> {
    if room.patient_id().is_none() {
        return Ok(());
    }
    let (found, wanted) = (of(resource_type, resource), room.labels());
    match found == wanted {
        true => Ok(()),
        false if wanted.is_empty() => Err(CompartmentError::Restricted),
        false => Err(CompartmentError::NotRestricted),
    }
}
