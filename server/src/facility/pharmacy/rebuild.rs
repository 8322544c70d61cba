//! Making the queue anew from all patients' rooms.

use std::collections::{BTreeMap, BTreeSet};

use chartroom_engine::{RoomName, pharmacy};
use serde::{Deserialize, Serialize};

use super::{FacilityError, Place, Queue, Reach};

/// What came of making the queue anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rebuilt {
    /// Patients' rooms that were read.
    pub rooms: u64,
    /// Entries that differed.
    pub changed: u64,
    /// Rooms that could not be read; their entries are as they were.
    pub unreadable: u64,
}

impl Queue {
    /// Makes every entry stand as the patients' rooms say.
    ///
    /// What stood before raises nothing, and how far the events are read stays as it is. Done again
    /// it changes nothing.
    pub async fn rebuild(&self) -> Result<Rebuilt, FacilityError> {
        let mut rooms = self.standing().await?;
        for record in self.hub.list().await? {
            if record.id.name.patient_id().is_some() {
                rooms.entry(record.id.name).or_default();
            }
        }
        let mut rebuilt = Rebuilt::default();
        for (room, prescriptions) in rooms {
            let _writing = self.writing.lock().await;
            let place = Place::open(&self.hub, &RoomName::pharmacy()).await?;
            match self.differing(&place, &room, Reach { all: true, prescriptions }).await {
                Ok(commands) => {
                    rebuilt.rooms += 1;
                    rebuilt.changed += commands.len() as u64;
                    if !commands.is_empty() {
                        place.commands(commands, true).await?;
                        self.history.keep_short(&self.hub).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(code = error.code(), "a room is left out of the queue");
                    rebuilt.unreadable += 1;
                }
            }
        }
        Ok(rebuilt)
    }

    /// The prescriptions on the queue, by room.
    async fn standing(&self) -> Result<BTreeMap<RoomName, BTreeSet<String>>, FacilityError> {
        let place = Place::open(&self.hub, &RoomName::pharmacy()).await?;
        let tasks = place.room().read(|queue| queue.document().collection("Task")).await?;
        let mut rooms: BTreeMap<RoomName, BTreeSet<String>> = BTreeMap::new();
        for (room, prescription) in tasks.iter().filter_map(pharmacy::origin) {
            rooms.entry(room).or_default().insert(prescription.to_owned());
        }
        Ok(rooms)
    }
}
