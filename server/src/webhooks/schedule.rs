//! Which room of a target is visited when. Pure: every instant is an argument.
//!
//! The invariant: a room is in one place at a time, due or being visited, so its events go out in
//! order, and a room that waits behind a failure holds up no other.

use std::collections::{BTreeMap, BTreeSet};

use chartroom_engine::RoomName;

use super::retry::Failure;

/// Rooms of one target visited at once.
pub const VISITS_MAX: usize = 8;

/// The rooms of one target that have events to deliver.
#[derive(Debug, Default)]
pub struct Schedule {
    rooms: BTreeMap<RoomName, Waiting>,
    /// Those not being visited, by when they are due.
    due: BTreeSet<(u64, RoomName)>,
    /// Rooms may wait because nobody was there.
    unreached: bool,
    paused: bool,
    begun: bool,
}

/// What is known of a room with events to deliver.
#[derive(Debug)]
struct Waiting {
    /// Since when something waits.
    since_ms: u64,
    /// Attempts that failed for the event at its head.
    failures: u32,
    last: Option<Failure>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Due,
    Visited {
        /// Events came meanwhile.
        again: bool,
    },
}

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Everything the log had is handled.
    Done,
    /// There is more, and other rooms may come first.
    More,
    /// The event at the head was not delivered.
    Failed {
        /// Why.
        failure: Failure,
        /// How often by now.
        failures: u32,
        /// When to try again.
        next_ms: u64,
        /// When the event happened, where that is known.
        since_ms: Option<u64>,
    },
}

/// How a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// `starting`, `idle`, `delivering`, `failing` or `paused`.
    pub state: &'static str,
    /// Rooms with events to deliver.
    pub rooms_waiting: usize,
    /// When the oldest of these began to wait.
    pub oldest_ms: Option<u64>,
}

impl Schedule {
    /// One that knows from where the target goes on.
    pub fn begun() -> Self {
        Self { begun: true, ..Self::default() }
    }

    /// A room has new events. One that waits behind a failure goes on waiting.
    pub fn news(&mut self, room: RoomName, now_ms: u64) {
        match self.rooms.get_mut(&room) {
            Some(Waiting { phase: Phase::Visited { again }, .. }) => *again = true,
            Some(_) => {}
            None => self.put(room, Waiting::new(now_ms), now_ms),
        }
    }

    /// The next room to visit and how often its head has failed, where one is due and may be.
    pub fn next(&mut self, now_ms: u64) -> Option<(RoomName, u32)> {
        if self.wakes_at()? > now_ms {
            return None;
        }
        let (_, room) = self.due.pop_first()?;
        let waiting = self.rooms.get_mut(&room)?;
        waiting.phase = Phase::Visited { again: false };
        Some((room, waiting.failures))
    }

    /// When the next room may be visited; `None` where that is not for time to decide.
    pub fn wakes_at(&self) -> Option<u64> {
        let visits = self.rooms.len() - self.due.len();
        let (at, _) = self.due.first()?;
        (!self.paused && visits < VISITS_MAX).then_some(*at)
    }

    /// A visit ended.
    pub fn visited(&mut self, room: RoomName, visit: Visit, now_ms: u64) {
        let Some(before) = self.rooms.remove(&room) else { return };
        match visit {
            Visit::Done if matches!(before.phase, Phase::Visited { again: false }) => {}
            Visit::Done | Visit::More => self.put(room, Waiting::new(now_ms), now_ms),
            Visit::Failed { failure, failures, next_ms, since_ms } => {
                self.paused |= failure.is_gone();
                self.unreached |= failure == Failure::Unreachable;
                let since_ms = since_ms.unwrap_or(before.since_ms);
                let last = Some(failure);
                self.put(room, Waiting { since_ms, failures, last, phase: Phase::Due }, next_ms);
            }
        }
    }

    /// The target took an event: rooms that could not reach it at all are due.
    pub fn reached(&mut self, now_ms: u64) {
        if std::mem::take(&mut self.unreached) {
            self.hasten(now_ms, |waiting| waiting.last == Some(Failure::Unreachable));
        }
    }

    /// The operator says that the target is well: it is paused no more, and every room is due.
    pub fn resume(&mut self, now_ms: u64) {
        self.paused = false;
        self.hasten(now_ms, |_| true);
    }

    /// How the target stands.
    pub fn standing(&self) -> Standing {
        let state = if !self.begun {
            "starting"
        } else if self.paused {
            "paused"
        } else if self.rooms.is_empty() {
            "idle"
        } else if self.rooms.values().any(|waiting| waiting.failures > 0) {
            "failing"
        } else {
            "delivering"
        };
        let oldest_ms = self.rooms.values().map(|waiting| waiting.since_ms).min();
        Standing { state, rooms_waiting: self.rooms.len(), oldest_ms }
    }

