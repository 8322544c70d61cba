//! Where changes reach the document, and what each of them meant.
//!
//! The events of a log do not depend on how it was cut into batches. So one apply takes several changes
//! of a resource only where what each makes of it is told from its operations; behind one whose effect
//! has to be read, the next change of the resource begins the next apply.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use automerge::{ActorId, Change, ChangeHash};

use super::{
    Ask, Room, Work,
    linked::{Through, Whose},
};
use crate::{
    Action, Author, Command, CommandError, Event, Peer, RoomSize,
    change::{Checked, Touched, operations},
    document::{self, Document, Look, Seen, TEXTS, Writer},
    event::{self, ResourceChange},
    limits,
    room::io::{Decision, Edit, LoggedChange},
    time,
};

/// A batch in the making.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The heads before it.
    pub to: Vec<ChangeHash>,
    pub changes: Vec<LoggedChange>,
    pub bindings: Vec<(ActorId, Author)>,
    pub events: Vec<Arc<Event>>,
    pub answers: Vec<(u64, Result<Edit, CommandError>)>,
    pub mirrors: Vec<u64>,
    /// Keys of the texts that were written.
    pub texts: BTreeSet<String>,
    /// Type and id of the resources whose texts a change wrote.
    pub typed: BTreeMap<ChangeHash, BTreeSet<(String, String)>>,
    group: Vec<Grouped>,
    /// Resources as the group leaves them; `None` where only the document will say.
    ahead: BTreeMap<(String, String), Option<Look>>,
    /// One change at a time, since one of these does harm.
    careful: bool,
    /// Resources as they were left, those of earlier batches included, so that none is read twice.
    looks: Looks,
    /// Who wrote each resource in this batch; `None` for the server itself.
    writers: BTreeMap<(String, String), Option<Peer>>,
    /// Changes of peers that were decided on, refused ones included.
    pub looked_at: usize,
    /// What comes next belongs to the next batch.
    pub full: bool,
    /// What was in a group that did not apply whole.
    pub harmed: Option<Harm>,
}

impl Applied {
    /// An empty one, for a document with these heads, of which some resources are known.
    pub fn new(to: Vec<ChangeHash>, looks: Looks, careful: bool) -> Self {
        Self { to, looks, careful, ..Self::default() }
    }

    /// Whether what the group makes of a resource shows only when it is applied.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn is_read_alone(&self, key: &(String, String)) -> bool {
        matches!(self.ahead.get(key), Some(None))
    }

    /// A resource as the group leaves it, or as it was left; `None` where that is not known here.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn seen(&self, key: &(String, String)) -> Option<Option<Arc<serde_json::Value>>> {
        let ahead = self.ahead.get(key).and_then(Option::as_ref);
        let look = ahead.or_else(|| self.looks.get(key))?;
        Some(look.seen.resource.clone())
    }

    /// What the next batch is to know of resources, as long as they are few and small.
    pub fn looks(&mut self) -> Looks {
        let looks = std::mem::take(&mut self.looks);
        let bytes = || looks.values().map(|look| look.bytes).sum::<usize>();
        if looks.len() > limits::LOOKS_MAX || bytes() > limits::LOOKS_BYTES_MAX {
            return Looks::new();
        }
        looks
    }

    /// Enters a writer of resources; says no where somebody else wrote one of them in this batch.
    ///
    /// So an acknowledgement leaves before a colleague's later write of the same resource, and a
    /// client knows which of the two the log has first.
    pub fn writes(&mut self, by: Option<Peer>, keys: &[(String, String)]) -> bool {
        let others =
            keys.iter().filter_map(|key| self.writers.get(key)).any(|writer| *writer != by);
        if others {
            self.full = true;
            return false;
        }
        self.writers.extend(keys.iter().map(|key| (key.clone(), by)));
        true
    }
}

/// A group that did not apply whole.
#[derive(Debug, Default)]
pub(super) struct Harm {
    /// Whose changes were in it.
    pub peers: BTreeSet<Peer>,
    /// The one change in it, where it was alone.
    pub change: Option<Box<Change>>,
}

