//! Following a room's events: from a number on out of the log, then as they become durable.
//!
//! A [`Follower`] registers with the room's task first and reads the log up to where that answer
//! stands, so nothing falls between the two and nothing comes twice. It holds the room loaded, and
//! finds it again after a reload. What waits for it is bounded; one that falls behind ends with the
//! number from which it can go on.

use std::{collections::VecDeque, sync::Arc};

use chartroom_engine::{Event, RoomName};
use futures_util::{Stream, StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::{Hub, RoomError, RoomHandle, room_task::Mail};

/// Events read from the log at once.
const PAGE: usize = 500;

/// Why a room's events cannot be followed from where it was asked.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The room does not open (data, environment).
    #[error(transparent)]
    Room(#[from] RoomError),
    /// Retention has dropped events that were asked for (caller).
    #[error("the events asked for are kept no longer; the oldest has number {first}")]
    Gone {
        /// The oldest number still kept.
        first: u64,
        /// The last number.
        last: u64,
    },
    /// The log has not come that far (caller).
    #[error("the room's last event has number {last}")]
    Ahead {
        /// The last number.
        last: u64,
    },
}

impl FollowError {
    /// Stable code for clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Room(error) => error.code(),
            Self::Gone { .. } => "events-gone",
            Self::Ahead { .. } => "events-ahead",
        }
    }

    /// The oldest and the last number of the log, where they matter.
    pub fn numbers(&self) -> (Option<u64>, Option<u64>) {
        match self {
            Self::Room(_) => (None, None),
            Self::Gone { first, last } => (Some(*first), Some(*last)),
            Self::Ahead { last } => (None, Some(*last)),
        }
    }
}

/// Why a follower ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowEnd {
    /// It was not read fast enough (caller).
    #[error("the events were read too slowly")]
    Slow {
        /// The number of the last event given.
        resume_after: u64,
    },
    /// It cannot go on from where it is.
    #[error(transparent)]
    Lost(#[from] FollowError),
}

impl FollowEnd {
    /// Stable code for clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Slow { .. } => "too-slow",
            Self::Lost(error) => error.code(),
        }
    }
}

/// One reader of one room's events.
pub struct Follower {
    hub: Arc<Hub>,
    name: RoomName,
    position: u64,
    /// The log is read up to here, the queue gives what follows.
    replay_through: u64,
    queue: Arc<Queue>,
    /// Keeps the room loaded.
    _room: Arc<RoomHandle>,
}

impl Hub {
    /// Follows a room's events: those behind number `after` from the log, then live ones; without
    /// `after` live ones alone.
    pub async fn follow(
        self: &Arc<Self>,
        name: &RoomName,
        after: Option<u64>,
    ) -> Result<Follower, FollowError> {
        let mut follower = self.follow_live(name).await?;
        let last = follower.position;
        let position = after.unwrap_or(last);
        if position > last {
            return Err(FollowError::Ahead { last });
        }
        if let Some(first) = self.oldest_event(name).await?.filter(|first| position + 1 < *first) {
            return Err(FollowError::Gone { first, last });
        }
        follower.position = position;
        Ok(follower)
    }

    /// Follows a room's events: the last `count` of the log, or as many as are kept, then live ones.
    pub async fn follow_last(
        self: &Arc<Self>,
        name: &RoomName,
        count: u64,
    ) -> Result<Follower, FollowError> {
        let mut follower = self.follow_live(name).await?;
        let last = follower.position;
        // Those before the oldest are dropped, those behind the last not there.
        let oldest = self.oldest_event(name).await?.unwrap_or(0);
        let kept_after = oldest.saturating_sub(1).min(last);
        follower.position = last.saturating_sub(count).max(kept_after);
        Ok(follower)
    }

    async fn follow_live(self: &Arc<Self>, name: &RoomName) -> Result<Follower, RoomError> {
        let (room, queue, last) = self.listen(name).await?;
        Ok(Follower {
            hub: Arc::clone(self),
            name: name.clone(),
            position: last,
            replay_through: last,
            queue,
            _room: room,
        })
    }

    /// Registers with the room's task; gives the number of the last event before the first that the
    /// queue will have.
    async fn listen(
        self: &Arc<Self>,
        name: &RoomName,
    ) -> Result<(Arc<RoomHandle>, Arc<Queue>, u64), RoomError> {
        let room = self.open_latest(name).await?;
        let (listening, answered) = oneshot::channel();
        room.send(Mail::Listen { listening }).await?;
        let (queue, last) = answered.await.map_err(|_| RoomError::Ended)??;
        Ok((room, queue, last))
    }
}

