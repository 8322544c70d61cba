//! What a sign-in's scopes leave out is at no door, whatever the room lets its person do.

use chartroom_engine::Command;
use chartroom_server::wire::frame::Frame;
use chartroom_tests::{
    client::Client,
    event_source::EventSource,
    identity::{Claims, Visitor},
    raw::{Texts, Wire},
};
use serde_json::{Value, json};

use super::{CANARY, CATEGORY, Ward, allergy, flag, observation, sings};

const ROOM: &str = "patient:p1";
/// Of a laboratory's observations alone.
const LAB: &str = "user/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory";

/// A chart with something of several types, in which Bob writes, and a second one, not his.
async fn ward() -> Ward {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    ward.admit(ROOM, "bob", "write").await;
    for resource in [
        flag("f1", "p1", "falls"),
        allergy("a1", "p1", CANARY),
        observation("lab1", "p1", "laboratory", "LABVALUE"),
        observation("vital1", "p1", "vital-signs", CANARY),
    ] {
        let reply = ward.chief.put(&resource).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text);
    }
    ward
}

fn bob(ward: &Ward, scope: &str) -> Visitor {
    ward.visitor(&Claims::of("bob").scope(scope))
}

fn types(entries: &[Value]) -> Vec<&str> {
    let mut types: Vec<&str> =
        entries.iter().filter_map(|entry| entry["resource"]["resourceType"].as_str()).collect();
    types.sort_unstable();
    types.dedup();
    types
}

