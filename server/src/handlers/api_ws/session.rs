//! One client of JSON events: what it subscribed to, and what it is told.
//!
//! Each room is followed once, however many subscriptions want its events, so that a client gets one
//! copy of each event, in the order of the room's log. An event is taken from a room only when little
//! waits for the client; one that does not read falls behind in the room's own bounded queue, and
//! ends with the numbers from which it can go on.

mod subscription;

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
};

use chartroom_engine::{
    Event, RoomName,
    limits::{JSON_ROOMS_MAX, SUBSCRIPTIONS_MAX},
};
use futures_util::{Stream, StreamExt};
use tokio_stream::StreamMap;
use uuid::Builder;

use crate::{
    auth::Caller,
    clock::now_ms,
    error::ApiError,
    hub::{Closing, FollowEnd, FollowError, Follower, Outbox, RoomError, Socket},
    limits::{Limit, Patience},
    wire::json::{Place, Publish, Request, RequestError, Subscribe, reply},
};
use subscription::Subscription;

/// What a caller is while there is no sign-in: everybody may do everything.
const ROLE: &str = "clinician";
/// The room whose clients expect a prescription as `medication`, too.
const PHARMACY: &str = "pharmacy:queue";

type Events = Pin<Box<dyn Stream<Item = Result<Arc<Event>, FollowEnd>> + Send>>;

/// The server's end of one socket.
pub(super) struct Session {
    caller: Caller,
    socket: Socket,
    subscriptions: BTreeMap<String, Subscription>,
    rooms: BTreeMap<RoomName, Reading>,
    events: StreamMap<RoomName, Events>,
    patience: Patience,
}

/// How far a followed room is read.
struct Reading {
    /// The number of the last event that was looked at.
    position: u64,
    /// The number of the last event when the room began to be followed.
    live_from: u64,
}

impl Session {
    /// A socket that was just accepted; says welcome.
    pub fn new(caller: Caller) -> Self {
        let socket = Socket::open(Arc::clone(caller.hub()));
        let client_id = Builder::from_random_bytes(rand::random()).into_uuid().to_string();
        socket.outbox().push(reply::welcome(&client_id, caller.author(), ROLE));
        Self {
            caller,
            socket,
            subscriptions: BTreeMap::new(),
            rooms: BTreeMap::new(),
            events: StreamMap::new(),
            patience: Patience::new(),
        }
    }

    /// What waits to be written to the socket.
    pub fn outbox(&self) -> &Arc<Outbox> {
        self.socket.outbox()
    }

    /// Takes one text frame.
    pub async fn receive(&mut self, text: &str) {
        if self.outbox().is_closing() {
            return;
        }
        let done = match Request::parse(text) {
            Ok(request) => self.take(request).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            self.refuse(&error);
        }
    }

    /// Says that frames are texts.
    pub fn refuse_binary(&mut self) {
        self.refuse(&RequestError::frame("frames here are texts: one JSON object each"));
    }

    /// Says why, then ends the connection.
    pub fn fail(&self, closing: Closing) {
        if let Some(limit) = closing.limit {
            let message = closing.message.clone().into_owned();
            let error = RequestError { code: limit.code(), message, ..RequestError::default() };
            self.outbox().push(reply::refused(&error, now_ms()));
        }
        self.outbox().close(closing);
    }

    /// Waits until there is an event and space for it, and passes it on. Safe to cancel.
    pub async fn advance(&mut self) {
        if self.events.is_empty() || self.outbox().is_closing() {
            return std::future::pending().await;
        }
        self.outbox().space().await;
        match self.events.next().await {
            Some((room, Ok(event))) => self.deliver(&room, &event),
            Some((_, Err(end))) => self.end(&end),
            None => {}
        }
    }

    async fn take(&mut self, request: Request) -> Result<(), RequestError> {
        match request {
            Request::Ping => self.outbox().push(reply::pong(now_ms())),
            // Without sign-in the client is whom the request's header named, whatever its token.
            Request::Authenticate => self.outbox().push(reply::auth_success()),
            Request::Subscribe(subscribe) => {
                let id = subscribe.id.clone();
                let done = self.subscribe(subscribe).await;
                done.map_err(|error| RequestError { subscription_id: Some(id), ..error })?;
            }
            Request::Unsubscribe { id } => self.unsubscribe(&id),
            Request::Publish(publish) => say(&self.caller, &self.socket, &publish).await?,
        }
        Ok(())
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), RequestError> {
        self.check_limits(&subscribe)?;
        let mut followers = Vec::new();
        for place in &subscribe.places {
            let after = subscribe.after.get(&place.room).copied();
            // Without a number to begin behind, what is followed already will do.
            if after.is_some() || !self.rooms.contains_key(&place.room) {
                let following = self.caller.follow(place.room.as_str(), after).await;
                followers.push(following.map_err(|error| refusal(&error, place.field.clone()))?);
            }
        }
        for follower in followers {
            self.follow(follower);
        }
        let id = subscribe.id.clone();
        let rooms = &self.rooms;
        let live_from = |room: &RoomName| {
            rooms.get(room).map_or(0, |reading| reading.position.max(reading.live_from))
        };
        let subscription = self.subscriptions.entry(id.clone()).or_default();
        subscription.add(subscribe, live_from);
        let Subscription { patient_ids, room, .. } = &*subscription;
        let types = subscription.types();
        let frame = reply::subscribed(&id, &types, patient_ids, room.as_ref(), now_ms());
        self.outbox().push(frame);
        self.hear_rooms();
        Ok(())
    }

