//! What people write: resources, elements and values by number, as commands and as foreign writes.

use chartroom_engine::{
    Command, Document,
    document::{ConflictKind, People},
};
use serde_json::{Map, Value, json};

use super::plan::{Edit, Verb};

/// How an element is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A string or a code.
    Text,
    /// One compound value.
    Whole,
    /// A list whose items are merged.
    List,
}

/// A resource type, where its patient stands, and its elements.
struct Template {
    resource_type: &'static str,
    subject: &'static str,
    elements: [(&'static str, Shape); 6],
}

const TEMPLATES: [Template; 4] = [
    Template {
        resource_type: "Condition",
        subject: "subject",
        elements: [
            ("onsetString", Shape::Text),
            ("onsetDateTime", Shape::Text),
            ("recordedDate", Shape::Text),
            ("clinicalStatus", Shape::Whole),
            ("note", Shape::List),
            ("language", Shape::Text),
        ],
    },
    Template {
        resource_type: "MedicationRequest",
        subject: "subject",
        elements: [
            ("status", Shape::Text),
            ("dosageInstruction", Shape::Whole),
            ("medicationCodeableConcept", Shape::Whole),
            ("priority", Shape::Text),
            ("note", Shape::List),
            ("intent", Shape::Text),
        ],
    },
    Template {
        resource_type: "Observation",
        subject: "subject",
        elements: [
            ("status", Shape::Text),
            ("valueQuantity", Shape::Whole),
            ("valueString", Shape::Text),
            ("code", Shape::Whole),
            ("note", Shape::List),
            ("effectiveDateTime", Shape::Text),
        ],
    },
    Template {
        resource_type: "AllergyIntolerance",
        subject: "patient",
        elements: [
            ("criticality", Shape::Text),
            ("code", Shape::Whole),
            ("reaction", Shape::Whole),
            ("verificationStatus", Shape::Whole),
            ("note", Shape::List),
            ("type", Shape::Text),
        ],
    },
];

/// The names of the texts of a resource that people write together.
const TEXTS: [&str; 2] = ["summary", "text"];

/// What is typed: letters, pairs of code units, letters that several characters make, or nothing.
const TYPED: [&str; 7] =
    ["a", "\u{1fac0}", "", "e\u{301}", "words ", "\u{1f469}\u{200d}\u{2695}", "\n"];

/// A write into a text: where, in code units, how many go, and what comes.
pub struct Typed {
    /// The text's name.
    pub text: &'static str,
    /// Often behind the end, or within a pair.
    pub index: usize,
    /// How many code units go.
    pub delete: usize,
    /// What comes.
    pub insert: &'static str,
}

impl Typed {
    /// What an edit writes.
    pub fn of(edit: &Edit) -> Self {
        let one_of = |these: &[&'static str], number: u64| {
            these.get(number as usize % these.len()).copied().unwrap_or_default()
        };
        Self {
            text: one_of(&TEXTS, edit.element),
            index: edit.value as usize % 23,
            delete: edit.value as usize / 23 % 4,
            insert: one_of(&TYPED, edit.value),
        }
    }
}

/// Every text that anybody can write: type, id, name.
pub fn texts() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    let ids = || (0..3).map(|number| format!("r{number}"));
    let of = move |template: &'static Template| {
        ids().flat_map(|id| TEXTS.map(|text| (template.resource_type, id.clone(), text)))
    };
    TEMPLATES.iter().flat_map(of)
}

/// The resource and element that an edit is of.
pub struct Target {
    template: &'static Template,
    /// FHIR id.
    pub id: String,
    /// Element name.
    pub element: &'static str,
    /// The value.
    pub value: Value,
}

impl Target {
    /// What an edit is of.
    pub fn of(edit: &Edit) -> Self {
        let template = TEMPLATES
            .get((edit.resource % TEMPLATES.len() as u64) as usize)
            .expect("a remainder is an index");
        let elements = template.elements;
        let (element, shape) = *elements
            .get((edit.element % elements.len() as u64) as usize)
            .expect("a remainder is an index");
        let id = format!("r{}", edit.resource / TEMPLATES.len() as u64);
        Self { template, id, element, value: value(element, shape, edit.value) }
    }

    /// FHIR resource type.
    pub fn resource_type(&self) -> &'static str {
        self.template.resource_type
    }

    /// A whole resource of `patient` with the element and a few others.
    pub fn resource(&self, patient: &str, number: u64) -> Value {
        let reference = json!({ "reference": format!("Patient/{patient}") });
        let mut resource = Map::from_iter([
            ("resourceType".to_owned(), json!(self.resource_type())),
            ("id".to_owned(), json!(self.id)),
            (self.template.subject.to_owned(), reference),
        ]);
        for (at, (name, shape)) in self.template.elements.iter().enumerate() {
            if number >> at & 1 == 1 || *name == self.element {
                resource.insert((*name).to_owned(), value(name, *shape, number));
            }
        }
        resource.into()
    }
}

