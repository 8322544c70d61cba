//! What happens where a limit is exceeded, and which limits an operator sets.
//!
//! The limits themselves stand in [`chartroom_engine::limits`], each with its reason. Whoever goes
//! over one hears its [code](Limit::code), and the operator sees it in a metric and in the log: a
//! limit is never exceeded in silence.

mod bucket;
mod crowd;
mod descriptors;
mod exceeded;
mod rates;

use std::time::Duration;

use chartroom_engine::{RoomSize, limits};
use tokio::time::Instant;

use crate::hub::Closing;
pub(crate) use bucket::{Bucket, Rate};
pub(crate) use crowd::Crowd;
pub(crate) use descriptors::sockets_possible;
pub(crate) use exceeded::Exceeded;
pub(crate) use rates::{Rates, RetryAfter};

/// A limit towards peers and callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Connections in all.
    Connections,
    /// Connections that have not said who they are.
    ConnectionsUnjoined,
    /// Time until a connection says who it is.
    JoinWait,
    /// Bytes of a frame.
    FrameBytes,
    /// What a sync message lists.
    MessageLists,
    /// Bytes of a message to other people's clients.
    EphemeralBytes,
    /// Peers that are shown in a room.
    Present,
    /// Rooms of a connection.
    ConnectionRooms,
    /// New rooms per second; the connection waits for the next one.
    NewRooms,
    /// Readers of event logs of a connection.
    Follows,
    /// Subscriptions of a connection.
    Subscriptions,
    /// Messages per second; the connection is read more slowly.
    MessageRate,
    /// Bytes per second; the connection is read more slowly.
    ByteRate,
    /// Refused changes of a connection.
    Refused,
    /// Refused changes per second; the connection is heard more slowly.
    RefusedRate,
    /// Messages of a connection that nothing follows from.
    Mistakes,
    /// What waits for a connection that reads slowly.
    Queue,
    /// Sizes and counts in a change.
    Change,
    /// Values that stand beside each other.
    Concurrent,
    /// Bytes and operations of a room.
    Room,
    /// Bytes of a request over HTTP.
    BodyBytes,
    /// Connections of plain HTTP of one address.
    AddressConnections,
    /// Sockets of a person who is signed in.
    PersonConnections,
    /// Requests over HTTP per second, of an address or a person.
    Requests,
}

impl Limit {
    /// A stable code for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Connections => "too-many-connections",
            Self::ConnectionsUnjoined => "too-many-unjoined",
            Self::JoinWait => "join-too-late",
            Self::FrameBytes => "frame-too-large",
            Self::MessageLists => "message-over-limit",
            Self::EphemeralBytes => "ephemeral-too-large",
            Self::Present => "too-many-present",
            Self::ConnectionRooms => "too-many-rooms",
            Self::NewRooms => "new-rooms-per-second",
            Self::Follows => "too-many-follows",
            Self::Subscriptions => "too-many-subscriptions",
            Self::MessageRate => "messages-per-second",
            Self::ByteRate => "bytes-per-second",
            Self::Refused => "too-many-refused",
            Self::RefusedRate => "refused-per-second",
            Self::Mistakes => "too-many-mistakes",
            Self::Queue => "too-slow",
            Self::Change => "change-too-large",
            Self::Concurrent => "too-many-concurrent",
            Self::Room => "room-full",
            Self::BodyBytes => "body-too-large",
            Self::AddressConnections => "too-many-of-address",
            Self::PersonConnections => "too-many-of-person",
            Self::Requests => "requests-per-second",
        }
    }

    /// The code with which a WebSocket closes for it.
    pub(crate) fn close_code(self) -> u16 {
        match self {
            Self::FrameBytes | Self::MessageLists | Self::EphemeralBytes => 1009,
            Self::Connections
            | Self::ConnectionsUnjoined
            | Self::Queue
            | Self::AddressConnections
            | Self::PersonConnections
            | Self::Requests => 1013,
            Self::JoinWait
            | Self::Present
            | Self::ConnectionRooms
            | Self::NewRooms
            | Self::Follows
            | Self::Subscriptions
            | Self::MessageRate
            | Self::ByteRate
            | Self::Refused
            | Self::RefusedRate
            | Self::Mistakes
            | Self::Change
            | Self::Concurrent
            | Self::Room
            | Self::BodyBytes => 1008,
        }
    }
}

