//! What a client says and hears, in the protocol of one peer.
//!
//! The voices of a run hold no documents: what they send was made before the run, and what they hear
//! they recognise by its bytes. So a generator on one core can carry a thousand of them, and each
//! still answers what a stock client would answer.

pub mod floor;
pub mod repo;
pub mod yjs;

use std::rc::Rc;

use crate::board::{Board, Sent};

/// One end of a connection.
pub trait Voice {
    /// Frames that open it.
    fn open(&mut self) -> Vec<Vec<u8>>;

    /// Takes a frame in: notes in `heard` what it brought, gives what a stock client answers at once.
    fn hear(&mut self, frame: &[u8], heard: &mut Heard) -> anyhow::Result<Vec<Vec<u8>>>;

    /// The next edit that was prepared for this person.
    fn edit(&mut self) -> Option<(Sent, Vec<u8>)>;

    /// A presence message that says this number.
    fn presence(&mut self, sent: Sent) -> Vec<u8>;

    /// What it says once a second, if it has something to say then.
    fn tick(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Whether it wants to be asked once a second.
    fn ticks(&self) -> bool {
        false
    }
}

/// What a frame brought.
#[derive(Debug, Default)]
pub struct Heard {
    /// The first sync is complete.
    pub synced: bool,
    /// It has an edit that was made before.
    pub held: bool,
    /// Edits or presence of others.
    pub arrived: Vec<Sent>,
    /// Own edits that the server keeps.
    pub acknowledged: Vec<Sent>,
}

/// A room in the protocol of one peer, with the edits that were prepared for it.
pub trait Room {
    /// What follows the address in the URL.
    fn path(&self) -> String;

    /// A client that brings what the room begins with, synced when the server has it.
    fn seeder(self: Rc<Self>) -> Box<dyn Voice>;

    /// A client; `person` says whose edits it sends, `None` for one that reads.
    fn client(self: Rc<Self>, number: usize, person: Option<usize>) -> Box<dyn Voice>;

    /// A client that comes back with all edits that were prepared for a person, and lacks the others';
    /// synced when both sides have everything. `None` where the protocol has no such thing.
    fn returning(self: Rc<Self>, person: usize) -> anyhow::Result<Option<Box<dyn Voice>>>;

    /// Makes so many more edits for a person.
    fn prepare(&self, person: usize, edits: usize, board: &mut Board) -> anyhow::Result<()>;
}

/// The number that a marked value holds: `@@` and eight hexadecimal digits.
pub fn marked(bytes: &[u8]) -> Option<Sent> {
    let at = bytes.windows(2).position(|two| two == b"@@")?;
    let digits = std::str::from_utf8(bytes.get(at + 2..at + 10)?).ok()?;
    usize::from_str_radix(digits, 16).ok()
}

/// A value that holds a number.
pub fn mark(sent: Sent) -> String {
    format!("@@{sent:08x} as the bedside monitor gave it")
}
