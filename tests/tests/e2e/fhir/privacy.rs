//! What goes wrong is told without what is the patient's: neither the answer nor the log has it.

use std::{
    io,
    sync::{Arc, Mutex},
};

use chartroom_tests::fhir::{FHIR_JSON, Fhir};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use super::{because, entry, hospital, observation, patient, put, refers};

const CANARY: &str = "Canary7f3a";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Method, path, headers, body.
type Request<'a> = (&'a str, String, Vec<(&'a str, &'a str)>, Option<Value>);

#[tokio::test(flavor = "multi_thread")]
async fn no_error_and_no_log_line_says_what_is_the_patients() {
    let log = Log::default();
    let writer = log.clone();
    let filter =
        EnvFilter::new("chartroom_server=trace,chartroom_engine=trace,chartroom_fhir=trace");
    // Where tests share a process the first to come listens; it may hear more, and finds no less.
    let listening = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        .try_init()
        .is_ok();
    let (_folder, server, alice) = hospital().await;
    let of = CANARY.to_ascii_lowercase();
    put(&alice, &patient(&of, CANARY)).await;
    let mut o1 = observation("o1", &of, 1);
    o1["valueInteger"] = Value::Null;
    o1.as_object_mut().unwrap().remove("valueInteger");
    o1["valueString"] = CANARY.into();
    put(&alice, &o1).await;
    put(&alice, &observation("o2", "p1", 1)).await;
    let wrong = |name: &str, value: Value| {
        let mut resource = o1.clone();
        resource[name] = value;
        resource
    };
    let requests: Vec<Request> = vec![
        ("PUT", "Observation/o1".into(), vec![], Some(wrong("status", CANARY.into()))),
        ("PUT", "Observation/o1".into(), vec![], Some(wrong("effectiveDateTime", CANARY.into()))),
        ("PUT", "Observation/o1".into(), vec![], Some(wrong("issued", json!({ CANARY: CANARY })))),
        ("PUT", "Observation/o1".into(), vec![], Some(wrong(CANARY, CANARY.into()))),
        (
            "PUT",
            "Observation/o1".into(),
            vec![],
            Some(wrong("valueQuantity", json!({ "unit": CANARY }))),
        ),
        ("PUT", "Observation/o1".into(), vec![], Some(wrong("id", CANARY.into()))),
        ("PUT", "Observation/o1".into(), vec![], Some(wrong("resourceType", CANARY.into()))),
        ("PUT", "Observation/o1".into(), vec![], Some(observation("o1", "p1", 1))),
        ("PUT", "Observation/o2".into(), vec![], Some(observation("o2", &of, 1))),
        ("PUT", "Observation/o9".into(), vec![], Some(observation("o9", &format!("{of}x"), 1))),
        ("PUT", "Observation/o1".into(), vec![("if-match", "W/\"Canary7f3a\"")], Some(o1.clone())),
        (
            "PUT",
            "Observation/o1".into(),
            vec![("if-match", "W/\"Canary7f3a\", \"")],
            Some(o1.clone()),
        ),
        ("PUT", "Observation/o1".into(), vec![("x-provenance", "{Canary7f3a")], Some(o1.clone())),
        ("PUT", format!("Patient/{of}_{of}"), vec![], Some(patient(&format!("{of}_{of}"), CANARY))),
        (
            "POST",
            "Patient".into(),
            vec![("if-none-exist", "given=Ann")],
            Some(patient("x", CANARY)),
        ),
        (
            "POST",
            "Patient".into(),
            vec![("if-none-exist", "shoe=Canary7f3a")],
            Some(patient("x", CANARY)),
        ),
        (
            "POST",
            "Patient".into(),
            vec![("if-none-exist", "birthdate=Canary7f3a")],
            Some(patient("x", CANARY)),
        ),
        ("GET", format!("Patient/{CANARY}"), vec![], None),
        ("GET", format!("Patient/{CANARY}%00"), vec![], None),
        ("GET", format!("{CANARY}/1"), vec![], None),
        ("GET", format!("Patient/{of}/_history/{CANARY}"), vec![], None),
        ("GET", format!("Patient/{of}/$everything?_type={CANARY}"), vec![], None),
        ("GET", format!("Patient/{of}/_history?_since={CANARY}"), vec![], None),
        ("GET", format!("Patient?birthdate={CANARY}"), vec![], None),
        ("GET", format!("Patient?_count={CANARY}"), vec![], None),
        ("GET", format!("Patient?name:{CANARY}=x"), vec![("accept", "application/fhir+xml")], None),
        ("GET", format!("Patient?_page={CANARY}"), vec![], None),
        ("GET", format!("Patient?_summary={CANARY}"), vec![], None),
        (
            "GET",
            format!("Observation?patient={CANARY}%00"),
            vec![("prefer", "handling=strict")],
            None,
        ),
        ("GET", format!("Observation/o1?_format={CANARY}"), vec![], None),
        (
            "POST",
            "Observation/o1/$correct-patient".into(),
            vec![],
            Some(json!({
                "resourceType": "Parameters", "parameter": [refers("patient", &format!("{of}x")), because(CANARY)],
            })),
        ),
        (
            "POST",
            "Patient/$merge".into(),
            vec![],
            Some(json!({
                "resourceType": "Parameters",
                "parameter": [refers("source-patient", &of), refers("target-patient", &of), because(CANARY)],
            })),
        ),
        ("POST", String::new(), vec![], Some(json!({ "resourceType": "Bundle", "type": CANARY }))),
        (
            "POST",
            String::new(),
            vec![],
            Some(json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            entry("PUT", &format!("{CANARY}/x"), Some(patient("x", CANARY))),
        ] })),
        ),
        (
            "POST",
            String::new(),
            vec![],
            Some(json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            entry("PUT", "Observation/o3", Some(wrong("performer", json!([
                { "reference": format!("Practitioner?name={CANARY}") },
            ])))),
        ] })),
        ),
    ];
    let mut told = Vec::new();
    for (method, path, headers, body) in requests {
        let reply = match &body {
            Some(body) => alice.send_json(method, &path, &headers, body).await,
            None => alice.send(method, &path, &headers, None).await,
        };
        let reply = reply.unwrap();
        assert!(reply.status >= 400, "{method} {path} {:?}: {} {}", body, reply.status, reply.text);
        if says(&reply.text) {
            told.push(format!("{method} {path}: {}", reply.text));
        }
    }
    told.extend(patches(&alice).await);
    let import = format!(
        "{{\"resourceType\":\"Patient\",\"id\":\"x\",\"gender\":\"{CANARY}\"}}\n{{{CANARY}\n\
        {{\"resourceType\":\"{CANARY}\",\"id\":\"x\"}}\n{{\"resourceType\":\"Patient\",\"id\":\"{CANARY}_1\"}}\n"
    );
    let headers = [("content-type", "application/fhir+ndjson")];
    let reply = alice.send("POST", "$import", &headers, Some(import.into())).await.unwrap();
    assert!(reply.text.contains("\"leftOut\":4"), "{}", reply.text);
    if says(&reply.text) {
        told.push(reply.text);
    }
    assert!(told.is_empty(), "{told:#?}");
    server.stop().await.unwrap();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!listening || !log.is_empty());
    assert!(!says(&log), "{log}");
}

