//! What one subscription wants of each room it names, and how far it has got there.

use std::collections::{BTreeMap, BTreeSet};

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
        let mut all = Some(BTreeSet::new());
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]
mod tests {
    use chartroom_engine::{Action, EventSource};
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::json::Request;

    const CHART: &str = "patient:p1";

    fn room(name: &str) -> RoomName {
        name.parse().unwrap()
    }

    /// Asks for resource types of a chart whose last event has number 10.
    fn ask(subscription: &mut Subscription, types: &Value, after: &Value) {
        let data = json!({
            "subscription_id": "s", "patient_ids": ["p1"], "resource_types": types, "after": after,
        });
        let frame = json!({ "type": "subscribe", "data": data }).to_string();
        let Ok(Request::Subscribe(request)) = Request::parse(&frame) else { panic!("{frame}") };
        subscription.add(request, |_| 10);
    }

    fn event(seq: u64, resource_type: &str) -> Event {
        Event {
            seq,
            event: "RESOURCE_CREATED".to_owned(),
            event_type: "resource.created".to_owned(),
            room: room(CHART),
            patient_id: Some("p1".to_owned()),
            resource_type: resource_type.to_owned(),
            resource_id: "1".to_owned(),
            action: Action::Created,
            resource: std::sync::Arc::default(),
            changed: Vec::new(),
            author: None,
            time_ms: 0,
            authored_ms: 0,
            changes: Vec::new(),
            import: false,
            details: Value::Null,
            source: None,
            via: None,
        }
    }

    #[test]
    fn nothing_comes_twice_unless_it_is_asked_for_again() {
        let mut subscription = Subscription::default();
        ask(&mut subscription, &json!(["Goal"]), &Value::Null);
        let chart = room(CHART);
        assert!(!subscription.takes(&chart, &event(10, "Goal")), "it was there before");
        assert!(subscription.takes(&chart, &event(11, "Goal")));
        assert!(!subscription.takes(&chart, &event(12, "Flag")));
        assert!(!subscription.takes(&chart, &event(11, "Goal")), "others have the room replayed");
        ask(&mut subscription, &json!(["Flag"]), &json!(10));
        assert!(subscription.takes(&chart, &event(11, "Goal")));
        assert!(subscription.takes(&chart, &event(12, "Flag")));
        assert!(!subscription.takes(&room("patient:p2"), &event(13, "Flag")));
    }

    #[test]
    fn an_event_repeated_elsewhere_is_left_out_where_the_original_is_heard() {
        let mut subscription = Subscription::default();
        ask(&mut subscription, &json!(["MedicationRequest"]), &Value::Null);
        let repeated = |seq, resource_type| Event {
            room: room("pharmacy:queue"),
            source: Some(EventSource { room: room(CHART), seq }),
            via: None,
            ..event(1, resource_type)
        };
        assert!(subscription.has_original(&repeated(11, "MedicationRequest")));
        assert!(!subscription.has_original(&repeated(10, "MedicationRequest")), "not heard here");
        assert!(!subscription.has_original(&repeated(11, "Goal")), "of a type not wanted here");
        assert!(!subscription.has_original(&event(11, "MedicationRequest")), "repeats nothing");
    }
}
