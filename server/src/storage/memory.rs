//! A storage in memory, for tests and simulations: it forgets with the process.
//!
//! It can be told to fail as disks do: before anything is written, after everything is, or with
//! writes that show until it is opened again and are gone then.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use parking_lot::Mutex;

use super::keyspace::{Keyspace, Tree, TreeError, Visit, Write};

/// Rooms in memory.
pub type Memory = Keyspace<MemoryTree>;

/// How a write, or an opening, is to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The write goes well: in a row of faults, those that come later wait their turn.
    None,
    /// The write fails and leaves nothing.
    NotWritten,
    /// The write reports a failure, and yet everything is there and stays.
    WrittenUnheard,
    /// The write reports a failure; it shows, and is gone when the store is opened again.
    WrittenUnsynced,
    /// The write panics before it writes anything.
    Panic,
}

/// An ordered map in memory.
#[derive(Default)]
pub struct MemoryTree {
    state: Mutex<State>,
    hook: Mutex<Option<Hook>>,
}

type Hook = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct State {
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What unsynced writes displaced, newest last.
    undo: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    faults: VecDeque<Fault>,
    failing_opens: usize,
    failing_tends: usize,
    writes: usize,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::open(MemoryTree::default()).expect("an empty map opens")
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryTree {
    /// Lets the next writes go wrong, one each.
    pub fn fail_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().faults.extend(faults);
    }

    /// Lets the next openings fail, this many.
    pub fn fail_opens(&self, count: usize) {
        self.state.lock().failing_opens = count;
    }

    /// Lets what is done between writes fail, this many times.
    pub fn fail_tends(&self, count: usize) {
        self.state.lock().failing_tends = count;
    }

    /// Takes back every fault that is still to come.
    pub fn clear_faults(&self) {
        let mut state = self.state.lock();
        state.faults.clear();
        (state.failing_opens, state.failing_tends) = (0, 0);
    }

    /// Has `hook` run in every write, when the map shows it and nobody was told yet.
    pub fn during_writes(&self, hook: impl Fn() + Send + Sync + 'static) {
        *self.hook.lock() = Some(Arc::new(hook));
    }

    /// How many writes succeeded so far.
    pub fn writes(&self) -> usize {
        self.state.lock().writes
    }
}

impl Tree for MemoryTree {
    fn scan(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), TreeError> {
        let state = self.state.lock();
        let range = (Bound::Included(from), Bound::Excluded(to));
        for (key, value) in state.map.range::<[u8], _>(range) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, writes: Vec<Write>) -> Result<(), TreeError> {
        let outcome = self.state.lock().write(writes);
        let hook = self.hook.lock().clone();
        if let Some(hook) = hook {
            hook();
        }
        outcome
    }

    fn tend(&self) -> Result<(), TreeError> {
        let mut state = self.state.lock();
        let left = state.failing_tends.checked_sub(1);
        left.map_or(Ok(()), |left| {
            state.failing_tends = left;
            Err(failed())
        })
    }

    fn reopen(&self) -> Result<(), TreeError> {
        let mut state = self.state.lock();
        if let Some(left) = state.failing_opens.checked_sub(1) {
            state.failing_opens = left;
            return Err(failed());
        }
        while let Some((key, displaced)) = state.undo.pop() {
            match displaced {
                Some(value) => state.map.insert(key, value),
                None => state.map.remove(&key),
            };
        }
        Ok(())
    }
}

impl State {
    fn write(&mut self, writes: Vec<Write>) -> Result<(), TreeError> {
        let fault = self.faults.pop_front().unwrap_or(Fault::None);
        match fault {
            Fault::NotWritten => return Err(failed()),
            Fault::Panic => std::panic::resume_unwind(Box::new("an injected fault")),
            Fault::None | Fault::WrittenUnheard | Fault::WrittenUnsynced => self.apply(writes),
        }
        if fault != Fault::WrittenUnsynced {
            self.undo.clear();
        }
        if fault != Fault::None {
            return Err(failed());
        }
        self.writes += 1;
        Ok(())
    }

    fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            let (key, displaced) = match write {
                Write::Put(key, value) => (key.clone(), self.map.insert(key, value)),
                Write::Delete(key) => {
                    let displaced = self.map.remove(&key);
                    (key, displaced)
                }
            };
            self.undo.push((key, displaced));
        }
    }
}

fn failed() -> TreeError {
    TreeError::Failed("an injected fault".to_owned())
}
