//! What a server writes: batches, edits decided in their turn, and facility rooms.

use serde_json::json;

use super::*;
use crate::{Action, Decision, EventSource, Plan, document::Note};

fn condition(id: &str, text: &str) -> Value {
    json!({
        "resourceType": "Condition", "id": id, "code": {"text": text},
        "subject": {"reference": "Patient/1"},
    })
}

fn task(id: &str) -> Command {
    let subject = json!({"reference": "Patient/1"});
    Command::Put { resource: json!({"resourceType": "Task", "id": id, "for": subject}) }
}

/// Hands a server an input, persists what it asks for, and gives what it answers and writes.
fn drive(room: &mut Room, now_ms: u64, input: Input) -> (Vec<Batch>, Result<Edit, CommandError>) {
    let mut batches = Vec::new();
    let mut answer = None;
    room.handle(now_ms, input);
    room.advance(now_ms);
    while let Some(output) = room.poll_output() {
        match output {
            Output::Persist(batch) => {
                room.handle(now_ms, Input::Persisted { through: batch.number });
                batches.push(batch);
            }
            Output::Answered { result, .. } => answer = Some(result),
            _ => {}
        }
    }
    (batches, answer.unwrap())
}

fn command(command: Command) -> Input {
    Input::Command { ticket: 1, author: Some(Author::new("alice", "Alice")), command }
}

#[test]
fn a_batch_is_one_change_or_none() {
    let mut room = replica("patient:1", Role::Server, 1);
    let put = |id: &str| Command::Put { resource: condition(id, "Asthma") };
    let both = Command::Batch { commands: vec![put("a"), put("b")] };
    let (batches, answer) = drive(&mut room, NOW, command(both));
    assert_eq!(batches[0].changes.len(), 1);
    assert_eq!(answer.unwrap().resources.len(), 2);
    let half = Command::Batch {
        commands: vec![
            put("c"),
            Command::Delete { resource_type: "Condition".to_owned(), id: "no".to_owned() },
        ],
    };
    let (batches, answer) = drive(&mut room, NOW, command(half));
    assert_eq!((batches.len(), answer), (0, Err(CommandError::NotFound)));
    let twice = Command::Batch { commands: vec![put("c"), put("c")] };
    assert_eq!(drive(&mut room, NOW, command(twice)).1, Err(CommandError::Twice));
    assert!(room.document().resource("Condition", "c").is_none());
}

#[test]
fn a_planned_edit_sees_what_was_staged_before_it() {
    let mut room = replica("patient:1", Role::Server, 1);
    let author = Some(Author::new("alice", "Alice"));
    let first = Command::Put { resource: condition("c", "Asthma") };
    room.handle(NOW, Input::Command { ticket: 1, author: author.clone(), command: first });
    let plan = Plan(Arc::new(|document: &Document| {
        let mut resource = document.resource("Condition", "c").ok_or(CommandError::NotFound)?;
        resource["note"] = json!([{"text": resource["code"]["text"]}]);
        Ok(Command::Put { resource }.into())
    }));
    let (_, answer) = drive(&mut room, NOW, Input::Planned { ticket: 2, author, plan });
    assert!(answer.unwrap().hash.is_some());
    let note = &room.document().resource("Condition", "c").unwrap()["note"];
    assert_eq!(*note, json!([{"text": "Asthma"}]));
}

#[test]
fn what_a_planned_edit_puts_back_is_told() {
    let mut room = replica("patient:1", Role::Server, 1);
    let first = Command::Put { resource: condition("c", "Asthma") };
    drive(&mut room, NOW, command(first)).1.unwrap();
    let plan = Plan(Arc::new(|_: &Document| {
        let command = Command::Put { resource: condition("c", "Bronchitis") };
        let reverts = vec!["Condition/c.code".to_owned(), "Condition/d.note".to_owned()];
        Ok(Decision {
            command,
            note: Note { reason: Some("as told".into()), reverts, moved: false },
        })
    }));
    let author = Some(Author::new("bob", "Bob"));
    let (batches, answer) = drive(&mut room, NOW, Input::Planned { ticket: 2, author, plan });
    let hash = answer.unwrap().hash.unwrap();
    let told = batches[0].events.last().unwrap();
    assert_eq!(told.event, "EDIT_REVERTED");
    assert_eq!(told.details, json!({"elements": ["code"], "kind": "element", "safety": false}));
    let account = room.document().account(&hash, room.people()).unwrap();
    assert_eq!(account.author.unwrap().name, "Bob");
    assert_eq!(account.note.reason.as_deref(), Some("as told"));
    assert!(account.by_server && !account.import);
}

#[test]
fn a_facility_room_repeats_events_behind_its_own_and_takes_writes_of_the_server_alone() {
    let mut room = replica("pharmacy:queue", Role::Server, 1);
    let (_, refused) = drive(&mut room, NOW, command(task("t")));
    assert_eq!(refused.unwrap_err().code(), "projection");

    let mut patient = replica("patient:1", Role::Server, 2);
    let asthma = Command::Put { resource: condition("c", "Asthma") };
    let repeated = drive(&mut patient, NOW, command(asthma)).0.remove(0).events.remove(0);
    let source = EventSource { room: repeated.room.clone(), seq: repeated.seq };
    let repeated = Event { source: Some(source.clone()), ..Event::clone(&repeated) };
    let mirror =
        |ticket, commands, events| Input::Mirror { ticket, commands, events, import: false };
    let (batches, answer) =
        drive(&mut room, NOW, mirror(7, vec![task("t")], vec![repeated.clone()]));
    assert!(answer.unwrap().hash.is_some());
    assert_eq!(batches[0].mirrors, [7]);
    let told: Vec<_> =
        batches[0].events.iter().map(|e| (e.seq, e.resource_type.as_str(), e.action)).collect();
    assert_eq!(told, [(1, "Task", Action::Created), (2, "Condition", Action::Created)]);
    let event = &batches[0].events[1];
    assert_eq!((event.room.as_str(), event.source.as_ref()), ("pharmacy:queue", Some(&source)));
    assert_eq!(event.patient_id.as_deref(), Some("1"));
    assert_eq!(event.author.as_ref().unwrap().name, "Alice");

    let (batches, _) = drive(&mut room, NOW, mirror(8, vec![task("t")], vec![repeated]));
    assert!(
        batches[0].changes.is_empty(),
        "nothing differs, and the event is repeated all the same"
    );
    assert_eq!(batches[0].events[0].seq, 3);
    let (batches, _) = drive(&mut room, NOW, mirror(9, vec![task("t")], vec![]));
    assert_eq!(batches[0].mirrors, [9], "where a reader stands is persisted with nothing else too");
}

#[test]
fn the_times_of_events_never_go_back() {
    let mut room = replica("patient:1", Role::Server, 1);
    let mut time = |now_ms, text| {
        let put = Command::Put { resource: condition("c", text) };
        drive(&mut room, now_ms, command(put)).0[0].events[0].time_ms
    };
    assert_eq!(time(NOW, "one"), NOW);
    assert_eq!(time(NOW - 5_000, "two"), NOW);
    assert_eq!(time(NOW + 1, "three"), NOW + 1);
}
