//! What was written for the wrong patient, and charts that are one person's.

use base64::Engine as _;
use chartroom_tests::{client::Client, fhir::Fhir, server::Server};
use serde_json::{Value, json};

use super::{
    because, check_changes, check_outcome, heads, hospital, ids_of, levels, observation,
    open_hospital, put, refers,
};

const CORRECT: &str = "Observation/o1/$correct-patient";

/// The marks that a chart has of an act.
async fn marks(server: &Server, room: &str, code: &str) -> Vec<Value> {
    let document = server.get(&format!("/rooms/{room}/document")).await.unwrap().body;
    let all = document["resources"]["Provenance"].as_object().cloned().unwrap_or_default();
    let of = |mark: &Value| mark["activity"]["coding"][0]["code"] == code;
    all.into_iter().map(|(_, mark)| mark).filter(of).collect()
}

/// An observation in the wrong chart, which refers to an encounter there, in two versions.
async fn misplaced(alice: &Fhir) {
    put(alice, &json!({ "resourceType": "Location", "id": "l1" })).await;
    put(alice, &json!({
        "resourceType": "Encounter", "id": "e1", "status": "finished", "class": { "code": "AMB" },
        "subject": { "reference": "Patient/p1" },
    }))
    .await;
    let mut o1 = observation("o1", "p1", 1);
    o1["encounter"] = json!({ "reference": "Encounter/e1" });
    o1["performer"] = json!([{ "reference": "Patient/p1" }]);
    put(alice, &o1).await;
    o1["valueInteger"] = 2.into();
    put(alice, &o1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_goes_into_the_right_chart() {
    let (_folder, server, alice) = hospital().await;
    misplaced(&alice).await;
    let parameters = vec![refers("patient", "p2"), because("two beds mixed up")];
    let reply = alice.operate(CORRECT, parameters.clone()).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.expressions(), ["Observation.encounter"], "{}", reply.text);

    let read = alice.get("Observation/o1").await.unwrap();
    assert_eq!((read.status, &read.body["valueInteger"]), (200, &json!(2)));
    assert_eq!(read.body["subject"]["reference"], "Patient/p2");
    assert_eq!(read.body["performer"][0]["reference"], "Patient/p2");
    assert_eq!(read.body.get("encounter"), None);
    assert_eq!(
        ids_of(&alice.pages("Observation?patient=p2").await.unwrap(), "Observation"),
        ["o1"]
    );
    assert!(alice.pages("Observation?patient=p1").await.unwrap().is_empty());

    let corrected = "AuditEvent?subtype=wrong-patient-corrected";
    let audit = alice.pages(corrected).await.unwrap();
    assert_eq!(audit.len(), 1, "{audit:#?}");
    let event = &audit[0]["resource"];
    for patient in ["Patient/p1", "Patient/p2"] {
        let named =
            event["entity"].as_array().unwrap().iter().any(|e| e["what"]["reference"] == patient);
        assert!(named, "{event}");
    }
    assert_eq!(event["agent"][0]["who"]["identifier"]["value"], "alice");
    for patient in ["p1", "p2"] {
        let found = alice.pages(&format!("{corrected}&patient={patient}")).await.unwrap();
        assert_eq!(found.len(), 1);
    }
    let source = format!("AuditEvent/{}", event["id"].as_str().unwrap());
    for (room, other) in [("patient:p1", "p2"), ("patient:p2", "p1")] {
        let marks = marks(&server, room, "wrong-patient-corrected").await;
        assert_eq!(marks.len(), 1, "{room}");
        assert_eq!(marks[0]["entity"][0]["what"]["reference"], source.as_str());
        assert_eq!(marks[0]["reason"][0]["text"], "two beds mixed up");
        assert!(
            !marks[0].to_string().contains(&format!("Patient/{other}")),
            "{room} names the other patient"
        );
    }
    for patient in ["p1", "p2"] {
        let found = alice.pages(&format!("Provenance?patient={patient}")).await.unwrap();
        let marked = found
            .iter()
            .any(|e| e["resource"]["activity"]["coding"][0]["code"] == "wrong-patient-corrected");
        assert!(marked, "{patient}");
    }
    // The old chart's history has what was there.
    let old = server.get("/rooms/patient:p1/events?after=0").await.unwrap().body;
    let deleted =
        old["events"].as_array().unwrap().iter().any(|e| e["event"] == "RESOURCE_DELETED");
    assert!(deleted, "{old}");

    let before = levels(&server).await;
    let again = alice.operate(CORRECT, parameters).await.unwrap();
    assert!([200, 422].contains(&again.status), "{}", again.text);
    assert_eq!(levels(&server).await, before, "asking again changes nothing");
    let mut named = vec![refers("from", "p1"), refers("patient", "p2"), because("again")];
    let again = alice.operate(CORRECT, named.clone()).await.unwrap();
    assert!([200, 404, 422].contains(&again.status), "{}", again.text);
    assert_eq!(levels(&server).await, before, "asking again changes nothing");
    // And back.
    named = vec![refers("patient", "p1"), because("it was right")];
    assert_eq!(alice.operate(CORRECT, named).await.unwrap().status, 200);
    let read = alice.get("Observation/o1").await.unwrap();
    assert_eq!(read.body["subject"]["reference"], "Patient/p1");
    server.stop().await.unwrap();
}

/// FHIR R4, resource.html#Meta and http.html#vread: what a version id named once it names for ever.
#[tokio::test(flavor = "multi_thread")]
async fn versions_of_before_a_correction_are_not_taken_for_others() {
    let (_folder, server, alice) = hospital().await;
    misplaced(&alice).await;
    let first = alice.get("Observation/o1/_history/1").await.unwrap();
    assert_eq!(first.body["valueInteger"], 1);
    let parameters = vec![refers("patient", "p2"), because("two beds mixed up")];
    assert_eq!(alice.operate(CORRECT, parameters).await.unwrap().status, 200);
    let again = alice.get("Observation/o1/_history/1").await.unwrap();
    match again.status {
        200 => assert_eq!(again.body, first.body, "version 1 is another one now"),
        status => assert!([404, 410].contains(&status), "{}", again.text),
    }
    let patch = json!([{ "op": "replace", "path": "/valueInteger", "value": 9 }]);
    for version in ["1", "2"] {
        let tag = format!("W/\"{version}\"");
        let reply = alice.patch("Observation/o1", &patch, &[("if-match", &tag)]).await.unwrap();
        assert_eq!(reply.status, 412, "version {version} was in the other chart: {}", reply.text);
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_before_a_correction_stay_readable() {
    let (_folder, server, alice) = hospital().await;
    misplaced(&alice).await;
    let parameters = vec![refers("patient", "p2"), because("two beds mixed up")];
    assert_eq!(alice.operate(CORRECT, parameters).await.unwrap().status, 200);
    let history = alice.pages("Observation/o1/_history").await.unwrap();
    let values: Vec<(&Value, &Value)> = history
        .iter()
        .map(|entry| &entry["resource"])
        .map(|resource| (&resource["subject"]["reference"], &resource["valueInteger"]))
        .collect();
    let there = |of: &str, value: i64| values.iter().any(|(a, b)| **a == of && **b == value);
    assert!(
        there("Patient/p1", 1) && there("Patient/p1", 2) && there("Patient/p2", 2),
        "{values:?}"
    );
    server.stop().await.unwrap();
}

/// Only what refers to what stays behind is left out of a list.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_keeps_the_other_items_of_a_list() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &json!({ "resourceType": "Practitioner", "id": "d1" })).await;
    let subject = json!({ "reference": "Patient/p1" });
    put(&alice, &json!({ "resourceType": "RelatedPerson", "id": "r1", "patient": subject })).await;
    let mut o1 = observation("o1", "p1", 1);
    o1["performer"] =
        json!([{ "reference": "Practitioner/d1" }, { "reference": "RelatedPerson/r1" }]);
    put(&alice, &o1).await;
    let parameters = vec![refers("patient", "p2"), because("two beds mixed up")];
    let reply = alice.operate(CORRECT, parameters).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let read = alice.get("Observation/o1").await.unwrap();
    assert_eq!(read.body["performer"], json!([{ "reference": "Practitioner/d1" }]));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_does_not_write_over_another_resource() {
    let (_folder, server, alice) = hospital().await;
    // A client that makes its own ids has one in the right chart that is something else.
    let other = json!({ "kind": "put", "resource": observation("o1", "p2", 77) });
    assert_eq!(server.command("patient:p2", &other).await.unwrap().status, 200);
    let mine = json!({ "kind": "put", "resource": observation("o1", "p1", 1) });
    assert_eq!(server.command("patient:p1", &mine).await.unwrap().status, 200);
    let before = levels(&server).await;
    let parameters =
        vec![refers("from", "p1"), refers("patient", "p2"), because("two beds mixed up")];
    let reply = alice.operate(CORRECT, parameters).await.unwrap();
    assert_eq!(reply.status, 409, "{}", reply.text);
    assert_eq!(levels(&server).await, before);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parameters_of_a_correction_change_nothing() {
    let (_folder, server, alice) = hospital().await;
    misplaced(&alice).await;
    let before = levels(&server).await;
    let all = |patient: Value| vec![patient, because("x")];
    for (case, path, parameters, statuses) in [
        ("no patient", CORRECT, vec![because("x")], [400, 422]),
        ("no reason", CORRECT, vec![refers("patient", "p2")], [400, 422]),
        ("an empty reason", CORRECT, vec![refers("patient", "p2"), because(" ")], [400, 422]),
        (
            "a patient as text",
            CORRECT,
            all(json!({ "name": "patient", "valueString": "p2" })),
            [400, 422],
        ),
        ("nobody", CORRECT, all(refers("patient", "nobody")), [400, 422]),
        ("the same patient", CORRECT, all(refers("patient", "p1")), [400, 422]),
        (
            "nothing there",
            "Observation/none/$correct-patient",
            all(refers("patient", "p2")),
            [404, 404],
        ),
        ("no patient's", "Location/l1/$correct-patient", all(refers("patient", "p2")), [400, 422]),
        ("a patient", "Patient/p1/$correct-patient", all(refers("patient", "p2")), [400, 422]),
        (
            "from nobody",
            CORRECT,
            vec![refers("from", "nobody"), refers("patient", "p2"), because("x")],
            [404, 422],
        ),
        (
            "from the wrong one",
            CORRECT,
            vec![refers("from", "p2"), refers("patient", "p1"), because("x")],
            [404, 422],
        ),
    ] {
        let reply = alice.operate(path, parameters).await.unwrap();
        assert!(statuses.contains(&reply.status), "{case}: {} {}", reply.status, reply.text);
        check_outcome(case, &reply);
        assert_eq!(levels(&server).await, before, "{case}");
    }
    let reply =
        alice.send_json("POST", CORRECT, &[], &json!({ "resourceType": "Patient" })).await.unwrap();
    assert_eq!(reply.status, 400, "{}", reply.text);
    let corrected = "AuditEvent?subtype=wrong-patient-corrected";
    assert!(alice.pages(corrected).await.unwrap().is_empty(), "nothing was done");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_charts_of_one_person_become_one() {
    let (_folder, server, alice) = hospital().await;
    misplaced(&alice).await;
    for n in 0..150 {
        put(&alice, &observation(&format!("m{n}"), "p1", n)).await;
    }
    put(&alice, &observation("t1", "p2", 1)).await;
    let parameters = vec![
        refers("source-patient", "p1"),
        refers("target-patient", "p2"),
        because("the same person"),
    ];
    let reply = alice.operate("Patient/$merge", parameters.clone()).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);

    let (old, new) =
        (alice.get("Patient/p1").await.unwrap(), alice.get("Patient/p2").await.unwrap());
    assert_eq!(old.body["active"], false);
    assert_eq!(
        old.body["link"],
        json!([{ "other": { "reference": "Patient/p2" }, "type": "replaced-by" }])
    );
    assert_eq!(
        new.body["link"],
        json!([{ "other": { "reference": "Patient/p1" }, "type": "replaces" }])
    );
    assert_ne!(new.body["active"], false);
    for path in
        ["Observation/o1", "Observation/m0", "Observation/m149", "Encounter/e1", "Observation/t1"]
    {
        let read = alice.get(path).await.unwrap();
        assert_eq!(
            (read.status, &read.body["subject"]["reference"]),
            (200, &json!("Patient/p2")),
            "{path}"
        );
    }
    let o1 = alice.get("Observation/o1").await.unwrap();
    assert_eq!(o1.body["encounter"]["reference"], "Encounter/e1", "it came along");
    let all = alice.pages("Observation?patient=p2&_count=40").await.unwrap();
    assert_eq!(all.len(), 152);
    assert!(alice.pages("Observation?patient=p1").await.unwrap().is_empty());
    let audit = alice.pages("AuditEvent?subtype=patients-merged").await.unwrap();
    let event = &audit.last().unwrap()["resource"];
    for patient in ["Patient/p1", "Patient/p2"] {
        let named =
            event["entity"].as_array().unwrap().iter().any(|e| e["what"]["reference"] == patient);
        assert!(named, "{event}");
    }
    for room in ["patient:p1", "patient:p2"] {
        assert_eq!(marks(&server, room, "patients-merged").await.len(), 1, "{room}");
    }
    let again = alice.operate("Patient/$merge", parameters).await.unwrap();
    assert!([200, 422].contains(&again.status), "{}", again.text);
    assert_eq!(alice.pages("Observation?patient=p2&_count=500").await.unwrap().len(), 152);
    let linked = alice.get("Patient/p2").await.unwrap();
    assert_eq!(linked.body["link"], new.body["link"], "linked once");
    assert_eq!(linked.version(), new.version(), "asking again changes nothing");
    // Not the other way round, and not in a circle.
    let back = vec![refers("source-patient", "p2"), refers("target-patient", "p1"), because("x")];
    let before = levels(&server).await;
    let reply = alice.operate("Patient/$merge", back).await.unwrap();
    assert_eq!(reply.status, 422, "{}", reply.text);
    assert_eq!(levels(&server).await, before);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_before_a_merge_stay_readable() {
    let (_folder, server, alice) = hospital().await;
    misplaced(&alice).await;
    let first = alice.get("Observation/o1/_history/1").await.unwrap();
    let parameters = vec![
        refers("source-patient", "p1"),
        refers("target-patient", "p2"),
        because("the same person"),
    ];
    assert_eq!(alice.operate("Patient/$merge", parameters).await.unwrap().status, 200);
    let again = alice.get("Observation/o1/_history/1").await.unwrap();
    assert_eq!((again.status, &again.body), (200, &first.body), "{}", again.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_would_mix_up_resources_changes_nothing() {
    let (_folder, server, alice) = hospital().await;
    for (room, of, value) in [("patient:p1", "p1", 1), ("patient:p2", "p2", 77)] {
        let command = json!({ "kind": "put", "resource": observation("o1", of, value) });
        assert_eq!(server.command(room, &command).await.unwrap().status, 200);
    }
    let before = levels(&server).await;
    let merge = |from: &str, to: &str| {
        vec![
            refers("source-patient", from),
            refers("target-patient", to),
            because("the same person"),
        ]
    };
    for (case, parameters, status) in [
        ("the same id", merge("p1", "p2"), 409),
        ("itself", merge("p1", "p1"), 422),
        ("nobody", merge("p1", "nobody"), 422),
        ("of nobody", merge("nobody", "p1"), 422),
        ("no source", vec![refers("target-patient", "p1"), because("x")], 400),
        ("no target", vec![refers("source-patient", "p1"), because("x")], 400),
        ("no reason", vec![refers("source-patient", "p1"), refers("target-patient", "p2")], 400),
    ] {
        let reply = alice.operate("Patient/$merge", parameters).await.unwrap();
        assert_eq!(reply.status, status, "{case}: {}", reply.text);
        check_outcome(case, &reply);
        assert_eq!(levels(&server).await, before, "{case}");
    }
    let merged = "AuditEvent?subtype=patients-merged";
    assert!(alice.pages(merged).await.unwrap().is_empty(), "nothing was done");
    server.stop().await.unwrap();
}

/// Edits that were answered are there in the end, in whichever chart.
#[tokio::test(flavor = "multi_thread")]
async fn a_merge_loses_no_edit_that_is_made_meanwhile() {
    let (_folder, server, alice) = hospital().await;
    for n in 0..300 {
        put(&alice, &observation(&format!("m{n:03}"), "p1", n)).await;
    }
    let mut noted = observation("m000", "p1", 0);
    noted["note"] = json!([{ "text": "first" }]);
    put(&alice, &noted).await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let bob = Fhir::of(&server, "bob;Bob");
    let writing = tokio::spawn(async move {
        let (mut taken, mut n) = (Vec::new(), 0);
        while stopped.try_recv().is_err() {
            let text = format!("edit {n}");
            let patch = json!([{ "op": "add", "path": "/note/-", "value": { "text": text } }]);
            let reply = bob.patch("Observation/m000", &patch, &[]).await.unwrap();
            match reply.status {
                200 => taken.push(text),
                404 | 409 | 410 | 412 => {}
                status => panic!("{status} {}", reply.text),
            }
            n += 1;
        }
        taken
    });
    let parameters = vec![
        refers("source-patient", "p1"),
        refers("target-patient", "p2"),
        because("the same person"),
    ];
    let merged = alice.operate("Patient/$merge", parameters).await.unwrap();
    stop.send(()).unwrap();
    let taken = writing.await.unwrap();
    assert_eq!(merged.status, 200, "{}", merged.text);
    let read = alice.get("Observation/m000").await.unwrap();
    assert_eq!(read.status, 200, "{}", read.text);
    let notes = read.body["note"].to_string();
    let lost: Vec<&String> =
        taken.iter().filter(|text| !notes.contains(&format!("\"{text}\""))).collect();
    assert!(lost.is_empty(), "{} of {} edits are lost: {lost:?}", lost.len(), taken.len());
    server.stop().await.unwrap();
}

/// No change is larger than those that others take in.
#[tokio::test(flavor = "multi_thread")]
async fn a_chart_with_large_documents_is_merged_for_everybody() {
    let (storage, server, alice) = open_hospital().await;
    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    let room = bob.open("patient:p2").await.unwrap();
    for n in 0..3 {
        // What does not compress, as no scan does.
        let scan: Vec<u8> = (0..3_000_000).map(|_| rand::random()).collect();
        let data = base64::engine::general_purpose::STANDARD.encode(scan);
        let document = json!({
            "resourceType": "DocumentReference", "id": format!("d{n}"), "status": "current",
            "subject": { "reference": "Patient/p1" },
            "content": [{ "attachment": { "contentType": "application/pdf", "data": data } }],
        });
        put(&alice, &document).await;
    }
    let parameters = vec![
        refers("source-patient", "p1"),
        refers("target-patient", "p2"),
        because("the same person"),
    ];
    let reply = alice.operate("Patient/$merge", parameters).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    for n in 0..3 {
        let read = alice.get(&format!("DocumentReference/d{n}")).await.unwrap();
        assert_eq!((read.status, &read.body["subject"]["reference"]), (200, &json!("Patient/p2")));
    }
    let heads = heads(&server, "patient:p2").await;
    // He was away meanwhile.
    bob.reconnect(server.address()).await.unwrap();
    bob.until_heads(room, &heads).await.unwrap();
    assert!(bob.resource(room, "DocumentReference", "d2").is_some());
    check_changes(&storage, "p2");
    server.stop().await.unwrap();
}

/// What a refusal says to do is what helps.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_nobodys_is_given_to_its_patient() {
    let (_folder, server, alice) = hospital().await;
    let mut nobodys = observation("o1", "p1", 1);
    nobodys.as_object_mut().unwrap().remove("subject");
    put(&alice, &nobodys).await;
    let reply = alice.put(&observation("o1", "p1", 1)).await.unwrap();
    if reply.status != 200 {
        assert!(reply.text.contains("$correct-patient"), "{}", reply.text);
        let parameters = vec![refers("patient", "p1"), because("it had no patient")];
        let reply = alice.operate(CORRECT, parameters).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    assert_eq!(
        ids_of(&alice.pages("Observation?patient=p1").await.unwrap(), "Observation"),
        ["o1"]
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_and_written_for_another_patient_has_versions_of_its_own() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    let first = alice.get("Observation/o1/_history/1").await.unwrap();
    assert_eq!(alice.delete("Observation/o1", &[]).await.unwrap().status, 204);
    let reply = alice.put(&observation("o1", "p2", 2)).await.unwrap();
    assert!([201, 422].contains(&reply.status), "{}", reply.text);
    let again = alice.get("Observation/o1/_history/1").await.unwrap();
    match again.status {
        200 => assert_eq!(again.body, first.body, "version 1 is another one now"),
        status => assert!([404, 410].contains(&status), "{}", again.text),
    }
    server.stop().await.unwrap();
}

/// Edits that were answered are there in the end, in whichever chart.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_loses_no_edit_that_is_made_meanwhile() {
    let (_folder, server, alice) = hospital().await;
    for round in 0..10 {
        let id = format!("c{round}");
        let mut noted = observation(&id, "p1", 0);
        noted["note"] = json!([{ "text": "first" }]);
        put(&alice, &noted).await;
        let path = format!("Observation/{id}");
        let writers = (0..4).map(|n| {
            let (who, path) = (Fhir::of(&server, &format!("nurse{n};Nurse")), path.clone());
            tokio::spawn(async move {
                let mut taken = Vec::new();
                for k in 0..4 {
                    let text = format!("edit {n}.{k}");
                    let patch =
                        json!([{ "op": "add", "path": "/note/-", "value": { "text": text } }]);
                    let reply = who.patch(&path, &patch, &[]).await.unwrap();
                    match reply.status {
                        200 => taken.push(text),
                        404 | 409 | 410 | 412 => {}
                        status => panic!("{status} {}", reply.text),
                    }
                }
                taken
            })
        });
        let writers: Vec<_> = writers.collect();
        let parameters = vec![refers("patient", "p2"), because("two beds mixed up")];
        let reply = alice.operate(&format!("{path}/$correct-patient"), parameters).await.unwrap();
        assert!([200, 409].contains(&reply.status), "{}", reply.text);
        let mut taken = Vec::new();
        for writer in writers {
            taken.extend(writer.await.unwrap());
        }
        let read = alice.get(&path).await.unwrap();
        let notes = read.body["note"].to_string();
        let lost: Vec<&String> =
            taken.iter().filter(|text| !notes.contains(&format!("\"{text}\""))).collect();
        assert!(lost.is_empty(), "round {round}: of {} edits are lost: {lost:?}", taken.len());
    }
    server.stop().await.unwrap();
}

/// What stands is put right as it is patched, whatever became of its patient.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_is_written_though_its_patient_is_gone() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    assert_eq!(alice.delete("Patient/p1", &[]).await.unwrap().status, 204);
    let patch = json!([{ "op": "replace", "path": "/valueInteger", "value": 2 }]);
    let patched = alice.patch("Observation/o1", &patch, &[]).await.unwrap();
    let updated = alice.put(&observation("o1", "p1", 3)).await.unwrap();
    assert_eq!(updated.status, patched.status, "{} {}", patched.text, updated.text);
    server.stop().await.unwrap();
}

/// A chart that went into another one takes nothing new without saying so.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_for_a_replaced_patient_is_refused_or_told() {
    let (_folder, server, alice) = hospital().await;
    let parameters = vec![
        refers("source-patient", "p1"),
        refers("target-patient", "p2"),
        because("the same person"),
    ];
    assert_eq!(alice.operate("Patient/$merge", parameters).await.unwrap().status, 200);
    let reply = alice.put(&observation("late", "p1", 1)).await.unwrap();
    let told = !reply.issues().is_empty();
    assert!(told, "{} {}", reply.status, reply.text);
    server.stop().await.unwrap();
}
