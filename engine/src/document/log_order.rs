//! What history says of two changes: which came first, which knew of the other.
//!
//! A replica numbers the changes in the order in which they were applied; that number is a change's
//! place. An index of its own, since automerge decodes a change's account to say either, and both are
//! asked for each element of each resource that is read.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, ChangeHash};

/// Where changes stand in the room's log, as far as this replica knows it, and what each followed on.
///
/// A document keeps its changes in the order in which they were applied, which on a server is the
/// order of the log. A client's own change was applied before the server logged it, so its place in
/// the log is set when the server acknowledges it; until then it comes last.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogOrder {
    places: BTreeMap<ChangeHash, u64>,
    /// By place.
    steps: Vec<Step>,
    runs: Vec<Run>,
    /// The places of the changes that no other follows.
    heads: Vec<u64>,
    /// Where local changes stand in the log that are not where they were applied. Counts in twos, so
    /// that there is a place between each change and the next.
    placed: BTreeMap<ChangeHash, u64>,
}

/// Behind everything.
const LAST: u64 = u64::MAX;

/// One change.
#[derive(Debug, Clone, Copy)]
struct Step {
    run: u32,
    /// Its highest operation counter.
    max_op: u32,
    /// Whether it was made in knowledge of every change before it.
    knew_all: bool,
    /// As [`LogOrder::is_pending`] says.
    pending: bool,
}

/// Changes that each follow on the one before and on nothing else.
#[derive(Debug, Clone)]
struct Run {
    last: u64,
    /// What its first change followed on.
    deps: Vec<u64>,
}

impl LogOrder {
    /// The order of a document's changes as they stand.
    pub fn of(doc: &Automerge) -> Self {
        let mut order = Self::default();
        order.read(doc);
        order
    }

    /// Reads the order again, of a document in which other changes stand; what was set stays.
    pub fn read(&mut self, doc: &Automerge) {
        let placed = std::mem::take(&mut self.placed);
        *self = Self { placed, ..Self::default() };
        for change in doc.get_changes_meta(&[]) {
            self.append(change.hash, &change.deps, change.max_op);
        }
    }

    /// The next change was applied, whose highest operation counter is `max_op`.
    pub fn append(&mut self, hash: ChangeHash, deps: &[ChangeHash], max_op: u64) {
        let place = self.count();
        let deps: Vec<u64> = deps.iter().filter_map(|dep| self.places.get(dep)).copied().collect();
        self.heads.retain(|head| !deps.contains(head));
        self.heads.push(place);
        let run = match self.run_to_go_on(&deps) {
            Some(run) => run,
            None => {
                self.runs.push(Run { last: place, deps });
                self.runs.len() - 1
            }
        };
        if let Some(run) = self.runs.get_mut(run) {
            run.last = place;
        }
        let run = u32::try_from(run).expect("a room's operations are limited");
        // A document of ours has none beyond it (`limits::OP_COUNTER_MAX`).
        let max_op = u32::try_from(max_op).unwrap_or(u32::MAX);
        let (knew_all, pending) = (self.heads.len() == 1, self.is_pending(&hash));
        self.steps.push(Step { run, max_op, knew_all, pending });
        self.places.insert(hash, place);
    }

    /// How many changes there are.
    pub fn count(&self) -> u64 {
        self.steps.len() as u64
    }

    /// Whether the change is there.
    pub fn has(&self, hash: &ChangeHash) -> bool {
        self.places.contains_key(hash)
    }

    /// Whether who knows of these changes knows of all that there are.
    pub fn covers_all(&self, known: &[ChangeHash]) -> bool {
        let is_known = |head: &u64| known.iter().any(|hash| self.places.get(hash) == Some(head));
        self.heads.iter().all(is_known)
    }

    /// The highest operation counter of a change.
    pub fn max_op(&self, hash: &ChangeHash) -> Option<u64> {
        let step = self.step(*self.places.get(hash)?)?;
        Some(u64::from(step.max_op))
    }

    /// A local change that the server does not have yet.
    pub fn pending(&mut self, hash: ChangeHash) {
        self.placed.insert(hash, LAST);
        self.set_pending(&hash, true);
    }

