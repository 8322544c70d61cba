//! What must hold: at every step, and once everything is quiet.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use automerge::sync::Message;
use chartroom_engine::{
    ChangeHash, Conflict, Document, Event, Room,
    document::{ConflictKind, ConflictValue, People},
    mint_actor,
};
use chartroom_server::storage::Storage;
use serde_json::{Map, Value};

use super::{Failure, model, people::Replica, plan::Kind, server::Server, splits, world::World};

/// Heads that the server speaks are durable, whoever hears them.
pub fn of_message(world: &World, room: usize, message: &[u8]) -> Result<(), Failure> {
    let Ok(message) = Message::decode(message) else {
        return Err(world.failure("message", "the server sends what is no sync message"));
    };
    let (genesis, durable) = (world.genesis.get(room), world.record.durable.get(room));
    let known = |hash: &ChangeHash| {
        Some(hash) == genesis || durable.is_some_and(|durable| durable.contains(hash))
    };
    match message.heads.iter().all(known) {
        true => Ok(()),
        false => Err(world.failure("durable", "the server speaks heads that are not durable")),
    }
}

/// Whoever has nothing under way has the server's heads.
pub fn while_running(world: &mut World) -> Result<(), Failure> {
    let Some(mut server) = world.server.take_if(|server| server.is_quiet()) else { return Ok(()) };
    let mut outcome = Ok(());
    for room in 0..world.rooms.len() {
        let heads = server.room(room).document().heads();
        for (who, person) in world.people.iter().enumerate() {
            let replica = person.replica(room);
            let differs = person.kind != Kind::Hostile && replica.heads() != heads;
            if world.is_in_step(who, room) && differs && outcome.is_ok() {
                let name = &person.author.id;
                outcome =
                    Err(world.failure("heads", format!("{name} is in step with other heads")));
            }
        }
    }
    world.server = Some(server);
    outcome
}

/// Everybody has the same of everything, and nothing that was promised is missing.
pub fn when_quiet(world: &mut World) -> Result<(), Failure> {
    let Some(mut server) = world.server.take() else {
        return Err(world.failure("liveness", "the server is down"));
    };
    let rooms = 0..world.rooms.len();
    let outcome = rooms.into_iter().try_for_each(|number| {
        let stored = server.stored(number);
        let stored = stored.map_err(|error| world.failure("load", error))?;
        let room = server.room(number);
        converged(world, number, room)?;
        if let Some(difference) = difference(room, &stored) {
            return Err(world.failure("restart", difference));
        }
        logged(world, number, room)?;
        let events = events(world, number, &server)?;
        replayed(world, &stored, &events)?;
        let room = server.room(number);
        replayed(world, room, &events)?;
        splits::agree(room, &events).map_err(|text| world.failure("splits", text))
    });
    world.server = Some(server);
    outcome
}

/// Every replica is the server's.
fn converged(world: &World, number: usize, server: &Room) -> Result<(), Failure> {
    for person in &world.people {
        let replica = person.replica(number);
        let name = &person.author.id;
        if let (Kind::Hostile, Replica::Stock(doc, _)) = (person.kind, replica) {
            let heads = server.document().heads();
            if !heads.iter().all(|head| doc.get_change_meta_by_hash(head).is_some()) {
                return Err(world.failure("liveness", format!("{name} does not hear the others")));
            }
            continue;
        }
        if replica.heads() != server.document().heads() {
            return Err(world.failure("convergence", format!("{name} has other heads")));
        }
        let differs = match replica {
            Replica::Ours(room) => {
                difference(server, room).or_else(|| differing_show(server, room))
            }
            Replica::Stock(doc, _) => {
                let id = server.id();
                match Document::load(id, mint_actor(0, [0; 8]), Some(&doc.save()), []) {
                    Ok(document) => differing_resource(server, &document, server.people()),
                    Err(error) => Some(error.to_string()),
                }
            }
        };
        if let Some(differs) = differs {
            return Err(world.failure("convergence", format!("{name}: {differs}")));
        }
    }
    Ok(())
}

