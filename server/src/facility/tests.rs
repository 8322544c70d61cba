#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected ends there"
)]

use chartroom_engine::{Author, Command, RoomName};
use serde_json::json;

use super::{write::Place, *};
use crate::{
    hub::HubConfig,
    storage::{Fact, Memory, Storage},
};

fn started() -> Arc<Hub> {
    let memory: Arc<dyn Storage> = Arc::new(Memory::new());
    Hub::start(memory, HubConfig::default()).unwrap()
}

fn chart() -> RoomName {
    "patient:1".parse().unwrap()
}

async fn prescribe(hub: &Arc<Hub>, id: &str) {
    let resource = json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "subject": { "reference": "Patient/1" },
        "medicationCodeableConcept": { "text": "Amoxicillin" },
    });
    let alice = Author::new("alice", "Alice");
    let room = hub.open_latest(&chart()).await.unwrap();
    let edits = room.command(alice, vec![Command::Put { resource }]).await.unwrap();
    edits.into_iter().for_each(|edit| drop(edit.unwrap()));
}

/// Waits until the queue has so many entries; the names of the events that it repeats.
async fn repeated(hub: &Arc<Hub>, entries: usize) -> Vec<String> {
    let queue = RoomName::pharmacy();
    let mut follower = hub.follow(&queue, Some(0)).await.unwrap();
    let mut names = Vec::new();
    loop {
        let room = hub.open_latest(&queue).await.unwrap();
        let standing = room.read(|room| room.document().collection("Task").len()).await.unwrap();
        if standing >= entries && names.iter().any(|name| name == "MEDICATION_PRESCRIBED") {
            return names;
        }
        let events = follower.next().await.unwrap();
        let told = events.iter().filter(|event| event.source.is_some());
        names.extend(told.map(|event| event.event.clone()));
    }
}

#[tokio::test]
async fn where_events_were_dropped_what_stands_is_taken_and_told_to_nobody() {
    let hub = started();
    prescribe(&hub, "old").await;
    let room = hub.open_latest(&chart()).await.unwrap();
    let last = room.read(|room| room.event_seq()).await.unwrap();
    hub.trim_events(room.id().clone(), last).await.unwrap();
    prescribe(&hub, "new").await;
    let facility = Facility::start(&hub, FacilityConfig::default());
    let told = repeated(&hub, 2).await;
    assert_eq!(told.iter().filter(|name| *name == "MEDICATION_PRESCRIBED").count(), 1);
    facility.stop().await;
    hub.close(false).await;
}

#[tokio::test]
async fn how_far_a_room_is_read_is_noted_with_what_followed() {
    let hub = started();
    let facility = Facility::start(&hub, FacilityConfig::default());
    prescribe(&hub, "m").await;
    repeated(&hub, 1).await;
    facility.stop().await;
    let room = hub.open_latest(&chart()).await.unwrap();
    let last = room.read(|room| room.event_seq()).await.unwrap();
    let facts = hub.facts("cursor-pharmacy").await.unwrap();
    let expected = ("patient:1".to_owned(), last.to_be_bytes().to_vec());
    assert!(facts.contains(&expected), "{facts:?}");
    hub.close(false).await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_written_holds_up_nothing_else() {
    let hub = started();
    let place = Place::open(&hub, &RoomName::pharmacy()).await.unwrap();
    let task = |id: &str| json!({ "resourceType": "Task", "id": id });
    let commands = vec![
        Command::Put { resource: task("t1") },
        Command::Put { resource: task("not an id") },
        Command::Put { resource: task("t2") },
    ];
    let value = Some(vec![7]);
    let fact = Fact { table: "cursor-pharmacy".to_owned(), key: "patient:1".to_owned(), value };
    place.step(commands, Vec::new(), false, vec![fact]).await.unwrap();
    let tasks = place.room().read(|room| room.document().collection("Task")).await.unwrap();
    assert_eq!(tasks, [task("t1"), task("t2")]);
    assert_eq!(hub.facts("cursor-pharmacy").await.unwrap()[0].1, [7]);
    hub.close(false).await;
}

#[tokio::test]
async fn a_change_of_many_entries_is_cut_into_steps() {
    let hub = started();
    let place = Place::open(&hub, &RoomName::pharmacy()).await.unwrap();
    let put =
        |n| Command::Put { resource: json!({ "resourceType": "Task", "id": format!("t{n}") }) };
    place.commands((0..250).map(put).collect(), true).await.unwrap();
    let (tasks, changes) = place
        .room()
        .read(|room| (room.document().collection("Task").len(), room.seq()))
        .await
        .unwrap();
    assert_eq!((tasks, changes), (250, 3));
    hub.close(false).await;
}
