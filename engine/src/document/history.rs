//! Who wrote a change: what its message says, and whose actor it is.

use std::collections::BTreeMap;

use automerge::{ActorId, Automerge, ChangeHash, ObjId};
use serde::{Deserialize, Serialize};

use crate::Author;

/// What Chartroom puts into a change's commit message, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Message {
    /// In whose name the server's actor wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Author>,
    /// The change belongs to an import.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub import: bool,
    /// What else the server notes.
    #[cfg_attr(
        not(target_arch = "wasm32"),
        serde(default, skip_serializing_if = "Note::is_empty")
    )]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub note: Note,
}

/// What the server notes of an edit that it writes for somebody. The browser module is built without
/// it: what follows from it a browser hears by the server's events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Note {
    /// Why it was made, as its author says.
    #[cfg(not(target_arch = "wasm32"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The elements that it puts back to what they were before another author wrote them, without
    /// that its author saw what stood there; as `Type/id.element`.
    #[cfg(not(target_arch = "wasm32"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<String>,
    /// What it creates came from another room, where it had versions of its own; or what it deletes went
    /// into one.
    #[cfg(not(target_arch = "wasm32"))]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moved: bool,
}

impl Note {
    #[cfg(not(target_arch = "wasm32"))]
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The elements of one resource that it puts back.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn reverts_of(&self, resource_type: &str, id: &str) -> Vec<String> {
        let of = format!("{resource_type}/{id}.");
        self.reverts.iter().filter_map(|path| path.strip_prefix(&of)).map(str::to_owned).collect()
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn reverts_of(&self, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// What is known of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its hash.
    pub hash: ChangeHash,
    /// The device, or server, that made it.
    pub actor: ActorId,
    /// The person responsible for it.
    pub author: Option<Author>,
    /// When it was made, as its author's clock said, in milliseconds since 1970; `None` where that
    /// says nothing.
    pub authored_ms: Option<i64>,
    /// Whether the server wrote it, for its author.
    pub by_server: bool,
    /// What the server noted of it.
    pub note: Note,
    /// Whether it belongs to an import.
    pub import: bool,
}

impl Message {
    /// Reads a commit message; a foreign client's says nothing.
    pub fn parse(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The commit message, `None` where there is nothing to say.
    pub fn text(&self) -> Option<String> {
        (*self != Self::default())
            .then(|| serde_json::to_string(self).expect("a struct of strings serialises"))
    }
}

/// Whose actor is whose.
#[derive(Debug, Clone, Default)]
pub struct People {
    by_actor: BTreeMap<ActorId, Author>,
}

impl People {
    /// The author id that the server's own actor is bound to.
    pub const SERVER: &'static str = "chartroom:server";

    /// How the ids of authors begin that stand for a whole server, where nobody says which of its people
    /// made a change.
    pub const SOMEBODY_AT: &'static str = "server:";

    /// Whether an author stands for somebody at a server.
    pub fn is_somebody_at(author: &Author) -> bool {
        author.id.starts_with(Self::SOMEBODY_AT)
    }

    /// The person that an actor is bound to.
    pub fn of(&self, actor: &ActorId) -> Option<&Author> {
        self.by_actor.get(actor)
    }

    /// Every binding, by actor.
    pub fn bindings(&self) -> impl Iterator<Item = (&ActorId, &Author)> {
        self.by_actor.iter()
    }

    /// Takes back what was bound by a batch that came to nothing.
    pub fn unbind(&mut self, actor: &ActorId) {
        self.by_actor.remove(actor);
    }

    /// Binds an actor for good; a second binding is ignored, but where the first was somebody at a
    /// server. Says whether it is new.
    pub fn bind(&mut self, actor: ActorId, author: Author) -> bool {
        match self.by_actor.entry(actor) {
            // Who it is was not known; now it is. A browser learns it when it comes anew.
            std::collections::btree_map::Entry::Occupied(mut entry)
                if cfg!(not(target_arch = "wasm32"))
                    && Self::is_somebody_at(entry.get())
                    && !Self::is_somebody_at(&author) =>
            {
                entry.insert(author);
                true
            }
            std::collections::btree_map::Entry::Occupied(_) => false,
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(author);
                true
            }
        }
    }

    /// Who is responsible for a change of an actor: the person it is bound to, or whom the message names
    /// where the server's own actor wrote it for somebody.
    pub fn author(&self, actor: &ActorId, message: Option<&str>) -> Option<Author> {
        self.said(actor, message).by
    }

    /// What is believed of a change's message, with the person responsible. That it belongs to an
    /// import, say, the server alone says, or anybody could keep what they write out of the alerts.
    pub(crate) fn said(&self, actor: &ActorId, message: Option<&str>) -> Message {
        let said = self.servers_word(actor, message);
        Message { by: said.by.or_else(|| self.by_actor.get(actor).cloned()), ..said }
    }

    /// Whether an actor is the server's own.
    pub fn is_server(&self, actor: &ActorId) -> bool {
        self.by_actor.get(actor).is_some_and(|author| author.id == Self::SERVER)
    }

    /// The commit message, empty where the server's own actor did not write it.
    fn servers_word(&self, actor: &ActorId, message: Option<&str>) -> Message {
        if self.is_server(actor) { Message::parse(message) } else { Message::default() }
    }
}

/// The change that wrote an operation.
pub(crate) fn writer(doc: &Automerge, op: &ObjId) -> Option<ChangeHash> {
    doc.hash_for_opid(op)
}
