//! History: every version of a resource, or of all resources of a type, the newest first.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeSet, BinaryHeap},
};

use axum::{http::StatusCode, response::Response};
use chartroom_engine::{Event, RoomName, document::Account, time};
use serde_json::{Value, json};

use super::{
    answer,
    ask::Ask,
    bundle::{self, Page},
    chart::{Chart, Found},
    error::FhirError,
};
use crate::{hub::is_listed, storage::Epoch};

/// Where an entry says who made the version, which R4 has no element for.
pub(crate) const AUTHOR_EXTENSION: &str = "urn:chartroom:author";
/// Events of one room that are read at once, going back.
const EVENTS_PAGE: u64 = 64;

/// `GET [type]/[id]/_history`: of the room that the resource is in, then of those that it was in.
pub(crate) async fn of_instance(ask: Ask) -> Result<Response, FhirError> {
    let (page, since) = (Page::of(&ask)?, since(&ask)?);
    let (from, below) = page.cursor.as_deref().map_or(Ok((0, usize::MAX)), place_of_page)?;
    let (name, count) = (ask.resource_type, page.count);
    let (mut total, mut versions) = (0, Vec::new());
    for (at, room) in ask.fhir.places(&ask.caller, name, &ask.id).await?.iter().enumerate() {
        let below = match at.cmp(&from) {
            Ordering::Less => 0,
            Ordering::Equal => below,
            Ordering::Greater => usize::MAX,
        };
        let (id, wanted) = (ask.id.clone(), (count + 1).saturating_sub(versions.len()));
        let look = move |chart: &mut Chart| {
            // Who may not see it now is told of no version.
            let all = chart.current(name, &id).map_or(0, |_| chart.count(name, &id));
            let numbers = (1..=all.min(below.saturating_sub(1))).rev().take(wanted);
            let found = chart.at(name, &id, &numbers.collect::<Vec<_>>());
            let told = found.into_iter().map(|found| (chart.account(&found.change), found));
            (all, told.collect::<Vec<_>>())
        };
        let looked = ask.fhir.charts.look_at(&ask.caller, room, look).await?;
        let (all, found) = looked.unwrap_or_default();
        total += all;
        versions.extend(found.into_iter().map(|(account, found)| (at, account, found)));
    }
    if total == 0 {
        return Err(FhirError::not_found());
    }
    let more = versions.len() > count;
    versions.truncate(count);
    let known = versions.len();
    let last = versions.last().map(|(at, _, found)| format!("{at}~{}", found.version.number));
    versions.retain(|(_, _, found)| since.is_none_or(|ms| found.updated_ms >= ms));
    // What is older than asked for is followed by older ones.
    let next = last.filter(|_| more && versions.len() == known);
    let total = since.is_none().then_some(total);
    let entries =
        versions.iter().map(|(_, account, found)| entry(&ask, account.as_ref(), found)).collect();
    Ok(answer::json(StatusCode::OK, &bundle::page("history", &ask, &page, total, next, entries)))
}

/// Where a page of an instance's history begins: the room, and the version below which it goes on.
fn place_of_page(cursor: &str) -> Result<(usize, usize), FhirError> {
    let (at, below) = cursor.split_once('~').ok_or_else(bundle::bad_cursor)?;
    let number = |text: &str| text.parse::<usize>().map_err(|_| bundle::bad_cursor());
    Ok((number(at)?, number(below)?))
}

/// `GET [type]/_history`.
pub(crate) async fn of_type(ask: Ask) -> Result<Response, FhirError> {
    let (page, since) = (Page::of(&ask)?, since(&ask)?);
    let before = page.cursor.as_deref().map(Cursor::parse).transpose()?;
    let listed = ask.caller.hub().list().await?.into_iter().map(|record| record.id.name);
    let mut rooms = Vec::new();
    for (room, _) in ask.caller.open_to(listed.filter(is_listed)).await? {
        rooms.push(Back::start(&ask, room, before.as_ref()).await?);
    }
    let (versions, more) = newest(&ask, rooms, page.count, since).await?;
    let next = versions.last().filter(|_| more).map(Cursor::of).map(|cursor| cursor.to_string());
    let entries = entries_of(&ask, versions).await?;
    Ok(answer::json(StatusCode::OK, &bundle::page("history", &ask, &page, None, next, entries)))
}