    /// Whether it is a local change of which it is not known where the server logged it.
    pub fn is_pending(&self, hash: &ChangeHash) -> bool {
        self.placed.get(hash) == Some(&LAST)
    }

    /// The server has it: everything that arrived so far stands before it, unless its place is known.
    /// What is pending itself does not count: the server may log it later, or refuse it.
    pub fn acknowledged(&mut self, hash: &ChangeHash) {
        if !self.is_pending(hash) {
            return;
        }
        self.set_pending(hash, false);
        let behind_all = self.steps.iter().rposition(|step| !step.pending);
        self.placed.insert(*hash, behind_all.map_or(LAST, |last| last as u64 * 2 + 1));
    }

    /// The acknowledged change stands next behind another one in the log, as was kept of it.
    pub fn keep_behind(&mut self, hash: ChangeHash, other: &ChangeHash) {
        if let Some(place) = self.places.get(other) {
            self.placed.insert(hash, place * 2 + 1);
        }
    }

    /// Takes over where acknowledged changes stand, from the order of a document in which others stood
    /// beside them.
    pub fn keep_places_of(&mut self, older: &Self) {
        for hash in older.placed.keys() {
            if let Some(other) = older.behind(hash) {
                self.keep_behind(*hash, &other);
            }
        }
    }

    /// The change that an acknowledged one stands next behind in the log, if not where it was applied.
    pub fn behind(&self, hash: &ChangeHash) -> Option<ChangeHash> {
        let place = self.placed.get(hash).filter(|place| **place != LAST)? / 2;
        let (other, _) = self.places.iter().find(|(_, other)| **other == place)?;
        (other != hash).then_some(*other)
    }

    /// The one of `hashes` that the room showed first.
    pub fn first<'h>(
        &self,
        hashes: impl ExactSizeIterator<Item = &'h ChangeHash>,
    ) -> Option<ChangeHash> {
        // Of local changes that stand behind the same one, the one that was made first.
        let place = |hash: &ChangeHash| {
            let (placed, applied) = (self.placed.get(hash).copied(), self.places.get(hash));
            (placed.or_else(|| applied.map(|place| place * 2)), applied, *hash)
        };
        hashes.copied().min_by_key(place)
    }

    /// Whether of any two of these changes one knew of the other, as far as that shows at once.
    pub fn is_line(&self, hashes: &BTreeSet<ChangeHash>) -> bool {
        let places = hashes.iter().filter_map(|hash| self.places.get(hash)).copied();
        let places: Vec<u64> = places.collect();
        let first = places.iter().min();
        let knew_all = |place: &u64| self.step(*place).is_some_and(|step| step.knew_all);
        places.len() == hashes.len()
            && places.iter().all(|place| Some(place) == first || knew_all(place))
    }

    /// Whether `ancestor` is `of`, or `of` was written in knowledge of it.
    pub fn is_ancestor(&self, ancestor: &ChangeHash, of: &ChangeHash) -> bool {
        let (Some(ancestor), Some(of)) = (self.places.get(ancestor), self.places.get(of)) else {
            return false;
        };
        let Some(sought) = self.step(*ancestor) else { return false };
        let mut walk = vec![*of];
        while let Some(place) = take_last(&mut walk) {
            if place < *ancestor {
                return false;
            }
            let Some(step) = self.step(place) else { continue };
            if step.knew_all || step.run == sought.run {
                return true;
            }
            walk.extend_from_slice(self.deps(step));
        }
        false
    }

    /// The changes of `hashes` that no other of them knew of: one walk back from all of them, the
    /// newest first, run by run.
    pub fn maximal(&self, hashes: &BTreeSet<ChangeHash>) -> BTreeSet<ChangeHash> {
        if hashes.len() < 2 {
            return hashes.clone();
        }
        let places = hashes.iter().filter_map(|hash| Some((*self.places.get(hash)?, *hash)));
        let mut left: Vec<(u64, ChangeHash)> = places.collect();
        // A place and whether somebody knew of the change there: one that was only written may stay.
        let mut walk: Vec<(u64, bool)> = left.iter().map(|(place, _)| (*place, false)).collect();
        while left.len() > 1
            && let Some((place, known)) = take_last(&mut walk)
        {
            let above = if known { place + 1 } else { place };
            if left.iter().all(|(other, _)| *other >= above) {
                break;
            }
            let Some(step) = self.step(place) else { continue };
            let known_of =
                |other: u64| step.knew_all || self.step(other).is_some_and(|o| o.run == step.run);
            left.retain(|(other, _)| *other >= above || !known_of(*other));
            if step.knew_all {
                break;
            }
            walk.extend(self.deps(step).iter().map(|dep| (*dep, true)));
        }
        left.into_iter().map(|(_, hash)| hash).collect()
    }

    /// The run that a change with these dependencies goes on with.
    fn run_to_go_on(&self, deps: &[u64]) -> Option<usize> {
        let [dep] = deps else { return None };
        let run = self.step(*dep)?.run as usize;
        (self.runs.get(run)?.last == *dep).then_some(run)
    }

    fn step(&self, place: u64) -> Option<Step> {
        self.steps.get(usize::try_from(place).ok()?).copied()
    }

    fn set_pending(&mut self, hash: &ChangeHash, pending: bool) {
        let place = self.places.get(hash).and_then(|place| usize::try_from(*place).ok());
        if let Some(step) = place.and_then(|place| self.steps.get_mut(place)) {
            step.pending = pending;
        }
    }

    /// What the first change of a step's run followed on.
    fn deps(&self, step: Step) -> &[u64] {
        self.runs.get(step.run as usize).map_or(&[], |run| &run.deps)
    }
}

