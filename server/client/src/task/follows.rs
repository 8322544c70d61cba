//! The readers of a room's numbered events, and how far each has come.
//!
//! Each is asked for again from there on every new connection, so it misses none and has none twice.
//! One that does not read is asked for no more until it has read what waits for it.

use chartroom_engine::Event;
use tokio::sync::mpsc;

use crate::events::FollowError;

/// The readers of one room.
#[derive(Default)]
pub(super) struct Follows(Vec<Follow>);

struct Follow {
    /// The number of the last event that it was given.
    last: u64,
    /// By which the server's answers are known, where it was asked.
    id: Option<u64>,
    events: mpsc::Sender<Result<Event, FollowError>>,
}

impl Follows {
    /// A reader that knows the events up to a number.
    pub fn add(&mut self, after: u64, events: mpsc::Sender<Result<Event, FollowError>>) {
        self.0.push(Follow { last: after, id: None, events });
    }

    pub fn has(&self, id: u64) -> bool {
        self.0.iter().any(|follow| follow.id == Some(id))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is to be asked of the server, as number and `after`; `asked` counts all askings.
    pub fn ask(&mut self, asked: &mut u64) -> Vec<(u64, u64)> {
        let idle = self.0.iter_mut().filter(|follow| follow.id.is_none() && follow.has_read());
        idle.map(|follow| {
            *asked += 1;
            follow.id = Some(*asked);
            (*asked, follow.last)
        })
        .collect()
    }

    /// The connection is gone, and what was asked on it.
    pub fn lost(&mut self) {
        for follow in &mut self.0 {
            follow.id = None;
        }
    }

    /// Hands on the next events. Where their reader has no more room, the rest is dropped, and the
    /// number comes back that the server is to send no more under.
    pub fn events(&mut self, id: u64, texts: Vec<String>) -> Option<u64> {
        let follow = self.0.iter_mut().find(|follow| follow.id == Some(id))?;
        for text in texts {
            if follow.is_full() {
                return follow.id.take();
            }
            let Ok(event) = serde_json::from_str::<Event>(&text) else {
                let after = follow.last;
                self.ended(id, FollowError::Unreadable { after });
                return Some(id);
            };
            follow.last = event.seq;
            // A reader that has gone is forgotten with the next tick.
            let _ = follow.events.try_send(Ok(event));
        }
        None
    }

    /// No events come under this number.
    pub fn ended(&mut self, id: u64, error: FollowError) {
        for follow in self.0.extract_if(.., |follow| follow.id == Some(id)) {
            // There is a place for it, unless the reader has gone.
            let _ = follow.events.try_send(Err(error.clone()));
        }
    }

    /// Forgets readers that have gone; the numbers that the server need not send under any more.
    pub fn forget_readers(&mut self) -> Vec<u64> {
        let gone = self.0.extract_if(.., |follow| follow.events.is_closed());
        gone.filter_map(|follow| follow.id).collect()
    }
}

impl Follow {
    /// Whether nothing waits for the reader.
    fn has_read(&self) -> bool {
        self.events.capacity() == self.events.max_capacity()
    }

    /// Whether the last place is left, which is the end's.
    fn is_full(&self) -> bool {
        self.events.capacity() <= 1
    }
}
