//! The pharmacy's queue: what stands in it, what is done from it, and that it is always right.

use std::{path::Path, process::ExitCode, sync::Arc};

use chartroom_engine::{DocumentId, pharmacy};
use chartroom_server::{
    cli,
    config::{Options, PharmacyTask, ServerConfig, ServerOptions, Task},
    storage::Memory,
};
use chartroom_tests::{
    client::Client,
    gate::{Gate, Passage},
    server::{Answer, Server},
};
use serde_json::{Value, json};

use crate::{allergy, start};

const QUEUE: &str = "pharmacy:queue";
const BOB: &str = "bob;Bob Ruiz";

fn order(patient: &str, id: &str, drug: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "subject": { "reference": format!("Patient/{patient}") },
        "medicationCodeableConcept": { "text": drug },
        "dosageInstruction": [{ "text": "one a day" }],
        "requester": { "display": "Dr. Chen" },
        "authoredOn": format!("2024-03-0{}", id.len()),
        "dispenseRequest": { "quantity": { "value": 30, "unit": "tablets" } },
    })
}

async fn put(server: &Server, patient: &str, resource: Value) {
    let command = json!({ "kind": "put", "resource": resource });
    let answer = server.command(&format!("patient:{patient}"), &command).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn act(server: &Server, act: Value) -> Answer {
    server.post_to(&format!("/rooms/{QUEUE}/commands"), BOB, act.to_string()).await.unwrap()
}

fn on(kind: &str, patient: &str, prescription: &str) -> Value {
    json!({ "kind": kind, "room": format!("patient:{patient}"), "prescription": prescription })
}

/// Somebody who looks at the queue, and its document.
async fn pharmacist(server: &Server) -> (Client, DocumentId) {
    let mut carol = Client::connect(server.address(), "carol").await.unwrap();
    let queue = carol.open(QUEUE).await.unwrap();
    (carol, queue)
}

/// What stands in the columns, as prescriptions.
fn columns(carol: &Client, queue: DocumentId) -> Value {
    let columns = pharmacy::columns(&carol.chart(queue).room.document().collection("Task"));
    let names = ["newOrders", "verification", "dispensing", "ready"];
    names
        .map(|name| {
            columns[name]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["prescription"].clone())
                .collect::<Value>()
        })
        .into()
}

async fn until(carol: &mut Client, queue: DocumentId, expected: Value) {
    let stands = |carol: &Client| columns(carol, queue) == expected;
    let reached = carol.until("the queue", stands).await;
    assert!(reached.is_ok(), "{} instead of {expected}", columns(carol, queue));
}