/// The command that a person's edit comes to; `None` where it has nothing to act on.
pub fn command(
    document: &Document,
    people: &People,
    patient: &str,
    edit: &Edit,
) -> Option<Command> {
    let target = Target::of(edit);
    let (resource_type, id) = (target.resource_type().to_owned(), target.id.clone());
    let name = target.element;
    let standing = document.resource(&resource_type, &id);
    let put = || Command::Put { resource: target.resource(patient, edit.value) };
    let patch = |elements: Map<String, Value>| {
        let (resource_type, id) = (resource_type.clone(), id.clone());
        Command::Patch { resource_type, id, elements }
    };
    let set = |value: Value| patch(Map::from_iter([(name.to_owned(), value)]));
    let items = || -> Vec<Value> {
        let items = standing.as_ref().and_then(|resource| resource.get("note"));
        items.and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let notes = |items: Vec<Value>| patch(Map::from_iter([("note".to_owned(), items.into())]));
    Some(match edit.verb {
        Verb::Undelete => Command::Undelete { resource_type, id },
        Verb::Choose => return choose(document, people, &resource_type, &id, edit.value),
        Verb::Put => put(),
        Verb::Batch => {
            let other = Edit { resource: edit.resource + 1, verb: Verb::Put, ..*edit };
            let target = Target::of(&other);
            let other = Command::Put { resource: target.resource(patient, edit.value) };
            Command::Batch { commands: vec![put(), other] }
        }
        _ if standing.is_none() => put(),
        Verb::Set => set(target.value.clone()),
        Verb::Unset => set(Value::Null),
        Verb::Delete => Command::Delete { resource_type, id },
        Verb::Splice => {
            let Typed { text, index, delete, insert } = Typed::of(edit);
            let (element, insert) = (text.to_owned(), insert.to_owned());
            Command::Splice { resource_type, id, element, index, delete, insert }
        }
        Verb::SetText => {
            let Typed { text: name, index, delete, insert } = Typed::of(edit);
            let before = document.text(&resource_type, &id, name).unwrap_or_default();
            let kept = before.chars().skip(delete).take(index);
            let text = insert.chars().chain(kept).collect();
            Command::SetText { resource_type, id, element: name.to_owned(), text }
        }
        Verb::Insert => {
            let mut items = items();
            let at = edit.value as usize % (items.len() + 1);
            items.insert(at, note(edit.value));
            notes(items)
        }
        Verb::Remove => {
            let mut items = items();
            if items.is_empty() {
                return None;
            }
            items.remove(edit.value as usize % items.len());
            notes(items)
        }
    })
}

/// A write of the side that a person chooses.
fn choose(
    document: &Document,
    people: &People,
    resource_type: &str,
    id: &str,
    number: u64,
) -> Option<Command> {
    let (resource_type, id) = (resource_type.to_owned(), id.to_owned());
    let conflicts = document.resource_conflicts(&resource_type, &id, people);
    let conflict = conflicts.first()?;
    if document.resource(&resource_type, &id).is_none() {
        return Some(Command::Undelete { resource_type, id });
    }
    let side = conflict.values.get(number as usize % conflict.values.len())?;
    if conflict.kind == ConflictKind::Text {
        let (element, text) = (conflict.elements.first()?.clone(), side.value.as_str()?.to_owned());
        return Some(Command::SetText { resource_type, id, element, text });
    }
    let elements = side.value.as_object()?.clone();
    Some(Command::Patch { resource_type, id, elements })
}

fn note(number: u64) -> Value {
    json!({ "text": format!("note {number}") })
}

/// A value of an element; the same number may be a value that stands already.
fn value(name: &str, shape: Shape, number: u64) -> Value {
    let one_of = |these: &[&str]| json!(these.get(number as usize % these.len()));
    match (name, shape) {
        ("status", _) => one_of(&["active", "on-hold", "completed", "final", "stopped"]),
        ("intent", _) => one_of(&["order", "plan", "proposal"]),
        ("criticality", _) => one_of(&["low", "high", "unable-to-assess"]),
        ("valueQuantity", _) => {
            let decimal = format!("{}.{}0", number % 9, number % 7);
            let decimal: Value = serde_json::from_str(&decimal).expect("digits make a decimal");
            json!({ "value": decimal, "unit": "mmol/L" })
        }
        ("code", _) => json!({ "coding": [{
            "system": "http://loinc.org",
            "code": one_of(&["2823-3", "2345-7", "718-7"]),
        }] }),
        (_, Shape::Text) => json!(format!("{name} {number}")),
        (_, Shape::Whole) if matches!(name, "dosageInstruction" | "reaction") => {
            json!([{ "text": format!("{name} {number}") }])
        }
        (_, Shape::Whole) => json!({ "text": format!("{name} {number}") }),
        (_, Shape::List) => (0..number % 4).map(|item| note(number + item)).collect(),
    }
}