/// What any change adds to a room at least. How much a command adds shows only when it is written, so
/// the last one may pass the limit.
const LEAST: RoomSize = RoomSize { bytes: 1, ops: 1 };

/// A change that is applied with the next group.
#[derive(Debug)]
struct Grouped {
    peer: Peer,
    checked: Checked,
    effects: Vec<Effect>,
}

/// What a change makes of one resource.
#[derive(Debug)]
struct Effect {
    key: (String, String),
    before: Seen,
    /// `None` where only the document will say.
    after: Option<Seen>,
}

/// Resources by collection and id.
pub(super) type Looks = BTreeMap<(String, String), Look>;

impl Room {
    /// Puts a checked change into the group that is applied next; says no where it has to wait for
    /// the next batch.
    pub(super) fn take(
        &mut self,
        now_ms: u64,
        peer: Peer,
        mut checked: Checked,
        applied: &mut Applied,
    ) -> bool {
        let keys: Vec<_> = resources(&checked.touched).map(key_of).collect();
        if self.serves() && !applied.writes(Some(peer), &keys) {
            return false;
        }
        let read = |key| matches!(applied.ahead.get(key), Some(None));
        let alone = applied.careful || keys.iter().any(read);
        if alone && !self.flush_group(now_ms, applied) {
            return false;
        }
        self.document.stage(&checked.change);
        let effects = self.effects(&checked, applied);
        self.ledger.enter(&checked.change);
        self.staged.extend(std::mem::take(&mut checked.made));
        applied.group.push(Grouped { peer, checked, effects });
        true
    }

    /// What a staged change makes of the resources that it touches, as far as that shows before it is
    /// applied.
    fn effects(&self, checked: &Checked, applied: &mut Applied) -> Vec<Effect> {
        let effect = |touched: &Touched| {
            let key = key_of(touched);
            let mut look = self.before(&key, applied);
            let followed = match &touched.puts {
                Some(puts) if self.serves() => {
                    self.document.follow(&mut look, &checked.change, puts)
                }
                Some(_) | None => None,
            };
            let after = followed.as_ref().map(|look| look.seen.clone());
            applied.ahead.insert(key.clone(), followed);
            Effect { key, before: look.seen, after }
        };
        resources(&checked.touched).map(effect).collect()
    }

    /// The document has what was ahead of it: what could not be followed is read.
    fn catch_up(&self, applied: &mut Applied) {
        for (key, look) in std::mem::take(&mut applied.ahead) {
            let look = look.unwrap_or_else(|| self.look(&key));
            #[cfg(debug_assertions)]
            assert_eq!(look.seen, self.look(&key).seen, "what was followed is what is read");
            applied.looks.insert(key, look);
        }
    }

    /// A resource as it is before the next change.
    fn before(&self, key: &(String, String), applied: &mut Applied) -> Look {
        let ahead = applied.ahead.remove(key).flatten();
        ahead.or_else(|| applied.looks.remove(key)).unwrap_or_else(|| self.look(key))
    }

    /// Applies the group, checks that the document reads it back, and derives its events. Says no
    /// where a change of this batch did harm: the document is half changed, and nothing may be read
    /// from it, let alone decided, before it is as it was.
    #[must_use]
    pub(super) fn flush_group(&mut self, now_ms: u64, applied: &mut Applied) -> bool {
        let group = std::mem::take(&mut applied.group);
        if group.is_empty() || applied.harmed.is_some() {
            return applied.harmed.is_none();
        }
        let heads = self.document.heads();
        let changes: Vec<Change> =
            group.iter().map(|grouped| grouped.checked.change.clone()).collect();
        let expected: BTreeSet<ChangeHash> = changes.iter().map(Change::hash).collect();
        let document = &mut self.document;
        let intact = catch_unwind(AssertUnwindSafe(|| {
            document.apply(changes).is_ok() && reads_back(document, &heads, &expected)
        }));
        if !intact.unwrap_or(false) {
            let peers = group.iter().map(|grouped| grouped.peer).collect();
            let change = match group.as_slice() {
                [alone] if self.serves() => Some(Box::new(alone.checked.change.clone())),
                _ => None,
            };
            applied.harmed = Some(Harm { peers, change });
            return false;
        }
        self.staged.rest();
        self.catch_up(applied);
        for Grouped { peer, checked, effects } in group {
            let mut through = None;
            if let Some(member) = self.members.get_mut(&peer) {
                member.session.has(&checked.change);
                through = member.server().map(|link| link.through(&checked.change));
            }
            self.bind(peer, &checked.change, applied);
            self.log(now_ms, &checked, effects, through, applied);
        }
        true
    }

