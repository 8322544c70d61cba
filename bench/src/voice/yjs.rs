//! Hocuspocus's protocol: the document's name, a message type, and what y-protocols says.
//!
//! A Yjs client answers no update; the server's `syncStatus` says that it took one.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use anyhow::Context;
use yrs::{
    Doc, Map, MapPrelim, MapRef, ReadTxn, StateVector, Transact, Update,
    updates::{decoder::Decode, encoder::Encode},
};

use super::{Heard, Room, Voice, mark, marked};
use crate::{
    board::{Board, Sent},
    chart::Chart,
};

/// Message types of Hocuspocus.
const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const SYNC_REPLY: u64 = 4;
const SYNC_STATUS: u64 = 8;
/// Message types of y-protocols' sync.
const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;
/// Where resources stand in the document, by type and id.
const CHART: &str = "chart";

/// A room of Hocuspocus.
pub struct YjsRoom {
    name: String,
    /// What it begins with, as one update.
    base: Vec<u8>,
    /// Ids of observations.
    observations: Vec<String>,
    writers: RefCell<Vec<Option<Doc>>>,
    /// By person.
    prepared: RefCell<Vec<Prepared>>,
}

/// Updates that are not sent yet.
type Prepared = VecDeque<(Sent, Vec<u8>)>;

impl YjsRoom {
    /// A room for so many writers.
    pub fn new(name: String, chart: &Chart, persons: usize) -> Rc<Self> {
        // The same base each time that the room is made.
        let doc = Doc::with_client_id(1);
        let map = doc.get_or_insert_map(CHART);
        let mut observations = Vec::new();
        let mut transaction = doc.transact_mut();
        for resource in chart.resources.iter().filter_map(|resource| resource.as_object()) {
            let text = |name: &str| {
                resource.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
            };
            let key = format!("{}/{}", text("resourceType"), text("id"));
            // One value for each element, as Chartroom has them.
            let elements = resource.iter().map(|(name, value)| (name.as_str(), value.to_string()));
            map.insert(&mut transaction, key.as_str(), MapPrelim::from_iter(elements));
            if key.starts_with("Observation/") {
                observations.push(key);
            }
        }
        let base = transaction.encode_state_as_update_v1(&StateVector::default());
        drop(transaction);
        Rc::new(Self {
            name,
            base,
            observations,
            writers: RefCell::new((0..persons).map(|_| None).collect()),
            prepared: RefCell::new(vec![Prepared::new(); persons]),
        })
    }

    fn frame(&self, kind: u64, body: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(self.name.len() + body.len() + 8);
        bytes(&mut frame, self.name.as_bytes());
        unsigned(&mut frame, kind);
        frame.extend_from_slice(body);
        frame
    }

    /// What a client begins with that has this much. Without a hook for it any token will do, but
    /// nothing is heard before one is sent.
    fn open(&self, vector: &[u8]) -> Vec<Vec<u8>> {
        let mut token = Vec::new();
        unsigned(&mut token, 0);
        bytes(&mut token, b"bench");
        bytes(&mut token, b"4.7.0");
        vec![self.frame(AUTH, &token), self.sync(STEP_1, vector)]
    }

    fn sync(&self, step: u64, payload: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(payload.len() + 8);
        unsigned(&mut body, step);
        bytes(&mut body, payload);
        self.frame(SYNC, &body)
    }
}

impl Room for YjsRoom {
    fn path(&self) -> String {
        String::new()
    }

    fn seeder(self: Rc<Self>) -> Box<dyn Voice> {
        Box::new(Client::new(self, None, true))
    }

    fn client(self: Rc<Self>, _number: usize, person: Option<usize>) -> Box<dyn Voice> {
        Box::new(Client::new(self, person, false))
    }

    fn returning(self: Rc<Self>, person: usize) -> anyhow::Result<Option<Box<dyn Voice>>> {
        let writers = self.writers.borrow();
        let doc = writers.get(person).and_then(Option::as_ref);
        let transaction = doc.context("something was prepared for the person")?.transact();
        let base = Update::decode_v1(&self.base)?.state_vector();
        let voice = Returning {
            vector: transaction.state_vector().encode_v1(),
            own: transaction.encode_state_as_update_v1(&base),
            received: false,
            saved: false,
            room: Rc::clone(&self),
        };
        Ok(Some(Box::new(voice)))
    }

    fn prepare(&self, person: usize, edits: usize, board: &mut Board) -> anyhow::Result<()> {
        let mut writers = self.writers.borrow_mut();
        let persons = writers.len();
        let slot = writers.get_mut(person).context("the room has such a person")?;
        if slot.is_none() {
            let doc = Doc::new();
            doc.transact_mut().apply_update(Update::decode_v1(&self.base)?)?;
            *slot = Some(doc);
        }
        let Some(doc) = slot else { return Ok(()) };
        let map = doc.get_or_insert_map(CHART);
        let own: Vec<&String> = self.observations.iter().skip(person).step_by(persons).collect();
        let mut prepared = self.prepared.borrow_mut();
        let prepared = prepared.get_mut(person).context("the room has such a person")?;
        for place in 0..edits {
            let key = own.get(place % own.len().max(1)).context("there is an observation")?;
            let sent = board.allocate();
            let mut transaction = doc.transact_mut();
            let observation = map.get(&transaction, key).and_then(|out| out.cast::<MapRef>().ok());
            let observation = observation.context("the observation is there")?;
            observation.insert(&mut transaction, "valueString", mark(sent));
            prepared.push_back((sent, transaction.encode_update_v1()));
        }
        Ok(())
    }
}

