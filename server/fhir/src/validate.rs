//! Whether a resource is what FHIR R4 says its type is.
//!
//! [`table`] has R4's types, their elements, cardinalities and required codes, as a script writes
//! them from HL7's definitions; [`primitive`] has how a primitive is written. Every fault has the
//! path of its element and none repeats a value: what a caller sent is patient data.
//! Not looked at: what R4 says in FHIRPath beside `ext-1` and `dom-2`, profiles, codes that R4 does
//! not list, and what a reference points at.

mod primitive;
mod table;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use chartroom_engine::{document::resource_type, limits::NESTING_MAX};
use serde_json::{Map, Value};

use crate::outcome::Issue;
use primitive::{Misfit, Primitive};
use table::{Kind, Property, TABLE};

/// How many issues a resource may have before nothing further is looked at.
pub const ISSUES_MAX: usize = 50;

/// A JSON object.
type Object = Map<String, Value>;

/// Judges a resource; empty where nothing is wrong.
///
/// The issues come in the order of the members' names, [`ISSUES_MAX`] at most.
/// All are errors but one: a time without a zone is a warning, for systems in use write such times.
pub fn validate(resource: &Value) -> Vec<Issue> {
    let mut judge = Judge { path: Vec::new(), issues: Vec::new() };
    judge.resource(resource);
    judge.issues
}

/// What has been found, and where we are: the resource's type, element names and indexes.
struct Judge {
    path: Vec<Step>,
    issues: Vec<Issue>,
}

#[derive(Clone, Copy)]
enum Step {
    Name(&'static str),
    Index(usize),
}

impl Judge {
    fn resource(&mut self, value: &Value) {
        let Some(object) = value.as_object() else {
            return self.fault("structure", "a resource is a JSON object");
        };
        let Some(named) = object.get("resourceType") else {
            return self.fault_of("required", "resourceType", "resourceType is missing");
        };
        let Some(name) = named.as_str().and_then(resource_type) else {
            let text = "resourceType is not a resource type of FHIR R4";
            return self.fault_of("value", "resourceType", text);
        };
        if self.path.is_empty() {
            self.below(Step::Name(name), |judge| judge.members(name, object));
        } else {
            self.members(name, object);
        }
    }

    /// An object of a data type or of a backbone element.
    fn complex(&mut self, shape: &'static str, label: &str, value: &Value) {
        let Some(object) = value.as_object() else {
            return self.fault("structure", format!("{label} is not a JSON object"));
        };
        if object.keys().all(|key| key == "id") {
            return self.fault("structure", format!("{label} is empty"));
        }
        self.members(shape, object);
        if shape == "Extension" {
            let has_value =
                object.keys().any(|key| key.trim_start_matches('_').starts_with("value"));
            if has_value == object.contains_key("extension") {
                self.fault("invariant", "an extension has either a value or extensions (ext-1)");
            }
        }
    }

    fn members(&mut self, name: &'static str, object: &Object) {
        let Some(shape) = TABLE.shape(name) else { return };
        let has_siblings = object.keys().any(|key| key.starts_with('_'));
        let mut seen: Vec<&'static str> = Vec::new();
        for (key, value) in object {
            if self.is_full() {
                return;
            }
            let Some((property, label)) = shape.property(key) else {
                if key != "resourceType" || !shape.is_resource {
                    self.unknown(name, key);
                }
                continue;
            };
            let (value, sibling) = if label == key {
                let sibling = has_siblings.then(|| object.get(&format!("_{key}"))).flatten();
                (Some(value), sibling.filter(|_| property.may_have_sibling()))
            } else if object.contains_key(label) {
                continue;
            } else {
                (None, Some(value))
            };
            if seen.contains(&property.element) {
                let text = format!("{}[x] has more than one type", property.element);
                self.fault_of("structure", property.element, text);
            }
            seen.push(property.element);
            self.below(Step::Name(property.element), |judge| {
                judge.element(property, label, value, sibling);
            });
        }
        for required in shape.required.iter().filter(|name| !seen.contains(name)) {
            self.fault_of("required", required, format!("{required} is missing"));
        }
    }

    /// A member and its sibling of the same name behind `_`; one of the two is there.
    fn element(
        &mut self,
        property: &Property,
        label: &str,
        value: Option<&Value>,
        sibling: Option<&Value>,
    ) {
        if !property.is_many {
            return self.one(property, label, value, sibling);
        }
        let Some(values) = self.items(label, value) else { return };
        let Some(siblings) = self.items(label, sibling) else { return };
        if value.is_some() && sibling.is_some() && values.len() != siblings.len() {
            return self.fault("structure", format!("{label} and _{label} differ in length"));
        }
        for index in 0..values.len().max(siblings.len()) {
            if self.is_full() {
                return;
            }
            let value = values.get(index).filter(|item| !item.is_null());
            let sibling = siblings.get(index).filter(|item| !item.is_null());
            self.below(Step::Index(index), |judge| {
                if value.is_none() && sibling.is_none() {
                    judge.fault("structure", format!("{label} has an item without value"));
                } else {
                    judge.one(property, label, value, sibling);
                }
            });
        }
    }

