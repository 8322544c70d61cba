#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "tests read files and look at the outputs they care for"
)]

mod clinical;
mod cold_start;
mod crowd;
mod first_sync;
mod harm;
mod linked;
mod permit;
mod server_writes;
mod stock;
mod texts;
mod world;

use serde_json::{Value, json};

use super::*;
use crate::{Command, mint_actor};
use world::{NOW, SERVER, World, replica};

fn put(id: &str, text: &str) -> Command {
    Command::Put {
        resource: json!({
            "resourceType": "Condition", "id": id, "code": {"text": text},
            "subject": {"reference": "Patient/1"},
        }),
    }
}

fn patch(id: &str, elements: Value) -> Command {
    let Value::Object(elements) = elements else { panic!("elements are an object") };
    Command::Patch { resource_type: "Condition".to_owned(), id: id.to_owned(), elements }
}

#[test]
fn an_edit_reaches_everyone_and_is_saved() {
    let mut world = World::with("patient:1", &[1, 2, 3]);
    world.edit(1, put("c", "Asthma")).unwrap();
    assert_eq!(world.client(1).unsaved(), 1);
    world.settle();
    let document = world.converged();
    assert_eq!(document["entry"][0]["resource"]["code"]["text"], "Asthma");
    let names: Vec<_> = world.events.iter().map(|e| (e.seq, e.event.as_str())).collect();
    let expected = ["RESOURCE_CREATED", "CONDITION_DIAGNOSED", "CONDITION_ADDED"];
    assert_eq!(names, (1..).zip(expected).collect::<Vec<_>>());
    assert_eq!(world.events[0].author.as_ref().unwrap().id, "p1");
}

#[test]
fn nothing_leaves_before_it_is_flushed() {
    let mut world = World::with("patient:1", &[1, 2]);
    world.edit(1, put("c", "Asthma")).unwrap();
    while world.step(false) {}
    assert_eq!(world.unflushed, [1]);
    assert_eq!(world.client(1).unsaved(), 1, "no acknowledgement");
    assert!(world.client(2).document().is_founded_only(), "no broadcast");
    world.clients.insert(Peer(3), replica("patient:1", Role::Client, 3));
    world.join(3);
    while world.step(false) {}
    assert!(world.client(3).document().is_founded_only(), "no first sync");
    assert!(world.events.is_empty(), "no event");
    world.server.handle(NOW, Input::Persisted { through: 1 });
    world.settle();
    world.converged();
}

#[test]
fn whoever_waits_in_an_empty_room_hears_the_first_edit() {
    let mut world = World::with("patient:1", &[1, 2]);
    world.edit(1, put("c", "Asthma"));
    world.settle();
    assert!(!world.adopted, "changes come with their events, a snapshot does not");
    world.clients.insert(Peer(3), replica("patient:1", Role::Client, 3));
    world.join(3);
    world.settle();
    assert!(world.adopted, "a newcomer takes the snapshot");
    world.converged();
}

#[test]
fn a_late_peer_receives_history() {
    let mut world = World::with("patient:1", &[1]);
    for i in 0..20 {
        world.edit(1, put(&format!("c{i}"), "Asthma"));
    }
    world.settle();
    world.clients.insert(Peer(2), replica("patient:1", Role::Client, 2));
    world.join(2);
    world.settle();
    assert_eq!(world.converged()["entry"].as_array().unwrap().len(), 20);
}

#[test]
fn a_night_offline_on_both_sides_merges() {
    let mut world = World::with("patient:1", &[1, 2]);
    world.edit(1, put("c", "Asthma"));
    world.settle();
    world.leave(2);
    for i in 0..50 {
        world.edit(1, put(&format!("a{i}"), "Asthma"));
        world.edit(2, put(&format!("b{i}"), "Gout"));
    }
    world.settle();
    assert_eq!(world.client(2).unsaved(), 50);
    world.join(2);
    world.settle();
    assert_eq!(world.converged()["entry"].as_array().unwrap().len(), 101);
    let seqs: Vec<u64> = world.log.iter().map(|change| change.seq).collect();
    assert_eq!(seqs, (1..=101).collect::<Vec<_>>());
}

#[test]
fn two_who_create_a_room_and_a_resource_apart_merge() {
    let mut world = World::new("patient:1");
    for person in [1, 2] {
        let room = replica("patient:1", Role::Client, person);
        world.clients.insert(Peer(u64::from(person)), room);
    }
    world.edit(1, put("c", "Asthma"));
    world.edit(1, patch("c", json!({"onsetString": "2020"})));
    world.edit(2, put("c", "Asthma"));
    world.edit(2, patch("c", json!({"recordedDate": "2021"})));
    world.join(1);
    world.join(2);
    world.settle();
    assert_eq!(world.refused, []);
    let document = world.converged();
    let resource = &document["entry"][0]["resource"];
    assert_eq!(
        (&resource["onsetString"], &resource["recordedDate"]),
        (&json!("2020"), &json!("2021"))
    );
    assert!(world.events.iter().any(|event| event.event == "CONFLICT_DETECTED"));
}

