//! Who asks: the [`Caller`] through which handlers reach rooms.
//!
//! With sign-in a caller is whom a verified token names, and may do what the operator's roles, the
//! room's members and the token's scopes allow; the engine decides ([`chartroom_engine::access`]), and
//! every door asks it here. A room that a caller is not to know of is answered as one that does not
//! exist.
//!
//! Without sign-in whoever reaches the loopback address may read and write everything and names the
//! person it acts for. What keeps that to this machine is that the server binds loopback only
//! ([`crate::config`]), and that [`loopback_only`] refuses what a page of some other site makes a
//! browser on this machine send.

mod gate;
pub(crate) mod pass;
pub(crate) mod roles;
pub(crate) mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use chartroom_engine::{
    Author, RoomId, RoomName,
    access::{Ability, Access, Denial, Level, Person, Right, Standing},
    document::People,
    limits::{PERSON_BYTES_MAX, PERSON_CONNECTIONS_MAX},
};

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;

use crate::{
    audit::{Act, Door, Entry},
    clock,
    error::{ApiError, Code},
    hub::{Closing, Follower, Hub, RoomError, RoomHandle},
    limits::Limit,
    sign_in::SignInError,
};
pub use gate::{AccessConfig, SignedIn};
pub(crate) use gate::{Gate, Revoked};
pub use roles::{Roles, read_roles};

/// The header that names the person, `id;name`, UTF-8, where there is no sign-in.
const PERSON_HEADER: &str = "x-chartroom-person";
/// The purpose of what is seen through broken glass (HL7 v3 ActReason).
pub(crate) const BROKEN_GLASS: &str = "BTG";
/// How a token is named where a browser can set no header.
pub(crate) const PROTOCOL_BEARER: &str = "bearer.";

/// Who a client is that names nobody.
pub fn anonymous() -> Author {
    Author::new("anonymous", "Anonymous")
}

/// Somebody who asks, and what they may reach.
#[derive(Debug, Clone)]
pub struct Caller {
    signed: SignedIn,
    /// From where.
    from: Option<SocketAddr>,
    door: Door,
    seen: Arc<Seen>,
    hub: HubRef,
}

/// What a caller has seen through a request, for the audit trail.
#[derive(Debug, Default)]
struct Seen {
    rooms: Mutex<BTreeSet<RoomName>>,
    /// Whom it was about, where it was about somebody's rights.
    person: Mutex<Option<String>>,
    /// Whether glass had to be broken for it.
    glass: AtomicBool,
}

/// Rooms that an entry names; a search of everything names no more.
const SEEN_ROOMS_MAX: usize = 20;

/// The hub, kept out of reach of everything but a [`Caller`].
#[derive(Clone)]
pub(crate) struct HubRef(pub Arc<Hub>);

impl std::fmt::Debug for HubRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HubRef")
    }
}

impl Caller {
    /// Somebody who came in.
    pub(crate) fn new(
        hub: Arc<Hub>,
        signed: SignedIn,
        from: Option<SocketAddr>,
        door: Door,
    ) -> Self {
        Self { signed, from, door, seen: Arc::default(), hub: HubRef(hub) }
    }

    /// The same at another door, or for another part of a request.
    pub(crate) fn anew(&self, door: Door) -> Self {
        Self { door, seen: Arc::default(), ..self.clone() }
    }

    /// An entry of the audit trail about the caller.
    pub(crate) fn entry(&self, act: Act) -> Entry {
        let entry = Entry::of(self.author(), act).via(self.door);
        match self.from {
            Some(from) => entry.from(from.ip()),
            None => entry,
        }
    }

    /// The same, with the rooms that the caller has seen, and what for.
    pub(crate) fn entry_of_seen(&self, act: Act) -> Entry {
        let entry = self.entry(act);
        let entry = self.seen.rooms.lock().iter().fold(entry, Entry::room);
        let person = self.seen.person.lock().clone();
        let entry = person.into_iter().fold(entry, |entry, id| entry.detail("person", id));
        match self.has_broken_glass() {
            true => entry.purpose(BROKEN_GLASS, None),
            false => entry,
        }
    }

    /// Notes whose rights a request is about.
    pub(crate) fn has_seen_person(&self, id: &str) {
        *self.seen.person.lock() = Some(id.to_owned());
    }

    /// Whether the caller has seen something for which glass had to be broken.
    pub(crate) fn has_broken_glass(&self) -> bool {
        self.seen.glass.load(Ordering::Relaxed)
    }

    /// Notes that somebody was refused, or let into a room.
    pub(crate) fn note(&self, entry: Entry) {
        self.hub().audit().note(entry);
    }

