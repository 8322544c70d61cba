//! One connection: what it has, as positions in the chains of its room.

use std::rc::Rc;

use anyhow::bail;
use automerge::{
    ChangeHash,
    sync::{BloomFilter, ChunkList, Have, Message, MessageFlags, MessageVersion},
};
use chartroom_server::wire::frame::{
    ChartroomMetadata, Frame, PROTOCOL_VERSION, PeerMetadata, SyncHead, decode, encode,
};

use super::{
    Manner, RepoRoom, Scripted,
    chunk::{Chunk, chunks},
};
use crate::{
    board::Sent,
    voice::{Heard, Voice, mark, marked},
};

pub(super) struct Client {
    room: Rc<RepoRoom>,
    peer_id: String,
    server_id: String,
    person: Option<usize>,
    seeds: bool,
    manner: Manner,
    /// Whether it has what the room began with.
    synced: bool,
    /// How many changes of each person it has.
    has: Vec<usize>,
    /// How many of its own the server has.
    saved: usize,
    /// Heads that it has not spoken yet.
    untold: bool,
    presence: u64,
}

impl Client {
    pub fn new(room: Rc<RepoRoom>, number: usize, person: Option<usize>) -> Self {
        let persons = room.chains.borrow().changes.len();
        Self {
            peer_id: format!("bench-{}-{number}", room.id.name.key()),
            server_id: String::new(),
            person,
            seeds: false,
            manner: room.manner,
            synced: false,
            has: vec![0; persons],
            saved: 0,
            untold: false,
            presence: 0,
            room,
        }
    }

    /// One that brings the base.
    pub fn seeding(room: Rc<RepoRoom>) -> Self {
        Self { seeds: true, manner: Manner::Ours, ..Self::new(room, usize::MAX, None) }
    }

    /// The heads of what it has, were so many of its own changes all.
    fn heads(&self, own: Option<usize>) -> Vec<ChangeHash> {
        let chains = self.room.chains.borrow();
        let has = self.has.iter().enumerate().map(|(person, has)| match own {
            Some(own) if Some(person) == self.person => own,
            Some(_) | None => *has,
        });
        let last =
            |(chain, has): (&Vec<Scripted>, usize)| Some(chain.get(has.checked_sub(1)?)?.hash);
        let mut heads: Vec<ChangeHash> = chains.changes.iter().zip(has).filter_map(last).collect();
        if heads.is_empty() {
            heads.clone_from(&self.room.base.heads);
        }
        heads.sort_unstable();
        heads
    }

    fn frame(&self, data: &[u8]) -> Vec<u8> {
        SyncHead::new(&self.peer_id, &self.server_id, &self.room.document).frame(data)
    }

    /// What a client that has nothing asks with.
    fn request(&self) -> Vec<u8> {
        encode(&Frame::Request {
            sender: self.peer_id.clone(),
            target: self.server_id.clone(),
            document: self.room.document,
            data: message(Vec::new(), Have::default(), Vec::new()),
        })
    }

    /// The base, change by change.
    fn seed(&self) -> Vec<u8> {
        let base = &self.room.base;
        let bloom = BloomFilter::from_hashes(base.heads.iter());
        let have = Have { last_sync: Vec::new(), bloom };
        self.frame(&message(base.heads.clone(), have, base.changes.clone()))
    }

    /// What a client that is in step says.
    fn acknowledgement(&mut self) -> Vec<u8> {
        self.untold = false;
        let heads = self.heads(None);
        let have = Have { last_sync: heads.clone(), bloom: BloomFilter::default() };
        self.frame(&message(heads, have, Vec::new()))
    }

    fn hear_sync(&mut self, data: &[u8], heard: &mut Heard) -> anyhow::Result<Vec<Vec<u8>>> {
        let message = Message::decode(data)?;
        let brings: Vec<Chunk> = message.changes.iter().flat_map(chunks).collect();
        if self.seeds {
            heard.synced = message.heads == self.room.base.heads;
            return Ok(Vec::new());
        }
        self.hear_heads(&message.heads, heard);
        let chains = self.room.chains.borrow();
        let arrived = brings.iter().filter_map(|chunk| match chunk {
            Chunk::Change(checksum) => chains.by_checksum.get(checksum).copied(),
            Chunk::Document => None,
        });
        heard.arrived.extend(arrived);
        drop(chains);
        if brings.is_empty() {
            return Ok(Vec::new());
        }
        heard.synced = !self.synced;
        heard.held = heard.synced && self.has.iter().any(|has| *has > 0);
        self.synced = true;
        self.untold = true;
        let at_once = self.manner == Manner::Stock || heard.synced;
        Ok(at_once.then(|| self.acknowledgement()).into_iter().collect())
    }