    fn bind(&mut self, peer: Peer, change: &Change, applied: &mut Applied) {
        let actor = change.actor_id().clone();
        let member = self.members.get(&peer);
        let author = member.map(|member| member.author_of(&actor, &self.people));
        if let (true, Some(Whose::Of(author))) = (self.serves(), author)
            && self.people.bind(actor.clone(), author.clone())
        {
            applied.bindings.push((actor, author));
        }
    }

    /// Carries out a command and logs it.
    pub(super) fn apply_command(
        &mut self,
        now_ms: u64,
        ticket: u64,
        author: Option<Author>,
        ask: Ask,
        applied: &mut Applied,
    ) {
        let decision = match &ask {
            Ask::Given(command) => Ok(Decision::from(command.clone())),
            Ask::Planned(plan) => (plan.0)(&self.document),
        };
        let keys = decision.as_ref().map(|decision| decision.command.resources());
        let keys = keys.unwrap_or_default();
        if self.serves() && !applied.writes(None, &keys) {
            self.inbox.push_front(Work::Command { ticket, author, ask });
            return;
        }
        let result = decision.and_then(|Decision { command, note }| {
            let writer = Writer::Noted(author.as_ref(), &note);
            self.write(now_ms, &command, writer, applied)
        });
        applied.answers.push((ticket, result));
    }

    /// Writes what follows from a patient's room, and repeats its events.
    pub(super) fn apply_mirror(
        &mut self,
        now_ms: u64,
        ticket: u64,
        (commands, import): (Vec<Command>, bool),
        events: Vec<Event>,
        applied: &mut Applied,
    ) {
        let command = Command::Batch { commands };
        if !applied.writes(None, &command.resources()) {
            let Command::Batch { commands } = command else { return };
            self.inbox.push_front(Work::Mirror { ticket, commands, events, import });
            return;
        }
        let result = self.write(now_ms, &command, Writer::Server { import }, applied);
        if result.is_ok() {
            let time_ms = self.event_time(now_ms);
            for event in events {
                let room = self.id.name.clone();
                self.enter(Event { room, time_ms, import, ..event }, applied);
            }
            applied.mirrors.push(ticket);
        }
        applied.answers.push((ticket, result));
    }

    fn write(
        &mut self,
        now_ms: u64,
        command: &Command,
        writer: Writer<'_>,
        applied: &mut Applied,
    ) -> Result<Edit, CommandError> {
        // The server's own writes follow from what others were let write, and facility rooms are
        // founded anew before they are large.
        if !writer.is_server() && self.ledger.is_full(LEAST) {
            return Err(CommandError::RoomFull);
        }
        let keys = command.resources();
        // What a command touches is known when it is written, and read before.
        for key in &keys {
            let look = self.before(key, applied);
            applied.looks.insert(key.clone(), look);
        }
        let change = self.document.command(command, writer, now_ms)?;
        let hash = change.as_ref().map(Change::hash);
        let edit = Edit { hash, resources: keys, command: command.clone() };
        if let Some(change) = change {
            let (touched, made) = operations::touched(&self.document, &self.staged, &change)
                .expect("what a command wrote lies in the collections");
            self.ledger.enter(&change);
            if !self.serves() {
                self.document.mark_pending(change.hash());
                self.pending.push((change.hash(), edit.clone()));
            }
            let checked = Checked { change, touched, made };
            let effects = self.effects(&checked, applied);
            self.catch_up(applied);
            self.log(now_ms, &checked, effects, None, applied);
        }
        Ok(edit)
    }