/// In what two replicas with the same heads differ.
pub fn difference(one: &Room, other: &Room) -> Option<String> {
    if one.document().heads() != other.document().heads() {
        return Some("the heads".to_owned());
    }
    differing_resource(one, other.document(), other.people())
}

/// A conflict of which a client of ours shows another side than the server.
fn differing_show(server: &Room, client: &Room) -> Option<String> {
    let shown = |room: &Room| -> BTreeMap<String, String> {
        let conflicts = room.conflicts().into_iter();
        let shown = conflicts.filter_map(|conflict| {
            let Conflict { resource_type, id, kind, elements, values, .. } = conflict;
            let place = format!("{resource_type}/{id} {kind:?} {elements:?}");
            Some((place, values.into_iter().find(|side| side.shown)?.hash))
        });
        shown.collect()
    };
    let (theirs, ours) = (shown(server), shown(client));
    let (place, shown) = theirs.iter().find(|(place, shown)| ours.get(*place) != Some(*shown))?;
    Some(format!("{place} shows {shown} and {:?}", ours.get(place)))
}

/// Which resource two documents with the same heads read in different ways.
///
/// Which side of a conflict is shown is the log's order, which a stock client does not know; so
/// elements in conflict are compared by their sides.
fn differing_resource(one: &Room, other: &Document, people: &People) -> Option<String> {
    let ours: Vec<Conflict> = one.conflicts();
    let theirs = other.conflicts(people);
    if told(&ours) != told(&theirs) {
        return Some(format!("the conflicts: {:?} and {:?}", told(&ours), told(&theirs)));
    }
    let disputed = |name: &str, id: &str, text: &str| {
        ours.iter().any(|conflict| {
            (conflict.kind, conflict.resource_type.as_str(), conflict.id.as_str())
                == (ConflictKind::Text, name, id)
                && conflict.elements.iter().any(|element| element == text)
        })
    };
    let text = model::texts().find(|(name, id, text)| {
        let read = |document: &Document| document.text(name, id, text);
        !disputed(name, id, text) && read(one.document()) != read(other)
    });
    if let Some((name, id, text)) = text {
        return Some(format!("the text {name}/{id}/{text}"));
    }
    let (mine, other) = (resources(one.document()), resources(other));
    let undecided = |key: &(String, String)| {
        ours.iter().any(|conflict| {
            let whole = matches!(conflict.kind, ConflictKind::Deleted | ConflictKind::Created);
            (&conflict.resource_type, &conflict.id) == (&key.0, &key.1) && whole
        })
    };
    let keys: BTreeSet<_> = mine.keys().chain(other.keys()).collect();
    let differs = keys.into_iter().filter(|key| !undecided(key)).find(|key| {
        let decided = |resource: Option<&Map<String, Value>>| {
            let disputed: Vec<&String> = ours
                .iter()
                .filter(|conflict| (&conflict.resource_type, &conflict.id) == (&key.0, &key.1))
                .filter(|conflict| conflict.kind != ConflictKind::Text)
                .flat_map(|conflict| &conflict.elements)
                .collect();
            let mut resource = resource?.clone();
            resource.retain(|name, _| !disputed.contains(&name));
            Some(resource)
        };
        decided(mine.get(*key)) != decided(other.get(*key))
    })?;
    Some(format!("{differs:?} reads {:?} and {:?}", mine.get(differs), other.get(differs)))
}

/// Where conflicts are, of which kind, and the changes on their sides; of texts also what they say.
fn told(conflicts: &[Conflict]) -> BTreeSet<String> {
    let told = conflicts.iter().map(|conflict| {
        let side =
            |side: &ConflictValue| (side.hash.clone(), side.value.as_str().map(str::to_owned));
        let hashes: BTreeSet<_> = conflict.values.iter().map(side).collect();
        let Conflict { resource_type, id, kind, elements, .. } = conflict;
        format!("{resource_type}/{id} {kind:?} {elements:?} {hashes:?}")
    });
    told.collect()
}

