//! A room on a server with people in it, and what holds whenever it comes to rest.

use std::sync::{Arc, OnceLock};

use automerge::sync::{ChunkList, Message, MessageVersion};
use chartroom_engine::{
    ActorId, Author, ChangeHash, Command, CommandError, Document, Event, Input, Output, Peer, Role,
    Room, RoomConfig, RoomId, mint_actor, room::io::Edit,
};
use serde_json::json;

/// When everything happens, in milliseconds since 1970.
pub(super) const NOW_MS: u64 = 1_700_000_000_000;
/// Writes what she likes.
pub(super) const MALLORY: Peer = Peer(66);
/// Writes what he should.
pub(super) const BOB: Peer = Peer(67);
/// May only read.
pub(super) const CHARLIE: Peer = Peer(68);

/// A room with Mallory, Bob and Charlie in it, and all that it logged.
pub(super) struct Ward {
    pub room: Room,
    /// The logged chunks.
    pub log: Vec<Arc<[u8]>>,
    /// The logged events.
    pub events: Vec<Event>,
}

impl Ward {
    pub fn new() -> Self {
        let server_actor = Some(actor_of(Peer(1)));
        let config = RoomConfig { server_actor, ..RoomConfig::new(room_id(), Role::Server) };
        let room = Room::new(config, founded());
        let mut ward = Self { room, log: Vec::new(), events: Vec::new() };
        for peer in [MALLORY, BOB, CHARLIE] {
            ward.join(peer);
        }
        ward
    }

    fn join(&mut self, peer: Peer) {
        let author = Some(Author::new(format!("person-{}", peer.0), "Somebody"));
        let input = Input::Joined { peer, author, may_write: peer != CHARLIE, extensions: true };
        self.room.handle(NOW_MS, input);
        self.drive(None);
    }

    /// Hands a message in, and lets its sender come back if that closed the connection.
    pub fn deliver(&mut self, peer: Peer, message: Vec<u8>) {
        self.room.handle(NOW_MS, Input::Received { peer, message });
        self.drive(Some(peer));
    }

    /// Hands changes in, as one sync message of version 1.
    pub fn offer(&mut self, peer: Peer, chunks: Vec<Vec<u8>>) {
        self.deliver(peer, sync_message(chunks));
    }

    /// Lets Alice edit over HTTP.
    pub fn command(&mut self, command: Command) -> Result<Edit, CommandError> {
        let author = Some(Author::new("alice", "Alice"));
        self.room.handle(NOW_MS, Input::Command { ticket: 1, author, command });
        self.drive(None).expect("a command is answered")
    }

    /// Lets ten seconds pass, behind which nothing waits for its dependencies.
    pub fn pass_time(&mut self) {
        self.room.handle(NOW_MS + 10_000, Input::Tick);
        self.drive(None);
    }

    /// Advances and drains until nothing moves. Log and events go on where they were, and nobody
    /// is closed but who sent something.
    fn drive(&mut self, sender: Option<Peer>) -> Option<Result<Edit, CommandError>> {
        let (mut answer, mut closed) = (None, None);
        loop {
            self.room.advance(NOW_MS);
            let mut persisted = None;
            while let Some(output) = self.room.poll_output() {
                match output {
                    Output::Persist(batch) => {
                        persisted = Some(batch.number);
                        for change in batch.changes {
                            self.log.push(change.bytes);
                            assert_eq!(change.seq, self.log.len() as u64, "the log has no gap");
                        }
                        for event in batch.events {
                            self.events.push(Arc::unwrap_or_clone(event));
                            let last = self.events.last().map(|event| event.seq);
                            assert_eq!(last, Some(self.events.len() as u64), "events have no gap");
                        }
                    }
                    Output::Answered { result, .. } => answer = Some(result),
                    Output::Close { peer, .. } => closed = Some(peer),
                    Output::Reload { reason } => panic!("the document was harmed: {reason}"),
                    Output::Send { .. }
                    | Output::Events(_)
                    | Output::Refused { .. }
                    | Output::Quarantine { .. }
                    | Output::Introduce { .. }
                    | Output::Adopted
                    | Output::Saved { .. }
                    | Output::GivenBack { .. } => {}
                }
            }
            let Some(through) = persisted else { break };
            self.room.handle(NOW_MS, Input::Persisted { through });
        }
        if let Some(peer) = closed {
            assert_eq!(Some(peer), sender, "nobody is closed for what somebody else sent");
            self.join(peer);
        }
        answer
    }

    /// Others can still write, what was taken can be saved, logged and loaded again, and events can
    /// be written and read.
    pub fn check(&mut self) {
        for event in &self.events {
            let text = serde_json::to_vec(event).expect("an event is JSON");
            let read = serde_json::from_slice::<Event>(&text);
            assert!(
                read.as_ref().is_ok_and(|read| read == event),
                "an event is read as it was written: {read:?} {event:?}"
            );
        }
        let resource =
            json!({"resourceType": "Condition", "id": "after", "code": {"text": "Asthma"}});
        let written = self.command(Command::Put { resource: resource.clone() });
        assert!(written.is_ok(), "others can still write: {written:?}");
        assert_eq!(self.room.document().resource("Condition", "after"), Some(resource));
        let (resource_type, id) = ("Condition".to_owned(), "after".to_owned());
        let (element, text) = ("text".to_owned(), "Mild.".to_owned());
        let written = self.command(Command::SetText { resource_type, id, element, text });
        assert!(written.is_ok(), "others can still type: {written:?}");
        let text = self.room.document().text("Condition", "after", "text");
        assert_eq!(text.as_deref(), Some("Mild."));

        let document = self.room.document();
        // A load costs more than all before it: one run loads the snapshot, another the log.
        let loaded = if self.log.len().is_multiple_of(2) {
            load(Some(&document.save()), Vec::new())
        } else {
            load(None, self.log.iter().map(|chunk| chunk.to_vec()).collect())
        };
        let loaded = loaded.expect("what was taken can be loaded");
        assert_eq!(loaded.heads(), document.heads());
        assert_eq!(loaded.export(), document.export());
    }
}

/// The room's document from what is stored of it.
pub(super) fn load(
    snapshot: Option<&[u8]>,
    changes: Vec<Vec<u8>>,
) -> Result<Document, chartroom_engine::document::LoadError> {
    Document::load(&room_id(), actor_of(Peer(1)), snapshot, changes)
}

/// The room's document before anybody wrote; written by the server's actor.
pub(super) fn founded() -> Document {
    static FOUNDED: OnceLock<Document> = OnceLock::new();
    FOUNDED.get_or_init(|| Document::found(&room_id(), actor_of(Peer(1)))).clone()
}

pub(super) fn room_id() -> RoomId {
    RoomId::first("patient:1".parse().expect("a room name"))
}

/// The actor that somebody writes under.
pub(super) fn actor_of(peer: Peer) -> ActorId {
    mint_actor(NOW_MS, peer.0.to_be_bytes())
}

/// A sync message of version 1 that says nothing but its chunks.
pub(super) fn sync_message(chunks: Vec<Vec<u8>>) -> Vec<u8> {
    let message = Message {
        heads: vec![ChangeHash([0xff; 32])],
        need: Vec::new(),
        have: Vec::new(),
        changes: ChunkList::from(chunks),
        flags: None,
        version: MessageVersion::V1,
    };
    message.encode()
}
