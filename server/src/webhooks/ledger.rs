//! What outlives the server: how far each target is in each room, and what was given up.
//!
//! Positions stand in the table `cursor-webhook` by target and room, dead letters in `webhook-dead`
//! by their ids, and in `webhook-target` the rooms that each target heard when it was last started.

use std::{collections::BTreeMap, sync::Arc};

use chartroom_engine::{RoomId, RoomName};
use serde::{Deserialize, Serialize};

use chartroom_engine::access::RoomPattern;

use crate::{
    hub::{Hub, RoomError},
    storage::Fact,
};

const POSITIONS: &str = "cursor-webhook";
const LETTERS: &str = "webhook-dead";
const TARGETS: &str = "webhook-target";

/// An event that was given up. What it says stands in the room's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The `webhook-id` of its deliveries.
    pub id: String,
    /// For whom it was.
    pub target: String,
    /// Whose event it is.
    pub room: RoomName,
    /// The event's number there.
    pub seq: u64,
    /// The event's name.
    pub event: String,
    /// When the event happened, in milliseconds since 1970.
    pub time_ms: u64,
    /// When it was given up, in milliseconds since 1970.
    pub given_up_ms: u64,
    /// Attempts so far.
    pub attempts: u32,
    /// The last one's error.
    pub error: String,
}

/// The durable side of all targets.
#[derive(Clone)]
pub struct Ledger(pub Arc<Hub>);

impl Ledger {
    /// How far a target is, by room: the number of the last event handled.
    pub async fn positions(&self, target: &str) -> Result<BTreeMap<RoomName, u64>, RoomError> {
        let facts = self.0.facts(POSITIONS).await?;
        let position = |(key, value): &(String, Vec<u8>)| {
            let room = key.strip_prefix(target)?.strip_prefix('/')?.parse().ok()?;
            Some((room, u64::from_be_bytes(value.as_slice().try_into().ok()?)))
        };
        Ok(facts.iter().filter_map(position).collect())
    }

    /// The rooms that a target heard when it was last started; none where it never was.
    pub async fn heard(&self, target: &str) -> Result<Vec<RoomPattern>, RoomError> {
        let facts = self.0.facts(TARGETS).await?;
        let text = facts.into_iter().find(|(key, _)| key == target).map(|(_, value)| value);
        let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
        Ok(text.split_whitespace().filter_map(|pattern| pattern.parse().ok()).collect())
    }

    /// Every dead letter, by id.
    pub async fn letters(&self) -> Result<Vec<DeadLetter>, RoomError> {
        let facts = self.0.facts(LETTERS).await?;
        Ok(facts.iter().filter_map(|(_, value)| serde_json::from_slice(value).ok()).collect())
    }

    /// Makes facts durable in one step.
    pub async fn note(&self, facts: Vec<Fact>) -> Result<(), RoomError> {
        // About many rooms or none: the room stands for them and need not be there.
        self.0.note(RoomId::first(RoomName::directory()), facts).await
    }
}

/// How far a target is in a room.
pub fn position(target: &str, room: &RoomName, seq: u64) -> Fact {
    let value = Some(seq.to_be_bytes().to_vec());
    Fact { table: POSITIONS.to_owned(), key: format!("{target}/{room}"), value }
}

/// The rooms that a target hears from now on.
pub fn hears(target: &str, patterns: &[RoomPattern]) -> Fact {
    let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    let value = Some(patterns.join(" ").into_bytes());
    Fact { table: TARGETS.to_owned(), key: target.to_owned(), value }
}

/// A dead letter as it stands from now on.
pub fn buried(letter: &DeadLetter) -> Fact {
    let value = serde_json::to_vec(letter).expect("a letter is plain JSON");
    Fact { table: LETTERS.to_owned(), key: letter.id.clone(), value: Some(value) }
}

/// A dead letter is none any more.
pub fn settled(id: &str) -> Fact {
    Fact { table: LETTERS.to_owned(), key: id.to_owned(), value: None }
}
