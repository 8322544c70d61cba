//! A room's numbered events, as a program reads them.

use chartroom_engine::Event;
use tokio::sync::{mpsc, watch};

use crate::{client::Handle, task::Standing};

/// Events that wait for their reader, and the end of the stream.
pub(crate) const EVENTS_MAX: usize = 256 + 1;

/// The events of a room's log from a number on, durable at the server, each once and in order.
///
/// They go on over reconnects and through the room's epochs. A reader that is slow is sent less:
/// the server's log waits, nothing is dropped. Keep the `seq` of the last event that was dealt with,
/// and follow behind it when the program starts again.
#[derive(Debug)]
pub struct Events {
    pub(crate) events: mpsc::Receiver<Result<Event, FollowError>>,
    pub(crate) handle: Handle,
    /// Keeps the room open.
    pub(crate) _room: watch::Receiver<Standing>,
}

/// Why there are no more events of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// Events that were asked for are not kept any longer (environment): read the room, then follow
    /// from `first - 1`, or from `last` on.
    #[error("events before number {first} are not kept any longer")]
    Gone {
        /// The oldest number that is kept.
        first: u64,
        /// The log's last number.
        last: u64,
    },
    /// The log has not come as far as the number that was asked for (caller).
    #[error("the log ends at number {last}, before the one that was asked for")]
    Ahead {
        /// The log's last number.
        last: u64,
    },
    /// The server does not send the events (peer).
    #[error("the server ends the events with {code}: {message}")]
    Refused {
        /// Stable code, such as `too-many-follows`.
        code: String,
        /// The server's fixed text.
        message: String,
    },
    /// What the server sent is no event (peer).
    #[error("what the server sent behind number {after} is no event")]
    Unreadable {
        /// The last number before it.
        after: u64,
    },
    /// The client was closed (caller).
    #[error("the client was closed")]
    Closed,
}

impl Events {
    /// Waits for the next event. An error is the last that comes; `None` says that it came before, or
    /// that the client was closed. May be dropped at any time, and no event is lost.
    pub async fn next(&mut self) -> Option<Result<Event, FollowError>> {
        if self.events.is_empty() {
            self.handle.drained.notify_one();
        }
        self.events.recv().await
    }
}