/// One version that an event tells of.
#[derive(Debug, Clone)]
struct Told {
    room: RoomName,
    time_ms: u64,
    seq: u64,
    id: String,
    change: chartroom_engine::ChangeHash,
}

/// Where a page of a type's history ends: the time, and the last event that was given of each room at
/// that time is known by room and number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    time_ms: u64,
    room: RoomName,
    seq: u64,
}

impl Cursor {
    fn of(told: &Told) -> Self {
        Self { time_ms: told.time_ms, room: told.room.clone(), seq: told.seq }
    }

    fn parse(text: &str) -> Result<Self, FhirError> {
        let mut parts = text.splitn(3, '~');
        let mut part = || parts.next().ok_or_else(bundle::bad_cursor);
        let (time, seq, room) = (part()?, part()?, part()?);
        Ok(Self {
            time_ms: time.parse().map_err(|_| bundle::bad_cursor())?,
            seq: seq.parse().map_err(|_| bundle::bad_cursor())?,
            room: room.parse().map_err(|_| bundle::bad_cursor())?,
        })
    }

    /// Whether an event comes behind what was given, going back.
    fn is_behind(&self, time_ms: u64, room: &RoomName, seq: u64) -> bool {
        (time_ms, room, seq) < (self.time_ms, &self.room, self.seq)
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}~{}~{}", self.time_ms, self.seq, self.room)
    }
}

/// A room's events of one type, going back from the newest.
struct Back {
    room: RoomName,
    epochs: Vec<Epoch>,
    /// Events above this were read.
    below: u64,
    /// The oldest event that is kept.
    first: u64,
    /// Versions that were read and not given, the newest last.
    waiting: Vec<Told>,
    seen: BTreeSet<(chartroom_engine::ChangeHash, String)>,
    before: Option<Cursor>,
    /// Whether that was told which the room was founded with.
    founding_told: bool,
}

impl Back {
    async fn start(ask: &Ask, room: RoomName, before: Option<&Cursor>) -> Result<Self, FhirError> {
        let epochs = ask.caller.hub().epochs(&room).await?;
        // What a later epoch says began anew: earlier versions are not read as FHIR any more.
        let latest: Vec<Epoch> = epochs.into_iter().rev().take(1).collect();
        let (below, first) =
            latest.first().map_or((0, 1), |epoch| (epoch.event_last + 1, epoch.event_first));
        let (waiting, seen) = (Vec::new(), BTreeSet::new());
        let founding_told = latest.first().is_none_or(|epoch| epoch.id.epoch == 1);
        let before = before.cloned();
        Ok(Self { room, epochs: latest, below, first, waiting, seen, before, founding_told })
    }

    /// The next version, going back.
    async fn next(&mut self, ask: &Ask) -> Result<Option<Told>, FhirError> {
        while self.waiting.is_empty() && self.below > self.first {
            let after =
                self.below.saturating_sub(EVENTS_PAGE + 1).max(self.first.saturating_sub(1));
            let limit = usize::try_from(self.below - 1 - after).unwrap_or(usize::MAX);
            let Some(epoch) = self.epochs.first() else { return Ok(None) };
            let id = epoch.id.clone();
            let hub = ask.caller.hub();
            let read =
                move |storage: &dyn crate::storage::Storage| storage.events(&id, after, limit);
            let events = hub.read_storage(read).await?;
            self.below = after + 1;
            for event in events {
                self.take(ask.resource_type, &event);
            }
        }
        if self.waiting.is_empty() && !std::mem::replace(&mut self.founding_told, true) {
            self.tell_founding(ask).await?;
        }
        Ok(self.waiting.pop())
    }

    /// What the epoch began with has no events; it stands before all that has.
    async fn tell_founding(&mut self, ask: &Ask) -> Result<(), FhirError> {
        let name = ask.resource_type;
        let look = move |chart: &mut Chart| chart.untold(name);
        let untold =
            ask.fhir.charts.look_at(&ask.caller, &self.room, look).await?.unwrap_or_default();
        for ((id, change, time_ms), seq) in untold.into_iter().zip(0..) {
            let time_ms = u64::try_from(time_ms).unwrap_or(0);
            if self.before.as_ref().is_none_or(|c| c.is_behind(time_ms, &self.room, seq)) {
                self.waiting.push(Told { room: self.room.clone(), time_ms, seq, id, change });
            }
        }
        self.waiting.sort_by_key(|told| (told.time_ms, told.seq));
        Ok(())
    }

