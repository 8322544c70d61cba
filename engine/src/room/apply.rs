//! Where changes reach the document, and what each of them meant.
//!
//! One apply takes at most one change per resource, so that the events of a log do not depend on how
//! it was cut into batches; a second change of a resource begins the next apply.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use automerge::{ActorId, Change, ChangeHash};
use serde_json::Value;

use super::{Role, Room};
use crate::{
    Action, Author, Command, CommandError, Event, Peer,
    change::{Checked, Refusal, Touched, chunk, operations},
    document::{self, Document, TEXTS, history::Message},
    event::{self, ResourceChange},
    room::io::{CloseReason, Edit, LoggedChange, Output},
};

/// A batch in the making.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub changes: Vec<LoggedChange>,
    pub bindings: Vec<(ActorId, Author)>,
    pub events: Vec<Event>,
    pub answers: Vec<(u64, Result<Edit, CommandError>)>,
    group: Vec<(Peer, Checked)>,
    grouped: BTreeSet<(String, String)>,
    hashes: BTreeSet<ChangeHash>,
    /// One change at a time, since one of these does harm.
    careful: bool,
    /// Peers whose changes were in a group that did not apply whole.
    pub harmed: Option<BTreeSet<Peer>>,
}

impl Applied {
    pub fn new(careful: bool) -> Self {
        Self { careful, ..Self::default() }
    }
}

/// A resource before a change.
struct Before {
    there: bool,
    disputed: Vec<String>,
}

impl Room {
    /// Checks and groups the chunks of one message.
    pub(super) fn apply_from_peer(
        &mut self,
        now_ms: u64,
        peer: Peer,
        chunks: Vec<Vec<u8>>,
        applied: &mut Applied,
    ) {
        let mut waiting: Vec<Change> = Vec::new();
        for bytes in chunks {
            match self.role {
                Role::Server => match parse(&bytes) {
                    Ok(change) => waiting.push(change),
                    Err((Some(hash), refusal)) => self.refuse(peer, hash, refusal),
                    Err((None, _)) => return self.close(peer, CloseReason::Garbage),
                },
                Role::Client => match self.take_trusted(&bytes) {
                    Ok(changes) => waiting.extend(changes),
                    Err(reason) => return self.close(peer, reason),
                },
            }
        }
        if let Some(member) = self.members.get_mut(&peer) {
            let orphans = member.take_orphans();
            waiting.splice(0..0, orphans);
        }
        // Each pass places the changes whose dependencies are known by now.
        loop {
            let before = waiting.len();
            let mut left = Vec::new();
            for change in waiting {
                match self.consider(now_ms, peer, &change, applied) {
                    Verdict::Taken => {}
                    Verdict::Refused(refusal) => self.refuse(peer, change.hash(), refusal),
                    Verdict::Waits => left.push(change),
                }
            }
            waiting = left;
            if waiting.is_empty() || waiting.len() == before {
                break;
            }
        }
        for change in waiting {
            let Some(member) = self.members.get_mut(&peer) else { break };
            let hash = change.hash();
            if !member.wait(now_ms, change) {
                self.refuse(peer, hash, Refusal::OverLimit("bytes of waiting changes"));
            }
        }
    }

    /// What a trusted server sends: change chunks, and snapshots that are taken over at once.
    fn take_trusted(&mut self, bytes: &[u8]) -> Result<Vec<Change>, CloseReason> {
        let mut changes = Vec::new();
        for (is_document, chunk) in chunk::split(bytes).map_err(|_| CloseReason::Garbage)? {
            if is_document {
                self.document.adopt(chunk).map_err(|_| CloseReason::Garbage)?;
                self.ledger = crate::change::metadata::Ledger::of(&self.document);
                self.outputs.push_back(Output::Adopted);
            } else {
                let change =
                    Change::from_bytes(chunk.to_vec()).map_err(|_| CloseReason::Garbage)?;
                changes.push(change);
            }
        }
        Ok(changes)
    }

