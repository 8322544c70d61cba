//! From a frame to bytes, in the shapes that automerge-repo's cbor-x reads and writes.

use std::convert::Infallible;

use chartroom_engine::{Author, DocumentId};
use minicbor::{Encoder, encode::Error};

use super::{
    ChartroomMetadata, DeviceSecret, FollowStart, Frame, PeerMetadata, PresentPeer, RemoteHeads,
    RoomStanding,
};

/// Room for the fields round a sync message.
const ENVELOPE_BYTES: usize = 192;
/// CBOR's first byte of a map without fields; its low bits are the number of fields, up to 23.
const EMPTY_MAP: u8 = 0xa0;

type Written = Result<(), Error<Infallible>>;

/// Writes one frame. [`Frame::Unknown`] becomes a map with nothing but its type.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let mut map = MapWriter::new(ENVELOPE_BYTES);
    map.frame(frame).expect("writing to a growing buffer cannot fail");
    map.finish()
}

/// The part of [`Frame::Sync`] that is the same for every message of one session.
#[derive(Debug, Clone)]
pub struct SyncHead(Vec<u8>);

impl SyncHead {
    /// For messages from `sender` to `target` about a document.
    pub fn new(sender: &str, target: &str, document: &DocumentId) -> Self {
        let mut map = MapWriter::new(ENVELOPE_BYTES);
        map.addressed("sync", sender, target)
            .and_then(|()| map.document(document))
            .and_then(|()| map.key("data"))
            .expect("writing to a growing buffer cannot fail");
        Self(map.finish())
    }

    /// The frame with an encoded Automerge sync message.
    pub fn frame(&self, message: &[u8]) -> Vec<u8> {
        // As much as is written, so that the bytes can be shared without another copy.
        let length = minicbor::len(message.len() as u64);
        let mut frame = Vec::with_capacity(self.0.len() + length + message.len());
        frame.extend_from_slice(&self.0);
        let mut out = Encoder::new(frame);
        out.bytes(message).expect("writing to a growing buffer cannot fail");
        out.into_writer()
    }
}

/// Writes [`Frame::SyncPart`] without an owned copy of `data`.
pub fn encode_sync_part(sender: &str, document: &DocumentId, total: u64, data: &[u8]) -> Vec<u8> {
    let mut map = MapWriter::new(ENVELOPE_BYTES + data.len());
    map.sync_part(sender, document, total, data).expect("writing to a growing buffer cannot fail");
    map.finish()
}

/// Writes the fields of one map of up to 23 fields and its size last, since some are optional.
struct MapWriter {
    out: Encoder<Vec<u8>>,
    fields: u8,
}

impl MapWriter {
    fn new(capacity: usize) -> Self {
        let mut out = Encoder::new(Vec::with_capacity(capacity));
        out.writer_mut().push(EMPTY_MAP);
        Self { out, fields: 0 }
    }

    fn finish(self) -> Vec<u8> {
        let mut bytes = self.out.into_writer();
        if let Some(first) = bytes.first_mut() {
            *first = EMPTY_MAP | self.fields;
        }
        bytes
    }

