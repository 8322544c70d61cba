//! The drive loop of the client role, and what it has to report.

use std::{collections::BTreeSet, sync::Arc};

use chartroom_engine::{CommandError, Event, Input, Output, Room};
use serde::Serialize;

use crate::convert::{self, Failure, Outputs};

/// What happened beside messages to send, in the order in which a client should tell it.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The edit that the command came to.
    edit: Option<EditReport>,
    /// A snapshot was taken over or a refusal undone: everything may have changed.
    adopted: bool,
    events: Vec<Arc<Event>>,
    /// Keys of the texts that changes wrote, ours too: `Type:id:element`.
    texts: BTreeSet<String>,
    /// Hashes of changes that the server holds durably now, in hex.
    saved: Vec<String>,
    /// Of those, the ones that stand elsewhere in the log than in the document, each followed by the
    /// change that it stands next behind.
    moved: Vec<String>,
    /// Hashes of changes that the server refused, in hex.
    given_back: Vec<String>,
    /// Why the connection has to be made anew.
    closed: Option<String>,
    /// Why the document in memory is not to be trusted any more.
    reload: Option<&'static str>,
}

#[derive(Serialize)]
struct EditReport {
    hash: Option<String>,
}

/// Hands inputs in one by one, and drains the room after each until it has nothing more to do.
///
/// What a call that fails has to say beside its error, `unsaid` keeps for the next one.
pub fn drive(
    room: &mut Room,
    unsaid: &mut Drained,
    now_ms: f64,
    inputs: impl IntoIterator<Item = Input>,
) -> Result<Outputs, Failure> {
    let now_ms = convert::time(now_ms);
    let mut drained = std::mem::take(unsaid);
    for input in inputs {
        room.handle(now_ms, input);
        drained.drain(room);
        loop {
            room.advance(now_ms);
            drained.drain(room);
            let Some(through) = drained.persist.take() else { break };
            room.handle(now_ms, Input::Persisted { through });
            drained.drain(room);
        }
    }
    if let Some(error) = drained.failed.take() {
        *unsaid = drained;
        return Err(Failure::new(error.code(), &error));
    }
    drained.finish()
}

/// What came out of the room and was not handed on yet.
#[derive(Default)]
pub struct Drained {
    report: Report,
    is_worth_telling: bool,
    messages: Vec<Arc<[u8]>>,
    changes: Vec<Arc<[u8]>>,
    persist: Option<u64>,
    failed: Option<CommandError>,
}

impl Drained {
    fn drain(&mut self, room: &mut Room) {
        while let Some(output) = room.poll_output() {
            self.is_worth_telling |= !matches!(
                output,
                Output::Send { .. } | Output::Persist(_) | Output::Introduce { .. }
            );
            match output {
                Output::Send { message, .. } => self.messages.push(message),
                Output::Persist(batch) => {
                    self.persist = Some(batch.number);
                    self.changes.extend(batch.changes.into_iter().map(|change| change.bytes));
                    self.is_worth_telling |= !batch.texts.is_empty();
                    self.report.texts.extend(batch.texts);
                }
                Output::Events(events) => self.report.events.extend(events),
                Output::Answered { result: Ok(edit), .. } => {
                    let hash = edit.hash.map(|hash| hash.to_string());
                    self.report.edit = Some(EditReport { hash });
                }
                Output::Answered { result: Err(error), .. } => self.failed = Some(error),
                Output::Saved { hashes } => {
                    for hash in &hashes {
                        if let Some(other) = room.document().logged_behind(hash) {
                            self.report.moved.extend([hash.to_string(), other.to_string()]);
                        }
                    }
                    self.report.saved.extend(hashes.iter().map(ToString::to_string));
                }
                Output::GivenBack { edits } => {
                    let hashes = edits.iter().filter_map(|edit| edit.hash);
                    self.report.given_back.extend(hashes.map(|hash| hash.to_string()));
                }
                Output::Adopted => self.report.adopted = true,
                // The server's own changes are trusted; one that cannot be applied breaks the line.
                Output::Refused { .. } => {
                    self.report.closed =
                        Some("a change of the server cannot be applied".to_owned());
                }
                Output::Close { reason, .. } => self.report.closed = Some(reason.to_string()),
                Output::Reload { reason } => self.report.reload = Some(reason),
                // A browser has no other servers.
                Output::Introduce { .. } | Output::Quarantine { .. } => {}
            }
        }
    }

    fn finish(self) -> Result<Outputs, Failure> {
        let report = self.is_worth_telling.then(|| convert::json(&self.report)).transpose()?;
        Ok(convert::outputs(report, &self.messages, &self.changes))
    }
}
