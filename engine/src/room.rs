//! One room: a document, its members and what is waiting, as a state machine without IO.
//!
//! Inputs are staged by [`Room::handle`]; [`Room::advance`] applies what is staged as one batch and
//! asks for it to be persisted. Until [`Input::Persisted`] comes nothing else is applied and nothing
//! leaves, so nobody is shown what a crash could take back. Start at `advance`; `apply` holds the
//! one place where changes reach the document.

mod apply;
mod backup;
mod config;
mod inbox;
mod ingest;
pub mod io;
mod linked;
mod member;
mod offered;
mod pending;
#[cfg(not(target_arch = "wasm32"))]
mod permit;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use automerge::{ActorId, ChangeHash};

pub use config::{Role, RoomConfig, RoomSize};

use crate::{
    Author, CommandError, Document, Event, Peer, RoomId,
    change::{Refusal, metadata::Ledger, operations::Staged},
    document::{Conflict, People, Snapshot},
    event::Rules,
    limits,
    sync::{Context, Outbox},
};
use apply::{Applied, Looks};
use backup::Behind;
use inbox::{Ask, Work};
use io::{Batch, CloseReason, Edit, Input, LoggedChange, Output};
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
    /// The heads when every session was last asked.
    polled: Vec<ChangeHash>,
    /// Members whose sessions may have something to say although the heads are what they were.
    stirred: BTreeSet<Peer>,
    in_flight: Option<InFlight>,
    /// Server role: resources as the last batches left them, for those who go on with them.
    looks: Looks,
    /// Server role: what the room goes back to when a stranger's change does harm.
    behind: Option<Behind>,
    /// Whether something was written since the last tick.
    written: bool,
    outputs: VecDeque<Output>,
    /// Client role: local edits that the server does not hold yet, in order.
    pending: Vec<(ChangeHash, Edit)>,
    batch: u64,
    seq: u64,
    event_seq: u64,
    event_time_ms: u64,
    rules: Arc<Rules>,
}