    fn frame(&mut self, frame: &Frame) -> Written {
        match frame {
            Frame::Join { sender, metadata, versions } => {
                self.text("type", "join")?;
                self.text("senderId", sender)?;
                self.metadata(metadata)?;
                self.texts("supportedProtocolVersions", versions)
            }
            Frame::Peer { sender, target, metadata, version } => {
                self.addressed("peer", sender, target)?;
                self.metadata(metadata)?;
                self.text("selectedProtocolVersion", version)
            }
            Frame::Error { sender, target, code, message } => {
                self.text("type", "error")?;
                if let Some(sender) = sender {
                    self.text("senderId", sender)?;
                }
                if let Some(target) = target {
                    self.text("targetId", target)?;
                }
                if let Some(code) = code {
                    self.text("code", code)?;
                }
                self.text("message", message)
            }
            Frame::Leave { sender } => {
                self.text("type", "leave")?;
                self.text("senderId", sender)
            }
            Frame::Request { sender, target, document, data } => {
                self.addressed("request", sender, target)?;
                self.document(document)?;
                self.bytes("data", data)
            }
            Frame::Sync { sender, target, document, data } => {
                self.addressed("sync", sender, target)?;
                self.document(document)?;
                self.bytes("data", data)
            }
            Frame::DocUnavailable { sender, target, document } => {
                self.addressed("doc-unavailable", sender, target)?;
                self.document(document)
            }
            Frame::Ephemeral { sender, target, document, count, session, data } => {
                self.addressed("ephemeral", sender, target)?;
                self.document(document)?;
                self.number("count", *count)?;
                self.text("sessionId", session)?;
                self.bytes("data", data)
            }
            Frame::RemoteSubscriptionChange { sender, target, add, remove } => {
                self.addressed("remote-subscription-change", sender, target)?;
                self.texts("add", add)?;
                self.texts("remove", remove)
            }
            Frame::RemoteHeadsChanged { sender, target, document, heads } => {
                self.addressed("remote-heads-changed", sender, target)?;
                self.document(document)?;
                self.key("newHeads")?;
                self.out.map(length(heads.len()))?;
                heads.iter().try_for_each(|(storage, at)| self.remote_heads(storage, at))
            }
            Frame::Room { .. }
            | Frame::RoomFound { .. }
            | Frame::RoomRefused { .. }
            | Frame::Authors { .. }
            | Frame::Refused { .. }
            | Frame::SyncPart { .. }
            | Frame::LeaveRoom { .. }
            | Frame::Presence { .. }
            | Frame::Present { .. }
            | Frame::Follow { .. }
            | Frame::Unfollow { .. }
            | Frame::Events { .. }
            | Frame::FollowEnded { .. }
            | Frame::Interest { .. }
            | Frame::Rooms { .. }
            | Frame::SyncDeflated { .. } => self.extension(frame),
            Frame::Unknown { kind } => self.text("type", kind),
        }
    }

