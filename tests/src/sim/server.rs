//! The server of a run: rooms over a store, with the storage thread's manners and no threads.
//!
//! Rooms, storage and the loading of rooms are the product's. What stands in for the hub is here:
//! one commit at a time for all rooms that wait, tried again once after the store was opened again,
//! and a room given up when that fails too.

use std::collections::{BTreeMap, BTreeSet};

use chartroom_engine::{
    ActorId, Author, Batch, ChangeHash, Document, Input, Linked, Output, Peer, Room, RoomId,
    heads_digest, mint_actor,
};
use chartroom_server::{
    hub::{HubConfig, load_room},
    storage::{Keyspace, RoomBatch, Storage, StorageError},
};

use super::disk::Disk;

/// What the server has to say: to a member's connection, or to whoever looks on.
pub enum Said {
    /// For a member of a room.
    To(Peer, Output),
    /// The command of this ticket made this change.
    Written(u64, ChangeHash),
    /// A batch is durable, and with it these heads.
    Committed(usize, Batch, [u8; 16]),
    /// A room was given up, and its members are closed.
    GaveUp(usize, Vec<Peer>),
}

/// The server.
pub struct Server {
    /// Its disk, which outlives it.
    pub disk: Disk,
    storage: Keyspace<Disk>,
    actor: ActorId,
    config: HubConfig,
    rooms: BTreeMap<usize, Live>,
    names: Vec<RoomId>,
    waiting: Vec<Waiting>,
    committing: Vec<Waiting>,
    loaded: Vec<(usize, BTreeSet<ChangeHash>)>,
}

/// A room's number and its batch.
type Waiting = (usize, RoomBatch);

/// A loaded room.
struct Live {
    room: Room,
    members: Vec<Peer>,
}

impl Server {
    /// Starts over a disk, as a process does; `random` makes its actor where the disk has none.
    pub fn start(disk: Disk, names: &[RoomId], random: [u8; 8]) -> Result<Self, StorageError> {
        let storage = Keyspace::open(disk.clone())?;
        let actor = storage.server_actor(&|| mint_actor(0, random))?;
        Ok(Self {
            disk,
            storage,
            actor,
            config: HubConfig::default(),
            rooms: BTreeMap::new(),
            names: names.to_vec(),
            waiting: Vec::new(),
            committing: Vec::new(),
            loaded: Vec::new(),
        })
    }

    /// The store.
    pub fn storage(&self) -> &Keyspace<Disk> {
        &self.storage
    }

    /// In whose name it writes.
    pub fn actor(&self) -> &ActorId {
        &self.actor
    }

    /// What rooms held that were loaded since the last time this was asked.
    pub fn take_loaded(&mut self) -> Vec<(usize, BTreeSet<ChangeHash>)> {
        std::mem::take(&mut self.loaded)
    }

    /// A room, loaded where it is not.
    pub fn room(&mut self, number: usize) -> &mut Room {
        &mut self.live(number).room
    }

    /// A room as it is stored.
    pub fn stored(&self, number: usize) -> Result<Room, String> {
        let loaded = load_room(&self.storage, &self.id(number), &self.actor, &self.config);
        loaded.map(|loaded| loaded.room).map_err(|error| error.to_string())
    }

    fn live(&mut self, number: usize) -> &mut Live {
        if !self.rooms.contains_key(&number) {
            let room = self.stored(number).expect("a stored room loads");
            let log = room.document().log();
            self.loaded.push((number, log.iter().map(|change| change.hash).collect()));
            self.rooms.insert(number, Live { room, members: Vec::new() });
        }
        self.rooms.get_mut(&number).expect("it was loaded above")
    }

    /// A connection enters a room.
    pub fn join(&mut self, number: usize, peer: Peer, author: Author, may_write: bool, ours: bool) {
        let live = self.live(number);
        live.members.push(peer);
        let author = Some(author);
        live.room.handle(0, Input::Joined { peer, author, may_write, extensions: ours });
    }

    /// Another server enters a room.
    pub fn link(&mut self, number: usize, peer: Peer, server: Linked) {
        let live = self.live(number);
        live.members.push(peer);
        live.room.handle(0, Input::Linked { peer, server });
    }

    /// A room, where it is loaded.
    pub fn loaded(&self, number: usize) -> Option<&Room> {
        self.rooms.get(&number).map(|live| &live.room)
    }

    /// A connection leaves a room.
    pub fn leave(&mut self, number: usize, peer: Peer) {
        if let Some(live) = self.rooms.get_mut(&number) {
            live.members.retain(|member| *member != peer);
            live.room.handle(0, Input::Left { peer });
        }
    }

    /// Whether nothing is under way.
    pub fn is_quiet(&self) -> bool {
        self.committing.is_empty()
            && self.waiting.is_empty()
            && self.rooms.values().all(|live| live.room.settled() && !live.room.has_work())
    }

