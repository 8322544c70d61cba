//! Changes that were made elsewhere and are offered to the room: checked, applied and logged as if a
//! peer that nobody else sees had sent them, and answered like a command.

use std::collections::BTreeSet;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::Arc;

use super::{
    Room, Work,
    apply::Applied,
    ingest::{Verdict, read},
    io::{Edit, Offer, Output},
    member::Member,
};
use crate::{
    CommandError, Peer,
    change::{Refusal, chunk},
};

/// The number under which offered changes come; connections count from 1.
pub(super) const OFFERING: Peer = Peer(0);

impl Room {
    /// Takes an offered change in, or answers why not.
    pub(super) fn apply_offered(
        &mut self,
        now_ms: u64,
        ticket: u64,
        offer: Box<Offer>,
        applied: &mut Applied,
    ) {
        let change = match open(&offer.chunk) {
            Ok(change) => change,
            Err(refusal) => return applied.answers.push((ticket, Err(refused(&refusal)))),
        };
        let member = Member::new(Some(offer.author.clone()), true, false);
        #[cfg(not(target_arch = "wasm32"))]
        let member = member.granted(Arc::clone(&offer.access));
        self.members.insert(OFFERING, member);
        let verdict = self.consider(now_ms, OFFERING, &change, applied);
        let whole = self.flush_group(now_ms, applied);
        self.members.remove(&OFFERING);
        let result = match verdict {
            // Everything is decided anew, on the document as it was.
            _ if !whole => return,
            Verdict::NextBatch => return self.inbox.push_front(Work::Offered { ticket, offer }),
            Verdict::Taken => Ok(Edit {
                hash: Some(change.hash()),
                resources: offer.command.resources(),
                command: offer.command,
            }),
            Verdict::Waits => Err(Refusal::MissingDependencies),
            Verdict::Refused(refusal) => Err(refusal),
        };
        applied.answers.push((ticket, result.map_err(|refusal| refused(&refusal))));
    }

    /// Refuses offers of which one did harm.
    pub(super) fn refuse_offers(&mut self, harmful: &BTreeSet<Peer>) {
        if !harmful.contains(&OFFERING) || !self.serves() {
            return;
        }
        for work in &self.inbox {
            if let Work::Offered { ticket, .. } = work {
                let result = Err(refused(&Refusal::NotApplicable));
                self.outputs.push_back(Output::Answered { ticket: *ticket, result });
            }
        }
    }
}

fn refused(refusal: &Refusal) -> CommandError {
    CommandError::Refused { code: refusal.code(), message: refusal.to_string() }
}

/// The change in a chunk.
fn open(bytes: &[u8]) -> Result<automerge::Change, Refusal> {
    let (hash, data) = chunk::open(bytes)?;
    chunk::scan(data)?;
    read(bytes, hash)
}

#[cfg(test)]
mod tests;
