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

pub(crate) mod devices;
mod entrance;
mod gate;
pub(crate) mod pass;
pub(crate) mod roles;
pub(crate) mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chartroom_engine::{
    Author, RoomId, RoomName,
    access::{Ability, Access, Denial, Level, Person, Right, Standing},
};

use parking_lot::Mutex;

use crate::{
    audit::{Act, Door, Entry},
    clock,
    error::ApiError,
    hub::{Follower, Hub, RoomError, RoomHandle},
    sign_in::SignInError,
};
pub(crate) use entrance::{
    Entrant, Operator, PROTOCOL_BEARER, ended, is_loopback, is_reserved, loopback_only, noted,
};
pub use gate::{AccessConfig, SignedIn};
pub(crate) use gate::{Gate, Revoked};
use pass::Pass;
pub use roles::{Roles, read_roles};

/// The purpose of what is seen through broken glass (HL7 v3 ActReason).
pub(crate) const BROKEN_GLASS: &str = "BTG";

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
    /// Type and id of the resource, where it was about one.
    resource: Mutex<Option<(String, String)>>,
    /// Whom it was about, where it was about somebody's rights.
    person: Mutex<Option<String>>,
    /// The device that was to be wiped.
    device: Mutex<Option<String>>,
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
        let resource = self.seen.resource.lock().clone();
        let entry =
            resource.into_iter().fold(entry, |entry, (name, id)| entry.resource(&name, &id));
        let person = self.seen.person.lock().clone();
        let entry = person.into_iter().fold(entry, |entry, id| entry.detail("person", id));
        let device = self.seen.device.lock().clone();
        let entry = device.into_iter().fold(entry, |entry, of| entry.detail("device", of));
        match self.has_broken_glass() {
            true => entry.purpose(BROKEN_GLASS, None),
            false => entry,
        }
    }

    /// Notes that a request was about a room.
    fn has_seen_room(&self, room: RoomName) {
        self.seen.rooms.lock().insert(room);
    }

    /// Notes which resource a request was about.
    pub(crate) fn has_seen_resource(&self, resource_type: &str, id: &str) {
        *self.seen.resource.lock() = Some((resource_type.to_owned(), id.to_owned()));
    }

    /// Notes whose rights a request is about.
    pub(crate) fn has_seen_person(&self, id: &str) {
        *self.seen.person.lock() = Some(id.to_owned());
    }

    /// Notes which device a request is about.
    pub(crate) fn has_seen_device(&self, handle: &str) {
        *self.seen.device.lock() = Some(handle.to_owned());
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

    /// Refuses what no scope of the caller's sign-in allows in any room.
    pub fn check_ever(&self, right: Right, resource_type: &str) -> Result<(), ApiError> {
        let open = self.hub().gate().policy().open;
        match open || self.signed.person.may_ever(right, resource_type) {
            true => Ok(()),
            false => Err(Denial::Scope(right).into()),
        }
    }

    /// Refuses a caller whose sign-in has ended since.
    pub fn check_still_in(&self) -> Result<(), ApiError> {
        if self.hub().gate().is_revoked(&self.signed) {
            return Err(SignInError::Revoked.into());
        }
        match self.signed.expires_ms.is_some_and(|at| at <= clock::now_ms()) {
            true => Err(SignInError::Expired.into()),
            false => Ok(()),
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

    /// Follows the events of a room, and what of them the caller may hear; `pass` ends with the right to
    /// it.
    pub async fn follow(
        &self,
        pass: &Pass,
        name: &RoomName,
        after: Option<u64>,
    ) -> Result<(Follower, Access), ApiError> {
        let access = pass.enter(name, self.access(name)).await?;
        self.is_there(name).await?;
        Ok((self.hub().follow(name, after).await?, access))
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

/// A room's name, as an address has it.
pub(crate) fn parse_name(name: &str) -> Result<RoomName, ApiError> {
    name.parse().map_err(ApiError::RoomName)
}