/// Names of the events that the queue repeats, in order.
async fn repeated(server: &Server) -> Vec<String> {
    let events = server.get(&format!("/rooms/{QUEUE}/events")).await.unwrap().body;
    let all = events["events"].as_array().unwrap().iter();
    all.filter(|event| !event["source"].is_null())
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn prescriptions_of_two_patients_pass_through_the_queue() {
    let (_folder, server) = start().await;
    let (mut carol, queue) = pharmacist(&server).await;
    let name = json!([{ "given": ["Ann"], "family": "Doe" }]);
    put(&server, "p1", json!({ "resourceType": "Patient", "id": "p1", "name": name })).await;
    put(&server, "p1", order("p1", "m", "Amoxicillin")).await;
    put(&server, "p2", order("p2", "mm", "Ibuprofen")).await;
    until(&mut carol, queue, json!([["m", "mm"], [], [], []])).await;

    let shown = server.get(&format!("/rooms/{QUEUE}/queue")).await.unwrap().body;
    let first = &shown["newOrders"][0];
    assert_eq!(
        (&first["patient"], &first["drug"]),
        (&json!({ "id": "p1", "name": "Ann Doe" }), &json!("Amoxicillin"))
    );
    let by_task = |kind: &str| json!({ "kind": kind, "task": first["id"] });
    assert_eq!(act(&server, by_task("receive")).await.status, 200);
    until(&mut carol, queue, json!([["mm"], ["m"], [], []])).await;
    let both = json!([by_task("verify"), on("verify", "p2", "mm")]);
    assert_eq!(act(&server, both).await.status, 200);
    until(&mut carol, queue, json!([[], [], ["m", "mm"], []])).await;
    let mut dispense = on("dispense", "p2", "mm");
    dispense["quantity"] = json!(10);
    let answer = act(&server, dispense).await;
    assert_eq!(answer.body["edits"][0]["resources"][1][0], "MedicationDispense");
    until(&mut carol, queue, json!([[], [], ["m"], ["mm"]])).await;
    assert_eq!(act(&server, on("ready", "p2", "mm")).await.status, 200);
    assert_eq!(act(&server, on("complete", "p2", "mm")).await.status, 200);
    until(&mut carol, queue, json!([[], [], ["m"], []])).await;

    let dispensed = &answer.body["edits"][0]["resources"][1][1];
    let chart = server.get("/rooms/patient:p2/document").await.unwrap().body;
    let dispense = &chart["resources"]["MedicationDispense"][dispensed.as_str().unwrap()];
    assert_eq!(
        (&dispense["quantity"], &dispense["status"]),
        (&json!({ "value": 10 }), &json!("completed"))
    );
    assert_eq!(dispense["performer"][0]["actor"]["display"], "Bob Ruiz");
    let events = server.get("/rooms/patient:p2/events").await.unwrap().body;
    let last = events["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["author"], json!({ "id": "bob", "name": "Bob Ruiz" }), "in the caller's name");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_of_a_restricted_compartment_is_shown() {
    let (_folder, server) = start().await;
    let mut lithium = order("p1", "m", "Lithium");
    lithium["meta"] = json!({ "security": [{ "code": "PSY" }] });
    put(&server, "p1~PSY", lithium).await;
    put(&server, "p1", order("p1", "mm", "Amoxicillin")).await;
    let (mut carol, queue) = pharmacist(&server).await;
    until(&mut carol, queue, json!([["mm"], [], [], []])).await;
    let rebuilt =
        server.post_path(&format!("/rooms/{QUEUE}/rebuild"), String::new()).await.unwrap();
    assert_eq!((&rebuilt.body["rooms"], &rebuilt.body["changed"]), (&json!(1), &json!(0)));
    assert!(!server.text(&format!("/rooms/{QUEUE}/events")).await.unwrap().contains("PSY"));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn events_are_repeated_with_patient_and_resource_as_of_the_event() {
    let (_folder, server) = start().await;
    let (mut carol, queue) = pharmacist(&server).await;
    put(&server, "p1", order("p1", "m", "Amoxicillin")).await;
    until(&mut carol, queue, json!([["m"], [], [], []])).await;
    act(&server, on("verify", "p1", "m")).await;
    until(&mut carol, queue, json!([[], [], ["m"], []])).await;
    act(&server, on("dispense", "p1", "m")).await;
    until(&mut carol, queue, json!([[], [], [], ["m"]])).await;

    let names = repeated(&server).await;
    let expected = [
        "MEDICATION_PRESCRIBED",
        "ORDER_PLACED",
        "MEDICATION_UPDATED",
        "PRESCRIPTION_VERIFIED",
        "MEDICATION_DISPENSED",
        "MEDICATION_UPDATED",
    ];
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(names), sorted(expected.map(str::to_owned).to_vec()));
    let events = server.get(&format!("/rooms/{QUEUE}/events")).await.unwrap().body;
    let events = events["events"].as_array().unwrap();
    let verified = events.iter().find(|event| event["event"] == "PRESCRIPTION_VERIFIED").unwrap();
    assert_eq!((&verified["patient_id"], &verified["room"]), (&json!("p1"), &json!(QUEUE)));
    assert_eq!(verified["author"]["name"], "Bob Ruiz");
    assert_eq!(verified["resource"]["extension"][0]["extension"][0]["valueString"], "verified");
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_queue_follows_in_the_next_commit() {
    let (_folder, server) = start().await;
    let (mut carol, queue) = pharmacist(&server).await;
    let batches = async || {
        let metrics = server.text("/metrics").await.unwrap();
        let line =
            metrics.lines().find(|line| line.starts_with("chartroom_batches_total")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let before = batches().await;
    put(&server, "p1", order("p1", "m", "Amoxicillin")).await;
    until(&mut carol, queue, json!([["m"], [], [], []])).await;
    assert_eq!(batches().await, before + 2, "one of the patient's room, one of the queue");
    put(&server, "p1", allergy("a1", "latex")).await;
    act(&server, on("verify", "p1", "m")).await;
    until(&mut carol, queue, json!([[], [], ["m"], []])).await;
    assert_eq!(batches().await, before + 5, "what is nothing to the pharmacy writes nothing there");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_prescription_leaves_the_queue_however_it_ends() {
    let (_folder, server) = start().await;
    let (mut carol, queue) = pharmacist(&server).await;
    for id in ["a", "bb", "ccc", "dddd"] {
        put(&server, "p1", order("p1", id, "Amoxicillin")).await;
    }
    until(&mut carol, queue, json!([["a", "bb", "ccc", "dddd"], [], [], []])).await;
    let patch = |id: &str, elements: Value| {
        json!({
            "kind": "patch", "resourceType": "MedicationRequest", "id": id, "elements": elements,
        })
    };
    let commands = json!([
        patch("a", json!({ "status": "stopped" })),
        { "kind": "delete", "resourceType": "MedicationRequest", "id": "bb" },
        patch("ccc", json!({ "intent": "plan" })),
        { "kind": "put", "resource": { "resourceType": "Patient", "id": "p1", "name": [{ "text": "Ann" }] } },
    ]);
    assert_eq!(server.command("patient:p1", &commands).await.unwrap().status, 200);
    until(&mut carol, queue, json!([["dddd"], [], [], []])).await;
    let named = |carol: &Client| {
        let tasks = carol.chart(queue).room.document().collection("Task");
        pharmacy::columns(&tasks)["newOrders"][0]["patient"]["name"] == "Ann"
    };
    carol.until("the patient's new name", named).await.unwrap();
    let undelete = json!({ "kind": "undelete", "resourceType": "MedicationRequest", "id": "bb" });
    server.command("patient:p1", &undelete).await.unwrap();
    until(&mut carol, queue, json!([["bb", "dddd"], [], [], []])).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_conflict_of_dose_and_drug_is_marked_and_holds_up_the_act_until_somebody_chooses() {
    let (_folder, server) = start().await;
    let (mut carol, queue) = pharmacist(&server).await;
    let (mut alice, mut bob, room) = crate::alice_and_bob(&server).await;
    alice.put(room, order("p1", "m", "Amoxicillin")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    bob.until_heads(room, &alice.heads(room)).await.unwrap();
    // Neither takes in what the other sends before both have written.
    let mut dose = order("p1", "m", "Amoxicillin");
    dose["dosageInstruction"] = json!([{ "text": "three a day" }]);
    alice.put(room, dose).await.unwrap();
    bob.put(room, order("p1", "m", "Ibuprofen")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    bob.until_saved(room).await.unwrap();

    let marked = |carol: &Client| {
        let tasks = carol.chart(queue).room.document().collection("Task");
        pharmacy::columns(&tasks)["newOrders"][0]["conflict"] == true
    };
    carol.until("the mark", marked).await.unwrap();
    let refused = act(&server, on("verify", "p1", "m")).await;
    assert_eq!((refused.status, refused.code()), (422, Some("conflict-open")));

    let disputed = |bob: &Client| !bob.chart(room).room.conflicts().is_empty();
    bob.until("the conflict", disputed).await.unwrap();
    let mut chosen = order("p1", "m", "Ibuprofen");
    chosen["dosageInstruction"] = json!([{ "text": "two a day" }]);
    bob.put(room, chosen).await.unwrap();
    bob.until_saved(room).await.unwrap();
    carol.until("no mark", |carol| !marked(carol)).await.unwrap();
    assert!(repeated(&server).await.contains(&"CONFLICT_DETECTED".to_owned()));
    assert_eq!(act(&server, on("verify", "p1", "m")).await.status, 200);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn acts_that_do_not_fit_are_refused_with_a_code() {
    let (_folder, server) = start().await;
    put(&server, "p1", order("p1", "m", "Amoxicillin")).await;
    let mut draft = order("p1", "draft", "Amoxicillin");
    draft["status"] = json!("draft");
    put(&server, "p1", draft).await;
    let task = json!({ "resourceType": "Task", "id": "t" });
    for (body, status, code) in [
        (on("dispense", "p1", "m"), 422, "wrong-status"),
        (on("verify", "p1", "draft"), 422, "not-active"),
        (on("verify", "p1", "none"), 422, "not-found"),
        (on("verify", "nobody", "m"), 422, "not-found"),
        (json!({ "kind": "verify", "task": "none" }), 422, "not-found"),
        (json!({ "kind": "put", "resource": task }), 422, "projection"),
        (json!({ "kind": "verify" }), 400, "bad-body"),
        (
            json!({ "kind": "verify", "task": "t", "room": "patient:p1", "prescription": "m" }),
            400,
            "bad-body",
        ),
        (json!({ "kind": "verify", "room": QUEUE, "prescription": "m" }), 400, "bad-body"),
        (json!({ "kind": "swallow", "task": "t" }), 400, "bad-body"),
        (json!({ "kind": "dispense", "task": "t", "quantity": "ten" }), 400, "bad-body"),
        (json!({ "kind": "verify", "task": "t", "extra": 1 }), 400, "bad-body"),
        (json!("verify"), 400, "bad-body"),
    ] {
        let answer = act(&server, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (status, Some(code)), "{body}");
    }
    assert_eq!(server.get("/rooms/patient:nobody").await.unwrap().status, 404, "no room was made");
    for path in ["/rooms/patient:p1/queue", "/rooms/pharmacy:other/queue"] {
        assert_eq!(server.get(path).await.unwrap().status, 404, "{path}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_crash_between_the_two_commits_loses_nothing_and_doubles_nothing() {
    // Whether the queue's commit was written when the server died is another matter each time.
    for passage in [Passage::Lost, Passage::Unheard] {
        let memory = Arc::new(Memory::new());
        let gate = Arc::new(Gate::new(Arc::clone(&memory), QUEUE.parse().unwrap()));
        let server = Server::start_over(gate.clone()).await.unwrap();
        put(&server, "p1", order("p1", "m", "Amoxicillin")).await;
        let (mut carol, queue) = pharmacist(&server).await;
        until(&mut carol, queue, json!([["m"], [], [], []])).await;
        gate.set(passage);
        put(&server, "p1", order("p1", "mm", "Ibuprofen")).await;
        assert_eq!(act(&server, on("verify", "p1", "m")).await.status, 200);
        drop(carol);
        server.stop().await.unwrap();

        let server = Server::start_over(memory).await.unwrap();
        let (mut carol, queue) = pharmacist(&server).await;
        until(&mut carol, queue, json!([["mm"], [], ["m"], []])).await;
        let told = repeated(&server).await;
        let count = |name: &str| told.iter().filter(|told| *told == name).count();
        assert_eq!(
            (count("MEDICATION_PRESCRIBED"), count("PRESCRIPTION_VERIFIED")),
            (2, 1),
            "{passage:?} {told:?}"
        );
        server.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_commit_that_fails_is_made_up_for_while_the_server_goes_on() {
    for passage in [Passage::Lost, Passage::Unheard] {
        let gate = Arc::new(Gate::new(Arc::new(Memory::new()), QUEUE.parse().unwrap()));
        let server = Server::start_over(gate.clone()).await.unwrap();
        gate.set(passage);
        put(&server, "p1", order("p1", "m", "Amoxicillin")).await;
        // Another's edit is acknowledged all the same.
        put(&server, "p2", order("p2", "mm", "Ibuprofen")).await;
        gate.set(Passage::Open);
        let (mut carol, queue) = pharmacist(&server).await;
        until(&mut carol, queue, json!([["m", "mm"], [], [], []])).await;
        let told = repeated(&server).await;
        let prescribed = told.iter().filter(|name| *name == "MEDICATION_PRESCRIBED").count();
        assert_eq!(prescribed, 2, "{passage:?} {told:?}");
        server.stop().await.unwrap();
    }
}

#[tokio::test]
async fn an_import_fills_the_queue_and_raises_nothing() {
    let (_folder, server) = start().await;
    let (mut carol, queue) = pharmacist(&server).await;
    let mut stopped = order("p1", "old", "Aspirin");
    stopped["status"] = json!("stopped");
    let resources =
        json!([order("p1", "m", "Amoxicillin"), stopped, order("p1", "mm", "Ibuprofen")]);
    let import = json!({ "kind": "import", "resources": resources });
    assert_eq!(server.command("patient:p1", &import).await.unwrap().status, 200);
    until(&mut carol, queue, json!([["m", "mm"], [], [], []])).await;
    put(&server, "p2", order("p2", "mmm", "Cetirizine")).await;
    until(&mut carol, queue, json!([["m", "mm", "mmm"], [], [], []])).await;

    let events = server.get(&format!("/rooms/{QUEUE}/events")).await.unwrap().body;
    let told: Vec<(bool, &str)> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["import"].as_bool().unwrap(), event["event"].as_str().unwrap()))
        .collect();
    let entry = "RESOURCE_CREATED";
    assert_eq!(
        told,
        [
            (true, entry),
            (true, entry),
            (false, entry),
            (false, "MEDICATION_PRESCRIBED"),
            (false, "ORDER_PLACED")
        ]
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn rebuilding_gives_the_same_queue_however_often_and_raises_nothing() {
    let (_folder, server) = start().await;
    let (mut carol, queue) = pharmacist(&server).await;
    put(&server, "p1", order("p1", "m", "Amoxicillin")).await;
    put(&server, "p2", order("p2", "mm", "Ibuprofen")).await;
    act(&server, on("verify", "p2", "mm")).await;
    until(&mut carol, queue, json!([["m"], [], ["mm"], []])).await;
    let shown = async || server.get(&format!("/rooms/{QUEUE}/queue")).await.unwrap().text;
    let log = async || server.text(&format!("/rooms/{QUEUE}/events")).await.unwrap();
    // What was verified comes back from the patient's room once more, as the change that says so.
    while !log().await.contains("MEDICATION_UPDATED") {}
    let (queue_before, log_before) = (shown().await, log().await);
    for _ in 0..2 {
        let rebuilt =
            server.post_to(&format!("/rooms/{QUEUE}/rebuild"), BOB, String::new()).await.unwrap();
        assert_eq!(rebuilt.body, json!({ "rooms": 2, "changed": 0, "unreadable": 0 }));
        assert_eq!((shown().await, log().await), (queue_before.clone(), log_before.clone()));
    }
    let elsewhere = server.post_to("/rooms/patient:p1/rebuild", BOB, String::new()).await.unwrap();
    assert_eq!(elsewhere.status, 404);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_queue_that_was_never_written_is_made_by_command() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": { "resourceType": "Patient", "id": "p1" } },
        { "resource": order("p1", "m", "Amoxicillin") },
        { "resource": order("p2", "mm", "Ibuprofen") },
    ] });
    let file = folder.path().join("bundle.json");
    std::fs::write(&file, bundle.to_string()).unwrap();
    let store = folder.path().join("store");
    execute(&store, Task::Import { files: vec![file], server: ServerOptions::default() }).await;
    for _ in 0..2 {
        let task = PharmacyTask::Rebuild { server: ServerOptions::default() };
        execute(&store, Task::Pharmacy { task }).await;
    }
    let server = Server::start(&store).await.unwrap();
    let task = PharmacyTask::Rebuild {
        server: ServerOptions { url: Some(server.http()), ..Default::default() },
    };
    execute(&store, Task::Pharmacy { task }).await;
    let (mut carol, queue) = pharmacist(&server).await;
    assert_eq!(columns(&carol, queue), json!([["m", "mm"], [], [], []]));
    put(&server, "p1", order("p1", "mmm", "Cetirizine")).await;
    until(&mut carol, queue, json!([["m", "mm", "mmm"], [], [], []])).await;
    assert_eq!(repeated(&server).await, ["MEDICATION_PRESCRIBED", "ORDER_PLACED"]);
    let events = server.get(&format!("/rooms/{QUEUE}/events")).await.unwrap().body;
    assert_eq!(events["last"], 5, "each entry was written once");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_queue_with_a_long_history_is_founded_anew_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ServerConfig::new(folder.path());
    config.facility.changes_max = 3;
    let server = Server::start_with(config).await.unwrap();
    let (mut carol, mut queue) = pharmacist(&server).await;
    let mut expected = Vec::new();
    for id in ["a", "bb", "ccc", "dddd"] {
        put(&server, "p1", order("p1", id, "Amoxicillin")).await;
        expected.push(id);
        if id == "dddd" {
            queue = carol.move_on(queue).await.unwrap();
        }
        until(&mut carol, queue, json!([expected, [], [], []])).await;
    }
    act(&server, on("verify", "p1", "a")).await;
    until(&mut carol, queue, json!([["bb", "ccc", "dddd"], [], ["a"], []])).await;
    let room = server.get(&format!("/rooms/{QUEUE}")).await.unwrap().body;
    assert_eq!((&room["epoch"], &room["resources"]), (&json!(2), &json!({ "Task": 4 })));
    let told = repeated(&server).await;
    let count = |name: &str| told.iter().filter(|told| *told == name).count();
    assert_eq!((count("MEDICATION_PRESCRIBED"), count("PRESCRIPTION_VERIFIED")), (4, 1));
    server.stop().await.unwrap();
}

/// Runs a command of the binary over a store.
async fn execute(store: &Path, command: Task) {
    let options =
        Options { data: Some(store.to_owned()), audit_key: None, log_json: false, command };
    let done = tokio::task::spawn_blocking(move || cli::execute(options).unwrap()).await.unwrap();
    assert_eq!(done, ExitCode::SUCCESS);
}
