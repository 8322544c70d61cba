//! Stores of before FHIR: they say of no resource where it is, until that is listed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use chartroom_engine::{ActorId, DocumentId, Event, RoomId, RoomName};
use chartroom_server::storage::{
    Epoch, Memory, RoomBatch, RoomRecord, Storage, StorageError, StoredRoom,
};
use chartroom_tests::{fhir::Fhir, server::Server};
use serde_json::json;

use super::{clinic, hospital, ids_of, observation, patient, put, until_listed};
use crate::ROOM;

/// A storage that takes no note of places while it is old, as earlier versions did not.
struct Forgetful {
    inner: Memory,
    is_old: AtomicBool,
}

impl Storage for Forgetful {
    fn rooms(&self) -> Result<Vec<RoomRecord>, StorageError> {
        self.inner.rooms()
    }

    fn room(&self, name: &RoomName) -> Result<Option<RoomRecord>, StorageError> {
        self.inner.room(name)
    }

    fn room_of_document(&self, document: &DocumentId) -> Result<Option<RoomId>, StorageError> {
        self.inner.room_of_document(document)
    }

    fn load(&self, room: &RoomId) -> Result<Option<StoredRoom>, StorageError> {
        self.inner.load(room)
    }

    fn commit(&self, batches: &[RoomBatch]) -> Result<(), StorageError> {
        if !self.is_old.load(Ordering::SeqCst) {
            return self.inner.commit(batches);
        }
        let mut batches = batches.to_vec();
        for batch in &mut batches {
            batch.facts.retain(|fact| {
                !["place", "patient", "places-listed"].contains(&fact.table.as_str())
            });
        }
        self.inner.commit(&batches)
    }

    fn compact(
        &self,
        room: &RoomId,
        snapshot: &[u8],
        through_seq: u64,
    ) -> Result<(), StorageError> {
        self.inner.compact(room, snapshot, through_seq)
    }

    fn events(&self, room: &RoomId, after: u64, limit: usize) -> Result<Vec<Event>, StorageError> {
        self.inner.events(room, after, limit)
    }

    fn epochs(&self, name: &RoomName) -> Result<Vec<Epoch>, StorageError> {
        self.inner.epochs(name)
    }

    fn trim_events(&self, room: &RoomId, through: u64) -> Result<(), StorageError> {
        self.inner.trim_events(room, through)
    }

    fn facts(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.inner.facts(table)
    }

    fn fact(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.fact(table, key)
    }

    fn facts_between(
        &self,
        table: &str,
        after: &str,
        through: &str,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.inner.facts_between(table, after, through, limit)
    }

    fn server_actor(&self, make: &dyn Fn() -> ActorId) -> Result<ActorId, StorageError> {
        self.inner.server_actor(make)
    }

    fn reopen(&self) -> Result<(), StorageError> {
        self.inner.reopen()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_an_old_store_is_found() {
    let storage = Arc::new(Forgetful { inner: Memory::new(), is_old: true.into() });
    let old = Server::start_over(storage.clone()).await.unwrap();
    for (room, resource) in [
        (ROOM, patient("p1", "Doe")),
        (ROOM, observation("o1", "p1", 1)),
        (ROOM, observation("o1", "p1", 2)),
        ("patient:p2", observation("o2", "p2", 1)),
        ("facility:directory", json!({ "resourceType": "Practitioner", "id": "d1" })),
    ] {
        let put = json!({ "kind": "put", "resource": resource });
        assert_eq!(old.command(room, &put).await.unwrap().status, 200);
    }
    old.stop().await.unwrap();
    storage.is_old.store(false, Ordering::SeqCst);

    let server = Server::start_over(storage).await.unwrap();
    let alice = Fhir::of(&server, "alice;Alice");
    let read = until_listed(&alice, "Observation/o1").await;
    assert_eq!((read.status, read.version()), (200, "2"), "{}", read.text);
    for path in ["Observation/o2", "Practitioner/d1", "Patient/p1"] {
        assert_eq!(until_listed(&alice, path).await.status, 200, "{path}");
    }
    assert_eq!(until_listed(&alice, "Observation/none").await.status, 404);
    assert_eq!(until_listed(&alice, "Patient/p2").await.status, 404);
    let found = alice.pages("Patient?family=doe").await.unwrap();
    assert_eq!(ids_of(&found, "Patient"), ["p1"]);
    assert_eq!(
        ids_of(&alice.pages("Observation?_count=1").await.unwrap(), "Observation"),
        ["o1", "o2"]
    );
    // A patient of before is one whom new resources may be of; who was never written is not.
    assert_eq!(alice.put(&observation("o3", "p1", 1)).await.unwrap().status, 201);
    assert_eq!(alice.put(&observation("o4", "p2", 1)).await.unwrap().status, 422);
    server.stop().await.unwrap();
}

/// FHIR R4, http.html#read: 410 where the server knows that it was deleted, as its history says.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_in_an_old_store_is_known_to_be_deleted() {
    let storage = Arc::new(Forgetful { inner: Memory::new(), is_old: true.into() });
    let old = Server::start_over(storage.clone()).await.unwrap();
    for command in [
        json!({ "kind": "put", "resource": patient("p1", "Doe") }),
        json!({ "kind": "put", "resource": observation("gone", "p1", 1) }),
        json!({ "kind": "delete", "resourceType": "Observation", "id": "gone" }),
    ] {
        let answer = old.command(ROOM, &command).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    old.stop().await.unwrap();
    storage.is_old.store(false, Ordering::SeqCst);
    let server = Server::start_over(storage).await.unwrap();
    let alice = Fhir::of(&server, "alice;Alice");
    assert_eq!(until_listed(&alice, "Observation/gone").await.status, 410);
    assert_eq!(alice.get("Observation/gone/_history/1").await.unwrap().status, 200);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_by_commands_is_found_where_it_is() {
    let (_folder, server, alice) = clinic().await;
    assert_eq!(alice.get("Observation/o1").await.unwrap().status, 404);
    for n in 0..30 {
        let of = format!("p{n}");
        let commands = json!([
            { "kind": "put", "resource": patient(&of, "Doe") },
            { "kind": "put", "resource": observation(&format!("o{n}"), &of, n) },
        ]);
        assert_eq!(server.command(&format!("patient:{of}"), &commands).await.unwrap().status, 200);
    }
    for n in 0..30 {
        let read = alice.get(&format!("Observation/o{n}")).await.unwrap();
        assert_eq!((read.status, &read.body["valueInteger"]), (200, &json!(n)));
    }
    assert_eq!(alice.get("Observation?_summary=count").await.unwrap().body["total"], 30);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fhir_write_finds_its_room_behind_a_restart() {
    let (folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    server.stop().await.unwrap();
    let server = Server::start(folder.path()).await.unwrap();
    let alice = Fhir::of(&server, "alice;Alice");
    assert_eq!(put(&alice, &observation("o1", "p1", 2)).await.version(), "2");
    assert_eq!(alice.put(&observation("o1", "p2", 3)).await.unwrap().status, 422);
    server.stop().await.unwrap();
}
