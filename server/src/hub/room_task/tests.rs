#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected ends there, and one panics on purpose"
)]

use std::{pin::pin, sync::Arc, time::Duration};

use chartroom_engine::{Action, Author, Batch, Command, RoomId};
use futures_util::FutureExt;
use serde_json::json;

use crate::{
    audit::{Act, Entry, NAMED_MAX, entries_between},
    hub::{Hub, HubConfig, RoomError, RoomHandle},
    storage::{Fault, Memory, RoomBatch, Storage},
};

async fn write(room: &RoomHandle, id: &str) -> Result<(), RoomError> {
    let resource = json!({
        "resourceType": "Condition",
        "id": id,
        "subject": { "reference": "Patient/p1" },
    });
    let author = Author::new("alice", "Alice");
    room.command(author, vec![Command::Put { resource }]).await.map(|_| ())
}

#[tokio::test]
async fn a_room_whose_task_panics_is_loaded_again_and_the_others_go_on() {
    let hub = Hub::start(Arc::new(Memory::new()), HubConfig::default()).unwrap();
    let room = hub.open(&RoomId::first("patient:p1".parse().unwrap())).unwrap();
    let other = hub.open(&RoomId::first("facility:icu".parse().unwrap())).unwrap();
    write(&room, "a").await.unwrap();

    let failed = room.read(|_| -> () { panic!("a fault of ours, on purpose") }).await;
    assert!(matches!(failed, Err(RoomError::Ended)), "{failed:?}");

    let ids = |room: &chartroom_engine::Room| room.document().collection("Condition").len();
    assert_eq!(room.read(ids).await.unwrap(), 1);
    write(&room, "b").await.unwrap();
    assert_eq!(room.read(ids).await.unwrap(), 2);
    assert_eq!(room.read(|room| room.seq()).await.unwrap(), 2);
    assert_eq!(other.read(ids).await.unwrap(), 0);
    assert_eq!(hub.metrics().reloads.get(), 1);
    hub.close(false).await;
}