/// A batch on its way to the disk, and what leaves when it is there.
#[derive(Debug)]
struct InFlight {
    number: u64,
    /// The heads that it was applied to.
    to: Vec<ChangeHash>,
    chunks: Vec<Arc<[u8]>>,
    events: Vec<Arc<Event>>,
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
            outbox: Outbox::new(config.snapshot),
            polled: Vec::new(),
            stirred: BTreeSet::new(),
            in_flight: None,
            looks: Looks::new(),
            behind: None,
            written: false,
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
            Input::Linked { peer, server } if self.serves() => self.link(peer, server),
            Input::Vouched { peer, actors } if self.serves() => self.vouched(peer, actors),
            Input::Linked { .. } | Input::Vouched { .. } => {}
            #[cfg(not(target_arch = "wasm32"))]
            Input::Granted { peer, access } => {
                if let Some(member) = self.members.get_mut(&peer) {
                    member.access = Some(access);
                }
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
            Input::Offered { ticket, offer } if self.serves() => {
                self.inbox.push_back(Work::Offered { ticket, offer: Box::new(offer) });
            }
            Input::Offered { .. } => {}
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

    /// A copy of the document to save off this thread; `None` until all of it is durable.
    pub fn durable(&self) -> Option<Document> {
        self.settled().then(|| self.document.clone())
    }

    /// Whether what newcomers are sent has outgrown its snapshot, so that another is wanted.
    pub fn is_outgrown(&self) -> bool {
        self.outbox.is_outgrown()
    }

    /// Sends newcomers this snapshot from now on, which was made of the [`durable`](Self::durable)
    /// document.
    pub fn renew_snapshot(&mut self, snapshot: Snapshot) {
        self.outbox.renew(snapshot);
    }

    /// How many documents the room holds: a second one, to go back to, while strangers write in it.
    pub fn documents(&self) -> u64 {
        1 + u64::from(self.behind.is_some())
    }

    /// Bytes that are kept for newcomers.
    pub fn snapshot_bytes(&self) -> usize {
        self.outbox.kept_bytes()
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
        self.enter_member(peer, member);
    }

    fn enter_member(&mut self, peer: Peer, member: Member) {
        let extensions = member.extensions;
        self.members.insert(peer, member);
        self.stirred.insert(peer);
        let actors: Vec<_> =
            self.people.bindings().map(|(actor, who)| (actor.clone(), who.clone())).collect();
        if self.serves() && extensions && !actors.is_empty() {
            self.outputs.push_back(Output::Introduce { peer, actors });
        }
    }

    fn receive(&mut self, peer: Peer, bytes: &[u8]) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        let received = member.receive(bytes);
        if !member.session.is_settled() {
            self.stirred.insert(peer);
        }
        match received {
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
        if self.serves() {
            self.outbox.rest();
        }
        let mut expired = Vec::new();
        for (peer, member) in &mut self.members {
            expired.extend(member.expired(now_ms).into_iter().map(|change| (*peer, change)));
            if member.server().is_some() {
                member.session.rest();
                self.stirred.insert(*peer);
            }
        }
        for (peer, change) in expired {
            let has_all = || change.deps().iter().all(|dep| self.document.has(dep));
            let reason = match self.serves() && has_all() {
                true => Refusal::UnknownAuthor,
                false => Refusal::MissingDependencies,
            };
            self.refuse(peer, &change, reason);
        }
        if self.in_flight.is_none() && self.inbox.is_empty() {
            self.poll_sessions(false);
            if !std::mem::take(&mut self.written) {
                self.looks.clear();
                self.staged.clear();
                self.behind = None;
            }
        }
    }

    fn persist(&mut self, mut applied: Applied) {
        if self.serves() {
            self.looks = applied.looks();
        }
        let Applied { to, changes, bindings, events, answers, mirrors, texts, typed, .. } = applied;
        if changes.is_empty() && mirrors.is_empty() {
            self.answer(answers);
            self.acknowledge();
            return self.poll_sessions(true);
        }
        self.written = true;
        let history = self.document.change_count();
        let chunks = changes.iter().map(|change| Arc::clone(&change.bytes));
        self.behind = self.behind.take().and_then(|behind| behind.with(chunks, history));
        self.batch += 1;
        self.in_flight = Some(InFlight {
            number: self.batch,
            to,
            chunks: changes.iter().map(|change| Arc::clone(&change.bytes)).collect(),
            events: events.clone(),
            answers,
            bindings: bindings.clone(),
        });
        let batch = Batch { number: self.batch, changes, bindings, events, mirrors, texts, typed };
        self.outputs.push_back(Output::Persist(batch));
    }

    fn persisted(&mut self, through: u64) {
        let Some(done) = self.in_flight.take_if(|batch| batch.number <= through) else { return };
        if self.serves() {
            self.outbox.applied(done.to, done.chunks);
        }
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

    /// Lets sessions say what they have to say, each distinct message encoded once: all of them when
    /// the heads are new, and else those that something happened to.
    fn poll_sessions(&mut self, may_wait: bool) {
        let serves = self.serves();
        let heads = self.document.heads();
        let mut stirred = std::mem::take(&mut self.stirred);
        if heads != self.polled || !serves {
            stirred = self.members.keys().copied().collect();
        }
        if stirred.is_empty() {
            return;
        }
        let staged: BTreeSet<Peer> = self
            .inbox
            .iter()
            .filter_map(|work| match work {
                Work::Changes { peer, .. } => Some(*peer),
                Work::Command { .. } | Work::Offered { .. } | Work::Mirror { .. } => None,
            })
            .collect();
        let opens = self.members.values().any(|member| member.session.is_to_open());
        // So the server tells of a client's pending change where it stands in the log, if it does.
        let logged = (opens && !self.pending.is_empty()).then(|| self.document.logged_heads());
        for peer in stirred {
            let Some(member) = self.members.get_mut(&peer) else { continue };
            let context = Context {
                document: &self.document,
                heads: &heads,
                opening: logged.as_ref().unwrap_or(&heads),
                wanted: member.wanted(&self.document),
                refused: &member.refused,
                may_wait: may_wait && !serves,
                staged: staged.contains(&peer),
            };
            if context.staged {
                // What it may not ask for yet, it is to ask for later.
                self.stirred.insert(peer);
            }
            if let Some(message) = member.session.poll(&context, &mut self.outbox) {
                let expected = serves.then(|| member.session.expects(&mut self.outbox));
                self.outputs.push_back(Output::Send { peer, message, answer: expected.flatten() });
            }
        }
        self.outbox.end_round();
        self.polled = heads;
    }

    /// Refuses a change of a peer, and what it has staged behind it follows by its dependencies.
    fn refuse(&mut self, peer: Peer, change: &automerge::Change, reason: Refusal) {
        let (hash, actor) = (change.hash(), Some(change.actor_id()));
        self.keep_aside(peer, (hash, actor), change.raw_bytes(), &reason);
        self.refuse_hash(peer, hash, reason);
    }

    fn refuse_hash(&mut self, peer: Peer, hash: ChangeHash, reason: Refusal) {
        if let Some(member) = self.members.get_mut(&peer) {
            member.remember_refused(hash);
            self.stirred.insert(peer);
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
        Self { seq: 0, hash: change.hash(), bytes: change.raw_bytes().into(), via: None }
    }
}

#[cfg(test)]
mod tests;
