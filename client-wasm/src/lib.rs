//! The engine's room for JavaScript: one room, one server as its only peer.
//!
//! A shell without logic: it hands inputs to [`Room`], drives it as the engine asks, and hands the
//! outputs back. It has no clock and no randomness; both are arguments. Nothing here is
//! durable storage, so whatever the room wants persisted counts as persisted at once: what a client
//! shows is its own, and only the server's acknowledgement makes it safe.
//! Only `convert` takes JavaScript values apart. Start at [`RoomShell`].
#![deny(missing_docs)]

mod convert;
mod digits;
mod drive;

use std::cell::RefCell;

use chartroom_engine::{
    ActorId, Author, ChangeHash, Command, Document, Edit, Input, Peer, Role, Room, RoomConfig,
    RoomId, mint_actor,
};
use wasm_bindgen::prelude::wasm_bindgen;

use convert::{Failure, Outputs};
use drive::drive;

/// One room of a client. Every method that takes `now_ms` may have something to say; see
/// `Outputs` in the TypeScript beside this.
#[wasm_bindgen]
pub struct RoomShell {
    inner: RefCell<Inner>,
}

struct Inner {
    room: Room,
    /// The connection to the server, numbered anew each time it is made.
    server: Peer,
    tickets: u64,
}

#[wasm_bindgen]
impl RoomShell {
    /// A room as it is founded, or as `snapshot` has it. `random` are 8 bytes that nobody else
    /// has; the person's id and name go together.
    #[wasm_bindgen(constructor)]
    pub fn new(
        name: &str,
        epoch: u32,
        now_ms: f64,
        random: &[u8],
        person_id: Option<String>,
        person_name: Option<String>,
        snapshot: Option<Vec<u8>>,
    ) -> Result<Self, Failure> {
        let name = name.parse().map_err(|error| Failure::new("room-name-invalid", &error))?;
        let id = RoomId { name, epoch };
        let actor = mint_actor(convert::time(now_ms), convert::random(random)?);
        let document = match snapshot {
            None => Document::found(&id, actor.clone()),
            Some(bytes) => Document::open(&id, actor.clone(), &bytes)
                .map_err(|error| Failure::new("snapshot-unreadable", &error))?,
        };
        let person = person_id.zip(person_name).map(|(id, name)| Author { id, name });
        let bindings = person.map(|author| (actor, author)).into_iter().collect();
        let config = RoomConfig { bindings, ..RoomConfig::new(id, Role::Client) };
        let room = Room::new(config, document);
        Ok(Self { inner: RefCell::new(Inner { room, server: Peer(0), tickets: 0 }) })
    }

    /// The connection to the server is up, and the server has named this room's document.
    pub fn joined(&self, now_ms: f64) -> Result<Outputs, Failure> {
        let mut inner = self.borrow()?;
        let left = inner.server;
        inner.server = Peer(left.0 + 1);
        let peer = inner.server;
        let joined = Input::Joined { peer, author: None, may_write: true, extensions: true };
        drive(&mut inner.room, now_ms, [Input::Left { peer: left }, joined])
    }

    /// The connection to the server is gone.
    pub fn left(&self, now_ms: f64) -> Result<Outputs, Failure> {
        self.input(now_ms, |peer| Input::Left { peer })
    }

    /// A sync message of the server arrived.
    pub fn receive(&self, now_ms: f64, message: Vec<u8>) -> Result<Outputs, Failure> {
        self.input(now_ms, |peer| Input::Received { peer, message })
    }

    /// Makes a resource, given as JSON, stand as given; fails with the command's code.
    pub fn put(&self, now_ms: f64, resource: &str) -> Result<Outputs, Failure> {
        self.command(now_ms, Command::Put { resource: convert::parse(resource)? })
    }

    /// Sets elements, given as a JSON object; null removes one.
    pub fn patch(
        &self,
        now_ms: f64,
        resource_type: String,
        id: String,
        elements: &str,
    ) -> Result<Outputs, Failure> {
        let elements = convert::parse_object(elements)?;
        self.command(now_ms, Command::Patch { resource_type, id, elements })
    }