    /// Applies what waits and gives what is to be said.
    pub fn drive(&mut self, now_ms: u64) -> Vec<Said> {
        let mut said = Vec::new();
        for (number, live) in &mut self.rooms {
            loop {
                live.room.advance(now_ms);
                while let Some(output) = live.room.poll_output() {
                    match output {
                        Output::Persist(batch) => {
                            let id = live.room.id().clone();
                            let heads = Some(heads_digest(&live.room.document().heads()));
                            let batch = RoomBatch { heads, ..RoomBatch::new(id, batch, 0) };
                            self.waiting.push((*number, batch));
                        }
                        Output::Answered { ticket, result } => {
                            said.extend(
                                result
                                    .ok()
                                    .and_then(|edit| edit.hash)
                                    .map(|hash| Said::Written(ticket, hash)),
                            );
                        }
                        Output::Send { peer, .. }
                        | Output::Refused { peer, .. }
                        | Output::Quarantine { peer, .. }
                        | Output::Introduce { peer, .. }
                        | Output::Close { peer, .. } => said.push(Said::To(peer, output)),
                        Output::Reload { reason } => panic!("a room is reloaded: {reason}"),
                        Output::Events(_)
                        | Output::Adopted
                        | Output::Saved { .. }
                        | Output::GivenBack { .. } => {}
                    }
                }
                if !(live.room.settled() && live.room.has_work()) {
                    break;
                }
            }
        }
        said
    }

    /// Time has passed.
    pub fn tick(&mut self, now_ms: u64) {
        for live in self.rooms.values_mut() {
            live.room.handle(now_ms, Input::Tick);
        }
    }

    /// Hands what waits to the store; says whether a commit begins.
    pub fn begin_commit(&mut self) -> bool {
        if !self.committing.is_empty() || self.waiting.is_empty() {
            return false;
        }
        self.committing = std::mem::take(&mut self.waiting);
        true
    }

    /// Ends the commit that is under way.
    pub fn end_commit(&mut self, now_ms: u64) -> Vec<Said> {
        let batches = std::mem::take(&mut self.committing);
        let (written, failed) = self.commit(batches);
        let mut said = Vec::new();
        for (number, RoomBatch { batch, heads, .. }) in written {
            if let Some(live) = self.rooms.get_mut(&number) {
                live.room.handle(now_ms, Input::Persisted { through: batch.number });
            }
            said.push(Said::Committed(number, batch, heads.unwrap_or_default()));
        }
        for (number, _) in failed {
            self.waiting.retain(|(waiting, _)| *waiting != number);
            if let Some(live) = self.rooms.remove(&number) {
                said.push(Said::GaveUp(number, live.members));
            }
        }
        said
    }

    /// Commits as the storage thread does: a batch that is refused leaves the others, and any other
    /// failure is tried again once, after the store was opened again.
    fn commit(&self, mut batches: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
        let (mut failed, mut reopened) = (Vec::new(), false);
        while !batches.is_empty() {
            let rooms: Vec<RoomBatch> = batches.iter().map(|(_, batch)| batch.clone()).collect();
            let Err(error) = self.storage.commit(&rooms) else { break };
            if let Some(room) = error.room() {
                failed.extend(batches.extract_if(.., |(_, batch)| batch.room == *room));
            } else if reopened || self.storage.reopen().is_err() {
                failed.append(&mut batches);
            }
            reopened |= error.room().is_none();
        }
        (batches, failed)
    }

    fn id(&self, number: usize) -> RoomId {
        self.names.get(number).expect("the rooms of a run are numbered").clone()
    }

    /// Opens the store again, and gives up rooms of which it has more than they know: a batch that
    /// failed was written. The hub finds that out with the room's next write, which is refused.
    pub fn give_up_what_is_in_doubt(&mut self) -> Vec<Said> {
        let _ = self.storage.reopen();
        let differs = |(number, live): (&usize, &Live)| {
            let stored = self.stored(*number).expect("a stored room loads");
            let differs = stored.document().heads() != live.room.document().heads();
            (live.room.settled() && differs).then_some(*number)
        };
        let numbers: Vec<usize> = self.rooms.iter().filter_map(differs).collect();
        let gone =
            numbers.into_iter().filter_map(|number| Some((number, self.rooms.remove(&number)?)));
        gone.map(|(number, live)| Said::GaveUp(number, live.members)).collect()
    }

    /// Makes a snapshot of a room's log, if the room is settled; says whether it is there.
    pub fn compact(&mut self, number: usize) -> bool {
        let live = self.live(number);
        if !live.room.settled() || live.room.seq() == 0 {
            return false;
        }
        let (id, seq, snapshot) =
            (live.room.id().clone(), live.room.seq(), live.room.document().save());
        let heads = live.room.document().heads();
        let again = Document::load(&id, self.actor.clone(), Some(&snapshot), []);
        assert_eq!(again.ok().map(|again| again.heads()), Some(heads), "a snapshot loads back");
        let done = self.storage.compact(&id, &snapshot, seq);
        if done.as_ref().is_err_and(|error| error.room().is_none()) {
            // The next commit tries again, should this not help.
            let _ = self.storage.reopen();
        }
        done.is_ok()
    }

    /// Dies. A commit under way is in the store where `kept`; gives its batches then.
    pub fn crash(mut self, kept: bool) -> Vec<Waiting> {
        self.disk.after_crash();
        let batches = std::mem::take(&mut self.committing);
        if !kept || self.storage.reopen().is_err() {
            return Vec::new();
        }
        self.commit(batches).0
    }
}
