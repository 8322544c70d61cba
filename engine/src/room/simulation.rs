//! Seeded runs of one room with our clients and automerge's own, over links that deliver when they
//! like and break: in the end everybody has the same heads, and nothing acknowledged is lost.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    reason = "a simulation looks at the outputs it cares for, and takes its seed from outside"
)]

use std::collections::{BTreeSet, VecDeque};

use automerge::{
    Automerge, ObjType, ROOT, ReadDoc,
    sync::{State, SyncDoc},
    transaction::Transactable,
};
use serde_json::{Value, json};

use super::*;
use crate::{RoomName, mint_actor};

const NOW: u64 = 1_700_000_000_000;
const SERVER: Peer = Peer(0);

/// A small generator, so that a seed gives the same run for ever (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

enum Client {
    Ours(Box<Room>),
    Stock(Box<Automerge>, State),
}

/// Messages under way between one client and the server.
#[derive(Default)]
struct Link {
    /// The connection's number at the server; a new one each time.
    peer: Option<Peer>,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
}

struct Simulation {
    random: Random,
    server: Room,
    clients: Vec<Client>,
    links: Vec<Link>,
    unflushed: Option<u64>,
    acknowledged: BTreeSet<ChangeHash>,
    events: Vec<Event>,
    log: Vec<ChangeHash>,
    connections: u64,
}

fn replica(role: Role, seed: u8) -> Room {
    let id = RoomId::first("patient:1".parse::<RoomName>().unwrap());
    let actor = mint_actor(NOW, [seed; 8]);
    let document = Document::found(&id, actor.clone());
    let server_actor = (role == Role::Server).then_some(actor);
    let config = RoomConfig { server_actor, ..RoomConfig::new(id, role) };
    Room::new(config, document)
}

impl Simulation {
    fn new(seed: u64, ours: u8, stock: u8) -> Self {
        let mut clients: Vec<Client> =
            (1..=ours).map(|n| Client::Ours(Box::new(replica(Role::Client, n)))).collect();
        for n in 0..stock {
            let mut doc = Automerge::new();
            doc.set_actor(mint_actor(NOW, [100 + n; 8]));
            clients.push(Client::Stock(Box::new(doc), State::new()));
        }
        Self {
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            server: replica(Role::Server, 200),
            links: clients.iter().map(|_| Link::default()).collect(),
            clients,
            unflushed: None,
            acknowledged: BTreeSet::new(),
            events: Vec::new(),
            log: Vec::new(),
            connections: 0,
        }
    }

    fn step(&mut self) {
        let n = self.random.below(self.clients.len() as u64) as usize;
        match self.random.below(12) {
            0..=2 => self.edit(n),
            3..=5 => self.send_up(n),
            6..=8 => self.send_down(n),
            9 => self.flush(),
            10 if self.random.below(4) == 0 => self.disconnect(n),
            _ => self.connect(n),
        }
        self.drive_server();
    }

    fn edit(&mut self, n: usize) {
        let id = format!("c{}", self.random.below(4));
        let (element, value) = (self.random.below(3), self.random.below(1000));
        let element = ["onsetString", "recordedDate", "language"][element as usize];
        let delete = self.random.below(10) == 0;
        match &mut self.clients[n] {
            Client::Ours(room) => {
                let there = room.document().resource("Condition", &id).is_some();
                let (resource_type, elements) =
                    ("Condition".to_owned(), json!({element: value.to_string()}));
                let command = match there {
                    true if delete => Command::Delete { resource_type, id },
                    true => Command::Patch {
                        resource_type,
                        id,
                        elements: elements.as_object().unwrap().clone(),
                    },
                    false => Command::Put {
                        resource: json!({
                            "resourceType": "Condition", "id": id, element: value.to_string(),
                            "subject": {"reference": "Patient/1"},
                        }),
                    },
                };
                room.handle(NOW, Input::Command { ticket: 1, author: None, command });
                self.drive_client(n);
            }
            Client::Stock(doc, _) => {
                let Ok(Some((_, collection))) = doc.get(ROOT, "Condition") else { return };
                let standing = doc.get(&collection, id.as_str()).unwrap().map(|(_, map)| map);
                let mut tx = doc.transaction();
                let map = match standing {
                    Some(map) => map,
                    None => tx.put_object(&collection, id.as_str(), ObjType::Map).unwrap(),
                };
                tx.put(&map, element, value.to_string()).unwrap();
                tx.commit();
                self.drive_client(n);
            }
        }
    }

