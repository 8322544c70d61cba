//! One change of a resource through every way in which people write it: put, patch, a batch, and a
//! foreign client that knows automerge and nothing of how we keep resources.

use automerge::{
    ActorId, Automerge, LoadOptions, ObjId, ObjType, ReadDoc, ScalarValue, TextEncoding,
    sync::{Message, MessageVersion},
    transaction::{Transactable, Transaction},
};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::NOW;
use crate::{
    Author, Command, Document, Event, Input, Output, Peer, Role, Room, RoomConfig, RoomId,
    mint_actor,
};

/// The clinical events of the change by each way that can make it; null where the resource is
/// absent. A command that changes nothing makes no change, so such a case has the foreign way alone.
pub(super) fn told(
    room: &str,
    resource_type: &str,
    before: &Value,
    after: &Value,
) -> Vec<(&'static str, String)> {
    let case = Case::new(room, resource_type, before, after);
    let mut told = Vec::new();
    if case.before != case.after {
        let command = case.put_or_delete();
        told.push(("put", case.run(case.command(command.clone()))));
        let other = json!({ "resourceType": "Basic", "id": "other", "created": "2024" });
        let commands = vec![Command::Put { resource: other }, command];
        told.push(("batch", case.run(case.command(Command::Batch { commands }))));
        if let Some(patch) = case.patch() {
            told.push(("patch", case.run(case.command(patch))));
        }
    }
    if let Some(foreign) = case.foreign() {
        told.push(("foreign", foreign));
    }
    told
}

struct Case {
    room: RoomId,
    resource_type: String,
    id: &'static str,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
}

impl Case {
    fn new(room: &str, resource_type: &str, before: &Value, after: &Value) -> Self {
        let elements = |value: &Value| {
            let mut elements = value.as_object()?.clone();
            elements.retain(|_, value| !value.is_null());
            Some(elements)
        };
        Self {
            room: RoomId::first(room.parse().unwrap()),
            resource_type: resource_type.to_owned(),
            id: if resource_type == "Patient" { "1" } else { "x" },
            before: elements(before),
            after: elements(after),
        }
    }

    fn put(&self, elements: &Map<String, Value>) -> Command {
        let mut resource = json!({ "resourceType": self.resource_type, "id": self.id });
        resource.as_object_mut().unwrap().extend(elements.clone());
        Command::Put { resource }
    }

    fn put_or_delete(&self) -> Command {
        let (resource_type, id) = (self.resource_type.clone(), self.id.to_owned());
        let delete = || Command::Delete { resource_type, id };
        self.after.as_ref().map_or_else(delete, |after| self.put(after))
    }

    fn patch(&self) -> Option<Command> {
        let (before, after) = (self.before.as_ref()?, self.after.as_ref()?);
        let removed = before.keys().map(|name| (name.clone(), Value::Null));
        let elements = removed.chain(after.clone()).collect();
        let (resource_type, id) = (self.resource_type.clone(), self.id.to_owned());
        Some(Command::Patch { resource_type, id, elements })
    }

    fn command(&self, command: Command) -> impl Fn(&Room) -> Input {
        let author = Some(Author::new("alice", "Alice"));
        move |_| Input::Command { ticket: 1, author: author.clone(), command: command.clone() }
    }

    /// Makes the resource stand as before, hands in what changes it, and gives the events.
    fn run(&self, change: impl Fn(&Room) -> Input) -> String {
        let mut room = self.standing();
        let change = change(&room);
        let events = drive(&mut room, [change]);
        let own = events.iter().filter(|event| event.resource_id == self.id);
        let names: Vec<&str> = own.map(|event| event.event.as_str()).collect();
        let (generic, clinical) = names.split_first().expect("every change is told");
        assert!(generic.starts_with("RESOURCE_"), "{generic} comes first");
        clinical.join(" ")
    }

