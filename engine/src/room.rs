//! One room: a document, its members and what is waiting, as a state machine without IO.
//!
//! Inputs are staged by [`Room::handle`]; [`Room::advance`] applies what is staged as one batch and
//! asks for it to be persisted. Until [`Input::Persisted`] comes nothing else is applied and nothing
//! leaves, so nobody is shown what a crash could take back. Start at `advance`; `apply` holds the
//! one place where changes reach the document.

mod apply;
mod backup;
mod config;
mod ingest;
pub mod io;
mod member;
mod pending;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use automerge::{ActorId, ChangeHash};

pub use config::{Role, RoomConfig, RoomSize};

use crate::{
    Author, Command, CommandError, Document, Event, Peer, RoomId,
    change::{Refusal, metadata::Ledger, operations::Staged},
    document::{Conflict, People},
    event::Rules,
    limits,
    sync::{Context, Outbox},
};
use apply::Applied;
use backup::Backup;
use io::{Batch, CloseReason, Edit, Input, LoggedChange, Output, Plan};
use member::Member;

/// A room.
#[derive(Debug)]
pub struct Room {
    id: RoomId,
    role: Role,
    document: Document,
    people: People,
    ledger: Ledger,
    members: BTreeMap<Peer, Member>,
    inbox: VecDeque<Work>,
    staged: Staged,
    outbox: Outbox,
    in_flight: Option<InFlight>,
    outputs: VecDeque<Output>,
    /// Client role: local edits that the server does not hold yet, in order.
    pending: Vec<(ChangeHash, Edit)>,
    batch: u64,
    seq: u64,
    event_seq: u64,
    event_time_ms: u64,
    rules: Arc<Rules>,
}

/// Something that waits to be applied.
#[derive(Debug, Clone)]
enum Work {
    Changes { peer: Peer, chunks: Vec<Vec<u8>> },
    Command { ticket: u64, author: Option<Author>, ask: Ask },
    Mirror { ticket: u64, commands: Vec<Command>, events: Vec<Event>, import: bool },
}

/// An edit, or what decides on one.
#[derive(Debug, Clone)]
enum Ask {
    Given(Command),
    Planned(Plan),
}

impl Work {
    fn is_from(&self, peers: &BTreeSet<Peer>) -> bool {
        matches!(self, Self::Changes { peer, .. } if peers.contains(peer))
    }
}

/// A batch on its way to the disk, and what leaves when it is there.
#[derive(Debug)]
struct InFlight {
    number: u64,
    events: Vec<Event>,
    answers: Vec<(u64, Result<Edit, CommandError>)>,
    bindings: Vec<(ActorId, Author)>,
}

impl Room {
    /// A room over its document, as loaded or founded.
    pub fn new(config: RoomConfig, document: Document) -> Self {
        let mut people = People::default();
        if let Some(actor) = config.server_actor {
            people.bind(actor, Author::new(People::SERVER, "Chartroom"));
        }
        for (actor, author) in config.bindings {
            people.bind(actor, author);
        }
        let mut room = Self {
            ledger: Ledger::of(&document),
            id: config.id,
            role: config.role,
            document,
            people,
            members: BTreeMap::new(),
            inbox: VecDeque::new(),
            staged: Staged::default(),
            outbox: Outbox::default(),
            in_flight: None,
            outputs: VecDeque::new(),
            pending: Vec::new(),
            batch: 0,
            seq: config.seq,
            event_seq: config.event_seq,
            event_time_ms: config.event_time_ms,
            rules: config.rules,
        };
        if room.serves() {
            let size = RoomSize { bytes: config.bytes, ops: room.document.ops() };
            room.ledger.measure(size, config.size_max);
        }
        room
    }

    /// Takes an input in. Nothing is applied before [`Room::advance`].
    pub fn handle(&mut self, now_ms: u64, input: Input) {
        match input {
            Input::Joined { peer, author, may_write, extensions } => {
                self.join(peer, author, may_write, extensions);
            }
            Input::Received { peer, message } => self.receive(peer, &message),
            Input::Left { peer } => {
                self.members.remove(&peer);
            }
            Input::Command { ticket, author, command } => {
                self.inbox.push_back(Work::Command { ticket, author, ask: Ask::Given(command) });
            }
            Input::Planned { ticket, author, plan } => {
                self.inbox.push_back(Work::Command { ticket, author, ask: Ask::Planned(plan) });
            }
            Input::Mirror { ticket, commands, events, import } => {
                self.inbox.push_back(Work::Mirror { ticket, commands, events, import });
            }
            Input::Persisted { through } => self.persisted(through),
            Input::Tick => self.tick(now_ms),
            Input::Introduced { actor, author } => {
                self.people.bind(actor, author);
            }
            Input::Refused { hashes } => self.give_back(&hashes),
        }
    }

