//! Requests that are wrong: each is told what is wrong with it and where, and changes nothing.

use std::net::SocketAddr;

use chartroom_tests::fhir::{FHIR_JSON, Fhir, Reply};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{check_outcome, entry, hospital, levels, observation, patient, put};

/// A request that is wrong, and what it is answered with.
struct Case {
    name: &'static str,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    /// The status that FHIR asks for, and others that do as well.
    statuses: &'static [u16],
    /// What an expression has somewhere; empty where no element is at fault.
    at: &'static str,
}

fn case(name: &'static str, method: &'static str, path: &str, statuses: &'static [u16]) -> Case {
    let (headers, body) = (Vec::new(), None);
    Case { name, method, path: path.to_owned(), headers, body, statuses, at: "" }
}

impl Case {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..self }.with("content-type", content_type)
    }

    fn json(self, body: &Value) -> Self {
        self.body(FHIR_JSON, body.to_string())
    }

    fn at(self, at: &'static str) -> Self {
        Self { at, ..self }
    }

    async fn send(&self, who: &Fhir) -> Reply {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let sent = who.send(self.method, &self.path, &headers, self.body.clone()).await;
        sent.unwrap_or_else(|error| panic!("{}: no answer: {error:#}", self.name))
    }
}

/// Sends all of them, and tells of everything that is not as it should be.
async fn check(cases: Vec<Case>) {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    put(&alice, &json!({ "resourceType": "Practitioner", "id": "d1" })).await;
    let mut before = levels(&server).await;
    let mut wrong = Vec::new();
    for case in cases {
        let reply = case.send(&alice).await;
        let name = case.name;
        if !case.statuses.contains(&reply.status) {
            wrong.push(format!("{name}: {} {:.300}", reply.status, reply.text));
        }
        if reply.status >= 400 && case.method != "HEAD" {
            check_outcome(name, &reply);
        }
        let there = reply.expressions().iter().any(|expression| expression.contains(case.at));
        if !case.at.is_empty() && !there {
            wrong.push(format!("{name}: at {:?}, {:.300}", reply.expressions(), reply.text));
        }
        let now = levels(&server).await;
        if now != before {
            wrong.push(format!("{name} changed something: {before:?} is {now:?}"));
            before = now;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    server.stop().await.unwrap();
}

fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut resource = observation("o1", "p1", 2);
    change(&mut resource);
    resource
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_is_wrong_is_refused_with_its_element() {
    const O1: &str = "Observation/o1";
    let put = |name, resource: &Value, statuses| case(name, "PUT", O1, statuses).json(resource);
    let rule: &[u16] = &[422];
    check(vec![
        put("another type", &patient("o1", "Doe"), &[400]).at("resourceType"),
        put("no type", &changed(|o| o["resourceType"] = Value::Null), &[400]).at("resourceType"),
        put("another id", &observation("o2", "p1", 2), &[400]).at("Observation.id"),
        put("no id", &changed(|o| drop(o.as_object_mut().unwrap().remove("id"))), &[400])
            .at("Observation.id"),
        put("an unknown element", &changed(|o| o["colour"] = "red".into()), rule)
            .at("Observation.colour"),
        put("a bad date", &changed(|o| o["effectiveDateTime"] = "2024-13-01".into()), rule)
            .at("Observation.effective"),
        put("no status", &changed(|o| drop(o.as_object_mut().unwrap().remove("status"))), rule)
            .at("Observation.status"),
        put("two values", &changed(|o| o["valueString"] = "x".into()), rule)
            .at("Observation.value"),
        put("a code of no value set", &changed(|o| o["status"] = "finished".into()), rule)
            .at("Observation.status"),
        put("an empty array", &changed(|o| o["category"] = json!([])), rule)
            .at("Observation.category"),
        put(
            "an array where there is one",
            &changed(|o| o["code"] = json!([{ "text": "x" }])),
            rule,
        )
        .at("Observation.code"),
        put("a null", &changed(|o| o["device"] = Value::Null), rule).at("Observation.device"),
        put("a NUL in a note", &changed(|o| o["note"] = json!([{ "text": "a\u{0}b" }])), rule)
            .at("Observation.note[0].text"),
        put("a NUL in a code's text", &changed(|o| o["code"]["text"] = "a\u{0}b".into()), rule)
            .at("Observation.code.text"),
        put("nobody's patient", &observation("o1", "nobody", 2), &[422]).at("Observation.subject"),
        put("another's patient", &observation("o1", "p2", 2), &[422]).at("Observation.subject"),
        put(
            "nobody's any more",
            &changed(|o| drop(o.as_object_mut().unwrap().remove("subject"))),
            rule,
        ),
        case("Patient with another id", "PUT", "Patient/p1", &[400])
            .json(&patient("p2", "Doe"))
            .at("Patient.id"),
        case("a new one of nobody's", "POST", "Observation", &[422])
            .json(&observation("x", "nobody", 2))
            .at("Observation.subject"),
        case("an id with an underscore", "PUT", "Observation/a_b", &[400, 422])
            .json(&observation("a_b", "p1", 1))
            .at("Observation.id"),
        case("an id with a space", "PUT", "Observation/a%20b", &[400, 422])
            .json(&observation("a b", "p1", 1))
            .at("Observation.id"),
        case("an id with a NUL", "PUT", "Observation/a%00b", &[400, 422])
            .json(&observation("a\u{0}b", "p1", 1))
            .at("Observation.id"),
        case(
            "an id of 65 characters",
            "PUT",
            &format!("Observation/{}", "a".repeat(65)),
            &[400, 422],
        )
        .json(&observation(&"a".repeat(65), "p1", 1))
        .at("Observation.id"),
        case("a patient's id that is none", "PUT", "Patient/a_b", &[400, 422])
            .json(&patient("a_b", "Doe")),
        case("the audit is written", "POST", "AuditEvent", &[405])
            .json(&json!({ "resourceType": "AuditEvent" })),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_resource_is_refused() {
    const O1: &str = "Observation/o1";
    let put = |name, body: Vec<u8>, statuses| case(name, "PUT", O1, statuses).body(FHIR_JSON, body);
    let text = observation("o1", "p1", 2).to_string();
    let nested = |n: usize| {
        let (open, close) = ("{\"extension\":[".repeat(n), "]}".repeat(n));
        text.replacen('{', &format!("{{\"extension\":[{open}{close}],"), 1)
    };
    let huge = |bytes: usize| {
        changed(|o| o["note"] = json!([{ "text": "x".repeat(bytes) }])).to_string().into_bytes()
    };
    let same = case("the same", "PUT", O1, &[400, 415]);
    check(vec![
        put("no body", Vec::new(), &[400]),
        put("broken JSON", b"{\"resourceType\": \"Observation\", ".to_vec(), &[400]),
        put("an array", format!("[{text}]").into(), &[400]),
        put("a string", b"\"Observation\"".to_vec(), &[400]),
        put("two documents", format!("{text}{text}").into(), &[400]),
        put(
            "no UTF-8",
            text.replace("pulse", "\u{1}")
                .replace('\u{1}', "")
                .into_bytes()
                .into_iter()
                .chain([0xff, 0xfe])
                .collect(),
            &[400],
        ),
        put("a NUL byte", text.replace("pulse", "pul\u{0}se").into(), &[400]),
        put("a lone surrogate", text.replace("pulse", "\\ud800").into(), &[400]),
        put(
            "a name twice",
            text.replacen("\"status\"", "\"status\":\"amended\",\"status\"", 1).into(),
            &[400],
        ),
        put("100 deep", nested(50).into(), &[400, 422]),
        put("10,000 deep", nested(5000).into(), &[400]),
        put("1,000,000 arrays", "[".repeat(1_000_000).into(), &[400]),
        put("over the limit of a resource", huge(7 * 1024 * 1024), &[413]),
        same.body("text/plain", text.clone()),
        case("XML", "PUT", O1, &[415]).body("application/fhir+xml", "<Observation/>"),
        case("a form", "PUT", O1, &[415]).body("application/x-www-form-urlencoded", "status=final"),
        case("XML is wanted", "GET", O1, &[406]).with("accept", "application/fhir+xml"),
        case("XML is wanted back", "PUT", O1, &[406])
            .with("accept", "application/fhir+xml")
            .json(&observation("o1", "p1", 2)),
        case("XML by _format", "GET", "Observation/o1?_format=xml", &[406]),
        case("a Provenance that is none", "PUT", O1, &[400])
            .with("x-provenance", "{no")
            .json(&observation("o1", "p1", 2)),
        case("a person who is none", "PUT", O1, &[400])
            .with("x-chartroom-person", "nobody")
            .json(&observation("o1", "p1", 2)),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_50_megabytes_is_refused() {
    let (_folder, server, _) = hospital().await;
    let before = levels(&server).await;
    for path in ["Observation/o1", ""] {
        let method = if path.is_empty() { "POST" } else { "PUT" };
        let (status, text) = send_all(server.address(), method, path, 50 * 1024 * 1024).await;
        assert_eq!(status, 413, "{text}");
        assert!(text.contains("application/fhir+json"), "{text}");
        assert!(text.contains("OperationOutcome") && text.contains("too-long"), "{text}");
    }
    assert_eq!(levels(&server).await, before);
    server.stop().await.unwrap();
}

/// Sends a body of spaces, and reads the answer meanwhile: the server does not wait for the end.
async fn send_all(server: SocketAddr, method: &str, path: &str, bytes: usize) -> (u16, String) {
    let (mut read, mut write) = TcpStream::connect(server).await.unwrap().into_split();
    let head = format!(
        "{method} /fhir/R4/{path} HTTP/1.1\r\nhost: {server}\r\ncontent-type: {FHIR_JSON}\r\n\
         content-length: {bytes}\r\nconnection: close\r\n\r\n"
    );
    let writing = tokio::spawn(async move {
        write.write_all(head.as_bytes()).await.unwrap();
        let block = vec![b' '; 1024 * 1024];
        for _ in 0..bytes / block.len() {
            // The server hangs up when it has seen enough.
            if write.write_all(&block).await.is_err() {
                break;
            }
        }
        write
    });
    let mut answer = Vec::new();
    // What came before the server hung up stays.
    let _ = read.read_to_end(&mut answer).await;
    drop(writing.await.unwrap());
    let text = String::from_utf8(answer).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_wrong_is_refused() {
    let long = "x".repeat(8000);
    check(vec![
        case("an unknown type", "GET", "Observatoin/o1", &[404]),
        case("an unknown type is written", "PUT", "Observatoin/o1", &[404])
            .json(&json!({ "resourceType": "Observatoin", "id": "o1" })),
        case("a type in small letters", "GET", "observation/o1", &[404]),
        case("an unknown operation of an instance", "GET", "Patient/p1/$nothing", &[404]),
        case("an unknown operation of a type", "POST", "Patient/$nothing", &[404])
            .json(&json!({ "resourceType": "Parameters" })),
        case("an unknown operation of the server", "POST", "$nothing", &[404])
            .json(&json!({ "resourceType": "Parameters" })),
        case("nothing there", "GET", "Observation/o1/more/segments", &[404]),
        case("no such resource", "GET", "Observation/none", &[404]),
        case("no such version", "GET", "Observation/o1/_history/9", &[404]),
        case("a version that is none", "GET", "Observation/o1/_history/one", &[404]),
        case(
            "a version beyond numbers",
            "GET",
            "Observation/o1/_history/99999999999999999999",
            &[404],
        ),
        case("no history", "GET", "Observation/none/_history", &[404]),
        case("nobody's chart", "GET", "Patient/none/$everything", &[404]),
        case("a NUL", "GET", "Observation/o1%00", &[400, 404]),
        case("no UTF-8", "GET", "Observation/%ff%fe", &[400, 404]),
        // RFC 3986, section 2.2: an encoded slash separates nothing.
        case("an encoded slash", "GET", "Observation%2Fo1", &[400, 404]),
        case(
            "an encoded slash before a version",
            "GET",
            "Observation/o1%2F_history%2F1",
            &[400, 404],
        ),
        case("up and down", "GET", "Observation/../Observation/o1", &[400, 404]),
        case("up, encoded", "GET", "Observation/%2e%2e", &[400, 404]),
        case("an empty segment", "GET", "Observation//o1", &[400, 404]),
        case("a long id", "GET", &format!("Observation/{long}"), &[400, 404, 414]),
        case(
            "a long query",
            "GET",
            &format!("Observation?code={long}&bad={long}&_count=x"),
            &[400, 414],
        ),
        case("a patient of a room's name", "GET", "Patient/facility:directory", &[400, 404]),
        case("a patient with a label", "GET", "Patient/p1~draft", &[400, 404]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_ones() {
    let (_folder, server, alice) = hospital().await;
    for (method, path, allowed) in [
        ("PUT", "Patient", vec!["GET", "POST"]),
        ("DELETE", "Patient", vec!["GET", "POST"]),
        ("POST", "Patient/p1", vec!["DELETE", "GET", "PATCH", "PUT"]),
        ("GET", "Patient/_search", vec!["POST"]),
        ("DELETE", "metadata", vec!["GET"]),
        ("PUT", "Patient/p1/_history/1", vec!["GET"]),
        ("DELETE", "Patient/p1/_history", vec!["GET"]),
        ("GET", "Patient/$merge", vec!["POST"]),
        ("GET", "Observation/o1/$correct-patient", vec!["POST"]),
        ("GET", "$import", vec!["POST"]),
        ("GET", "", vec!["POST"]),
    ] {
        let reply = alice.send(method, path, &[], None).await.unwrap();
        assert_eq!(reply.status, 405, "{method} {path}: {}", reply.text);
        check_outcome(path, &reply);
        let mut told: Vec<&str> = reply.header("allow").split(", ").collect();
        told.sort_unstable();
        told.retain(|method| *method != "HEAD");
        assert_eq!(told, allowed, "{method} {path}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_patients_resource_is_told_how_it_is_moved() {
    let (_folder, server, alice) = hospital().await;
    put(&alice, &observation("o1", "p1", 1)).await;
    let reply = alice.put(&observation("o1", "p2", 2)).await.unwrap();
    assert_eq!(reply.status, 422, "{}", reply.text);
    assert!(reply.text.contains("$correct-patient"), "{}", reply.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_is_not_met_or_makes_no_sense_is_refused() {
    const O1: &str = "Observation/o1";
    let new = observation("o1", "p1", 2);
    check(vec![
        case("If-Match: garbage", "PUT", O1, &[400, 412]).with("if-match", "garbage").json(&new),
        case("If-Match of two", "PUT", O1, &[400, 412])
            .with("if-match", "W/\"7\", W/\"8\"")
            .json(&new),
        case("If-Match with quotes in it", "PUT", O1, &[400, 412])
            .with("if-match", "W/\"1\"\"")
            .json(&new),
        case("If-Match of a version to come", "PUT", O1, &[412])
            .with("if-match", "W/\"2\"")
            .json(&new),
        case("If-Match of an epoch to come", "PUT", O1, &[412])
            .with("if-match", "W/\"2.1\"")
            .json(&new),
        case("If-Match where there is nothing", "PUT", "Observation/none", &[412])
            .with("if-match", "W/\"1\"")
            .json(&observation("none", "p1", 2)),
        case(
            "If-Match where there is nothing to delete",
            "DELETE",
            "Observation/none",
            &[404, 412],
        )
        .with("if-match", "W/\"1\""),
        case("If-Match where there is nothing to patch", "PATCH", "Observation/none", &[404, 412])
            .with("if-match", "W/\"1\"")
            .body("application/json-patch+json", "[]"),
        case("If-None-Match where there is something", "PUT", O1, &[412])
            .with("if-none-match", "*")
            .json(&new),
        case("If-None-Exist of nothing", "POST", "Patient", &[400, 412])
            .with("if-none-exist", "")
            .json(&patient("x", "Doe")),
        case("If-None-Exist of what is not known", "POST", "Patient", &[400, 412])
            .with("if-none-exist", "shoe-size=42")
            .json(&patient("x", "Doe")),
        case("If-None-Exist that matches several", "POST", "Patient", &[412])
            .with("if-none-exist", "given=Ann")
            .json(&patient("x", "Doe")),
        case("a merge with what is not known", "PUT", O1, &[412])
            .with("if-match", "W/\"9\"")
            .with("prefer", "handling=merge")
            .json(&new),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_is_wrong_is_refused() {
    let get = |name, path: &str| case(name, "GET", path, &[400]);
    check(vec![
        get("unknown, strictly", "Patient?shoe-size=42").with("prefer", "handling=strict"),
        get("a bad count", "Patient?_count=many").at("_count"),
        get("a negative count", "Patient?_count=-1").at("_count"),
        get("a bad date", "Patient?birthdate=yesterday").at("birthdate"),
        get("a bad prefix", "Patient?birthdate=xx2020").at("birthdate"),
        get("a bad number", "RiskAssessment?probability=high").at("probability"),
        get("a modifier that is not known", "Patient?name:sounds=Doe").at("name:sounds"),
        get("a bad summary", "Patient?_summary=short").at("_summary"),
        get("a bad total", "Patient?_total=yes").at("_total"),
        get("a bad order", "Patient?_sort=shoe-size").with("prefer", "handling=strict").at("_sort"),
        get("a bad include", "Patient?_include=Patient:name").with("prefer", "handling=strict"),
        get("a bad cursor", "Patient?_page=nowhere").at("_page"),
        get("a bad cursor of an order", "Patient?_sort=birthdate&_page=nowhere").at("_page"),
        get("a cursor beyond numbers", "Patient?_sort=birthdate&_page=99999999999999999999")
            .at("_page"),
        get("a bad cursor of a history", "Patient/p1/_history?_page=nowhere").at("_page"),
        get("a bad cursor of a type's history", "Patient/_history?_page=1~2").at("_page"),
        get("a bad count of a history", "Patient/p1/_history?_count=many").at("_count"),
        get("a bad time of a history", "Patient/p1/_history?_since=yesterday").at("_since"),
        get("a bad type of a chart", "Patient/p1/$everything?_type=Shoe").at("_type"),
        case("a search as JSON", "POST", "Patient/_search", &[415]).json(&json!({ "name": "Doe" })),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_at_the_end_of_numbers_is_answered() {
    let (_folder, server, alice) = hospital().await;
    let path = format!("Patient?_sort=birthdate&_page={}", usize::MAX);
    let reply = alice.get(&path).await;
    let reply = reply.unwrap_or_else(|error| panic!("no answer: {error:#}"));
    match reply.status {
        200 => {
            assert!(reply.entries().is_empty() && reply.link("next").is_none(), "{}", reply.text)
        }
        status => assert_eq!(status, 400, "{}", reply.text),
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_is_not_known_is_ignored_and_told() {
    let (_folder, server, alice) = hospital().await;
    for prefer in [vec![], vec![("prefer", "handling=lenient")]] {
        let path = "Patient?shoe-size=42&family=Doe";
        let reply = alice.get_with(path, &prefer).await.unwrap();
        assert_eq!(super::ids_of(reply.entries(), "Patient"), ["p1"]);
        let outcome = reply.entries().last().unwrap();
        assert_eq!(outcome["search"]["mode"], "outcome", "{}", reply.text);
        assert_eq!(outcome["resource"]["resourceType"], "OperationOutcome");
        let myself = reply.link("self").unwrap();
        assert!(myself.contains("family=Doe") && !myself.contains("shoe-size"), "{myself}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_is_wrong_is_refused() {
    const O1: &str = "Observation/o1";
    const PATCH: &str = "application/json-patch+json";
    const MERGE: &str = "application/merge-patch+json";
    let patch = |name, statuses, patch: Value| {
        case(name, "PATCH", O1, statuses).body(PATCH, patch.to_string())
    };
    let merge = |name, statuses, patch: Value| {
        case(name, "PATCH", O1, statuses).body(MERGE, patch.to_string())
    };
    let op =
        |op: &str, path: &str, value: Value| json!([{ "op": op, "path": path, "value": value }]);
    check(vec![
        case("no patch", "PATCH", O1, &[415]).json(&json!([])),
        case("a patch as XML", "PATCH", O1, &[415]).body("application/fhir+xml", "<x/>"),
        patch("an object", &[400], json!({ "op": "add" })),
        patch("an unknown operation", &[400], op("paint", "/status", "red".into())),
        patch("a test that fails", &[409, 412, 422], op("test", "/status", "amended".into())),
        patch("what is not there", &[409, 422], json!([{ "op": "remove", "path": "/device" }])),
        patch(
            "half of it does not apply",
            &[409, 422],
            json!([
                { "op": "replace", "path": "/valueInteger", "value": 9 },
                { "op": "remove", "path": "/device" },
            ]),
        ),
        patch("the id", &[400, 422], op("replace", "/id", "o9".into())),
        patch("the type", &[400, 422], op("replace", "/resourceType", "Patient".into())),
        patch("the subject goes", &[422], json!([{ "op": "remove", "path": "/subject" }])),
        patch("another subject", &[422], op("replace", "/subject/reference", "Patient/p2".into())),
        patch("a required element goes", &[422], json!([{ "op": "remove", "path": "/status" }]))
            .at("Observation.status"),
        patch("an unknown element comes", &[422], op("add", "/colour", "red".into()))
            .at("Observation.colour"),
        patch("all of it", &[400, 422], op("replace", "", json!([]))),
        merge("the subject goes, merged", &[422], json!({ "subject": null })),
        merge("the id, merged", &[400, 422], json!({ "id": null })),
        merge("an array, merged", &[400, 422], json!([])),
        case("what is not there is patched", "PATCH", "Observation/none", &[404]).body(PATCH, "[]"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_copies_itself_into_depth_is_refused() {
    let (_folder, server, alice) = hospital().await;
    let mut o1 = observation("o1", "p1", 1);
    o1["extension"] = json!([{ "url": "urn:x", "valueInteger": 1 }]);
    put(&alice, &o1).await;
    let before = levels(&server).await;
    // Each copies all into its own deepest place: so many are twice as deep as one less.
    let (mut operations, mut path) =
        (vec![json!({ "op": "add", "path": "/a", "value": {} })], "/a".to_owned());
    for _ in 0..15 {
        let deepest = format!("{path}/a");
        operations.push(json!({ "op": "copy", "from": "/a", "path": deepest }));
        path = format!("{path}{path}");
    }
    let reply = alice.patch("Observation/o1", &json!(operations), &[]).await;
    let reply = reply.unwrap_or_else(|error| panic!("no answer: {error:#}"));
    assert!([400, 413, 422].contains(&reply.status), "{} {:.300}", reply.status, reply.text);
    assert_eq!(levels(&server).await, before);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_copies_itself_into_breadth_is_refused() {
    let (_folder, server, alice) = hospital().await;
    let mut o1 = observation("o1", "p1", 1);
    o1["note"] = json!([{ "text": "x".repeat(1000) }]);
    put(&alice, &o1).await;
    let before = levels(&server).await;
    let mut operations = vec![json!({ "op": "add", "path": "/a", "value": ["x".repeat(1000)] })];
    operations.resize(15, json!({ "op": "copy", "from": "/a", "path": "/a/-" }));
    let reply = alice.patch("Observation/o1", &json!(operations), &[]).await.unwrap();
    assert!([400, 413, 422].contains(&reply.status), "{} {:.300}", reply.status, reply.text);
    assert_eq!(levels(&server).await, before);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_wrong_anywhere_changes_nothing() {
    let new = |id: &str| entry("PUT", &format!("Observation/{id}"), Some(observation(id, "p1", 1)));
    let fifty = || (0..50).map(|n| new(&format!("new{n}"))).collect::<Vec<Value>>();
    let fortieth = |name, statuses, at, bad: Value| {
        let mut entries = fifty();
        entries[39] = bad;
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        case(name, "POST", "", statuses).json(&bundle).at(at)
    };
    let of = |name, entries: Vec<Value>, statuses| {
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        case(name, "POST", "", statuses).json(&bundle)
    };
    let kind = |name, kind: &str| {
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [new("n")] });
        case(name, "POST", "", &[400, 422]).json(&bundle).at("Bundle.type")
    };
    let mut colourful = observation("new39", "p1", 1);
    colourful["colour"] = "red".into();
    let mut stale = entry("PUT", "Observation/o1", Some(observation("o1", "p1", 5)));
    stale["request"]["ifMatch"] = "W/\"7\"".into();
    let several = json!({ "request": { "method": "POST", "url": "Patient", "ifNoneExist": "given=Ann" },
        "resource": patient("x", "Poe") });
    let mut refers = observation("new39", "p1", 1);
    refers["performer"] = json!([{ "reference": "Practitioner?identifier=nobody" }]);
    let mut to_several = observation("new39", "p1", 1);
    to_several["subject"] = json!({ "reference": "Patient?given=Ann" });
    check(vec![
        fortieth(
            "an unknown element",
            &[400, 422],
            "Bundle.entry[39]",
            entry("PUT", "Observation/new39", Some(colourful)),
        ),
        fortieth(
            "another id",
            &[400],
            "Bundle.entry[39]",
            entry("PUT", "Observation/new39", Some(observation("other", "p1", 1))),
        ),
        fortieth(
            "nobody's patient",
            &[400, 422],
            "Bundle.entry[39]",
            entry("PUT", "Observation/new39", Some(observation("new39", "nobody", 1))),
        ),
        fortieth(
            "no resource",
            &[400],
            "Bundle.entry[39].resource",
            entry("PUT", "Observation/new39", None),
        ),
        fortieth(
            "no request",
            &[400],
            "Bundle.entry[39].request",
            json!({ "resource": observation("new39", "p1", 1) }),
        ),
        fortieth("no entry", &[400], "Bundle.entry[39]", json!("entry")),
        fortieth(
            "an unknown method",
            &[400, 405],
            "Bundle.entry[39].request",
            entry("PAINT", "Observation/new39", Some(observation("new39", "p1", 1))),
        ),
        fortieth(
            "an unknown type",
            &[400, 404],
            "Bundle.entry[39].request.url",
            entry("PUT", "Observatoin/new39", Some(observation("new39", "p1", 1))),
        ),
        fortieth("a stale version", &[400, 409, 412], "Bundle.entry[39]", stale),
        fortieth("several that match", &[412], "Bundle.entry[39]", several),
        fortieth(
            "a conditional reference that finds nothing",
            &[400, 404, 412, 422],
            "Bundle.entry[39]",
            entry("PUT", "Observation/new39", Some(refers)),
        ),
        fortieth(
            "a conditional reference that finds several",
            &[400, 412, 422],
            "Bundle.entry[39]",
            entry("PUT", "Observation/new39", Some(to_several)),
        ),
        fortieth(
            "a write of the audit",
            &[400, 405],
            "Bundle.entry[39]",
            entry("POST", "AuditEvent", Some(json!({ "resourceType": "AuditEvent" }))),
        ),
        fortieth("two writes of one", &[400], "Bundle.entry[39]", new("new7")),
        // FHIR R4, http.html#transaction: all entries result in 2xx or 3xx, or all are rejected.
        fortieth(
            "a read of what is not there",
            &[400, 404],
            "Bundle.entry[39]",
            entry("GET", "Observation/none", None),
        ),
        fortieth(
            "an operation that fails",
            &[400, 404, 422],
            "Bundle.entry[39]",
            entry(
                "POST",
                "Observation/o1/$correct-patient",
                Some(json!({ "resourceType": "Parameters" })),
            ),
        ),
        of(
            "a write and a delete of one",
            vec![new("n"), entry("DELETE", "Observation/n", None)],
            &[400],
        ),
        of(
            "a Bundle in a Bundle",
            vec![entry("POST", "", Some(json!({ "resourceType": "Bundle" })))],
            &[400],
        ),
        kind("a collection", "collection"),
        kind("a document", "document"),
        kind("no such kind", "heap"),
        case("no Bundle", "POST", "", &[400]).json(&patient("x", "Doe")),
        case("entries that are none", "POST", "", &[400])
            .json(&json!({ "resourceType": "Bundle", "type": "batch", "entry": {} }))
            .at("Bundle.entry"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_bad_entries_carries_out_the_others() {
    let (_folder, server, alice) = hospital().await;
    let mut bad = observation("o2", "p1", 1);
    bad["colour"] = "red".into();
    let reply = alice
        .bundle(
            "batch",
            vec![
                entry("PUT", "Observation/o1", Some(observation("o1", "p1", 1))),
                entry("PUT", "Observation/o2", Some(bad)),
                json!("entry"),
                entry("GET", "Observation/none", None),
                entry("PUT", "Observation/o3", Some(observation("o3", "p2", 1))),
                entry("GET", "Observation/o1", None),
            ],
        )
        .await
        .unwrap();
    assert_eq!((reply.status, &reply.body["type"]), (200, &json!("batch-response")));
    let statuses: Vec<&str> = reply
        .entries()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap().split(' ').next().unwrap())
        .collect();
    assert_eq!(statuses, ["201", "422", "400", "404", "201", "200"], "{}", reply.text);
    for at in 1..4 {
        let outcome = &reply.entries()[at]["response"]["outcome"];
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{at}");
    }
    assert_eq!(reply.entries()[5]["resource"]["valueInteger"], 1);
    assert_eq!(alice.get("Observation/o3").await.unwrap().status, 200);
    assert_eq!(alice.get("Observation/o2").await.unwrap().status, 404);
    server.stop().await.unwrap();
}