    fn take(&mut self, resource_type: &str, event: &Event) {
        let change = event.changes.first().and_then(|hash| hash.parse().ok());
        let Some(change) = change.filter(|_| event.resource_type == resource_type) else { return };
        let behind = |before: &Cursor| before.is_behind(event.time_ms, &self.room, event.seq);
        let generic = event.event.starts_with("RESOURCE_");
        if generic
            && self.before.as_ref().is_none_or(behind)
            && self.seen.insert((change, event.resource_id.clone()))
        {
            self.waiting.push(Told {
                room: self.room.clone(),
                time_ms: event.time_ms,
                seq: event.seq,
                id: event.resource_id.clone(),
                change,
            });
        }
    }
}

/// The newest versions of all rooms, and whether there are more.
async fn newest(
    ask: &Ask,
    mut rooms: Vec<Back>,
    count: usize,
    since: Option<i64>,
) -> Result<(Vec<Told>, bool), FhirError> {
    let since = since.map_or(0, |ms| u64::try_from(ms).unwrap_or(0));
    let (mut heap, mut heads) = (BinaryHeap::new(), Vec::new());
    for (at, room) in rooms.iter_mut().enumerate() {
        let head = room.next(ask).await?.filter(|told| told.time_ms >= since);
        if let Some(told) = &head {
            heap.push((told.time_ms, told.room.clone(), told.seq, Reverse(at)));
        }
        heads.push(head);
    }
    let mut newest = Vec::new();
    while let Some((.., Reverse(at))) = heap.pop() {
        if newest.len() == count {
            return Ok((newest, true));
        }
        let (Some(room), Some(head)) = (rooms.get_mut(at), heads.get_mut(at)) else { break };
        newest.extend(head.take());
        *head = room.next(ask).await?.filter(|told| told.time_ms >= since);
        if let Some(told) = head {
            heap.push((told.time_ms, told.room.clone(), told.seq, Reverse(at)));
        }
    }
    Ok((newest, false))
}

/// The entries of versions, in their order.
async fn entries_of(ask: &Ask, versions: Vec<Told>) -> Result<Vec<Value>, FhirError> {
    let mut entries = Vec::new();
    let name = ask.resource_type;
    for told in versions {
        let look = move |chart: &mut Chart| {
            let number = chart.version_of(name, &told.id, &told.change)?;
            let found = chart.at(name, &told.id, &[number]).pop()?;
            Some((chart.account(&told.change), found))
        };
        let found = ask.fhir.charts.look_at(&ask.caller, &told.room, look).await?.flatten();
        entries.extend(found.map(|(account, found)| entry(ask, account.as_ref(), &found)));
    }
    Ok(entries)
}

/// One version as an entry of a history.
fn entry(ask: &Ask, account: Option<&Account>, found: &Found) -> Value {
    let reference = format!("{}/{}", found.resource_type, found.id);
    let (method, url, status) = match (found.deleted, found.version.number) {
        (true, _) => ("DELETE", reference.as_str(), "204"),
        (false, 1) => ("POST", found.resource_type.as_str(), "201"),
        (false, _) => ("PUT", reference.as_str(), "200"),
    };
    let mut entry = json!({
        "fullUrl": ask.url_of(&found.resource_type, &found.id),
        "request": { "method": method, "url": url },
        "response": {
            "status": status,
            "etag": answer::etag(&found.version.to_string()),
            "lastModified": time::rfc3339(found.updated_ms),
        },
    });
    if let Some(members) = entry.as_object_mut() {
        if !found.deleted {
            members.insert("resource".to_owned(), (*found.resource).clone());
        }
        if let Some(author) = account.and_then(|account| account.author.as_ref()) {
            let who = json!({ "identifier": { "value": author.id }, "display": author.name });
            members.insert(
                "extension".to_owned(),
                json!([{ "url": AUTHOR_EXTENSION, "valueReference": who }]),
            );
        }
    }
    entry
}

/// `_since`, in milliseconds since 1970.
pub(crate) fn since(ask: &Ask) -> Result<Option<i64>, FhirError> {
    let Some(text) = ask.parameter("_since") else { return Ok(None) };
    let parsed = time::parse(text).map(Some);
    parsed.ok_or_else(|| FhirError::invalid("_since is no instant").at("_since"))
}
