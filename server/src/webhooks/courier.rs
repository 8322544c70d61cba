//! The task of one target: from the rooms' logs to the receiver, and nothing lost between them.
//!
//! It hears which rooms have news, visits as many as the schedule lets it, and remembers how far it
//! is in each. A position is saved a moment behind the deliveries it stands for, so after a crash
//! some are made again, with the ids they had.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chartroom_engine::{Event, RoomName};
use parking_lot::Mutex;
use reqwest::Client;
use tokio::{
    sync::Notify,
    task::{JoinError, JoinSet},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    config::Target,
    ledger::{self, DeadLetter, Ledger},
    post::{message_id, post},
    retry::Failure,
    schedule::{Schedule, Standing, Visit},
};
use crate::{
    clock,
    hub::{FollowError, Hub, RoomError},
    observe::TargetMetrics,
};

/// Events read at once to find one that the target wants.
const SCAN: usize = 500;
/// Most events delivered in one visit before other rooms have their turn.
const VISIT_EVENTS: usize = 16;
/// Facts written at once when a target begins.
const FACTS_MAX: usize = 1000;
/// How often positions are saved and metrics set.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait before a task that failed begins anew.
const RESTART_AFTER: Duration = Duration::from_secs(5);
/// How long attempts under way may take once the server closes.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// One target and all that is known of it.
pub struct Courier {
    pub target: Target,
    hub: Arc<Hub>,
    ledger: Ledger,
    client: Client,
    schedule: Mutex<Schedule>,
    positions: Mutex<Positions>,
    last_failure: Mutex<Option<(Failure, u64)>>,
    pub metrics: TargetMetrics,
    stopping: AtomicBool,
    /// Told when `schedule` or `stopping` changed from outside.
    nudge: Notify,
}

/// The number of the last event handled, by room.
#[derive(Default)]
struct Positions {
    seqs: BTreeMap<RoomName, u64>,
    unsaved: BTreeSet<RoomName>,
}

/// Part of a room's log.
struct Stretch {
    /// The events in it that the target wants, with their resources.
    wanted: Vec<Event>,
    /// The number of its last event.
    through: u64,
}

impl Courier {
    /// A target that nothing is known of yet.
    pub fn new(hub: &Arc<Hub>, client: Client, target: Target) -> Self {
        Self {
            metrics: hub.metrics().target(&target.name),
            target,
            hub: Arc::clone(hub),
            ledger: Ledger(Arc::clone(hub)),
            client,
            schedule: Mutex::default(),
            positions: Mutex::default(),
            last_failure: Mutex::default(),
            stopping: AtomicBool::new(false),
            nudge: Notify::new(),
        }
    }

    /// Delivers until it is stopped.
    pub async fn run(self: Arc<Self>) {
        while let Err(error) = self.work().await {
            tracing::error!(
                webhook = self.target.name,
                code = error.code(),
                "deliveries begin anew"
            );
            // A nudge may cut it short.
            let _ = timeout(RESTART_AFTER, self.nudge.notified()).await;
            if self.is_stopping() {
                return;
            }
        }
    }

