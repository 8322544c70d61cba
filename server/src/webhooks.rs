//! Telling other systems of events: signed POSTs to the targets that the operator lists.
//!
//! At least once, and in order within a room. What is delivered is read from the rooms' logs, so
//! nothing waits in memory but which rooms have news. [`config`] is the list of targets, `courier`
//! the task of one of them, `schedule` decides which room is visited when, `retry` what a failure
//! means, `post` is one attempt, `signature` what makes it trustworthy, and `ledger` what outlives
//! the server.

mod config;
mod courier;
mod ledger;
mod post;
mod retry;
mod schedule;
mod signature;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::{
    hub::{FollowError, Hub},
    storage::Fact,
};
use ledger::Ledger;

pub use config::{Target, TargetsError, read_targets};
pub(crate) use courier::Courier;
pub(crate) use ledger::DeadLetter;
pub(crate) use retry::Failure;

/// The targets of one server.
pub(crate) struct Webhooks {
    hub: Arc<Hub>,
    ledger: Ledger,
    couriers: Vec<Arc<Courier>>,
    tasks: Mutex<JoinSet<()>>,
}

/// Why a dead letter or a target is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    /// No target has the name (caller).
    #[error("there is no such target")]
    TargetNotFound,
    /// No dead letter has the id (caller).
    #[error("there is no such dead letter")]
    LetterNotFound,
    /// The attempt failed; the letter stays (environment).
    #[error("the event was not delivered: {}", .0.code())]
    NotDelivered(Failure),
    /// The log or the store does not give it.
    #[error(transparent)]
    Log(#[from] FollowError),
}

impl WebhookError {
    /// Stable code for clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TargetNotFound => "target-not-found",
            Self::LetterNotFound => "letter-not-found",
            Self::NotDelivered(_) => "not-delivered",
            Self::Log(error) => error.code(),
        }
    }
}

impl Webhooks {
    /// Starts a task for each target. Fails where the system's certificates cannot be read.
    pub fn start(hub: &Arc<Hub>, targets: Vec<Target>) -> Result<Self, reqwest::Error> {
        let mut couriers = Vec::new();
        let mut tasks = JoinSet::new();
        for target in targets {
            let courier = Arc::new(Courier::new(hub, post::client(&target)?, target));
            tasks.spawn(Arc::clone(&courier).run());
            couriers.push(courier);
        }
        let ledger = Ledger(Arc::clone(hub));
        Ok(Self { hub: Arc::clone(hub), ledger, couriers, tasks: Mutex::new(tasks) })
    }

    /// Ends the tasks when the attempts under way have ended, and saves how far they came.
    pub async fn stop(&self) {
        for courier in &self.couriers {
            courier.stop();
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        while tasks.join_next().await.is_some() {}
    }

    /// Every target.
    pub fn couriers(&self) -> &[Arc<Courier>] {
        &self.couriers
    }

    /// The target of this name.
    pub fn courier(&self, name: &str) -> Result<&Arc<Courier>, WebhookError> {
        let mut couriers = self.couriers.iter();
        couriers.find(|courier| courier.target.name == name).ok_or(WebhookError::TargetNotFound)
    }

    /// Every event that was given up, by the order in which that was.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, WebhookError> {
        let mut letters = self.ledger.letters().await.map_err(FollowError::from)?;
        letters.sort_by_key(|letter| letter.given_up_ms);
        Ok(letters)
    }

    /// Delivers a dead letter, which then is none any more.
    pub async fn deliver(&self, id: &str) -> Result<(), WebhookError> {
        let mut letter = self.letter(id).await?;
        let courier = self.courier(&letter.target)?;
        let page = self.hub.events(&letter.room, letter.seq - 1, 1).await?;
        // Unless retention dropped it, which is an error of its own, it is there.
        let event = page.events.first().ok_or(FollowError::Ahead { last: page.last })?;
        let Err(failure) = courier.attempt(event).await else {
            return self.note(ledger::settled(id)).await;
        };
        letter.attempts += 1;
        letter.error = failure.code().into_owned();
        self.note(ledger::buried(&letter)).await?;
        Err(WebhookError::NotDelivered(failure))
    }

    /// Takes a dead letter away undelivered.
    pub async fn discard(&self, id: &str) -> Result<(), WebhookError> {
        self.letter(id).await?;
        self.note(ledger::settled(id)).await
    }

    async fn letter(&self, id: &str) -> Result<DeadLetter, WebhookError> {
        let letters = self.ledger.letters().await.map_err(FollowError::from)?;
        letters.into_iter().find(|letter| letter.id == id).ok_or(WebhookError::LetterNotFound)
    }

    async fn note(&self, fact: Fact) -> Result<(), WebhookError> {
        Ok(self.ledger.note(vec![fact]).await.map_err(FollowError::from)?)
    }
}
