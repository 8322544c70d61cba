//! Which rooms a link visits, and when: a pure account of what both ends have.
//!
//! The side that dialled keeps it. A room in which something happens now is entered at once; rooms that
//! differ from before are entered a few at a time, so that a bulk first sync leaves the link, the disk
//! and the processor to the others. A room in step is left after a while, and from then on known by a
//! digest of its heads, so that a link costs by what happens and not by how many rooms there are.

use std::collections::BTreeMap;

use chartroom_engine::{RoomId, RoomName};

use crate::hub::RoomAt;

/// Rooms that differ from before which are synced at a time, at first.
pub const BULK_FIRST: usize = 2;
/// Rooms that a link has open at a time.
pub const ACTIVE_MAX: usize = 512;
/// How long a room that people write in stays open once it is in step.
const LINGER_MS: u64 = 30_000;
/// After so long without progress a room gives its turn to the next one; it stays open.
const STUCK_MS: u64 = 10_000;
/// After so long a server that names heads has had the time to bring them.
const PROMISE_MS: u64 = 60_000;

/// Why a room is held that the far end does not have: until either end says something in it.
pub const UNAVAILABLE: &str = "unavailable";
/// A room that the two ends have in different epochs.
pub const EPOCH_DIFFERS: &str = "epoch-differs";

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Enter a room.
    Enter(RoomId),
    /// Leave a room.
    Leave(RoomId),
}

/// How far the two ends are apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// Rooms that either end has.
    pub rooms: usize,
    /// Those that are not known to be the same at both, and for which something is done.
    pub behind: usize,
    /// Those of these that differed before anything happened in them while the link stood.
    pub from_before: usize,
    /// Changes here that the far end has not said to have, as far as they are counted.
    pub changes: u64,
    /// For how long the longest of these rooms differs, in milliseconds.
    pub ms: u64,
}

/// The rooms of one link.
#[derive(Debug)]
pub struct Agenda {
    rooms: BTreeMap<RoomName, Room>,
    /// Whether the far end has told all its rooms; what it did not name it lacks.
    complete: bool,
    /// Rooms that differ from before which are synced at a time.
    bulk_max: usize,
}

impl Default for Agenda {
    fn default() -> Self {
        Self { rooms: BTreeMap::new(), complete: false, bulk_max: BULK_FIRST }
    }
}

#[derive(Debug, Default)]
struct Room {
    ours: Option<RoomAt>,
    theirs: Option<RoomAt>,
    place: Place,
    /// Something happened in it while the link stood: it comes first.
    live: bool,
    lacks: u64,
    behind_since_ms: Option<u64>,
}

/// Where a room is on its way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Resting,
    Waiting,
    Open {
        epoch: u32,
        /// Whether it takes one of the places for rooms that differ from before.
        bulk: bool,
        in_step: bool,
        /// When it was last seen to move.
        moved_ms: u64,
    },
    /// Nothing is done about it until an operator has looked.
    Held(&'static str),
}

impl Room {
    fn differs(&self, complete: bool) -> bool {
        match (self.ours, self.theirs) {
            (Some(ours), Some(theirs)) => {
                ours.epoch != theirs.epoch || ours.heads.is_none() || ours.heads != theirs.heads
            }
            (Some(_), None) => complete,
            (None, Some(_)) => true,
            (None, None) => false,
        }
    }

    /// The epoch to enter: what the far end has, where it has one.
    fn epoch(&self) -> u32 {
        self.theirs.or(self.ours).map_or(1, |at| at.epoch)
    }

    fn epochs_differ(&self) -> bool {
        self.ours.zip(self.theirs).is_some_and(|(ours, theirs)| ours.epoch != theirs.epoch)
    }

    fn is_in_step_in(&self, epoch: u32) -> bool {
        matches!(self.place, Place::Open { in_step: true, epoch: open, .. } if open == epoch)
    }
}

impl Agenda {
    /// A link that stands anew: what is here is known, what is there is not.
    pub fn reset(&mut self) {
        self.complete = false;
        for room in self.rooms.values_mut() {
            (room.theirs, room.place, room.live) = (None, Place::Resting, false);
        }
    }

    /// The link does not stand any more. What each end had stays known, for whoever asks how far they
    /// are apart.
    pub fn pause(&mut self) {
        for room in self.rooms.values_mut() {
            if matches!(room.place, Place::Waiting | Place::Open { .. }) {
                (room.place, room.live) = (Place::Resting, false);
            }
        }
    }

    /// The far end tells no rooms, as a stock automerge-repo server: all that are here are offered.
    pub fn all_are_told(&mut self, now_ms: u64) {
        self.complete = true;
        let names: Vec<RoomName> = self.rooms.keys().cloned().collect();
        names.iter().for_each(|name| self.consider(now_ms, name, false));
    }

