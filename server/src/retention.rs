//! How long events are kept: by number and by age, room by room, beside everything else.
//!
//! Changes are kept for good; what is dropped here is the log of events alone. A reader who asks for
//! dropped events is told so, with the oldest number that is left.

use std::{sync::Arc, time::Duration};

use chartroom_engine::RoomId;
use tokio::time::sleep;

use crate::{
    clock,
    hub::{Hub, RoomError},
    storage::{Epoch, Storage, StorageError},
};

/// After the start nothing is dropped for a while: rooms are being opened.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// How often all rooms are visited.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Which events are kept: those that both limits keep.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// The newest events of each room, this many.
    pub events_max: u64,
    /// Events of the last days, this many.
    pub days_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { events_max: 100_000, days_max: 3650 }
    }
}

/// Visits all rooms for as long as the server runs.
pub(crate) async fn run(hub: Arc<Hub>, retention: Retention) {
    sleep(FIRST_WAIT).await;
    loop {
        if let Err(error) = visit(&hub, retention).await {
            tracing::warn!(code = error.code(), "old events were not dropped");
        }
        sleep(INTERVAL).await;
    }
}

/// Drops what the limits do not keep, in every room.
async fn visit(hub: &Arc<Hub>, retention: Retention) -> Result<(), RoomError> {
    let now_ms = clock::now_ms();
    for record in hub.list().await? {
        let name = record.id.name.clone();
        let drops = hub.read_storage(move |storage| {
            droppable(storage, &storage.epochs(&name)?, retention, now_ms)
        });
        for (room, through) in drops.await? {
            hub.trim_events(room, through).await?;
        }
    }
    Ok(())
}

/// Up to which event each epoch of a room is to be trimmed.
fn droppable(
    storage: &dyn Storage,
    epochs: &[Epoch],
    retention: Retention,
    now_ms: u64,
) -> Result<Vec<(RoomId, u64)>, StorageError> {
    let last = epochs.last().map_or(0, |epoch| epoch.event_last);
    let by_number = last.saturating_sub(retention.events_max);
    let oldest_ms = now_ms.saturating_sub(retention.days_max.saturating_mul(DAY_MS));
    let mut drops = Vec::new();
    for epoch in epochs.iter().filter(|epoch| epoch.event_first <= epoch.event_last) {
        let by_age = last_before(storage, epoch, oldest_ms)?;
        let through = by_number.max(by_age).min(epoch.event_last);
        if through >= epoch.event_first {
            drops.push((epoch.id.clone(), through));
        }
    }
    Ok(drops)
}

/// The number of the last event before an instant; times never go back within a log.
fn last_before(storage: &dyn Storage, epoch: &Epoch, ms: u64) -> Result<u64, StorageError> {
    let (mut known_before, mut known_after) = (epoch.event_first - 1, epoch.event_last + 1);
    while known_after - known_before > 1 {
        let middle = known_before + (known_after - known_before) / 2;
        let event = storage.events(&epoch.id, middle - 1, 1)?;
        if event.first().is_some_and(|event| event.time_ms < ms) {
            known_before = middle;
        } else {
            known_after = middle;
        }
    }
    Ok(known_before)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

    use super::*;
    use crate::{
        hub::{FollowError, HubConfig},
        storage::{
            Memory,
            conformance::{batch, room},
        },
    };

    /// Twelve events, one a millisecond from 1,001 on.
    fn stored() -> (Memory, Vec<Epoch>) {
        let memory = Memory::new();
        let alice = room("patient:1");
        memory.commit(&[batch(&alice, 1..=12)]).unwrap();
        let epochs = memory.epochs(&alice.name).unwrap();
        (memory, epochs)
    }

    #[test]
    fn events_are_dropped_by_number_and_by_age() {
        let (memory, epochs) = stored();
        let room = room("patient:1");
        let through = |events_max, days_max, now_ms| {
            let retention = Retention { events_max, days_max };
            droppable(&memory, &epochs, retention, now_ms).unwrap()
        };
        assert_eq!(through(12, 1, 2_000), []);
        assert_eq!(through(5, 1, 2_000), [(room.clone(), 7)]);
        assert_eq!(through(100, 1, DAY_MS + 1_004), [(room.clone(), 3)]);
        assert_eq!(through(5, 1, DAY_MS + 1_004), [(room.clone(), 7)]);
        assert_eq!(through(100, 1, 2 * DAY_MS), [(room, 12)]);
    }

    #[tokio::test]
    async fn a_reader_of_dropped_events_is_told_the_oldest() {
        let (memory, _) = stored();
        let hub = Hub::start(Arc::new(memory), HubConfig::default()).unwrap();
        visit(&hub, Retention { events_max: 5, days_max: 36_500 }).await.unwrap();
        let name = room("patient:1").name;
        let gone = hub.bare_events(&name, 6, 10).await;
        assert!(matches!(gone, Err(FollowError::Gone { first: 8, .. })));
        assert_eq!(hub.bare_events(&name, 7, 10).await.unwrap().events.len(), 5);
    }
}