    /// The server's heads: own edits among them are kept, others' came with the message.
    fn hear_heads(&mut self, heads: &[ChangeHash], heard: &mut Heard) {
        let chains = self.room.chains.borrow();
        for (person, place) in heads.iter().filter_map(|hash| chains.by_hash.get(hash)) {
            if Some(*person) == self.person {
                let own = chains.changes.get(*person).into_iter().flatten();
                let saved = own.take(place + 1).skip(self.saved);
                heard.acknowledged.extend(saved.map(|change| change.sent));
                self.saved = self.saved.max(place + 1);
            } else if let Some(has) = self.has.get_mut(*person) {
                *has = (*has).max(place + 1);
            }
        }
    }

    /// The server knows the room's name now, or does not have to.
    fn met(&self, metadata: &PeerMetadata) -> Vec<u8> {
        if !self.seeds {
            return self.request();
        }
        if metadata.chartroom.is_none() {
            return self.seed();
        }
        encode(&Frame::Room {
            sender: self.peer_id.clone(),
            target: self.server_id.clone(),
            name: self.room.id.name.to_string(),
        })
    }
}

impl Voice for Client {
    fn open(&mut self) -> Vec<Vec<u8>> {
        vec![join(&self.peer_id, self.manner)]
    }

    fn hear(&mut self, frame: &[u8], heard: &mut Heard) -> anyhow::Result<Vec<Vec<u8>>> {
        match decode(frame)? {
            Frame::Peer { sender, metadata, .. } => {
                self.server_id = sender;
                Ok(vec![self.met(&metadata)])
            }
            Frame::RoomFound { .. } => Ok(vec![self.seed()]),
            Frame::Sync { data, .. } | Frame::Request { data, .. } => self.hear_sync(&data, heard),
            Frame::Ephemeral { data, .. } => {
                heard.arrived.extend(marked(&data));
                Ok(Vec::new())
            }
            Frame::Error { message, .. } | Frame::Refused { message, .. } => {
                bail!("the server says: {message}")
            }
            Frame::DocUnavailable { .. } | Frame::RoomRefused { .. } => {
                bail!("the server does not have the room")
            }
            _ => Ok(Vec::new()),
        }
    }

    fn edit(&mut self) -> Option<(Sent, Vec<u8>)> {
        let person = self.person?;
        let last_sync = self.heads(Some(self.saved));
        let place = *self.has.get(person)?;
        let (sent, bytes, bloom) = {
            let chains = self.room.chains.borrow();
            let chain = chains.changes.get(person)?;
            let edit = chain.get(place)?;
            let unsaved = chain.get(self.saved..=place)?.iter().map(|change| &change.hash);
            (edit.sent, edit.bytes.clone(), BloomFilter::from_hashes(unsaved))
        };
        *self.has.get_mut(person)? = place + 1;
        self.untold = false;
        let have = Have { last_sync, bloom };
        Some((sent, self.frame(&message(self.heads(None), have, vec![bytes]))))
    }

    fn presence(&mut self, sent: Sent) -> Vec<u8> {
        self.presence += 1;
        let text = mark(sent);
        // A CBOR text of up to 255 bytes.
        let mut data = vec![0x78, u8::try_from(text.len()).unwrap_or(u8::MAX)];
        data.extend_from_slice(text.as_bytes());
        encode(&Frame::Ephemeral {
            sender: self.peer_id.clone(),
            target: self.server_id.clone(),
            document: self.room.document,
            count: self.presence,
            session: "bench".to_owned(),
            data,
        })
    }

    fn tick(&mut self) -> Option<Vec<u8>> {
        (self.untold && self.synced).then(|| self.acknowledgement())
    }

    fn ticks(&self) -> bool {
        self.manner == Manner::Ours && !self.seeds
    }
}

/// A client's first frame.
pub(super) fn join(peer_id: &str, manner: Manner) -> Vec<u8> {
    let ours = manner == Manner::Ours;
    let chartroom =
        ours.then_some(ChartroomMetadata { version: 1, durable_heads: true, ..<_>::default() });
    let metadata = PeerMetadata {
        storage_id: None,
        is_ephemeral: true,
        chartroom,
        person: None,
        server: None,
    };
    encode(&Frame::Join {
        sender: peer_id.to_owned(),
        metadata,
        versions: vec![PROTOCOL_VERSION.to_owned()],
    })
}

/// A message as stock clients since Automerge 0.9 write it; changes one by one, as they send few.
fn message(heads: Vec<ChangeHash>, have: Have, changes: Vec<Vec<u8>>) -> Vec<u8> {
    let mut flags = MessageFlags::new();
    flags.set(MessageFlags::SUPPORTS_SYNC_RESET);
    let changes = ChunkList::from(changes);
    let (need, have) = (Vec::new(), vec![have]);
    let version = MessageVersion::V1;
    Message { heads, need, have, changes, flags: Some(flags), version }.encode()
}
