//! Critical values: whom they alert, until when, and that each does so once.

use std::{sync::Arc, time::Duration};

use chartroom_engine::{DocumentId, alerts, time::rfc3339};
use chartroom_server::{clock::now_ms, config::ServerConfig, storage::Memory};
use chartroom_tests::{
    client::Client,
    gate::{Gate, Passage},
    server::Server,
};
use serde_json::{Value, json};

use crate::{ROOM, start};

const ALERTS: &str = "facility:alerts";
const BOB: &str = "bob;Bob Ruiz";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn ago(ms: u64) -> String {
    rfc3339((now_ms() - ms).try_into().unwrap())
}

fn potassium(id: &str, value: f64, effective: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "subject": { "reference": "Patient/p1" },
        "code": { "coding": [{ "system": "http://loinc.org", "code": "2823-3", "display": "Potassium" }] },
        "effectiveDateTime": effective,
        "valueQuantity": { "value": value, "unit": "mmol/L", "code": "mmol/L" },
    })
}

async fn put(server: &Server, resource: Value) {
    let command = json!({ "kind": "put", "resource": resource });
    assert_eq!(server.command(ROOM, &command).await.unwrap().status, 200);
}

/// Bob has seen a result.
async fn acknowledge(server: &Server, observation: &str) {
    let message = json!({
        "resourceType": "Communication", "id": format!("ack-{observation}"), "status": "completed",
        "subject": { "reference": "Patient/p1" },
        "about": [{ "reference": format!("Observation/{observation}") }],
    });
    let body = json!({ "kind": "put", "resource": message }).to_string();
    let path = format!("/rooms/{ROOM}/commands");
    assert_eq!(server.post_to(&path, BOB, body).await.unwrap().status, 200);
}

/// Somebody who looks at the alerts, and their document.
async fn nurse(server: &Server) -> (Client, DocumentId) {
    let mut carol = Client::connect(server.address(), "carol").await.unwrap();
    let alerts = carol.open(ALERTS).await.unwrap();
    (carol, alerts)
}

fn overview(carol: &Client, alerts: DocumentId) -> Value {
    alerts::overview(&carol.chart(alerts).room.document().collection("Communication"))
}

