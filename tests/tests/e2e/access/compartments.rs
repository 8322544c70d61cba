//! Restricted compartments where people sign in: what opens the chart does not open them, and nothing
//! says that they are there.

use chartroom_server::config::ServerConfig;
use chartroom_tests::{
    identity::{Claims, Provider, Visitor},
    server::Server,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const CANARY: &str = "Zebediah Canary";
const PSY_ROOM: &str = "patient:p1~PSY";

struct Clinic {
    _folder: TempDir,
    server: Server,
    provider: Provider,
}

impl Clinic {
    /// A chart with a condition, and one in its compartment for psychiatry; Alice and Paula are members of
    /// the chart, and Paula is a psychiatrist.
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roles = json!({ "roles": {
            "physician": { "may": ["break-glass"] },
            "psychiatrist": { "writes": ["patient:*~PSY"], "may": ["break-glass"] },
            "registrar": { "writes": ["patient:*", "patient:*~PSY"], "may": ["admit", "operate"] },
            "auditor": { "may": ["audit"] },
        } });
        let provider = Provider::set_up(folder.path(), &roles).unwrap();
        let mut config = ServerConfig::new(folder.path().join("store"));
        provider.configure(&mut config).unwrap();
        let server = Server::start_with(config).await.unwrap();
        let clinic = Self { _folder: folder, server, provider };
        let registrar = clinic.person("rita", &["registrar"]);
        let patient =
            json!({ "resourceType": "Patient", "id": "p1", "name": [{ "family": "Ann" }] });
        for resource in [patient, condition("open", None), condition("secret", Some("PSY"))] {
            let reply = registrar.put(&resource).await.unwrap();
            assert!([200, 201].contains(&reply.status), "{}", reply.text);
        }
        for person in ["alice", "paula"] {
            let path = format!("/rooms/patient:p1/members/{person}");
            let reply = registrar.send("PUT", &path, Some(&json!({ "level": "write" }))).await;
            assert_eq!(reply.unwrap().status, 204);
        }
        clinic
    }

    fn person(&self, name: &str, roles: &[&str]) -> Visitor {
        let token = self.provider.sign(&Claims::of(name).roles(roles));
        Visitor::of(&self.server, Some(&token))
    }
}

fn condition(id: &str, label: Option<&str>) -> Value {
    let mut condition = json!({
        "resourceType": "Condition",
        "id": id,
        "code": { "text": if label.is_some() { CANARY } else { "Asthma" } },
        "subject": { "reference": "Patient/p1" },
    });
    if let Some(label) = label {
        condition["meta"] = json!({ "security": [{ "code": label }] });
    }
    condition
}

