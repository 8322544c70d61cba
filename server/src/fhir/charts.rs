//! The copies of rooms that FHIR reads, those that were used last.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chartroom_engine::{
    ChangeHash, Document, DocumentId, Room, RoomId, RoomName, access::Ability, document::People,
};
use parking_lot::Mutex;
use serde_json::Value;

use super::chart::Chart;
use crate::{
    auth::Caller,
    hub::{Hub, RoomError, RoomHandle},
};

/// Bytes that all copies may cost, about.
const BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Events read at once for their times.
const EVENTS_PAGE: usize = 10_000;

/// One copy, and when it was last used.
struct Kept {
    document: DocumentId,
    used: u64,
    bytes: u64,
    slot: Arc<Slot>,
}

/// Where a copy is.
#[derive(Default)]
struct Slot {
    /// Who looks, looks alone; the others wait without holding a thread.
    chart: Arc<tokio::sync::Mutex<Option<Chart>>>,
    /// The heads and the last event that the copy had at the last look.
    known: Mutex<Option<(Vec<ChangeHash>, u64)>>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Charts {
    kept: Mutex<Vec<Kept>>,
    uses: AtomicU64,
}

/// What a room has had since a copy was made.
enum News {
    All(Box<Document>, People),
    Some(Vec<Vec<u8>>, People),
    None,
}

impl Charts {
    /// Looks at a room's latest epoch, off its task, as somebody sees it; `None` where nothing was ever
    /// written to it, or it is not theirs to know of.
    pub async fn look_at<T: Send + 'static>(
        &self,
        caller: &Caller,
        name: &RoomName,
        look: impl FnOnce(&mut Chart) -> T + Send + 'static,
    ) -> Result<Option<T>, RoomError> {
        let Some(access) = caller.may_enter(name).await? else { return Ok(None) };
        let hub = caller.hub();
        let Some(record) = hub.stored(name).await? else { return Ok(None) };
        let room = hub.open(&record.id)?;
        let look = move |chart: &mut Chart| chart.as_seen(access, look);
        self.look(hub, &room, look).await.map(Some)
    }

