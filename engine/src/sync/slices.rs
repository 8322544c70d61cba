//! Between servers a difference of any length goes in slices, each answered before the next.
//!
//! A slice is an ordinary sync message: the sender speaks the heads that its document had when it
//! ended there. So each is small, what is in the way of other rooms on the same link is one of them,
//! and a link that breaks resumes from the last that was answered. One behind which others come has
//! no summary, by which the receiver knows that it is not in step with these heads.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use automerge::{
    ChangeHash,
    sync::{BloomFilter, Have},
};

use super::{Context, Outbox, Session, lacks, our_filter, shared};
use crate::{document::Document, limits};

/// What is left to send.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// Hashes of the changes that the peer lacks, in the order of the log.
    backlog: VecDeque<ChangeHash>,
    /// The heads that the peer has with the last slice, and ticks since, until it says so.
    awaited: Option<(Vec<ChangeHash>, u8)>,
}

impl Slices {
    /// The peer has these heads, all of them known here.
    fn answered(&mut self, document: &Document, theirs: &[ChangeHash]) {
        let Some((awaited, _)) = &self.awaited else { return };
        if !awaited.iter().all(|head| document.is_behind(head, theirs)) {
            return;
        }
        if awaited != theirs {
            // It has something from elsewhere, perhaps some of what is left.
            self.backlog.clear();
        }
        self.awaited = None;
    }

    /// A tick has passed.
    pub fn rest(&mut self) {
        if let Some((_, ticks)) = &mut self.awaited {
            *ticks += 1;
        }
        self.awaited.take_if(|(_, ticks)| *ticks >= limits::SLICE_WAIT_TICKS);
    }

    /// Whether nothing is left, and nothing awaited.
    pub fn is_done(&self) -> bool {
        self.backlog.is_empty() && self.awaited.is_none()
    }
}

impl Session {
    /// Whether there is nothing to do but to send what was written just now.
    pub(super) fn is_plain(&self, outbox: &Outbox) -> bool {
        self.slices.as_ref().is_some_and(Slices::is_done)
            && self.their_have.as_ref().is_none_or(|have| !super::is_reset(have))
            && self.their_need.is_empty()
            && self.told.is_some()
            && self.their_heads().iter().all(|head| self.known.contains(head))
            && outbox.reaches(&self.known)
    }

    /// The next message for another server.
    pub(super) fn poll_slice(&mut self, context: &Context<'_>) -> Option<Arc<[u8]>> {
        let Context { document, heads, .. } = context;
        let missing = self.look_up_heads(context);
        let filter = match context.staged {
            true => None,
            false => self.their_have.take().filter(|_| !missing.is_empty()),
        };
        let need = self.needs(context, &missing);
        let mut slices = self.slices.take().unwrap_or_default();
        if self.heads_known {
            slices.answered(document, self.their_heads());
        }
        if let Some(filter) = &filter {
            let known = document.metas_since(&shared(document, filter));
            let lacking = lacks(&known, filter);
            let lacks: BTreeSet<ChangeHash> = lacking.iter().copied().collect();
            // It has all the rest, so these are its heads among what we have.
            self.known = shared(document, filter);
            for change in known.iter().filter(|change| !lacks.contains(&change.hash)) {
                self.known.retain(|hash| !change.deps.contains(hash));
                self.known.push(change.hash);
            }
            self.known.sort_unstable();
            slices.backlog = lacking.into();
        } else if slices.backlog.is_empty() && !heads.iter().all(|h| self.known.contains(h)) {
            let lacking = document.metas_since(&self.known).into_iter().map(|change| change.hash);
            slices.backlog = lacking.collect();
        }
        let mut chunks = self.take_asked_for(document, &slices);
        if slices.awaited.is_none() {
            self.take_slice(document, &mut slices, &mut chunks);
        }
        let left = !slices.backlog.is_empty();
        if !left {
            self.known = heads.to_vec();
        }
        let telling = self.told.as_deref() != Some(&*self.known);
        self.slices = Some(slices);
        if chunks.is_empty() && need.is_empty() && filter.is_none() && !telling {
            return None;
        }
        let deep = need.iter().any(|hash| !missing.contains(hash));
        let have = match &filter {
            _ if deep || left => Vec::new(),
            Some(filter) => vec![our_filter(document, filter)],
            None => vec![Have { last_sync: self.known.clone(), bloom: BloomFilter::default() }],
        };
        let told = self.known.clone();
        let bytes = self.encode(&told, need.clone(), have, chunks);
        self.tell(&told);
        self.remember_asked(need);
        Some(bytes)
    }

    /// The changes that were asked for by hash, but for those that come in their turn.
    fn take_asked_for(&mut self, document: &Document, slices: &Slices) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.their_need)
            .iter()
            .filter(|hash| !slices.backlog.contains(hash))
            .filter_map(|hash| document.change(hash))
            .map(|change| change.raw_bytes().to_vec())
            .collect()
    }

    /// Adds the next slice, and enters it into what the peer has.
    fn take_slice(&mut self, document: &Document, slices: &mut Slices, chunks: &mut Vec<Vec<u8>>) {
        let (mut bytes, mut count) = (0, 0);
        while bytes < limits::SLICE_BYTES_MAX
            && count < limits::SLICE_CHANGES_MAX
            && let Some(hash) = slices.backlog.pop_front()
        {
            let Some(change) = document.change(&hash) else { continue };
            bytes += change.raw_bytes().len();
            count += 1;
            chunks.push(change.raw_bytes().to_vec());
            self.has(&change);
        }
        slices.awaited = (count > 0 && !slices.backlog.is_empty()).then(|| (self.known.clone(), 0));
    }
}