    /// Somebody who has not signed in and may do nothing, where there is sign-in.
    pub(crate) fn nobody(hub: &HubRef) -> Self {
        let mut signed = SignedIn::claimed(anonymous());
        if hub.0.gate().signs_in() {
            let (author, scopes) = (anonymous(), Vec::new());
            let (roles, patient) = (BTreeSet::new(), None);
            signed.person = Arc::new(Person { author, roles, scopes, patient });
        }
        Self::new(Arc::clone(&hub.0), signed, None, Door::Http)
    }

    /// In whose name the caller writes.
    pub fn author(&self) -> &Author {
        &self.signed.person.author
    }

    /// How the caller came in.
    pub fn signed(&self) -> &SignedIn {
        &self.signed
    }

    /// All rooms, whether or not the caller may see them.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub.0
    }

    /// What the caller may do in a room; `None` where they are not to know of it.
    ///
    /// An error where nothing can be noted of it in the audit trail.
    pub async fn may_enter(&self, room: &RoomName) -> Result<Option<Access>, RoomError> {
        self.hub().audit().check().map_err(|_| RoomError::Storage)?;
        let access = self.hub().access(&self.signed.person, room).await?;
        if let Some(access) = &access {
            let mut rooms = self.seen.rooms.lock();
            if rooms.len() < SEEN_ROOMS_MAX {
                rooms.insert(room.clone());
            }
            self.seen.glass.fetch_or(access.glass_until_ms.is_some(), Ordering::Relaxed);
        }
        Ok(access)
    }

    /// The same; where that is nothing, the room does not exist.
    pub async fn access(&self, room: &RoomName) -> Result<Access, ApiError> {
        self.may_enter(room).await?.ok_or(ApiError::RoomNotFound)
    }

    /// Of many rooms those of which the caller may know, with what they may do in each.
    pub async fn open_to(
        &self,
        rooms: impl IntoIterator<Item = RoomName>,
    ) -> Result<BTreeMap<RoomName, Access>, RoomError> {
        let policy = self.hub().gate().policy();
        let named = match policy.open {
            true => BTreeSet::new(),
            false => self.hub().rooms_of(&self.author().id).await?,
        };
        let mut open = BTreeMap::new();
        for room in rooms {
            if let Some(access) = self.access_among(&room, &named).await? {
                open.insert(room, access);
            }
        }
        Ok(open)
    }

    /// What the caller may do in a room; `named` has the rooms to which they stand in some way by name.
    async fn access_among(
        &self,
        room: &RoomName,
        named: &BTreeSet<RoomName>,
    ) -> Result<Option<Access>, RoomError> {
        let (person, gate) = (&self.signed.person, self.hub().gate());
        let is_named = named.contains(room) || room.chart().is_some_and(|of| named.contains(&of));
        if is_named {
            return self.hub().access(person, room).await;
        }
        // Most rooms of a list are others'; their standings need not be looked up.
        let (own, chart, now_ms) = (Standing::default(), Standing::default(), clock::now_ms());
        Ok(gate.policy().decide(person, room, own, chart, now_ms))
    }

    /// The same, where the caller may read everything in the room.
    pub async fn whole(&self, room: &RoomName) -> Result<Access, ApiError> {
        let access = self.access(room).await?;
        access.check_whole()?;
        Ok(access)
    }

    /// The same of a room that is written to.
    pub async fn writing(&self, room: &RoomName) -> Result<Access, ApiError> {
        let access = self.access(room).await?;
        if access.writes() { Ok(access) } else { Err(Denial::ReadOnly.into()) }
    }

    /// Refuses what no scope of the caller's sign-in allows in any room.
    pub fn check_ever(&self, right: Right, resource_type: &str) -> Result<(), ApiError> {
        let open = self.hub().gate().policy().open;
        match open || self.signed.person.may_ever(right, resource_type) {
            true => Ok(()),
            false => Err(Denial::Scope(right).into()),
        }
    }

    /// Refuses a caller whose roles do not say that they may.
    pub fn check(&self, ability: Ability) -> Result<(), ApiError> {
        match self.hub().gate().policy().may(&self.signed.person, ability) {
            true => Ok(()),
            false => Err(ApiError::Forbidden(ability)),
        }
    }

    /// A room that something was written to, or that every facility has, for one who may read
    /// everything in it.
    pub async fn room(&self, name: &str) -> Result<Arc<RoomHandle>, ApiError> {
        let name = parse_name(name)?;
        self.whole(&name).await?;
        self.is_there(&name).await?;
        Ok(self.hub().open_latest(&name).await?)
    }

    /// An epoch of a room, the latest unless another is asked for; the others are the auditors'.
    pub async fn epoch(&self, name: &str, epoch: Option<u32>) -> Result<Arc<RoomHandle>, ApiError> {
        let Some(epoch) = epoch else { return self.room(name).await };
        let id = RoomId { name: parse_name(name)?, epoch };
        self.whole(&id.name).await?;
        let known = self.hub().epochs(&id.name).await?;
        if known.iter().any(|known| known.id == id && known.sealed) {
            self.check(Ability::Audit)?;
        }
        if !known.iter().any(|known| known.id == id) {
            return Err(ApiError::RoomNotFound);
        }
        Ok(self.hub().open(&id)?)
    }

    /// Follows the events of a room, and what of them the caller may hear.
    pub async fn follow(
        &self,
        name: &str,
        after: Option<u64>,
    ) -> Result<(Follower, Access), ApiError> {
        let name = parse_name(name)?;
        let access = self.access(&name).await?;
        self.is_there(&name).await?;
        Ok((self.hub().follow(&name, after).await?, access))
    }

    /// Refuses a room of which the caller's roles do not open the labels: broken glass stands for
    /// membership of the chart, and for nothing else; and one that is not there.
    pub async fn is_breakable(&self, name: &RoomName) -> Result<(), ApiError> {
        if name.patient_id().is_none() {
            return Err(ApiError::RoomNotFound);
        }
        if !name.labels().is_empty() {
            let (own, now_ms) = (Standing::default(), clock::now_ms());
            let chart = Standing { member: Some(Level::Write), ..own };
            let policy = self.hub().gate().policy();
            if policy.decide(&self.signed.person, name, own, chart, now_ms).is_none() {
                return Err(ApiError::RoomNotFound);
            }
        }
        self.is_there(name).await
    }

    /// Refuses a room that nothing was ever written to, but for those that every facility has.
    pub async fn is_there(&self, name: &RoomName) -> Result<(), ApiError> {
        match name.is_facility() || self.hub().stored(name).await?.is_some() {
            true => Ok(()),
            false => Err(ApiError::RoomNotFound),
        }
    }
}