    /// Decides about one change; a taken one joins the group that is applied next.
    fn consider(
        &mut self,
        now_ms: u64,
        peer: Peer,
        change: &Change,
        applied: &mut Applied,
    ) -> Verdict {
        let hash = change.hash();
        let known = |hash: &ChangeHash| applied.hashes.contains(hash) || self.document.has(hash);
        if known(&hash) {
            return Verdict::Taken;
        }
        let Some(member) = self.members.get(&peer) else { return Verdict::Taken };
        if change.deps().iter().any(|dep| member.refused.contains(dep)) {
            return Verdict::Refused(Refusal::DependsOnRefused);
        }
        if member.refused.contains(&hash) {
            return Verdict::Taken;
        }
        if !change.deps().iter().all(known) {
            return Verdict::Waits;
        }
        if self.role == Role::Server {
            let may_write = member.may_write;
            let Some(author) = member.author.clone() else { return Verdict::Taken };
            if !may_write {
                return Verdict::Refused(Refusal::ReadOnly);
            }
            let deps = change.deps().iter();
            let dep_max_op = deps.map(|dep| self.op_counter(dep, applied)).max().unwrap_or(0);
            if let Err(refusal) = self.ledger.check(change, &author, &self.people, dep_max_op) {
                return Verdict::Refused(refusal);
            }
        }
        match self.inspect(now_ms, change, applied) {
            Ok(checked) => {
                self.take(now_ms, peer, checked, applied);
                Verdict::Taken
            }
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    fn op_counter(&self, hash: &ChangeHash, applied: &Applied) -> u64 {
        let grouped = applied.group.iter().map(|(_, checked)| &checked.change);
        let mut grouped = grouped.filter(|change| change.hash() == *hash);
        grouped
            .next()
            .map(Change::max_op)
            .or_else(|| self.document.meta(hash).map(|meta| meta.max_op))
            .unwrap_or(0)
    }

    /// Takes a change apart and checks what it touches.
    fn inspect(
        &mut self,
        now_ms: u64,
        change: &Change,
        applied: &mut Applied,
    ) -> Result<Checked, Refusal> {
        let (document, staged) = (&self.document, &self.staged);
        let taken =
            catch_unwind(AssertUnwindSafe(|| operations::touched(document, staged, change)));
        let (touched, made) =
            taken.unwrap_or(Err(Refusal::Malformed("its operations cannot be read")))?;
        if self.role == Role::Server {
            for Touched { collection, id, claims, .. } in &touched {
                document::check_compartment(&self.id.name, collection, id, claims)?;
            }
            if touched.iter().any(|touched| touched.unclear) {
                self.flush_group(now_ms, applied);
                self.check_on_copy(change, &touched)?;
            }
        }
        Ok(Checked { change: change.clone(), touched, made })
    }

    /// Whether the resources that a change leaves behind belong in this room, tried on a copy:
    /// foreign clients write references in shapes that only the document can put together.
    fn check_on_copy(&self, change: &Change, touched: &[Touched]) -> Result<(), Refusal> {
        let mut copy = self.document.clone();
        let tried = catch_unwind(AssertUnwindSafe(|| copy.apply(vec![change.clone()]).is_ok()));
        if !tried.unwrap_or(false) || !copy.has(&change.hash()) {
            return Err(Refusal::NotApplicable);
        }
        for Touched { collection, id, .. } in touched.iter().filter(|touched| touched.unclear) {
            if let Some(Value::Object(resource)) = copy.resource(collection, id) {
                document::check_compartment(&self.id.name, collection, id, &resource)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, now_ms: u64, peer: Peer, mut checked: Checked, applied: &mut Applied) {
        let keys: Vec<_> = resources_of(&checked.touched);
        if applied.careful || keys.iter().any(|key| applied.grouped.contains(key)) {
            self.flush_group(now_ms, applied);
        }
        self.ledger.enter(&checked.change);
        self.staged.extend(std::mem::take(&mut checked.made));
        applied.grouped.extend(keys);
        applied.hashes.insert(checked.change.hash());
        applied.group.push((peer, checked));
    }

    /// Applies the group, checks that the document reads it back, and derives its events.
    pub(super) fn flush_group(&mut self, now_ms: u64, applied: &mut Applied) {
        let group = std::mem::take(&mut applied.group);
        applied.grouped.clear();
        if group.is_empty() || applied.harmed.is_some() {
            return;
        }
        let touched = group.iter().flat_map(|(_, checked)| resources_of(&checked.touched));
        let before: BTreeMap<_, _> = touched.map(|key| (key.clone(), self.before(&key))).collect();
        let heads = self.document.heads();
        let changes: Vec<Change> =
            group.iter().map(|(_, checked)| checked.change.clone()).collect();
        let expected: BTreeSet<ChangeHash> = changes.iter().map(Change::hash).collect();
        let document = &mut self.document;
        let intact = catch_unwind(AssertUnwindSafe(|| {
            document.apply(changes).is_ok() && reads_back(document, &heads, &expected)
        }));
        self.staged.clear();
        if !intact.unwrap_or(false) {
            applied.harmed = Some(group.iter().map(|(peer, _)| *peer).collect());
            return;
        }
        for (peer, checked) in group {
            self.bind(peer, &checked.change, applied);
            self.log(now_ms, &checked, &before, applied);
        }
    }

    fn bind(&mut self, peer: Peer, change: &Change, applied: &mut Applied) {
        let author = self.members.get(&peer).and_then(|member| member.author.clone());
        if let (Role::Server, Some(author)) = (self.role, author) {
            let actor = change.actor_id().clone();
            if self.people.bind(actor.clone(), author.clone()) {
                applied.bindings.push((actor, author));
            }
        }
    }

    /// Carries out a command and logs it.
    pub(super) fn apply_command(
        &mut self,
        now_ms: u64,
        ticket: u64,
        author: Option<Author>,
        command: Command,
        applied: &mut Applied,
    ) {
        let keys = command.resources();
        let before: BTreeMap<_, _> =
            keys.iter().map(|key| (key.clone(), self.before(key))).collect();
        let result = self.document.command(&command, author.as_ref(), now_ms).map(|change| {
            let hash = change.as_ref().map(Change::hash);
            let edit = Edit { hash, resources: keys, command };
            if let Some(change) = change {
                let (touched, made) = operations::touched(&self.document, &self.staged, &change)
                    .expect("what a command wrote lies in the collections");
                self.ledger.enter(&change);
                if self.role == Role::Client {
                    self.document.mark_pending(change.hash());
                    self.pending.push((change.hash(), edit.clone()));
                }
                self.log(now_ms, &Checked { change, touched, made }, &before, applied);
            }
            edit
        });
        applied.answers.push((ticket, result));
    }

    /// Enters an applied change into the log, with its events.
    fn log(
        &mut self,
        now_ms: u64,
        checked: &Checked,
        before: &BTreeMap<(String, String), Before>,
        applied: &mut Applied,
    ) {
        self.seq += 1;
        applied.hashes.insert(checked.change.hash());
        applied.changes.push(LoggedChange { seq: self.seq, ..LoggedChange::from(&checked.change) });
        for touched in &checked.touched {
            let Some(before) = before.get(&(touched.collection.clone(), touched.id.clone())) else {
                continue;
            };
            let Some(change) = self.resource_change(checked, touched, before) else { continue };
            for mut event in event::derive(&self.id.name, &change, now_ms) {
                if self.role == Role::Server {
                    self.event_seq += 1;
                    event.seq = self.event_seq;
                }
                applied.events.push(event);
            }
        }
    }

    fn resource_change(
        &self,
        checked: &Checked,
        touched: &Touched,
        before: &Before,
    ) -> Option<ResourceChange> {
        let (resource_type, id) = (&touched.collection, &touched.id);
        let after = self.document.resource(resource_type, id);
        let disputed = self.document.disputed(resource_type, id);
        let action = match (before.there, &after) {
            (false, Some(_)) => Action::Created,
            (true, None) => Action::Deleted,
            (true, Some(_)) | (false, None) => Action::Updated,
        };
        let only_in = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|name| !those.contains(name)).cloned().collect()
        };
        let change = self.document.meta(&checked.change.hash())?;
        Some(ResourceChange {
            resource_type: resource_type.clone(),
            id: id.clone(),
            action,
            elements: touched
                .elements
                .iter()
                .filter(|name| !name.starts_with('$'))
                .cloned()
                .collect(),
            conflicts_new: only_in(&disputed, &before.disputed),
            conflicts_gone: only_in(&before.disputed, &disputed),
            resource: after.unwrap_or_else(|| document::stub(resource_type, id)),
            hash: change.hash,
            author: self.people.author(&change),
            authored_ms: change.timestamp.saturating_mul(1000),
            import: Message::parse(change.message.as_deref()).import,
        })
    }

    fn before(&self, (resource_type, id): &(String, String)) -> Before {
        Before {
            there: self.document.resource(resource_type, id).is_some(),
            disputed: self.document.disputed(resource_type, id),
        }
    }

    /// Client role: the server refused changes. The document goes back to what it was without them
    /// and what follows on them, and the edits are handed back.
    pub(super) fn give_back(&mut self, hashes: &[ChangeHash]) {
        let mut gone: BTreeSet<ChangeHash> = BTreeSet::new();
        for change in self.document.metas_since(&[]) {
            if hashes.contains(&change.hash) || change.deps.iter().any(|dep| gone.contains(dep)) {
                gone.insert(change.hash);
            }
        }
        if self.role == Role::Server || gone.is_empty() {
            return;
        }
        let kept = self.document.changes_since(&[self.document.genesis()]);
        let kept = kept.iter().filter(|change| !gone.contains(&change.hash()));
        let kept: Vec<Vec<u8>> = kept.map(|change| change.raw_bytes().to_vec()).collect();
        let actor = self.document.actor().clone();
        match Document::load(&self.id, actor, None, kept) {
            Ok(document) => self.document = document,
            Err(_) => return self.outputs.push_back(Output::Reload { reason: "a refusal" }),
        }
        self.ledger = crate::change::metadata::Ledger::of(&self.document);
        let (back, pending) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|(hash, _)| gone.contains(hash));
        self.pending = pending;
        for (hash, _) in &self.pending {
            self.document.mark_pending(*hash);
        }
        for member in self.members.values_mut() {
            member.session.restart(&self.document);
        }
        let back: Vec<(ChangeHash, Edit)> = back;
        let edits = back.into_iter().map(|(_, edit)| edit).collect();
        self.outputs.push_back(Output::Adopted);
        self.outputs.push_back(Output::GivenBack { edits });
    }
}

enum Verdict {
    Taken,
    Waits,
    Refused(Refusal),
}

/// Scans and parses one chunk of a stranger; the hash comes along where the chunk has one.
fn parse(bytes: &[u8]) -> Result<Change, (Option<ChangeHash>, Refusal)> {
    let scanned = chunk::scan(bytes).map_err(|refusal| (None, refusal))?;
    let hash = scanned.hash;
    if scanned.has_extra && scanned.seq != 1 {
        return Err((
            Some(hash),
            Refusal::Malformed("only an actor's first change names an author"),
        ));
    }
    let parsed = catch_unwind(AssertUnwindSafe(|| Change::from_bytes(bytes.to_vec())));
    match parsed {
        Ok(Ok(change)) if change.hash() == hash => Ok(change),
        Ok(_) | Err(_) => Err((Some(hash), Refusal::Malformed("automerge cannot read it"))),
    }
}

/// Whether the document gives back exactly the changes it was given.
fn reads_back(document: &Document, heads: &[ChangeHash], expected: &BTreeSet<ChangeHash>) -> bool {
    let found: BTreeSet<ChangeHash> =
        document.changes_since(heads).iter().map(Change::hash).collect();
    found == *expected
}

fn resources_of(touched: &[Touched]) -> Vec<(String, String)> {
    let resources = touched.iter().filter(|touched| touched.collection != TEXTS);
    resources.map(|touched| (touched.collection.clone(), touched.id.clone())).collect()
}
