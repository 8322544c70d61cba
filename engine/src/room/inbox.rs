//! What waits to be applied, and in whose turn it is.

use std::collections::BTreeSet;

use super::{
    Room,
    apply::{Applied, Harm},
    backup::Backup,
    io::{CloseReason, Offer, Output, Plan},
    offered::OFFERING,
};
use crate::{Author, Command, Event, Peer, change::Refusal, limits};

/// Something that waits to be applied.
#[derive(Debug, Clone)]
pub(super) enum Work {
    Changes { peer: Peer, chunks: Vec<Vec<u8>> },
    Command { ticket: u64, author: Option<Author>, ask: Ask },
    Offered { ticket: u64, offer: Box<Offer> },
    Mirror { ticket: u64, commands: Vec<Command>, events: Vec<Event>, import: bool },
}

/// An edit, or what decides on one.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Given(Command),
    Planned(Plan),
}

impl Work {
    pub fn is_from(&self, peers: &BTreeSet<Peer>) -> bool {
        match self {
            Self::Changes { peer, .. } => peers.contains(peer),
            Self::Offered { .. } => peers.contains(&OFFERING),
            Self::Command { .. } | Self::Mirror { .. } => false,
        }
    }
}

impl Room {
    /// Applies what is staged and asks for it to be persisted; does nothing while an earlier batch
    /// is on its way.
    pub fn advance(&mut self, now_ms: u64) {
        if self.in_flight.is_some() {
            return;
        }
        if self.inbox.is_empty() {
            return self.poll_sessions(true);
        }
        let mut careful = false;
        let applied = loop {
            match self.attempt(now_ms, careful) {
                Ok(applied) => break applied,
                // Somebody's change does not apply whole: change by change it shows whose, and of
                // another server which one.
                Err(harm) if !careful && (harm.peers.len() > 1 || self.is_linked(&harm)) => {
                    careful = true;
                }
                Err(harm) => self.end_harm(&harm),
            }
        };
        self.persist(applied);
    }

    fn is_linked(&self, harm: &Harm) -> bool {
        let linked = |peer| self.members.get(peer).is_some_and(|member| member.server().is_some());
        harm.peers.iter().any(linked)
    }

    /// Drops what did harm: a person's connection with it, and of another server the change alone,
    /// since what others wrote comes through it too.
    fn end_harm(&mut self, harm: &Harm) {
        if let (true, Some(change)) = (self.is_linked(harm), &harm.change) {
            for peer in &harm.peers {
                self.refuse(*peer, change, Refusal::NotApplicable);
            }
            return;
        }
        for peer in &harm.peers {
            self.close(*peer, CloseReason::Harm);
        }
        self.refuse_offers(&harm.peers);
        self.inbox.retain(|work| !work.is_from(&harm.peers));
    }

    /// Applies what is staged; where a change does harm, everything is as before and the peers whose
    /// changes were applied with it are named.
    fn attempt(&mut self, now_ms: u64, careful: bool) -> Result<Applied, Harm> {
        let is_made_elsewhere =
            |work: &Work| matches!(work, Work::Changes { .. } | Work::Offered { .. });
        let from_peers = self.inbox.iter().any(is_made_elsewhere);
        let backup = (self.serves() && from_peers).then(|| Backup::of(self));
        let mut tried = Vec::new();
        let known = std::mem::take(&mut self.looks);
        let mut applied = Applied::new(self.document.heads(), known, careful);
        while applied.changes.len() < limits::BATCH_CHANGES_MAX
            && applied.looked_at < limits::BATCH_CHANGES_MAX
            && applied.harmed.is_none()
            && !applied.full
        {
            let Some(work) = self.next_work() else { break };
            if backup.is_some() {
                tried.push(work.clone());
            }
            match work {
                Work::Changes { peer, chunks } => {
                    self.apply_from_peer(now_ms, peer, chunks, &mut applied);
                }
                Work::Command { ticket, author, ask } => {
                    if self.flush_group(now_ms, &mut applied) {
                        self.apply_command(now_ms, ticket, author, ask, &mut applied);
                    }
                }
                Work::Offered { ticket, offer } if self.serves() => {
                    if self.flush_group(now_ms, &mut applied) {
                        self.apply_offered(now_ms, ticket, offer, &mut applied);
                    }
                }
                Work::Mirror { ticket, commands, events, import } if self.serves() => {
                    if self.flush_group(now_ms, &mut applied) {
                        self.apply_mirror(now_ms, ticket, (commands, import), events, &mut applied);
                    }
                }
                // Only a server is offered changes, and has facility rooms to write.
                Work::Offered { .. } | Work::Mirror { .. } => {}
            }
        }
        if self.flush_group(now_ms, &mut applied) {
            return Ok(applied);
        }
        let harmed = applied.harmed.take().unwrap_or_default();
        let Some(backup) = backup else {
            let reason = "a change of the server could not be applied whole";
            self.outputs.push_back(Output::Reload { reason });
            return Ok(applied);
        };
        if backup.restore(self, &applied.bindings).is_err() {
            let reason = "it does not go back to what it was";
            self.outputs.push_back(Output::Reload { reason });
        }
        tried.into_iter().rev().for_each(|work| self.inbox.push_front(work));
        Err(harmed)
    }

    /// What waits longest; of many changes of one peer a part, and the rest gets behind what others
    /// wait with.
    fn next_work(&mut self) -> Option<Work> {
        let mut work = self.inbox.pop_front()?;
        if let Work::Changes { peer, chunks } = &mut work
            && self.serves()
            && chunks.len() > limits::TURN_CHANGES_MAX
        {
            let rest =
                Work::Changes { peer: *peer, chunks: chunks.split_off(limits::TURN_CHANGES_MAX) };
            let whose = BTreeSet::from([*peer]);
            let waiting = std::mem::take(&mut self.inbox);
            let (own, others): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|work| work.is_from(&whose));
            self.inbox.extend(others.into_iter().chain([rest]).chain(own));
        }
        Some(work)
    }
}
