//! Who may see and change what: one decision for every door of a server.
//!
//! Pure: who asks ([`Person`]), how they stand to the room ([`Standing`]) and what the operator says
//! ([`Policy`]) go in, and what they may do there ([`Access`]) comes out of [`Policy::decide`], or
//! that they are not to know of the room. The browser module has none of this.
//!
//! Two things are needed for each act: a standing that opens the room (a role, membership, broken
//! glass, or the word of the sign-in service for its one patient), and a scope that allows the act.
//! A restricted compartment is opened by nothing that opens the chart.

pub mod pattern;
pub mod scope;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use pattern::RoomPattern;
pub use scope::{Context, Right, Scope};

use crate::{Author, Command, Document, Event, RoomName, document::RESOURCE_TYPES};

/// The role that everybody has who is signed in.
pub const EVERYBODY: &str = "*";

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who it is.
    pub author: Author,
    /// What they are in this facility.
    pub roles: BTreeSet<String>,
    /// What the sign-in lets their app do.
    pub scopes: Vec<Scope>,
    /// The patient that the sign-in is about.
    pub patient: Option<String>,
}

impl Person {
    /// Somebody whose sign-in limits nothing.
    pub fn unlimited(author: Author) -> Self {
        let scopes = vec![Scope::everything(Context::User)];
        Self { author, roles: BTreeSet::new(), scopes, patient: None }
    }

    /// Whether a scope allows something of some resources of a type, in whatever room.
    pub fn may_ever(&self, right: Right, resource_type: &str) -> bool {
        self.scopes.iter().any(|scope| scope.covers(right, resource_type))
    }

    /// Reads the scopes of a sign-in, separated by spaces.
    pub fn scopes(text: &str) -> Vec<Scope> {
        text.split_whitespace().filter_map(Scope::parse).collect()
    }
}

/// How far somebody may go in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// See everything in it.
    Read,
    /// Change it, too.
    Write,
}

/// How a person stands to a room by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// As one of its members, such as of a patient's care team.
    pub member: Option<Level>,
    /// Until when they broke the glass, in milliseconds since 1970.
    pub glass_until_ms: Option<u64>,
}

/// What a role may do beside entering rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
    /// Enter a chart without membership, for a stated reason and a limited time.
    BreakGlass,
    /// Say who is a member of a room.
    Admit,
    /// Read the audit trail, and epochs that are sealed.
    Audit,
    /// Run the server: webhooks, peers, metrics, sign-outs, founding rooms anew.
    Operate,
}

/// A role, as the operator describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Role {
    /// Rooms in which it writes.
    pub writes: Vec<RoomPattern>,
    /// Rooms that it reads.
    pub reads: Vec<RoomPattern>,
    /// What else it may do.
    pub may: BTreeSet<Ability>,
}

/// What the operator says of roles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Roles by name; [`EVERYBODY`] is everybody's.
    pub roles: BTreeMap<String, Role>,
    /// Everybody may do everything: there is no sign-in.
    pub open: bool,
}

/// What somebody may do in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    scopes: Vec<Scope>,
    /// Until when, where the glass is broken, in milliseconds since 1970.
    pub glass_until_ms: Option<u64>,
}

/// Why somebody may not do something in a room that they may know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// Their membership or role is to read.
    #[error("this person may read this room, not change it")]
    ReadOnly,
    /// The scopes of the sign-in do not say so.
    #[error("the scopes of this sign-in do not allow this person to {0} such resources here")]
    Scope(Right),
    /// A room is given whole or not at all, since its history tells everything.
    #[error("a room is given to those who may read everything in it")]
    NotWhole,
}

impl Denial {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Scope(_) => "scope-missing",
            Self::NotWhole => "scope-too-narrow",
        }
    }
}