struct Client {
    room: Rc<YjsRoom>,
    person: Option<usize>,
    seeds: bool,
    synced: bool,
    /// Sent and not acknowledged, the oldest first.
    unsaved: VecDeque<Sent>,
    clock: u64,
    id: u32,
}

impl Client {
    fn new(room: Rc<YjsRoom>, person: Option<usize>, seeds: bool) -> Self {
        let (synced, unsaved, clock) = (false, VecDeque::new(), 0);
        Self { room, person, seeds, synced, unsaved, clock, id: rand::random() }
    }

    fn hear_sync(&mut self, body: &[u8], heard: &mut Heard) -> Option<Vec<Vec<u8>>> {
        let (step, rest) = read(body)?;
        match step {
            // The server asks for what it lacks: everything, from the one who brings the base.
            STEP_1 if self.seeds => Some(vec![self.room.sync(STEP_2, &self.room.base)]),
            STEP_1 => {
                // An update without structs and deletions: it lacks nothing of ours.
                Some(vec![self.room.sync(STEP_2, &[0, 0])])
            }
            STEP_2 if self.seeds => Some(Vec::new()),
            STEP_2 => {
                heard.held = marked(rest).is_some();
                heard.synced = !std::mem::replace(&mut self.synced, true);
                Some(Vec::new())
            }
            UPDATE => {
                // A writer gets its own back.
                heard.arrived.extend(marked(rest).filter(|_| self.person.is_none()));
                Some(Vec::new())
            }
            _ => None,
        }
    }
}

impl Voice for Client {
    fn open(&mut self) -> Vec<Vec<u8>> {
        self.room.open(&StateVector::default().encode_v1())
    }

    fn hear(&mut self, frame: &[u8], heard: &mut Heard) -> anyhow::Result<Vec<Vec<u8>>> {
        let (kind, body) = opened(frame).context("the frame is one of Hocuspocus's")?;
        match kind {
            SYNC | SYNC_REPLY => {
                self.hear_sync(body, heard).context("the message is one of y-protocols' sync")
            }
            AWARENESS => {
                heard.arrived.extend(marked(body));
                Ok(Vec::new())
            }
            SYNC_STATUS if self.seeds => {
                heard.synced = !std::mem::replace(&mut self.synced, true);
                Ok(Vec::new())
            }
            SYNC_STATUS => {
                heard.acknowledged.extend(self.unsaved.pop_front());
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn edit(&mut self) -> Option<(Sent, Vec<u8>)> {
        let (sent, update) = self.room.prepared.borrow_mut().get_mut(self.person?)?.pop_front()?;
        self.unsaved.push_back(sent);
        Some((sent, self.room.sync(UPDATE, &update)))
    }

    fn presence(&mut self, sent: Sent) -> Vec<u8> {
        self.clock += 1;
        let mut update = Vec::new();
        unsigned(&mut update, 1);
        unsigned(&mut update, u64::from(self.id));
        unsigned(&mut update, self.clock);
        bytes(&mut update, serde_json::json!({ "cursor": mark(sent) }).to_string().as_bytes());
        let mut body = Vec::new();
        bytes(&mut body, &update);
        self.room.frame(AWARENESS, &body)
    }
}

/// A client that was away.
struct Returning {
    room: Rc<YjsRoom>,
    vector: Vec<u8>,
    /// What it wrote meanwhile, as one update.
    own: Vec<u8>,
    received: bool,
    saved: bool,
}

impl Voice for Returning {
    fn open(&mut self) -> Vec<Vec<u8>> {
        self.room.open(&self.vector)
    }

    fn hear(&mut self, frame: &[u8], heard: &mut Heard) -> anyhow::Result<Vec<Vec<u8>>> {
        let (kind, body) = opened(frame).context("the frame is one of Hocuspocus's")?;
        let before = self.received && self.saved;
        let mut answers = Vec::new();
        match (kind, read(body)) {
            (SYNC | SYNC_REPLY, Some((STEP_1, _))) => {
                answers.push(self.room.sync(STEP_2, &self.own));
            }
            (SYNC | SYNC_REPLY, Some((STEP_2, _))) => self.received = true,
            (SYNC_STATUS, _) => self.saved = true,
            _ => {}
        }
        heard.synced = !before && self.received && self.saved;
        Ok(answers)
    }

    fn edit(&mut self) -> Option<(Sent, Vec<u8>)> {
        None
    }

    fn presence(&mut self, _sent: Sent) -> Vec<u8> {
        Vec::new()
    }
}

/// A frame's message type, and what follows it.
fn opened(frame: &[u8]) -> Option<(u64, &[u8])> {
    let (length, rest) = read(frame)?;
    let (_, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    read(rest)
}

/// Writes a number as lib0 does: seven bits a byte, the lowest first.
fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes bytes behind their length.
fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    unsigned(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads a number.
fn read(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let (digits, rest) = bytes.split_at_checked(end + 1)?;
    let value = digits.iter().rev().try_fold(0_u64, |value, byte| {
        value.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))
    })?;
    Some((value, rest))
}
