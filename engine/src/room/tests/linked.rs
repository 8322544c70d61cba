//! Rooms of several servers that are linked.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{world::*, *};
use crate::{Linked, mint_actor, room::io::Quarantined};

/// When the servers of a test met, well before they write.
const MET: u64 = NOW - 1_000_000;

/// Servers with one room each, and what is on its way between them.
struct Ring {
    rooms: Vec<Room>,
    /// Of each member, by server: the server at its other end and the member that this one is there.
    ends: BTreeMap<(usize, Peer), (usize, Peer)>,
    under_way: VecDeque<(usize, Input)>,
    events: Vec<Vec<Arc<Event>>>,
    log: Vec<Vec<LoggedChange>>,
    quarantine: Vec<Vec<Quarantined>>,
    /// Bytes and messages sent.
    sent: (usize, usize),
    peers: u64,
}

impl Ring {
    fn new(name: &str, servers: u8) -> Self {
        let none = || (0..servers).map(|_| Vec::new());
        Self {
            rooms: (0..servers).map(|n| replica(name, Role::Server, 100 + n)).collect(),
            ends: BTreeMap::new(),
            under_way: VecDeque::new(),
            events: none().map(|_: Vec<()>| Vec::new()).collect(),
            log: none().map(|_: Vec<()>| Vec::new()).collect(),
            quarantine: none().map(|_: Vec<()>| Vec::new()).collect(),
            sent: (0, 0),
            peers: 1000,
        }
    }

    /// Links two servers; the first dials.
    fn link(&mut self, one: usize, other: usize) {
        self.link_since(one, other, MET);
    }

    fn link_since(&mut self, one: usize, other: usize, since_ms: u64) {
        self.peers += 2;
        let (there, here) = (Peer(self.peers), Peer(self.peers + 1));
        self.ends.insert((one, there), (other, here));
        self.ends.insert((other, here), (one, there));
        for (server, peer, far, opens) in [(one, there, other, true), (other, here, one, false)] {
            let name = format!("s{far}").into();
            let (may_write, extensions) = (true, true);
            let server_link = Linked { name, opens, may_write, extensions, since_ms };
            self.rooms[server].handle(NOW, Input::Linked { peer, server: server_link });
        }
    }

    fn cut(&mut self, one: usize, other: usize) {
        let gone = self.ends.iter().filter(|((a, _), (b, _))| (*a, *b) == (one, other));
        let gone: Vec<_> = gone.map(|(at, to)| (*at, *to)).collect();
        for ((a, there), (b, here)) in gone {
            self.ends.remove(&(a, there));
            self.ends.remove(&(b, here));
            self.rooms[a].handle(NOW, Input::Left { peer: there });
            self.rooms[b].handle(NOW, Input::Left { peer: here });
        }
    }

    fn put(&mut self, server: usize, by: &str, resource: Value) -> ChangeHash {
        self.command(server, by, Command::Put { resource })
    }

    fn command(&mut self, server: usize, by: &str, command: Command) -> ChangeHash {
        let author = Some(Author::new(by, by.to_uppercase()));
        self.rooms[server].handle(NOW, Input::Command { ticket: 1, author, command });
        let (mut hash, mut held) = (None, Vec::new());
        let room = &mut self.rooms[server];
        room.advance(NOW);
        while let Some(output) = room.poll_output() {
            match output {
                Output::Answered { result, .. } => hash = result.unwrap().hash,
                Output::Persist(batch) => {
                    self.log[server].extend(batch.changes.iter().cloned());
                    room.handle(NOW, Input::Persisted { through: batch.number });
                }
                other => held.push(other),
            }
        }
        room.outputs.extend(held);
        hash.unwrap()
    }

