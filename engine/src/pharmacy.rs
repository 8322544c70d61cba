//! The pharmacy's queue: what a prescription looks like there, and what may be done to it.
//!
//! An entry is a FHIR Task, a pure function of the patient's room as it stands; the truth stays in
//! that room. Not here: who writes the entries and when. Start at [`Chart`]; [`Act`] is the way
//! back, from the queue into the patient's room.

mod act;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    Document, Event, RoomName,
    document::People,
    event::pharmacy_status,
    id::named_uuid,
    wording::{self, text},
};

pub use act::{Act, ActKind};

/// The system of the codes of columns.
const COLUMN_SYSTEM: &str = "https://chartroom.dev/fhir/CodeSystem/pharmacy-queue";
/// Intents of a MedicationRequest that make it an order (events.md, MEDICATION_PRESCRIBED).
const ORDER_INTENTS: [&str; 5] =
    ["order", "original-order", "reflex-order", "filler-order", "instance-order"];
/// Events that the queue repeats, whatever is in them.
const REPEATED: [&str; 5] = [
    "MEDICATION_PRESCRIBED",
    "MEDICATION_UPDATED",
    "MEDICATION_DISCONTINUED",
    "PRESCRIPTION_VERIFIED",
    "MEDICATION_DISPENSED",
];
/// Types whose open safety-critical conflicts hold up every prescription of the chart.
const CHART_TYPES: [&str; 3] = ["AllergyIntolerance", "Consent", "Flag"];

/// How far the pharmacy has come with a prescription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// No status, or one that is not known here.
    New,
    Pending,
    Verified,
    Dispensed,
    Ready,
    Completed,
}

impl Status {
    fn of(prescription: &Value) -> Self {
        match pharmacy_status(prescription) {
            Some("pending") => Self::Pending,
            Some("verified") => Self::Verified,
            Some("dispensed") => Self::Dispensed,
            Some("ready") => Self::Ready,
            Some("completed") => Self::Completed,
            Some(_) | None => Self::New,
        }
    }

    /// The column, and what a Task's status is in it; `None` once it is off the queue.
    fn column(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::New => Some(("newOrders", "requested")),
            Self::Pending => Some(("verification", "received")),
            Self::Verified => Some(("dispensing", "accepted")),
            Self::Dispensed | Self::Ready => Some(("ready", "in-progress")),
            Self::Completed => None,
        }
    }
}

/// Whether a MedicationRequest is an order that stands: active, to be carried out, no plan or
/// proposal.
pub fn is_open_order(prescription: &Value) -> bool {
    text(prescription, "/status") == Some("active")
        && text(prescription, "/intent").is_some_and(|intent| ORDER_INTENTS.contains(&intent))
        && prescription.get("doNotPerform") != Some(&Value::Bool(true))
}

/// The id of the Task for a prescription: UUIDv5 of `{room}#MedicationRequest/{id}`.
pub fn task_id(room: &RoomName, prescription: &str) -> String {
    named_uuid(&format!("{room}#MedicationRequest/{prescription}"))
}

/// A patient's room as the pharmacy sees it.
pub struct Chart<'a> {
    document: &'a Document,
    patient: Option<String>,
    /// A safety-critical conflict about the patient is open, whatever the prescription.
    disputed: bool,
}

impl<'a> Chart<'a> {
    /// Reads what all entries of a room share.
    pub fn of(document: &'a Document) -> Self {
        let patient = document.room().name.patient_id();
        let patient = patient.and_then(|id| document.resource("Patient", id));
        Self {
            document,
            patient: patient.as_ref().and_then(wording::person_name),
            disputed: CHART_TYPES.iter().any(|name| {
                document.ids(name).iter().any(|id| has_critical_conflict(document, name, id))
            }),
        }
    }

    /// Ids of all prescriptions that belong on the queue, in order.
    pub fn open(&self) -> Vec<String> {
        let ids = self.document.ids("MedicationRequest");
        ids.into_iter().filter(|id| self.prescription(id).is_some()).collect()
    }

    /// A prescription as a FHIR Task; `None` where it does not belong on the queue.
    pub fn entry(&self, id: &str) -> Option<Value> {
        let (order, column, status) = self.prescription(id)?;
        let room = &self.document.room().name;
        let subject = order.get("subject").cloned().unwrap_or_default();
        let patient = room.patient_id().map(|id| format!("Patient/{id}"));
        let drug = drug(self.document, &order);
        let input = |name: &str, kind: &str, value: Value| {
            (!value.is_null()).then(|| json!({ "type": { "text": name }, kind: value }))
        };
        let inputs = [
            input("room", "valueString", json!(room)),
            input(
                "dose",
                "valueString",
                json!(order.get("dosageInstruction").and_then(wording::dosage)),
            ),
            input("pharmacyStatus", "valueString", json!(pharmacy_status(&order))),
            input("conflict", "valueBoolean", json!(self.is_blocked(id))),
        ];
        let mut task = json!({
            "resourceType": "Task",
            "id": task_id(room, id),
            "status": status,
            "intent": "order",
            "businessStatus": { "coding": [{ "system": COLUMN_SYSTEM, "code": column }] },
            "priority": text(&order, "/priority").unwrap_or("routine"),
            "description": drug,
            "focus": { "reference": format!("MedicationRequest/{id}") },
            "for": {
                "reference": patient.as_deref().or_else(|| text(&subject, "/reference")),
                "display": self.patient.as_deref().or_else(|| text(&subject, "/display")),
            },
            "authoredOn": order.get("authoredOn"),
            "requester": order.get("requester"),
            "input": inputs.into_iter().flatten().collect::<Vec<Value>>(),
        });
        drop_nulls(&mut task);
        Some(task)
    }