    /// Applies what is staged and asks for it to be persisted; does nothing while an earlier batch
    /// is on its way.
    pub fn advance(&mut self, now_ms: u64) {
        if self.in_flight.is_some() {
            return;
        }
        if self.inbox.is_empty() {
            return self.poll_sessions(true);
        }
        let mut careful = false;
        let applied = loop {
            match self.attempt(now_ms, careful) {
                Ok(applied) => break applied,
                // Somebody's change does not apply whole: change by change it shows whose.
                Err(peers) if !careful && peers.len() > 1 => careful = true,
                Err(peers) => {
                    for peer in &peers {
                        self.close(*peer, CloseReason::Harm);
                    }
                    self.inbox.retain(|work| !work.is_from(&peers));
                }
            }
        };
        self.persist(applied);
    }

    /// Applies what is staged; where a change does harm, everything is as before and the peers whose
    /// changes were applied with it are named.
    fn attempt(&mut self, now_ms: u64, careful: bool) -> Result<Applied, BTreeSet<Peer>> {
        let from_peers = self.inbox.iter().any(|work| matches!(work, Work::Changes { .. }));
        let backup = (self.serves() && from_peers).then(|| Backup::of(self));
        let mut tried = Vec::new();
        let mut applied = Applied::new(careful);
        while applied.changes.len() < limits::BATCH_CHANGES_MAX
            && applied.looked_at < limits::BATCH_CHANGES_MAX
            && applied.harmed.is_none()
            && !applied.full
        {
            let Some(work) = self.next_work() else { break };
            if backup.is_some() {
                tried.push(work.clone());
            }
            match work {
                Work::Changes { peer, chunks } => {
                    self.apply_from_peer(now_ms, peer, chunks, &mut applied);
                }
                Work::Command { ticket, author, ask } => {
                    self.flush_group(now_ms, &mut applied);
                    self.apply_command(now_ms, ticket, author, ask, &mut applied);
                }
                Work::Mirror { ticket, commands, events, import } if self.serves() => {
                    self.flush_group(now_ms, &mut applied);
                    self.apply_mirror(now_ms, ticket, (commands, import), events, &mut applied);
                }
                // Only a server has facility rooms to write.
                Work::Mirror { .. } => {}
            }
        }
        self.flush_group(now_ms, &mut applied);
        let Some(harmed) = applied.harmed.take() else { return Ok(applied) };
        let Some(backup) = backup else {
            let reason = "a change of the server could not be applied whole";
            self.outputs.push_back(Output::Reload { reason });
            return Ok(applied);
        };
        backup.restore(self);
        tried.into_iter().rev().for_each(|work| self.inbox.push_front(work));
        Err(harmed)
    }

