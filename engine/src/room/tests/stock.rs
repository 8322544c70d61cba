//! What automerge's own clients say, and what a room answers them.

use automerge::{Automerge, sync::SyncDoc, transaction::Transactable};

use super::*;

#[test]
fn a_resource_of_another_patient_is_refused_at_the_sync_door() {
    let mut world = World::with("patient:1", &[1, 2]);
    // Mallory's client does not check.
    let mut mallory = Automerge::new();
    mallory.set_actor(mint_actor(NOW, [66; 8]));
    let mut state = automerge::sync::State::new();
    let peer = Peer(66);
    let author = Some(Author::new("mallory", "Mallory"));
    world.server.handle(NOW, Input::Joined { peer, author, may_write: true, extensions: false });
    let talk = |world: &mut World, mallory: &mut Automerge, state: &mut _| {
        for _ in 0..10 {
            if let Some(message) = mallory.generate_sync_message(state) {
                let message = message.encode();
                world.server.handle(NOW, Input::Received { peer, message });
            }
            world.server.advance(NOW);
            while let Some(output) = world.server.poll_output() {
                match output {
                    Output::Persist(batch) => {
                        world.server.handle(NOW, Input::Persisted { through: batch.number });
                    }
                    Output::Send { peer: Peer(66), message, .. } => {
                        let message = automerge::sync::Message::decode(&message).unwrap();
                        mallory.receive_sync_message(state, message).unwrap();
                    }
                    Output::Refused { reason, .. } => world.refused.push((peer, reason)),
                    _ => {}
                }
            }
        }
    };
    talk(&mut world, &mut mallory, &mut state);
    let collection = crate::document::tests_collection("Condition");
    let mut tx = mallory.transaction();
    let map = tx.put_object(&collection, "x", automerge::ObjType::Map).unwrap();
    let subject = tx.put_object(&map, "subject", automerge::ObjType::Map).unwrap();
    tx.put(&subject, "reference", "Patient/2").unwrap();
    tx.commit();
    talk(&mut world, &mut mallory, &mut state);
    assert_eq!(
        world.refused,
        [(peer, Refusal::Compartment(crate::document::CompartmentError::WrongPatient))]
    );
    assert_eq!(world.server.document().resource("Condition", "x"), None);
    // The next one depends on it, and is refused with it; others are served as before.
    let mut tx = mallory.transaction();
    tx.put(&map, "onsetString", "2020").unwrap();
    tx.commit();
    talk(&mut world, &mut mallory, &mut state);
    assert_eq!(world.refused.len(), 2);
    world.edit(1, put("c", "Asthma"));
    world.settle();
    assert!(world.server.document().resource("Condition", "c").is_some());
}

#[test]
fn a_stock_client_reads_and_writes() {
    let mut world = World::with("patient:1", &[1]);
    world.edit(1, put("c", "Asthma"));
    world.settle();
    let mut stock = Automerge::new();
    let mut state = automerge::sync::State::new();
    let peer = Peer(50);
    let author = Some(Author::new("stock", "Stock"));
    world.server.handle(NOW, Input::Joined { peer, author, may_write: true, extensions: false });
    let mut messages = 0;
    let mut edited = false;
    for _ in 0..20 {
        if let Some(message) = stock.generate_sync_message(&mut state) {
            messages += 1;
            world.server.handle(NOW, Input::Received { peer, message: message.encode() });
        }
        let mut for_stock = Vec::new();
        world.server.advance(NOW);
        while let Some(output) = world.server.poll_output() {
            match output {
                Output::Persist(batch) => {
                    world.server.handle(NOW, Input::Persisted { through: batch.number });
                }
                Output::Send { peer: Peer(50), message, .. } => for_stock.push(message),
                Output::Send { message, .. } => {
                    let input = Input::Received { peer: SERVER, message: message.to_vec() };
                    world.client(1).handle(NOW, input);
                    world.client(1).advance(NOW);
                }
                _ => {}
            }
        }
        for message in for_stock {
            let message = automerge::sync::Message::decode(&message).unwrap();
            stock.receive_sync_message(&mut state, message).unwrap();
        }
        if !edited && stock.get_heads() == world.server.document().heads() {
            edited = true;
            let collection = crate::document::tests_collection("Condition");
            let mut tx = stock.transaction();
            let map = tx.put_object(&collection, "s", automerge::ObjType::Map).unwrap();
            tx.put(&map, "onsetString", "2020").unwrap();
            tx.commit();
        }
    }
    assert_eq!(stock.get_heads(), world.server.document().heads());
    assert!(world.server.document().resource("Condition", "s").is_some());
    assert!(world.client(1).document().resource("Condition", "s").is_some());
    assert!(messages <= 4, "{messages} messages from the stock client");
}

/// A message of a peer that says only this.
fn says(heads: &[ChangeHash], need: &[ChangeHash], have: Vec<automerge::sync::Have>) -> Vec<u8> {
    automerge::sync::Message {
        heads: heads.to_vec(),
        need: need.to_vec(),
        have,
        changes: Vec::<Vec<u8>>::new().into(),
        flags: None,
        version: automerge::sync::MessageVersion::V1,
    }
    .encode()
}

/// The hashes of the changes that the server sends to a peer.
fn sent_to(world: &mut World, peer: Peer) -> Vec<ChangeHash> {
    world.server.advance(NOW);
    let mut hashes = Vec::new();
    while let Some(output) = world.server.poll_output() {
        let Output::Send { peer: to, message, .. } = output else { continue };
        if to == peer {
            let message = automerge::sync::Message::decode(&message).unwrap();
            let changes = message.changes.iter();
            hashes
                .extend(changes.map(|c| automerge::Change::from_bytes(c.to_vec()).unwrap().hash()));
        }
    }
    hashes
}

