//! The floor's protocol: eight bytes of number, then bytes that nobody reads.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use super::{Heard, Room, Voice};
use crate::board::{Board, Sent};

/// Bytes of a message: what one edit has in a sync message of Automerge.
const MESSAGE_BYTES: usize = 300;

/// A room of the floor.
pub struct FloorRoom {
    name: String,
    prepared: RefCell<Vec<VecDeque<Sent>>>,
}

impl FloorRoom {
    /// A room for so many writers.
    pub fn new(name: String, persons: usize) -> Rc<Self> {
        Rc::new(Self { name, prepared: RefCell::new(vec![VecDeque::new(); persons]) })
    }
}

impl Room for FloorRoom {
    fn path(&self) -> String {
        format!("/{}", self.name.replace(':', "-"))
    }

    fn seeder(self: Rc<Self>) -> Box<dyn Voice> {
        self.client(0, None)
    }

    fn client(self: Rc<Self>, _number: usize, person: Option<usize>) -> Box<dyn Voice> {
        Box::new(Client { room: self, person })
    }

    fn returning(self: Rc<Self>, _person: usize) -> anyhow::Result<Option<Box<dyn Voice>>> {
        Ok(None)
    }

    fn prepare(&self, person: usize, edits: usize, board: &mut Board) -> anyhow::Result<()> {
        let mut prepared = self.prepared.borrow_mut();
        if let Some(prepared) = prepared.get_mut(person) {
            prepared.extend((0..edits).map(|_| board.allocate()));
        }
        Ok(())
    }
}

struct Client {
    room: Rc<FloorRoom>,
    person: Option<usize>,
}

impl Voice for Client {
    fn open(&mut self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn hear(&mut self, frame: &[u8], heard: &mut Heard) -> anyhow::Result<Vec<Vec<u8>>> {
        if let Some(number) = frame.first_chunk::<8>() {
            let sent = usize::try_from(u64::from_be_bytes(*number))?;
            let own = frame.len() == 8;
            if own { &mut heard.acknowledged } else { &mut heard.arrived }.push(sent);
        }
        Ok(Vec::new())
    }

    fn edit(&mut self) -> Option<(Sent, Vec<u8>)> {
        let sent = self.room.prepared.borrow_mut().get_mut(self.person?)?.pop_front()?;
        Some((sent, self.presence(sent)))
    }

    fn presence(&mut self, sent: Sent) -> Vec<u8> {
        let mut message = vec![0; MESSAGE_BYTES];
        let (number, _) = message.split_at_mut(8);
        number.copy_from_slice(&(sent as u64).to_be_bytes());
        message
    }
}
