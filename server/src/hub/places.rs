//! Where each resource is: from type and id to the room, and from a patient's id to the patient.
//!
//! Facts that are written in the step that creates the resource. Deleted ones stay, since their
//! history does. Should one id stand in two charts, the room in which it was created first counts, or
//! into which it was moved.
//! Stores of earlier versions have no such facts; [`Hub::list_places`] makes them once.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use chartroom_engine::{
    Document, RoomId, RoomName,
    document::{Versions, patient_path},
};
use serde_json::Value;

use super::{Hub, RoomError};
use crate::storage::Fact;

/// From `Type/id` to the room.
const PLACES: &str = "place";
/// From patients' ids to the patients.
const PATIENTS: &str = "patient";
/// Types that are no patient's, and the charts in which clients keep some all the same: `Type/room`.
const STRAYS: &str = "stray";
/// From `Type/id` to the rooms that the resource was in before, the earliest first.
const MOVES: &str = "moved";
/// Whether all of them are there.
const LISTED: &str = "places-listed";
/// The restricted compartments that something was written to, by name.
const COMPARTMENTS: &str = "compartment";
/// From `Type/id` to further rooms that have a resource with this id, of people who could not know that
/// it is taken.
const OTHERS: &str = "place-others";
/// Facts that are written in one step.
const STEP_FACTS: usize = 1000;

/// Whether a room's resources are found by their ids: charts' and their compartments', and those of no
/// patient.
pub(crate) fn is_listed(room: &RoomName) -> bool {
    room.patient_id().is_some() || *room == RoomName::directory()
}

/// Where a resource is; `None` for a patient, whose id is the room's key.
pub(super) fn place(room: &RoomName, resource_type: &str, id: &str) -> Option<Fact> {
    (room.patient_id() != Some(id) || resource_type != "Patient").then(|| Fact {
        table: PLACES.to_owned(),
        key: format!("{resource_type}/{id}"),
        value: Some(room.as_str().into()),
    })
}

/// That a chart keeps a resource of a type that is no patient's.
pub(super) fn stray(room: &RoomName, resource_type: &str) -> Option<Fact> {
    (room.is_chart() && patient_path(resource_type).is_none() && resource_type != "Patient").then(
        || Fact {
            table: STRAYS.to_owned(),
            key: format!("{resource_type}/{room}"),
            value: Some(Vec::new()),
        },
    )
}

/// That there is a restricted compartment.
pub(super) fn compartment(room: &RoomName) -> Option<Fact> {
    (!room.labels().is_empty()).then(|| Fact {
        table: COMPARTMENTS.to_owned(),
        key: room.as_str().to_owned(),
        value: Some(Vec::new()),
    })
}

/// The patient of a chart as it stands.
pub(super) fn patient(room: &RoomName, patient: Option<&Value>) -> Option<Fact> {
    Some(Fact {
        table: PATIENTS.to_owned(),
        key: room.patient_id().filter(|_| room.is_chart())?.to_owned(),
        value: patient.and_then(|patient| serde_json::to_vec(patient).ok()),
    })
}

/// The restricted compartments that are known.
#[derive(Debug, Default)]
pub(super) struct Compartments {
    names: BTreeSet<RoomName>,
    /// Whether those that the store knows are among them.
    are_read: bool,
}

/// All patients, and which writes they are of.
#[derive(Debug, Default)]
pub(super) struct Patients {
    written: u64,
    list: Arc<Vec<Value>>,
}

impl Hub {
    /// The room of a resource; `None` where none was ever created with this type and id.
    pub(crate) async fn place_of(
        &self,
        resource_type: &str,
        id: &str,
    ) -> Result<Option<RoomName>, RoomError> {
        if resource_type == "Patient" {
            let Ok(room) = RoomName::patient(id) else { return Ok(None) };
            if self.stored(&room).await?.is_some() {
                return Ok(Some(room));
            }
        }
        let place = self.fact(PLACES, format!("{resource_type}/{id}")).await?;
        Ok(place.and_then(|room| String::from_utf8(room).ok()?.parse().ok()))
    }

    /// The rooms that have a resource with this type and id, the first one first: ids are given by clients,
    /// who do not know of each other's.
    pub(crate) async fn places_with(
        &self,
        resource_type: &str,
        id: &str,
    ) -> Result<Vec<RoomName>, RoomError> {
        let first = self.place_of(resource_type, id).await?;
        let others = self.fact(OTHERS, format!("{resource_type}/{id}")).await?;
        let others = others.and_then(|rooms| serde_json::from_slice::<Vec<RoomName>>(&rooms).ok());
        Ok(first.into_iter().chain(others.unwrap_or_default()).collect())
    }

    /// Notes that a room gets a resource with a type and id, where another room has one.
    pub(crate) async fn note_place(
        &self,
        resource_type: &str,
        id: &str,
        room: &RoomName,
    ) -> Result<(), RoomError> {
        let known = self.places_with(resource_type, id).await?;
        if known.is_empty() || known.contains(room) {
            return Ok(());
        }
        let others: Vec<&RoomName> = known.iter().skip(1).chain([room]).collect();
        let value = serde_json::to_vec(&others).ok();
        let fact = Fact { table: OTHERS.to_owned(), key: format!("{resource_type}/{id}"), value };
        self.note(RoomId::first(room.clone()), vec![fact]).await
    }

