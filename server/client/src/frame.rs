//! One frame of `/sync`: automerge-repo's protocol "1" and Chartroom's extension messages.
//!
//! Each binary WebSocket message is one CBOR map. [`decode`] takes what stock clients send: fields
//! in any order, unknown fields, absent fields as `undefined` or `null`, integers as floats, strings
//! in pieces. It never panics, never recurses deeper than a fixed bound and never allocates more
//! than a small multiple of the frame's size.

mod cbor;
mod decode;
mod encode;
mod envelope;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chartroom_engine::{Author, DocumentId};

pub use decode::{FrameError, decode};
pub use encode::{SyncHead, encode, encode_sync_part};
pub use envelope::Envelope;

/// The one protocol version that both sides name.
pub const PROTOCOL_VERSION: &str = "1";

/// Longest peer, storage or session id; stock clients' have under 50 bytes.
pub const ID_BYTES_MAX: usize = 512;

/// One message on `/sync`. `sender` and `target` are peer ids, which peers choose themselves.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// A client's first message.
    Join {
        /// The client's peer id.
        sender: String,
        /// What it says about itself.
        metadata: PeerMetadata,
        /// Protocol versions it speaks; [`PROTOCOL_VERSION`] must be among them.
        versions: Vec<String>,
    },
    /// The server's answer to [`Frame::Join`].
    Peer {
        /// The server's peer id.
        sender: String,
        /// The client.
        target: String,
        /// What the server says about itself.
        metadata: PeerMetadata,
        /// The version that both will speak.
        version: String,
    },
    /// Why the connection is about to be closed.
    Error {
        /// Who says so.
        sender: Option<String>,
        /// To whom.
        target: Option<String>,
        /// The code of the limit that was exceeded, if one was.
        code: Option<String>,
        /// Fixed public text.
        message: String,
    },
    /// The sender goes.
    Leave {
        /// Who.
        sender: String,
    },
    /// As [`Frame::Sync`], and "say so if you do not have this document".
    Request {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Which document.
        document: DocumentId,
        /// An encoded Automerge sync message.
        data: Vec<u8>,
    },
    /// One message of an Automerge sync session.
    Sync {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Which document.
        document: DocumentId,
        /// An encoded Automerge sync message.
        data: Vec<u8>,
    },
    /// The document is unknown, or the peer may not see it.
    DocUnavailable {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Which document.
        document: DocumentId,
    },
    /// A message that nobody keeps, relayed within the room.
    Ephemeral {
        /// The peer that first sent it, whoever relays it.
        sender: String,
        /// To whom.
        target: String,
        /// Which document.
        document: DocumentId,
        /// Rises within (sender, session): a copy that came round is known by it.
        count: u64,
        /// The sender's session.
        session: String,
        /// CBOR that the peers understand among themselves.
        data: Vec<u8>,
    },
    /// Storage ids whose heads the client wants to hear of, or no longer.
    RemoteSubscriptionChange {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Storage ids to add.
        add: Vec<String>,
        /// Storage ids to remove.
        remove: Vec<String>,
    },
    /// What other storages hold of a document.
    RemoteHeadsChanged {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Which document.
        document: DocumentId,
        /// By storage id.
        heads: BTreeMap<String, RemoteHeads>,
    },
    /// Extension, client: which document is this room?
    Room {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// The room's name, unchecked.
        name: String,
    },
    /// Extension, server: this document is that room; the connection may sync it from now on.
    RoomFound {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// The name that was asked for.
        name: String,
        /// The room's epoch.
        epoch: u32,
        /// Its document.
        document: DocumentId,
        /// Names of the chart's restricted compartments that are open to this peer, unchecked.
        compartments: Vec<String>,
        /// Whether this peer may change nothing in it.
        read_only: bool,
    },
    /// Extension, server: there is no such room for this peer.
    RoomRefused {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// The name that was asked for.
        name: String,
        /// Stable code, such as `room-name-invalid`.
        code: String,
        /// For people.
        message: String,
    },
    /// Extension, server: who is behind these actors.
    Authors {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Which document.
        document: DocumentId,
        /// The persons, by the bytes of their actors.
        authors: Vec<(Vec<u8>, Author)>,
    },
    /// Extension, server: these changes, and what depends on them, are not taken.
    Refused {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Which document.
        document: DocumentId,
        /// Hashes of the changes.
        hashes: Vec<[u8; 32]>,
        /// Stable code, such as `wrong-patient`.
        code: String,
        /// For people.
        message: String,
    },
    /// Extension, server: the next piece of a long [`Frame::Sync`]. It names no target, so that
    /// everybody is sent the same bytes.
    SyncPart {
        /// From whom.
        sender: String,
        /// Which document.
        document: DocumentId,
        /// Bytes of the whole message.
        total: u64,
        /// The bytes that follow on those before.
        data: Vec<u8>,
    },
    /// Extension, client: closes one room on this connection.
    LeaveRoom {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Which document.
        document: DocumentId,
    },
    /// Extension, client: tell me who is in a room, and show me there.
    Presence {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// A document that the connection syncs.
        document: DocumentId,
        /// What the others see of this peer, a text of JSON; `None` to be told and not shown.
        state: Option<String>,
    },
    /// Extension, server: who is in a room. It names no target, so that everybody is sent the same
    /// bytes.
    Present {
        /// From whom.
        sender: String,
        /// Which document.
        document: DocumentId,
        /// Whether these are all; else what changed since.
        complete: bool,
        /// Who came, or shows something else.
        peers: Vec<PresentPeer>,
        /// Peer ids of those who went, or show nothing any more.
        gone: Vec<String>,
    },
    /// Extension, client: send me the room's numbered events, those that are there first.
    Follow {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// A document that the connection has open.
        document: DocumentId,
        /// The client's number for this; one in use is replaced.
        id: u64,
        /// Where to begin.
        start: FollowStart,
    },
    /// Extension, client: no more of these events.
    Unfollow {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// From [`Frame::Follow`].
        id: u64,
    },
    /// Extension, server: the next events, in the order of the log.
    Events {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// From [`Frame::Follow`].
        id: u64,
        /// Each an event as JSON.
        events: Vec<String>,
    },
    /// Extension, server: the events cannot be followed from where it was asked.
    FollowEnded {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// From [`Frame::Follow`].
        id: u64,
        /// Stable code, such as `events-gone`.
        code: String,
        /// For people.
        message: String,
        /// The oldest number that is kept, where older ones were asked for.
        first: Option<u64>,
        /// The log's last number, where later ones were asked for.
        last: Option<u64>,
    },
    /// Extension between servers, from the one that dialled: tell me of these rooms from now on.
    Interest {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Patterns of room names, unchecked; none ends it.
        rooms: Vec<String>,
    },
    /// Extension between servers, from the one that was dialled: these rooms are there, or have
    /// changed.
    Rooms {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Each room as it stands.
        rooms: Vec<RoomStanding>,
        /// Whether all rooms that [`Frame::Interest`] asked for have been told.
        complete: bool,
    },
    /// Extension between servers: a [`Frame::Sync`] whose message is deflated (RFC 1951).
    SyncDeflated {
        /// From whom.
        sender: String,
        /// To whom.
        target: String,
        /// Which document.
        document: DocumentId,
        /// Bytes of the message.
        size: u64,
        /// The message, deflated.
        data: Vec<u8>,
    },
    /// A message of a type that this version does not know; to be ignored.
    Unknown {
        /// Its `type`, cut to at most 64 bytes.
        kind: String,
    },
}