/// The limits that depend on the machine and its use; the defaults are the constants.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open sockets.
    pub connections_max: usize,
    /// Sockets of `/sync` that have not said who they are.
    pub connections_unjoined_max: usize,
    /// Messages that a connection may send in a second.
    pub messages_per_second: u64,
    /// Bytes that a connection may send in a second.
    pub bytes_per_second: u64,
    /// How large a room may grow.
    pub room_size_max: RoomSize,
    /// Requests over HTTP that an address may send in a second; `None` for the constant, and for any
    /// number from this machine, where a proxy may speak for everybody.
    pub requests_per_second: Option<u64>,
    /// Connections of plain HTTP that an address may have open; `None` as above.
    pub address_connections_max: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            connections_unjoined_max: limits::CONNECTIONS_UNJOINED_MAX,
            messages_per_second: limits::MESSAGES_PER_SECOND,
            bytes_per_second: limits::BYTES_PER_SECOND,
            room_size_max: RoomSize { bytes: limits::ROOM_BYTES_MAX, ops: limits::ROOM_OPS_MAX },
            requests_per_second: None,
            address_connections_max: None,
        }
    }
}

impl Limits {
    pub(crate) fn message_rate(&self) -> Rate {
        let burst = Duration::from_secs(limits::MESSAGES_BURST_SECONDS);
        Rate { per_second: self.messages_per_second, burst }
    }

    pub(crate) fn byte_rate(&self) -> Rate {
        let burst = Duration::from_secs(limits::BYTES_BURST_SECONDS);
        Rate { per_second: self.bytes_per_second, burst }
    }
}

/// Requests over HTTP, of an address or a person.
pub(crate) fn request_rate(per_second: u64) -> Rate {
    Rate { per_second, burst: Duration::from_secs(limits::REQUESTS_BURST_SECONDS) }
}

/// Rooms that a connection may open which nothing was written to.
pub(crate) const NEW_ROOMS: Rate = Rate {
    per_second: limits::NEW_ROOMS_PER_SECOND,
    burst: Duration::from_secs(limits::NEW_ROOMS_BURST_SECONDS),
};

/// Largest state that a peer shows to the others in a room; a place in a chart and a cursor have a few
/// hundred bytes.
pub(crate) const PRESENCE_BYTES_MAX: usize = 4 * 1024;
/// Peers that are shown in a room, so that the list of them stays below 3 MiB; far more than share a
/// chart.
pub(crate) const PRESENT_MAX: usize = 512;

/// Refused changes of one connection before it is closed.
const REFUSED: Rate = Rate {
    per_second: limits::REFUSED_PER_SECOND,
    burst: Duration::from_secs(limits::REFUSED_BURST / limits::REFUSED_PER_SECOND),
};

/// Refused changes of one connection before it is heard more slowly.
const REFUSED_UNSLOWED: Rate = Rate {
    per_second: limits::REFUSED_PER_SECOND_UNSLOWED,
    burst: Duration::from_secs(limits::REFUSED_UNSLOWED_SECONDS),
};

/// Messages of one connection that may come to nothing before it is closed.
const MISTAKES: Rate = Rate {
    per_second: limits::MISTAKES_PER_SECOND,
    burst: Duration::from_secs(limits::MISTAKES_BURST / limits::MISTAKES_PER_SECOND),
};

/// What one connection does in vain.
#[derive(Debug)]
pub(crate) struct Patience {
    refused: Bucket,
    unslowed: Bucket,
    mistakes: Bucket,
}

impl Patience {
    /// With a connection that has just been opened.
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            refused: Bucket::full(now),
            unslowed: Bucket::full(now),
            mistakes: Bucket::full(now),
        }
    }

    /// Changes were refused.
    pub fn refused(&mut self, count: usize) -> Result<(), Closing> {
        let now = Instant::now();
        self.unslowed.take(now, count, REFUSED_UNSLOWED);
        if self.refused.take(now, count, REFUSED).is_zero() {
            return Ok(());
        }
        Err(Closing::over(Limit::Refused, "too many changes of this connection were refused"))
    }

    /// How long to wait before the next change is heard.
    pub fn wait(&mut self) -> Duration {
        let wait = self.unslowed.take(Instant::now(), 0, REFUSED_UNSLOWED);
        wait.min(Duration::from_millis(limits::REFUSED_WAIT_MAX_MS))
    }

    /// A message came to nothing.
    pub fn mistake(&mut self) -> Result<(), Closing> {
        if self.mistakes.take(Instant::now(), 1, MISTAKES).is_zero() {
            return Ok(());
        }
        let message = "too many messages of this connection come to nothing";
        Err(Closing::over(Limit::Mistakes, message))
    }
}