    /// What waits longest; of many changes of one peer a part, and the rest gets behind what others
    /// wait with.
    fn next_work(&mut self) -> Option<Work> {
        let mut work = self.inbox.pop_front()?;
        if let Work::Changes { peer, chunks } = &mut work
            && self.serves()
            && chunks.len() > limits::TURN_CHANGES_MAX
        {
            let rest =
                Work::Changes { peer: *peer, chunks: chunks.split_off(limits::TURN_CHANGES_MAX) };
            let whose = BTreeSet::from([*peer]);
            let waiting = std::mem::take(&mut self.inbox);
            let (own, others): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|work| work.is_from(&whose));
            self.inbox.extend(others.into_iter().chain([rest]).chain(own));
        }
        Some(work)
    }

    /// What the room wants done next; drain it after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The document. On a server it may be shown only while the room is [`settled`](Self::settled).
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Whether everything in the document is durable.
    pub fn settled(&self) -> bool {
        self.in_flight.is_none()
    }

    /// Whether work is waiting that [`Room::advance`] would take up.
    pub fn has_work(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Whether this replica is the server. The browser module never is, and is built without what
    /// only a server does.
    fn serves(&self) -> bool {
        cfg!(not(target_arch = "wasm32")) && self.role == Role::Server
    }

    /// Name and epoch.
    pub fn id(&self) -> &RoomId {
        &self.id
    }

    /// The last position in the room's log.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The last position in the room's event log.
    pub fn event_seq(&self) -> u64 {
        self.event_seq
    }

    /// Local edits that the server has not acknowledged (client role).
    pub fn unsaved(&self) -> usize {
        self.pending.len()
    }

    /// The person that an actor is bound to.
    pub fn author_of(&self, actor: &ActorId) -> Option<&Author> {
        self.people.of(actor)
    }

    /// Whose actor is whose.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// Every conflict, with authors.
    pub fn conflicts(&self) -> Vec<Conflict> {
        self.document.conflicts(&self.people)
    }

    fn join(&mut self, peer: Peer, author: Option<Author>, may_write: bool, extensions: bool) {
        let mut member = Member::new(author, may_write, extensions);
        if !self.serves() {
            member.dialled();
        }
        self.members.insert(peer, member);
        let actors: Vec<_> =
            self.people.bindings().map(|(actor, who)| (actor.clone(), who.clone())).collect();
        if self.serves() && extensions && !actors.is_empty() {
            self.outputs.push_back(Output::Introduce { peer, actors });
        }
    }

    fn receive(&mut self, peer: Peer, bytes: &[u8]) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        match member.receive(bytes) {
            Ok(chunks) if chunks.is_empty() => self.acknowledge(),
            Ok(chunks) => self.inbox.push_back(Work::Changes { peer, chunks }),
            Err(reason) => self.close(peer, reason),
        }
    }

    fn close(&mut self, peer: Peer, reason: CloseReason) {
        self.members.remove(&peer);
        self.outputs.push_back(Output::Close { peer, reason });
    }

    fn tick(&mut self, now_ms: u64) {
        let mut expired = Vec::new();
        for (peer, member) in &mut self.members {
            expired.extend(member.expired(now_ms).into_iter().map(|hash| (*peer, hash)));
        }
        for (peer, hash) in expired {
            self.refuse(peer, hash, Refusal::MissingDependencies);
        }
        if self.in_flight.is_none() && self.inbox.is_empty() {
            self.poll_sessions(false);
        }
    }

    fn persist(&mut self, applied: Applied) {
        let Applied { changes, bindings, events, answers, mirrors, .. } = applied;
        if changes.is_empty() && mirrors.is_empty() {
            self.answer(answers);
            self.acknowledge();
            return self.poll_sessions(true);
        }
        self.batch += 1;
        self.in_flight = Some(InFlight {
            number: self.batch,
            events: events.clone(),
            answers,
            bindings: bindings.clone(),
        });
        let batch = Batch { number: self.batch, changes, bindings, events, mirrors };
        self.outputs.push_back(Output::Persist(batch));
    }

    fn persisted(&mut self, through: u64) {
        let Some(done) = self.in_flight.take_if(|batch| batch.number <= through) else { return };
        self.introduce(&done.bindings);
        self.answer(done.answers);
        if !done.events.is_empty() {
            self.outputs.push_back(Output::Events(done.events));
        }
        self.acknowledge();
        self.poll_sessions(true);
    }

    fn answer(&mut self, answers: Vec<(u64, Result<Edit, CommandError>)>) {
        let answered =
            answers.into_iter().map(|(ticket, result)| Output::Answered { ticket, result });
        self.outputs.extend(answered);
    }

    fn introduce(&mut self, bindings: &[(ActorId, Author)]) {
        if bindings.is_empty() || !self.serves() {
            return;
        }
        let listening = self.members.iter().filter(|(_, member)| member.extensions);
        self.outputs.extend(
            listening.map(|(peer, _)| Output::Introduce { peer: *peer, actors: bindings.to_vec() }),
        );
    }

    /// Lets every session say what it has to say, each distinct message encoded once.
    fn poll_sessions(&mut self, may_wait: bool) {
        let heads = self.document.heads();
        let staged: BTreeSet<Peer> = self
            .inbox
            .iter()
            .filter_map(|work| match work {
                Work::Changes { peer, .. } => Some(*peer),
                Work::Command { .. } | Work::Mirror { .. } => None,
            })
            .collect();
        let serves = self.serves();
        for (peer, member) in &mut self.members {
            let context = Context {
                document: &self.document,
                heads: &heads,
                wanted: member.wanted(&self.document),
                refused: &member.refused,
                may_wait: may_wait && !serves,
                staged: staged.contains(peer),
            };
            if let Some(message) = member.session.poll(&context, &mut self.outbox) {
                self.outputs.push_back(Output::Send { peer: *peer, message });
            }
        }
        self.outbox.end_round();
    }

    /// Refuses a change of a peer, and what it has staged behind it follows by its dependencies.
    fn refuse(&mut self, peer: Peer, hash: ChangeHash, reason: Refusal) {
        if let Some(member) = self.members.get_mut(&peer) {
            member.remember_refused(hash);
        }
        if self.serves()
            && let Some(Output::Refused { peer: last, hashes, reason: same }) =
                self.outputs.back_mut()
            && (*last, &*same, hashes.len() < limits::HASHES_MAX) == (peer, &reason, true)
        {
            return hashes.push(hash);
        }
        self.outputs.push_back(Output::Refused { peer, hashes: vec![hash], reason });
    }
}

impl From<&automerge::Change> for LoggedChange {
    fn from(change: &automerge::Change) -> Self {
        Self { seq: 0, hash: change.hash(), bytes: change.raw_bytes().into() }
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
