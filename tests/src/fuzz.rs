//! What the fuzz targets drive, also run here from seeds.
//!
//! Each function takes any bytes and holds for all of them: no panic, nothing half applied, and
//! whoever else is in the room is served. `fuzz/` feeds them from libFuzzer.

use chartroom_engine::{
    Author, Command, Document, Input, Output, Peer, Role, Room, RoomConfig, RoomId, mint_actor,
};
use serde_json::{Value, json};

const NOW_MS: u64 = 1_700_000_000_000;
const MALLORY: Peer = Peer(66);

/// Any bytes as sync messages: one byte of length divided by four, then the message, again and
/// again.
pub fn messages(data: &[u8]) {
    let mut room = room_with_mallory();
    let mut rest = data;
    while let Some((length, tail)) = rest.split_first() {
        let (message, tail) = tail.split_at((usize::from(*length) * 4).min(tail.len()));
        deliver(&mut room, message.to_vec());
        rest = tail;
    }
    still_serves(&mut room);
}

/// A sound change with some bytes of its chunk replaced, its checksum made right again: pairs of
/// position and value.
pub fn changes(data: &[u8]) {
    let mut room = room_with_mallory();
    let mut chunk = sound_change();
    let start = 9;
    for pair in data.chunks_exact(3) {
        let [high, low, value] = pair else { continue };
        let span = chunk.len() - start;
        let at = start + usize::from(u16::from_be_bytes([*high, *low])) % span;
        if let Some(byte) = chunk.get_mut(at) {
            *byte = *value;
        }
    }
    let hash = chartroom_engine::change::seal(&mut chunk);
    deliver(&mut room, sync_message(&[hash], &[chunk]));
    still_serves(&mut room);
    let saved = room.document().save();
    let again = Document::load(room.id(), mint_actor(2, [2; 8]), Some(&saved), []);
    let heads = again.map(|document| document.heads());
    assert_eq!(heads.ok(), Some(room.document().heads()), "what was taken can be saved and loaded");
}

/// Any JSON as a resource: refused, or given back equal.
pub fn resources(data: &[u8]) {
    let Ok(mut resource) = serde_json::from_slice::<Value>(data) else { return };
    if let Some(object) = resource.as_object_mut() {
        object.insert("resourceType".to_owned(), json!("Basic"));
        object.insert("id".to_owned(), json!("x"));
        object.retain(|_, value| !value.is_null());
    }
    let mut room = room_with_mallory();
    let command = Command::Put { resource: resource.clone() };
    if command_result(&mut room, command.clone()) {
        let exported = room.document().export();
        let back = exported.pointer("/entry/0/resource").expect("what was put is exported");
        assert_eq!(back, &resource);
        assert!(command_result(&mut room, command));
        assert_eq!(room.seq(), 1, "the same put again writes nothing");
    }
}

/// An empty room on a server, with one member who may write.
fn room_with_mallory() -> Room {
    let id = RoomId::first("patient:1".parse().expect("a room name"));
    let actor = mint_actor(NOW_MS, [1; 8]);
    let document = Document::found(&id, actor.clone());
    let config = RoomConfig { server_actor: Some(actor), ..RoomConfig::new(id, Role::Server) };
    let mut room = Room::new(config, document);
    join(&mut room);
    room
}

fn join(room: &mut Room) {
    let author = Some(Author::new("mallory", "Mallory"));
    let input = Input::Joined { peer: MALLORY, author, may_write: true, extensions: true };
    room.handle(NOW_MS, input);
}

fn deliver(room: &mut Room, message: Vec<u8>) {
    room.handle(NOW_MS, Input::Received { peer: MALLORY, message });
    if drive(room).1 {
        join(room);
    }
}

