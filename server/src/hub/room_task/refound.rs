//! Founding a room anew: the next epoch is written and this one sealed in one step of the storage,
//! and everybody here is told where the room is now.
//!
//! It waits until everything is durable and takes no mail meanwhile. A crash leaves either this
//! epoch as it was, or both.

use std::sync::Arc;

use chartroom_engine::{Batch, Peer, RoomId, access::Access, heads_digest};
use tokio::sync::oneshot;

use super::{Flow, Live, RoomTask, members::Members};
use crate::{
    clock,
    hub::{Hub, RoomError, handle::RefoundingError, link::Link},
    storage::RoomBatch,
};

impl RoomTask {
    /// Founds the next epoch if that was asked for and nothing is under way.
    pub(super) async fn refound_if_asked(&self, live: &mut Live) -> Flow {
        let quiet = live.room.settled() && !live.room.has_work() && !live.log.is_busy();
        let Some((to, done)) = live.refounding.take_if(|_| quiet) else { return Flow::Go };
        let outcome = self.refound(live, to).await;
        let flow = match &outcome {
            Ok(_) => Flow::Sealed,
            Err(RefoundingError::Refused(_)) => Flow::Go,
            // Nobody knows what became of it; the storage does.
            Err(RefoundingError::Room(_)) => Flow::Reload,
        };
        // Who no longer waits needs no answer.
        let _ = done.send(outcome);
        flow
    }

    /// Writes the next epoch, or, where another server has founded it, nothing but that it is there:
    /// what it holds comes over the link.
    async fn refound(
        &self,
        live: &mut Live,
        to: Option<RoomId>,
    ) -> Result<RoomId, RefoundingError> {
        let (document, now_ms) = (live.room.document().clone(), clock::now_ms());
        let (id, changes, heads) = match to {
            Some(id) => (id, Vec::new(), None),
            None => {
                let founding = tokio::task::spawn_blocking(move || document.refound(now_ms)).await;
                let next = founding.map_err(|_| RoomError::Ended)??;
                (next.room().clone(), next.log(), Some(heads_digest(&next.heads())))
            }
        };
        let record = self.hub.stored(&id.name).await?;
        let batch = Batch { number: 1, changes, ..Batch::default() };
        let first = RoomBatch {
            summary: record.map(|record| record.summary),
            heads,
            ..RoomBatch::new(id.clone(), batch, now_ms)
        };
        let sealing = RoomBatch {
            successor: Some(Box::new(first)),
            ..RoomBatch::new(self.id.clone(), Batch::default(), now_ms)
        };
        let (tell, told) = oneshot::channel();
        self.hub.writer.commit(sealing, move |outcome| {
            // The task that asked may be gone with its server.
            let _ = tell.send(outcome);
        });
        told.await.map_err(|_| RoomError::ShuttingDown)?.map_err(RoomError::from)?;
        let document = self.id.document_id();
        tracing::info!(%document, epoch = id.epoch, next = %id.document_id(), "a room was founded anew");
        live.members.send_away(&self.hub.peer_id, &self.id, &id);
        if let Some(heads) = heads {
            self.hub.linked.tell(&id, heads, 0);
        }
        Ok(id)
    }

    /// Tells somebody who came for a sealed epoch where the room is now.
    pub(super) async fn send_away(&self, peer: Peer, link: Arc<Link>, access: &Access) {
        let latest = latest(&self.hub, &self.id).await;
        let mut members = Members::default();
        members.enter(&self.hub.peer_id, &self.id, peer, link, access, Arc::default());
        members.send_away(&self.hub.peer_id, &self.id, &latest);
    }
}

/// The epoch that the room is in now; where the storage does not say, the one behind `sealed`.
async fn latest(hub: &Hub, sealed: &RoomId) -> RoomId {
    match hub.stored(&sealed.name).await {
        Ok(Some(record)) => record.id,
        Ok(None) | Err(_) => RoomId { epoch: sealed.epoch + 1, ..sealed.clone() },
    }
}