    fn check_limits(&self, subscribe: &Subscribe) -> Result<(), RequestError> {
        let known = self.subscriptions.contains_key(&subscribe.id);
        if !known && self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            let message = format!("a connection has at most {SUBSCRIPTIONS_MAX} subscriptions");
            let limit = self.caller.hub().exceeded(Limit::Subscriptions);
            return Err(RequestError::new(limit.code(), "data.subscription_id", message));
        }
        let mut new = subscribe.places.iter().filter(|p| !self.rooms.contains_key(&p.room));
        if let Some(place) = new.nth(JSON_ROOMS_MAX.saturating_sub(self.rooms.len())) {
            let message = format!("a connection follows at most {JSON_ROOMS_MAX} rooms");
            let limit = self.caller.hub().exceeded(Limit::ConnectionRooms);
            return Err(RequestError::new(limit.code(), place.field.clone(), message));
        }
        Ok(())
    }

    /// Reads a room from where the follower stands, unless it is read from there or before anyway.
    fn follow(&mut self, follower: Follower) {
        let (room, position) = (follower.room().clone(), follower.position());
        if self.rooms.get(&room).is_none_or(|reading| position < reading.position) {
            let reading = Reading { position, live_from: follower.live_from() };
            self.rooms.insert(room.clone(), reading);
            self.events.insert(room, Box::pin(follower.stream()));
        }
    }

    fn unsubscribe(&mut self, id: &str) {
        self.subscriptions.remove(id);
        let wanted: BTreeSet<&RoomName> =
            self.subscriptions.values().flat_map(Subscription::rooms).collect();
        let events = &mut self.events;
        self.rooms.retain(|room, _| {
            let keep = wanted.contains(room);
            if !keep {
                events.remove(room);
            }
            keep
        });
        self.hear_rooms();
        self.outbox().push(reply::unsubscribed(id, now_ms()));
    }

    /// Hears what clients say in the rooms that a subscription wants more of than certain events.
    fn hear_rooms(&mut self) {
        let open = self.subscriptions.values().flat_map(Subscription::open_rooms);
        self.socket.hear(open.cloned().collect());
    }

    fn deliver(&mut self, room: &RoomName, event: &Event) {
        if let Some(reading) = self.rooms.get_mut(room) {
            reading.position = event.seq;
        }
        let mut wanted = false;
        for subscription in self.subscriptions.values_mut() {
            wanted |= subscription.takes(room, event);
        }
        if wanted && !self.subscriptions.values().any(|s| s.has_original(event)) {
            let with_medication = event.resource_type.starts_with("Medication")
                && self.rooms.keys().any(|room| room.as_str() == PHARMACY);
            self.outbox().push(reply::update(event, with_medication));
        }
    }

    /// Ends the connection: the client comes back and subscribes anew.
    fn end(&self, end: &FollowEnd) {
        if let FollowEnd::Lost(FollowError::Room(RoomError::ShuttingDown)) = end {
            return self.outbox().close(Closing::going_away());
        }
        let numbers =
            self.rooms.iter().map(|(room, reading)| (room.clone(), reading.position)).collect();
        self.outbox().push(reply::ended(end.code(), &end.to_string(), &numbers, now_ms()));
        self.outbox().close(Closing::try_again("come back and resume from the numbers given"));
    }

    fn refuse(&mut self, error: &RequestError) {
        self.outbox().push(reply::refused(error, now_ms()));
        if let Err(closing) = self.patience.mistake() {
            self.fail(closing);
        }
    }
}

/// Tells the others in a patient's room what a client has to say.
async fn say(caller: &Caller, socket: &Socket, publish: &Publish) -> Result<(), RequestError> {
    let Place { field, room } = &publish.place;
    let known = caller.known_name(room.as_str()).await;
    known.map_err(|error| refusal(&error, field.clone()))?;
    let (name, payload) = (&publish.name, &publish.payload);
    socket.say(room, &reply::said(name, room.patient_id(), caller.author(), payload, now_ms()));
    Ok(())
}

/// Why a room named in a field is not reached, or not from the number that was asked for.
fn refusal(error: &ApiError, field: String) -> RequestError {
    let (code, message) = (error.code(), error.to_string());
    if let ApiError::Events(error) = error {
        let (first, last) = error.numbers();
        return RequestError { first, last, ..RequestError::new(code, "data.after", message) };
    }
    RequestError::new(code, field, message)
}
