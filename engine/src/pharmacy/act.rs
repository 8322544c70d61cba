//! What a pharmacist does to a prescription: checked and written as one step, in the patient's room.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Chart, Status, is_open_order};
use crate::{Command, CommandError, Document, Plan, event::PHARMACY_STATUS_URLS, wording::text};

/// The acts, in the order in which a prescription passes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ActKind {
    /// The pharmacy takes the order up.
    Receive,
    /// A pharmacist has checked the order.
    Verify,
    /// The drug is dispensed, of which a MedicationDispense is the record.
    Dispense,
    /// What was dispensed waits for the patient.
    Ready,
    /// The patient has it.
    Complete,
}

impl ActKind {
    /// What the status must be, and what it becomes.
    fn step(self) -> (&'static [Status], &'static str) {
        match self {
            Self::Receive => (&[Status::New], "pending"),
            Self::Verify => (&[Status::New, Status::Pending], "verified"),
            Self::Dispense => (&[Status::Verified], "dispensed"),
            Self::Ready => (&[Status::Dispensed], "ready"),
            Self::Complete => (&[Status::Dispensed, Status::Ready], "completed"),
        }
    }
}

/// One act on one prescription.
#[derive(Debug, Clone)]
pub struct Act {
    /// What is done.
    pub kind: ActKind,
    /// The id of the MedicationRequest.
    pub prescription: String,
    /// Who does it, as colleagues read the name.
    pub performer: String,
    /// When, as FHIR writes an instant.
    pub when: String,
    /// The id of the MedicationDispense that a dispensing makes.
    pub dispense_id: String,
    /// How much is dispensed, as a FHIR Quantity; what the order says where it is not given.
    pub quantity: Option<Value>,
    /// What the pharmacist adds to the record of a dispensing.
    pub note: Option<String>,
}

impl Act {
    /// The act as an edit that is decided when its turn comes.
    ///
    /// Refused with [`CommandError::NotFound`], [`ConflictOpen`](CommandError::ConflictOpen),
    /// [`NotActive`](CommandError::NotActive) or [`WrongStatus`](CommandError::WrongStatus).
    pub fn plan(self) -> Plan {
        Plan(Arc::new(move |document| Ok(self.decide(document)?.into())))
    }

    fn decide(&self, document: &Document) -> Result<Command, CommandError> {
        let id = &self.prescription;
        let order = document.resource("MedicationRequest", id).ok_or(CommandError::NotFound)?;
        if Chart::of(document).is_blocked(id) {
            return Err(CommandError::ConflictOpen);
        }
        if !is_open_order(&order) {
            return Err(CommandError::NotActive);
        }
        let (from, to) = self.kind.step();
        if !from.contains(&Status::of(&order)) {
            return Err(CommandError::WrongStatus);
        }
        let mut elements = Map::new();
        elements.insert("extension".to_owned(), extensions(&order, to));
        let mut commands = vec![Command::Patch {
            resource_type: "MedicationRequest".to_owned(),
            id: id.clone(),
            elements,
        }];
        if self.kind == ActKind::Dispense {
            commands.push(Command::Put { resource: self.dispensing(&order) });
        }
        Ok(Command::Batch { commands })
    }

    /// The record of a dispensing.
    fn dispensing(&self, order: &Value) -> Value {
        let mut dispense = json!({
            "resourceType": "MedicationDispense",
            "id": self.dispense_id,
            "status": "completed",
            "subject": order.get("subject"),
            "performer": [{ "actor": { "display": self.performer } }],
            "authorizingPrescription": [{
                "reference": format!("MedicationRequest/{}", self.prescription),
            }],
            "quantity": self.quantity.as_ref().or_else(|| order.pointer("/dispenseRequest/quantity")),
            "whenHandedOver": self.when,
            "note": self.note.as_ref().map(|note| json!([{ "text": note }])),
        });
        if let Value::Object(elements) = &mut dispense {
            let inside = text(order, "/medicationReference/reference")
                .is_some_and(|target| target.starts_with('#'));
            let copied = [
                "medicationCodeableConcept",
                "medicationReference",
                "dosageInstruction",
                "contained",
            ];
            for name in copied.into_iter().filter(|name| inside || *name != "contained") {
                elements.extend(order.get(name).map(|value| (name.to_owned(), value.clone())));
            }
            elements.retain(|_, value| !value.is_null());
        }
        dispense
    }
}

/// The order's extensions with the pharmacy's status set, under the url that stands there.
fn extensions(order: &Value, status: &str) -> Value {
    let mut extensions =
        order.get("extension").and_then(Value::as_array).cloned().unwrap_or_default();
    let [url, _] = PHARMACY_STATUS_URLS;
    let url_of = |extension: &Value| {
        PHARMACY_STATUS_URLS.into_iter().find(|url| text(extension, "/url") == Some(*url))
    };
    let standing = extensions.iter().position(|extension| url_of(extension).is_some());
    let url = standing.and_then(|at| url_of(extensions.get(at)?)).unwrap_or(url);
    let status = json!({
        "url": url,
        "extension": [{ "url": "status", "valueString": status }],
    });
    match standing.and_then(|at| extensions.get_mut(at)) {
        Some(extension) => *extension = status,
        None => extensions.push(status),
    }
    Value::Array(extensions)
}
