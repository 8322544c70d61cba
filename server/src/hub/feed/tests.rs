#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected ends there"
)]

use chartroom_engine::{Author, Command, RoomId, limits::QUEUE_EVENTS_MAX};
use serde_json::json;

use super::*;
use crate::{
    hub::HubConfig,
    storage::{Fault, Memory, Storage},
};

fn room() -> RoomName {
    "patient:1".parse().unwrap()
}

fn started() -> (Arc<Memory>, Arc<Hub>) {
    let memory = Arc::new(Memory::new());
    let hub = Hub::start(Arc::clone(&memory) as Arc<dyn Storage>, HubConfig::default()).unwrap();
    (memory, hub)
}

/// Writes a Condition's text; one event.
async fn write(hub: &Arc<Hub>, text: &str) -> Result<(), RoomError> {
    let resource = json!({
        "resourceType": "Condition", "id": "c", "code": {"text": text},
        "subject": {"reference": "Patient/1"},
    });
    let room = hub.open_latest(&room()).await?;
    let alice = Author::new("alice", "Alice");
    let edits = room.command(alice, vec![Command::Put { resource }]).await?;
    edits.into_iter().for_each(|edit| drop(edit.unwrap()));
    Ok(())
}

/// The texts of Conditions as generic events tell them, until `last` has come.
async fn texts(follower: &mut Follower, last: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut position = follower.position();
    while texts.last().is_none_or(|text| text != last) {
        for event in follower.next().await.unwrap() {
            position += 1;
            assert_eq!(event.seq, position, "no gap and no repeat");
            if event.event.starts_with("RESOURCE_") {
                texts.push(event.resource["code"]["text"].as_str().unwrap().to_owned());
            }
        }
    }
    texts
}

#[tokio::test]
async fn a_follower_gets_the_log_as_it_was_and_then_what_comes() {
    let (_, hub) = started();
    for text in ["one", "two", "three"] {
        write(&hub, text).await.unwrap();
    }
    let mut follower = hub.follow(&room(), Some(0)).await.unwrap();
    write(&hub, "four").await.unwrap();
    assert_eq!(texts(&mut follower, "four").await, ["one", "two", "three", "four"]);
    let mut live = hub.follow(&room(), None).await.unwrap();
    write(&hub, "five").await.unwrap();
    assert_eq!(texts(&mut live, "five").await, ["five"]);
    let last = live.position();
    assert!(matches!(
        hub.follow(&room(), Some(last + 1)).await,
        Err(FollowError::Ahead { last: told }) if told == last
    ));
}

#[tokio::test]
async fn a_follower_goes_on_when_its_room_was_loaded_again() {
    let (memory, hub) = started();
    write(&hub, "one").await.unwrap();
    let mut follower = hub.follow(&room(), Some(0)).await.unwrap();
    memory.tree().fail_writes([Fault::WrittenUnsynced, Fault::NotWritten]);
    assert!(write(&hub, "lost").await.is_err());
    while write(&hub, "two").await.is_err() {}
    assert_eq!(texts(&mut follower, "two").await, ["one", "two"]);
}

#[tokio::test]
async fn a_slow_follower_ends_with_the_number_to_go_on_from() {
    let (_, hub) = started();
    write(&hub, "one").await.unwrap();
    let mut follower = hub.follow(&room(), Some(0)).await.unwrap();
    let event = follower.next().await.unwrap()[0].clone();
    let many = vec![event; QUEUE_EVENTS_MAX + 1];
    let queues = vec![Arc::clone(&follower.queue)];
    let mut feed = Feed { queues, waiting_max: QUEUE_EVENTS_MAX };
    feed.publish(&many);
    let position = follower.position();
    assert!(matches!(
        follower.next().await,
        Err(FollowEnd::Slow { resume_after }) if resume_after == position
    ));
}

#[tokio::test]
async fn whoever_watches_hears_which_rooms_have_news() {
    let (_, hub) = started();
    let watch = hub.watch();
    write(&hub, "one").await.unwrap();
    assert_eq!(watch.next().await, [room()].into());
}

#[tokio::test]
async fn a_follower_of_the_last_events_begins_before_the_end_or_with_the_oldest_that_is_kept() {
    let (_, hub) = started();
    let position = async |count| hub.follow_last(&room(), count).await.unwrap().position();
    assert_eq!(position(5).await, 0, "the log is empty");
    for text in ["one", "two", "three"] {
        write(&hub, text).await.unwrap();
    }
    let last = hub.follow(&room(), None).await.unwrap().position();
    assert_eq!(position(1).await, last - 1);
    assert_eq!(position(1000).await, 0);
    let mut follower = hub.follow_last(&room(), last).await.unwrap();
    write(&hub, "four").await.unwrap();
    assert_eq!(texts(&mut follower, "four").await, ["one", "two", "three", "four"]);
    hub.trim_events(RoomId::first(room()), 2).await.unwrap();
    assert_eq!(position(1000).await, 2);
    let all = hub.follow(&room(), None).await.unwrap().position();
    hub.trim_events(RoomId::first(room()), all).await.unwrap();
    assert_eq!(position(1000).await, all, "none is kept");
    hub.close(false).await;
}