    /// Has it end when the attempts under way have.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.nudge.notify_one();
    }

    /// Tries every room at once, and goes on where it was paused.
    pub fn resume(&self) {
        self.schedule.lock().resume(clock::now_ms());
        self.nudge.notify_one();
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.schedule.lock().standing()
    }

    /// The last attempt that failed, and when in milliseconds since 1970.
    pub fn last_failure(&self) -> Option<(Failure, u64)> {
        *self.last_failure.lock()
    }

    /// One attempt to deliver an event.
    pub async fn attempt(&self, event: &Event) -> Result<(), Failure> {
        let result = post(&self.client, &self.target, event).await;
        match result {
            Ok(()) => {
                self.metrics.delivered.inc();
                self.schedule.lock().reached(clock::now_ms());
            }
            Err(failure) => {
                self.metrics.failed.inc();
                self.note_failure(failure);
            }
        }
        result
    }

    async fn work(self: &Arc<Self>) -> Result<(), RoomError> {
        let courier = Arc::clone(self);
        let wanted =
            move |event: &Event| courier.target.hears(&event.room) && courier.target.wants(event);
        let watch = self.hub.watch_for(wanted);
        self.begin().await?;
        let mut visits = JoinSet::new();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_stopping() {
            self.start_visits(&mut visits);
            let wakes_at = self.schedule.lock().wakes_at();
            let wait = wakes_at.map(|at| Duration::from_millis(at.saturating_sub(clock::now_ms())));
            tokio::select! {
                rooms = watch.next() => self.hear(rooms),
                Some(ended) = visits.join_next() => self.visited(ended)?,
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
                _ = tick.tick() => {
                    self.show_standing();
                    self.save().await;
                }
                () = self.nudge.notified() => {}
            }
        }
        let ending = async { while visits.join_next().await.is_some() {} };
        // What is cut off is delivered again after the next start.
        let _ = timeout(STOP_GRACE, ending).await;
        self.save().await;
        Ok(())
    }

    /// Finds out how far the target is and which rooms have more.
    ///
    /// A room that it did not hear when it was last started is heard from now on, not from years
    /// ago, unless the operator wants that.
    async fn begin(&self) -> Result<(), RoomError> {
        let Target { name, rooms, from_start, .. } = &self.target;
        let now_ms = clock::now_ms();
        let heard = self.ledger.heard(name).await?;
        let mut seqs = self.ledger.positions(name).await?;
        let mut schedule = Schedule::begun();
        let mut facts = Vec::new();
        for record in self.hub.list().await? {
            let room = record.id.name;
            if !self.target.hears(&room) {
                continue;
            }
            let seq = seqs.entry(room.clone()).or_default();
            if !from_start && !heard.iter().any(|pattern| pattern.matches(&room)) {
                *seq = record.event_last;
                facts.push(ledger::position(name, &room, *seq));
            }
            // A store that was put back from a copy may have less than was delivered.
            *seq = record.event_last.min(*seq);
            if *seq < record.event_last {
                schedule.news(room, now_ms);
            }
        }
        facts.push(ledger::hears(name, rooms));
        // In pieces: people's changes wait for the same disk.
        for facts in facts.chunks(FACTS_MAX) {
            self.ledger.note(facts.to_vec()).await?;
        }
        *self.positions.lock() = Positions { seqs, unsaved: BTreeSet::new() };
        *self.schedule.lock() = schedule;
        Ok(())
    }

    fn hear(&self, rooms: BTreeSet<RoomName>) {
        let now_ms = clock::now_ms();
        let mut schedule = self.schedule.lock();
        for room in rooms {
            schedule.news(room, now_ms);
        }
    }

    fn start_visits(self: &Arc<Self>, visits: &mut JoinSet<(RoomName, Visit)>) {
        let now_ms = clock::now_ms();
        while let Some((room, failures)) = self.schedule.lock().next(now_ms) {
            let courier = Arc::clone(self);
            visits.spawn(async move {
                let visit = courier.visit(&room, failures).await;
                (room, visit)
            });
        }
    }

    fn visited(&self, ended: Result<(RoomName, Visit), JoinError>) -> Result<(), RoomError> {
        let (room, visit) = ended.map_err(|_| RoomError::Ended)?;
        self.schedule.lock().visited(room, visit, clock::now_ms());
        Ok(())
    }

    /// Delivers what a room has for the target, from where it is; `failures` is how often the first
    /// of it has failed.
    async fn visit(&self, room: &RoomName, mut failures: u32) -> Visit {
        loop {
            let Stretch { wanted, through } = match self.read(room).await {
                Ok(Some(stretch)) => stretch,
                Ok(None) => return Visit::Done,
                Err(error) => return self.unread(failures, &error),
            };
            let delivers = !wanted.is_empty();
            for event in wanted {
                if self.is_stopping() {
                    return Visit::More;
                }
                if let Err(failed) = self.deliver(&event, failures).await {
                    return failed;
                }
                failures = 0;
                self.handled(room, event.seq);
            }
            self.handled(room, through);
            if delivers {
                return Visit::More;
            }
        }
    }

    /// What follows the position; `None` at the log's end.
    async fn read(&self, room: &RoomName) -> Result<Option<Stretch>, FollowError> {
        let events = match self.hub.bare_events(room, self.position(room), SCAN).await {
            Err(FollowError::Gone { first, .. }) => {
                self.miss(room, first);
                self.hub.bare_events(room, first - 1, SCAN).await?.events
            }
            page => page?.events,
        };
        let Some(mut through) = events.last().map(|event| event.seq) else { return Ok(None) };
        let mut wanted: Vec<Event> =
            events.into_iter().filter(|event| self.target.wants(event)).collect();
        if let Some(later) = wanted.get(VISIT_EVENTS) {
            through = later.seq - 1;
            wanted.truncate(VISIT_EVENTS);
        }
        let wanted = self.hub.with_resources(wanted).await?;
        Ok(Some(Stretch { wanted, through }))
    }

    /// Retention dropped what comes before event `first`, unseen.
    fn miss(&self, room: &RoomName, first: u64) {
        let missed = first - 1 - self.position(room);
        tracing::warn!(webhook = self.target.name, missed, "events were dropped undelivered");
        self.metrics.missed.inc_by(missed);
        self.handled(room, first - 1);
    }

    /// Delivers one event, or gives it up for good; otherwise how the visit ends.
    async fn deliver(&self, event: &Event, failures: u32) -> Result<(), Visit> {
        let Err(failure) = self.attempt(event).await else { return Ok(()) };
        let failures = failures + 1;
        let given_up = !failure.is_gone() && self.target.retry.gives_up(failures, failure);
        if given_up && self.bury(event, failures, failure).await.is_ok() {
            return Ok(());
        }
        Err(self.failed(failures, failure, Some(event.time_ms)))
    }

    /// Makes a dead letter of an event.
    async fn bury(&self, event: &Event, attempts: u32, failure: Failure) -> Result<(), RoomError> {
        let letter = DeadLetter {
            id: message_id(&self.target.name, event),
            target: self.target.name.clone(),
            room: event.room.clone(),
            seq: event.seq,
            event: event.event.clone(),
            time_ms: event.time_ms,
            given_up_ms: clock::now_ms(),
            attempts,
            error: failure.code().into_owned(),
        };
        self.ledger.note(vec![ledger::buried(&letter)]).await?;
        self.metrics.dead.inc();
        tracing::warn!(
            webhook = letter.target,
            id = letter.id,
            error = letter.error,
            "an event was given up"
        );
        Ok(())
    }

    fn unread(&self, failures: u32, error: &FollowError) -> Visit {
        let failure = Failure::Log(error.code());
        self.note_failure(failure);
        self.failed(failures + 1, failure, None)
    }

    fn failed(&self, failures: u32, failure: Failure, since_ms: Option<u64>) -> Visit {
        let wait_ms = self.target.retry.wait_ms(failures, rand::random());
        Visit::Failed { failure, failures, next_ms: clock::now_ms() + wait_ms, since_ms }
    }

    fn note_failure(&self, failure: Failure) {
        *self.last_failure.lock() = Some((failure, clock::now_ms()));
    }

    fn position(&self, room: &RoomName) -> u64 {
        self.positions.lock().seqs.get(room).copied().unwrap_or_default()
    }

    fn handled(&self, room: &RoomName, seq: u64) {
        let mut positions = self.positions.lock();
        positions.seqs.insert(room.clone(), seq);
        positions.unsaved.insert(room.clone());
    }

    /// Saves the positions that moved; where that fails, with the next ones.
    async fn save(&self) {
        let (rooms, facts) = {
            let mut positions = self.positions.lock();
            let rooms = std::mem::take(&mut positions.unsaved);
            let fact = |(room, seq): (&_, &u64)| ledger::position(&self.target.name, room, *seq);
            let facts =
                rooms.iter().filter_map(|room| positions.seqs.get_key_value(room)).map(fact);
            let facts: Vec<_> = facts.collect();
            (rooms, facts)
        };
        if !rooms.is_empty() && self.ledger.note(facts).await.is_err() {
            self.positions.lock().unsaved.extend(rooms);
        }
    }

    fn show_standing(&self) {
        let Standing { rooms_waiting, oldest_ms, .. } = self.standing();
        self.metrics.rooms_waiting.set(i64::try_from(rooms_waiting).unwrap_or(i64::MAX));
        self.metrics.oldest_seconds.set(oldest_ms.unwrap_or_default() as f64 / 1000.0);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}
