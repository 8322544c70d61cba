//! Facts: small durable records that belong to no room's log.

use tokio::sync::oneshot;

use super::{Hub, RoomError};
use crate::storage::{Fact, RoomBatch};
use chartroom_engine::RoomId;

impl Hub {
    /// The facts of a table, by key.
    pub(crate) async fn facts(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, RoomError> {
        let table = table.to_owned();
        self.read_storage(move |storage| storage.facts(&table)).await
    }

    /// One fact of a table.
    pub(crate) async fn fact(
        &self,
        table: &str,
        key: String,
    ) -> Result<Option<Vec<u8>>, RoomError> {
        let table = table.to_owned();
        self.read_storage(move |storage| storage.fact(&table, &key)).await
    }

    /// Has facts made durable in one step; `room` is the one they are about.
    pub(crate) async fn note(&self, room: RoomId, facts: Vec<Fact>) -> Result<(), RoomError> {
        let (done, durable) = oneshot::channel();
        self.writer.commit(RoomBatch::of_facts(room, facts), move |result| {
            // Who no longer waits needs no answer.
            let _ = done.send(result);
        });
        Ok(durable.await.map_err(|_| RoomError::ShuttingDown)??)
    }

    /// Has facts made durable, and waits for nothing: those that may be lost with the store's failure.
    pub(crate) fn note_later(&self, room: RoomId, facts: Vec<Fact>) {
        self.writer.commit(RoomBatch::of_facts(room, facts), |_| {});
    }
}