    fn hasten(&mut self, now_ms: u64, which: impl Fn(&Waiting) -> bool) {
        let rooms = &self.rooms;
        let late =
            |(at, room): &(u64, RoomName)| *at > now_ms && rooms.get(room).is_some_and(&which);
        for (_, room) in self.due.extract_if(.., late).collect::<Vec<_>>() {
            self.due.insert((now_ms, room));
        }
    }

    fn put(&mut self, room: RoomName, waiting: Waiting, due_ms: u64) {
        self.due.insert((due_ms, room.clone()));
        self.rooms.insert(room, waiting);
    }
}

impl Waiting {
    fn new(now_ms: u64) -> Self {
        Self { since_ms: now_ms, failures: 0, last: None, phase: Phase::Due }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn room(n: usize) -> RoomName {
        format!("patient:p{n}").parse().unwrap()
    }

    fn failed(failure: Failure, failures: u32, next_ms: u64) -> Visit {
        Visit::Failed { failure, failures, next_ms, since_ms: Some(5) }
    }

    #[test]
    fn a_room_is_visited_by_one_at_a_time_and_again_for_what_came_meanwhile() {
        let mut schedule = Schedule::begun();
        schedule.news(room(1), 10);
        schedule.news(room(1), 11);
        assert_eq!(schedule.next(11), Some((room(1), 0)));
        schedule.news(room(1), 12);
        assert_eq!(schedule.next(12), None);
        schedule.visited(room(1), Visit::Done, 13);
        assert_eq!(schedule.next(13), Some((room(1), 0)));
        schedule.visited(room(1), Visit::Done, 14);
        assert_eq!(schedule.next(14), None);
        assert_eq!(schedule.standing().state, "idle");
    }

    #[test]
    fn a_failing_room_waits_and_holds_up_no_other() {
        let mut schedule = Schedule::begun();
        schedule.news(room(1), 10);
        schedule.next(10).unwrap();
        schedule.visited(room(1), failed(Failure::Status(500), 1, 1000), 20);
        // News of it do not hurry it.
        schedule.news(room(1), 30);
        schedule.news(room(2), 30);
        assert_eq!(schedule.next(30), Some((room(2), 0)));
        assert_eq!(schedule.wakes_at(), Some(1000));
        let standing = schedule.standing();
        assert_eq!(
            (standing.state, standing.rooms_waiting, standing.oldest_ms),
            ("failing", 2, Some(5))
        );
        assert_eq!(schedule.next(999), None);
        assert_eq!(schedule.next(1000), Some((room(1), 1)));
    }

    #[test]
    fn only_so_many_rooms_are_visited_at_once() {
        let mut schedule = Schedule::begun();
        for n in 0..=VISITS_MAX {
            schedule.news(room(n), 10);
        }
        assert_eq!(std::iter::from_fn(|| schedule.next(10)).count(), VISITS_MAX);
        assert_eq!(schedule.wakes_at(), None);
        schedule.visited(room(0), Visit::Done, 11);
        assert_eq!(schedule.next(11), Some((room(VISITS_MAX), 0)));
    }

    #[test]
    fn a_target_that_is_back_hears_at_once_from_rooms_that_could_not_reach_it() {
        let mut schedule = Schedule::begun();
        for (n, failure) in [(1, Failure::Unreachable), (2, Failure::Status(500))] {
            schedule.news(room(n), 10);
            schedule.next(10).unwrap();
            schedule.visited(room(n), failed(failure, 3, 9000), 20);
        }
        schedule.reached(30);
        assert_eq!(schedule.next(30), Some((room(1), 3)));
        assert_eq!(schedule.next(30), None);
        schedule.resume(40);
        assert_eq!(schedule.next(40), Some((room(2), 3)));
    }

    #[test]
    fn a_target_that_is_gone_is_paused_until_it_is_resumed() {
        let mut schedule = Schedule::begun();
        schedule.news(room(1), 10);
        schedule.next(10).unwrap();
        schedule.visited(room(1), failed(Failure::Status(410), 1, 20), 15);
        schedule.news(room(2), 16);
        assert_eq!((schedule.next(1000), schedule.wakes_at()), (None, None));
        assert_eq!(schedule.standing().state, "paused");
        schedule.resume(1000);
        assert_eq!(schedule.next(1000), Some((room(2), 0)));
        assert_eq!(schedule.next(1000), Some((room(1), 1)));
    }
}