impl Policy {
    /// Everybody may do everything.
    pub fn open() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// What a person may do in a room; `None` where they are not to know that there is one.
    ///
    /// `chart` is how they stand to the patient's chart, where the room is a restricted compartment
    /// of it, and is not looked at otherwise.
    pub fn decide(
        &self,
        person: &Person,
        room: &RoomName,
        own: Standing,
        chart: Standing,
        now_ms: u64,
    ) -> Option<Access> {
        if self.open {
            return Some(Access::everything());
        }
        let unbroken = |standing: Standing| Standing { glass_until_ms: None, ..standing };
        let glass_of = |standing: Standing| standing.glass_until_ms.filter(|until| *until > now_ms);
        let glass = glass_of(own).or(glass_of(chart).filter(|_| !room.labels().is_empty()));
        let known = self.by_role(person, room, unbroken(chart), now_ms).max(own.member);
        let broken = glass_of(own).map(|_| Level::Write);
        let standing = known.max(broken).max(self.by_role(person, room, chart, now_ms));
        let of_patient = room.is_chart() && room.patient_id() == person.patient.as_deref();
        let level = |scope: &Scope| match scope.context {
            Context::User => standing,
            // Whom the sign-in service names, it vouches for; of the rest nobody has said anything.
            Context::Patient if of_patient => Some(Level::Write),
            Context::Patient => None,
            Context::System if room.labels().is_empty() => Some(Level::Write),
            Context::System => standing,
        };
        let scopes: Vec<Scope> = person
            .scopes
            .iter()
            .filter_map(|scope| match level(scope)? {
                Level::Read => Some(scope.for_reading()),
                Level::Write => Some(scope.clone()),
            })
            .collect();
        // Glass that opens nothing that was not open is not broken.
        let glass_until_ms = glass.filter(|_| known.is_none() && !of_patient);
        (!scopes.is_empty()).then_some(Access { scopes, glass_until_ms })
    }

    /// Whether it matters how a person stands to a room by name: not where there is no sign-in, and not
    /// where their role, or that they are a system, opens all of it.
    pub fn asks_for_standing(&self, person: &Person, room: &RoomName) -> bool {
        let by_role = || self.by_role(person, room, Standing::default(), 0);
        let is_system = || person.scopes.iter().all(|scope| scope.context == Context::System);
        !self.open && by_role() != Some(Level::Write) && !(room.labels().is_empty() && is_system())
    }

    /// Whether one of a person's roles may do something.
    pub fn may(&self, person: &Person, ability: Ability) -> bool {
        self.open || self.roles_of(person).any(|role| role.may.contains(&ability))
    }

    fn roles_of(&self, person: &Person) -> impl Iterator<Item = &Role> {
        let names = person.roles.iter().map(String::as_str).chain([EVERYBODY]);
        names.filter_map(|name| self.roles.get(name))
    }

    /// How far a person's roles let them go: for a restricted compartment each of its labels counts,
    /// and the chart has to be open to them as well.
    fn by_role(
        &self,
        person: &Person,
        room: &RoomName,
        chart: Standing,
        now_ms: u64,
    ) -> Option<Level> {
        let matched =
            |room: &RoomName| self.roles_of(person).filter_map(|role| role.level(room)).max();
        let labels = room.labels();
        if labels.is_empty() {
            return matched(room);
        }
        let (base, mut level) = (room.chart()?, Level::Write);
        for label in labels {
            level = level.min(matched(&base.compartment(label).ok()?)?);
        }
        let glass = chart.glass_until_ms.filter(|until| *until > now_ms).map(|_| Level::Write);
        Some(level.min(matched(&base).max(chart.member).max(glass)?))
    }
}

impl Role {
    fn level(&self, room: &RoomName) -> Option<Level> {
        let matches = |patterns: &[RoomPattern]| patterns.iter().any(|p| p.matches(room));
        if matches(&self.writes) {
            return Some(Level::Write);
        }
        matches(&self.reads).then_some(Level::Read)
    }
}

impl Access {
    /// All that there is.
    pub fn everything() -> Self {
        Self { scopes: vec![Scope::everything(Context::User)], glass_until_ms: None }
    }

    /// Whether all resources of a type are open to this.
    pub fn allows_type(&self, right: Right, resource_type: &str) -> bool {
        self.scopes.iter().any(|scope| scope.grants_type(right, resource_type))
    }

    /// Whether a resource is open to this.
    pub fn allows(&self, right: Right, resource_type: &str, resource: &Value) -> bool {
        self.scopes.iter().any(|scope| scope.grants(right, resource_type, resource))
    }