    /// Lets one server do and say what it can.
    fn drive(&mut self, server: usize) -> bool {
        let mut moved = false;
        let room = &mut self.rooms[server];
        room.advance(NOW);
        while let Some(output) = room.poll_output() {
            moved = true;
            match output {
                Output::Persist(batch) => {
                    self.log[server].extend(batch.changes.iter().cloned());
                    room.handle(NOW, Input::Persisted { through: batch.number });
                }
                Output::Send { peer, message, answer } => {
                    assert!(answer.is_none(), "of a server every answer is heard");
                    let Some((to, from)) = self.ends.get(&(server, peer)) else { continue };
                    self.sent = (self.sent.0 + message.len(), self.sent.1 + 1);
                    let input = Input::Received { peer: *from, message: message.to_vec() };
                    self.under_way.push_back((*to, input));
                }
                Output::Introduce { peer, actors } => {
                    let Some((to, from)) = self.ends.get(&(server, peer)) else { continue };
                    self.under_way.push_back((*to, Input::Vouched { peer: *from, actors }));
                }
                Output::Events(events) => self.events[server].extend(events),
                Output::Quarantine { change, .. } => self.quarantine[server].push(change),
                Output::Refused { .. } | Output::Answered { .. } => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
        moved
    }

    /// Until nothing moves; a link carries in order.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            let moved: Vec<bool> = (0..self.rooms.len()).map(|n| self.drive(n)).collect();
            match self.under_way.pop_front() {
                Some((to, input)) => self.rooms[to].handle(NOW, input),
                None if moved.contains(&true) => {}
                None => return,
            }
        }
        panic!("it does not become quiet");
    }

    fn assert_same(&self) {
        let heads: Vec<_> = self.rooms.iter().map(|room| room.document().heads()).collect();
        assert!(heads.windows(2).all(|pair| pair[0] == pair[1]), "{heads:?}");
        for (room, (log, events)) in self.rooms.iter().zip(self.log.iter().zip(&self.events)) {
            let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
            assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
            let hashes: BTreeSet<_> = log.iter().map(|change| change.hash).collect();
            assert_eq!(hashes.len(), log.len(), "a change is logged once");
            assert_eq!(log.len() as u64, room.document().change_count() - 1);
        }
        for (server, peer) in self.ends.keys() {
            assert!(self.rooms[*server].is_in_step(*peer));
            assert_eq!(self.rooms[*server].lacks(*peer), 0);
        }
    }
}

fn condition(id: &str, text: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "code": {"text": text}})
}

#[test]
fn an_edit_goes_round_a_ring_and_ends() {
    let mut ring = Ring::new("patient:1", 3);
    for (one, other) in [(0, 1), (1, 2), (2, 0)] {
        ring.link(one, other);
    }
    ring.settle();
    let hash = ring.put(0, "alice", condition("c1", "Asthma"));
    ring.settle();
    ring.assert_same();
    assert_eq!(ring.rooms[2].document().heads(), [hash]);
    // Each of the three logs has the two events of it once.
    let names = |events: &[Arc<Event>]| events.iter().map(|e| e.event.clone()).collect::<Vec<_>>();
    assert_eq!(names(&ring.events[0]), names(&ring.events[2]));
}

#[test]
fn authors_stay_who_they_were_and_the_way_is_noted() {
    let mut ring = Ring::new("patient:1", 3);
    ring.link(0, 1);
    ring.link(1, 2);
    ring.put(0, "alice", condition("c1", "Asthma"));
    ring.settle();
    ring.assert_same();
    let event = &ring.events[2][0];
    assert_eq!(event.author, Some(Author::new("alice", "ALICE")));
    assert_eq!((event.via.as_deref(), event.import), (Some("s1"), false));
    assert_eq!(ring.events[0][0].via, None);
    assert_eq!(ring.log[2][0].via.as_deref(), Some("s1"));
}

#[test]
fn what_is_left_of_an_earlier_exchange_names_nobody_else() {
    let mut ring = Ring::new("patient:1", 2);
    ring.link(1, 0);
    ring.settle();
    ring.put(0, "alice", condition("c1", "Asthma"));
    ring.drive(0);
    let mut left = std::mem::take(&mut ring.under_way);
    ring.cut(1, 0);
    ring.link(1, 0);
    // Before the other server has said again whose actors are whose.
    let peer = *ring.ends.keys().find(|(server, _)| *server == 1).map(|(_, peer)| peer).unwrap();
    let (1, Input::Received { message, .. }) = left.pop_back().unwrap() else { panic!() };
    ring.rooms[1].handle(NOW, Input::Received { peer, message });
    ring.drive(1);
    ring.settle();
    ring.assert_same();
    assert_eq!(ring.events[1][0].author, Some(Author::new("alice", "ALICE")));
    ring.put(0, "bob", condition("c2", "Gout"));
    ring.settle();
    ring.assert_same();
}