    /// Enters an applied change into the log, with its events.
    fn log(
        &mut self,
        now_ms: u64,
        checked: &Checked,
        effects: Vec<Effect>,
        through: Option<Through>,
        applied: &mut Applied,
    ) {
        self.seq += 1;
        let via = through.as_ref().map(|through| Arc::clone(&through.server));
        let logged = LoggedChange::from(&checked.change);
        applied.changes.push(LoggedChange { seq: self.seq, via, ..logged });
        let texts = checked.touched.iter().filter(|touched| touched.collection == TEXTS);
        if self.serves() {
            let of =
                texts.map(Touched::resource).map(|(name, id)| (name.to_owned(), id.to_owned()));
            let of: BTreeSet<(String, String)> = of.collect();
            if !of.is_empty() {
                applied.typed.insert(checked.change.hash(), of);
            }
        } else {
            applied.texts.extend(texts.map(|touched| touched.id.clone()));
        }
        let now_ms = self.event_time(now_ms);
        let touched = resources(&checked.touched);
        for (touched, Effect { key, before, after }) in touched.zip(effects) {
            let read = || applied.looks.get(&key).map(|look| look.seen.clone());
            let after = after.or_else(read).unwrap_or_default();
            let change = self.resource_change(&checked.change, touched, before, after);
            let change = through.iter().fold(change, |change, through| through.mark(change));
            for event in event::derive(&self.id.name, &change, &self.rules, now_ms) {
                self.enter(event, applied);
            }
        }
    }

    /// Enters an event into the log.
    fn enter(&mut self, mut event: Event, applied: &mut Applied) {
        if self.serves() {
            self.event_seq += 1;
            event.seq = self.event_seq;
        }
        applied.events.push(Arc::new(event));
    }

    /// The time of an event that happens now: clocks are set back, a log's times are not.
    fn event_time(&mut self, now_ms: u64) -> u64 {
        self.event_time_ms = self.event_time_ms.max(now_ms);
        self.event_time_ms
    }

    fn resource_change(
        &self,
        change: &Change,
        touched: &Touched,
        before: Seen,
        after: Seen,
    ) -> ResourceChange {
        let (resource_type, id) = (&touched.collection, &touched.id);
        let action = match (before.resource.is_some(), &after.resource) {
            (false, Some(_)) => Action::Created,
            (true, None) => Action::Deleted,
            (true, Some(_)) | (false, None) => Action::Updated,
        };
        let only_in = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|name| !those.contains(name)).cloned().collect()
        };
        let said = self.people.said(change.actor_id(), change.message());
        let stub = || Arc::new(document::stub(resource_type, id));
        ResourceChange {
            resource_type: resource_type.clone(),
            id: id.clone(),
            action,
            elements: touched
                .elements
                .iter()
                .filter(|name| !name.starts_with('$'))
                .cloned()
                .collect(),
            conflicts_new: only_in(&after.disputed, &before.disputed),
            conflicts_gone: only_in(&before.disputed, &after.disputed),
            before: before.resource,
            resource: after.resource.unwrap_or_else(stub),
            hash: change.hash(),
            author: said.by,
            authored_ms: time::claimed_ms(change.timestamp()),
            import: said.import,
            reverts: said.note.reverts_of(resource_type, id),
            via: None,
        }
    }

    fn look(&self, (resource_type, id): &(String, String)) -> Look {
        self.document.look(resource_type, id)
    }
}

/// Whether the document gives back exactly the changes it was given.
fn reads_back(document: &Document, heads: &[ChangeHash], expected: &BTreeSet<ChangeHash>) -> bool {
    let found: BTreeSet<ChangeHash> =
        document.changes_since(heads).iter().map(Change::hash).collect();
    found == *expected
}

/// What is touched and is a resource, as texts are not.
fn resources(touched: &[Touched]) -> impl Iterator<Item = &Touched> {
    touched.iter().filter(|touched| touched.collection != TEXTS)
}

fn key_of(touched: &Touched) -> (String, String) {
    (touched.collection.clone(), touched.id.clone())
}