    /// Whether some resources of a type may be.
    pub fn may_allow(&self, right: Right, resource_type: &str) -> bool {
        self.scopes.iter().any(|scope| scope.covers(right, resource_type))
    }

    /// Whether an event may be heard: as its resource may be read. A deleted one shows nothing by which
    /// a narrow scope could tell.
    pub fn hears(&self, event: &Event) -> bool {
        !event.is_withheld() && self.allows(Right::Read, &event.resource_type, &event.resource)
    }

    /// Whether everything in the room may be read, so that the room itself may be given.
    pub fn check_whole(&self) -> Result<(), Denial> {
        let reads = |name: &&str| {
            self.allows_type(Right::Read, name) && self.allows_type(Right::Search, name)
        };
        match self.everywhere(&[Right::Read, Right::Search]) || RESOURCE_TYPES.iter().all(reads) {
            true => Ok(()),
            false => Err(Denial::NotWhole),
        }
    }

    /// Whether everything in the room may be written.
    pub fn writes_everything(&self) -> bool {
        self.everywhere(&[Right::Create, Right::Update, Right::Delete])
    }

    /// Whether something may be written.
    pub fn writes(&self) -> bool {
        self.scopes.iter().any(|scope| {
            Right::ALL.into_iter().any(|right| !right.is_reading() && scope.has(right))
        })
    }

    /// Whether a resource of a type may be written in these ways, whatever is in it.
    pub fn check_type(&self, rights: &[Right], resource_type: &str) -> Result<(), Denial> {
        let missing = rights.iter().find(|right| !self.allows_type(**right, resource_type));
        missing.map_or(Ok(()), |right| Err(self.denial(*right)))
    }

    /// Whether a resource may be read or written, `resource` being what is there.
    pub fn check(&self, right: Right, resource_type: &str, resource: &Value) -> Result<(), Denial> {
        let allowed = self.allows(right, resource_type, resource);
        if allowed { Ok(()) } else { Err(self.denial(right)) }
    }

    /// Whether an edit may be made of a document as it stands.
    pub fn check_command(&self, document: &Document, command: &Command) -> Result<(), Denial> {
        let put = |resource: &Value| {
            let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
            let (name, id) = (text("resourceType"), text("id"));
            match document.resource(name, id) {
                None => self.check(Right::Create, name, resource),
                Some(before) => {
                    self.check(Right::Update, name, &before)?;
                    self.check(Right::Update, name, resource)
                }
            }
        };
        let standing = |right: Right, name: &str, id: &str| {
            let before = document.resource(name, id).unwrap_or_default();
            self.check(right, name, &before)
        };
        match command {
            Command::Put { resource } => put(resource),
            Command::Import { resources } => resources.iter().try_for_each(put),
            Command::Batch { commands } => {
                commands.iter().try_for_each(|command| self.check_command(document, command))
            }
            Command::Patch { resource_type, id, elements } => {
                standing(Right::Update, resource_type, id)?;
                let mut after = document.resource(resource_type, id).unwrap_or_default();
                if let Some(members) = after.as_object_mut() {
                    members.extend(elements.clone());
                }
                self.check(Right::Update, resource_type, &after)
            }
            Command::Splice { resource_type, id, .. }
            | Command::SetText { resource_type, id, .. } => {
                standing(Right::Update, resource_type, id)
            }
            Command::Delete { resource_type, id } => standing(Right::Delete, resource_type, id),
            // What is deleted shows nothing by which it could be told.
            Command::Undelete { resource_type, .. } => {
                self.check_type(&[Right::Create], resource_type)
            }
        }
    }

    /// Why a right is not there.
    pub fn denial(&self, right: Right) -> Denial {
        match !right.is_reading() && !self.writes() {
            true => Denial::ReadOnly,
            false => Denial::Scope(right),
        }
    }

    fn everywhere(&self, rights: &[Right]) -> bool {
        rights.iter().all(|right| self.scopes.iter().any(|scope| scope.grants_all(*right)))
    }
}

#[cfg(test)]
mod tests;