/// Says what each frame is; one that is left out here does not compile.
macro_rules! kinds {
    ($($kind:ident)*) => {
        /// What a frame is, whatever is in it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "each is named as its frame")]
        pub enum FrameKind { $($kind),* }

        impl FrameKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),*];
        }

        impl Frame {
            /// What it is.
            pub fn kind(&self) -> FrameKind {
                match self { $(Self::$kind { .. } => FrameKind::$kind),* }
            }
        }
    };
}

kinds! {
    Join Peer Error Leave Request Sync DocUnavailable Ephemeral RemoteSubscriptionChange
    RemoteHeadsChanged Room RoomFound RoomRefused Authors Refused SyncPart LeaveRoom Presence
    Present Follow Unfollow Events FollowEnded Interest Rooms SyncDeflated Unknown
}

/// What a peer says about itself in [`Frame::Join`] and [`Frame::Peer`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerMetadata {
    /// The id of the peer's storage.
    pub storage_id: Option<String>,
    /// Whether the peer forgets its documents.
    pub is_ephemeral: bool,
    /// Present where the peer understands Chartroom's extension messages.
    pub chartroom: Option<ChartroomMetadata>,
    /// In sign-in mode none, whom the client says it acts for.
    pub person: Option<Author>,
    /// The name of the server, where one server joins another.
    pub server: Option<String>,
    /// A secret of the device that a client runs on, unchecked.
    pub device: Option<DeviceSecret>,
}

/// What a client made up, once, for the device that it runs on: whoever knows it is that device. Not
/// to be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceSecret(pub String);

impl std::fmt::Debug for DeviceSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceSecret")
    }
}

/// A room, and a digest of its heads by which two servers know that they have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomStanding {
    /// The room's name, unchecked.
    pub name: String,
    /// Its epoch.
    pub epoch: u32,
    /// [`heads_digest`](chartroom_engine::heads_digest) of its heads; `None` where that is not known.
    pub heads: Option<[u8; 16]>,
    /// The same of the epoch before, as it was sealed.
    pub before: Option<[u8; 16]>,
}

/// Where a reader of a room's numbered events begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowStart {
    /// Behind the event of this number, the last that the client has; 0 for none.
    After(u64),
    /// So many events before the end of the log, from 1 to [`FOLLOW_LAST_MAX`].
    Last(u64),
}

/// Most events from which [`FollowStart::Last`] begins.
pub const FOLLOW_LAST_MAX: u64 = 1000;

/// Somebody who shows themselves in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentPeer {
    /// The peer's id.
    pub peer: String,
    /// The person behind it, by their sign-in.
    pub person: Author,
    /// What it shows, a text of JSON that the server has not read.
    pub state: String,
}

/// Which extensions a peer understands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChartroomMetadata {
    /// Version of the extension messages.
    pub version: u64,
    /// Whether the heads in this peer's sync messages are durable.
    pub durable_heads: bool,
    /// Whether this peer takes long sync messages in parts.
    pub parts: bool,
    /// From a server: the person that it takes the other end for.
    pub person: Option<Author>,
}

/// What one storage holds of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteHeads {
    /// Hashes of the heads, each bs58check.
    pub heads: Vec<String>,
    /// When that was so, in milliseconds since 1970.
    pub timestamp_ms: u64,
}
