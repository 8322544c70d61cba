//! Client role: local edits until the server has answered for them, saved or given back.

use std::collections::BTreeSet;

use automerge::ChangeHash;

use super::Room;
use crate::{
    Command, Document,
    change::{metadata::Ledger, operations},
    room::io::{Edit, Output},
};

impl Room {
    /// Client role: local edits that the server's heads cover are saved.
    pub(super) fn acknowledge(&mut self) {
        if self.serves() || self.pending.is_empty() {
            return;
        }
        let Some(member) = self.members.values().next() else { return };
        let heads: Vec<ChangeHash> =
            member.session.their_heads().iter().filter(|h| self.document.has(h)).copied().collect();
        if heads.is_empty() {
            return;
        }
        let unknown: BTreeSet<ChangeHash> =
            self.document.metas_since(&heads).iter().map(|change| change.hash).collect();
        let saved: Vec<ChangeHash> =
            self.pending.iter().map(|(hash, _)| *hash).filter(|h| !unknown.contains(h)).collect();
        if saved.is_empty() {
            return;
        }
        self.pending.retain(|(hash, _)| unknown.contains(hash));
        for hash in &saved {
            self.document.mark_acknowledged(hash);
        }
        self.outputs.push_back(Output::Saved { hashes: saved });
    }

    /// Client role: takes edits back up that the server had not acknowledged when the room was last
    /// given up. Those whose changes the document lacks are left out.
    pub fn take_up(&mut self, edits: impl IntoIterator<Item = (ChangeHash, Command)>) {
        let me = self.people.of(self.document.actor()).cloned();
        for (hash, command) in edits {
            let Some(change) = self.document.meta(&hash) else { continue };
            let actor = change.actor.into_owned();
            if self.serves() || self.pending.iter().any(|(pending, _)| *pending == hash) {
                continue;
            }
            // The server has not said yet whose actor that was.
            if let Some(me) = &me {
                self.people.bind(actor, me.clone());
            }
            self.document.mark_pending(hash);
            let edit = Edit { hash: Some(hash), resources: command.resources(), command };
            self.pending.push((hash, edit));
        }
    }

    /// Client role: takes the local edits out that the server does not hold, to be made again in
    /// the room's next epoch. A put of a resource that stood becomes a patch of what it wrote, so
    /// that it takes nothing back that others wrote meanwhile.
    pub fn take_pending(&mut self) -> Vec<Edit> {
        let pending = std::mem::take(&mut self.pending);
        pending.into_iter().map(|(hash, edit)| self.narrowed(hash, edit)).collect()
    }

    fn narrowed(&self, hash: ChangeHash, edit: Edit) -> Edit {
        let patch = || {
            let Command::Put { resource } = &edit.command else { return None };
            let change = self.document.change(&hash)?;
            let touched = operations::touched(&self.document, &self.staged, &change).ok()?.0;
            let [touched] = touched.as_slice() else { return None };
            let (resource_type, id) = (touched.collection.clone(), touched.id.clone());
            self.document.resource_at(change.deps(), &resource_type, &id)?;
            let values = |name: &String| {
                let sibling = format!("_{name}");
                let value = resource.get(name).cloned().unwrap_or_default();
                let beside = resource.get(&sibling).cloned();
                [(name.clone(), Some(value)), (sibling, beside)]
            };
            let elements = touched.elements.iter().filter(|name| !name.starts_with('$'));
            let elements =
                elements.flat_map(values).filter_map(|(name, value)| Some((name, value?)));
            Some(Command::Patch { resource_type, id, elements: elements.collect() })
        };
        Edit { command: patch().unwrap_or_else(|| edit.command.clone()), ..edit }
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
        if self.serves() || gone.is_empty() {
            return;
        }
        let kept = self.document.changes_since(&[self.document.genesis()]);
        let kept = kept.iter().filter(|change| !gone.contains(&change.hash()));
        let kept: Vec<Vec<u8>> = kept.map(|change| change.raw_bytes().to_vec()).collect();
        let actor = self.document.actor().clone();
        let mut document = Document::found(&self.id, actor);
        if document.replay(kept).is_err() {
            return self.outputs.push_back(Output::Reload { reason: "a refusal" });
        }
        document.keep_places_of(&self.document);
        self.document = document;
        self.ledger = Ledger::of(&self.document);
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
