//! The audit trail as FHIR has it: what FHIR requests note in it, and its entries as AuditEvents.

mod event;

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{ask::Ask, error::FhirError, table::Interaction, write::Prepared};
use crate::{
    audit::{self, Act, Door, Entry, Touched},
    hub::{Hub, RoomError},
};

/// The table of AuditEvents that an earlier version wrote by themselves.
const OLD_TABLE: &str = "audit";
/// Entries that a search looks at, the newest.
pub(super) const SEARCHED_MAX: u64 = 10_000;
/// Digits of an entry's number in its AuditEvent's id; the ids of an earlier version have other signs.
const ID_DIGITS: usize = 20;

/// What a search looks at.
#[derive(Debug, Default)]
pub(super) struct Newest {
    /// AuditEvents, by id.
    pub events: Vec<Arc<Value>>,
    /// Whether these are all.
    pub is_all: bool,
}

/// What an interaction does, as the trail calls it; `None` where nothing is seen. Changes that it makes
/// have entries of their own.
pub(super) fn act(interaction: Interaction) -> Option<Act> {
    match interaction {
        Interaction::Capabilities => None,
        Interaction::Read => Some(Act::Read),
        Interaction::Search => Some(Act::Search),
        Interaction::Vread | Interaction::HistoryInstance | Interaction::HistoryType => {
            Some(Act::History)
        }
        Interaction::Everything => Some(Act::Export),
        Interaction::Bundle
        | Interaction::Create
        | Interaction::Update
        | Interaction::Patch
        | Interaction::Delete
        | Interaction::CorrectPatient
        | Interaction::MergePatients
        | Interaction::Relabel
        | Interaction::Import => Some(Act::Write),
    }
}

/// What a request asks for, to be added to its entry: the resource, or the type and the names of the
/// parameters.
pub(super) fn request(ask: &Ask) -> impl FnOnce(Entry) -> Entry + Send + 'static {
    let (resource_type, id) = (ask.resource_type, ask.id.clone());
    let is_name =
        |name: &&String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b));
    let names = ask.query.iter().map(|(name, _)| name);
    let names: BTreeSet<String> = names.filter(is_name).cloned().collect();
    move |entry| {
        let entry = match id.is_empty() {
            true => entry.detail("type", resource_type),
            false => entry.resource(resource_type, &id),
        };
        match names.is_empty() {
            true => entry,
            false => entry.detail("parameters", Vec::from_iter(names).join(" ")),
        }
    }
}

/// Notes that writes put back what others wrote, where they do.
pub(crate) async fn reverts(ask: &Ask, writes: &[Prepared]) -> Result<(), FhirError> {
    let reverting = writes.iter().filter(|write| !write.reverts.is_empty());
    let touched = reverting.map(|write| Touched {
        of: format!("{}/{}", write.resource_type, write.id),
        action: None,
        elements: write.reverts.to_vec(),
    });
    let mut entry = Entry::of(ask.caller.author(), Act::EditReverted);
    entry.resources.extend(touched);
    let Some(room) = writes.first().filter(|_| !entry.resources.is_empty()) else { return Ok(()) };
    note(ask, entry.room(&room.room)).await.map(drop)
}

/// Notes an act, durably; gives the id of its AuditEvent.
pub(crate) async fn note(ask: &Ask, entry: Entry) -> Result<String, FhirError> {
    let entry = Entry { reason: ask.reason.clone(), ..entry.via(Door::Fhir) };
    Ok(id(ask.caller.hub().audit().note_durably(entry).await?))
}

/// One of them.
pub(crate) async fn read(hub: &Arc<Hub>, id: &str) -> Result<Option<Value>, RoomError> {
    let is_number = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_digit());
    let Some(n) = id.parse().ok().filter(|_| is_number) else {
        let found = hub.fact(OLD_TABLE, id.to_owned()).await?;
        return Ok(found.and_then(|event| serde_json::from_slice(&event).ok()));
    };
    flush(hub).await;
    let found = hub.read_storage(move |storage| audit::entry(storage, n)).await?;
    Ok(found.as_ref().map(event::of))
}

/// Those that a search looks at: of the trail the newest, and all that an earlier version wrote.
pub(super) async fn newest(hub: &Arc<Hub>) -> Result<Newest, RoomError> {
    flush(hub).await;
    let newest = hub.read_storage(|storage| {
        let last = audit::last_number(storage)?;
        let after = last.saturating_sub(SEARCHED_MAX);
        let entries = audit::entries_between(storage, after, last)?;
        let old = storage.facts(OLD_TABLE)?;
        let old = old.iter().filter_map(|(_, event)| serde_json::from_slice(event).ok());
        let events = entries.iter().map(event::of).map(Arc::new).chain(old).collect();
        Ok(Newest { events, is_all: after == 0 })
    });
    newest.await
}

/// Has what was noted shown; while the store takes no writes, what is durable is.
async fn flush(hub: &Hub) {
    if !hub.writer_counts().failing {
        // Should it fail now, the same holds.
        let _ = hub.audit().flushed().await;
    }
}

fn id(n: u64) -> String {
    format!("{n:0ID_DIGITS$}")
}

#[cfg(test)]
mod tests {
    use chartroom_engine::{Author, RoomId, RoomName};
    use serde_json::json;

    use super::*;
    use crate::{
        hub::HubConfig,
        storage::{Fact, Memory, RoomBatch, Storage},
    };

    #[tokio::test]
    async fn what_an_earlier_version_noted_is_read_and_found_beside_the_trail() {
        let memory = Arc::new(Memory::new());
        let old = "01784920000000-00000000000000ab";
        let event = json!({ "resourceType": "AuditEvent", "id": old });
        let value = Some(serde_json::to_vec(&event).unwrap());
        let fact = Fact { table: "audit".to_owned(), key: old.to_owned(), value };
        let room = RoomId::first(RoomName::directory());
        memory.commit(&[RoomBatch::of_facts(room, vec![fact])]).unwrap();
        let hub = Hub::start(memory, HubConfig::default()).unwrap();
        hub.audit().note(Entry::of(&Author::new("alice", "Alice"), Act::Read));
        let Newest { events, is_all } = newest(&hub).await.unwrap();
        let ids: Vec<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
        assert_eq!((ids.as_slice(), is_all), (["00000000000000000001", old].as_slice(), true));
        assert_eq!(read(&hub, old).await.unwrap(), Some(event));
        assert_eq!(read(&hub, ids[0]).await.unwrap().as_ref(), Some(&*events[0]));
        for none in ["1", "00000000000000000002", "99999999999999999999", "x"] {
            assert_eq!(read(&hub, none).await.unwrap(), None, "{none}");
        }
        hub.close(false).await;
    }
}
