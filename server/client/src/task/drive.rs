//! The drive loop of a client's room, and what it has to tell.

use std::sync::Arc;

use chartroom_engine::{ChangeHash, CommandError, Edit, Input, Output, Room};

use crate::clock::now_ms;

/// What came of an input.
#[derive(Default)]
pub(super) struct Driven {
    /// Sync messages for the server.
    pub messages: Vec<Arc<[u8]>>,
    /// What a command came to.
    pub answer: Option<Result<Edit, CommandError>>,
    /// Changes that the server holds durably now.
    pub saved: Vec<ChangeHash>,
    /// Edits that it refused.
    pub given_back: Vec<Edit>,
    /// Why the connection has to be made anew.
    pub fault: Option<&'static str>,
    /// Whether the room has to be made anew, too.
    pub is_untrusted: bool,
    /// Whether a reader may see something else now.
    pub is_news: bool,
}

/// Hands an input in, and drains the room until it has nothing more to do. Nothing is stored here,
/// so what the room wants persisted counts as persisted at once: a replica in memory is safe only
/// with the server.
pub(super) fn drive(room: &mut Room, input: Input) -> Driven {
    let now_ms = now_ms();
    let mut driven = Driven::default();
    room.handle(now_ms, input);
    driven.drain(room);
    loop {
        room.advance(now_ms);
        let Some(through) = driven.drain(room) else { return driven };
        room.handle(now_ms, Input::Persisted { through });
        driven.drain(room);
    }
}

impl Driven {
    /// Takes all outputs; the number of the batch that is to be persisted, if there is one.
    fn drain(&mut self, room: &mut Room) -> Option<u64> {
        let mut persist = None;
        while let Some(output) = room.poll_output() {
            self.is_news |= !matches!(output, Output::Send { .. } | Output::Introduce { .. });
            match output {
                Output::Send { message, .. } => self.messages.push(message),
                Output::Persist(batch) => persist = Some(batch.number),
                Output::Answered { result, .. } => self.answer = Some(result),
                Output::Saved { hashes } => self.saved.extend(hashes),
                Output::GivenBack { edits } => self.given_back.extend(edits),
                // The server's own changes are trusted; one that cannot be applied breaks the line.
                Output::Refused { .. } => {
                    self.fault = Some("a change of the server cannot be applied");
                }
                Output::Close { .. } => {
                    self.fault = Some("a message of the server cannot be taken");
                }
                Output::Reload { reason } => {
                    self.fault = Some(reason);
                    self.is_untrusted = true;
                }
                // A client has no other servers.
                Output::Events(_)
                | Output::Adopted
                | Output::Introduce { .. }
                | Output::Quarantine { .. } => {}
            }
        }
        persist
    }
}