    /// The restricted compartments of a chart that something was written to.
    pub(crate) async fn compartments_of(
        &self,
        chart: &RoomName,
    ) -> Result<Vec<RoomName>, RoomError> {
        if !self.compartments.lock().are_read {
            let facts = self.facts(COMPARTMENTS).await?;
            let mut known = self.compartments.lock();
            known.names.extend(facts.into_iter().filter_map(|(name, _)| name.parse().ok()));
            known.are_read = true;
        }
        let known = self.compartments.lock();
        let of_chart = known.names.iter().filter(|room| room.chart().as_ref() == Some(chart));
        Ok(of_chart.cloned().collect())
    }

    /// Notes that something was written to a restricted compartment.
    pub(super) fn has_compartment(&self, room: &RoomName) {
        self.compartments.lock().names.insert(room.clone());
    }

    /// The charts in which clients keep resources of a type that is no patient's.
    pub(crate) async fn rooms_with_stray(
        &self,
        resource_type: &str,
    ) -> Result<BTreeSet<RoomName>, RoomError> {
        let facts = self.facts(STRAYS).await?;
        let room = |(key, _): (String, Vec<u8>)| {
            let (name, room) = key.split_once('/')?;
            (name == resource_type).then(|| room.parse().ok()).flatten()
        };
        Ok(facts.into_iter().filter_map(room).collect())
    }

    /// The rooms that a resource was in before, the earliest first.
    pub(crate) async fn former_places(
        &self,
        resource_type: &str,
        id: &str,
    ) -> Result<Vec<RoomName>, RoomError> {
        let rooms = self.fact(MOVES, format!("{resource_type}/{id}")).await?;
        Ok(rooms.and_then(|rooms| serde_json::from_slice(&rooms).ok()).unwrap_or_default())
    }

    /// Notes that resources go from one room into another.
    pub(crate) async fn note_moves(
        &self,
        (from, to): (&RoomName, &RoomName),
        resources: &[(String, String)],
    ) -> Result<(), RoomError> {
        let mut facts = Vec::new();
        for (resource_type, id) in resources {
            let mut rooms = self.former_places(resource_type, id).await?;
            if rooms.last() != Some(from) {
                rooms.push(from.clone());
            }
            facts.extend(place(to, resource_type, id));
            facts.push(Fact {
                table: MOVES.to_owned(),
                key: format!("{resource_type}/{id}"),
                value: serde_json::to_vec(&rooms).ok(),
            });
        }
        self.note(RoomId::first(from.clone()), facts).await
    }

    /// The patient with this id; `None` where there is none.
    pub(crate) async fn patient(&self, id: &str) -> Result<Option<Value>, RoomError> {
        let patient = self.fact(PATIENTS, id.to_owned()).await?;
        Ok(patient.and_then(|patient| serde_json::from_slice(&patient).ok()))
    }

    /// Whether there is a patient with this id.
    pub(crate) async fn has_patient(&self, id: &str) -> Result<bool, RoomError> {
        Ok(self.fact(PATIENTS, id.to_owned()).await?.is_some())
    }

    /// Every patient, by id.
    pub(crate) async fn patients(&self) -> Result<Arc<Vec<Value>>, RoomError> {
        let written = self.patients_written.load(Ordering::Acquire);
        {
            let known = self.patients.lock();
            if known.written == written {
                return Ok(Arc::clone(&known.list));
            }
        }
        let facts = self.facts(PATIENTS).await?;
        let all = facts.into_iter().filter_map(|(_, one)| serde_json::from_slice(&one).ok());
        let list: Arc<Vec<Value>> = Arc::new(all.collect());
        *self.patients.lock() = Patients { written, list: Arc::clone(&list) };
        Ok(list)
    }

    /// Whether every resource has its place noted.
    pub(crate) async fn places_are_listed(&self) -> Result<bool, RoomError> {
        Ok(self.fact(LISTED, String::new()).await?.is_some())
    }

    /// Notes the places of everything that stores of earlier versions have; once.
    pub(crate) async fn list_places(self: &Arc<Self>) -> Result<(), RoomError> {
        if self.places_are_listed().await? {
            return Ok(());
        }
        let rooms = self.list().await?;
        for record in rooms.iter().filter(|record| is_listed(&record.id.name)) {
            let id = record.id.clone();
            let look = move |document: &Document| facts_of(&id, document);
            let facts = match self.glance(&record.id.name, look).await {
                Ok(facts) => facts.unwrap_or_default(),
                Err(error) => {
                    let document = record.id.document_id();
                    tracing::warn!(%document, code = error.code(), "its resources are not listed");
                    continue;
                }
            };
            for step in facts.chunks(STEP_FACTS) {
                let mut absent = Vec::new();
                for fact in step {
                    // What was written since is fresher.
                    if self.fact(&fact.table, fact.key.clone()).await?.is_none() {
                        absent.push(fact.clone());
                    }
                }
                self.note(record.id.clone(), absent).await?;
            }
        }
        let listed = Fact { table: LISTED.into(), key: String::new(), value: Some(vec![1]) };
        self.note(RoomId::first(RoomName::directory()), vec![listed]).await?;
        self.patients_written.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

fn facts_of(id: &RoomId, document: &Document) -> Vec<Fact> {
    let mut versions = Versions::default();
    let standing = id.name.patient_id().and_then(|of| document.resource("Patient", of));
    // Deleted ones are in the history alone.
    let written = versions.follow(document);
    let placed = written.iter().filter_map(|(name, of)| place(&id.name, name, of));
    let strays = written.iter().filter_map(|(name, _)| stray(&id.name, name));
    let own = compartment(&id.name).into_iter().chain(patient(&id.name, standing.as_ref()));
    placed.chain(strays).chain(own).collect()
}
