//! One task owns one engine room: it takes mail, drives the room and sends what comes out.
//!
//! The invariant: what leaves was durable before. The engine holds acknowledgements, broadcasts and
//! answers back until [`Input::Persisted`], and reads wait here until [`settled`](chartroom_engine::Room::settled).

mod compaction;
mod intake;
mod live;
mod mail;
mod members;
mod presence;
mod refound;
mod stand_in;
mod summary;
mod written;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chartroom_engine::{
    Batch, CommandError, Input, Output, RoomId, Snapshot, change::Refusal, heads_digest,
};
use futures_util::FutureExt;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Hub, RoomError,
    feed::Feed,
    load::{Loaded, load},
    resident::Resident,
};
use crate::{
    clock,
    limits::Limit,
    storage::{RoomBatch, StorageError},
};
use live::{Live, Persisting, Staged};
use summary::{patient_behind, places_of};
use written::entries_of;

pub(crate) use mail::Mail;

/// Mail taken before the room is advanced: a batch grows with the load, and so does a flush.
const MAIL_BATCH: usize = 512;
/// How often a loaded room hears that time passes.
const TICK: Duration = Duration::from_secs(1);
/// Answers of the storage thread that may wait: a room has one batch and one compaction there.
const STORAGE_ANSWERS: usize = 4;

/// What comes back from the storage thread.
enum StorageAnswer {
    Committed { number: u64, at: Instant, result: Result<(), StorageError> },
    Compacted { result: Result<(), StorageError>, snapshot: Option<Snapshot> },
}

/// One loaded room.
pub(super) struct RoomTask {
    hub: Arc<Hub>,
    id: RoomId,
    mailbox: mpsc::Receiver<Mail>,
    answers: mpsc::Receiver<StorageAnswer>,
    answer: mpsc::Sender<StorageAnswer>,
    idle_ticks: u32,
    /// Whether the memory is wanted for other rooms.
    unwanted: bool,
    /// Whether the room was given up and is loaded again.
    again: bool,
    resident: Arc<Resident>,
    closing: Option<bool>,
}

/// Whether the room in memory still stands.
enum Flow {
    Go,
    /// It is not to be trusted: close its peers and load it again.
    Reload,
    /// The room goes on in another epoch: this one is read from now on, and loaded for that.
    Sealed,
}

impl RoomTask {
    pub fn new(
        hub: Arc<Hub>,
        id: RoomId,
        mailbox: mpsc::Receiver<Mail>,
        resident: Arc<Resident>,
    ) -> Self {
        let (answer, answers) = mpsc::channel(STORAGE_ANSWERS);
        let (idle_ticks, unwanted, again, closing) = (0, false, false, None);
        Self { hub, id, mailbox, answers, answer, idle_ticks, unwanted, again, resident, closing }
    }