    /// The same of one epoch, which is the latest unless the caller may look at those that are sealed.
    pub async fn look_in<T: Send + 'static>(
        &self,
        caller: &Caller,
        id: &RoomId,
        look: impl FnOnce(&mut Chart) -> T + Send + 'static,
    ) -> Result<Option<T>, RoomError> {
        let Some(access) = caller.may_enter(&id.name).await? else { return Ok(None) };
        let hub = caller.hub();
        let latest = hub.stored(&id.name).await?.is_some_and(|record| record.id == *id);
        if !latest && caller.check(Ability::Audit).is_err() {
            return Ok(None);
        }
        let look = move |chart: &mut Chart| chart.as_seen(access, look);
        self.look(hub, &*hub.open(id)?, look).await.map(Some)
    }

    /// Looks at a room, off its task.
    async fn look<T: Send + 'static>(
        &self,
        hub: &Arc<Hub>,
        room: &RoomHandle,
        look: impl FnOnce(&mut Chart) -> T + Send + 'static,
    ) -> Result<T, RoomError> {
        let (id, slot) = (room.id().clone(), self.slot(&room.id().document_id()));
        let (heads, seen) = slot.known.lock().clone().unzip();
        let (news, event_seq) =
            room.read(move |room| (news(room, heads), room.event_seq())).await?;
        let seen = seen.filter(|_| !matches!(news, News::All(..))).unwrap_or(0);
        let times = times(hub, &id, seen, event_seq).await?;
        let mut copy = Arc::clone(&slot.chart).lock_owned().await;
        let looking = move || {
            let chart = renewed(&mut copy, news)?;
            chart.note_times(times);
            chart.event_seq = chart.event_seq.max(event_seq);
            *slot.known.lock() = Some((chart.heads(), chart.event_seq));
            Some((look(chart), chart.bytes()))
        };
        // Reading a chart anew takes a second where it is large.
        let looked = tokio::task::spawn_blocking(looking).await;
        let Ok(Some((answer, bytes))) = looked else {
            self.forget(&id.document_id());
            return Err(RoomError::Ended);
        };
        self.used(&id.document_id(), bytes);
        Ok(answer)
    }

    /// Looks at a room that is looked at for once: a copy that is not kept, and where none of the
    /// resources of a type `may` be what is looked for, none at all.
    pub async fn scan_at<T: Send + 'static>(
        &self,
        caller: &Caller,
        name: &RoomName,
        resource_type: &'static str,
        may: impl Fn(&Value) -> bool + Send + 'static,
        look: impl FnOnce(&mut Chart) -> T + Send + 'static,
    ) -> Result<Option<T>, RoomError> {
        let Some(access) = caller.may_enter(name).await? else { return Ok(None) };
        let hub = caller.hub();
        let Some(record) = hub.stored(name).await? else { return Ok(None) };
        let document = record.id.document_id();
        if self.kept.lock().iter().any(|kept| kept.document == document) {
            return self.look_at(caller, name, look).await;
        }
        let find = move |room: &Room| {
            let document = room.document();
            // Those that are made of changes show in none of the document's own.
            let any =
                resource_type == "Provenance" || document.collection(resource_type).iter().any(may);
            any.then(|| (document.clone(), room.people().clone(), room.event_seq()))
        };
        let found = hub.glance_at_room(name, find).await?.flatten();
        let Some((document, people, last)) = found else { return Ok(None) };
        let times = times(hub, &record.id, 0, last).await?;
        let looking = move || {
            let mut chart = Chart::of(document, people);
            chart.note_times(times);
            chart.as_seen(access, look)
        };
        tokio::task::spawn_blocking(looking).await.map(Some).map_err(|_| RoomError::Ended)
    }

    fn slot(&self, document: &DocumentId) -> Arc<Slot> {
        let used = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.kept.lock();
        if let Some(known) = kept.iter_mut().find(|kept| kept.document == *document) {
            known.used = used;
            return Arc::clone(&known.slot);
        }
        let slot = Arc::default();
        kept.push(Kept { document: *document, used, bytes: 0, slot: Arc::clone(&slot) });
        slot
    }

    /// Notes what a copy costs, and lets those go that were not used for longest.
    fn used(&self, document: &DocumentId, bytes: u64) {
        let mut kept = self.kept.lock();
        if let Some(known) = kept.iter_mut().find(|kept| kept.document == *document) {
            known.bytes = bytes;
        }
        kept.sort_by_key(|kept| std::cmp::Reverse(kept.used));
        let mut sum = 0;
        kept.retain(|kept| {
            sum += kept.bytes;
            sum <= BYTES_MAX || kept.document == *document
        });
    }

    fn forget(&self, document: &DocumentId) {
        self.kept.lock().retain(|kept| kept.document != *document);
    }
}

fn news(room: &Room, known: Option<Vec<ChangeHash>>) -> News {
    let document = room.document();
    match known {
        Some(heads) if heads == document.heads() => News::None,
        Some(heads) if heads.iter().all(|head| document.contains(head)) => {
            News::Some(document.chunks_since(&heads), room.people().clone())
        }
        Some(_) | None => News::All(Box::new(document.clone()), room.people().clone()),
    }
}

/// The copy with the news in it; `None` where they do not fit.
fn renewed(slot: &mut Option<Chart>, news: News) -> Option<&mut Chart> {
    match news {
        // Somebody else may have been faster.
        News::All(document, _) if slot.as_ref().is_some_and(|chart| chart.has(&document)) => {}
        News::All(document, people) => *slot = Some(Chart::of(*document, people)),
        News::Some(chunks, people) => {
            let followed = slot.as_mut().is_some_and(|chart| chart.follow(chunks, people));
            if !followed {
                *slot = None;
            }
        }
        News::None => {}
    }
    slot.as_mut()
}

/// When the server had the changes of the events behind `after`.
async fn times(
    hub: &Arc<Hub>,
    room: &RoomId,
    mut after: u64,
    last: u64,
) -> Result<Vec<(ChangeHash, i64)>, RoomError> {
    let mut times = Vec::new();
    while after < last {
        let id = room.clone();
        let page = hub.read_storage(move |storage| storage.events(&id, after, EVENTS_PAGE)).await?;
        let Some(through) = page.last().map(|event| event.seq) else { break };
        after = through;
        for event in page {
            let change = event.changes.first().and_then(|hash| hash.parse().ok());
            if let Some(change) = change.filter(|_| event.source.is_none()) {
                times.push((change, i64::try_from(event.time_ms).unwrap_or(i64::MAX)));
            }
        }
    }
    Ok(times)
}
