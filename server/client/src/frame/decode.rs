//! From bytes to a frame.
//!
//! First the map's fields are found, each as a slice of the frame; then the type says which of them
//! are read, and as what. Nothing is copied before it is known to be wanted.

use chartroom_engine::{
    Author, DocumentId,
    limits::{WIRE_AUTHORS_MAX, WIRE_KIND_BYTES_MAX, WIRE_LIST_MAX},
};

use super::{
    ChartroomMetadata, DeviceSecret, FOLLOW_LAST_MAX, FollowStart, Frame, ID_BYTES_MAX,
    PeerMetadata, PresentPeer, RemoteHeads, RoomStanding,
    cbor::{Fields, Value},
};

/// Why bytes are no frame. The peer erred; no text repeats what it sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes are not one whole CBOR map.
    #[error("the frame is not a CBOR map: {0}")]
    Cbor(&'static str),
    /// A field that the message needs is absent.
    #[error("the message has no field {0}")]
    Missing(&'static str),
    /// A field has the wrong type, or a number is out of its range.
    #[error("the field {0} is not of the expected type")]
    Shape(&'static str),
    /// A field is longer, or has more entries, than is taken.
    #[error("the field {0} is too long")]
    TooLong(&'static str),
    /// The document id is not 16 bytes in bs58check.
    #[error("the field documentId is no document id")]
    DocumentId,
}

/// Reads one frame.
pub fn decode(bytes: &[u8]) -> Result<Frame, FrameError> {
    read(&Fields::of_frame(bytes)?)
}

/// Reads one frame from its fields.
pub(super) fn read(fields: &Fields<'_>) -> Result<Frame, FrameError> {
    let kind = fields.text("type", usize::MAX)?;
    Ok(match kind.as_str() {
        "join" => Frame::Join {
            sender: sender(fields)?,
            metadata: metadata(fields)?,
            versions: ids(fields, "supportedProtocolVersions")?,
        },
        "peer" => Frame::Peer {
            sender: sender(fields)?,
            target: target(fields)?,
            metadata: metadata(fields)?,
            version: fields.text("selectedProtocolVersion", ID_BYTES_MAX)?,
        },
        "error" => Frame::Error {
            sender: fields.optional("senderId", |v| v.text("senderId", ID_BYTES_MAX))?,
            target: fields.optional("targetId", |v| v.text("targetId", ID_BYTES_MAX))?,
            code: fields.optional("code", |v| v.text("code", ID_BYTES_MAX))?,
            message: fields.text("message", usize::MAX)?,
        },
        "leave" => Frame::Leave { sender: sender(fields)? },
        "request" => Frame::Request {
            sender: sender(fields)?,
            target: target(fields)?,
            document: document(fields)?,
            data: fields.bytes("data")?,
        },
        "sync" => Frame::Sync {
            sender: sender(fields)?,
            target: target(fields)?,
            document: document(fields)?,
            data: fields.bytes("data")?,
        },
        "doc-unavailable" => Frame::DocUnavailable {
            sender: sender(fields)?,
            target: target(fields)?,
            document: document(fields)?,
        },
        "ephemeral" => Frame::Ephemeral {
            sender: sender(fields)?,
            target: target(fields)?,
            document: document(fields)?,
            count: fields.number("count")?,
            session: fields.text("sessionId", ID_BYTES_MAX)?,
            data: fields.bytes("data")?,
        },
        "remote-subscription-change" => Frame::RemoteSubscriptionChange {
            sender: sender(fields)?,
            target: target(fields)?,
            add: ids(fields, "add")?,
            remove: ids(fields, "remove")?,
        },
        "remote-heads-changed" => remote_heads_changed(fields)?,
        "room" => room(fields)?,
        "room-refused" => Frame::RoomRefused {
            sender: sender(fields)?,
            target: target(fields)?,
            name: fields.text("name", ID_BYTES_MAX)?,
            code: fields.text("code", ID_BYTES_MAX)?,
            message: fields.text("message", usize::MAX)?,
        },
        "authors" => authors(fields)?,
        "refused" => refused(fields)?,
        "sync-part" => Frame::SyncPart {
            sender: sender(fields)?,
            document: document(fields)?,
            total: fields.number("total")?,
            data: fields.bytes("data")?,
        },
        "leave-room" => Frame::LeaveRoom {
            sender: sender(fields)?,
            target: target(fields)?,
            document: document(fields)?,
        },
        "presence" => presence(fields)?,
        "follow" => Frame::Follow {
            sender: sender(fields)?,
            target: target(fields)?,
            document: document(fields)?,
            id: fields.number("id")?,
            start: follow_start(fields)?,
        },
        "unfollow" => Frame::Unfollow {
            sender: sender(fields)?,
            target: target(fields)?,
            id: fields.number("id")?,
        },
        "events" => events(fields)?,
        "follow-ended" => Frame::FollowEnded {
            sender: sender(fields)?,
            target: target(fields)?,
            id: fields.number("id")?,
            code: fields.text("code", ID_BYTES_MAX)?,
            message: fields.text("message", usize::MAX)?,
            first: fields.optional("first", |v| v.number("first"))?,
            last: fields.optional("last", |v| v.number("last"))?,
        },
        "interest" => Frame::Interest {
            sender: sender(fields)?,
            target: target(fields)?,
            rooms: ids(fields, "rooms")?,
        },
        "rooms" => rooms(fields)?,
        "sync-deflated" => Frame::SyncDeflated {
            sender: sender(fields)?,
            target: target(fields)?,
            document: document(fields)?,
            size: fields.number("size")?,
            data: fields.bytes("data")?,
        },
        _ => Frame::Unknown { kind: cut(kind) },
    })
}

fn sender(fields: &Fields<'_>) -> Result<String, FrameError> {
    fields.text("senderId", ID_BYTES_MAX)
}

fn target(fields: &Fields<'_>) -> Result<String, FrameError> {
    fields.text("targetId", ID_BYTES_MAX)
}

fn document(fields: &Fields<'_>) -> Result<DocumentId, FrameError> {
    fields.text("documentId", ID_BYTES_MAX)?.parse().map_err(|_| FrameError::DocumentId)
}

/// A list of ids; an absent one is empty.
fn ids(fields: &Fields<'_>, field: &'static str) -> Result<Vec<String>, FrameError> {
    let mut list = Vec::new();
    fields.optional(field, |value| {
        value.each(field, WIRE_LIST_MAX, |item| {
            list.push(item.text(field, ID_BYTES_MAX)?);
            Ok(())
        })
    })?;
    Ok(list)
}

fn metadata(fields: &Fields<'_>) -> Result<PeerMetadata, FrameError> {
    let read = |value: Value<'_>| {
        let inner = value.fields("peerMetadata")?;
        Ok(PeerMetadata {
            storage_id: inner.optional("storageId", |v| v.text("storageId", ID_BYTES_MAX))?,
            is_ephemeral: inner
                .optional("isEphemeral", |v| v.flag("isEphemeral"))?
                .unwrap_or(false),
            chartroom: inner.optional("chartroom", chartroom)?,
            person: inner.optional("person", |v| author(&v.fields("person")?))?,
            server: inner.optional("server", |v| v.fields("server")?.text("name", ID_BYTES_MAX))?,
            device: inner.optional("device", |v| v.text("device", ID_BYTES_MAX))?.map(DeviceSecret),
        })
    };
    Ok(fields.optional("peerMetadata", read)?.unwrap_or_default())
}

fn chartroom(value: Value<'_>) -> Result<ChartroomMetadata, FrameError> {
    let inner = value.fields("chartroom")?;
    Ok(ChartroomMetadata {
        version: inner.number("version")?,
        durable_heads: inner.optional("durableHeads", |v| v.flag("durableHeads"))?.unwrap_or(false),
        parts: inner.optional("parts", |v| v.flag("parts"))?.unwrap_or(false),
        person: inner.optional("person", |v| author(&v.fields("person")?))?,
    })
}

fn author(fields: &Fields<'_>) -> Result<Author, FrameError> {
    Ok(Author::new(fields.text("id", ID_BYTES_MAX)?, fields.text("name", ID_BYTES_MAX)?))
}

fn remote_heads_changed(fields: &Fields<'_>) -> Result<Frame, FrameError> {
    let mut heads = std::collections::BTreeMap::new();
    fields.required("newHeads")?.each_entry("newHeads", WIRE_LIST_MAX, |storage, value| {
        let inner = value.fields("newHeads")?;
        let at = RemoteHeads {
            heads: ids(&inner, "heads")?,
            timestamp_ms: inner.optional("timestamp", |v| v.number("timestamp"))?.unwrap_or(0),
        };
        heads.insert(storage, at);
        Ok(())
    })?;
    Ok(Frame::RemoteHeadsChanged {
        sender: sender(fields)?,
        target: target(fields)?,
        document: document(fields)?,
        heads,
    })
}

/// The client's question and the server's answer share a type; the answer names a document.
fn room(fields: &Fields<'_>) -> Result<Frame, FrameError> {
    let (sender, target) = (sender(fields)?, target(fields)?);
    let name = fields.text("name", ID_BYTES_MAX)?;
    if !fields.has("documentId") {
        return Ok(Frame::Room { sender, target, name });
    }
    Ok(Frame::RoomFound {
        sender,
        target,
        name,
        epoch: epoch(fields)?,
        document: document(fields)?,
        compartments: match fields.has("compartments") {
            true => ids(fields, "compartments")?,
            false => Vec::new(),
        },
        read_only: fields.has("readOnly") && fields.required("readOnly")?.flag("readOnly")?,
    })
}

fn authors(fields: &Fields<'_>) -> Result<Frame, FrameError> {
    let mut authors = Vec::new();
    fields.required("authors")?.each("authors", WIRE_AUTHORS_MAX, |item| {
        let inner = item.fields("authors")?;
        authors.push((inner.bytes("actor")?, author(&inner)?));
        Ok(())
    })?;
    Ok(Frame::Authors {
        sender: sender(fields)?,
        target: target(fields)?,
        document: document(fields)?,
        authors,
    })
}

fn refused(fields: &Fields<'_>) -> Result<Frame, FrameError> {
    let mut hashes = Vec::new();
    fields.required("hashes")?.each("hashes", WIRE_LIST_MAX, |item| {
        let hash = item.bytes("hashes")?;
        hashes.push(hash.try_into().map_err(|_| FrameError::Shape("hashes"))?);
        Ok(())
    })?;
    Ok(Frame::Refused {
        sender: sender(fields)?,
        target: target(fields)?,
        document: document(fields)?,
        hashes,
        code: fields.text("code", ID_BYTES_MAX)?,
        message: fields.text("message", usize::MAX)?,
    })
}

/// What a client shows and what the server tells share a type; the server says whether that is all.
fn presence(fields: &Fields<'_>) -> Result<Frame, FrameError> {
    let (sender, document) = (sender(fields)?, document(fields)?);
    let Some(complete) = fields.optional("complete", |v| v.flag("complete"))? else {
        let state = fields.optional("state", |v| v.text("state", usize::MAX))?;
        return Ok(Frame::Presence { sender, target: target(fields)?, document, state });
    };
    let mut peers = Vec::new();
    fields.required("peers")?.each("peers", WIRE_LIST_MAX, |item| {
        let inner = item.fields("peers")?;
        peers.push(PresentPeer {
            peer: inner.text("peer", ID_BYTES_MAX)?,
            person: author(&inner.required("person")?.fields("person")?)?,
            state: inner.text("state", usize::MAX)?,
        });
        Ok(())
    })?;
    Ok(Frame::Present { sender, document, complete, peers, gone: ids(fields, "gone")? })
}

fn follow_start(fields: &Fields<'_>) -> Result<FollowStart, FrameError> {
    match fields.optional("last", |v| v.number("last"))? {
        None => Ok(FollowStart::After(fields.number("after")?)),
        Some(_) if fields.has("after") => Err(FrameError::Shape("last")),
        Some(count) if (1..=FOLLOW_LAST_MAX).contains(&count) => Ok(FollowStart::Last(count)),
        Some(_) => Err(FrameError::Shape("last")),
    }
}

fn events(fields: &Fields<'_>) -> Result<Frame, FrameError> {
    let mut events = Vec::new();
    fields.required("events")?.each("events", WIRE_LIST_MAX, |item| {
        events.push(item.text("events", usize::MAX)?);
        Ok(())
    })?;
    Ok(Frame::Events {
        sender: sender(fields)?,
        target: target(fields)?,
        id: fields.number("id")?,
        events,
    })
}

fn rooms(fields: &Fields<'_>) -> Result<Frame, FrameError> {
    let mut rooms = Vec::new();
    fields.required("rooms")?.each("rooms", WIRE_LIST_MAX, |item| {
        let inner = item.fields("rooms")?;
        let digest = |field| {
            let bytes = inner.optional(field, |v| v.bytes(field))?;
            let digest = bytes.map(TryInto::try_into).transpose();
            digest.map_err(|_| FrameError::Shape(field))
        };
        rooms.push(RoomStanding {
            name: inner.text("name", ID_BYTES_MAX)?,
            epoch: epoch(&inner)?,
            heads: digest("heads")?,
            before: digest("before")?,
        });
        Ok(())
    })?;
    Ok(Frame::Rooms {
        sender: sender(fields)?,
        target: target(fields)?,
        rooms,
        complete: fields.optional("complete", |v| v.flag("complete"))?.unwrap_or(false),
    })
}

fn epoch(fields: &Fields<'_>) -> Result<u32, FrameError> {
    u32::try_from(fields.number("epoch")?).map_err(|_| FrameError::Shape("epoch"))
}

fn cut(mut kind: String) -> String {
    kind.truncate(kind.floor_char_boundary(WIRE_KIND_BYTES_MAX));
    kind
}
