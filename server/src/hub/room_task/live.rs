//! A loaded room with everybody who is in it or waits for it; all of it is gone when the room is
//! loaded again.

use std::{collections::BTreeMap, ops::Range};

use chartroom_engine::{CommandError, Edit, Room, RoomId, limits::STAGED_BYTES_MAX};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{compaction::Log, mail::Read, members::Members};
use crate::{
    hub::{
        Closing, Hub, RoomError,
        feed::Feed,
        handle::{Edits, RefoundingError},
        load::Loaded,
    },
    storage::Fact,
};

/// What is gone when a room is loaded again.
pub(super) struct Live {
    pub room: Room,
    pub log: Log,
    pub members: Members,
    pub feed: Feed,
    /// The number of the last event that was published.
    pub event_seq: u64,
    pub requests: BTreeMap<u64, Request>,
    /// Ticket of a command to its request and its place there.
    tickets: BTreeMap<u64, (u64, usize)>,
    next_ticket: u64,
    /// What is to be noted in the same step as the write with this ticket.
    pub facts: BTreeMap<u64, Vec<Fact>>,
    pub reads: Vec<Read>,
    /// What the room took in of peers' messages since nothing waited in it.
    pub staged: Staged,
    /// Who asked for the room to be founded anew, and where another server has.
    pub refounding: Option<(Option<RoomId>, Refounded)>,
    /// The batch at the storage thread.
    pub persisting: Option<Persisting>,
}

/// Who waits for the next epoch.
pub(super) type Refounded = oneshot::Sender<Result<RoomId, RefoundingError>>;

/// Messages of peers that a room took in and has not dealt with.
#[derive(Default)]
pub(super) struct Staged {
    pub bytes: usize,
    pub turns: Vec<OwnedSemaphorePermit>,
}

/// A batch at the storage thread.
pub(super) struct Persisting {
    /// The engine's number of it.
    pub number: u64,
    /// Bytes of its changes.
    pub bytes: u64,
    /// Its last change.
    pub seq: u64,
    /// How many changes it has.
    pub changes: u64,
    /// A digest of the heads behind it.
    pub heads: [u8; 16],
    /// Whether it wrote a patient.
    pub patient: bool,
}

/// Commands that are answered together.
pub(super) struct Request {
    edits: Vec<Option<Result<Edit, CommandError>>>,
    done: oneshot::Sender<Result<Edits, RoomError>>,
}

impl Live {
    /// A room as it was loaded, with nobody in it.
    pub fn new(loaded: Loaded, feed: Feed) -> Self {
        let log = Log::new(&loaded);
        let event_seq = loaded.room.event_seq();
        Self {
            room: loaded.room,
            log,
            members: Members::default(),
            feed,
            event_seq,
            requests: BTreeMap::new(),
            tickets: BTreeMap::new(),
            next_ticket: 1,
            facts: BTreeMap::new(),
            reads: Vec::new(),
            staged: Staged::default(),
            refounding: None,
            persisting: None,
        }
    }

    /// Whether more may wait in the room. Else it waits in the mailbox, and then in the sockets.
    pub fn takes_mail(&self) -> bool {
        self.refounding.is_none() && self.staged.bytes < STAGED_BYTES_MAX
    }

    /// Lets those look who wait to, if everything in the document is durable.
    pub fn answer_reads(&mut self) {
        if self.room.settled() {
            for read in self.reads.drain(..) {
                read(Ok(&self.room));
            }
        }
    }

    /// Keeps one command's result, and answers the request whose last it was.
    pub fn answer_command(&mut self, ticket: u64, result: Result<Edit, CommandError>) {
        // A write that was refused takes what goes with it along.
        self.facts.remove(&ticket);
        let Some((number, place)) = self.tickets.remove(&ticket) else { return };
        let Some(request) = self.requests.get_mut(&number) else { return };
        if let Some(edit) = request.edits.get_mut(place) {
            *edit = Some(result);
        }
        if request.edits.iter().all(Option::is_some)
            && let Some(request) = self.requests.remove(&number)
        {
            // Who no longer waits needs no answer.
            let _ = request.done.send(Ok(request.edits.into_iter().flatten().collect()));
        }
    }

    /// Takes a request in; gives its commands' tickets.
    pub fn expect(
        &mut self,
        commands: usize,
        done: oneshot::Sender<Result<Edits, RoomError>>,
    ) -> Range<u64> {
        let first = self.next_ticket;
        self.next_ticket += commands as u64;
        let tickets = first..self.next_ticket;
        self.tickets.extend(tickets.clone().enumerate().map(|(place, t)| (t, (first, place))));
        self.requests.insert(first, Request { edits: vec![None; commands], done });
        tickets
    }

    /// Tells everybody who is here or waits for an edit that the room is loaded again.
    pub fn abandon(&mut self, hub: &Hub) {
        for (_, request) in std::mem::take(&mut self.requests) {
            // Who no longer waits needs no answer.
            let _ = request.done.send(Err(RoomError::Storage));
        }
        let closing = Closing::try_again("the room is loaded again; connect anew");
        hub.metrics.closed_for_reload.inc_by(self.members.close_all(&hub.peer_id, &closing));
    }
}
