//! Which of a room's events a reader wants.

use std::collections::BTreeSet;

use chartroom_engine::{Event, document::resource_type, event::NAMES};

/// Wanted values of one kind; `None` wants all.
pub(crate) type Wanted<T> = Option<BTreeSet<T>>;

/// What a reader wants of a room; the default wants everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// FHIR ids, where a room has events of several patients.
    pub patients: Wanted<String>,
    /// FHIR resource types.
    pub types: Wanted<&'static str>,
    /// Upper-case names of events.
    pub events: Wanted<&'static str>,
}

/// A name that is in no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// Its place among the names, from 0.
    pub index: usize,
    /// What it is not.
    pub reason: &'static str,
}

impl Filter {
    /// Whether the reader wants this event.
    pub fn matches(&self, event: &Event) -> bool {
        let patient = |patients: &BTreeSet<String>| {
            event.patient_id.as_ref().is_some_and(|id| patients.contains(id))
        };
        self.patients.as_ref().is_none_or(patient)
            && self.types.as_ref().is_none_or(|types| types.contains(event.resource_type.as_str()))
            && self.events.as_ref().is_none_or(|events| events.contains(event.event.as_str()))
    }

    /// Wants from now on what `other` wants, too.
    pub fn widen(&mut self, other: Self) {
        widen(&mut self.patients, other.patients);
        widen(&mut self.types, other.types);
        widen(&mut self.events, other.events);
    }

    /// Wants these resource types; all, if none is named.
    pub fn set_types<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Unknown> {
        self.types = known(names, resource_type, "is no FHIR R4 resource type")?;
        Ok(())
    }

    /// Wants these events, by either of their names; all, if none is named.
    pub fn set_events<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Unknown> {
        self.events = known(names, event_name, "is no event's name")?;
        Ok(())
    }
}

/// Wants from now on what either wanted.
pub(crate) fn widen<T: Ord>(wanted: &mut Wanted<T>, other: Wanted<T>) {
    match (&mut *wanted, other) {
        (Some(wanted), Some(other)) => wanted.extend(other),
        (_, None) => *wanted = None,
        (None, Some(_)) => {}
    }
}

fn known<'a>(
    names: impl IntoIterator<Item = &'a str>,
    find: impl Fn(&str) -> Option<&'static str>,
    reason: &'static str,
) -> Result<Wanted<&'static str>, Unknown> {
    let find = |(index, name)| find(name).ok_or(Unknown { index, reason });
    let found = names.into_iter().enumerate().map(find).collect::<Result<BTreeSet<_>, _>>()?;
    Ok((!found.is_empty()).then_some(found))
}

/// The upper-case name, also of a dotted one.
fn event_name(name: &str) -> Option<&'static str> {
    let name = name.to_uppercase().replace('.', "_");
    NAMES.iter().copied().find(|known| *known == name)
}
