#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected ends there, and one panics on purpose"
)]

use std::sync::Arc;

use chartroom_engine::{Author, Command, RoomId};
use serde_json::json;

use crate::{
    hub::{Hub, HubConfig, RoomError, RoomHandle},
    storage::Memory,
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