/// Observations with an active alert.
fn active(carol: &Client, alerts: DocumentId) -> Vec<String> {
    let overview = overview(carol, alerts);
    let active = overview["active"].as_array().unwrap().iter();
    active.map(|alert| alert["about"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Numbers of the critical values in a room's log, and the roles they were raised for.
async fn critical(server: &Server, room: &str) -> Vec<(String, Value)> {
    let events = server.get(&format!("/rooms/{room}/events")).await.unwrap().body;
    let all = events["events"].as_array().unwrap().iter();
    all.filter(|event| event["event"] == "CRITICAL_VALUE_ALERT")
        .map(|event| {
            assert_eq!(event["patient_id"], "p1");
            assert_eq!(event["resource"]["resourceType"], "Observation");
            let id = event["resource_id"].as_str().unwrap().to_owned();
            (id, event["details"]["escalated_to"].clone())
        })
        .collect()
}

fn raised(ids: &[&str]) -> Vec<(String, Value)> {
    ids.iter().map(|id| ((*id).to_owned(), Value::Null)).collect()
}

#[tokio::test]
async fn a_critical_value_alerts_once_in_the_chart_and_once_for_everybody() {
    let (_folder, server) = start().await;
    let (mut carol, alerts) = nurse(&server).await;
    let name = json!([{ "given": ["Ann"], "family": "Doe" }]);
    put(&server, json!({ "resourceType": "Patient", "id": "p1", "name": name })).await;
    put(&server, potassium("o1", 4.2, &ago(0))).await;
    put(&server, potassium("o1", 7.2, &ago(0))).await;
    put(&server, potassium("o1", 7.4, &ago(0))).await;
    put(&server, potassium("o2", 1.9, &ago(0))).await;
    carol.until("both alerts", |carol| active(carol, alerts).len() == 2).await.unwrap();
    assert_eq!(critical(&server, ROOM).await, raised(&["o1", "o2"]));
    assert_eq!(critical(&server, ALERTS).await, raised(&["o1", "o2"]));
    let shown = server.get(&format!("/rooms/{ALERTS}/active")).await.unwrap().body;
    let first = &shown["active"][1];
    assert_eq!(first["text"], "Potassium 7.2 mmol/L is above 6.5");
    assert_eq!(first["patient"], json!({ "id": "p1", "name": "Ann Doe" }));
    assert_eq!(first["acknowledgements"], json!([]));
    let elsewhere = server.get(&format!("/rooms/{ROOM}/active")).await.unwrap();
    assert_eq!(elsewhere.status, 404);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_acknowledges_a_result_ends_its_alert() {
    let (_folder, server) = start().await;
    let (mut carol, alerts) = nurse(&server).await;
    put(&server, potassium("o1", 7.2, &ago(0))).await;
    put(&server, potassium("o2", 7.5, &ago(0))).await;
    acknowledge(&server, "o1").await;
    carol
        .until("one alert is left", |carol| active(carol, alerts) == ["Observation/o2"])
        .await
        .unwrap();
    let shown = server.get(&format!("/rooms/{ALERTS}/active")).await.unwrap().body;
    let ended = &shown["acknowledged"][0];
    assert_eq!(ended["about"], "Observation/o1");
    assert_eq!(ended["acknowledgements"][0]["by"], json!({ "id": "bob", "name": "Bob Ruiz" }));

    // Where it stands, somebody may end an alert too.
    let id = shown["active"][0]["id"].clone();
    let end = json!({
        "kind": "patch", "resourceType": "Communication", "id": id, "elements": { "status": "completed" },
    });
    server.post_to(&format!("/rooms/{ALERTS}/commands"), BOB, end.to_string()).await.unwrap();
    let named = |carol: &Client| {
        let overview = overview(carol, alerts);
        overview["acknowledged"]
            .as_array()
            .unwrap()
            .iter()
            .all(|alert| alert["acknowledgements"][0]["by"]["name"] == "Bob Ruiz")
            && overview["active"] == json!([])
    };
    carol.until("who ended it", named).await.unwrap();
    // A value that becomes critical again is another alert.
    put(&server, potassium("o1", 4.2, &ago(0))).await;
    put(&server, potassium("o1", 7.3, &ago(0))).await;
    carol
        .until("another alert", |carol| active(carol, alerts) == ["Observation/o1"])
        .await
        .unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_result_that_is_corrected_or_removed_alerts_nobody_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ServerConfig::new(folder.path());
    config.facility.escalate_after = Duration::from_millis(300);
    config.facility.escalate_to = vec!["nurse".to_owned()];
    let server = Server::start_with(config).await.unwrap();
    let (mut carol, alerts) = nurse(&server).await;
    let all = ["corrected", "less", "removed", "void"];
    for id in all {
        put(&server, potassium(id, 7.2, &ago(0))).await;
    }
    carol.until("all of them", |carol| active(carol, alerts).len() == all.len()).await.unwrap();
    put(&server, potassium("corrected", 4.2, &ago(0))).await;
    put(&server, potassium("less", 6.9, &ago(0))).await;
    let mut void = potassium("void", 7.2, &ago(0));
    void["status"] = json!("entered-in-error");
    put(&server, void).await;
    let remove = json!({ "kind": "delete", "resourceType": "Observation", "id": "removed" });
    assert_eq!(server.command(ROOM, &remove).await.unwrap().status, 200);
    carol
        .until("one is critical still", |carol| active(carol, alerts) == ["Observation/less"])
        .await
        .unwrap();
    let chart = carol.chart(alerts).room.document();
    let why = |id: &str| {
        let about = json!(format!("Observation/{id}"));
        let all = chart.collection("Communication");
        let alert = all.iter().find(|alert| alert["about"][0]["reference"] == about).unwrap();
        (alert["status"].clone(), alert["statusReason"]["text"].clone())
    };
    assert_eq!(why("corrected"), (json!("stopped"), json!("The result was corrected")));
    assert_eq!(why("removed"), (json!("stopped"), json!("The result was removed")));
    assert_eq!(overview(&carol, alerts)["acknowledged"], json!([]), "nobody has");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn late_and_imported_values_stay_in_their_chart() {
    let (_folder, server) = start().await;
    let (mut carol, alerts) = nurse(&server).await;
    put(&server, potassium("late", 7.2, &ago(4 * DAY_MS))).await;
    let import = json!({ "kind": "import", "resources": [potassium("imported", 7.2, &ago(0))] });
    assert_eq!(server.command(ROOM, &import).await.unwrap().status, 200);
    put(&server, potassium("now", 7.2, &ago(0))).await;
    carol.until("an alert", |carol| !active(carol, alerts).is_empty()).await.unwrap();
    assert_eq!(active(&carol, alerts), ["Observation/now"]);
    assert_eq!(critical(&server, ALERTS).await, raised(&["now"]));
    assert_eq!(critical(&server, ROOM).await, raised(&["late", "imported", "now"]));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_alert_that_nobody_acknowledges_goes_from_role_to_role_also_through_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ServerConfig::new(folder.path());
    config.facility.escalate_after = Duration::from_millis(300);
    config.facility.escalate_to = vec!["nurse".to_owned()];
    let server = Server::start_with(config.clone()).await.unwrap();
    let (mut carol, alerts) = nurse(&server).await;
    put(&server, potassium("o1", 7.2, &ago(0))).await;
    let to =
        |carol: &Client, roles: Value| overview(carol, alerts)["active"][0]["escalatedTo"] == roles;
    carol.until("the first role", |carol| to(carol, json!(["nurse"]))).await.unwrap();
    server.stop().await.unwrap();

    config.facility.escalate_to.push("chief".to_owned());
    let server = Server::start_with(config).await.unwrap();
    carol.reconnect(server.address()).await.unwrap();
    carol.until("the next role", |carol| to(carol, json!(["nurse", "chief"]))).await.unwrap();
    let mut told = critical(&server, ALERTS).await;
    let escalated = told.split_off(1);
    assert_eq!(told, raised(&["o1"]));
    assert_eq!(escalated, [("o1".to_owned(), json!("nurse")), ("o1".to_owned(), json!("chief"))]);
    assert_eq!(critical(&server, ROOM).await, raised(&["o1"]), "the chart is told once");
    acknowledge(&server, "o1").await;
    carol.until("nothing is left", |carol| active(carol, alerts).is_empty()).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_crash_between_the_two_commits_alerts_once() {
    for passage in [Passage::Lost, Passage::Unheard] {
        let memory = Arc::new(Memory::new());
        let gate = Arc::new(Gate::new(Arc::clone(&memory), ALERTS.parse().unwrap()));
        let server = Server::start_over(gate.clone()).await.unwrap();
        gate.set(passage);
        put(&server, potassium("o1", 7.2, &ago(0))).await;
        put(&server, potassium("o2", 7.2, &ago(0))).await;
        acknowledge(&server, "o1").await;
        server.stop().await.unwrap();

        let server = Server::start_over(memory).await.unwrap();
        let (mut carol, alerts) = nurse(&server).await;
        let left = |carol: &Client| {
            let overview = overview(carol, alerts);
            (
                overview["active"].as_array().unwrap().len(),
                overview["acknowledged"].as_array().unwrap().len(),
            )
        };
        carol.until("one is left", |carol| left(carol) == (1, 1)).await.unwrap();
        assert_eq!(critical(&server, ALERTS).await, raised(&["o1", "o2"]), "{passage:?}");
        server.stop().await.unwrap();
    }
}