    fn extension(&mut self, frame: &Frame) -> Written {
        match frame {
            Frame::Room { sender, target, name } => {
                self.addressed("room", sender, target)?;
                self.text("name", name)
            }
            Frame::RoomFound { sender, target, name, epoch, document, compartments, read_only } => {
                self.addressed("room", sender, target)?;
                self.text("name", name)?;
                self.number("epoch", u64::from(*epoch))?;
                self.document(document)?;
                if !compartments.is_empty() {
                    self.texts("compartments", compartments)?;
                }
                if *read_only {
                    self.key("readOnly")?;
                    self.out.bool(true)?;
                }
                Ok(())
            }
            Frame::RoomRefused { sender, target, name, code, message } => {
                self.addressed("room-refused", sender, target)?;
                self.text("name", name)?;
                self.text("code", code)?;
                self.text("message", message)
            }
            Frame::Authors { sender, target, document, authors } => {
                self.addressed("authors", sender, target)?;
                self.document(document)?;
                self.key("authors")?;
                self.out.array(length(authors.len()))?;
                authors.iter().try_for_each(|(actor, author)| {
                    self.out.map(3)?.str("actor")?.bytes(actor)?;
                    self.person(author)
                })
            }
            Frame::Refused { sender, target, document, hashes, code, message } => {
                self.addressed("refused", sender, target)?;
                self.document(document)?;
                self.key("hashes")?;
                self.out.array(length(hashes.len()))?;
                hashes.iter().try_for_each(|hash| self.out.bytes(hash).map(drop))?;
                self.text("code", code)?;
                self.text("message", message)
            }
            Frame::SyncPart { sender, document, total, data } => {
                self.sync_part(sender, document, *total, data)
            }
            Frame::LeaveRoom { sender, target, document } => {
                self.addressed("leave-room", sender, target)?;
                self.document(document)
            }
            Frame::Presence { sender, target, document, state } => {
                self.addressed("presence", sender, target)?;
                self.document(document)?;
                self.key("state")?;
                match state {
                    Some(state) => self.out.str(state)?.ok(),
                    None => self.out.null()?.ok(),
                }
            }
            Frame::Present { sender, document, complete, peers, gone } => {
                self.text("type", "presence")?;
                self.text("senderId", sender)?;
                self.document(document)?;
                self.key("complete")?;
                self.out.bool(*complete)?;
                self.key("peers")?;
                self.out.array(length(peers.len()))?;
                peers.iter().try_for_each(|peer| self.present_peer(peer))?;
                self.texts("gone", gone)
            }
            Frame::Follow { sender, target, document, id, start } => {
                self.addressed("follow", sender, target)?;
                self.document(document)?;
                self.number("id", *id)?;
                match start {
                    FollowStart::After(after) => self.number("after", *after),
                    FollowStart::Last(count) => self.number("last", *count),
                }
            }
            Frame::Unfollow { sender, target, id } => {
                self.addressed("unfollow", sender, target)?;
                self.number("id", *id)
            }
            Frame::Events { sender, target, id, events } => {
                self.addressed("events", sender, target)?;
                self.number("id", *id)?;
                self.texts("events", events)
            }
            Frame::FollowEnded { sender, target, id, code, message, first, last } => {
                self.addressed("follow-ended", sender, target)?;
                self.number("id", *id)?;
                self.text("code", code)?;
                self.text("message", message)?;
                first.map_or(Ok(()), |first| self.number("first", first))?;
                last.map_or(Ok(()), |last| self.number("last", last))
            }
            Frame::Interest { sender, target, rooms } => {
                self.addressed("interest", sender, target)?;
                self.texts("rooms", rooms)
            }
            Frame::Rooms { sender, target, rooms, complete } => {
                self.addressed("rooms", sender, target)?;
                self.key("rooms")?;
                self.out.array(length(rooms.len()))?;
                rooms.iter().try_for_each(|room| self.room_standing(room))?;
                self.key("complete")?;
                self.out.bool(*complete)?.ok()
            }
            Frame::SyncDeflated { sender, target, document, size, data } => {
                self.addressed("sync-deflated", sender, target)?;
                self.document(document)?;
                self.number("size", *size)?;
                self.bytes("data", data)
            }
            Frame::Join { .. }
            | Frame::Peer { .. }
            | Frame::Error { .. }
            | Frame::Leave { .. }
            | Frame::Request { .. }
            | Frame::Sync { .. }
            | Frame::DocUnavailable { .. }
            | Frame::Ephemeral { .. }
            | Frame::RemoteSubscriptionChange { .. }
            | Frame::RemoteHeadsChanged { .. }
            | Frame::Unknown { .. } => Ok(()),
        }
    }

    fn sync_part(
        &mut self,
        sender: &str,
        document: &DocumentId,
        total: u64,
        data: &[u8],
    ) -> Written {
        self.text("type", "sync-part")?;
        self.text("senderId", sender)?;
        self.document(document)?;
        self.number("total", total)?;
        self.bytes("data", data)
    }

    fn addressed(&mut self, kind: &str, sender: &str, target: &str) -> Written {
        self.text("type", kind)?;
        self.text("senderId", sender)?;
        self.text("targetId", target)
    }

    fn document(&mut self, document: &DocumentId) -> Written {
        self.text("documentId", &document.to_string())
    }