    /// A room is here like this; `changes` of it are new.
    pub fn ours(&mut self, now_ms: u64, name: &RoomName, at: RoomAt, changes: u64) {
        let room = self.rooms.entry(name.clone()).or_default();
        let before = room.ours.replace(at);
        if before.is_some_and(|before| before.epoch < at.epoch)
            && room.place == Place::Held(EPOCH_DIFFERS)
        {
            // It was held before it was known which epoch it has here: that has to be told.
            room.place = Place::Resting;
        }
        if room.is_in_step_in(at.epoch) {
            // Whoever is still in step has these heads as well: they came from there, or it said so.
            room.theirs = Some(at);
        } else if changes > 0 {
            room.lacks += changes;
        }
        self.consider(now_ms, name, changes > 0);
    }

    /// A room is there like this.
    pub fn theirs(&mut self, now_ms: u64, name: &RoomName, at: RoomAt) {
        let live = self.complete;
        self.rooms.entry(name.clone()).or_default().theirs = Some(at);
        self.consider(now_ms, name, live);
    }

    /// A room that is to be fetched by its name, whoever has it.
    pub fn wanted(&mut self, now_ms: u64, name: &RoomName) {
        let room = self.rooms.entry(name.clone()).or_default();
        if room.place == Place::Resting {
            room.place = Place::Waiting;
            room.behind_since_ms.get_or_insert(now_ms);
        }
    }

    fn consider(&mut self, now_ms: u64, name: &RoomName, live: bool) {
        let complete = self.complete;
        let Some(room) = self.rooms.get_mut(name) else { return };
        if room.place == Place::Held(EPOCH_DIFFERS) && !room.epochs_differ() {
            room.place = Place::Resting;
        }
        if !room.differs(complete) {
            if room.place == Place::Waiting {
                room.place = Place::Resting;
            }
            if room.place == Place::Resting {
                (room.lacks, room.behind_since_ms) = (0, None);
            }
            return;
        }
        room.behind_since_ms.get_or_insert(now_ms);
        match room.place {
            Place::Resting => (room.place, room.live) = (Place::Waiting, live),
            Place::Held(UNAVAILABLE) if live => (room.place, room.live) = (Place::Waiting, true),
            Place::Waiting => room.live |= live,
            Place::Open { .. } | Place::Held(_) => {}
        }
    }

    /// The far end says something in a room; true where the room has to be entered for it.
    pub fn heard(&mut self, now_ms: u64, name: &RoomName, epoch: u32) -> bool {
        let room = self.rooms.entry(name.clone()).or_default();
        match &mut room.place {
            Place::Open { moved_ms, .. } => {
                *moved_ms = now_ms;
                false
            }
            Place::Resting | Place::Waiting | Place::Held(UNAVAILABLE) => {
                room.place = Place::Open { epoch, bulk: false, in_step: false, moved_ms: now_ms };
                room.behind_since_ms.get_or_insert(now_ms);
                true
            }
            Place::Held(_) => false,
        }
    }

