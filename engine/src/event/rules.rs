//! The interpreter of the table: what holds for a change, and what its events say.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use serde_json::{Value, json};

use super::{
    Action, Event, ResourceChange, Rules, critical, dotted,
    fields::{self, listed},
    table::{Clause, Details, Place, RULES, Rule},
};
use crate::{
    RoomName,
    document::{self, RESOURCE_TYPES},
};

/// The events of one resource change, unnumbered, in the order of the table: the generic one first.
pub(crate) fn derive(
    room: &RoomName,
    change: &ResourceChange,
    rules: &Rules,
    now_ms: u64,
) -> Vec<Event> {
    let event = |name: &str, details: Value| Event {
        seq: 0,
        event: name.to_owned(),
        event_type: dotted(name),
        room: room.clone(),
        patient_id: room.patient_id().map(str::to_owned),
        resource_type: change.resource_type.clone(),
        resource_id: change.id.clone(),
        action: change.action,
        resource: Arc::clone(&change.resource),
        changed: change.elements.clone(),
        author: change.author.clone(),
        time_ms: now_ms,
        authored_ms: change.authored_ms,
        changes: vec![change.hash.to_string()],
        import: change.import,
        details,
        source: None,
        via: change.via.clone(),
    };
    let case = Case { room, change, rules, now_ms };
    let mut events = Vec::new();
    for rule in rules_of(&change.resource_type).filter(|rule| case.concerns(rule)) {
        let only_generic = events.len() == 1;
        let holds = |clause: &Clause| case.holds(*clause, only_generic);
        if rule.when.iter().any(|clauses| clauses.iter().all(holds)) {
            let details = case.details(rule.details);
            events.extend(rule.events.split(' ').map(|name| event(name, details.clone())));
        }
    }
    events
}

/// The rules for resources of a type, in the order of the table.
fn rules_of(resource_type: &str) -> impl Iterator<Item = &'static Rule> {
    static BY_TYPE: LazyLock<BTreeMap<&'static str, Vec<&'static Rule>>> = LazyLock::new(|| {
        let of = |name: &'static str| {
            let concerns = |rule: &&Rule| rule.types.is_empty() || listed(rule.types, b' ', name);
            (name, RULES.iter().filter(concerns).collect())
        };
        RESOURCE_TYPES.into_iter().map(of).collect()
    });
    BY_TYPE.get(resource_type).into_iter().flatten().copied()
}

/// A change under the rules.
struct Case<'a> {
    room: &'a RoomName,
    change: &'a ResourceChange,
    rules: &'a Rules,
    now_ms: u64,
}

impl Case<'_> {
    /// A write to a resource that was deleted and stays so has no clinical meaning.
    fn concerns(&self, rule: &Rule) -> bool {
        let unseen = self.change.action == Action::Updated && self.change.before.is_none();
        rule.types.is_empty() || !unseen
    }

    fn holds(&self, clause: Clause, only_generic: bool) -> bool {
        let change = self.change;
        let now = |path| fields::codes(&change.resource, path);
        let before = |path| {
            change.before.as_ref().map_or_else(Vec::new, |before| fields::codes(before, path))
        };
        let has = |path, values| now(path).iter().any(|code| listed(values, b' ', code));
        let content_types = || now("content.attachment.contentType");
        match clause {
            Clause::Created => change.action == Action::Created,
            Clause::Updated => change.action == Action::Updated,
            Clause::Deleted => change.action == Action::Deleted,
            Clause::Other => change.action == Action::Updated && only_generic,
            Clause::Is(path, values) => has(path, values),
            Clause::Not(path, values) => !has(path, values),
            Clause::Becomes(path, values) => {
                let before = before(path);
                now(path).iter().any(|code| listed(values, b' ', code) && !before.contains(code))
            }
            Clause::Turns(path, from, to) => {
                before(path).contains(&from) && now(path).contains(&to)
            }
            Clause::In(Place::Chart) => self.room.patient_id().is_some(),
            Clause::In(Place::Alerts) => self.room.as_str() == "facility:alerts",
            Clause::File => !content_types().into_iter().all(is_text),
            Clause::Note => {
                let types = content_types();
                types.is_empty() || types.into_iter().any(is_text)
            }
            Clause::RefersToObservation => !fields::observations(&change.resource).is_empty(),
            Clause::Critical => self.alert().is_some(),
            Clause::ConflictNew => !change.conflicts_new.is_empty(),
            Clause::ConflictGone => !change.conflicts_gone.is_empty(),
            Clause::Reverts => !change.reverts.is_empty(),
        }
    }

    fn details(&self, details: Details) -> Value {
        let change = self.change;
        match details {
            Details::Nothing => Value::Null,
            Details::Medication => json!({ "category": "medication" }),
            Details::Unchecked => match critical::unchecked(&self.rules.critical, &change.resource)
            {
                true => json!({ "unchecked": true }),
                false => Value::Null,
            },
            Details::Critical => self.alert().unwrap_or_default(),
            Details::Acknowledged => {
                let observations = fields::observations(&change.resource);
                match observations.as_slice() {
                    [one] => json!({ "observation": one }),
                    all => json!({ "observation": all.first(), "observations": all }),
                }
            }
            Details::ConflictNew => conflict(&change.resource_type, &change.conflicts_new),
            Details::ConflictGone => conflict(&change.resource_type, &change.conflicts_gone),
            Details::Reverts => conflict(&change.resource_type, &change.reverts),
        }
    }

    fn alert(&self) -> Option<Value> {
        let (before, after) = (self.change.before.as_deref(), &self.change.resource);
        critical::alert(self.rules, before, after, self.now_ms)
    }
}

/// What a conflict event says; names of our own, such as `$deleted`, are the kind of the conflict.
fn conflict(resource_type: &str, names: &[String]) -> Value {
    let mut kind = "element";
    let mut elements: Vec<Value> = Vec::new();
    for name in names {
        match name.strip_prefix('$') {
            Some(own) => kind = own,
            None => elements.push(name.as_str().into()),
        }
    }
    let safety = document::blocks_acts(resource_type, names);
    json!({ "elements": elements, "kind": kind, "safety": safety })
}

fn is_text(content_type: &str) -> bool {
    content_type.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("text/"))
}
