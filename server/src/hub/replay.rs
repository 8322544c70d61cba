//! Reading a room's event log, with each resource as it stood when the event was logged.
//!
//! The log keeps no copy of a resource. It is read back from the document's history, in one walk for
//! a page of events, off the room's task. An event that a facility room repeats is read from the
//! patient's room that it came from.

use std::{collections::BTreeMap, sync::Arc};

use chartroom_engine::{ChangeHash, Document, Event, RoomName};
use serde_json::Value;

use super::{FollowError, Hub, RoomError};
use crate::storage::Epoch;

/// Part of a room's event log.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<Event>,
    /// The number of the room's last event; 0 where there is none.
    pub last: u64,
}

impl Hub {
    /// One page of a room's events, those numbered above `after`, with their resources.
    ///
    /// Retention may have dropped what is asked for: then [`FollowError::Gone`].
    pub async fn events(
        self: &Arc<Self>,
        name: &RoomName,
        after: u64,
        limit: usize,
    ) -> Result<EventPage, FollowError> {
        let page = self.bare_events(name, after, limit).await?;
        Ok(EventPage { events: self.with_resources(page.events).await?, ..page })
    }

    /// As [`events`](Self::events), with a null resource in each.
    pub async fn bare_events(
        self: &Arc<Self>,
        name: &RoomName,
        after: u64,
        limit: usize,
    ) -> Result<EventPage, FollowError> {
        let epochs = self.epochs(name).await?;
        if let Some(first) = oldest(&epochs).filter(|first| after + 1 < *first) {
            let last = epochs.last().map_or(0, |epoch| epoch.event_last);
            return Err(FollowError::Gone { first, last });
        }
        let mut page = EventPage { events: Vec::new(), last: 0 };
        for epoch in epochs {
            page.last = epoch.event_last;
            let left = limit - page.events.len();
            if left > 0 && after < epoch.event_last {
                let read = self.read_storage(move |storage| storage.events(&epoch.id, after, left));
                page.events.extend(read.await?);
            }
        }
        self.withhold(&mut page.events).await?;
        Ok(page)
    }

    /// Takes out what events of a chart tell of resources that are in a restricted compartment of it now;
    /// their numbers stay.
    async fn withhold(&self, events: &mut [Event]) -> Result<(), RoomError> {
        let mut by_chart: BTreeMap<RoomName, Vec<RoomName>> = BTreeMap::new();
        for event in events {
            let room = event.source.as_ref().map_or(&event.room, |source| &source.room).clone();
            if !room.is_chart() {
                continue;
            }
            let compartments = match by_chart.get(&room) {
                Some(known) => known,
                None => {
                    let known = self.compartments_of(&room).await?;
                    by_chart.entry(room.clone()).or_insert(known)
                }
            };
            if compartments.is_empty() {
                continue;
            }
            let places = self.places_with(&event.resource_type, &event.resource_id).await?;
            let is_elsewhere = places.iter().any(|place| compartments.contains(place));
            if is_elsewhere && !places.contains(&room) {
                event.withhold();
            }
        }
        Ok(())
    }

    /// Puts each event's resource into it, as it stood when the event was logged.
    pub async fn with_resources(
        self: &Arc<Self>,
        mut events: Vec<Event>,
    ) -> Result<Vec<Event>, RoomError> {
        let mut by_room: BTreeMap<RoomName, Vec<usize>> = BTreeMap::new();
        for (at, event) in events.iter().enumerate() {
            let room = event.source.as_ref().map_or(&event.room, |source| &source.room);
            by_room.entry(room.clone()).or_default().push(at);
        }
        for (room, places) in by_room {
            let asked = places.iter().filter_map(|at| events.get(*at)).map(question).collect();
            let resources = self.resources_behind(&room, asked).await?;
            for (at, resource) in places.into_iter().zip(resources) {
                if let Some(event) = events.get_mut(at) {
                    event.resource = resource;
                }
            }
        }
        Ok(events)
    }

    async fn resources_behind(
        self: &Arc<Self>,
        name: &RoomName,
        asked: Vec<Question>,
    ) -> Result<Vec<Arc<Value>>, RoomError> {
        let mut answers = vec![Arc::default(); asked.len()];
        let mut open: Vec<(usize, Question)> = asked.into_iter().enumerate().collect();
        for epoch in self.epochs(name).await? {
            let (here, later): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|(_, question)| question.seq <= epoch.event_last);
            open = later;
            if here.is_empty() {
                continue;
            }
            let document = self.document(&epoch).await?;
            let look = move || {
                let (places, questions): (Vec<usize>, Vec<_>) =
                    here.into_iter().map(|(at, asked)| (at, asked.resource)).unzip();
                places.into_iter().zip(document.resources_behind(&questions)).collect::<Vec<_>>()
            };
            for (at, resource) in tokio::task::spawn_blocking(look).await.unwrap_or_default() {
                if let Some(answer) = answers.get_mut(at) {
                    *answer = resource;
                }
            }
        }
        Ok(answers)
    }
}

impl Hub {
    /// The number of the oldest event that the room's log still has, or of the next where it has
    /// none; `None` for a room that was never written.
    pub(super) async fn oldest_event(&self, name: &RoomName) -> Result<Option<u64>, RoomError> {
        Ok(oldest(&self.epochs(name).await?))
    }

    /// The room's epochs, oldest first.
    pub(crate) async fn epochs(&self, name: &RoomName) -> Result<Vec<Epoch>, RoomError> {
        let name = name.clone();
        self.read_storage(move |storage| storage.epochs(&name)).await
    }

    async fn document(self: &Arc<Self>, epoch: &Epoch) -> Result<Document, RoomError> {
        self.open(&epoch.id)?.read(|room| room.document().clone()).await
    }
}

fn oldest(epochs: &[Epoch]) -> Option<u64> {
    let kept = epochs.iter().find(|epoch| epoch.event_first <= epoch.event_last);
    kept.or(epochs.last()).map(|epoch| epoch.event_first)
}

/// What is asked of a room's history for one event.
struct Question {
    /// The event's number in that room.
    seq: u64,
    /// Behind which change, and of which resource.
    resource: (ChangeHash, String, String),
}

fn question(event: &Event) -> Question {
    let change = event.changes.first().and_then(|hash| hash.parse().ok());
    Question {
        seq: event.source.as_ref().map_or(event.seq, |source| source.seq),
        resource: (
            change.unwrap_or(ChangeHash([0; 32])),
            event.resource_type.clone(),
            event.resource_id.clone(),
        ),
    }
}
