//! What one subscription wants of each room it names, and how far it has got there.

use std::collections::BTreeMap;

use chartroom_engine::{Event, RoomName};

use crate::wire::json::{Filter, Subscribe, Wanted, widen};

/// What a client asked for under one id; asking again adds to it.
#[derive(Debug, Default)]
pub(super) struct Subscription {
    /// The patients that were named.
    pub patient_ids: Wanted<String>,
    /// The room that was named last.
    pub room: Option<RoomName>,
    interests: BTreeMap<RoomName, Interest>,
}

/// What is wanted of one room.
#[derive(Debug)]
struct Interest {
    filter: Filter,
    /// Everything behind this number is wanted.
    since: u64,
    /// Nothing up to this number is wanted any more.
    given: u64,
}

impl Subscription {
    /// Adds what a request asks for. `live_from` is the number of a room's last event, behind which
    /// one begins who does not say where.
    pub fn add(&mut self, request: Subscribe, live_from: impl Fn(&RoomName) -> u64) {
        let Subscribe { places, patient_ids, room, filter, after, .. } = request;
        if let Some(ids) = patient_ids {
            self.patient_ids.get_or_insert_default().extend(ids);
        }
        self.room = room.or(self.room.take());
        for place in places {
            let after = after.get(&place.room).copied();
            let begin = after.unwrap_or_else(|| live_from(&place.room));
            self.interests
                .entry(place.room)
                .and_modify(|interest| {
                    interest.filter.widen(filter.clone());
                    interest.since = interest.since.min(begin);
                    interest.given = after.unwrap_or(interest.given);
                })
                .or_insert_with(|| Interest { filter: filter.clone(), since: begin, given: begin });
        }
    }

    /// The resource types of all its rooms.
    pub fn types(&self) -> Wanted<&'static str> {
        let mut all = Some(std::collections::BTreeSet::new());
        for interest in self.interests.values() {
            widen(&mut all, interest.filter.types.clone());
        }
        all
    }

    /// Its rooms.
    pub fn rooms(&self) -> impl Iterator<Item = &RoomName> {
        self.interests.keys()
    }

    /// Its rooms in which it wants more than events that it names.
    pub fn open_rooms(&self) -> impl Iterator<Item = &RoomName> {
        let open =
            |(room, interest): (_, &Interest)| interest.filter.events.is_none().then_some(room);
        self.interests.iter().filter_map(open)
    }

    /// Whether it wants this event of this room; asked once for each, in order.
    pub fn takes(&mut self, room: &RoomName, event: &Event) -> bool {
        let Some(interest) = self.interests.get_mut(room) else { return false };
        let new = interest.given < event.seq;
        interest.given = interest.given.max(event.seq);
        new && interest.filter.matches(event)
    }

    /// Whether it gets, or got, the event that this one repeats.
    pub fn has_original(&self, event: &Event) -> bool {
        event.source.as_ref().is_some_and(|source| {
            let interest = self.interests.get(&source.room);
            interest.is_some_and(|i| i.since < source.seq && i.filter.matches(event))
        })
    }
}
