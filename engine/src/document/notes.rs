//! Signed notes: what was signed stays as its signer saw it.
//!
//! A note is signed when its status becomes final. From then on it is amended, by a change that says
//! so in its status, or gets an addendum, which is a note of its own.

use serde_json::{Map, Value};

use super::DELETED;

/// Elements of a signed DocumentReference that are about the reference, not about the note.
const ABOUT_THE_REFERENCE: [&str; 2] = ["status", "meta"];

/// The element that says whether a note of this type is signed; `None` where the type is no note.
pub(crate) fn status_element(resource_type: &str) -> Option<&'static str> {
    match resource_type {
        "DocumentReference" => Some("docStatus"),
        "Composition" => Some("status"),
        _ => None,
    }
}

/// Whether a note is signed.
pub(crate) fn is_signed(resource_type: &str, note: &Map<String, Value>) -> bool {
    matches!(status(resource_type, note), Some("final" | "amended"))
}

/// Whether a change signs a note that stood unsigned.
pub(crate) fn signs(resource_type: &str, before: &Map<String, Value>, after: &str) -> bool {
    status_element(resource_type).is_some() && after == "final" && !is_signed(resource_type, before)
}

/// Whether elements of a signed note may be written, its status being `after` from then on: as an
/// amendment, or to mark it as entered in error.
pub(crate) fn may_write<'a>(
    resource_type: &str,
    before: &Map<String, Value>,
    mut written: impl Iterator<Item = &'a String>,
    after: Option<&str>,
) -> bool {
    if !is_signed(resource_type, before) {
        return true;
    }
    let amends = matches!(after, Some("amended" | "entered-in-error"));
    let about_reference = |name: &String| {
        resource_type == "DocumentReference" && ABOUT_THE_REFERENCE.contains(&name.as_str())
    };
    written.all(|name| about_reference(name) || (amends && name != DELETED))
}

fn status<'a>(resource_type: &str, note: &'a Map<String, Value>) -> Option<&'a str> {
    note.get(status_element(resource_type)?)?.as_str()
}
