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
        let author = self.by_actor.get(actor)?;
        self.servers_word(actor, message).by.or_else(|| Some(author.clone()))
    }

    /// Whether a change belongs to an import: the server alone says so, or anybody could keep what
    /// they write out of the alerts.
    pub fn is_import(&self, actor: &ActorId, message: Option<&str>) -> bool {
        self.servers_word(actor, message).import
    }

    /// The commit message, empty where the server's own actor did not write it.
    fn servers_word(&self, actor: &ActorId, message: Option<&str>) -> Message {
        match self.by_actor.get(actor) {
            Some(author) if author.id == Self::SERVER => Message::parse(message),
            Some(_) | None => Message::default(),
        }
    }
}

/// The change that wrote an operation.
pub(crate) fn writer(doc: &Automerge, op: &ObjId) -> Option<ChangeHash> {
    doc.hash_for_opid(op)
}