/// Advances and drains until nothing moves; says whether a command was carried out, and whether a
/// peer was closed.
fn drive(room: &mut Room) -> (bool, bool) {
    let (mut done, mut closed) = (false, false);
    loop {
        room.advance(NOW_MS);
        let mut moved = false;
        while let Some(output) = room.poll_output() {
            match output {
                Output::Persist(batch) => {
                    moved = true;
                    room.handle(NOW_MS, Input::Persisted { through: batch.number });
                }
                Output::Answered { result, .. } => done = result.is_ok(),
                Output::Close { .. } => closed = true,
                Output::Reload { reason } => panic!("the document was harmed: {reason}"),
                Output::Send { .. }
                | Output::Events(_)
                | Output::Refused { .. }
                | Output::Introduce { .. }
                | Output::Adopted
                | Output::Saved { .. }
                | Output::GivenBack { .. } => {}
            }
        }
        if !moved {
            return (done, closed);
        }
    }
}

fn command_result(room: &mut Room, command: Command) -> bool {
    let author = Some(Author::new("alice", "Alice"));
    room.handle(NOW_MS, Input::Command { ticket: 1, author, command });
    drive(room).0
}

fn still_serves(room: &mut Room) {
    let resource = json!({"resourceType": "Condition", "id": "after", "code": {"text": "Asthma"}});
    assert!(command_result(room, Command::Put { resource }), "others can still write");
    assert!(room.document().resource("Condition", "after").is_some());
}

/// A change that a client of the room makes.
fn sound_change() -> Vec<u8> {
    let id = RoomId::first("patient:1".parse().expect("a room name"));
    let document = Document::found(&id, mint_actor(NOW_MS, [7; 8]));
    let mut client = Room::new(RoomConfig::new(id, Role::Client), document);
    let resource = json!({
        "resourceType": "Condition", "id": "c", "code": {"text": "Asthma"}, "note": [{"text": "a"}],
        "subject": {"reference": "Patient/1"}, "recordedDate": "2026", "category": ["b", "c"],
    });
    let command = Command::Put { resource };
    client.handle(NOW_MS, Input::Command { ticket: 1, author: None, command });
    client.advance(NOW_MS);
    let changes = std::iter::from_fn(|| client.poll_output()).find_map(|output| match output {
        Output::Persist(batch) => Some(batch.changes),
        _ => None,
    });
    changes.expect("a put makes a change").first().expect("one change").bytes.to_vec()
}

/// A sync message of version 1 with these heads and chunks, by the letter of the format.
fn sync_message(heads: &[[u8; 32]], chunks: &[Vec<u8>]) -> Vec<u8> {
    fn leb(mut number: usize, out: &mut Vec<u8>) {
        while number >= 0x80 {
            out.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }
    let mut message = vec![0x42];
    leb(heads.len(), &mut message);
    message.extend(heads.iter().flatten());
    message.extend([0, 0]);
    leb(chunks.len(), &mut message);
    for chunk in chunks {
        leb(chunk.len(), &mut message);
        message.extend(chunk);
    }
    message
}

#[cfg(test)]
mod tests {
    use rand::{RngCore, SeedableRng, rngs::StdRng};

    const SEEDS: u64 = 300;

    fn run(target: fn(&[u8]), bytes_max: u32) {
        for seed in 0..SEEDS {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut data = vec![0; (rng.next_u32() % bytes_max) as usize];
            rng.fill_bytes(&mut data);
            target(&data);
        }
    }

    #[test]
    fn any_message_leaves_the_room_standing() {
        run(super::messages, 400);
    }

    #[test]
    fn any_change_is_taken_whole_or_refused() {
        run(super::changes, 24);
    }

    #[test]
    fn any_resource_comes_back_equal_or_is_refused() {
        for text in [
            r#"{"a":{"b":1.10}}"#,
            r#"{"_a":{"id":"x"},"a":null}"#,
            r#"{"a":[[],{},null,"=",1e400]}"#,
            r#"{"extension":[{"url":"$order"},{"url":"$order"},{"url":"b","x":[]}]}"#,
            r#"{"extension":[{"no":"url"}],"modifierExtension":[]}"#,
            r#"{"meta":{},"a":-0,"b":"=_[1]"}"#,
            r#"{"meta":{"versionId":"1"},"code":{},"author":"=_"}"#,
        ] {
            super::resources(text.as_bytes());
        }
    }
}