#[test]
fn a_change_of_another_patient_is_refused_and_given_back() {
    let mut world = World::with("patient:1", &[1, 2]);
    let mut other = replica("patient:2", Role::Client, 9);
    let command = Command::Put {
        resource: json!({"resourceType": "Condition", "id": "x", "code": {"text": "of another"}}),
    };
    other.handle(NOW, Input::Command { ticket: 1, author: None, command });
    other.advance(NOW);
    let change = other.document().changes_since(&[other.document().genesis()]).remove(0);
    let message = automerge::sync::Message {
        heads: vec![change.hash()],
        need: vec![],
        have: vec![],
        changes: vec![change.raw_bytes().to_vec()].into(),
        flags: None,
        version: automerge::sync::MessageVersion::V1,
    };
    world.server.handle(NOW, Input::Received { peer: Peer(1), message: message.encode() });
    world.settle();
    assert!(world.refused.is_empty(), "its dependencies are asked for first");
    world.server.handle(NOW + limits::ORPHAN_WAIT_MS, Input::Tick);
    world.settle();
    assert_eq!(world.refused, [(Peer(1), Refusal::MissingDependencies)]);
    assert!(world.server.document().is_founded_only());
    world.edit(2, put("c", "Asthma"));
    world.settle();
    world.converged();
}

#[test]
fn a_change_waits_no_longer_for_what_it_depends_on_because_its_client_goes_on() {
    let mut world = World::with("patient:1", &[1]);
    let mut client = replica("patient:1", Role::Client, 1);
    let mut edits = Vec::new();
    for id in ["lost", "waits", "goes-on"] {
        let command = put(id, "Asthma");
        client.handle(NOW, Input::Command { ticket: 1, author: None, command });
        client.advance(NOW);
        while let Some(output) = client.poll_output() {
            let Output::Persist(batch) = output else { continue };
            client.handle(NOW, Input::Persisted { through: batch.number });
            edits.extend(batch.changes);
        }
    }
    for (edit, after) in edits[1..].iter().zip([0, limits::ORPHAN_WAIT_MS / 2]) {
        let message = automerge::sync::Message {
            heads: vec![edit.hash],
            need: vec![],
            have: vec![],
            changes: vec![edit.bytes.to_vec()].into(),
            flags: None,
            version: automerge::sync::MessageVersion::V1,
        };
        let message = message.encode();
        world.server.handle(NOW + after, Input::Received { peer: Peer(1), message });
        world.server.advance(NOW + after);
    }
    world.server.handle(NOW + limits::ORPHAN_WAIT_MS, Input::Tick);
    world.settle();
    assert_eq!(world.refused, [(Peer(1), Refusal::MissingDependencies)]);
}

#[test]
fn a_client_that_does_not_check_writes_no_other_patients_resource() {
    let mut world = World::with("patient:1", &[1, 2]);
    let client = world.client(1);
    client.document = {
        let actor = client.document.actor().clone();
        let mut other = client.document.clone();
        other.set_room("patient:2", actor);
        other
    };
    let command = Command::Put {
        resource: json!({
            "resourceType": "Condition", "id": "x", "subject": {"reference": "Patient/2"},
        }),
    };
    world.edit(1, command).unwrap();
    world.settle();
    assert_eq!(
        world.refused,
        [(Peer(1), Refusal::Compartment(crate::document::CompartmentError::WrongPatient))]
    );
}

#[test]
fn everyone_is_shown_the_value_that_the_room_showed_first() {
    for order in [[1, 2], [2, 1]] {
        let mut world = World::with("patient:1", &[1, 2, 3]);
        world.edit(3, put("c", "Asthma"));
        world.settle();
        world.leave(1);
        world.leave(2);
        world.edit(1, patch("c", json!({"onsetString": "said by 1"})));
        world.edit(2, patch("c", json!({"onsetString": "said by 2"})));
        for person in order {
            world.join(person);
            world.settle();
        }
        let shown = format!("said by {}", order[0]);
        for replica in world.clients.values().chain([&world.server]) {
            assert_eq!(
                replica.document().resource("Condition", "c").unwrap()["onsetString"],
                shown
            );
            assert_eq!(replica.conflicts().len(), 1);
        }
    }
}