    fn standing(&self) -> Room {
        let actor = mint_actor(NOW, [1; 8]);
        let document = Document::found(&self.room, actor.clone());
        let config = RoomConfig::new(self.room.clone(), Role::Server);
        let mut room = Room::new(RoomConfig { server_actor: Some(actor), ..config }, document);
        if let Some(before) = &self.before {
            let put = self.command(self.put(before))(&room);
            drive(&mut room, [put]);
        }
        room
    }

    fn foreign(&self) -> Option<String> {
        if self.before == self.after && self.after.as_ref().is_none_or(Map::is_empty) {
            return None;
        }
        let (peer, author) = (Peer(66), Some(Author::new("bob", "Bob")));
        let mut room = self.standing();
        let joined = Input::Joined { peer, author, may_write: true, extensions: false };
        drive(&mut room, [joined]);
        let message = self.foreign_change(&room).encode();
        let events = drive(&mut room, [Input::Received { peer, message }]);
        let names: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
        Some(names.split_first().expect("every change is told").1.join(" "))
    }

    fn foreign_change(&self, room: &Room) -> Message {
        let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
        let mut doc = Automerge::load_with_options(&room.document().save(), options).unwrap();
        doc.set_actor(ActorId::from([66; 16]));
        let collection = crate::document::tests_collection(&self.resource_type);
        let map = doc.get(&collection, self.id).unwrap().map(|(_, map)| map);
        let mut tx = doc.transaction();
        match (&self.after, map) {
            (None, _) => tx.delete(&collection, self.id).unwrap(),
            (Some(after), map) => {
                let map = map
                    .unwrap_or_else(|| tx.put_object(&collection, self.id, ObjType::Map).unwrap());
                let gone = self.before.iter().flat_map(Map::keys);
                for name in gone.filter(|name| !after.contains_key(*name)) {
                    tx.delete(&map, name.as_str()).unwrap();
                }
                after.iter().for_each(|(name, value)| put(&mut tx, &map, name, value));
            }
        }
        let hash = tx.commit().0.unwrap();
        let change = doc.get_change_by_hash(&hash).unwrap();
        Message {
            heads: doc.get_heads(),
            need: vec![],
            have: vec![],
            changes: vec![change.raw_bytes().to_vec()].into(),
            flags: None,
            version: MessageVersion::V1,
        }
    }
}

/// Writes JSON as automerge's JavaScript does: texts, nested maps and lists.
fn put(tx: &mut Transaction<'_>, map: &ObjId, name: &str, value: &Value) {
    match value {
        Value::String(text) => {
            let object = tx.put_object(map, name, ObjType::Text).unwrap();
            tx.splice_text(&object, 0, 0, text).unwrap();
        }
        Value::Object(members) => {
            let object = tx.put_object(map, name, ObjType::Map).unwrap();
            members.iter().for_each(|(name, value)| put(tx, &object, name, value));
        }
        Value::Array(items) => {
            let list = tx.put_object(map, name, ObjType::List).unwrap();
            for (index, item) in items.iter().enumerate() {
                let object = tx.insert_object(&list, index, ObjType::Map).unwrap();
                let members = item.as_object().expect("lists hold objects here");
                members.iter().for_each(|(name, value)| put(tx, &object, name, value));
            }
        }
        Value::Bool(flag) => tx.put(map, name, *flag).unwrap(),
        Value::Number(number) => tx.put(map, name, number.as_f64().unwrap()).unwrap(),
        Value::Null => tx.put(map, name, ScalarValue::Null).unwrap(),
    }
}

/// Drives a server's room until it has nothing more to do; gives its events.
fn drive(room: &mut Room, inputs: impl IntoIterator<Item = Input>) -> Vec<Arc<Event>> {
    let mut events = Vec::new();
    for input in inputs {
        room.handle(NOW, input);
        room.advance(NOW);
        while let Some(output) = room.poll_output() {
            if let Output::Persist(batch) = output {
                events.extend(batch.events);
                room.handle(NOW, Input::Persisted { through: batch.number });
            }
        }
    }
    events
}