    fn metadata(&mut self, metadata: &PeerMetadata) -> Written {
        let PeerMetadata { storage_id, is_ephemeral, chartroom, person, server, device } = metadata;
        self.key("peerMetadata")?;
        let optional = [
            storage_id.is_some(),
            chartroom.is_some(),
            person.is_some(),
            server.is_some(),
            device.is_some(),
        ];
        self.out.map(1 + length(optional.iter().filter(|there| **there).count()))?;
        if let Some(storage_id) = storage_id {
            self.out.str("storageId")?.str(storage_id)?;
        }
        self.out.str("isEphemeral")?.bool(*is_ephemeral)?;
        if let Some(chartroom) = chartroom {
            self.chartroom(chartroom)?;
        }
        if let Some(person) = person {
            self.out.str("person")?.map(2)?;
            self.person(person)?;
        }
        if let Some(server) = server {
            self.out.str("server")?.map(1)?.str("name")?.str(server)?;
        }
        if let Some(DeviceSecret(device)) = device {
            self.out.str("device")?.str(device)?;
        }
        Ok(())
    }

    fn chartroom(&mut self, chartroom: &ChartroomMetadata) -> Written {
        let ChartroomMetadata { version, durable_heads, parts, person } = chartroom;
        let optional = u64::from(*parts) + u64::from(person.is_some());
        self.out.str("chartroom")?.map(2 + optional)?.str("version")?;
        number(&mut self.out, *version)?;
        self.out.str("durableHeads")?.bool(*durable_heads)?;
        if *parts {
            self.out.str("parts")?.bool(true)?;
        }
        if let Some(person) = person {
            self.out.str("person")?.map(2)?;
            self.person(person)?;
        }
        Ok(())
    }

    fn present_peer(&mut self, peer: &PresentPeer) -> Written {
        let PresentPeer { peer, person, state } = peer;
        self.out.map(3)?.str("peer")?.str(peer)?.str("person")?.map(2)?;
        self.person(person)?;
        self.out.str("state")?.str(state)?.ok()
    }

    fn person(&mut self, person: &Author) -> Written {
        self.out.str("id")?.str(&person.id)?.str("name")?.str(&person.name)?.ok()
    }

    fn room_standing(&mut self, room: &RoomStanding) -> Written {
        let RoomStanding { name, epoch, heads, before } = room;
        let digests = [("heads", heads), ("before", before)];
        let there = digests.iter().filter(|(_, digest)| digest.is_some()).count();
        self.out.map(2 + length(there))?.str("name")?.str(name)?;
        self.out.str("epoch")?.u32(*epoch)?;
        for (field, digest) in digests {
            digest.map_or(Ok(()), |digest| self.out.str(field)?.bytes(&digest)?.ok())?;
        }
        Ok(())
    }

    fn remote_heads(&mut self, storage: &str, at: &RemoteHeads) -> Written {
        self.out.str(storage)?.map(2)?.str("heads")?.array(length(at.heads.len()))?;
        at.heads.iter().try_for_each(|head| self.out.str(head).map(drop))?;
        self.out.str("timestamp")?;
        number(&mut self.out, at.timestamp_ms)
    }

    fn texts(&mut self, field: &str, list: &[String]) -> Written {
        self.key(field)?;
        self.out.array(length(list.len()))?;
        list.iter().try_for_each(|text| self.out.str(text).map(drop))
    }

    fn text(&mut self, field: &str, text: &str) -> Written {
        self.key(field)?;
        self.out.str(text)?.ok()
    }

    fn bytes(&mut self, field: &str, bytes: &[u8]) -> Written {
        self.key(field)?;
        self.out.bytes(bytes)?.ok()
    }

    fn number(&mut self, field: &str, value: u64) -> Written {
        self.key(field)?;
        number(&mut self.out, value)
    }

    fn key(&mut self, field: &str) -> Written {
        self.fields += 1;
        self.out.str(field)?.ok()
    }
}

/// Writes a number as cbor-x does: as a float where an integer would come back as a `BigInt`.
fn number(out: &mut Encoder<Vec<u8>>, value: u64) -> Written {
    match u32::try_from(value) {
        Ok(small) => out.u32(small)?.ok(),
        Err(_) => out.f64(value as f64)?.ok(),
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
