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
    ActorId, Author, ChangeHash, Document, Edit, Input, Peer, Role, Room, RoomConfig, RoomId,
    document::Versions, mint_actor,
};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::wasm_bindgen;

use convert::{Failure, Outputs};
use drive::{Drained, drive};

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
    unsaid: Drained,
    versions: Versions,
}

impl Inner {
    fn drive(
        &mut self,
        now_ms: f64,
        inputs: impl IntoIterator<Item = Input>,
    ) -> Result<Outputs, Failure> {
        drive(&mut self.room, &mut self.unsaid, now_ms, inputs)
    }
}

#[wasm_bindgen]
impl RoomShell {
    /// A room as it is founded, or as `snapshot` and the `changes` behind it have it. `pending` are the
    /// edits in it that the server had not acknowledged: a JSON array of pairs of hash and command, in
    /// their order. `moved` is what reports called so. `random` are 8 bytes that nobody else has; the person's id and name go together.
    /// Fails with `store-unreadable` where what was stored is no such room.
    #[wasm_bindgen(constructor)]
    #[allow(
        clippy::too_many_arguments,
        reason = "JavaScript's caller has a type with names for them"
    )]
    pub fn new(
        name: &str,
        epoch: u32,
        now_ms: f64,
        random: &[u8],
        person_id: Option<String>,
        person_name: Option<String>,
        snapshot: Option<Vec<u8>>,
        changes: Vec<Uint8Array>,
        pending: Option<String>,
        moved: Vec<String>,
    ) -> Result<Self, Failure> {
        let name = name.parse().map_err(|error| Failure::new("room-name-invalid", &error))?;
        let id = RoomId { name, epoch };
        let actor = mint_actor(convert::time(now_ms), convert::random(random)?);
        let changes = changes.iter().map(Uint8Array::to_vec);
        let mut document = Document::load(&id, actor.clone(), snapshot.as_deref(), changes)
            .map_err(|error| Failure::new("store-unreadable", &error))?;
        let pending = pending.map_or(Some(Vec::new()), |json| convert::pending(&json));
        let pending =
            pending.ok_or_else(|| Failure::new("store-unreadable", &"these are no edits"))?;
        for pair in convert::heads(&document, &moved)?.chunks_exact(2) {
            if let [hash, other] = pair {
                document.keep_behind(*hash, other);
            }
        }
        let person = person_id.zip(person_name).map(|(id, name)| Author { id, name });
        let bindings = person.map(|author| (actor, author)).into_iter().collect();
        let config = RoomConfig { bindings, ..RoomConfig::new(id, Role::Client) };
        let mut room = Room::new(config, document);
        room.take_up(pending);
        let (unsaid, versions) = (Drained::default(), Versions::default());
        let inner = Inner { room, server: Peer(0), tickets: 0, unsaid, versions };
        Ok(Self { inner: RefCell::new(inner) })
    }

    /// The connection to the server is up, and the server has named this room's document.
    pub fn joined(&self, now_ms: f64) -> Result<Outputs, Failure> {
        let mut inner = self.borrow()?;
        let left = inner.server;
        inner.server = Peer(left.0 + 1);
        let peer = inner.server;
        let joined = Input::Joined { peer, author: None, may_write: true, extensions: true };
        inner.drive(now_ms, [Input::Left { peer: left }, joined])
    }

    /// The connection to the server is gone.
    pub fn left(&self, now_ms: f64) -> Result<Outputs, Failure> {
        self.input(now_ms, |peer| Input::Left { peer })
    }

    /// A sync message of the server arrived.
    pub fn receive(&self, now_ms: f64, message: Vec<u8>) -> Result<Outputs, Failure> {
        self.input(now_ms, |peer| Input::Received { peer, message })
    }

    /// Carries out a command, given as JSON; fails with `bad-shape` where it is none, and else with
    /// the command's code.
    pub fn command(&self, now_ms: f64, json: &str) -> Result<Outputs, Failure> {
        let mut command = convert::command(json)?;
        let mut inner = self.borrow()?;
        digits::keep(&mut command, inner.room.document());
        inner.tickets += 1;
        let ticket = inner.tickets;
        inner.drive(now_ms, [Input::Command { ticket, author: None, command }])
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

    /// A text of a resource that people write together, unless nobody began one.
    pub fn text(
        &self,
        resource_type: &str,
        id: &str,
        element: &str,
    ) -> Result<Option<String>, Failure> {
        Ok(self.borrow()?.room.document().text(resource_type, id, element))
    }

    /// The versions of a resource as a JSON array, the oldest first.
    pub fn history(&self, resource_type: &str, id: &str) -> Result<String, Failure> {
        let mut inner = self.borrow()?;
        let Inner { room, versions, .. } = &mut *inner;
        versions.follow(room.document());
        convert::json(&room.document().history(versions, resource_type, id, room.people()))
    }

    /// The heads of what the room had at a time, as its changes claim theirs; in hex.
    #[wasm_bindgen(js_name = headsAt)]
    #[allow(clippy::cast_possible_truncation, reason = "a cast saturates")]
    pub fn heads_at(&self, ms: f64) -> Result<Vec<String>, Failure> {
        let heads = self.borrow()?.room.document().heads_at(ms as i64);
        Ok(heads.iter().map(ToString::to_string).collect())
    }

    /// One resource as it stood at heads, as JSON, unless it was absent or deleted. This and the next
    /// three fail with `unknown-heads` where the room lacks one of them.
    #[wasm_bindgen(js_name = resourceAt)]
    pub fn resource_at(
        &self,
        heads: Vec<String>,
        resource_type: &str,
        id: &str,
    ) -> Result<Option<String>, Failure> {
        let inner = self.borrow()?;
        let document = inner.room.document();
        let heads = convert::heads(document, &heads)?;
        document.resource_at(&heads, resource_type, id).as_ref().map(convert::json).transpose()
    }

    /// Every resource of a type as it stood at heads, by id, as a JSON array.
    #[wasm_bindgen(js_name = collectionAt)]
    pub fn collection_at(
        &self,
        heads: Vec<String>,
        resource_type: &str,
    ) -> Result<String, Failure> {
        let inner = self.borrow()?;
        let document = inner.room.document();
        let heads = convert::heads(document, &heads)?;
        convert::json(&document.collection_at(&heads, resource_type))
    }

    /// Every resource, now or as of heads, as a FHIR Bundle of type `collection`.
    #[wasm_bindgen(js_name = exportBundle)]
    pub fn export_bundle(&self, heads: Option<Vec<String>>) -> Result<String, Failure> {
        let inner = self.borrow()?;
        let document = inner.room.document();
        convert::json(&match heads {
            None => document.export(),
            Some(heads) => document.export_at(&convert::heads(document, &heads)?),
        })
    }

    /// Type and id of the resources that changes wrote which these heads do not cover, or whose texts
    /// they wrote: a JSON array of pairs.
    #[wasm_bindgen(js_name = changedSince)]
    pub fn changed_since(&self, heads: Vec<String>) -> Result<String, Failure> {
        let inner = self.borrow()?;
        let document = inner.room.document();
        convert::json(&document.changed_since(&convert::heads(document, &heads)?))
    }

    /// The heads, in hex.
    pub fn heads(&self) -> Result<Vec<String>, Failure> {
        Ok(self.borrow()?.room.document().heads().iter().map(ToString::to_string).collect())
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

    fn input(&self, now_ms: f64, input: impl FnOnce(Peer) -> Input) -> Result<Outputs, Failure> {
        let mut inner = self.borrow()?;
        let input = input(inner.server);
        inner.drive(now_ms, [input])
    }

    /// A call from within a call is an error, where an exported `&mut self` would trap.
    fn borrow(&self) -> Result<std::cell::RefMut<'_, Inner>, Failure> {
        self.inner.try_borrow_mut().map_err(|error| Failure::new("re-entrant", &error))
    }
}
