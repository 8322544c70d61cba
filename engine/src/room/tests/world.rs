//! A room on a server and its clients, for the tests beside this.

use std::collections::BTreeMap;

use super::*;
use crate::{RoomName, mint_actor};

/// A server's room and its clients, with a network that delivers when told.
pub(super) struct World {
    pub server: Room,
    pub clients: BTreeMap<Peer, Room>,
    pub log: Vec<LoggedChange>,
    pub events: Vec<Arc<Event>>,
    pub refused: Vec<(Peer, Refusal)>,
    pub closed: Vec<(Peer, CloseReason)>,
    pub reloads: usize,
    pub unflushed: Vec<u64>,
    pub adopted: bool,
    pub saved: Vec<(Peer, ChangeHash)>,
    pub given_back: Vec<(Peer, Edit)>,
    /// Keys of the texts that a client's changes wrote.
    pub texts: Vec<(Peer, String)>,
}

pub(super) const SERVER: Peer = Peer(0);
pub(super) const NOW: u64 = 1_700_000_000_000;

pub(super) fn id(name: &str) -> RoomId {
    RoomId::first(name.parse::<RoomName>().unwrap())
}

pub(super) fn replica(name: &str, role: Role, seed: u8) -> Room {
    let actor = mint_actor(NOW, [seed; 8]);
    let document = Document::found(&id(name), actor.clone());
    let server_actor = (role == Role::Server).then_some(actor);
    Room::new(RoomConfig { server_actor, ..RoomConfig::new(id(name), role) }, document)
}

impl World {
    pub fn new(name: &str) -> Self {
        Self {
            server: replica(name, Role::Server, 200),
            clients: BTreeMap::new(),
            log: Vec::new(),
            events: Vec::new(),
            refused: Vec::new(),
            closed: Vec::new(),
            reloads: 0,
            unflushed: Vec::new(),
            adopted: false,
            saved: Vec::new(),
            given_back: Vec::new(),
            texts: Vec::new(),
        }
    }

    pub fn with(name: &str, people: &[u8]) -> Self {
        let mut world = Self::new(name);
        for person in people {
            world.clients.insert(Peer(u64::from(*person)), replica(name, Role::Client, *person));
            world.join(*person);
        }
        world.settle();
        world
    }

    pub fn join(&mut self, person: u8) {
        let peer = Peer(u64::from(person));
        let author = Some(Author::new(format!("p{person}"), "Somebody"));
        let (may_write, extensions) = (true, true);
        self.server.handle(NOW, Input::Joined { peer, author, may_write, extensions });
        let client = self.clients.get_mut(&peer).unwrap();
        client.handle(NOW, Input::Joined { peer: SERVER, author: None, may_write, extensions });
    }

    pub fn leave(&mut self, person: u8) {
        let peer = Peer(u64::from(person));
        self.server.handle(NOW, Input::Left { peer });
        self.clients.get_mut(&peer).unwrap().handle(NOW, Input::Left { peer: SERVER });
    }

    pub fn client(&mut self, person: u8) -> &mut Room {
        self.clients.get_mut(&Peer(u64::from(person))).unwrap()
    }

    pub fn edit(&mut self, person: u8, command: Command) -> Option<ChangeHash> {
        let client = self.client(person);
        client.handle(NOW, Input::Command { ticket: 1, author: None, command });
        client.advance(NOW);
        let mut hash = None;
        let mut outputs = Vec::new();
        while let Some(output) = client.poll_output() {
            match output {
                Output::Persist(batch) => {
                    client.handle(NOW, Input::Persisted { through: batch.number });
                }
                Output::Answered { result, .. } => hash = result.unwrap().hash,
                other => outputs.push(other),
            }
        }
        client.outputs.extend(outputs);
        hash
    }

    /// Delivers until nothing moves; the server's batches are flushed as they come.
    pub fn settle(&mut self) {
        while self.step(true) {}
    }

    /// What a client has to say reaches the server, and nothing comes back before its link breaks.
    pub fn lose_answers(&mut self, person: u8) {
        let peer = Peer(u64::from(person));
        let mut client = self.clients.remove(&peer).unwrap();
        while let Some(output) = client.poll_output() {
            if let Output::Send { message, .. } = output {
                self.server.handle(NOW, Input::Received { peer, message: message.to_vec() });
            }
        }
        self.settle();
        self.clients.insert(peer, client);
        self.leave(person);
    }

    pub fn step(&mut self, flush: bool) -> bool {
        let mut moved = false;
        for (peer, client) in &mut self.clients {
            client.advance(NOW);
            while let Some(output) = client.poll_output() {
                moved = true;
                match output {
                    Output::Persist(batch) => {
                        self.texts.extend(batch.texts.into_iter().map(|key| (*peer, key)));
                        client.handle(NOW, Input::Persisted { through: batch.number });
                    }
                    Output::Saved { hashes } => {
                        self.saved.extend(hashes.into_iter().map(|hash| (*peer, hash)));
                    }
                    Output::GivenBack { edits } => {
                        self.given_back.extend(edits.into_iter().map(|edit| (*peer, edit)));
                    }
                    Output::Send { message, .. } => {
                        let input = Input::Received { peer: *peer, message: message.to_vec() };
                        self.server.handle(NOW, input);
                    }
                    Output::Adopted => self.adopted = true,
                    _ => {}
                }
            }
        }
        self.server.advance(NOW);
        while let Some(output) = self.server.poll_output() {
            moved = true;
            match output {
                Output::Persist(batch) => {
                    self.log.extend(batch.changes.clone());
                    if flush {
                        self.server.handle(NOW, Input::Persisted { through: batch.number });
                        self.server.advance(NOW);
                    } else {
                        self.unflushed.push(batch.number);
                    }
                }
                Output::Send { peer, message, .. } => {
                    if let Some(client) = self.clients.get_mut(&peer) {
                        let message = message.to_vec();
                        client.handle(NOW, Input::Received { peer: SERVER, message });
                        client.advance(NOW);
                    }
                }
                Output::Events(events) => self.events.extend(events),
                Output::Refused { peer, hashes, reason } => {
                    if let Some(client) = self.clients.get_mut(&peer) {
                        client.handle(NOW, Input::Refused { hashes });
                    }
                    self.refused.push((peer, reason));
                }
                Output::Introduce { peer, actors } => {
                    for (actor, author) in actors {
                        if let Some(client) = self.clients.get_mut(&peer) {
                            client.handle(NOW, Input::Introduced { actor, author });
                        }
                    }
                }
                Output::Close { peer, reason } => self.closed.push((peer, reason)),
                Output::Reload { .. } => self.reloads += 1,
                Output::Answered { .. }
                | Output::Saved { .. }
                | Output::Adopted
                | Output::Quarantine { .. }
                | Output::GivenBack { .. } => {}
            }
        }
        moved
    }

    pub fn converged(&self) -> Value {
        let document = self.server.document().export();
        for client in self.clients.values() {
            assert_eq!(client.document().heads(), self.server.document().heads());
            assert_eq!(client.document().export(), document);
            assert_eq!(client.unsaved(), 0);
        }
        document
    }
}
