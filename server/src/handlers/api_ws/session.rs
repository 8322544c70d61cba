//! One client of JSON events: what it subscribed to, and what it is told.
//!
//! Each room is followed once, however many subscriptions want its events, so that a client gets one
//! copy of each event, in the order of the room's log. An event is taken from a room only when little
//! waits for the client; one that does not read falls behind in the room's own bounded queue, and
//! ends with the numbers from which it can go on.

mod subscription;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
};

use chartroom_engine::{
    Event, RoomName,
    access::Access,
    limits::{JSON_ROOMS_MAX, SUBSCRIPTIONS_MAX},
};
use futures_util::{Stream, StreamExt};
use tokio_stream::StreamMap;
use uuid::Builder;

use crate::{
    audit::{Act, Door},
    auth::{
        Caller, Entrant, SignedIn, anonymous,
        pass::{Ended, Pass},
    },
    clock::now_ms,
    error::ApiError,
    hub::{Closing, FollowEnd, FollowError, Follower, Hub, Outbox, RoomError, Socket},
    limits::{Limit, Patience},
    sign_in::SignInError,
    wire::json::{Place, Publish, Request, RequestError, Subscribe, reply},
};
use subscription::Subscription;

/// What a caller is without a role: where there is no sign-in, everybody may do everything.
const ROLE: &str = "clinician";
/// The room whose clients expect a prescription as `medication`, too.
const PHARMACY: &str = "pharmacy:queue";

type Events = Pin<Box<dyn Stream<Item = Result<Arc<Event>, FollowEnd>> + Send>>;

/// The server's end of one socket.
pub(super) struct Session {
    hub: Arc<Hub>,
    from: Option<SocketAddr>,
    /// Who it is, once they have signed in, and their right to go on.
    caller: Option<(Caller, Arc<Pass>)>,
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
    /// Which of its events the client may hear.
    access: Access,
}

impl Session {
    /// A socket that was just accepted; says welcome to whom its request names, and waits for others to
    /// sign in.
    pub async fn open(entrant: Entrant) -> Self {
        let Entrant { hub, token, from, claimed } = entrant;
        let mut session = Self {
            socket: Socket::open(Arc::clone(&hub)),
            hub,
            from,
            caller: None,
            subscriptions: BTreeMap::new(),
            rooms: BTreeMap::new(),
            events: StreamMap::new(),
            patience: Patience::new(),
        };
        if !session.hub.gate().signs_in() {
            session.welcome(SignedIn::claimed(claimed.unwrap_or_else(anonymous)));
        } else if token.is_some() {
            session.sign_in(token).await;
        }
        session
    }

    /// Whether the client has signed in.
    pub fn is_signed_in(&self) -> bool {
        self.caller.is_some()
    }

    /// The client's right to go on, once it has signed in.
    pub fn pass(&self) -> Option<Arc<Pass>> {
        self.caller.as_ref().map(|(_, pass)| Arc::clone(pass))
    }

    /// Ends the connection of a client that is not, or no longer, signed in.
    pub fn sign_out(&self, ended: Ended) {
        self.outbox().push(reply::auth_failed(ended == Ended::Expired));
        self.outbox().close(ended.closing());
    }

    /// Ends the connection of a client that has not signed in.
    pub fn refuse_stranger(&self) {
        self.outbox().push(reply::auth_failed(false));
        self.outbox().close(Closing::signed_out("sign in first"));
    }

    async fn sign_in(&mut self, token: Option<String>) {
        let entrant = Entrant { hub: Arc::clone(&self.hub), token, from: self.from, claimed: None };
        let signed = entrant.sign_in().await.inspect_err(|error| entrant.note_refusal(*error));
        let signed = match signed {
            Ok(signed) => signed,
            Err(SignInError::Expired) => return self.sign_out(Ended::Expired),
            Err(SignInError::Revoked) => return self.sign_out(Ended::Revoked),
            Err(error @ SignInError::Unavailable) => {
                return self.outbox().close(Closing::try_again(error.to_string()));
            }
            Err(_) => return self.refuse_stranger(),
        };
        match &self.caller {
            None => match entrant.check_crowd(&signed) {
                Ok(()) => self.welcome(signed),
                Err(closing) => self.fail(closing),
            },
            // What it subscribed to stands.
            Some((caller, pass)) if caller.signed().person == signed.person => {
                pass.renew(signed);
                self.outbox().push(reply::auth_success());
            }
            Some(_) => self.outbox().close(Closing::policy("a connection is one person's")),
        }
    }