#[tokio::test]
async fn interactions_of_other_types_are_refused() {
    let ward = ward().await;
    let bob = bob(&ward, "user/Flag.rs");
    for path in [
        "Observation/lab1",
        "Observation/lab1/_history",
        "Observation/lab1/_history/1",
        "Observation/_history",
        "Observation",
        "Observation?patient=p1",
        "Patient/p1",
        "Patient/p1/$everything",
        "Provenance",
        "Provenance?target=Flag/f1",
        "AuditEvent",
    ] {
        let reply = bob.get(&format!("/fhir/R4/{path}")).await.unwrap();
        assert_eq!(reply.status, 403, "{path}: {}", reply.text);
        assert!(!sings(&reply.text), "{path}: {}", reply.text);
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = Value::String("patient=p1".to_owned());
    let reply =
        bob.send_with("POST", "/fhir/R4/Observation/_search", &form, Some(&body)).await.unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text);
    assert_eq!(bob.get("/fhir/R4/Flag/f1").await.unwrap().status, 200);
    for path in ["", "/document", "/conflicts", "/members"] {
        let reply = bob.get(&format!("/rooms/{ROOM}{path}")).await.unwrap();
        assert_eq!((reply.status, &reply.body["error"]["code"]), (403, &json!("scope-too-narrow")));
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn what_comes_along_is_of_the_scopes_types() {
    let ward = ward().await;
    let flags = bob(&ward, "user/Flag.rs");
    for path in [
        "Flag?_include=Flag:subject",
        "Flag?_include=Flag:patient",
        "Flag?_include=*",
        "Flag?patient=p1&_include:iterate=Flag:subject",
        "Flag/_history",
        "Flag/f1/_history",
    ] {
        let reply = flags.get(&format!("/fhir/R4/{path}")).await.unwrap();
        assert!(!sings(&reply.text), "{path}: {}", reply.text);
        let types = types(reply.entries());
        assert!(
            types.iter().all(|name| ["Flag", "OperationOutcome"].contains(name)),
            "{path}: {types:?}"
        );
    }
    let patients = bob(&ward, "user/Patient.rs user/Flag.rs");
    for path in [
        "Patient?_revinclude=Observation:subject",
        "Patient?_revinclude=AllergyIntolerance:patient",
        "Patient?_revinclude=Flag:subject&_revinclude=Observation:subject",
        "Patient/p1/$everything",
        "Patient/p1/$everything?_type=Observation,Flag",
    ] {
        let reply = patients.get(&format!("/fhir/R4/{path}")).await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        let types = types(reply.entries());
        let is_ok = |name: &&str| ["Flag", "Patient", "OperationOutcome"].contains(name);
        assert!(types.iter().all(is_ok), "{path}: {types:?}");
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn bundles_do_not_do_what_their_entries_may_not() {
    let ward = ward().await;
    let bob = bob(&ward, "user/Flag.cruds");
    let before = ward.document(ROOM).await;
    let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    let put = |resource: Value| {
        let url = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    };
    let bundle = |kind: &str, entries: Vec<Value>| json!({ "resourceType": "Bundle", "type": kind, "entry": entries });
    let forbidden = [
        get("Observation/lab1"),
        get("Observation?patient=p1"),
        get("Patient/p1/$everything"),
        put(observation("o9", "p1", "laboratory", "x")),
        json!({ "resource": observation("", "p1", "laboratory", "x"),
            "request": { "method": "POST", "url": "Observation" } }),
        json!({ "request": { "method": "DELETE", "url": "Observation/lab1" } }),
    ];
    for entry in &forbidden {
        let reply = bob.post("/fhir/R4", &bundle("batch", vec![entry.clone()])).await.unwrap();
        let status = reply.entries()[0]["response"]["status"].as_str().unwrap();
        assert!(status.starts_with("403"), "{entry}: {}", reply.text);
        let both = vec![put(flag("f9", "p1", "x")), entry.clone()];
        let reply = bob.post("/fhir/R4", &bundle("transaction", both)).await.unwrap();
        assert!([403, 409].contains(&reply.status), "{entry}: {}", reply.text);
        assert!(!sings(&reply.text) && !reply.text.contains("LABVALUE"), "{}", reply.text);
    }
    // A reference that searches finds nothing either.
    let mut asking = flag("f9", "p1", "x");
    asking["encounter"] = json!({ "reference": "Observation?code:text=note&patient=p1" });
    let reply = bob.post("/fhir/R4", &bundle("transaction", vec![put(asking)])).await.unwrap();
    assert!([412, 403, 422].contains(&reply.status), "{}", reply.text);
    assert!(!reply.text.contains("several"), "{}", reply.text);
    assert_eq!(ward.document(ROOM).await, before);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_conditional_create_tells_nothing_of_what_may_not_be_read() {
    let ward = ward().await;
    let bob = bob(&ward, "user/Observation.c user/Flag.rs");
    let new = json!({
        "resourceType": "Observation", "status": "final", "code": { "text": "note" },
        "subject": { "reference": "Patient/p1" }, "valueString": "new",
    });
    let criteria = [("if-none-exist", "_id=lab1")];
    let reply = bob.send_with("POST", "/fhir/R4/Observation", &criteria, Some(&new)).await.unwrap();
    assert_ne!(reply.status, 200, "{}", reply.text);
    assert!(!reply.text.contains("LABVALUE"), "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_search_by_what_may_not_be_read_tells_nothing() {
    let ward = ward().await;
    let bob = bob(&ward, "user/Flag.rs");
    for (right, wrong) in [
        ("Flag?subject:Patient.family=Canary", "Flag?subject:Patient.family=Nobody"),
        ("Flag?patient.family=Canary", "Flag?patient.family=Nobody"),
        ("Flag?patient.birthdate=1970-01-02", "Flag?patient.birthdate=1980-01-02"),
        (
            "Flag?_has:Observation:subject:status=final",
            "Flag?_has:Observation:subject:status=amended",
        ),
    ] {
        let (right, wrong) = (
            bob.get(&format!("/fhir/R4/{right}")).await.unwrap(),
            bob.get(&format!("/fhir/R4/{wrong}")).await.unwrap(),
        );
        assert_eq!(right.status, wrong.status, "{}", right.text);
        assert_eq!(right.entries().len(), wrong.entries().len(), "{}", right.text);
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_granular_scope_is_given_what_it_says_and_no_room() {
    let ward = ward().await;
    let claims = Claims::of("bob").scope(LAB);
    let bob = ward.visitor(&claims);
    let token = ward.token(&claims);
    assert_eq!(bob.get("/fhir/R4/Observation/lab1").await.unwrap().status, 200);
    for path in ["Observation/vital1", "Observation/vital1/_history/1"] {
        let reply = bob.get(&format!("/fhir/R4/{path}")).await.unwrap();
        assert_eq!(reply.status, 404, "{path}: {}", reply.text);
    }
    for path in [
        "Observation",
        "Observation?patient=p1",
        "Observation/_history",
        "Observation?_id=vital1,lab1",
    ] {
        let reply = bob.get(&format!("/fhir/R4/{path}")).await.unwrap();
        let ids: Vec<&str> =
            reply.entries().iter().filter_map(|e| e["resource"]["id"].as_str()).collect();
        assert!(ids.contains(&"lab1") && !ids.contains(&"vital1"), "{path}: {}", reply.text);
    }
    let reply = bob.get(&format!("/rooms/{ROOM}/events")).await.unwrap();
    let events = reply.body["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["resource_id"] == "lab1"), "{}", reply.text);
    let is_lab = |event: &Value| {
        event["resource"]["category"][0]["coding"][0]
            == json!({ "system": CATEGORY, "code": "laboratory" })
    };
    assert!(events.iter().all(is_lab), "{}", reply.text);
    for path in ["", "/document", "/conflicts"] {
        assert_eq!(bob.get(&format!("/rooms/{ROOM}{path}")).await.unwrap().status, 403, "{path}");
    }
    let mut wire = Wire::joined(ward.server.address(), Some(&token), "peer-1").await.unwrap();
    let Frame::RoomRefused { code, .. } = wire.find(ROOM).await.unwrap() else { panic!() };
    assert_eq!(code, "scope-too-narrow");
    // Live, on both of the doors that are open to it.
    let path = format!("/rooms/{ROOM}/events?token={token}");
    let mut stream = EventSource::open(ward.server.address(), &path, "").await.unwrap();
    let mut texts = Texts::open(ward.server.address(), Some(&token)).await.unwrap();
    let data = json!({ "subscription_id": "s", "patient_ids": ["p1"] });
    texts.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
    texts.heard(0, "subscription").await.unwrap();
    for resource in [
        observation("vital2", "p1", "vital-signs", CANARY),
        flag("f2", "p1", CANARY),
        observation("lab2", "p1", "laboratory", "LABVALUE"),
    ] {
        assert_eq!(ward.chief.put(&resource).await.unwrap().status, 201);
    }
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first.data["resource_id"], "lab2");
    let first = texts.heard(0, "update").await.unwrap();
    assert_eq!(first["data"]["resource_id"], "lab2");
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_granular_scope_writes_nothing_that_it_does_not_say() {
    let ward = ward().await;
    let scope = LAB.replace(".rs?", ".cruds?");
    let bob = bob(&ward, &scope);
    let before = ward.document(ROOM).await;
    let path = format!("/rooms/{ROOM}/commands");
    let put = |resource: Value| json!({ "kind": "put", "resource": resource });
    let vital = json!([{ "coding": [{ "system": CATEGORY, "code": "vital-signs" }] }]);
    for command in [
        put(observation("vital1", "p1", "vital-signs", "forged")),
        put(observation("vital1", "p1", "laboratory", "forged")),
        put(observation("lab1", "p1", "vital-signs", "forged")),
        put(observation("new", "p1", "vital-signs", "forged")),
        put(flag("f1", "p1", "forged")),
        json!({ "kind": "patch", "resourceType": "Observation", "id": "vital1", "elements": { "valueString": "forged" } }),
        json!({ "kind": "delete", "resourceType": "Observation", "id": "vital1" }),
        json!({ "kind": "batch", "commands": [put(observation("n1", "p1", "laboratory", "forged")), put(flag("n2", "p1", "forged"))] }),
    ] {
        let reply = bob.post(&path, &command).await.unwrap();
        assert_eq!(reply.status, 422, "{command}: {}", reply.text);
    }
    for resource in [
        observation("vital1", "p1", "laboratory", "forged"),
        observation("lab1", "p1", "vital-signs", "forged"),
        flag("f1", "p1", "forged"),
    ] {
        let reply = bob.put(&resource).await.unwrap();
        assert!([403, 404, 409].contains(&reply.status), "{}", reply.text);
    }
    let patch = [("content-type", "application/merge-patch+json")];
    let body = Value::String(json!({ "category": vital }).to_string());
    let reply =
        bob.send_with("PATCH", "/fhir/R4/Observation/lab1", &patch, Some(&body)).await.unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text);
    assert_eq!(ward.document(ROOM).await, before);
    let reply = bob.put(&observation("lab1", "p1", "laboratory", "corrected")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_granular_scope_brings_back_nothing_that_it_does_not_say() {
    let ward = ward().await;
    assert_eq!(
        ward.chief.send("DELETE", "/fhir/R4/Observation/vital1", None).await.unwrap().status,
        204
    );
    let bob = bob(&ward, &LAB.replace(".rs?", ".cruds?"));
    let path = format!("/rooms/{ROOM}/commands");
    let undelete = json!({ "kind": "undelete", "resourceType": "Observation", "id": "vital1" });
    let reply = bob.post(&path, &undelete).await.unwrap();
    assert_eq!(reply.status, 422, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_change_over_sync_is_held_to_its_authors_scopes() {
    let ward = ward().await;
    let token = ward.token(&Claims::of("bob").scope("user/*.rs user/Flag.cu"));
    let mut bob = Client::sign_in(ward.server.address(), "bob", &token).await.unwrap();
    let room = bob.open(ROOM).await.unwrap();
    bob.put(room, flag("f2", "p1", "allowed")).await.unwrap();
    bob.until_saved(room).await.unwrap();
    let before = ward.document(ROOM).await;
    let delete = Command::Delete { resource_type: "Flag".to_owned(), id: "f2".to_owned() };
    let put = |resource: Value| Command::Put { resource };
    let forbidden = [
        put(observation("o9", "p1", "laboratory", "x")),
        put(observation("lab1", "p1", "laboratory", "x")),
        delete,
        Command::Batch {
            commands: vec![put(flag("f3", "p1", "x")), put(allergy("a9", "p1", "x"))],
        },
    ];
    for (command, count) in forbidden.into_iter().zip(1..) {
        bob.edit(room, command).await.unwrap();
        let refused = |me: &Client| {
            let is_it = |frame: &&Frame| matches!(frame, Frame::Refused { code, .. } if code == "scope-missing");
            me.heard.iter().filter(is_it).count() == count
        };
        bob.until("refused", refused).await.unwrap();
    }
    assert_eq!(ward.document(ROOM).await, before);
    bob.put(room, flag("f4", "p1", "allowed")).await.unwrap();
    bob.until_saved(room).await.unwrap();
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_merge_of_an_older_version_is_held_to_a_granular_scope() {
    let ward = ward().await;
    let newer = observation("lab1", "p1", "laboratory", "newer");
    assert_eq!(ward.chief.put(&newer).await.unwrap().status, 200);
    let bob = bob(&ward, &LAB.replace(".rs?", ".cruds?"));
    let before = ward.document(ROOM).await;
    let merge = [
        ("if-match", "W/\"1\""),
        ("prefer", "handling=merge"),
        ("content-type", "application/fhir+json"),
    ];
    for (id, category) in
        [("lab1", "vital-signs"), ("vital1", "laboratory"), ("vital1", "vital-signs")]
    {
        let forged = observation(id, "p1", category, "forged");
        let path = format!("/fhir/R4/Observation/{id}");
        let reply = bob.send_with("PUT", &path, &merge, Some(&forged)).await.unwrap();
        assert!((400..500).contains(&reply.status), "{}", reply.text);
    }
    assert_eq!(ward.document(ROOM).await, before);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_launch_for_one_patient_opens_no_other_chart() {
    let ward = ward().await;
    ward.chart("p2").await;
    let claims = Claims::of("dora").scope("patient/*.cruds").patient("p2");
    let dora = ward.visitor(&claims);
    assert_eq!(dora.get("/rooms/patient:p2").await.unwrap().status, 200);
    for path in [
        "/rooms/patient:p1",
        "/fhir/R4/Patient/p1",
        "/rooms/patient:p2~PSY",
        "/rooms/facility:alerts",
    ] {
        assert_eq!(dora.get(path).await.unwrap().status, 404, "{path}");
    }
    let reply = dora.get("/fhir/R4/Patient").await.unwrap();
    let ids: Vec<&str> =
        reply.entries().iter().filter_map(|e| e["resource"]["id"].as_str()).collect();
    assert_eq!(ids, ["p2"]);
    // The scope of a launch does not go with membership of other charts.
    ward.admit(ROOM, "dora", "write").await;
    assert_eq!(dora.get("/rooms/patient:p1").await.unwrap().status, 404);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_right_of_one_chart_is_none_in_another() {
    let ward = ward().await;
    ward.chart("p2").await;
    // All of the launch's patient, and flags wherever the person is a member.
    let claims = Claims::of("bob").scope("patient/*.cruds user/Flag.rs").patient("p2");
    let bob = ward.visitor(&claims);
    assert_eq!(bob.get("/fhir/R4/Flag/f1").await.unwrap().status, 200);
    for path in ["Observation/lab1", "AllergyIntolerance/a1", "Patient/p1"] {
        let reply = bob.get(&format!("/fhir/R4/{path}")).await.unwrap();
        assert_eq!(reply.status, 404, "{path}: {}", reply.text);
    }
    let reply = bob.get("/fhir/R4/Provenance?target=AllergyIntolerance/a1").await.unwrap();
    let names = reply.entries().iter().any(|e| e["resource"].to_string().contains("/a1/"));
    assert!(!names, "{}", reply.text);
    let reply = bob.put(&flag("f1", "p1", "forged")).await.unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn no_provenance_comes_along_that_the_scopes_leave_out() {
    let ward = ward().await;
    let flags = bob(&ward, "user/Flag.rs");
    let reply = flags.get("/fhir/R4/Flag?_revinclude=Provenance:target").await.unwrap();
    let types = types(reply.entries());
    assert!(!types.contains(&"Provenance"), "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn no_provenance_is_read_of_a_change_that_shows_nothing() {
    let ward = ward().await;
    let all = ward.chief.get("/fhir/R4/Provenance?target=AllergyIntolerance/a1").await.unwrap();
    let id = all.entries()[0]["resource"]["id"].as_str().unwrap().to_owned();
    let bob = bob(&ward, "user/Provenance.rs user/Flag.rs");
    let reply = bob.get(&format!("/fhir/R4/Provenance/{id}")).await.unwrap();
    assert_eq!(reply.status, 404, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn provenance_names_no_resource_that_the_scopes_leave_out() {
    let ward = ward().await;
    for (scope, hidden) in [
        ("user/Provenance.rs user/Flag.rs".to_owned(), ["Observation/", "AllergyIntolerance/"]),
        (format!("user/Provenance.rs {LAB}"), ["Observation/vital1", "Flag/"]),
    ] {
        let bob = bob(&ward, &scope);
        for path in ["Provenance", "Provenance?target=Observation/vital1", "Provenance?patient=p1"]
        {
            let reply = bob.get(&format!("/fhir/R4/{path}")).await.unwrap();
            for hidden in hidden {
                let names =
                    reply.entries().iter().any(|e| e["resource"].to_string().contains(hidden));
                assert!(!names, "{scope}: {path}: {}", reply.text);
            }
        }
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_clients_own_event_is_not_told_to_who_may_not_read_what_it_is_about() {
    let ward = ward().await;
    let address = ward.server.address();
    let narrow = ward.token(&Claims::of("bob").scope(LAB));
    let mut bob = Texts::open(address, Some(&narrow)).await.unwrap();
    let data = json!({ "subscription_id": "s", "patient_ids": ["p1"] });
    bob.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
    bob.heard(0, "subscription").await.unwrap();
    let mut speaker =
        Texts::open(address, Some(&ward.token(&Claims::of("chief").roles(&["chief"]))))
            .await
            .unwrap();
    let payload = json!({
        "patientId": "p1",
        "resource": { "resourceType": "MedicationRequest", "id": "m1", "note": [{ "text": CANARY }] },
    });
    speaker.send(&json!({ "type": "order.placed", "payload": payload })).await.unwrap();
    speaker.settled().await.unwrap();
    // What comes behind it, and is Bob's to hear, shows that it would have come.
    let lab = observation("lab3", "p1", "laboratory", "LABVALUE");
    assert_eq!(ward.chief.put(&lab).await.unwrap().status, 201);
    let is_lab = |frame: &Value| frame["data"]["resource_id"] == "lab3";
    bob.until("the lab's", |me| me.frames.iter().any(is_lab)).await.unwrap();
    assert!(!bob.frames.iter().any(|frame| sings(&frame.to_string())), "{:?}", bob.frames);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_patch_takes_no_resource_out_of_a_granular_scope() {
    let ward = ward().await;
    let bob = bob(&ward, &LAB.replace(".rs?", ".cruds?"));
    let vital = json!([{ "coding": [{ "system": CATEGORY, "code": "vital-signs" }] }]);
    let patch = json!({
        "kind": "patch", "resourceType": "Observation", "id": "lab1", "elements": { "category": vital },
    });
    let reply = bob.post(&format!("/rooms/{ROOM}/commands"), &patch).await.unwrap();
    assert_eq!(reply.status, 422, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_history_tells_nothing_of_a_resource_that_a_granular_scope_leaves_out() {
    let ward = ward().await;
    let bob = bob(&ward, LAB);
    let reply = bob.get("/fhir/R4/Observation/vital1/_history").await.unwrap();
    assert_eq!(reply.status, 404, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_write_over_what_a_scope_leaves_out_is_refused_as_forbidden_at_once() {
    let ward = ward().await;
    let bob = bob(&ward, &LAB.replace(".rs?", ".cruds?"));
    let reply = bob.put(&observation("vital1", "p1", "laboratory", "forged")).await.unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn the_provenance_of_one_chart_is_none_of_a_right_in_another() {
    let ward = ward().await;
    ward.chart("p2").await;
    let claims = Claims::of("bob").scope("patient/*.cruds user/Flag.rs").patient("p2");
    let bob = ward.visitor(&claims);
    let reply = bob.get("/fhir/R4/Provenance?target=Flag/f1").await.unwrap();
    assert!(!types(reply.entries()).contains(&"Provenance"), "{}", reply.text);
    ward.server.stop().await.unwrap();
}
