use serde_json::json;

use super::*;
use crate::{
    ActorId, Author, Command, Document, Input, Role, RoomConfig, RoomId, access::Access,
    document::Versions, mint_actor,
};

const NOW_MS: u64 = 1_700_000_000_000;

fn room() -> Room {
    let (id, actor) = (RoomId::first("patient:1".parse().unwrap()), mint_actor(NOW_MS, [1; 8]));
    let document = Document::found(&id, actor.clone());
    Room::new(
        RoomConfig { server_actor: Some(actor), ..RoomConfig::new(id, Role::Server) },
        document,
    )
}

/// Hands an input in, makes what follows durable, and gives the answer.
fn answer(room: &mut Room, input: Input) -> (Result<Edit, CommandError>, Vec<String>) {
    room.handle(NOW_MS, input);
    room.advance(NOW_MS);
    let (mut result, mut events) = (None, Vec::new());
    while let Some(output) = room.poll_output() {
        if let Output::Persist(batch) = &output {
            room.handle(NOW_MS, Input::Persisted { through: batch.number });
        }
        if let Output::Events(told) = &output {
            events.extend(told.iter().map(|event| {
                format!("{} by {}", event.event, event.author.as_ref().unwrap().name)
            }));
        }
        if let Output::Answered { result: answered, .. } = output {
            result = Some(answered);
        }
    }
    (result.unwrap(), events)
}

fn flag(status: &str, text: &str) -> Command {
    let resource = json!({
        "resourceType": "Flag", "id": "f", "status": status, "identifier": [{ "value": text }],
        "subject": { "reference": "Patient/1" },
    });
    Command::Put { resource }
}

fn written(room: &mut Room, command: Command) {
    let author = Some(Author::new("bob", "Bob"));
    answer(room, Input::Command { ticket: 1, author, command }).0.unwrap();
}

fn offer(room: &Room, actor: ActorId, command: Command) -> Input {
    let mut versions = Versions::default();
    versions.follow(room.document());
    let base = versions.of("Flag", "f")[0];
    let chunk = room.document().change_behind(&base, actor, &command, NOW_MS).unwrap().unwrap();
    let author = Author::new("alice", "Alice");
    let access = Arc::new(Access::everything());
    Input::Offered { ticket: 2, offer: Offer { author, chunk, command, access } }
}

#[test]
fn an_offered_change_merges_with_what_came_since() {
    let mut room = room();
    written(&mut room, flag("active", "falls"));
    written(&mut room, flag("inactive", "falls"));
    let input = offer(&room, mint_actor(NOW_MS, [7; 8]), flag("active", "falls often"));
    let (result, events) = answer(&mut room, input);
    assert!(result.unwrap().hash.is_some());
    assert_eq!(events, ["RESOURCE_UPDATED by Alice", "ALERT_UPDATED by Alice"]);
    let flag = room.document().resource("Flag", "f").unwrap();
    assert_eq!(
        (&flag["status"], &flag["identifier"][0]["value"]),
        (&json!("inactive"), &json!("falls often"))
    );
    assert!(room.conflicts().is_empty() && room.settled());
}

#[test]
fn an_offered_change_of_the_same_element_is_a_conflict() {
    let mut room = room();
    written(&mut room, flag("active", "falls"));
    written(&mut room, flag("inactive", "falls"));
    let input = offer(&room, mint_actor(NOW_MS, [7; 8]), flag("entered-in-error", "falls"));
    let (result, events) = answer(&mut room, input);
    assert!(result.is_ok());
    assert!(events.contains(&"CONFLICT_DETECTED by Alice".to_owned()), "{events:?}");
    assert_eq!(room.conflicts().len(), 1);
}

#[test]
fn an_offer_with_somebody_elses_actor_is_refused() {
    let mut room = room();
    written(&mut room, flag("active", "falls"));
    let input = offer(&room, room.document().actor().clone(), flag("inactive", "falls"));
    assert!(answer(&mut room, input).0.is_err());
    let garbage = Offer {
        author: Author::new("a", "A"),
        chunk: vec![1, 2, 3],
        command: flag("x", "y"),
        access: Arc::new(Access::everything()),
    };
    let (result, _) = answer(&mut room, Input::Offered { ticket: 3, offer: garbage });
    assert_eq!(result.unwrap_err().code(), "malformed");
}