async fn patches(alice: &Fhir) -> Vec<String> {
    let mut told = Vec::new();
    for (kind, patch) in [
        (
            "json-patch",
            format!("[{{\"op\":\"test\",\"path\":\"/valueString\",\"value\":\"{CANARY}x\"}}]"),
        ),
        ("json-patch", format!("[{{\"op\":\"remove\",\"path\":\"/{CANARY}\"}}]")),
        ("json-patch", format!("[{{\"op\":\"{CANARY}\",\"path\":\"/x\"}}]")),
        (
            "json-patch",
            format!("[{{\"op\":\"replace\",\"path\":\"/status\",\"value\":\"{CANARY}\"}}]"),
        ),
        ("merge-patch", format!("{{\"status\":\"{CANARY}\"}}")),
        ("merge-patch", format!("{{{CANARY}")),
    ] {
        let kind = format!("application/{kind}+json");
        let headers = [("content-type", kind.as_str())];
        let reply =
            alice.send("PATCH", "Observation/o1", &headers, Some(patch.into())).await.unwrap();
        assert!(reply.status >= 400, "{}", reply.text);
        if says(&reply.text) {
            told.push(reply.text);
        }
    }
    let reply =
        alice.send("PUT", "Observation/o1", &[("content-type", FHIR_JSON)], Some(CANARY.into()));
    let reply = reply.await.unwrap();
    assert_eq!(reply.status, 400);
    told.extend(says(&reply.text).then_some(reply.text));
    told
}

fn says(text: &str) -> bool {
    text.to_ascii_lowercase().contains(&CANARY.to_ascii_lowercase())
}