#[test]
fn a_refused_edit_is_handed_back_and_the_rest_goes_on() {
    let mut world = World::with("patient:1", &[1, 2]);
    // An actor that belongs to Bob, used by Alice.
    world.edit(2, put("b", "Gout"));
    world.settle();
    let stolen = world.client(2).document.actor().clone();
    world.client(1).document.set_actor(stolen);
    world.edit(1, put("a", "Asthma")).unwrap();
    world.settle();
    assert_eq!(world.refused, [(Peer(1), Refusal::ForeignActor)]);
    assert!(world.client(1).document().resource("Condition", "a").is_none());
    world.client(1).document.set_actor(mint_actor(NOW + 5, [7; 8]));
    world.edit(1, put("a", "Asthma")).unwrap();
    world.settle();
    world.converged();
}

#[test]
fn garbage_closes_its_sender_alone() {
    let mut world = World::with("patient:1", &[1, 2]);
    for message in [vec![], vec![0x42], b"hello".to_vec(), vec![0x42, 0xff, 0xff, 0xff, 0xff, 0x0f]]
    {
        world.join(2);
        world.server.handle(NOW, Input::Received { peer: Peer(2), message });
        world.settle();
    }
    let garbage = |(_, reason): &(Peer, CloseReason)| matches!(reason, CloseReason::Garbage(_));
    assert!(world.closed.len() == 4 && world.closed.iter().all(garbage), "{:?}", world.closed);
    world.edit(1, put("c", "Asthma"));
    world.settle();
    assert!(world.server.document().resource("Condition", "c").is_some());
}

#[test]
fn events_do_not_depend_on_how_the_log_was_cut_into_batches() {
    let mut names = Vec::new();
    for flush in [true, false] {
        let mut world = World::with("patient:1", &[1, 2]);
        for i in 0..10 {
            world.edit(1, put("c", &format!("text {i}")));
            if flush {
                world.settle();
            }
        }
        world.settle();
        let events: Vec<_> = world
            .events
            .iter()
            .map(|e| (e.seq, e.event.clone(), e.resource["code"].clone()))
            .collect();
        names.push(events);
    }
    assert_eq!(names[0], names[1]);
    assert_eq!(names[0].len(), 3 + 9 * 2);
}

#[test]
fn edits_that_arrive_together_are_shown_in_the_order_of_the_log() {
    for people in [[1, 2], [2, 1]] {
        let mut world = World::with("patient:1", &[1, 2, 3]);
        world.edit(3, put("c", "Asthma"));
        world.settle();
        for person in people {
            world.edit(person, patch("c", json!({"onsetString": format!("said by {person}")})));
        }
        world.settle();
        let shown = world.server.document().resource("Condition", "c").unwrap();
        for client in world.clients.values() {
            assert_eq!(client.document().resource("Condition", "c").unwrap(), shown);
            assert_eq!(client.conflicts().len(), 1);
        }
    }
}

#[test]
fn who_returns_is_shown_the_order_of_the_log_whatever_counters_say() {
    let mut world = World::with("patient:1", &[1, 2, 3]);
    world.edit(3, put("c", "Asthma"));
    world.settle();
    for person in [1, 2, 3] {
        world.leave(person);
    }
    // The value that the log has first has the higher operation counter.
    world.edit(1, patch("c", json!({"recordedDate": "2026"})));
    world.edit(1, patch("c", json!({"onsetString": "said by 1"})));
    world.edit(2, patch("c", json!({"onsetString": "said by 2"})));
    for person in [1, 2, 3] {
        world.join(person);
        world.settle();
    }
    for replica in world.clients.values().chain([&world.server]) {
        let resource = replica.document().resource("Condition", "c").unwrap();
        assert_eq!(resource["onsetString"], "said by 1");
    }
}

#[test]
fn edits_made_again_in_the_next_epoch_take_nothing_back() {
    let mut world = World::with("patient:1", &[1]);
    let condition = |text: &str, note: &str| {
        json!({
            "resourceType": "Condition", "id": "c", "code": {"text": text},
            "note": [{"text": note}], "subject": {"reference": "Patient/1"},
        })
    };
    world.edit(1, Command::Put { resource: condition("Asthma", "a") });
    world.settle();
    world.leave(1);
    world.edit(1, Command::Put { resource: condition("Asthma", "b") });
    let mut other = condition("Cough", "a");
    other["id"] = json!("d");
    world.edit(1, Command::Put { resource: other.clone() });
    let edits = world.client(1).take_pending();
    let commands: Vec<Command> = edits.into_iter().map(|edit| edit.command).collect();
    let elements = json!({"note": [{"text": "b"}]}).as_object().unwrap().clone();
    let patch =
        Command::Patch { resource_type: "Condition".to_owned(), id: "c".to_owned(), elements };
    assert_eq!(commands, [patch, Command::Put { resource: other }]);
    assert_eq!(world.client(1).unsaved(), 0);
}
