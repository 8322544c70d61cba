//! What the author of a change may not do: by operation, by label, and to notes that are signed.

use std::sync::Arc;

use automerge::Change;
use serde_json::{Map, Value};

use super::{Room, apply::Applied};
use crate::{
    Peer,
    access::Right,
    change::{Refusal, Touched, operations::is_touched_since},
    document::{TEXTS, check_compartment, check_written, is_text_key, notes},
};

impl Room {
    /// Whether all that a change does is its author's to do, in a room that takes it; `behind` has the
    /// resources as it leaves them of which that cannot be told from what it does.
    pub(super) fn check_permitted(
        &mut self,
        now_ms: u64,
        peer: Peer,
        change: &Change,
        (touched, behind): (&[Touched], &[Value]),
        applied: &mut Applied,
    ) -> Result<(), Refusal> {
        let member = self.members.get(&peer);
        // What another server has taken is durable there, and all that comes behind it depends on it: an
        // edit there and a signature here both stand.
        let is_server = member.is_some_and(|member| member.server().is_some());
        let access = member.and_then(|member| member.access.clone());
        let limited = access.filter(|access| !access.writes_everything());
        for one in touched {
            let (resource_type, id) = one.resource();
            let is_note = notes::status_element(resource_type).is_some() && !is_server;
            let in_compartment = self.id.name.patient_id().is_some() && !self.id.name.is_chart();
            let is_text = one.collection == TEXTS;
            if is_text && !self.has_owner(now_ms, change, (one, touched), applied)? {
                return Err(Refusal::OutsideCollections);
            }
            let standing = match limited.is_some() || is_note || in_compartment || is_text {
                true => self.standing(now_ms, (resource_type, id), applied)?,
                false => None,
            };
            if is_text {
                // As a command on it would be.
                let object = standing.as_deref().and_then(Value::as_object);
                let check = |object| check_compartment(&self.id.name, resource_type, id, object);
                object.map_or(Ok(()), check)?;
            } else {
                let is_new = in_compartment
                    && standing.is_none()
                    && !one.unclear
                    && !self.document.has_resource(resource_type, id);
                check_written(&self.id.name, (resource_type, id), &one.claims, is_new)?;
            }
            if let Some(access) = &limited {
                access.check_type(&rights(one, standing.is_some()), resource_type)?;
            }
            if let Some(before) = standing.as_deref().and_then(Value::as_object)
                && is_note
            {
                let after = status_behind(one, before, behind);
                self.check_note(now_ms, change, (one, after.as_deref()), before, applied)?;
            }
        }
        Ok(())
    }

    /// Whether there is the resource that a text is of, deleted or not: in the room, or where the change
    /// that writes the text was made, or made by it.
    fn has_owner(
        &mut self,
        now_ms: u64,
        change: &Change,
        (text, touched): (&Touched, &[Touched]),
        applied: &mut Applied,
    ) -> Result<bool, Refusal> {
        let (resource_type, id) = text.resource();
        if !is_text_key(&text.id) {
            return Ok(false);
        }
        let makes = |one: &Touched| one.collection != TEXTS && one.concerns(resource_type, id);
        if touched.iter().any(|one| makes(one) && !one.deletes)
            || self.document.has_resource(resource_type, id)
        {
            return Ok(true);
        }
        // A change that is staged may have made it.
        match self.flush_group(now_ms, applied) {
            true => Ok(self.document.has_resource(resource_type, id)
                // Foreign clients delete a resource by taking its key away.
                || self.document.had_resource(change.deps(), resource_type, id)),
            false => Err(Refusal::NotApplicable),
        }
    }

    /// Whether a change leaves a signed note alone, or amends it, and signs none that its author has
    /// not seen as it stands.
    fn check_note(
        &mut self,
        now_ms: u64,
        change: &Change,
        (touched, after): (&Touched, Option<&str>),
        before: &Map<String, Value>,
        applied: &mut Applied,
    ) -> Result<(), Refusal> {
        let (resource_type, id) = touched.resource();
        let signed = notes::is_signed(resource_type, before);
        if signed && touched.collection == TEXTS {
            return Err(Refusal::Signed);
        }
        let signs = after.is_some_and(|after| notes::signs(resource_type, before, after));
        if !signs && !signed {
            return Ok(());
        }
        if !notes::may_write(resource_type, before, touched.elements.iter(), after) {
            return Err(Refusal::Signed);
        }
        // What is staged counts as well.
        if !self.flush_group(now_ms, applied) {
            return Err(Refusal::NotApplicable);
        }
        match is_touched_since(&self.document, change.deps(), (resource_type, id)) {
            true if signs => Err(Refusal::ChangedSinceViewed),
            true => Err(Refusal::Signed),
            // Nobody could choose any more.
            false if signs && self.document.has_disputed_text(resource_type, id) => {
                Err(Refusal::ConflictOpen)
            }
            false => Ok(()),
        }
    }

    /// A resource as it stands before a change, what is staged included.
    fn standing(
        &mut self,
        now_ms: u64,
        (resource_type, id): (&str, &str),
        applied: &mut Applied,
    ) -> Result<Option<Arc<Value>>, Refusal> {
        let key = (resource_type.to_owned(), id.to_owned());
        if applied.is_read_alone(&key) && !self.flush_group(now_ms, applied) {
            return Err(Refusal::NotApplicable);
        }
        if let Some(seen) = applied.seen(&key) {
            return Ok(seen);
        }
        Ok(self.document.look(resource_type, id).seen.resource)
    }
}

/// The status of a note behind a change.
fn status_behind(
    touched: &Touched,
    before: &Map<String, Value>,
    behind: &[Value],
) -> Option<String> {
    let (resource_type, id) = touched.resource();
    let element = notes::status_element(resource_type)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let is_it = |value: &&Value| {
        let named = |name: &str, wanted: &str| value.get(name).is_some_and(|found| found == wanted);
        named("resourceType", resource_type) && named("id", id)
    };
    match behind.iter().find(is_it) {
        Some(after) => after.get(element).and_then(text),
        None => touched.claims.get(element).or_else(|| before.get(element)).and_then(text),
    }
}

/// What a change does to a resource that stands, or does not. To write a text of it is to update it.
fn rights(touched: &Touched, stands: bool) -> Vec<Right> {
    if touched.collection == TEXTS {
        return vec![Right::Update];
    }
    let writes = touched.elements.iter().any(|name| !name.starts_with('$'));
    let deletes = touched.deletes.then_some(Right::Delete);
    let other = if stands { Right::Update } else { Right::Create };
    deletes.into_iter().chain((writes || !touched.deletes).then_some(other)).collect()
}
