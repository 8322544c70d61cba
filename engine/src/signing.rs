//! Signing a note: what its signer saw is what is signed, or nothing is.

use std::sync::Arc;

use automerge::ChangeHash;
use serde_json::{Map, Value};

use crate::{
    Command, CommandError, Decision, Document, Plan,
    change::operations::is_touched_since,
    document::notes::{is_signed, status_element},
};

/// A signature that somebody wants to put under a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// DocumentReference or Composition.
    pub resource_type: String,
    /// FHIR id.
    pub id: String,
    /// The heads of the document that the signer saw.
    pub heads: Vec<ChangeHash>,
}

impl Signing {
    /// Decides on the signature when its turn comes: the note becomes final where it is as its signer
    /// saw it.
    pub fn plan(self) -> Plan {
        Plan(Arc::new(move |document| self.decide(document).map(Decision::from)))
    }

    fn decide(&self, document: &Document) -> Result<Command, CommandError> {
        let Self { resource_type, id, heads } = self;
        let element = status_element(resource_type).ok_or(CommandError::NotANote)?;
        let note = document.resource(resource_type, id).ok_or(CommandError::NotFound)?;
        if note.as_object().is_some_and(|note| is_signed(resource_type, note)) {
            return Err(CommandError::Signed);
        }
        let known = !heads.is_empty() && heads.iter().all(|head| document.contains(head));
        if !known || is_touched_since(document, heads, (resource_type, id)) {
            return Err(CommandError::ChangedSinceViewed);
        }
        let elements = Map::from_iter([(element.to_owned(), Value::from("final"))]);
        Ok(Command::Patch { resource_type: resource_type.clone(), id: id.clone(), elements })
    }
}