/// Takes out the highest, and its equals with it.
fn take_last<T: Ord + Copy>(walk: &mut Vec<T>) -> Option<T> {
    let last = walk.iter().max().copied()?;
    walk.retain(|other| *other != last);
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A history drawn from numbers: each change follows on some of those that none followed yet, and
    /// now and then on one long before.
    fn history(mut seed: u64) -> (LogOrder, Vec<(ChangeHash, BTreeSet<ChangeHash>)>) {
        let mut draw = move |below: usize| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        let mut order = LogOrder::default();
        let mut known: Vec<(ChangeHash, BTreeSet<ChangeHash>)> = Vec::new();
        let mut heads: Vec<usize> = Vec::new();
        for place in 0..60_usize {
            let mut deps: BTreeSet<usize> = heads.iter().copied().filter(|_| draw(3) > 0).collect();
            if place > 0 && (deps.is_empty() || draw(8) == 0) {
                deps = BTreeSet::from([draw(place)]);
            }
            let mut hash = [0; 32];
            hash[0] = draw(256) as u8;
            hash[1] = place as u8;
            let before: BTreeSet<ChangeHash> = deps
                .iter()
                .flat_map(|dep| known[*dep].1.iter().copied().chain([known[*dep].0]))
                .collect();
            let hashes: Vec<ChangeHash> = deps.iter().map(|dep| known[*dep].0).collect();
            order.append(ChangeHash(hash), &hashes, 0);
            heads.retain(|head| !deps.contains(head));
            heads.push(place);
            known.push((ChangeHash(hash), before));
        }
        (order, known)
    }

    #[test]
    fn who_knew_of_whom_is_what_the_dependencies_say() {
        for seed in 0..200 {
            let (order, known) = history(seed);
            for (hash, before) in &known {
                for (other, _) in &known {
                    let expected = hash == other || before.contains(other);
                    assert_eq!(order.is_ancestor(other, hash), expected, "seed {seed}");
                }
            }
            for some in known.chunks(7).chain(known.chunks(2)) {
                let hashes: BTreeSet<ChangeHash> = some.iter().map(|(hash, _)| *hash).collect();
                let known_of: BTreeSet<ChangeHash> =
                    some.iter().flat_map(|(_, before)| before.iter().copied()).collect();
                let expected: BTreeSet<ChangeHash> =
                    hashes.difference(&known_of).copied().collect();
                assert_eq!(order.maximal(&hashes), expected, "seed {seed}");
                if order.is_line(&hashes) {
                    assert_eq!(expected.len(), 1, "seed {seed}");
                }
            }
        }
    }
}