impl FromRequestParts<HubRef> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &HubRef) -> Result<Self, ApiError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let entrant = Entrant::of(parts, hub);
        let signed = match hub.0.gate().signs_in() {
            true => entrant.sign_in().await.inspect_err(|error| entrant.note_refusal(*error))?,
            false => SignedIn::claimed(person(&parts.headers)?),
        };
        if let Err(wait) = hub.0.gate().count(&signed) {
            hub.0.exceeded(Limit::Requests);
            return Err(ApiError::TooOften(wait));
        }
        Ok(Self::new(Arc::clone(&hub.0), signed, entrant.from, Door::Http))
    }
}

/// Has the caller of a request signed in, and notes in the audit trail what they did and how it ended.
pub(crate) async fn noted(
    State((hub, act)): State<(HubRef, Option<Act>)>,
    request: Request,
    next: Next,
) -> Response {
    let Some(act) = act else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &hub).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let path = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let door = format!("{} {}", parts.method, path.unwrap_or_default());
    let named = named(parts.uri.path());
    parts.extensions.insert(caller.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    let code = response.extensions().get::<Code>().map(|code| code.0);
    // Each change that was written has an entry of its own, and glass was noted before it broke.
    let is_write = act == Act::Write && !caller.has_broken_glass();
    let is_told = code.is_none() && (is_write || act == Act::BreakGlass);
    if !is_told {
        if let Some(room) = named {
            caller.seen.rooms.lock().insert(room);
        }
        caller.note(ended(caller.entry_of_seen(act).detail("door", door), code, response.status()));
    }
    response
}

/// The room in an address below `/rooms`.
fn named(path: &str) -> Option<RoomName> {
    let segment = path.strip_prefix("/rooms/")?.split('/').next()?;
    percent_decode_str(segment).decode_utf8().ok()?.parse().ok()
}

/// An entry with how a request ended.
pub(crate) fn ended(entry: Entry, code: Option<&'static str>, status: StatusCode) -> Entry {
    match code {
        None if status.is_success() => entry,
        code if status.is_server_error() => entry.failed(code.unwrap_or("failed")),
        code => entry.refused(code.unwrap_or("refused")),
    }
}

/// Somebody at the door of a socket, who says later who they are.
pub(crate) struct Entrant {
    pub hub: Arc<Hub>,
    /// What it brought, in whatever way a socket can.
    pub token: Option<String>,
    pub from: Option<SocketAddr>,
    /// Whom it claims to be, where there is no sign-in.
    pub claimed: Option<Author>,
}