    /// Whether the far end is in step in a room that is open, which has these heads. Where there are
    /// newer ones by now, it is not.
    pub fn in_step(&mut self, now_ms: u64, name: &RoomName, is: bool, heads: [u8; 16]) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        let Place::Open { epoch, bulk, in_step, moved_ms } = &mut room.place else { return };
        let at = RoomAt { epoch: *epoch, heads: Some(heads) };
        if is {
            room.theirs = Some(at);
            room.ours.take_if(|ours| ours.heads.is_none());
        }
        *in_step = is && *room.ours.get_or_insert(at) == at;
        *moved_ms = now_ms;
        if *in_step {
            *bulk = false;
            (room.lacks, room.behind_since_ms) = (0, None);
        } else {
            room.behind_since_ms.get_or_insert(now_ms);
        }
    }

    /// Syncs so many rooms that differ from before at a time, from now on.
    pub fn set_bulk(&mut self, rooms: usize) {
        self.bulk_max = rooms;
    }

    /// People are in a room: it waits for no others.
    pub fn is_used(&mut self, name: &RoomName) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.live |= room.place == Place::Waiting;
        }
    }

    /// How many changes the far end lacks in a room, as counted now.
    pub fn lacks(&mut self, now_ms: u64, name: &RoomName, changes: u64) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        if let Place::Open { moved_ms, .. } = &mut room.place
            && room.lacks != changes
        {
            *moved_ms = now_ms;
        }
        room.lacks = changes;
    }

    /// Nothing is to be done about a room until an operator has looked; why, as a stable code.
    pub fn hold(&mut self, name: &RoomName, code: &'static str) {
        self.rooms.entry(name.clone()).or_default().place = Place::Held(code);
    }

    /// Rooms about which nothing is done, and why.
    pub fn held(&self) -> impl Iterator<Item = (&RoomName, &'static str)> {
        self.rooms.iter().filter_map(|(name, room)| match room.place {
            Place::Held(code) => Some((name, code)),
            Place::Resting | Place::Waiting | Place::Open { .. } => None,
        })
    }

    /// The epoch that a room has here.
    pub fn our_epoch(&self, name: &RoomName) -> Option<u32> {
        self.rooms.get(name).and_then(|room| room.ours).map(|ours| ours.epoch)
    }

    /// A room goes on here in another epoch.
    pub fn moved(&mut self, now_ms: u64, name: &RoomName, to: RoomAt) {
        let room = self.rooms.entry(name.clone()).or_default();
        (room.ours, room.place) = (Some(to), Place::Resting);
        self.consider(now_ms, name, false);
    }

    /// Whether the two ends are in different epochs of a room.
    pub fn epochs_differ(&self, name: &RoomName) -> bool {
        self.rooms.get(name).is_some_and(Room::epochs_differ)
    }

    /// The next step, until there is none.
    pub fn next(&mut self, now_ms: u64) -> Option<Step> {
        self.leave(now_ms).or_else(|| self.enter(now_ms))
    }

    fn leave(&mut self, now_ms: u64) -> Option<Step> {
        for (name, room) in &mut self.rooms {
            let Place::Open { epoch, in_step, moved_ms, bulk } = &mut room.place else { continue };
            let quiet_ms = now_ms.saturating_sub(*moved_ms);
            if *bulk && quiet_ms >= STUCK_MS {
                *bulk = false;
            }
            let linger_ms = if room.live { LINGER_MS } else { 0 };
            if *in_step && quiet_ms >= linger_ms {
                let id = RoomId { name: name.clone(), epoch: *epoch };
                (room.place, room.live) = (Place::Resting, false);
                return Some(Step::Leave(id));
            }
        }
        None
    }

    fn enter(&mut self, now_ms: u64) -> Option<Step> {
        let (mut open, mut bulk_open) = (0, 0);
        for room in self.rooms.values() {
            if let Place::Open { bulk, .. } = room.place {
                open += 1;
                bulk_open += usize::from(bulk);
            }
        }
        let waiting = |live: bool| {
            let waits = move |room: &Room| room.place == Place::Waiting && room.live == live;
            self.rooms.iter().find(|(_, room)| waits(room)).map(|(name, _)| name.clone())
        };
        if open >= ACTIVE_MAX {
            return None;
        }
        let (name, bulk) = match waiting(true) {
            Some(name) => (name, false),
            None if bulk_open < self.bulk_max => (waiting(false)?, true),
            None => return None,
        };
        let room = self.rooms.get_mut(&name)?;
        let epoch = room.epoch();
        room.place = Place::Open { epoch, bulk, in_step: false, moved_ms: now_ms };
        Some(Step::Enter(RoomId { name, epoch }))
    }

    /// A room of which the far end has everything and names more, which it does not bring.
    pub fn broken_promise(&self, now_ms: u64) -> Option<&RoomName> {
        self.rooms.iter().find_map(|(name, room)| {
            let Place::Open { in_step: false, moved_ms, .. } = room.place else { return None };
            let late = now_ms.saturating_sub(moved_ms) >= PROMISE_MS;
            (late && room.lacks == 0).then_some(name)
        })
    }

    /// How far the two ends are apart.
    pub fn lag(&self, now_ms: u64) -> Lag {
        let is_behind =
            |room: &&Room| room.behind_since_ms.is_some() && !matches!(room.place, Place::Held(_));
        let behind = || self.rooms.values().filter(is_behind);
        let since = behind().filter_map(|room| room.behind_since_ms).min();
        Lag {
            rooms: self.rooms.len(),
            behind: behind().count(),
            from_before: behind().filter(|room| !room.live).count(),
            changes: behind().map(|room| room.lacks).sum(),
            ms: since.map_or(0, |since| now_ms.saturating_sub(since)),
        }
    }

    /// Whether both ends are known to have the same of everything, but for what is held.
    pub fn is_done(&self) -> bool {
        self.complete
            && self.rooms.values().all(|room| match room.place {
                Place::Resting => room.behind_since_ms.is_none(),
                Place::Open { in_step, .. } => in_step,
                Place::Waiting => false,
                Place::Held(_) => true,
            })
    }
}

#[cfg(test)]
mod tests;
