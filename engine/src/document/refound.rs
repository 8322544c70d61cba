//! Re-founding: the document of a room's next epoch, written from the state that is kept.
//!
//! What history holds beside that state stays behind in the old epoch: redaction, a history cut and
//! a change of schema are all this. A conflict is two states of which a person has to choose one, so
//! a room with open conflicts is not re-founded.

use automerge::{ObjType, ReadDoc, transaction::CommitOptions, transaction::Transactable};
use serde_json::Value;

use super::{Command, Document, TEXTS, Writer, conflicts, genesis, history::Message, texts};
use crate::{LoggedChange, RoomId, document::People, limits};

/// Bytes of JSON in one change of the new document, beside the last resource's.
const CHUNK_BYTES: usize = 2 * 1024 * 1024;

/// Why a room is not founded anew; it is as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefoundError {
    /// Somebody has to choose first.
    #[error("{count} conflicts are open; resolve them first, since only one state is carried over")]
    ConflictsOpen {
        /// How many there are.
        count: usize,
    },
    /// The new document does not say what the old one says, which is our error.
    #[error("the new document would not be equal to the old one")]
    Unequal,
}

impl RefoundError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ConflictsOpen { .. } => "conflict-open",
            Self::Unequal => "internal",
        }
    }
}

impl Document {
    /// The room's next epoch: its genesis, then every resource that stands and its texts, written by
    /// the actor of this document as an import. Deleted resources stay behind.
    pub fn refound(&self, now_ms: u64) -> Result<Self, RefoundError> {
        let count = self.conflicts(&People::default()).len();
        if count > 0 {
            return Err(RefoundError::ConflictsOpen { count });
        }
        let texts = self.texts();
        let id = RoomId { epoch: self.room.epoch + 1, ..self.room.clone() };
        let mut next = Self::found(&id, self.actor().clone());
        let export = self.export();
        let entries = export.get("entry").and_then(Value::as_array).into_iter().flatten();
        let resources = entries.filter_map(|entry| entry.get("resource").cloned());
        for chunk in chunks(resources) {
            let command = Command::Import { resources: chunk };
            let written = next.command(&command, Writer::Server { import: true }, now_ms);
            written.map_err(|_| RefoundError::Unequal)?;
        }
        next.write_texts(&texts)?;
        if next.export() != export || next.texts() != texts {
            return Err(RefoundError::Unequal);
        }
        Ok(next)
    }

    /// Every change behind genesis, as the log of a room with this document begins.
    pub fn log(&self) -> Vec<LoggedChange> {
        let changes = self.changes_since(&[self.genesis]);
        let logged = changes.iter().zip(1..);
        logged.map(|(change, seq)| LoggedChange { seq, ..LoggedChange::from(change) }).collect()
    }

    /// The texts that people write together, by key, of the resources that stand.
    fn texts(&self) -> Vec<(String, String)> {
        let kept = |key: &String| {
            let named = texts::names(key);
            let read =
                named.and_then(|(name, id, _)| conflicts::read(&self.doc, &self.order, name, id));
            read.is_some_and(|read| !read.deleted)
        };
        let shown = |key: String| {
            let (_, text) = texts::standing(&self.doc, &self.order, &key).into_iter().next()?;
            Some((key, self.doc.text(text).ok()?))
        };
        texts::keys(&self.doc, "", false).into_iter().filter(kept).filter_map(shown).collect()
    }

    /// Writes texts, as many in one change as it may have operations.
    fn write_texts(&mut self, mut texts: &[(String, String)]) -> Result<(), RefoundError> {
        let Some(collection) = genesis::collection(TEXTS) else { return Ok(()) };
        let message = Message { import: true, ..Message::default() }.text().unwrap_or_default();
        while !texts.is_empty() {
            let mut ops = 0;
            let more = |(_, text): &&(String, String)| {
                ops += 1 + text.chars().count() as u64;
                ops <= limits::CHANGE_OPS_MAX
            };
            let count = texts.iter().take_while(more).count().max(1);
            let (these, rest) = texts.split_at(count);
            let mut tx = self.doc.transaction();
            for (key, text) in these {
                tx.put_object(&collection, key, ObjType::Text)
                    .and_then(|object| tx.splice_text(&object, 0, 0, text))
                    .map_err(|_| RefoundError::Unequal)?;
            }
            tx.commit_with(CommitOptions::default().with_message(message.as_str()));
            texts = rest;
        }
        Ok(())
    }
}

/// Resources in changes of a bearable size.
fn chunks(resources: impl Iterator<Item = Value>) -> Vec<Vec<Value>> {
    let mut chunks: Vec<Vec<Value>> = Vec::new();
    let mut bytes = 0;
    for resource in resources {
        match chunks.last_mut() {
            Some(last) if last.len() < limits::IMPORT_CHUNK_RESOURCES && bytes < CHUNK_BYTES => {
                bytes += resource.to_string().len();
                last.push(resource);
            }
            _ => {
                bytes = resource.to_string().len();
                chunks.push(vec![resource]);
            }
        }
    }
    chunks
}
