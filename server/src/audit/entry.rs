//! One entry of the trail, and how it is written down.

use std::{collections::BTreeMap, fmt::Display};

use chartroom_engine::{Action, Author, RoomName};
use serde::{Deserialize, Serialize};

use super::Checkpoint;

/// Resources and changes that are named in an entry; of more there is the number.
pub const NAMED_MAX: usize = 100;
/// Bytes of a text in an entry; what is longer is cut.
pub const TEXT_BYTES_MAX: usize = 400;
/// Details of an entry.
const DETAILS_MAX: usize = 32;

/// Who did what, to what, when, from where, and how it ended. It holds no clinical text.
///
/// Made with [`Entry::of`] or [`Entry::by_server`], whose refinements follow each other:
///
/// ```
/// use chartroom_engine::Author;
/// use chartroom_server::audit::{Act, Door, Entry};
///
/// let alice = Author::new("alice", "Alice");
/// let entry = Entry::of(&alice, Act::Read).via(Door::Http).from("192.0.2.7").refused("not-found");
/// assert_eq!(entry.code.as_deref(), Some("not-found"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number in the chain, from 1; 0 before it has one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n: u64,
    /// When, in milliseconds since 1970; 0 before it is noted.
    pub at: u64,
    /// Who; absent where nobody is signed in, and where nobody is behind it but the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Author>,
    /// The address that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The program, as it names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The connection, as its peer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Through which door.
    pub via: Door,
    /// The other server that it came through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What was done.
    pub act: Act,
    /// The rooms that it concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// The resources that it concerns, at most [`NAMED_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Touched>,
    /// How many more resources it concerns.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
    /// Hashes of the changes that it made, in hex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Whether the change belongs to an import.
    #[serde(default, skip_serializing_if = "is_false")]
    pub import: bool,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Outcome::is_ok")]
    pub outcome: Outcome,
    /// Why it was refused or failed, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What for, as a code of v3-PurposeOfUse such as `TREAT` or `BTG`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The reason that the person gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What else there is to say, in codes: names of search parameters, never their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
    /// What was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
}

/// A resource that an entry concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// `Type/id`.
    pub of: String,
    /// What a write did to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Names of elements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Act {
    /// Somebody signed in, or could not.
    SignIn,
    /// Somebody signed out.
    SignOut,
    /// Somebody entered a room, and was sent all of it.
    Join,
    /// Somebody left a room.
    Leave,
    /// A resource or a document was read.
    Read,
    /// Resources were looked for.
    Search,
    /// What was before was read.
    History,
    /// Events were followed.
    Follow,
    /// A whole chart was taken out.
    Export,
    /// A change was written.
    Write,
    /// Somebody opened a chart in an emergency.
    BreakGlass,
    /// Somebody was admitted to a chart.
    Admit,
    /// Somebody's admission to a chart ended.
    Dismiss,
    /// A sign-in, a token or a consent was taken back.
    Revoke,
    /// A device was to be wiped, or was told to wipe what it keeps.
    Wipe,
    /// The server was operated: a room founded anew, a queue rebuilt, a setting changed.
    Operate,
    /// A write put back what others wrote.
    EditReverted,
    /// A resource was moved to another patient's chart.
    WrongPatientCorrected,
    /// Two charts became one.
    PatientsMerged,
    /// A resource got other security labels, and went into the room of these.
    Relabelled,
    /// The server started.
    Start,
    /// The server stopped.
    Stop,
    /// The server signed what the chain says so far.
    Checkpoint,
    /// So many entries were not kept, because too many waited.
    Overflow,
    /// The server found the chain's end elsewhere than it left it.
    Mismatch,
}

/// Where somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// The WebSocket `/sync`.
    Sync,
    /// FHIR.
    Fhir,
    /// A room's events over HTTP.
    Events,
    /// JSON events over a WebSocket.
    Json,
    /// Any other HTTP.
    Http,
    /// The command line.
    Cli,
    /// None: the server itself, or a room's task behind whichever door.
    Server,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done.
    #[default]
    Ok,
    /// It was not to be done.
    Refused,
    /// It could not be done, or only in part.
    Failed,
}

impl Outcome {
    fn is_ok(&self) -> bool {
        *self == Self::Ok
    }
}