#[test]
fn what_was_made_before_the_servers_met_is_history() {
    let mut ring = Ring::new("patient:1", 2);
    ring.put(0, "alice", condition("c1", "Asthma"));
    ring.link_since(0, 1, NOW + 5000);
    ring.settle();
    ring.assert_same();
    assert!(ring.events[1].iter().all(|event| event.import));
    assert!(ring.events[0].iter().all(|event| !event.import));
}

#[test]
fn rooms_that_were_founded_apart_become_one() {
    let mut ring = Ring::new("patient:1", 2);
    ring.put(0, "alice", condition("c1", "Asthma"));
    ring.put(1, "bob", condition("c2", "Gout"));
    ring.put(0, "alice", condition("c3", "Angina"));
    ring.link(1, 0);
    ring.settle();
    ring.assert_same();
    for room in &ring.rooms {
        assert_eq!(room.document().resources().len(), 3);
    }
}

#[test]
fn a_long_history_goes_in_slices_and_resumes_where_the_link_broke() {
    let mut ring = Ring::new("patient:1", 2);
    for n in 0..700 {
        ring.put(0, "alice", condition(&format!("c{n}"), &"x".repeat(600)));
    }
    ring.link(1, 0);
    // Until some of it has arrived.
    let mut turns = 0..10_000;
    while ring.log[1].len() < 300 {
        turns.next().expect("it arrives");
        ring.drive(0);
        ring.drive(1);
        let here = ring.ends.keys().find(|(server, _)| *server == 1).map(|(_, peer)| *peer);
        let in_step = ring.rooms[1].is_in_step(here.unwrap());
        assert!(!in_step, "with {} of 700 changes", ring.log[1].len());
        if let Some((to, input)) = ring.under_way.pop_front() {
            if let Input::Received { message, .. } = &input {
                assert!(message.len() < 2 * limits::SLICE_BYTES_MAX, "{}", message.len());
            }
            ring.rooms[to].handle(NOW, input);
        }
    }
    ring.under_way.clear();
    ring.cut(1, 0);
    let arrived = ring.log[1].len();
    assert!(arrived < 700);
    ring.put(1, "bob", condition("d", "Gout"));
    ring.link(1, 0);
    let before = ring.sent.0;
    ring.settle();
    ring.assert_same();
    let chunk: usize = ring.log[1].iter().map(|change| change.bytes.len()).sum::<usize>() / 700;
    let resent = ring.sent.0 - before;
    assert!(resent < (700 - arrived + 20) * chunk + 20_000, "{resent} bytes for the rest");
}

#[test]
fn both_sides_bring_a_long_history_at_once() {
    let mut ring = Ring::new("patient:1", 2);
    for n in 0..400 {
        ring.put(0, "alice", condition(&format!("a{n}"), &"x".repeat(600)));
        ring.put(1, "bob", condition(&format!("b{n}"), &"y".repeat(600)));
    }
    ring.link(0, 1);
    ring.settle();
    ring.assert_same();
    assert_eq!(ring.rooms[0].document().resources().len(), 800);
}

#[test]
fn edits_while_slices_go_arrive_as_well() {
    let mut ring = Ring::new("patient:1", 3);
    for n in 0..600 {
        ring.put(0, "alice", condition(&format!("a{n}"), &"x".repeat(600)));
    }
    for (one, other) in [(0, 1), (1, 2), (2, 0)] {
        ring.link(one, other);
    }
    for n in 0..60 {
        for server in 0..3 {
            ring.put(server, "bob", condition(&format!("b{server}-{n}"), "Gout"));
            for _ in 0..3 {
                (0..3).for_each(|server| _ = ring.drive(server));
                let Some((to, input)) = ring.under_way.pop_front() else { break };
                ring.rooms[to].handle(NOW, input);
            }
        }
    }
    ring.settle();
    ring.assert_same();
    assert_eq!(ring.rooms[2].document().resources().len(), 780);
}