fn found(bundle: &Value) -> Vec<&str> {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let conditions = entries.iter().map(|entry| &entry["resource"]);
    let conditions = conditions.filter(|resource| resource["resourceType"] == "Condition");
    conditions.map(|resource| resource["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opens_the_chart_does_not_open_its_compartments() {
    let clinic = Clinic::open().await;
    let alice = clinic.person("alice", &["physician"]);
    for path in [
        "/rooms",
        "/rooms/patient:p1",
        "/rooms/patient:p1/document",
        "/rooms/patient:p1/events?after=0",
        "/fhir/R4/Condition?patient=p1",
        "/fhir/R4/Condition",
        "/fhir/R4/Condition/_history",
        "/fhir/R4/Patient/p1/$everything",
        "/fhir/R4/Patient?_id=p1&_revinclude=Condition:patient",
        "/fhir/R4/Provenance?target=Condition/secret",
    ] {
        let reply = alice.get(path).await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        for secret in [CANARY, "secret", "PSY"] {
            // What was asked for is repeated in links.
            let text = reply.text.replace("target=Condition%2Fsecret", "");
            assert!(!text.contains(secret), "{path} tells {secret}: {text}");
        }
    }
    for path in [
        format!("/rooms/{PSY_ROOM}"),
        format!("/rooms/{PSY_ROOM}/document"),
        format!("/rooms/{PSY_ROOM}/events"),
        format!("/rooms/{PSY_ROOM}/members"),
        "/fhir/R4/Condition/secret".to_owned(),
        "/fhir/R4/Condition/secret/_history".to_owned(),
        "/fhir/R4/Condition/secret/_history/1".to_owned(),
    ] {
        let nowhere = path.replace("PSY", "HIV").replace("secret", "nothing");
        let (reply, other) = (alice.get(&path).await.unwrap(), alice.get(&nowhere).await.unwrap());
        assert_eq!((reply.status, &reply.text), (404, &other.text), "{path}");
    }
    let writes = json!({ "kind": "put", "resource": condition("c", Some("PSY")) });
    let reply = alice.post(&format!("/rooms/{PSY_ROOM}/commands"), &writes).await.unwrap();
    assert_eq!(reply.status, 404, "{}", reply.text);
    let reply = alice.put(&condition("mine", Some("PSY"))).await.unwrap();
    assert!([404, 422].contains(&reply.status), "{}", reply.text);
    let glass = json!({ "reason": "I am curious" });
    let reply = alice.post(&format!("/rooms/{PSY_ROOM}/glass"), &glass).await.unwrap();
    assert_eq!(reply.status, 404, "glass of a label takes a role that has it");
    clinic.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_for_the_label_and_the_open_chart_open_it() {
    let clinic = Clinic::open().await;
    let paula = clinic.person("paula", &["psychiatrist"]);
    let reply = paula.get("/fhir/R4/Condition?patient=p1").await.unwrap();
    assert_eq!(found(&reply.body).len(), 2, "{}", reply.text);
    let reply = paula.get("/fhir/R4/Condition/secret").await.unwrap();
    assert_eq!((reply.status, &reply.body["code"]["text"]), (200, &json!(CANARY)));
    let mut worse = condition("secret", Some("PSY"));
    worse["note"] = json!([{ "text": "worse" }]);
    assert_eq!(paula.put(&worse).await.unwrap().status, 200);
    // Without the chart the label opens nothing, but for broken glass.
    let petra = clinic.person("petra", &["psychiatrist"]);
    assert_eq!(petra.get("/fhir/R4/Condition/secret").await.unwrap().status, 404);
    let glass = json!({ "reason": "found unconscious" });
    let reply = petra.post("/rooms/patient:p1/glass", &glass).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(petra.get("/fhir/R4/Condition/secret").await.unwrap().status, 200);
    let auditor = clinic.person("otto", &["auditor"]);
    let audit = auditor.get("/fhir/R4/AuditEvent?entity=Condition/secret").await.unwrap();
    assert!(audit.text.contains("\"BTG\""), "{}", audit.text);
    assert!(!audit.text.contains(CANARY));
    clinic.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_relabels_may_write_in_both_rooms_and_the_history_goes_with_it() {
    let clinic = Clinic::open().await;
    let relabel = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "label", "valueCode": "PSY" },
        { "name": "reason", "valueString": "the patient asked for it" },
    ] });
    let path = "/fhir/R4/Condition/open/$relabel";
    let alice = clinic.person("alice", &["physician"]);
    let reply = alice.post(path, &relabel).await.unwrap();
    assert_eq!(reply.status, 404, "a room that she may not know of: {}", reply.text);
    let paula = clinic.person("paula", &["psychiatrist"]);
    let reply = paula.post(path, &relabel).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    for path in
        ["/rooms/patient:p1/events?after=0", "/rooms/patient:p1/document", "/fhir/R4/Condition"]
    {
        let reply = alice.get(path).await.unwrap();
        assert_eq!(reply.status, 200);
        assert!(!reply.text.contains("Asthma"), "{path}: {}", reply.text);
    }
    let sealed = "/rooms/patient:p1/document?epoch=1";
    assert_eq!(alice.get(sealed).await.unwrap().status, 403, "a sealed epoch is the auditors'");
    clinic.server.stop().await.unwrap();
}