    /// Deletes a resource.
    pub fn remove(
        &self,
        now_ms: f64,
        resource_type: String,
        id: String,
    ) -> Result<Outputs, Failure> {
        self.command(now_ms, Command::Delete { resource_type, id })
    }

    /// Takes a delete back.
    pub fn restore(
        &self,
        now_ms: f64,
        resource_type: String,
        id: String,
    ) -> Result<Outputs, Failure> {
        self.command(now_ms, Command::Undelete { resource_type, id })
    }

    /// Time has passed; call about once a second.
    pub fn tick(&self, now_ms: f64) -> Result<Outputs, Failure> {
        self.input(now_ms, |_| Input::Tick)
    }

    /// The server says who is behind an actor.
    pub fn introduced(
        &self,
        now_ms: f64,
        actor: &[u8],
        id: &str,
        name: &str,
    ) -> Result<Outputs, Failure> {
        let (actor, author) = (ActorId::from(actor), Author::new(id, name));
        self.input(now_ms, |_| Input::Introduced { actor, author })
    }

    /// The server refused changes; `hashes` are 32 bytes each, one behind the other.
    pub fn refused(&self, now_ms: f64, hashes: &[u8]) -> Result<Outputs, Failure> {
        let hashes: Vec<ChangeHash> = convert::hashes(hashes)?;
        self.input(now_ms, |_| Input::Refused { hashes })
    }

    /// One resource as JSON, unless it is absent or deleted.
    pub fn resource(&self, resource_type: &str, id: &str) -> Result<Option<String>, Failure> {
        let inner = self.borrow()?;
        inner.room.document().resource(resource_type, id).as_ref().map(convert::json).transpose()
    }

    /// Every resource of a type, by id, as a JSON array.
    pub fn collection(&self, resource_type: &str) -> Result<String, Failure> {
        convert::json(&self.borrow()?.room.document().collection(resource_type))
    }

    /// Every conflict, as a JSON array.
    pub fn conflicts(&self) -> Result<String, Failure> {
        convert::json(&self.borrow()?.room.conflicts())
    }

    /// The heads, in hex.
    pub fn heads(&self) -> Result<Vec<String>, Failure> {
        Ok(self.borrow()?.room.document().heads().iter().map(ToString::to_string).collect())
    }

    /// How many local changes the server has not acknowledged.
    pub fn unsaved(&self) -> Result<usize, Failure> {
        Ok(self.borrow()?.room.unsaved())
    }

    /// Takes out the edits that the server does not hold, to be made again in the room's next epoch:
    /// a JSON array of pairs of hash and command, in their order.
    #[wasm_bindgen(js_name = takePending)]
    pub fn take_pending(&self) -> Result<String, Failure> {
        let edits = self.borrow()?.room.take_pending().into_iter();
        let pair = |edit: Edit| Some((edit.hash?.to_string(), edit.command));
        convert::json(&edits.filter_map(pair).collect::<Vec<_>>())
    }

    /// The document's id, which `automerge:` goes in front of.
    #[wasm_bindgen(js_name = documentId)]
    pub fn document_id(&self) -> Result<String, Failure> {
        Ok(self.borrow()?.room.id().document_id().to_string())
    }

    /// The whole document as Automerge saves it.
    pub fn save(&self) -> Result<Vec<u8>, Failure> {
        Ok(self.borrow()?.room.document().save())
    }

    fn command(&self, now_ms: f64, mut command: Command) -> Result<Outputs, Failure> {
        let mut inner = self.borrow()?;
        digits::keep(&mut command, inner.room.document());
        inner.tickets += 1;
        let ticket = inner.tickets;
        drive(&mut inner.room, now_ms, [Input::Command { ticket, author: None, command }])
    }

    fn input(&self, now_ms: f64, input: impl FnOnce(Peer) -> Input) -> Result<Outputs, Failure> {
        let mut inner = self.borrow()?;
        let input = input(inner.server);
        drive(&mut inner.room, now_ms, [input])
    }

    /// A call from within a call is an error, where an exported `&mut self` would trap.
    fn borrow(&self) -> Result<std::cell::RefMut<'_, Inner>, Failure> {
        self.inner.try_borrow_mut().map_err(|error| Failure::new("re-entrant", &error))
    }
}