    fn welcome(&mut self, signed: SignedIn) {
        let client_id = Builder::from_random_bytes(rand::random()).into_uuid().to_string();
        let role = signed.person.roles.first().map_or(ROLE, String::as_str);
        self.outbox().push(reply::welcome(&client_id, &signed.person.author, role));
        let pass = Pass::new(Arc::clone(&self.hub), signed.clone(), None);
        let caller = Caller::new(Arc::clone(&self.hub), signed, self.from, Door::Json);
        caller.note(caller.entry(Act::SignIn));
        self.caller = Some((caller, Arc::new(pass)));
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
            Ok(Request::Ping) => {
                self.outbox().push(reply::pong(now_ms()));
                Ok(())
            }
            Ok(Request::Authenticate { token }) => {
                self.authenticate(token).await;
                Ok(())
            }
            _ if !self.is_signed_in() => return self.refuse_stranger(),
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

    async fn authenticate(&mut self, token: Option<String>) {
        // Without sign-in the client is whom the request's header named, whatever its token.
        if !self.hub.gate().signs_in() {
            return self.outbox().push(reply::auth_success());
        }
        let was = self.is_signed_in();
        self.sign_in(token).await;
        if !was && self.is_signed_in() {
            self.outbox().push(reply::auth_success());
        }
    }

    async fn take(&mut self, request: Request) -> Result<(), RequestError> {
        match request {
            Request::Ping | Request::Authenticate { .. } => {}
            Request::Subscribe(subscribe) => {
                let id = subscribe.id.clone();
                let done = self.subscribe(subscribe).await;
                done.map_err(|error| RequestError { subscription_id: Some(id), ..error })?;
            }
            Request::Unsubscribe { id } => self.unsubscribe(&id),
            Request::Publish(publish) => self.say(&publish).await?,
        }
        Ok(())
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), RequestError> {
        self.check_limits(&subscribe)?;
        let Some((caller, pass)) = &self.caller else { return Ok(()) };
        let mut followers = Vec::new();
        for place in &subscribe.places {
            let after = subscribe.after.get(&place.room).copied();
            // Without a number to begin behind, what is followed already will do.
            if after.is_some() || !self.rooms.contains_key(&place.room) {
                let following = caller.anew(Door::Json);
                let following = following.follow(pass, &place.room, after).await;
                let entry = caller.entry(Act::Follow).room(&place.room);
                caller.note(match &following {
                    Ok((_, access)) if access.glass_until_ms.is_some() => {
                        entry.purpose("BTG", None)
                    }
                    Ok(_) => entry,
                    Err(error) => entry.refused(error.code()),
                });
                let (follower, access) =
                    following.map_err(|error| refusal(&error, place.field.clone()))?;
                followers.push((follower, access));
            }
        }
        for (follower, access) in followers {
            self.follow(follower, access);
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
            let limit = self.hub.exceeded(Limit::Subscriptions);
            return Err(RequestError::new(limit.code(), "data.subscription_id", message));
        }
        let mut new = subscribe.places.iter().filter(|p| !self.rooms.contains_key(&p.room));
        if let Some(place) = new.nth(JSON_ROOMS_MAX.saturating_sub(self.rooms.len())) {
            let message = format!("a connection follows at most {JSON_ROOMS_MAX} rooms");
            let limit = self.hub.exceeded(Limit::ConnectionRooms);
            return Err(RequestError::new(limit.code(), place.field.clone(), message));
        }
        Ok(())
    }

    /// Reads a room from where the follower stands, unless it is read from there or before anyway.
    fn follow(&mut self, follower: Follower, access: Access) {
        let (room, position) = (follower.room().clone(), follower.position());
        if self.rooms.get(&room).is_none_or(|reading| position < reading.position) {
            let reading = Reading { position, live_from: follower.live_from(), access };
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
        // What clients say is about anything.
        let is_whole = |room: &&RoomName| {
            self.rooms.get(*room).is_some_and(|reading| reading.access.check_whole().is_ok())
        };
        self.socket.hear(open.filter(is_whole).cloned().collect());
    }

    fn deliver(&mut self, room: &RoomName, event: &Event) {
        let Some(reading) = self.rooms.get_mut(room) else { return };
        reading.position = event.seq;
        if !reading.access.hears(event) {
            return;
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

    /// Tells the others in a patient's room what a client has to say.
    async fn say(&mut self, publish: &Publish) -> Result<(), RequestError> {
        let Some((caller, _)) = &self.caller else { return Ok(()) };
        let Place { field, room } = &publish.place;
        let may = async {
            caller.writing(room).await?;
            caller.is_there(room).await
        };
        may.await.map_err(|error| refusal(&error, field.clone()))?;
        let (name, payload) = (&publish.name, &publish.payload);
        let said = reply::said(name, room.patient_id(), caller.author(), payload, now_ms());
        self.socket.say(room, &said);
        Ok(())
    }

    fn refuse(&mut self, error: &RequestError) {
        self.outbox().push(reply::refused(error, now_ms()));
        if let Err(closing) = self.patience.mistake() {
            self.fail(closing);
        }
    }
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