/// Resources that stand, by type and id.
fn resources(document: &Document) -> BTreeMap<(String, String), Map<String, Value>> {
    let resources = document.resources().into_iter().filter_map(|resource| {
        let text = |name| resource.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(((text("resourceType")?, text("id")?), resource.as_object()?.clone()))
    });
    resources.collect()
}

/// What was durable is in the log, once, and nothing forbidden.
fn logged(world: &World, number: usize, room: &Room) -> Result<(), Failure> {
    let log = room.document().log();
    let hashes: BTreeSet<ChangeHash> = log.iter().map(|change| change.hash).collect();
    if hashes.len() != log.len() || room.seq() != log.len() as u64 {
        return Err(world.failure("log", "a change is in the log twice, or not counted"));
    }
    if world.record.durable.get(number).is_none_or(|durable| !durable.is_subset(&hashes)) {
        return Err(world.failure("lost", "a change that was durable is gone"));
    }
    if !world.record.forbidden.is_disjoint(&hashes) {
        return Err(world.failure("forbidden", "a forbidden change was taken"));
    }
    Ok(())
}

/// The stored events: numbered, as they were published, and by those who made the changes.
fn events(world: &World, number: usize, server: &Server) -> Result<Vec<Event>, Failure> {
    let id = world.rooms.get(number).expect("rooms are numbered");
    let events = server.storage().events(id, 0, usize::MAX);
    let events = events.map_err(|error| world.failure("load", error.to_string()))?;
    if !events.iter().map(|event| event.seq).eq(1..=events.len() as u64) {
        return Err(world.failure("numbers", "events are not numbered without gap or repeat"));
    }
    let published = world.record.published.get(number).expect("rooms are numbered");
    for event in &events {
        let hash = event.changes.first().and_then(|hash| hash.parse::<ChangeHash>().ok());
        let made = hash.and_then(|hash| world.record.made.get(&hash));
        let author = event.author.as_ref().map(|author| author.id.as_str());
        let is_right = match (made, author) {
            (Some(made), author) => author == Some(&made.id),
            // Mallory's bent changes, and what the server wrote before it died without an answer.
            (None, Some(author)) => author == "mallory" || world.record.posted.contains(author),
            (None, None) => false,
        };
        if !is_right {
            return Err(world.failure("authors", format!("event {} names {author:?}", event.seq)));
        }
        let bare = |event: &Event| Event { resource: Arc::default(), ..event.clone() };
        if published.get(&event.seq).is_some_and(|told| bare(told) != *event) {
            return Err(world.failure("events", format!("event {} is not as told", event.seq)));
        }
    }
    if published.keys().any(|seq| *seq > events.len() as u64) {
        return Err(world.failure("events", "an event that was told is gone"));
    }
    // With the resource, as it was told, where somebody was.
    Ok(events
        .into_iter()
        .map(|event| published.get(&event.seq).cloned().unwrap_or(event))
        .collect())
}

/// Events read back from history are those that were told, and they end at the room's state.
fn replayed(world: &World, room: &Room, events: &[Event]) -> Result<(), Failure> {
    let asked: Vec<_> = events
        .iter()
        .filter_map(|event| {
            let hash = event.changes.first()?.parse().ok()?;
            Some((hash, event.resource_type.clone(), event.resource_id.clone()))
        })
        .collect();
    let replayed = room.document().resources_behind(&asked);
    let mut state = BTreeMap::new();
    for (event, resource) in events.iter().zip(&replayed) {
        if !event.resource.is_null() && event.resource != *resource {
            let Event { seq, resource: told, .. } = event;
            let text = format!("event {seq} told {told}, and reads {resource}");
            return Err(world.failure("replay", text));
        }
        state.insert((&event.resource_type, &event.resource_id), resource);
    }
    for ((resource_type, id), last) in state {
        let stands = room.document().resource(resource_type, id);
        let is_stub = last.as_object().is_some_and(|resource| resource.len() == 2);
        if stands.as_ref().is_some_and(|stands| stands != &**last) || stands.is_none() && !is_stub {
            let text = format!("{resource_type}/{id} ends as {last}, and stands as {stands:?}");
            return Err(world.failure("replay", text));
        }
    }
    Ok(())
}