    /// Runs until the room is retired or the server closes.
    pub async fn run(mut self) {
        // What was asked of a room that was given up and not begun: the next one answers it.
        let mut kept = Vec::new();
        loop {
            match AssertUnwindSafe(self.load_and_serve(&mut kept)).catch_unwind().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(_) => {
                    let document = self.id.document_id();
                    tracing::error!(%document, "a room's task panicked; its peers were closed");
                    self.hub.metrics.reloads.inc();
                }
            }
            self.forget_answers().await;
            self.again = true;
        }
    }

    /// Serves the room as the store has it, first those in `kept`, which holds afterwards whose turn
    /// is behind the next loading; true when the task ends, false when the room is to be loaded again.
    async fn load_and_serve(&mut self, kept: &mut Vec<Mail>) -> bool {
        let loaded = self.load().await;
        if let Ok(loaded) = &loaded {
            self.resident.measure(&loaded.room, 0);
            self.hub.keep_to_budget();
            if self.again && !loaded.sealed {
                // A batch that failed may be there, of which no link was told.
                let heads = heads_digest(&loaded.room.document().heads());
                self.hub.linked.tell(&self.id, heads, 0);
            }
        }
        match loaded {
            Ok(loaded) if loaded.sealed => self.stand_in(Ok(loaded.room), kept).await,
            Ok(loaded) => self.serve(loaded, kept).await,
            Err(error) => self.stand_in(Err(error), kept).await,
        }
    }

    async fn load(&self) -> Result<Loaded, RoomError> {
        let (hub, id) = (Arc::clone(&self.hub), self.id.clone());
        let loading = move || load(&*hub.storage, &id, &hub.server_actor, &hub.config);
        let loaded = match tokio::task::spawn_blocking(loading).await {
            Ok(loaded) => loaded,
            Err(_) => Err(RoomError::Unreadable {
                room: self.id.clone(),
                key: "snapshot and changes".to_owned(),
                reason: "make the loader panic".to_owned(),
            }),
        };
        if let Err(error) = &loaded {
            let key = match error {
                RoomError::Unreadable { key, reason, .. } => format!("{key} {reason}"),
                RoomError::Storage
                | RoomError::Ended
                | RoomError::Refounded
                | RoomError::ShuttingDown => error.to_string(),
            };
            tracing::error!(document = %self.id.document_id(), %key, "a room cannot be loaded");
            self.hub.metrics.load_failures.inc();
        }
        loaded
    }

    /// Drives the room; true when the task ends, false when the room is to be loaded again.
    async fn serve(&mut self, loaded: Loaded, kept: &mut Vec<Mail>) -> bool {
        let mut live = Live::new(loaded, Feed::new(self.hub.config.queue_events));
        let mut tick = self.ticks();
        let mut mail = std::mem::take(kept);
        loop {
            let mut flow = Flow::Go;
            tokio::select! {
                // Answers first: they let everybody go on who waits for a flush.
                biased;
                () = std::future::ready(()), if !mail.is_empty() => {}
                Some(answer) = self.answers.recv() => flow = self.take_answer(&mut live, answer),
                _ = tick.tick() => {
                    live.room.handle(clock::now_ms(), Input::Tick);
                    self.idle_ticks += 1;
                    live.members.rest();
                    live.members.tell_late_who_is_here(&self.hub.peer_id, &self.id);
                    live.members.count_what_servers_lack(&self.id, &live.room);
                    self.resident.measure(&live.room, live.members.count());
                }
                () = reached(live.members.presence_due()) => {
                    // Whoever hears of it finds it in the list of rooms.
                    self.resident.show(live.members.people());
                    live.members.tell_who_is_here(&self.hub.peer_id, &self.id);
                }
                count = self.mailbox.recv_many(&mut mail, MAIL_BATCH), if live.takes_mail() => {
                    self.used();
                    if count == 0 {
                        self.closing.get_or_insert(false);
                    }
                }
            }
            for mail in mail.drain(..) {
                match flow {
                    Flow::Go => flow = self.take_mail(&mut live, mail),
                    Flow::Reload | Flow::Sealed => kept.push(mail),
                }
            }
            if matches!(flow, Flow::Go) {
                flow = self.advance(&mut live).await;
            }
            if matches!(flow, Flow::Go) && live.refounding.is_some() {
                flow = self.refound_if_asked(&mut live).await;
            }
            if matches!(flow, Flow::Reload) {
                self.hub.metrics.reloads.inc();
                live.abandon(&self.hub);
            }
            if matches!(flow, Flow::Reload | Flow::Sealed) {
                kept.extend(live.reads.drain(..).map(Mail::Read));
                return false;
            }
            if self.may_end(&mut live) {
                return true;
            }
        }
    }

    /// Applies what waits, after those who only look have seen what is durable.
    async fn advance(&self, live: &mut Live) -> Flow {
        live.answer_reads();
        loop {
            live.room.advance(clock::now_ms());
            if matches!(self.drain(live), Flow::Reload) {
                return Flow::Reload;
            }
            // A batch that came to nothing leaves the way free for what it left waiting.
            if !(live.room.settled() && live.room.has_work()) {
                break;
            }
            tokio::task::yield_now().await;
        }
        if !live.room.has_work() {
            live.staged = Staged::default();
        }
        live.answer_reads();
        live.members.tell_servers(&self.id, &live.room);
        if live.room.settled() && live.log.is_due(&live.room) {
            live.log.compact(&self.hub, &live.room, self.answer.clone());
        }
        Flow::Go
    }

    fn drain(&self, live: &mut Live) -> Flow {
        while let Some(output) = live.room.poll_output() {
            match output {
                Output::Send { peer, message, answer } => {
                    let us = &self.hub.peer_id;
                    live.members.send_sync(us, &self.id, peer, &message, answer);
                }
                Output::Persist(batch) => self.persist(live, batch),
                Output::Events(events) => {
                    self.hub.metrics.events.inc_by(events.len() as u64);
                    let unchecked =
                        events.iter().filter(|event| event.details.get("unchecked").is_some());
                    self.hub.metrics.values_unchecked.inc_by(unchecked.count() as u64);
                    live.event_seq = events.last().map_or(live.event_seq, |event| event.seq);
                    self.hub.watchers.tell(&self.id.name, &events);
                    live.feed.publish(&events);
                }
                Output::Answered { ticket, result } => {
                    if matches!(result, Err(CommandError::RoomFull)) {
                        self.hub.exceeded(Limit::Room);
                    }
                    live.answer_command(ticket, result);
                }
                Output::Refused { peer, hashes, reason } => {
                    self.hub.metrics.changes_refused.inc_by(hashes.len() as u64);
                    if let Some(limit) = limit_of(&reason) {
                        self.hub.exceeded(limit);
                    }
                    live.members.send_refused(&self.hub.peer_id, &self.id, peer, &hashes, &reason);
                }
                Output::Quarantine { peer, change } => {
                    live.members.keep_aside(&self.hub, &self.id, &live.room, peer, change);
                }
                Output::Introduce { peer, actors } => {
                    live.members.send_authors(&self.hub.peer_id, &self.id, peer, &actors);
                }
                Output::Close { peer, reason } => {
                    live.members.close(&self.hub.peer_id, peer, reason)
                }
                Output::Reload { reason } => {
                    tracing::error!(document = %self.id.document_id(), reason, "a room is reloaded");
                    return Flow::Reload;
                }
                // A room in the server's role asks for none of these.
                Output::Saved { .. } | Output::GivenBack { .. } | Output::Adopted => {}
            }
        }
        Flow::Go
    }

    fn persist(&self, live: &mut Live, batch: Batch) {
        let number = batch.number;
        let bytes = batch.changes.iter().map(|change| change.bytes.len() as u64).sum();
        let seq = batch.changes.last().map_or(live.log.seq(), |change| change.seq);
        self.hub.metrics.changes.inc_by(batch.changes.len() as u64);
        self.hub.metrics.batches.inc();
        let (changes, heads) =
            (batch.changes.len() as u64, heads_digest(&live.room.document().heads()));
        // Before the batch is handed over, so that they are durable no later.
        for entry in entries_of(&self.id, &live.room, &live.members, &batch) {
            self.hub.audit.note(entry);
        }
        let (summary, listed) = patient_behind(&self.id, &live.room, &batch).unzip();
        let patient = summary.is_some();
        live.persisting = Some(Persisting { number, bytes, seq, changes, heads, patient });
        let facts = batch.mirrors.iter().filter_map(|ticket| live.facts.remove(ticket));
        let accepted = self.hub.quarantine.accepted(&self.id, &batch.changes);
        let facts = facts.flatten().chain(accepted).chain(listed.flatten()).collect();
        let first_facts = places_of(&self.id, &batch);
        let batch = RoomBatch {
            summary,
            facts,
            first_facts,
            heads: Some(heads),
            ..RoomBatch::new(self.id.clone(), batch, clock::now_ms())
        };
        let (answer, at) = (self.answer.clone(), Instant::now());
        self.hub.writer.commit(batch, move |result| {
            // The channel holds more than a room has under way; a task that ended needs no answer.
            let _ = answer.try_send(StorageAnswer::Committed { number, at, result });
        });
    }

    /// Whether nothing is left to do and nobody is left to do it for.
    fn may_end(&mut self, live: &mut Live) -> bool {
        let quiet = live.room.settled()
            && !live.room.has_work()
            && live.requests.is_empty()
            && !live.log.is_busy();
        if !quiet {
            return false;
        }
        if let Some(compact) = self.closing {
            if compact && live.log.is_worth_it(true) {
                live.log.compact(&self.hub, &live.room, self.answer.clone());
                return false;
            }
            return self.mailbox.is_empty();
        }
        if !live.members.is_empty() || !self.is_idle() {
            return false;
        }
        if live.log.is_worth_it(false) {
            live.log.compact(&self.hub, &live.room, self.answer.clone());
            return false;
        }
        self.retire()
    }

    /// Waits for what the storage thread still does for the room that was given up: a batch that is
    /// committed behind its loading would be missing in it.
    async fn forget_answers(&mut self) {
        let (answer, answers) = mpsc::channel(STORAGE_ANSWERS);
        self.answer = answer;
        // Ends when nothing at the storage thread can answer any more.
        let mut old = std::mem::replace(&mut self.answers, answers);
        while old.recv().await.is_some() {}
    }

    /// Somebody asks something of the room.
    fn used(&mut self) {
        self.resident.used(self.hub.next_number());
        (self.idle_ticks, self.unwanted) = (0, false);
    }

    fn is_idle(&self) -> bool {
        self.unwanted || self.tick_length() * self.idle_ticks >= self.hub.config.room_idle
    }

    fn retire(&self) -> bool {
        self.hub.retire(&self.id.document_id(), || !self.mailbox.is_empty())
    }

    fn tick_length(&self) -> Duration {
        TICK.min(self.hub.config.room_idle / 2).max(Duration::from_millis(10))
    }

    fn ticks(&self) -> tokio::time::Interval {
        let mut ticks = interval(self.tick_length());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }
}

/// Waits for an instant, if there is one to wait for.
async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The limit for which a change was refused, if that is why.
fn limit_of(reason: &Refusal) -> Option<Limit> {
    if *reason == Refusal::RoomFull {
        return Some(Limit::Room);
    }
    if *reason == Refusal::TooManyConcurrent {
        return Some(Limit::Concurrent);
    }
    matches!(reason, Refusal::OverLimit(_)).then_some(Limit::Change)
}

#[cfg(test)]
mod tests;