    /// Whether a person has to choose between concurrent values before anything is done with this
    /// prescription: its own drug, dose, subject or status, or the patient's allergies or code
    /// status.
    pub fn is_blocked(&self, id: &str) -> bool {
        self.disputed || has_critical_conflict(self.document, "MedicationRequest", id)
    }

    fn prescription(&self, id: &str) -> Option<(Value, &'static str, &'static str)> {
        let order = self.document.resource("MedicationRequest", id)?;
        let (column, status) = Status::of(&order).column()?;
        is_open_order(&order).then_some((order, column, status))
    }
}

/// Which entries an event of a patient's room can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched<'a> {
    /// That of one prescription.
    One(&'a str),
    /// All of the room.
    All,
}

/// Which entries an event of a patient's room can change, if any.
pub fn touched(event: &Event) -> Option<Touched<'_>> {
    let resource_type = event.resource_type.as_str();
    match resource_type {
        "MedicationRequest" => Some(Touched::One(&event.resource_id)),
        "Patient" => Some(Touched::All),
        _ if CHART_TYPES.contains(&resource_type) && event.event.starts_with("CONFLICT_") => {
            Some(Touched::All)
        }
        _ => None,
    }
}

/// Whether an event of a patient's room is repeated in the queue (events.md).
pub fn is_repeated(event: &Event) -> bool {
    let name = event.event.as_str();
    match name {
        "ORDER_PLACED" => text(&event.details, "/category") == Some("medication"),
        "CONFLICT_DETECTED" => event.resource_type == "MedicationRequest",
        _ => REPEATED.contains(&name),
    }
}

/// The queue as columns of plain entries, oldest order first: `newOrders`, `verification`,
/// `dispensing`, `ready`.
pub fn columns(tasks: &[Value]) -> Value {
    let mut columns: BTreeMap<&str, Vec<Value>> =
        ["newOrders", "verification", "dispensing", "ready"].map(|name| (name, Vec::new())).into();
    for task in tasks {
        let column = text(task, "/businessStatus/coding/0/code").unwrap_or_default();
        if let Some(entries) = columns.get_mut(column) {
            entries.push(plain(task));
        }
    }
    for entries in columns.values_mut() {
        entries.sort_by_cached_key(|entry| {
            let key = |at| text(entry, at).unwrap_or_default().to_owned();
            (key("/authoredOn"), key("/id"))
        });
    }
    json!(columns)
}

/// The patient's room and the prescription's id of a Task of the queue.
pub fn origin(task: &Value) -> Option<(RoomName, &str)> {
    let room = input(task, "room")?.as_str()?.parse().ok()?;
    let focus = text(task, "/focus/reference")?;
    Some((room, focus.strip_prefix("MedicationRequest/")?))
}

fn plain(task: &Value) -> Value {
    let patient = text(task, "/for/reference");
    json!({
        "id": task.get("id"),
        "room": input(task, "room"),
        "patient": {
            "id": patient.map(|patient| patient.trim_start_matches("Patient/")),
            "name": text(task, "/for/display"),
        },
        "prescription": origin(task).map(|(_, id)| id),
        "drug": task.get("description"),
        "dose": input(task, "dose"),
        "requester": task.get("requester").and_then(wording::reference),
        "priority": task.get("priority"),
        "pharmacyStatus": input(task, "pharmacyStatus"),
        "authoredOn": task.get("authoredOn"),
        "conflict": input(task, "conflict") == Some(&Value::Bool(true)),
    })
}

fn input<'a>(task: &'a Value, name: &str) -> Option<&'a Value> {
    let inputs = task.get("input")?.as_array()?;
    let input = inputs.iter().find(|input| text(input, "/type/text") == Some(name))?;
    input.get("valueString").or_else(|| input.get("valueBoolean"))
}

/// The drug in words, through a Medication that the order contains or the chart has.
fn drug(document: &Document, order: &Value) -> Option<String> {
    if let Some(concept) = order.get("medicationCodeableConcept") {
        return wording::concept(concept).map(str::to_owned);
    }
    let medication = order.get("medicationReference")?;
    let target = text(medication, "/reference").unwrap_or_default();
    let contained = || {
        let inside = order.get("contained")?.as_array()?.iter();
        let id = target.strip_prefix('#')?;
        inside.into_iter().find(|resource| text(resource, "/id") == Some(id)).cloned()
    };
    let beside = || document.resource("Medication", target.strip_prefix("Medication/")?);
    let known = text(medication, "/display").map(str::to_owned);
    known
        .or_else(|| wording::concept(contained().or_else(beside)?.get("code")?).map(str::to_owned))
        .or_else(|| Some(target.to_owned()))
}

fn has_critical_conflict(document: &Document, resource_type: &str, id: &str) -> bool {
    let conflicts = document.resource_conflicts(resource_type, id, &People::default());
    conflicts.iter().any(|conflict| conflict.safety)
}

fn drop_nulls(value: &mut Value) {
    if let Value::Object(object) = value {
        object.values_mut().for_each(drop_nulls);
        object.retain(|_, value| !value.is_null());
    }
}