#[test]
fn what_our_rules_refuse_is_kept_aside_with_what_follows_on_it() {
    let mut ring = Ring::new("patient:1", 2);
    ring.link(0, 1);
    ring.settle();
    // A server whose rules are others lets a resource of another patient in.
    ring.rooms[0].document.set_room("patient:2", mint_actor(NOW, [100; 8]));
    let subject = json!({"reference": "Patient/2"});
    let mut other = condition("c1", "Asthma");
    other["subject"] = subject;
    let bad = ring.put(0, "alice", other);
    ring.settle();
    let [kept] = &ring.quarantine[1][..] else { panic!("{:?}", ring.quarantine[1]) };
    assert_eq!((kept.hash, kept.reason.code()), (bad, "wrong-patient"));
    assert!(ring.rooms[1].document().is_founded_only());
    // What does not follow on it goes on to arrive.
    let there = ring.put(1, "bob", condition("c2", "Gout"));
    ring.settle();
    assert!(ring.rooms[0].document().has(&there));
    assert!(ring.rooms[1].document().resource("Condition", "c2").is_some());
}

#[test]
fn a_server_that_claims_anothers_actor_is_not_believed() {
    let mut ring = Ring::new("patient:1", 2);
    ring.link(0, 1);
    ring.put(0, "alice", condition("c1", "Asthma"));
    ring.settle();
    let peer = *ring.ends.keys().find(|(server, _)| *server == 1).map(|(_, peer)| peer).unwrap();
    let actor = mint_actor(NOW, [100; 8]);
    let actors = vec![(actor.clone(), Author::new("mallory", "Mallory"))];
    ring.rooms[1].handle(NOW, Input::Vouched { peer, actors });
    ring.put(0, "alice", condition("c2", "Gout"));
    ring.settle();
    assert_eq!(ring.quarantine[1][0].reason.code(), "foreign-actor");
    assert_ne!(ring.rooms[1].author_of(&actor).map(|author| &*author.id), Some("mallory"));
}

#[test]
fn a_delete_beside_what_brought_the_resource_back_is_a_conflict_everywhere() {
    let mut ring = Ring::new("patient:1", 2);
    ring.put(0, "alice", condition("c1", "Asthma"));
    ring.link(0, 1);
    ring.settle();
    ring.cut(0, 1);
    let delete = || Command::Delete { resource_type: "Condition".to_owned(), id: "c1".to_owned() };
    ring.command(0, "alice", delete());
    ring.command(1, "bob", delete());
    ring.put(1, "bob", condition("c1", "Asthma"));
    ring.link(0, 1);
    ring.settle();
    ring.assert_same();
    for room in &ring.rooms {
        let [conflict] = &room.conflicts()[..] else { panic!("{:?}", room.conflicts()) };
        assert_eq!(conflict.kind, crate::document::ConflictKind::Deleted);
        assert_eq!(conflict.values.len(), 2);
    }
}

#[test]
fn in_a_mesh_a_change_crosses_each_link_few_times() {
    let mut ring = Ring::new("patient:1", 4);
    for one in 0..4 {
        for other in one + 1..4 {
            ring.link(one, other);
        }
    }
    ring.settle();
    let before = ring.sent;
    ring.put(0, "alice", condition("c1", "Asthma"));
    ring.settle();
    ring.assert_same();
    let messages = ring.sent.1 - before.1;
    // Six links: the change and its answer over three, and both ways at once over the others.
    assert!(messages <= 24, "{messages} messages");
}

#[test]
fn a_signature_at_one_server_and_an_edit_at_the_other_both_stand() {
    let note = |status: &str, text: &str| {
        json!({
            "resourceType": "DocumentReference", "id": "n", "status": "current",
            "docStatus": status, "description": text, "subject": { "reference": "Patient/1" },
        })
    };
    let mut ring = Ring::new("patient:1", 2);
    ring.link(0, 1);
    ring.put(0, "alice", note("preliminary", "words"));
    ring.settle();
    ring.cut(0, 1);
    ring.put(0, "alice", note("final", "words"));
    ring.put(1, "bob", note("preliminary", "other words"));
    let condition = json!({
        "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/1" },
    });
    ring.put(1, "bob", condition);
    ring.link(0, 1);
    ring.settle();
    assert!(ring.quarantine.iter().all(Vec::is_empty));
    let [one, other] = [0, 1].map(|n| ring.rooms[n].document().resource("DocumentReference", "n"));
    assert_eq!(one, other);
    let note = one.unwrap();
    assert_eq!(
        (&note["docStatus"], &note["description"]),
        (&json!("final"), &json!("other words"))
    );
}
