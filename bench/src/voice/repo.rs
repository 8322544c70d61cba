//! automerge-repo's protocol, as its stock clients speak it and as ours does.
//!
//! A client that is in step needs no document to answer: after an update its heads are the ones that
//! it was sent. The edits of a run are chains of changes, one for each person, made beforehand by
//! Automerge itself; a change that arrives is known by its checksum, the first bytes of its hash.

mod chunk;
mod client;
mod returning;

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use anyhow::{Context, bail};
use automerge::{
    ActorId, Automerge, ChangeHash, LoadOptions, ObjId, ObjType, ROOT, ReadDoc, TextEncoding,
    transaction::{CommitOptions, Transactable},
};
use chartroom_engine::{DocumentId, RoomId, mint_actor};
use chartroom_server::clock;

use super::{Room, Voice, mark};
use crate::board::{Board, Sent};
use client::Client;
use returning::Returning;

/// Which client a voice is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// automerge-repo's own: it answers every update.
    Stock,
    /// Chartroom's: it acknowledges once a second.
    Ours,
}

/// What a room begins with.
pub struct Base {
    document: Vec<u8>,
    /// Its changes in an order in which they can be applied.
    changes: Vec<Vec<u8>>,
    heads: Vec<ChangeHash>,
    /// The observations that people edit.
    observations: Vec<ObjId>,
}

impl Base {
    /// From a saved document.
    pub fn of(document: Vec<u8>) -> anyhow::Result<Self> {
        let doc = load(&document)?;
        let Some((_, collection)) = doc.get(ROOT, "Observation")? else {
            bail!("the document has no collection of observations");
        };
        let observations = doc.map_range(&collection, ..).filter_map(|item| {
            let map = matches!(item.value, automerge::ValueRef::Object(ObjType::Map));
            map.then(|| item.id())
        });
        let observations: Vec<ObjId> = observations.collect();
        let changes = doc.get_changes(&[]).iter().map(|c| c.raw_bytes().to_vec()).collect();
        Ok(Self { changes, heads: doc.get_heads(), observations, document })
    }

    /// The saved document.
    pub fn document(&self) -> &[u8] {
        &self.document
    }
}

/// Reads a saved document as Chartroom's clients do.
pub fn load(document: &[u8]) -> anyhow::Result<Automerge> {
    let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
    Ok(Automerge::load_with_options(document, options)?)
}

/// One room.
pub struct RepoRoom {
    id: RoomId,
    document: DocumentId,
    base: Rc<Base>,
    manner: Manner,
    writers: RefCell<Vec<Option<Writer>>>,
    chains: RefCell<Chains>,
}

/// Who makes the edits of one person.
struct Writer {
    doc: Automerge,
    observations: Vec<ObjId>,
}

/// All edits of a room, by person and then in their order.
#[derive(Default)]
struct Chains {
    changes: Vec<Vec<Scripted>>,
    by_checksum: HashMap<[u8; 4], Sent>,
    by_hash: HashMap<ChangeHash, (usize, usize)>,
}

/// An edit that was made beforehand.
struct Scripted {
    sent: Sent,
    hash: ChangeHash,
    bytes: Vec<u8>,
}

impl RepoRoom {
    /// A room for so many writers.
    pub fn new(id: RoomId, base: Rc<Base>, persons: usize, manner: Manner) -> Rc<Self> {
        let changes = (0..persons).map(|_| Vec::new()).collect();
        Rc::new(Self {
            document: id.document_id(),
            id,
            base,
            manner,
            writers: RefCell::new((0..persons).map(|_| None).collect()),
            chains: RefCell::new(Chains { changes, ..Chains::default() }),
        })
    }

    /// A person's part of the observations, so that nobody edits what another does.
    fn writer(&self, person: usize, persons: usize) -> anyhow::Result<Writer> {
        let mut doc = load(&self.base.document)?;
        let actor: ActorId = mint_actor(clock::now_ms(), rand::random());
        doc.set_actor(actor);
        let observations = self.base.observations.iter().skip(person).step_by(persons).cloned();
        let observations: Vec<ObjId> = observations.collect();
        if observations.is_empty() {
            bail!("there is no observation for person {person}");
        }
        Ok(Writer { doc, observations })
    }
}

impl Room for RepoRoom {
    fn path(&self) -> String {
        String::new()
    }

    fn seeder(self: Rc<Self>) -> Box<dyn Voice> {
        Box::new(Client::seeding(self))
    }

    fn client(self: Rc<Self>, number: usize, person: Option<usize>) -> Box<dyn Voice> {
        Box::new(Client::new(self, number, person))
    }

    fn returning(self: Rc<Self>, person: usize) -> anyhow::Result<Option<Box<dyn Voice>>> {
        let writers = self.writers.borrow();
        let Some(Writer { doc, .. }) = writers.get(person).and_then(Option::as_ref) else {
            bail!("nothing was prepared for person {person}");
        };
        let others: Vec<ChangeHash> = self
            .chains
            .borrow()
            .changes
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != person)
            .filter_map(|(_, chain)| Some(chain.last()?.hash))
            .collect();
        let voice = Returning::new(&self, doc.clone(), others);
        drop(writers);
        Ok(Some(Box::new(voice)))
    }

    fn prepare(&self, person: usize, edits: usize, board: &mut Board) -> anyhow::Result<()> {
        let mut writers = self.writers.borrow_mut();
        let persons = writers.len();
        let slot = writers.get_mut(person).context("the room has such a person")?;
        if slot.is_none() {
            *slot = Some(self.writer(person, persons)?);
        }
        let Some(Writer { doc, observations }) = slot else { return Ok(()) };
        let Chains { changes, by_checksum, by_hash } = &mut *self.chains.borrow_mut();
        let chain = changes.get_mut(person).context("the room has such a person")?;
        for _ in 0..edits {
            let place = chain.len();
            let observation =
                observations.get(place % observations.len()).context("there is one")?;
            let sent = board.allocate();
            let mut transaction = doc.transaction();
            transaction.put(observation, "valueString", mark(sent))?;
            let time = i64::try_from(clock::now_ms() / 1000)?;
            transaction.commit_with(CommitOptions::default().with_time(time));
            let change = doc.get_last_local_change().context("the edit made a change")?;
            let (hash, bytes) = (change.hash(), change.raw_bytes().to_vec());
            let checksum = hash.0.first_chunk::<4>().context("a hash is longer")?;
            by_checksum.insert(*checksum, sent);
            by_hash.insert(hash, (person, place));
            chain.push(Scripted { sent, hash, bytes });
        }
        Ok(())
    }
}