impl Follower {
    /// Whose events these are.
    pub fn room(&self) -> &RoomName {
        &self.name
    }

    /// The number of the last event given, or the one asked to begin behind.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The number of the room's last event when it began to be followed.
    pub fn live_from(&self) -> u64 {
        self.replay_through
    }

    /// Waits for the next events, in the order of the log; never gives none.
    ///
    /// Safe to cancel: what was not given comes with the next call.
    pub async fn next(&mut self) -> Result<Vec<Arc<Event>>, FollowEnd> {
        loop {
            let events = if self.position < self.replay_through {
                self.replayed().await?
            } else {
                match self.queue.next(self.position).await {
                    Some(Ended::Slow) => {
                        return Err(FollowEnd::Slow { resume_after: self.position });
                    }
                    Some(Ended::Room) => {
                        self.listen_again().await?;
                        continue;
                    }
                    None => self.queue.take(self.position),
                }
            };
            if let Some(last) = events.last() {
                self.position = last.seq;
                return Ok(events);
            }
        }
    }

    /// The events one by one, then why there are no more.
    pub fn stream(self) -> impl Stream<Item = Result<Arc<Event>, FollowEnd>> + Send {
        stream::unfold(Some(self), async |follower| {
            let mut follower = follower?;
            Some(match follower.next().await {
                Ok(events) => (events.into_iter().map(Ok).collect(), Some(follower)),
                Err(end) => (vec![Err(end)], None),
            })
        })
        .flat_map(stream::iter)
    }

    async fn replayed(&mut self) -> Result<Vec<Arc<Event>>, FollowError> {
        let page = self.hub.events(&self.name, self.position, PAGE).await?;
        let through = self.replay_through;
        Ok(page.events.into_iter().filter(|event| event.seq <= through).map(Arc::new).collect())
    }

    async fn listen_again(&mut self) -> Result<(), FollowError> {
        let (room, queue, last) = self.hub.listen(&self.name).await?;
        (self._room, self.queue, self.replay_through) = (room, queue, last);
        Ok(())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // The feed forgets queues that have ended.
        self.queue.end(Ended::Room);
    }
}

/// Those who listen to one loaded room.
pub(super) struct Feed {
    queues: Vec<Arc<Queue>>,
    waiting_max: usize,
}

impl Feed {
    /// Nobody listens; so many events may wait for each who will.
    pub fn new(waiting_max: usize) -> Self {
        Self { queues: Vec::new(), waiting_max }
    }

    /// A new listener's queue.
    pub fn listen(&mut self) -> Arc<Queue> {
        let queue = Arc::new(Queue::default());
        self.queues.push(Arc::clone(&queue));
        queue
    }

    /// Hands durable events to all listeners.
    pub fn publish(&mut self, events: &[Arc<Event>]) {
        self.queues.retain(|queue| !queue.has_ended());
        for queue in &self.queues {
            queue.push(events, self.waiting_max);
        }
    }
}

impl Drop for Feed {
    /// The room's task ends or loads the room again: listeners look for it anew.
    fn drop(&mut self) {
        for queue in &self.queues {
            queue.end(Ended::Room);
        }
    }
}

/// What waits for one listener.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<Waiting>,
    ready: Notify,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Arc<Event>>,
    ended: Option<Ended>,
}

/// Why nothing follows in a queue.
#[derive(Clone, Copy)]
enum Ended {
    Slow,
    Room,
}

impl Queue {
    fn push(&self, events: &[Arc<Event>], waiting_max: usize) {
        let mut state = self.state.lock();
        if state.events.len() + events.len() > waiting_max {
            state.events.clear();
            state.ended = Some(Ended::Slow);
        }
        if state.ended.is_none() {
            state.events.extend(events.iter().cloned());
        }
        drop(state);
        self.ready.notify_one();
    }

    fn end(&self, why: Ended) {
        self.state.lock().ended.get_or_insert(why);
        self.ready.notify_one();
    }

    fn has_ended(&self) -> bool {
        self.state.lock().ended.is_some()
    }

    /// Waits until an event behind `position` is there, or gives why none will come.
    async fn next(&self, position: u64) -> Option<Ended> {
        loop {
            let ready = self.ready.notified();
            {
                let state = self.state.lock();
                if state.events.back().is_some_and(|event| event.seq > position) {
                    return None;
                }
                if state.ended.is_some() {
                    return state.ended;
                }
            }
            ready.await;
        }
    }

    fn take(&self, position: u64) -> Vec<Arc<Event>> {
        let events = std::mem::take(&mut self.state.lock().events);
        events.into_iter().filter(|event| event.seq > position).collect()
    }
}

#[cfg(test)]
mod tests;