impl Entrant {
    fn of(parts: &Parts, hub: &HubRef) -> Self {
        let from = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0);
        let claimed = person(&parts.headers).ok();
        Self { hub: Arc::clone(&hub.0), token: token(parts), from, claimed }
    }
}

impl Entrant {
    /// Whom the token speaks for.
    pub async fn sign_in(&self) -> Result<SignedIn, SignInError> {
        self.hub.gate().sign_in(self.token.as_deref()).await
    }

    /// Refuses one more socket of somebody who has as many as one may.
    pub fn check_crowd(&self, signed: &SignedIn) -> Result<(), Closing> {
        if !self.hub.gate().is_crowded(signed) {
            return Ok(());
        }
        let message = format!("a person has at most {PERSON_CONNECTIONS_MAX} sockets");
        Err(Closing::over(Limit::PersonConnections, message))
    }

    /// Notes that a token did not do; who brings none has tried nothing.
    pub fn note_refusal(&self, error: SignInError) {
        if error != SignInError::Missing {
            let entry = Entry::by_server(Act::SignIn).via(Door::Http).refused(error.code());
            let entry = self.from.into_iter().fold(entry, |entry, from| entry.from(from.ip()));
            self.hub.audit().note(entry);
        }
    }
}

impl FromRequestParts<HubRef> for Entrant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &HubRef) -> Result<Self, ApiError> {
        if !hub.0.gate().signs_in() {
            person(&parts.headers)?;
        }
        Ok(Self::of(parts, hub))
    }
}

/// Who runs the server.
pub(crate) struct Operator(pub Caller);

impl FromRequestParts<HubRef> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &HubRef) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, hub).await?;
        caller.check(Ability::Operate)?;
        Ok(Self(caller))
    }
}

/// The token of a request: in its header, or, since a browser can set none for sockets and event
/// streams, in the query or as a subprotocol `bearer.<token>`.
fn token(parts: &Parts) -> Option<String> {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(token) = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")) {
        return Some(token.to_owned());
    }
    if let Some(protocols) = text(SEC_WEBSOCKET_PROTOCOL) {
        let bearer = protocols.split(',').find_map(|p| p.trim().strip_prefix(PROTOCOL_BEARER));
        if let Some(token) = bearer {
            return Some(token.to_owned());
        }
    }
    let path = parts.uri.path();
    let takes_query = path.ends_with("/ws") || path.ends_with("/sync") || path.ends_with("/events");
    let query = parts.uri.query().filter(|_| takes_query).unwrap_or_default();
    let value = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    percent_decode_str(value).decode_utf8().ok().map(String::from)
}

/// Refuses requests that a page of another site makes a browser on this machine send.
///
/// A browser lets any page open a WebSocket to loopback, and a name that its owner points at
/// 127.0.0.1 passes for the same origin; the headers tell both. With sign-in nothing depends on
/// who is near, and nobody is refused here.
pub(crate) async fn loopback_only(
    State(hub): State<HubRef>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let host_ok = headers.get(HOST).is_none_or(|host| host.to_str().is_ok_and(is_loopback));
    let origin_ok = headers.get(ORIGIN).is_none_or(|origin| {
        let authority = origin.to_str().ok().and_then(|text| text.split_once("://"));
        authority.is_some_and(|(_, authority)| is_loopback(authority))
    });
    if hub.0.gate().signs_in() || (host_ok && origin_ok) {
        next.run(request).await
    } else {
        ApiError::ForeignOrigin.into_response()
    }
}

/// A room's name, as an address has it.
pub(crate) fn parse_name(name: &str) -> Result<RoomName, ApiError> {
    name.parse().map_err(ApiError::RoomName)
}

fn person(headers: &HeaderMap) -> Result<Author, ApiError> {
    let Some(header) = headers.get(PERSON_HEADER) else { return Ok(anonymous()) };
    let text = std::str::from_utf8(header.as_bytes()).map_err(|_| ApiError::Person)?;
    let (id, name) = text.split_once(';').ok_or(ApiError::Person)?;
    let (id, name) = (id.trim(), name.trim());
    let is_wrong = id.is_empty() || name.is_empty() || text.len() > PERSON_BYTES_MAX;
    if is_wrong || is_reserved(id) {
        return Err(ApiError::Person);
    }
    Ok(Author::new(id, name))
}

/// Whether a person id is one that the server gives itself: what is written under it is believed.
pub(crate) fn is_reserved(id: &str) -> bool {
    id == People::SERVER || id.starts_with(People::SOMEBODY_AT)
}

/// Whether `host` or `host:port` means this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for here in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in ["example.org", "localhost.example.org", "10.0.0.1:80", "", "127.0.0.1.x"]
        {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
