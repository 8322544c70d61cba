//! Why a link to another server ended, and whether waiting mends it.

use chartroom_client::{backoff::Trouble, dial::DialError, frame::FrameError};

use crate::hub::{Closing, RefoundingError, RoomError};

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// There was no socket.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The socket broke (environment).
    #[error("the connection broke")]
    Lost,
    /// Nothing came for a while (environment).
    #[error("it is silent")]
    Silent,
    /// It closed the connection (peer).
    #[error("it closed the connection with {code}: {reason}")]
    Closed {
        /// The close code.
        code: u16,
        /// What it gives as the reason.
        reason: String,
    },
    /// It does not take this server (peer).
    #[error("it does not take this server: {0}")]
    Refused(String),
    /// It is no sync server (peer).
    #[error("what answers there is no sync server")]
    NoServer,
    /// It speaks another version (peer).
    #[error("it speaks version {0:?} of the protocol, and this server version 1")]
    Version(String),
    /// It is this server (caller).
    #[error("the address leads to this server itself")]
    Myself,
    /// It sends what is no frame (peer).
    #[error("it sends garbage: {0}")]
    Garbage(FrameError),
    /// It sends more than a frame may have (peer).
    #[error("it sends a frame over the limit")]
    TooLong,
    /// It names rooms that it may not have (peer).
    #[error("it names a room outside of what it may have")]
    OutsideItsRooms,
    /// It names what is no room, or a document that is not the room's (peer).
    #[error("it names a room that cannot be")]
    NoRoom,
    /// It names heads that it does not bring (peer).
    #[error("it names heads that it does not bring")]
    BrokenPromise,
    /// A room here ended the link: the other end did wrong, or the room is loaded again.
    #[error("this server closed it: {}", .0.message)]
    Closing(Closing),
    /// A room here did not do what was needed (environment).
    #[error(transparent)]
    Room(#[from] RoomError),
    /// A room could not follow into another epoch (environment).
    #[error("a room could not go on where it was founded anew: {0}")]
    Refounding(RefoundingError),
    /// This server goes down.
    #[error("this server is shutting down")]
    Stopping,
    /// Everything is in step, and that was all.
    #[error("everything is in step")]
    Done,
}

impl End {
    /// Whether dialling again soon may help.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Dial(error) => error.trouble(),
            Self::Closed { code: 1002 | 1003 | 1007..=1009, .. } => Trouble::Lasting,
            Self::Closing(closing) if matches!(closing.code, 1002 | 1008 | 1009) => {
                Trouble::Lasting
            }
            Self::Lost
            | Self::Silent
            | Self::Closed { .. }
            | Self::Closing(_)
            | Self::Room(_)
            | Self::Refounding(_)
            | Self::Stopping
            | Self::Done => Trouble::Passing,
            Self::Refused(_)
            | Self::NoServer
            | Self::Version(_)
            | Self::Myself
            | Self::Garbage(_)
            | Self::TooLong
            | Self::OutsideItsRooms
            | Self::NoRoom
            | Self::BrokenPromise => Trouble::Lasting,
        }
    }
}
