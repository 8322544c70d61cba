//! A client that is closed with edits that nobody else has, and opened again from what it stored.

use super::*;
use crate::{Author, Document};

fn note(status: &str, title: &str) -> Command {
    Command::Put {
        resource: json!({
            "resourceType": "Composition", "id": "n", "status": status, "title": title,
            "subject": {"reference": "Patient/1"},
        }),
    }
}

fn retitled(title: &str) -> Command {
    let elements = [("title".to_owned(), json!(title))].into_iter().collect();
    Command::Patch { resource_type: "Composition".to_owned(), id: "n".to_owned(), elements }
}

/// Opens a client's room again under a new actor: from a snapshot, or from its changes one by one.
fn reopened(room: &Room, seed: u8, whole: bool, pending: &[(ChangeHash, Command)]) -> Room {
    let (id, actor) = (room.id().clone(), mint_actor(NOW + 1, [seed; 8]));
    let (snapshot, changes) = match whole {
        true => (Some(room.document().save()), Vec::new()),
        false => (None, room.document().chunks_since(&[room.document().genesis()])),
    };
    let document = Document::load(&id, actor.clone(), snapshot.as_deref(), changes).unwrap();
    let bindings = vec![(actor, Author::new("p1", "Somebody"))];
    let mut room =
        Room::new(RoomConfig { bindings, ..RoomConfig::new(id, Role::Client) }, document);
    room.take_up(pending.to_vec());
    room
}

/// A room in which somebody retitled a note and closed, and another one did something meanwhile.
fn closed(meanwhile: Command, whole: bool) -> (World, Vec<(ChangeHash, Command)>) {
    let mut world = World::with("patient:1", &[1, 2]);
    world.edit(1, note("preliminary", "Draft"));
    world.settle();
    world.leave(1);
    let first = (world.edit(1, retitled("Letter")).unwrap(), retitled("Letter"));
    let second = (world.edit(1, put("c", "Asthma")).unwrap(), put("c", "Asthma"));
    world.edit(2, meanwhile);
    world.settle();
    world.saved.clear();
    let lost = (ChangeHash([7; 32]), put("d", "never stored"));
    let pending = vec![first, lost, second];
    let again = reopened(world.client(1), 9, whole, &pending);
    assert_eq!(again.unsaved(), 2, "what the document lacks is not taken up");
    world.clients.insert(Peer(1), again);
    (world, pending)
}

#[test]
fn an_edit_made_offline_is_saved_after_a_cold_start() {
    for whole in [true, false] {
        let (mut world, pending) = closed(put("e", "Gout"), whole);
        let mine = pending[0].0;
        let actor = world.client(1).document().meta(&mine).unwrap().actor.into_owned();
        assert_eq!(
            world.client(1).author_of(&actor).unwrap().id,
            "p1",
            "known before the server says"
        );
        let later = world.edit(1, put("f", "Croup")).unwrap();
        assert_eq!(world.client(1).unsaved(), 3);
        world.join(1);
        world.settle();
        let saved: Vec<_> = world.saved.iter().filter(|(peer, _)| *peer == Peer(1)).collect();
        assert_eq!(saved.len(), 3, "{saved:?}");
        for hash in [mine, pending[2].0, later] {
            assert!(world.saved.contains(&(Peer(1), hash)));
        }
        let document = world.converged();
        assert!(document.to_string().contains("Letter") && document.to_string().contains("Gout"));
        assert!(world.given_back.is_empty() && world.refused.is_empty());
    }
}

#[test]
fn an_edit_that_is_refused_after_a_cold_start_is_given_back() {
    for whole in [true, false] {
        let (mut world, pending) = closed(note("final", "Signed"), whole);
        world.join(1);
        world.settle();
        assert_eq!(world.refused[0].1, Refusal::Signed);
        let back: Vec<_> =
            world.given_back.iter().map(|(_, edit)| (edit.hash, edit.command.clone())).collect();
        assert_eq!(back[0], (Some(pending[0].0), pending[0].1.clone()));
        let title = world.converged()["entry"][0]["resource"]["title"].clone();
        assert_eq!(title, "Signed");
    }
}

#[test]
fn edits_taken_up_go_on_into_the_next_epoch() {
    let (mut world, pending) = closed(put("e", "Gout"), true);
    let edits = world.client(1).take_pending();
    let hashes: Vec<_> = edits.iter().map(|edit| edit.hash.unwrap()).collect();
    assert_eq!(hashes, [pending[0].0, pending[2].0]);
    assert_eq!(world.client(1).unsaved(), 0);
}

#[test]
fn changes_that_the_snapshot_has_already_are_no_harm() {
    let mut world = World::with("patient:1", &[1]);
    world.edit(1, put("c", "Asthma"));
    let room = world.client(1);
    let chunks = room.document().chunks_since(&[room.document().genesis()]);
    let (snapshot, actor) = (room.document().save(), mint_actor(NOW, [8; 8]));
    let loaded = Document::load(room.id(), actor, Some(&snapshot), chunks).unwrap();
    assert_eq!(loaded.heads(), room.document().heads());
    assert_eq!(loaded.export(), room.document().export());
}

#[test]
fn an_edit_whose_answer_was_lost_stands_where_the_server_logged_it() {
    for (first, second) in [(1, 2), (2, 1)] {
        for (is_new, cold) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut world = World::with("patient:1", &[1, 2, 3]);
            if !is_new {
                world.edit(3, put("c", "Asthma"));
                world.settle();
            }
            let edits = [(1, "Gout"), (2, "Croup")].map(|(person, text)| {
                let command = put("c", text);
                (person, (world.edit(person, command.clone()).unwrap(), command))
            });
            for person in [first, second] {
                world.lose_answers(u8::try_from(person).unwrap());
                world.edit(3, put(&format!("by3-{person}"), "Mumps"));
                world.settle();
            }
            for (person, edit) in &edits {
                if cold {
                    let edits = std::slice::from_ref(edit);
                    let again = reopened(world.client(*person), 9 + person, false, edits);
                    world.clients.insert(Peer(u64::from(*person)), again);
                }
                world.join(*person);
            }
            world.settle();
            world.converged();
            let shown = |room: &Room| -> Vec<String> {
                let conflicts = room.conflicts().into_iter();
                conflicts.map(|conflict| conflict.values[0].hash.clone()).collect()
            };
            let first = edits[first - 1].1.0.to_string();
            assert!(shown(&world.server).contains(&first));
            for client in world.clients.values() {
                assert_eq!(shown(client), shown(&world.server), "{is_new} {cold}");
            }
        }
    }
}
