//! How people stand to rooms by name: members, and those who broke the glass. Facts of the store.

use std::collections::{BTreeMap, BTreeSet};

use chartroom_engine::{
    Author, RoomId, RoomName,
    access::{Level, Standing},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    clock,
    hub::{Hub, RoomError},
    storage::Fact,
};

/// From room and person to a [`Member`].
const MEMBERS: &str = "member";
/// From room and person to a [`Glass`].
const GLASSES: &str = "glass";
/// Standings that are remembered; beyond it all are asked for anew.
const REMEMBERED_MAX: usize = 100_000;

/// Somebody who belongs to a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    pub person: Author,
    /// How far they may go.
    pub level: Level,
    /// The id of who let them in.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub since_ms: u64,
}

/// Somebody who broke the glass of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Glass {
    /// Who.
    pub person: Author,
    /// Why, in their own words.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub since_ms: u64,
    /// Until when, in milliseconds since 1970.
    pub until_ms: u64,
}

/// What was asked for before.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    standings: BTreeMap<String, Standing>,
    /// How often any was changed: what was asked for before is not remembered after.
    changes: u64,
}

impl Hub {
    /// How a person stands to a room. Who stands to it in no way is not remembered, so that it takes as
    /// long to say of a room that is another's as of one that is not there.
    pub(super) async fn standing_of(
        &self,
        room: &RoomName,
        person: &str,
    ) -> Result<Standing, RoomError> {
        let key = key(room, person);
        let changes = {
            let known = self.gate().remembered.0.lock();
            if let Some(standing) = known.standings.get(&key) {
                return Ok(*standing);
            }
            known.changes
        };
        let asked = key.clone();
        let (member, glass) = self
            .read_storage(move |storage| {
                Ok((storage.fact(MEMBERS, &asked)?, storage.fact(GLASSES, &asked)?))
            })
            .await?;
        let member = member.and_then(|fact| serde_json::from_slice::<Member>(&fact).ok());
        let glass = glass.and_then(|fact| serde_json::from_slice::<Glass>(&fact).ok());
        let standing = Standing {
            member: member.map(|member| member.level),
            glass_until_ms: glass.map(|glass| glass.until_ms),
        };
        let mut known = self.gate().remembered.0.lock();
        if known.changes == changes && standing != Standing::default() {
            if known.standings.len() >= REMEMBERED_MAX {
                known.standings.clear();
            }
            known.standings.insert(key, standing);
        }
        Ok(standing)
    }

    /// Lets somebody into a room, or sets how far they may go.
    pub(crate) async fn admit(&self, room: &RoomName, member: &Member) -> Result<(), RoomError> {
        let value = serde_json::to_vec(member).ok();
        self.note_standing(MEMBERS, room, &member.person.id, value).await
    }

    /// Takes somebody's membership away, and ends the connections that they have in the room.
    pub(crate) async fn dismiss(&self, room: &RoomName, person: &str) -> Result<(), RoomError> {
        self.note_standing(MEMBERS, room, person, None).await
    }

    /// Has somebody enter a room for a while.
    pub(crate) async fn break_glass(
        &self,
        room: &RoomName,
        glass: &Glass,
    ) -> Result<(), RoomError> {
        let value = serde_json::to_vec(glass).ok();
        self.note_standing(GLASSES, room, &glass.person.id, value).await
    }

    /// Ends what somebody entered for a while.
    pub(crate) async fn mend_glass(&self, room: &RoomName, person: &str) -> Result<(), RoomError> {
        self.note_standing(GLASSES, room, person, None).await
    }

    /// The members of a room, and whose glass is broken now.
    pub(crate) async fn people_of(
        &self,
        room: &RoomName,
    ) -> Result<(Vec<Member>, Vec<Glass>), RoomError> {
        let of_room = format!("{room} ");
        let (members, glasses) = self
            .read_storage(|storage| Ok((storage.facts(MEMBERS)?, storage.facts(GLASSES)?)))
            .await?;
        let members = of(&members, &of_room).collect();
        let now_ms = clock::now_ms();
        let glasses = of(&glasses, &of_room).filter(|glass: &Glass| glass.until_ms > now_ms);
        Ok((members, glasses.collect()))
    }

    /// The rooms to which a person stands in some way, and maybe more.
    pub(crate) async fn rooms_of(&self, person: &str) -> Result<BTreeSet<RoomName>, RoomError> {
        let whose = digest(person);
        let (members, glasses) = self
            .read_storage(|storage| Ok((storage.facts(MEMBERS)?, storage.facts(GLASSES)?)))
            .await?;
        let rooms = members.iter().chain(&glasses).filter_map(|(key, _)| {
            let (room, person) = key.split_once(' ')?;
            (person == whose).then(|| room.parse().ok()).flatten()
        });
        Ok(rooms.collect())
    }

    async fn note_standing(
        &self,
        table: &str,
        room: &RoomName,
        person: &str,
        value: Option<Vec<u8>>,
    ) -> Result<(), RoomError> {
        let key = key(room, person);
        let fact = Fact { table: table.to_owned(), key: key.clone(), value };
        let noted = self.note(RoomId::first(room.clone()), vec![fact]).await;
        // Also where the store failed: what it holds is read anew.
        {
            let mut known = self.gate().remembered.0.lock();
            known.standings.remove(&key);
            known.changes += 1;
        }
        self.gate().passes.leave(person, room);
        noted
    }
}

fn of<'a, T: serde::de::DeserializeOwned>(
    facts: &'a [(String, Vec<u8>)],
    of_room: &'a str,
) -> impl Iterator<Item = T> + 'a {
    let of_room = move |(key, _): &&(String, Vec<u8>)| key.starts_with(of_room);
    facts.iter().filter(of_room).filter_map(|(_, fact)| serde_json::from_slice(fact).ok())
}

/// Ids of persons are as long as their provider likes; keys are not.
fn key(room: &RoomName, person: &str) -> String {
    format!("{room} {}", digest(person))
}

fn digest(person: &str) -> String {
    format!("{:x}", Sha256::digest(person))
}
