//! Names of things: rooms, documents, actors and persons.
//!
//! Nothing here draws randomness or reads a clock; whoever mints an id passes both in.

use std::{fmt, str::FromStr};

use automerge::{ActorId, ChangeHash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::limits;

/// The namespace of every id made of names: a document's is UUIDv5 of `{room}#{epoch}` in it.
const NAMESPACE: Uuid = Uuid::from_u128(0x8f1d_0a52_7c1b_5e0e_9a33_c4a7_2b1e_66d0);

/// First byte of every actor id that Chartroom mints, so that new actors sort behind old ones.
const ACTOR_PREFIX: u8 = 0xff;

/// A room's name, `{kind}:{key}`: kind `[a-z][a-z0-9-]{0,31}`, key `[A-Za-z0-9.~_-]{1,96}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomName(String);

/// Why a text is no room name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomNameError {
    /// There is no `:` between kind and key.
    #[error("a room name is written kind:key, and this one has no colon")]
    NoColon,
    /// The part before the colon is not `[a-z][a-z0-9-]{0,31}`.
    #[error(
        "a room's kind is 1 to 32 lower-case letters, digits and hyphens, beginning with a letter"
    )]
    Kind,
    /// The part behind the colon is not `[A-Za-z0-9.~_-]{1,96}` (`pharmacy:queue` is an example).
    #[error("a room's key is 1 to 96 letters, digits, dots, tildes, underscores and hyphens")]
    Key,
}

impl RoomName {
    /// The room of one patient's chart; `id` is the FHIR id of the Patient.
    pub fn patient(id: &str) -> Result<Self, RoomNameError> {
        format!("patient:{id}").parse()
    }

    /// The room of everything that belongs to no patient.
    pub fn directory() -> Self {
        Self("facility:directory".to_owned())
    }

    /// The room of alerts and announcements for everyone.
    pub fn alerts() -> Self {
        Self("facility:alerts".to_owned())
    }

    /// The room of every open prescription of the facility.
    pub fn pharmacy() -> Self {
        Self("pharmacy:queue".to_owned())
    }

    /// A room that nobody enters, for what belongs to none.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn nowhere() -> Self {
        Self("none:none".to_owned())
    }

    /// Whether this is a patient's chart, and no restricted compartment of it.
    pub fn is_chart(&self) -> bool {
        self.kind() == "patient" && !self.key().contains('~')
    }

    /// The security labels of a restricted compartment; none of any other room.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn labels(&self) -> Vec<&str> {
        let labels = self.key().split_once('~').map(|(_, labels)| labels.split('.'));
        labels.into_iter().flatten().filter(|label| !label.is_empty()).collect()
    }

    /// The chart that a patient's restricted compartment belongs to, or that the room is.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn chart(&self) -> Option<Self> {
        Self::patient(self.patient_id()?).ok()
    }

    /// The restricted compartment of a chart for labels, in their order and separated by dots.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn compartment(&self, labels: &str) -> Result<Self, RoomNameError> {
        format!("{self}~{labels}").parse()
    }

    /// Whether this is one of the rooms that every facility has, written to or not.
    pub fn is_facility(&self) -> bool {
        [Self::alerts(), Self::directory(), Self::pharmacy()].contains(self)
    }

    /// The part before the colon.
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// The part behind the colon.
    pub fn key(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, key)| key)
    }

    /// The FHIR id of the patient whose chart, or restricted compartment, this room holds.
    pub fn patient_id(&self) -> Option<&str> {
        (self.kind() == "patient").then(|| self.key().split('~').next().unwrap_or_default())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, key) = text.split_once(':').ok_or(RoomNameError::NoColon)?;
        let kind_ok = kind.len() <= limits::ROOM_KIND_BYTES_MAX
            && kind.starts_with(|c: char| c.is_ascii_lowercase())
            && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !kind_ok {
            return Err(RoomNameError::Kind);
        }
        let key_ok = (1..=limits::ROOM_KEY_BYTES_MAX).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b".~_-".contains(&b));
        if !key_ok {
            return Err(RoomNameError::Key);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for RoomName {
    type Error = RoomNameError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> Self {
        name.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One founding of a room: its name and the epoch, which is 1 until the room is re-founded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomId {
    /// The name that people and programs use.
    pub name: RoomName,
    /// Which founding of the room; never 0.
    pub epoch: u32,
}

impl RoomId {
    /// The first epoch of a room.
    pub fn first(name: RoomName) -> Self {
        Self { name, epoch: 1 }
    }

    /// The id of the Automerge document of this epoch: UUIDv5 of `{name}#{epoch}`.
    pub fn document_id(&self) -> DocumentId {
        DocumentId(*Uuid::new_v5(&NAMESPACE, self.to_string().as_bytes()).as_bytes())
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.name, self.epoch)
    }
}

/// An automerge-repo document id: 16 bytes, written bs58check, opened as `automerge:<id>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(pub [u8; 16]);

/// The text is not bs58check over 16 bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a document id is 16 bytes in bs58check, as automerge-repo writes it")]
pub struct DocumentIdError;

impl FromStr for DocumentId {
    type Err = DocumentIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = bs58::decode(text).with_check(None).into_vec().map_err(|_| DocumentIdError)?;
        bytes.try_into().map(Self).map_err(|_| DocumentIdError)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).with_check().into_string())
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id of a resource that follows from others: the UUIDv5 of what names it.
pub(crate) fn named_uuid(name: &str) -> String {
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}

/// Mints an actor id: byte FF, the low 7 bytes of `now_ms` big-endian, 8 random bytes.
///
/// New actors then sort behind old ones, which spares automerge a renumbering of every operation.
pub fn mint_actor(now_ms: u64, random: [u8; 8]) -> ActorId {
    let mut bytes = [0; 16];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&now_ms.to_be_bytes());
    tail.copy_from_slice(&random);
    if let Some(first) = bytes.first_mut() {
        *first = ACTOR_PREFIX;
    }
    ActorId::from(bytes)
}

/// A digest of a document's heads, by which two replicas know that they have the same: the first 16
/// bytes of SHA-256 over the hashes in ascending order.
pub fn heads_digest(heads: &[ChangeHash]) -> [u8; 16] {
    let mut heads: Vec<&ChangeHash> = heads.iter().collect();
    heads.sort_unstable();
    let digest = heads.iter().fold(Sha256::new(), |sha, head| sha.chain_update(head.0)).finalize();
    let mut short = [0; 16];
    short.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    short
}

/// The person responsible for a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Author {
    /// Stable id of the person: what sign-in calls the subject.
    pub id: String,
    /// The name that colleagues read.
    pub name: String,
}

impl Author {
    /// An author from id and display name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into() }
    }
}

/// One live connection into one room, numbered by whoever drives the room; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub u64);