    /// The items of an array; none where there is none, `None` where that is a fault.
    fn items<'a>(&mut self, label: &str, value: Option<&'a Value>) -> Option<&'a [Value]> {
        match value {
            None => Some(&[]),
            Some(Value::Array(items)) if !items.is_empty() => Some(items),
            Some(Value::Array(_)) => {
                self.fault("structure", format!("{label} is an empty array"));
                None
            }
            Some(_) => {
                self.fault("structure", format!("{label} is not an array"));
                None
            }
        }
    }

    fn one(
        &mut self,
        property: &Property,
        label: &str,
        value: Option<&Value>,
        sibling: Option<&Value>,
    ) {
        // The path counts the resource's own object too, which is around its elements.
        if self.path.len() > NESTING_MAX + 1 && property.nests() {
            let text = format!("{label} is below more than {NESTING_MAX} arrays and objects");
            return self.fault("too-long", text);
        }
        match (property.kind, value) {
            (Kind::Primitive(kind), Some(value)) => self.primitive(kind, property, label, value),
            (Kind::Resource, Some(value)) => {
                if property.element == "contained" && value.get("contained").is_some() {
                    let text = "a contained resource contains no other (dom-2)";
                    self.fault_of("invariant", "contained", text);
                }
                self.resource(value);
            }
            (Kind::Complex(shape), Some(value)) => {
                self.complex(shape, label, value);
                self.concept(property, label, value);
            }
            (Kind::Primitive(_) | Kind::Resource | Kind::Complex(_), None) => {}
        }
        if let Some(sibling) = sibling {
            self.complex("Element", &format!("_{label}"), sibling);
        }
    }

    fn primitive(&mut self, kind: Primitive, property: &Property, label: &str, value: &Value) {
        match kind.judge(value) {
            Err(Misfit::Json(expected)) => {
                self.fault("structure", format!("{label} is not a JSON {expected}"));
            }
            Err(Misfit::Form(expected)) => {
                self.fault("value", format!("{label} is not {expected}"));
            }
            Err(Misfit::NoZone) => {
                self.push(Issue::warning("value", format!("{label} has a time and no zone")));
            }
            Ok(()) => {
                if let Some((name, codes)) = property.set.and_then(|name| TABLE.set(name))
                    && !value.as_str().is_some_and(|code| codes.contains(code))
                {
                    self.fault("code-invalid", not_of_set(label, name));
                }
            }
        }
    }

    /// One coding of a concept is of the required value set; an extension may stand for it.
    fn concept(&mut self, property: &Property, label: &str, value: &Value) {
        let Some((name, codes)) = property.set.and_then(|name| TABLE.set(name)) else { return };
        let codings = value.get("coding").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let is_listed = codings.iter().any(|coding| {
            let part = |name: &str| coding.get(name).and_then(Value::as_str).unwrap_or_default();
            codes.contains(format!("{}|{}", part("system"), part("code")).as_str())
        });
        let is_extended = codings.is_empty() && value.get("extension").is_some();
        if !is_listed && !is_extended {
            self.fault("code-invalid", not_of_set(label, name));
        }
    }

    fn unknown(&mut self, shape: &str, key: &str) {
        // A name that no element could have may be anything, a patient's too, and is not repeated.
        if is_element_name(key) {
            self.fault_of("structure", key, format!("{shape} has no element {key}"));
        } else {
            self.fault("structure", format!("{shape} has an element that FHIR does not know"));
        }
    }

    fn is_full(&self) -> bool {
        self.issues.len() >= ISSUES_MAX
    }

    fn below(&mut self, step: Step, judge: impl FnOnce(&mut Self)) {
        self.path.push(step);
        judge(self);
        self.path.pop();
    }

    /// A fault of the element where we are.
    fn fault(&mut self, code: &'static str, text: impl Into<String>) {
        self.push(Issue::error(code, text));
    }

    /// A fault of a member of the object where we are.
    fn fault_of(&mut self, code: &'static str, member: &str, text: impl Into<String>) {
        self.push(Issue::error(code, text).at(member));
    }

    fn push(&mut self, issue: Issue) {
        if !self.is_full() {
            let place = self.place();
            self.issues.push(if place.is_empty() { issue } else { issue.below(&place) });
        }
    }

    fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.path {
            // Writing to a string does not fail.
            let _ = match step {
                Step::Name(name) if place.is_empty() => write!(place, "{name}"),
                Step::Name(name) => write!(place, ".{name}"),
                Step::Index(index) => write!(place, "[{index}]"),
            };
        }
        place
    }
}

fn not_of_set(label: &str, set: &str) -> String {
    format!("{label} has no code of the required value set {set}")
}

fn is_element_name(key: &str) -> bool {
    let name = key.strip_prefix('_').unwrap_or(key);
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|each| each.is_ascii_alphanumeric())
}
