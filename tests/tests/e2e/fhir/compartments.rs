//! Resources with security labels: in rooms of their own, and told of nowhere else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{because, check_outcome, hospital, ids_of, put};
use chartroom_tests::{
    fhir::{Fhir, Reply},
    server::Server,
};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// A condition of the first patient, with labels.
fn condition(id: &str, labels: &[&str]) -> Value {
    let security: Vec<Value> =
        labels.iter().map(|label| json!({ "system": ACT_CODE, "code": label })).collect();
    let mut condition = json!({
        "resourceType": "Condition",
        "id": id,
        "code": { "text": "Zebediah's secret" },
        "subject": { "reference": "Patient/p1" },
    });
    if !security.is_empty() {
        condition["meta"] = json!({ "security": security });
    }
    condition
}

async fn ids(server: &Server, room: &str) -> Vec<String> {
    let document = server.get(&format!("/rooms/{room}/document")).await.unwrap().body;
    let conditions = document["resources"]["Condition"].as_object().cloned().unwrap_or_default();
    conditions.into_iter().map(|(id, _)| id).collect()
}

fn label(code: &str) -> Value {
    json!({ "name": "label", "valueCode": code })
}

fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.text);
    check_outcome(code, reply);
    assert_eq!(reply.body["issue"][0]["code"], code, "{}", reply.text);
}

async fn relabel(alice: &Fhir, id: &str, labels: &[&str]) -> Reply {
    let mut parameters: Vec<Value> = labels.iter().map(|code| label(code)).collect();
    parameters.push(because("the patient asked for it"));
    alice.operate(&format!("Condition/{id}/$relabel"), parameters).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labelled_resource_goes_into_the_compartment_of_its_labels() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &condition("c1", &[])).await;
    put(&alice, &condition("c2", &["PSY"])).await;
    put(&alice, &condition("c3", &["PSY", "HIV"])).await;
    // Of whoever else's list of codes this is, it protects nothing.
    put(&alice, &condition("c4", &["N"])).await;

    assert_eq!(ids(&server, "patient:p1").await, ["c1", "c4"]);
    assert_eq!(ids(&server, "patient:p1~PSY").await, ["c2"]);
    assert_eq!(ids(&server, "patient:p1~HIV.PSY").await, ["c3"]);
    assert_eq!(alice.get("Condition/c3").await.unwrap().status, 200);
    let found = alice.pages("Condition?patient=p1").await.unwrap();
    assert_eq!(BTreeSet::from_iter(ids_of(&found, "Condition")).len(), 4);
    let everything = alice.pages("Patient/p1/$everything?_count=2").await.unwrap();
    assert_eq!(ids_of(&everything, "Condition"), ["c1", "c2", "c3", "c4"]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_wrong_room_it_is_refused() {
    let (_folder, server, alice) = hospital().await;
    for (room, labels, code) in [
        ("patient:p1", &["PSY"][..], "restricted"),
        ("patient:p1~PSY", &[], "not-restricted"),
        ("patient:p1~PSY", &["HIV"], "not-restricted"),
    ] {
        let command = json!({ "kind": "put", "resource": condition("c", labels) });
        let answer = server.command(room, &command).await.unwrap();
        assert_eq!((answer.status, answer.code()), (422, Some(code)), "{room} {labels:?}");
    }
    put(&alice, &condition("c1", &[])).await;
    let reply = alice.put(&condition("c1", &["PSY"])).await.unwrap();
    refused(&reply, 422, "business-rule");
    assert!(reply.text.contains("$relabel"), "{}", reply.text);
    let patch = json!({ "meta": { "security": [{ "code": "PSY" }] } });
    let merge = [("content-type", "application/merge-patch+json")];
    let body = Some(patch.to_string().into_bytes());
    let reply = alice.send("PATCH", "Condition/c1", &merge, body).await.unwrap();
    refused(&reply, 422, "business-rule");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relabelled_resource_leaves_nothing_in_the_room_that_it_was_in() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &condition("c1", &[])).await;
    put(&alice, &condition("c2", &[])).await;
    let reply = relabel(&alice, "c1", &["PSY"]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);

    assert_eq!(ids(&server, "patient:p1").await, ["c2"]);
    assert_eq!(ids(&server, "patient:p1~PSY").await, ["c1"]);
    let room = server.get("/rooms/patient:p1").await.unwrap().body;
    assert_eq!(room["epoch"], 2, "founded anew");
    let events = server.get("/rooms/patient:p1/events").await.unwrap();
    let told = events.body["events"].as_array().unwrap();
    let about = |id: &str| told.iter().filter(|event| event["resource_id"] == id).count();
    assert_eq!((about("c1"), about("c2") > 0), (0, true), "{}", events.text);
    let read = alice.get("Condition/c1").await.unwrap();
    assert_eq!(read.body["meta"]["security"][0]["code"], "PSY");
    let audit = alice.pages("AuditEvent?subtype=relabelled").await.unwrap();
    assert_eq!(audit.len(), 1);

    // And back, which tells the chart of it again.
    let reply = relabel(&alice, "c1", &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(ids(&server, "patient:p1").await, ["c1", "c2"]);
    assert!(ids(&server, "patient:p1~PSY").await.is_empty());
    let read = alice.get("Condition/c1").await.unwrap();
    assert_eq!(read.body["meta"].get("security"), None);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_relabelled_says_why() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &condition("c1", &[])).await;
    put(&alice, &json!({ "resourceType": "Location", "id": "l1" })).await;
    refused(&relabel(&alice, "nothing", &["PSY"]).await, 404, "not-found");
    let reply = alice.operate("Condition/c1/$relabel", vec![label("PSY")]).await.unwrap();
    refused(&reply, 400, "required");
    let parameters = vec![label("PSY"), because("it is secret")];
    let reply = alice.operate("Location/l1/$relabel", parameters).await.unwrap();
    refused(&reply, 422, "business-rule");
    assert_eq!(relabel(&alice, "c1", &[]).await.status, 200, "nothing to do");
    let room = server.get("/rooms/patient:p1").await.unwrap().body;
    assert_eq!(room["epoch"], 1);
    server.stop().await.unwrap();
}