#[tokio::test]
async fn who_looks_while_a_write_fails_sees_the_room_that_is_loaded_again() {
    let storage = Arc::new(Memory::new());
    let hub = Hub::start(storage.clone(), HubConfig::default()).unwrap();
    let room = hub.open(&RoomId::first("patient:p1".parse().unwrap())).unwrap();
    write(&room, "a").await.unwrap();
    let batches = hub.metrics().batches.get();

    // The storage is kept from the write while somebody comes to look, and fails it then.
    let (let_go, held) = std::sync::mpsc::sync_channel::<()>(0);
    let other = RoomId::first("patient:p2".parse().unwrap());
    let nothing = RoomBatch::new(other, Batch::default(), 0);
    hub.writer.commit(nothing, move |_| {
        // Ends when the test lets go.
        let _ = held.recv();
    });
    let mut writing = pin!(write(&room, "b"));
    while hub.metrics().batches.get() == batches {
        assert!(writing.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    let mut looking = pin!(room.read(|room| room.document().collection("Condition").len()));
    for _ in 0..10 {
        assert!(looking.as_mut().now_or_never().is_none(), "what is not durable is not shown");
        tokio::task::yield_now().await;
    }
    storage.tree().fail_writes([Fault::NotWritten; 2]);
    drop(let_go);
    assert!(matches!(writing.await, Err(RoomError::Storage)));
    assert_eq!(looking.await.unwrap(), 1);
    assert_eq!(hub.metrics().reloads.get(), 1);
    hub.close(false).await;
}

/// A room with one resource, as it stands in the store when nobody uses it.
async fn written(hub: &Arc<Hub>, patient: &str) -> RoomId {
    let id = RoomId::first(format!("patient:{patient}").parse().unwrap());
    let room = hub.open(&id).unwrap();
    let resource = json!({ "resourceType": "Patient", "id": patient });
    let author = Author::new("alice", "Alice");
    room.command(author, vec![Command::Put { resource }]).await.unwrap().remove(0).unwrap();
    id
}

/// Waits until so many rooms are loaded.
async fn until_loaded(hub: &Hub, rooms: i64) {
    let loaded = async {
        while hub.metrics().rooms_loaded.get() != rooms {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), loaded).await.expect("rooms are unloaded");
}

#[tokio::test]
async fn each_change_that_is_stored_is_in_the_audit_trail_with_it() {
    let storage = Arc::new(Memory::new());
    let hub = Hub::start(storage.clone(), HubConfig::default()).unwrap();
    let id = written(&hub, "p1").await;
    let room = hub.open(&id).unwrap();
    let resources = (0..100).map(|n| {
        json!({
            "resourceType": "Condition",
            "id": format!("c{n}"),
            "subject": { "reference": "Patient/p1" },
            "code": { "text": "angina" },
        })
    });
    let import = Command::Import { resources: resources.collect() };
    let edit = room.command(Author::new("import", "Import"), vec![import]).await.unwrap().remove(0);
    let hash = edit.unwrap().hash.unwrap().to_string();

    let found = entries_between(&*storage, 0, 100).unwrap();
    assert_eq!(found.len(), 2, "the room's founding is nobody's act");
    let (first, second) = (&found[0], &found[1]);
    assert_eq!(
        (first.act, first.rooms.as_slice()),
        (Act::Write, ["patient:p1".to_owned()].as_slice())
    );
    assert_eq!(first.who, Some(Author::new("alice", "Alice")));
    let (of, action) = (first.resources[0].of.as_str(), first.resources[0].action);
    assert_eq!((of, action, first.import), ("Patient/p1", Some(Action::Created), false));
    assert_eq!((second.resources.len(), second.more, second.import), (100, 0, true));
    assert_eq!(second.changes, [hash]);
    assert!(!serde_json::to_string(&found).unwrap().contains("angina"), "no clinical text");
    hub.close(false).await;
}

#[tokio::test]
async fn what_is_typed_names_its_resource_once_for_a_row_of_letters() {
    let storage = Arc::new(Memory::new());
    let hub = Hub::start(storage.clone(), HubConfig::default()).unwrap();
    let id = RoomId::first("patient:p1".parse().unwrap());
    let room = hub.open(&id).unwrap();
    write(&room, "a").await.unwrap();
    write(&room, "b").await.unwrap();
    let splice = |id: &str, insert: &str| Command::Splice {
        resource_type: "Condition".to_owned(),
        id: id.to_owned(),
        element: "note".to_owned(),
        index: usize::MAX,
        delete: 0,
        insert: insert.to_owned(),
    };
    let letters = "angina pectoris ".repeat(10);
    let mut commands: Vec<Command> =
        letters.chars().map(|letter| splice("a", &letter.to_string())).collect();
    commands.push(splice("b", "fever"));
    // A resource and another one's text in one change.
    let resource = json!({
        "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/p1" },
    });
    let whole = vec![Command::Put { resource }, splice("b", "!")];
    commands.push(Command::Batch { commands: whole });
    commands.push(splice("c", "dyspnoea"));
    let edits = room.command(Author::new("alice", "Alice"), commands).await.unwrap();
    let hashes: Vec<String> =
        edits.into_iter().map(|edit| edit.unwrap().hash.unwrap().to_string()).collect();

    let found = entries_between(&*storage, 2, 100).unwrap();
    let named: Vec<String> = found.iter().flat_map(|entry| entry.changes.clone()).collect();
    assert_eq!(named, hashes, "each change is named once, in the log's order");
    let told = |entry: &Entry| -> Vec<(String, Option<Action>)> {
        entry.resources.iter().map(|touched| (touched.of.clone(), touched.action)).collect()
    };
    let is = |of: &str, action| ("Condition/".to_owned() + of, Some(action));
    let mut distinct: Vec<_> = found.iter().map(told).collect();
    distinct.dedup();
    let both = vec![is("c", Action::Created), is("b", Action::Updated)];
    assert_eq!(
        distinct,
        [
            vec![is("a", Action::Updated)],
            vec![is("b", Action::Updated)],
            both,
            vec![is("c", Action::Updated)]
        ],
    );
    assert!(found.len() < 160 / 2, "a row of letters is few entries: {}", found.len());
    for entry in &found {
        assert_eq!(
            (entry.act, entry.who.clone()),
            (Act::Write, Some(Author::new("alice", "Alice")))
        );
        assert!(entry.changes.len() <= NAMED_MAX);
    }
    let all = serde_json::to_string(&found).unwrap();
    for word in ["angina", "fever", "dyspnoea", "note"] {
        assert!(!all.contains(word), "no text, and no name of one: {word}");
    }
    hub.close(false).await;
}

#[tokio::test]
async fn over_the_budget_the_room_that_was_unused_longest_goes_and_those_in_use_stay() {
    let storage = Arc::new(Memory::new());
    let first = Hub::start(storage.clone(), HubConfig::default()).unwrap();
    let mut rooms = Vec::new();
    for patient in ["a", "b", "c", "d"] {
        rooms.push(written(&first, patient).await);
    }
    let cost = first.metrics().rooms_bytes.get();
    first.close(false).await;

    // Room for three of the four.
    let memory_budget = u64::try_from(cost).unwrap() * 7 / 8;
    let config = HubConfig { memory_budget, ..HubConfig::default() };
    let hub = Hub::start(storage, config).unwrap();
    let held = hub.open(&rooms[0]).unwrap();
    held.loaded().await.unwrap();
    for room in &rooms[1..3] {
        hub.open(room).unwrap().loaded().await.unwrap();
    }
    until_loaded(&hub, 3).await;
    hub.open(&rooms[3]).unwrap().loaded().await.unwrap();
    until_loaded(&hub, 3).await;
    let loaded: Vec<_> = hub.rooms.lock().loaded.values().map(|room| room.id().clone()).collect();
    assert!(loaded.contains(&rooms[0]), "somebody holds it");
    assert!(!loaded.contains(&rooms[1]), "it was unused longest");
    let kept = hub.metrics().rooms_bytes.get();
    assert!(kept <= i64::try_from(memory_budget).unwrap(), "{kept}");
    hub.close(false).await;
}

#[tokio::test]
async fn what_a_compaction_saved_is_what_newcomers_are_sent() {
    let storage = Arc::new(Memory::new());
    let hub = Hub::start(storage.clone(), HubConfig::default()).unwrap();
    let id = written(&hub, "p1").await;
    let room = hub.open(&id).unwrap();
    let text = "x".repeat(300_000);
    let resource = json!({ "resourceType": "Patient", "id": "p1", "language": text });
    let author = Author::new("alice", "Alice");
    room.command(author, vec![Command::Put { resource }]).await.unwrap().remove(0).unwrap();
    let kept = async {
        while room.read(chartroom_engine::Room::snapshot_bytes).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), kept).await.expect("a snapshot comes back");
    let stored = storage.load(&id).unwrap().unwrap();
    assert!(stored.changes.is_empty(), "it was stored first");
    let bytes = room.read(chartroom_engine::Room::snapshot_bytes).await.unwrap();
    assert_eq!(stored.snapshot.unwrap().len(), bytes);
    hub.close(false).await;
}