impl Act {
    /// The act as entries name it, such as `break-glass`.
    pub fn code(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::SignOut => "sign-out",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Read => "read",
            Self::Search => "search",
            Self::History => "history",
            Self::Follow => "follow",
            Self::Export => "export",
            Self::Write => "write",
            Self::BreakGlass => "break-glass",
            Self::Admit => "admit",
            Self::Dismiss => "dismiss",
            Self::Revoke => "revoke",
            Self::Wipe => "wipe",
            Self::Operate => "operate",
            Self::EditReverted => "edit-reverted",
            Self::WrongPatientCorrected => "wrong-patient-corrected",
            Self::PatientsMerged => "patients-merged",
            Self::Relabelled => "relabelled",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Checkpoint => "checkpoint",
            Self::Overflow => "overflow",
            Self::Mismatch => "mismatch",
        }
    }
}

impl Door {
    /// The door as entries name it, such as `sync`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Fhir => "fhir",
            Self::Events => "events",
            Self::Json => "json",
            Self::Http => "http",
            Self::Cli => "cli",
            Self::Server => "server",
        }
    }
}

impl Entry {
    /// An act of a person.
    pub fn of(author: &Author, act: Act) -> Self {
        Self { who: Some(author.clone()), ..Self::by_server(act) }
    }

    /// An act behind which nobody is, or nobody who is known.
    pub fn by_server(act: Act) -> Self {
        Self {
            n: 0,
            at: 0,
            who: None,
            from: None,
            app: None,
            connection: None,
            via: Door::Server,
            server: None,
            act,
            rooms: Vec::new(),
            resources: Vec::new(),
            more: 0,
            changes: Vec::new(),
            import: false,
            outcome: Outcome::Ok,
            code: None,
            purpose: None,
            reason: None,
            detail: BTreeMap::new(),
            checkpoint: None,
        }
    }

    /// Through which door.
    #[must_use]
    pub fn via(self, via: Door) -> Self {
        Self { via, ..self }
    }

    /// From which address.
    #[must_use]
    pub fn from(self, address: impl Display) -> Self {
        Self { from: Some(address.to_string()), ..self }
    }

    /// With which program, as it names itself.
    #[must_use]
    pub fn app(self, name: impl Into<String>) -> Self {
        Self { app: Some(name.into()), ..self }
    }

    /// Over which connection, by its peer id.
    #[must_use]
    pub fn connection(self, peer_id: impl Into<String>) -> Self {
        Self { connection: Some(peer_id.into()), ..self }
    }

    /// Concerning a room; may be said of several.
    #[must_use]
    pub fn room(mut self, room: &RoomName) -> Self {
        self.rooms.push(room.as_str().to_owned());
        self
    }

    /// Concerning a resource; may be said of several, of which [`NAMED_MAX`] are named.
    #[must_use]
    pub fn resource(mut self, resource_type: &str, id: &str) -> Self {
        self.touch(format!("{resource_type}/{id}"), None);
        self
    }

    /// With one more detail, in codes.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, code: impl Into<String>) -> Self {
        self.detail.insert(name.into(), code.into());
        self
    }

    /// What for, as a code of v3-PurposeOfUse, and the reason that the person gave.
    #[must_use]
    pub fn purpose(self, code: impl Into<String>, reason: Option<String>) -> Self {
        Self { purpose: Some(code.into()), reason, ..self }
    }

    /// It was refused, with a stable code.
    #[must_use]
    pub fn refused(self, code: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused, code: Some(code.into()), ..self }
    }

    /// It could not be done, or only in part, with a stable code.
    #[must_use]
    pub fn failed(self, code: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, code: Some(code.into()), ..self }
    }

    /// Names a resource, as `Type/id`, or counts it where enough are named.
    pub(crate) fn touch(&mut self, of: String, action: Option<Action>) {
        if self.resources.len() < NAMED_MAX {
            self.resources.push(Touched { of, action, elements: Vec::new() });
        } else {
            self.more += 1;
        }
    }

    /// Cuts what a stranger could have made long.
    pub(super) fn cut(mut self) -> Self {
        let who = self.who.iter_mut().flat_map(|who| [&mut who.id, &mut who.name]);
        let own = [&mut self.from, &mut self.app, &mut self.connection, &mut self.server];
        let why = [&mut self.code, &mut self.purpose, &mut self.reason];
        let named = self.resources.iter_mut().flat_map(|touched| {
            touched.elements.truncate(NAMED_MAX);
            std::iter::once(&mut touched.of).chain(&mut touched.elements)
        });
        who.chain(own.into_iter().chain(why).flatten()).chain(named).for_each(cut_text);
        self.changes.truncate(NAMED_MAX);
        let details = self.detail.into_iter().take(DETAILS_MAX).map(|(mut name, mut code)| {
            cut_text(&mut name);
            cut_text(&mut code);
            (name, code)
        });
        self.detail = details.collect();
        self
    }
}

fn cut_text(text: &mut String) {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