    /// Lets a client say what it has to say.
    fn drive_client(&mut self, n: usize) {
        let link = &mut self.links[n];
        match &mut self.clients[n] {
            Client::Ours(room) => loop {
                room.advance(NOW);
                let mut persist = None;
                while let Some(output) = room.poll_output() {
                    match output {
                        Output::Persist(batch) => persist = Some(batch.number),
                        Output::Send { message, .. } => link.up.push_back(message.to_vec()),
                        Output::Saved { hashes } => self.acknowledged.extend(hashes),
                        Output::Close { reason, .. } => panic!("a client closes: {reason}"),
                        Output::Reload { reason } => panic!("a client reloads: {reason}"),
                        _ => {}
                    }
                }
                let Some(through) = persist else { break };
                room.handle(NOW, Input::Persisted { through });
            },
            Client::Stock(doc, state) => {
                if link.peer.is_some()
                    && let Some(message) = doc.generate_sync_message(state)
                {
                    link.up.push_back(message.encode());
                }
            }
        }
    }

    fn drive_server(&mut self) {
        self.server.advance(NOW);
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Persist(batch) => {
                    self.unflushed = Some(batch.number);
                    self.events.extend(batch.events);
                    self.log.extend(batch.changes.iter().map(|change| change.hash));
                }
                Output::Send { peer, message } => {
                    if let Some(link) = self.links.iter_mut().find(|l| l.peer == Some(peer)) {
                        link.down.push_back(message.to_vec());
                    }
                }
                Output::Refused { reason, .. } => panic!("a sound change is refused: {reason}"),
                Output::Close { reason, .. } => panic!("a sound peer is closed: {reason}"),
                Output::Reload { reason } => panic!("the server reloads: {reason}"),
                _ => {}
            }
        }
    }

    fn flush(&mut self) {
        if let Some(through) = self.unflushed.take() {
            self.server.handle(NOW, Input::Persisted { through });
        }
    }

    fn send_up(&mut self, n: usize) {
        let link = &mut self.links[n];
        if let (Some(peer), Some(message)) = (link.peer, link.up.pop_front()) {
            self.server.handle(NOW, Input::Received { peer, message });
        }
    }

    fn send_down(&mut self, n: usize) {
        let Some(message) = self.links[n].down.pop_front() else { return };
        match &mut self.clients[n] {
            Client::Ours(room) => room.handle(NOW, Input::Received { peer: SERVER, message }),
            Client::Stock(doc, state) => {
                let message = automerge::sync::Message::decode(&message).unwrap();
                doc.receive_sync_message(state, message).unwrap();
            }
        }
        self.drive_client(n);
    }

    fn connect(&mut self, n: usize) {
        if self.links[n].peer.is_some() {
            return;
        }
        self.connections += 1;
        let peer = Peer(self.connections);
        self.links[n].peer = Some(peer);
        let (author, may_write) = (Some(Author::new(format!("p{n}"), "Somebody")), true);
        match &mut self.clients[n] {
            Client::Ours(room) => {
                let join =
                    Input::Joined { peer: SERVER, author: None, may_write, extensions: true };
                room.handle(NOW, join);
            }
            // What a stock client keeps of its last session is the shared heads alone.
            Client::Stock(_, state) => *state = State::decode(&state.encode()).unwrap(),
        }
        let extensions = matches!(self.clients[n], Client::Ours(_));
        self.server.handle(NOW, Input::Joined { peer, author, may_write, extensions });
        self.drive_client(n);
    }

    fn disconnect(&mut self, n: usize) {
        let Some(peer) = self.links[n].peer.take() else { return };
        self.links[n].up.clear();
        self.links[n].down.clear();
        self.server.handle(NOW, Input::Left { peer });
        if let Client::Ours(room) = &mut self.clients[n] {
            room.handle(NOW, Input::Left { peer: SERVER });
        }
    }

    /// Faults stop: everything is delivered until nothing moves.
    fn settle(&mut self) {
        for n in 0..self.clients.len() {
            self.connect(n);
        }
        for _ in 0..10_000 {
            self.flush();
            self.drive_server();
            let idle = self.links.iter().all(|link| link.up.is_empty() && link.down.is_empty());
            if idle && self.unflushed.is_none() && !self.server.has_work() {
                return;
            }
            for n in 0..self.clients.len() {
                self.send_up(n);
                self.send_down(n);
            }
        }
        panic!("it never becomes quiet");
    }

    fn check(&self, seed: u64) {
        let heads = self.server.document().heads();
        for (n, client) in self.clients.iter().enumerate() {
            match client {
                Client::Ours(room) => {
                    assert_eq!(room.document().heads(), heads, "seed {seed}: client {n}");
                    assert_eq!(room.unsaved(), 0, "seed {seed}: client {n}");
                    let ours = told(room);
                    assert_eq!(ours, told(&self.server), "seed {seed}: client {n}");
                    // Which side of a conflict is shown is the log's order, which a client may not
                    // know yet; where there is none everybody reads the same.
                    if ours.is_empty() {
                        let (ours, theirs) = (room.document(), self.server.document());
                        assert_eq!(ours.export(), theirs.export(), "seed {seed}: client {n}");
                    }
                }
                Client::Stock(doc, _) => {
                    assert_eq!(doc.get_heads(), heads, "seed {seed}: stock client {n}");
                }
            }
        }
        let log: BTreeSet<ChangeHash> = self.log.iter().copied().collect();
        assert!(self.acknowledged.is_subset(&log), "seed {seed}: what was saved is in the log");
        assert_eq!(log.len(), self.log.len(), "seed {seed}: each change is logged once");
        let numbers = self.events.iter().map(|event| event.seq);
        assert!(numbers.eq(1..=self.events.len() as u64), "seed {seed}: events have no gaps");
        self.check_replay(seed);
    }

    /// What the log's events said of resources is read back from history, after a restart too.
    fn check_replay(&self, seed: u64) {
        let asked: Vec<_> = self
            .events
            .iter()
            .map(|event| {
                let hash = event.changes[0].parse().unwrap();
                (hash, event.resource_type.clone(), event.resource_id.clone())
            })
            .collect();
        let told: Vec<&Value> = self.events.iter().map(|event| &event.resource).collect();
        let document = self.server.document();
        let snapshot = document.save();
        let actor = document.actor().clone();
        let loaded = Document::load(document.room(), actor, Some(&snapshot), []).unwrap();
        for document in [document, &loaded] {
            let replayed = document.resources_behind(&asked);
            assert!(
                replayed.iter().eq(told.iter().copied()),
                "seed {seed}: replay is what was told"
            );
        }
    }
}

/// The conflicts of a replica: where, of which kind, and the changes on their sides.
fn told(room: &Room) -> BTreeSet<String> {
    let conflicts = room.conflicts().into_iter().map(|conflict| {
        let hashes: BTreeSet<String> = conflict.values.into_iter().map(|v| v.hash).collect();
        format!("{} {:?} {:?} {hashes:?}", conflict.id, conflict.kind, conflict.elements)
    });
    conflicts.collect()
}

#[test]
fn everybody_converges_whatever_the_links_do() {
    let first: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(20);
    for seed in first..first + seeds {
        let mut simulation = Simulation::new(seed, 3, 2);
        for _ in 0..200 {
            simulation.step();
        }
        simulation.settle();
        simulation.check(seed);
    }
}
