//! What the server itself writes: the pharmacy's queue and everybody's alerts, from the patients'
//! rooms.
//!
//! The truth stays in those rooms; what is here can be made again from them. Each writer is one
//! task over a [`Consumer`](crate::hub::consumer::Consumer): it hears of news, works out what
//! follows, and writes it into its facility room together with how far it has read. Both run while
//! a server serves, and not in a command that opens the store.

pub(crate) mod alerts;
mod history;
pub(crate) mod pharmacy;
#[cfg(test)]
mod tests;
mod write;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::hub::{FollowError, Hub, RoomError};
use alerts::Alerts;
use pharmacy::Queue;

/// How long to wait before a writer that panicked begins anew.
const RESTART_AFTER: Duration = Duration::from_secs(5);
/// How long what is under way may take once the server closes.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What can be set about facility rooms.
#[derive(Debug, Clone)]
pub struct FacilityConfig {
    /// How long an alert waits for somebody before it goes to the next role.
    pub escalate_after: Duration,
    /// The roles, in the order in which an alert goes to them.
    pub escalate_to: Vec<String>,
    /// Changes in the history of a facility room after which it is re-founded.
    pub changes_max: u64,
}

impl Default for FacilityConfig {
    fn default() -> Self {
        Self {
            escalate_after: Duration::from_secs(15 * 60),
            escalate_to: vec!["charge-nurse".to_owned(), "supervisor".to_owned()],
            changes_max: 5_000,
        }
    }
}

/// Why a facility room does not follow for now; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FacilityError {
    /// A patient's events cannot be read (data, environment).
    #[error(transparent)]
    Events(#[from] FollowError),
    /// A room does not do it (data, environment).
    #[error(transparent)]
    Room(#[from] RoomError),
}

impl FacilityError {
    /// Stable code for the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Events(error) => error.code(),
            Self::Room(error) => error.code(),
        }
    }
}

/// The writers of facility rooms.
pub(crate) struct Facility {
    queue: Arc<Queue>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Facility {
    /// Starts them; what the patients' rooms have had since is caught up with beside everything.
    pub fn start(hub: &Arc<Hub>, config: FacilityConfig) -> Self {
        let (stop, stopping) = watch::channel(false);
        let queue = Arc::new(Queue::new(hub, config.changes_max));
        let (writer, hub) = (Arc::clone(&queue), Arc::clone(hub));
        let config = Arc::new(config);
        let tasks = vec![
            tokio::spawn(supervised(stopping.clone(), move |stopping| {
                Arc::clone(&writer).run(stopping)
            })),
            tokio::spawn(supervised(stopping, move |stopping| {
                Alerts::new(Arc::clone(&hub), Arc::clone(&config)).run(stopping)
            })),
        ];
        Self { queue, stop, tasks }
    }

    /// The writer of the pharmacy's queue.
    pub fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    /// Ends the writers when what is under way is done.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if timeout(STOP_GRACE, task).await.is_err() {
                tracing::warn!("a facility room was still being written");
            }
        }
    }
}

/// Runs a writer, and again where it panics.
async fn supervised<W: Future<Output = ()> + Send + 'static>(
    stopping: watch::Receiver<bool>,
    writer: impl Fn(watch::Receiver<bool>) -> W,
) {
    while tokio::spawn(writer(stopping.clone())).await.is_err() {
        tracing::error!("a writer of a facility room panicked and begins anew");
        sleep(RESTART_AFTER).await;
    }
}

/// Waits until the server closes.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A sender that is gone says the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
