//! Which rooms a search looks in.

use std::{collections::BTreeSet, sync::Arc};

use chartroom_engine::{RoomName, access::Ability, document::patient_path};
use chartroom_fhir::search::Query;
use serde_json::Value;

use super::FEW_ROOMS;
use crate::{
    fhir::{
        ask::Ask,
        audit::{self, Newest},
        error::FhirError,
    },
    hub::is_listed,
};

/// The rooms of a search.
pub(super) enum Scope {
    /// These.
    Rooms(BTreeSet<RoomName>),
    /// These, of which none is worth keeping a copy.
    Many(BTreeSet<RoomName>),
    /// None: the resources are made from what the server knows.
    Made(Newest),
}

impl Scope {
    /// This room, among many.
    pub fn of(room: &RoomName) -> Self {
        Self::Many([room.clone()].into())
    }

    /// Whether all of them are looked at, whatever the page.
    pub fn is_small(&self) -> bool {
        match self {
            Self::Rooms(rooms) => rooms.len() <= FEW_ROOMS,
            Self::Many(_) => false,
            Self::Made(_) => true,
        }
    }

    /// The rooms, by name; the directory's for what is in none.
    pub fn rooms(&self) -> impl Iterator<Item = RoomName> {
        let rooms = match self {
            Self::Rooms(rooms) | Self::Many(rooms) => rooms.clone(),
            Self::Made(_) => [RoomName::directory()].into(),
        };
        rooms.into_iter()
    }

    /// Whether there may be more than is looked at.
    pub fn is_cut(&self) -> bool {
        match self {
            Self::Rooms(_) | Self::Many(_) => false,
            Self::Made(made) => !made.is_all,
        }
    }

    /// What is in no room.
    pub fn made(&self) -> Option<&[Arc<Value>]> {
        match self {
            Self::Rooms(_) | Self::Many(_) => None,
            Self::Made(made) => Some(&made.events),
        }
    }
}

/// The rooms in which a query's matches can be, as far as the caller may know of them.
pub(super) async fn scope(ask: &Ask, query: &Query) -> Result<Scope, FhirError> {
    Ok(match everywhere(ask, query).await? {
        Scope::Rooms(rooms) => Scope::Rooms(open(ask, rooms).await?),
        Scope::Many(rooms) => Scope::Many(open(ask, rooms).await?),
        made @ Scope::Made(_) => made,
    })
}

async fn open(ask: &Ask, rooms: BTreeSet<RoomName>) -> Result<BTreeSet<RoomName>, FhirError> {
    Ok(ask.caller.open_to(rooms).await?.into_keys().collect())
}

/// The rooms in which a query's matches can be.
async fn everywhere(ask: &Ask, query: &Query) -> Result<Scope, FhirError> {
    let hub = ask.caller.hub();
    let name = query.resource_type();
    if name == "AuditEvent" {
        return Ok(match ask.caller.check(Ability::Audit) {
            Ok(()) => Scope::Made(audit::newest(hub).await?),
            Err(_) => Scope::Rooms(BTreeSet::new()),
        });
    }
    ask.fhir.places_known(hub).await?;
    if name == "Patient" {
        return patients(ask, query).await;
    }
    if let Some(patients) = query.patients() {
        let mut rooms: BTreeSet<RoomName> =
            patients.iter().filter_map(|id| RoomName::patient(id).ok()).collect();
        for chart in rooms.clone() {
            rooms.extend(hub.compartments_of(&chart).await?);
        }
        // Who names several patients belongs to none of them.
        rooms.insert(RoomName::directory());
        return Ok(Scope::Rooms(rooms));
    }
    // The id of a made Provenance names its room otherwise.
    if let Some(ids) = query.ids().filter(|_| name != "Provenance") {
        return places(ask, ids.iter().map(|id| (name, id.as_str()))).await;
    }
    if name == "Provenance" {
        let targets = targets(ask);
        if !targets.is_empty() {
            return places(ask, targets.iter().map(|(name, id)| (*name, *id))).await;
        }
    }
    if patient_path(name).is_none() {
        let mut rooms = hub.rooms_with_stray(name).await?;
        rooms.insert(RoomName::directory());
        return Ok(Scope::Rooms(rooms));
    }
    let rooms = hub.list().await?.into_iter().map(|record| record.id.name);
    Ok(Scope::Rooms(rooms.filter(is_listed).collect()))
}

/// The rooms of patients that match, as the list of patients knows them.
async fn patients(ask: &Ask, query: &Query) -> Result<Scope, FhirError> {
    let hub = ask.caller.hub();
    if let Some(ids) = query.ids() {
        let rooms = ids.iter().filter_map(|id| RoomName::patient(id).ok());
        return Ok(Scope::Rooms(rooms.collect()));
    }
    let listed = hub.patients().await?;
    let matching = listed.iter().filter(|patient| query.may_match(patient));
    let rooms = matching.filter_map(|patient| RoomName::patient(patient.get("id")?.as_str()?).ok());
    Ok(Scope::Rooms(rooms.collect()))
}

async fn places<'a>(
    ask: &Ask,
    resources: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Scope, FhirError> {
    let mut rooms = BTreeSet::new();
    for (name, id) in resources {
        rooms.extend(ask.caller.hub().places_with(name, id).await?);
    }
    Ok(Scope::Rooms(rooms))
}

/// The resources that `target` names.
fn targets(ask: &Ask) -> Vec<(&str, &str)> {
    let values = ask.query.iter().filter(|(name, _)| name == "target").map(|(_, value)| value);
    values
        .flat_map(|value| value.split(','))
        .filter_map(|reference| {
            let bare = reference.strip_prefix(&ask.base).unwrap_or(reference);
            let mut parts = bare.trim_start_matches('/').split('/');
            Some((parts.next()?, parts.next()?))
        })
        .collect()
}