fn stranger(world: &mut World) -> Peer {
    let peer = Peer(50);
    let author = Some(Author::new("stock", "Stock"));
    world.server.handle(NOW, Input::Joined { peer, author, may_write: true, extensions: false });
    peer
}

#[test]
fn a_peer_that_lacks_what_we_thought_was_sent_gets_it_when_it_says_so() {
    let mut world = World::with("patient:1", &[1]);
    let first = world.edit(1, put("c", "Asthma")).unwrap();
    world.settle();
    let second = world.edit(1, put("d", "Gout")).unwrap();
    world.settle();
    let peer = stranger(&mut world);
    world.server.handle(NOW, Input::Received { peer, message: says(&[second], &[], vec![]) });
    assert_eq!(sent_to(&mut world, peer), []);
    // It turns out to have the first alone, and answers with a reset as automerge does.
    let reset = vec![automerge::sync::Have::default()];
    world.server.handle(NOW, Input::Received { peer, message: says(&[first], &[], reset) });
    assert_eq!(sent_to(&mut world, peer), [second]);
    assert_eq!(sent_to(&mut world, peer), [], "once");
}

#[test]
fn what_a_peer_needs_is_not_forgotten_over_its_next_message() {
    let mut world = World::with("patient:1", &[1]);
    let first = world.edit(1, put("c", "Asthma")).unwrap();
    world.settle();
    let peer = stranger(&mut world);
    world.server.handle(NOW, Input::Received { peer, message: says(&[first], &[], vec![]) });
    assert_eq!(sent_to(&mut world, peer), []);
    world.edit(1, put("d", "Gout")).unwrap();
    while world.step(false) {}
    world.server.handle(NOW, Input::Received { peer, message: says(&[first], &[first], vec![]) });
    world.server.handle(NOW, Input::Received { peer, message: says(&[first], &[], vec![]) });
    world.server.handle(NOW, Input::Persisted { through: world.unflushed[0] });
    assert!(sent_to(&mut world, peer).contains(&first));
}

/// What the server says to stock clients while they write, lose their documents and lag, and how
/// many of their answers it was spared.
fn conversation(spare_answers: bool) -> (Vec<(Peer, Vec<u8>)>, usize) {
    let mut world = World::with("facility:icu", &[1]);
    let (mut said, mut spared) = (Vec::new(), 0);
    let mut stocks: Vec<_> = (50..53)
        .map(|n| {
            let (peer, mut stock) = (Peer(n), Automerge::new());
            stock.set_actor(mint_actor(NOW, [n as u8; 8]));
            let author = Some(Author::new("stock", "Stock"));
            let joined = Input::Joined { peer, author, may_write: true, extensions: false };
            world.server.handle(NOW, joined);
            (peer, stock, automerge::sync::State::new(), VecDeque::new())
        })
        .collect();
    for round in 0..150 {
        if round % 5 == 0 {
            let resource = json!({"resourceType": "Flag", "id": format!("c{}", round % 3)});
            let command = Command::Put { resource };
            let author = Some(Author::new("alice", "Alice"));
            world.server.handle(NOW, Input::Command { ticket: round, author, command });
        }
        let mut expected = BTreeMap::new();
        world.server.advance(NOW);
        while let Some(output) = world.server.poll_output() {
            match output {
                Output::Persist(batch) => {
                    world.server.handle(NOW, Input::Persisted { through: batch.number });
                }
                Output::Send { peer, message, answer } => {
                    said.push((peer, message.to_vec()));
                    expected.insert(peer, answer);
                    if let Some((_, _, _, waiting)) = stocks.iter_mut().find(|s| s.0 == peer) {
                        waiting.push_back(message);
                    }
                }
                _ => {}
            }
        }
        for (peer, stock, state, waiting) in &mut stocks {
            // The last one reads a message only now and then.
            let reads = *peer != Peer(52) || round % 3 == 0;
            while reads && let Some(message) = waiting.pop_front() {
                let message = automerge::sync::Message::decode(&message).unwrap();
                stock.receive_sync_message(state, message).unwrap();
            }
            if *peer == Peer(50) && round % 7 == 6 && stock.get_heads().len() == 1 {
                let collection = crate::document::tests_collection("Condition");
                let mut tx = stock.transaction();
                let id = format!("s{round}");
                tx.put_object(&collection, id, automerge::ObjType::Map).unwrap();
                tx.commit();
            }
            if *peer == Peer(51) && round == 30 {
                *stock = Automerge::new();
                *state = automerge::sync::State::new();
            }
            if let Some(message) = stock.generate_sync_message(state) {
                let message = message.encode();
                let answer = expected.get(peer).cloned().flatten();
                if spare_answers && answer.is_some_and(|answer| answer.is(&message)) {
                    spared += 1;
                } else {
                    world.server.handle(NOW, Input::Received { peer: *peer, message });
                }
            }
        }
    }
    assert!(said.len() > 80, "{} messages", said.len());
    (said, spared)
}

#[test]
fn who_is_spared_the_expected_answers_says_the_same() {
    let ((said, none), (says, spared)) = (conversation(false), conversation(true));
    assert_eq!(none, 0);
    assert!(spared > 30, "{spared} answers");
    assert!(said == says, "{} and {} messages", said.len(), says.len());
}
