//! Texts that people write together, between a server and its clients.

use super::*;
use crate::document::People;

fn splice(id: &str, index: usize, insert: &str) -> Command {
    Command::Splice {
        resource_type: "Condition".to_owned(),
        id: id.to_owned(),
        element: "summary".to_owned(),
        index,
        delete: 0,
        insert: insert.to_owned(),
    }
}

fn text(room: &Room) -> Option<String> {
    room.document().text("Condition", "c", "summary")
}

#[test]
fn a_text_reaches_everyone_and_is_named() {
    let mut world = World::with("patient:1", &[1, 2]);
    world.edit(1, put("c", "Asthma"));
    world.settle();
    let events = world.events.len();
    let mine = world.edit(1, splice("c", 0, "Since 2001.")).unwrap();
    world.settle();
    world.edit(2, splice("c", 11, " Mild."));
    world.settle();
    world.converged();
    assert_eq!(text(&world.server).as_deref(), Some("Since 2001. Mild."));
    assert!(world.saved.contains(&(Peer(1), mine)));
    let key = "Condition:c:summary".to_owned();
    assert!(world.texts.contains(&(Peer(2), key.clone())) && world.texts.contains(&(Peer(1), key)));
    assert_eq!(world.events.len(), events, "what is typed raises nothing");
}

#[test]
fn texts_begun_apart_are_shown_alike_by_all() {
    let mut world = World::with("patient:1", &[1, 2]);
    world.edit(1, put("c", "Asthma"));
    world.settle();
    for person in [1, 2] {
        world.leave(person);
        world.edit(person, splice("c", 0, &format!("By {person}.")));
    }
    for person in [2, 1] {
        world.join(person);
        world.settle();
    }
    world.converged();
    assert_eq!(text(&world.server).as_deref(), Some("By 2."), "the first in the log");
    let conflicts = world.server.conflicts();
    let authors: Vec<_> =
        conflicts[0].values.iter().map(|v| v.author.clone().unwrap().id).collect();
    assert_eq!(authors, ["p2", "p1"]);
    for person in [1, 2] {
        assert_eq!(text(world.client(person)), text(&world.server));
        let told = world.client(person).document().conflicts(&People::default());
        assert_eq!(told[0].values[0].hash, conflicts[0].values[0].hash);
    }
    let (resource_type, id, element) = ("Condition".into(), "c".into(), "summary".into());
    world.edit(1, Command::SetText { resource_type, id, element, text: "By both.".into() });
    world.settle();
    world.converged();
    assert_eq!(text(&world.server).as_deref(), Some("By both."));
    assert!(world.server.conflicts().is_empty());
}

#[test]
fn a_server_writes_no_text_of_a_signed_note() {
    let mut world = World::with("patient:1", &[1]);
    let note = |status: &str| Command::Put {
        resource: json!({
            "resourceType": "Composition", "id": "n", "status": status,
            "subject": {"reference": "Patient/1"},
        }),
    };
    let write = |insert: &str| Command::Splice {
        resource_type: "Composition".to_owned(),
        id: "n".to_owned(),
        element: "text".to_owned(),
        index: 0,
        delete: 0,
        insert: insert.to_owned(),
    };
    let mut answer = |command: Command| {
        let author = Some(Author::new("p1", "Somebody"));
        world.server.handle(NOW, Input::Command { ticket: 1, author, command });
        world.server.advance(NOW);
        let mut answer = None;
        while let Some(output) = world.server.poll_output() {
            match output {
                Output::Persist(batch) => {
                    world.server.handle(NOW, Input::Persisted { through: batch.number });
                }
                Output::Answered { result, .. } => answer = Some(result.map(|edit| edit.resources)),
                _ => {}
            }
        }
        answer.unwrap().map_err(|error| error.code())
    };
    answer(note("preliminary")).unwrap();
    assert_eq!(answer(write("Dear")), Ok(vec![("Composition".to_owned(), "n".to_owned())]));
    answer(note("final")).unwrap();
    assert_eq!(answer(write("Not ")), Err("signed"));
    let (resource_type, id) = ("Composition".to_owned(), "n".to_owned());
    let set = Command::SetText { resource_type, id, element: "text".into(), text: "No".into() };
    assert_eq!(answer(set), Err("signed"));
}
