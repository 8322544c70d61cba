//! Who may come in: the matrix of all doors, and Mallory at each of them.
//!
//! Rooms are held in memory here, and people sign in with tokens of the test's own provider.

mod compartments;
mod glass;
mod hidden;
mod mallory;
mod matrix;
mod notes;
mod races;
mod scopes;
mod signed_out;
mod texts;

use std::{sync::Arc, time::Instant};

use chartroom_engine::RoomId;
use chartroom_server::{
    config::ServerConfig,
    storage::{Memory, Storage},
};
use chartroom_tests::{
    client::{Client, PATIENCE},
    identity::{Claims, Provider, Visitor},
    server::Server,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What nobody may hear who may not see the room.
const CANARY: &str = "Zebediah Canary";
/// Observations' categories.
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// A server at which people sign in.
struct Ward {
    _folder: TempDir,
    provider: Provider,
    server: Server,
    /// Who runs the house: every room, and every ability.
    chief: Visitor,
}

/// What the operator says of roles.
fn roles() -> Value {
    json!({ "roles": {
        "chief": { "writes": ["*", "patient:*~PSY"], "may": ["break-glass", "admit", "audit", "operate"] },
        "physician": { "may": ["break-glass"] },
        "psychiatrist": { "writes": ["patient:*~PSY"] },
        "registrar": { "may": ["admit"] },
        "auditor": { "may": ["audit"] },
        "operator": { "may": ["operate"] },
    } })
}

impl Ward {
    async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// With settings of the test's.
    async fn open_with(set: impl FnOnce(&mut ServerConfig)) -> Self {
        Self::open_over(Arc::new(Memory::new()), set).await
    }

    /// Over a storage of the test's.
    async fn open_over(storage: Arc<dyn Storage>, set: impl FnOnce(&mut ServerConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::set_up(folder.path(), &roles()).unwrap();
        let mut config = ServerConfig::new("unused");
        provider.configure(&mut config).unwrap();
        set(&mut config);
        let server = Server::start_over_with(storage, config).await.unwrap();
        let token = provider.sign(&Claims::of("chief").roles(&["chief"]));
        let chief = Visitor::of(&server, Some(&token));
        let deadline = Instant::now() + PATIENCE;
        while chief.get("/fhir/R4/Basic/none").await.unwrap().status == 503 {
            assert!(Instant::now() < deadline, "resources are never listed");
            tokio::task::yield_now().await;
        }
        Self { _folder: folder, provider, server, chief }
    }

    fn token(&self, claims: &Claims) -> String {
        self.provider.sign(claims)
    }

    /// Somebody over HTTP.
    fn visitor(&self, claims: &Claims) -> Visitor {
        Visitor::of(&self.server, Some(&self.token(claims)))
    }

    /// Somebody at a protocol client.
    async fn client(&self, person: &str) -> Client {
        let token = self.token(&Claims::of(person));
        Client::sign_in(self.server.address(), person, &token).await.unwrap()
    }

    /// A chart with the canary in it.
    async fn chart(&self, id: &str) {
        for resource in [patient(id), observation(&format!("{id}-o"), id, "laboratory", CANARY)] {
            let reply = self.chief.put(&resource).await.unwrap();
            assert!([200, 201].contains(&reply.status), "{}", reply.text);
        }
    }

    /// Makes somebody a member of a room.
    async fn admit(&self, room: &str, person: &str, level: &str) {
        let path = format!("/rooms/{room}/members/{person}");
        let body = json!({ "level": level });
        let reply = self.chief.send("PUT", &path, Some(&body)).await.unwrap();
        assert_eq!(reply.status, 204, "{}", reply.text);
    }

    /// Takes it away.
    async fn dismiss(&self, room: &str, person: &str) {
        let path = format!("/rooms/{room}/members/{person}");
        let reply = self.chief.send("DELETE", &path, None).await.unwrap();
        assert_eq!(reply.status, 204, "{}", reply.text);
    }

    /// Takes sign-ins back: `{"person": …}` or `{"token": …}`.
    async fn revoke(&self, meant: &Value) {
        let reply = self.chief.post("/sign-in/revoke", meant).await.unwrap();
        assert_eq!(reply.status, 204, "{}", reply.text);
    }

    /// A room as its chief sees it.
    async fn document(&self, room: &str) -> Value {
        let reply = self.chief.get(&format!("/rooms/{room}/document")).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.body
    }

    /// All events of a room.
    async fn events(&self, room: &str) -> Vec<Value> {
        let reply = self.chief.get(&format!("/rooms/{room}/events")).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.body["events"].as_array().unwrap().clone()
    }
}

/// The document of a room's first epoch, which anybody can work out.
fn document_of(room: &str) -> chartroom_engine::DocumentId {
    RoomId::first(room.parse().unwrap()).document_id()
}

fn patient(id: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "name": [{ "text": CANARY, "family": "Canary" }],
        "birthDate": "1970-01-02",
    })
}

fn observation(id: &str, of: &str, category: &str, value: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final", "code": { "text": "note" },
        "category": [{ "coding": [{ "system": CATEGORY, "code": category }] }],
        "subject": { "reference": format!("Patient/{of}") }, "valueString": value,
    })
}

fn allergy(id: &str, of: &str, to: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance", "id": id, "code": { "text": to },
        "patient": { "reference": format!("Patient/{of}") },
    })
}

fn flag(id: &str, of: &str, text: &str) -> Value {
    json!({
        "resourceType": "Flag", "id": id, "status": "active", "code": { "text": text },
        "subject": { "reference": format!("Patient/{of}") },
    })
}

/// An observation with the canary, of a restricted compartment of a chart.
fn protected(id: &str, of: &str) -> Value {
    let mut resource = observation(id, of, "laboratory", CANARY);
    resource["meta"] = json!({ "security": [{
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY",
    }] });
    resource
}

/// Whether a text has the canary in it.
fn sings(text: &str) -> bool {
    text.contains("Zebediah") || text.contains("Canary")
}
