//! A room that is somebody else's is as one that does not exist: to the byte, and to the clock.

use std::time::{Duration, Instant};

use chartroom_server::wire::frame::{FollowStart, Frame, encode};
use chartroom_tests::{
    event_source::EventSource,
    forge::Message,
    identity::{Claims, Visitor},
    raw::{Kept, Texts, Wire},
};
use serde_json::{Value, json};

use super::{Ward, document_of, flag, observation, sings};

/// Pairs of what is there and of what is not, for the clock.
const SAMPLES: usize = 600;

/// A chart that is not Mallory's, and her own.
async fn ward() -> Ward {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    ward.chart("p2").await;
    ward.admit("patient:p2", "mallory", "write").await;
    ward
}

/// Every request about a patient's chart that is not the asker's: method, path, headers, body.
fn requests(of: &str) -> Vec<(&'static str, String, &'static str, String)> {
    let mut all: Vec<(&'static str, String, &'static str, String)> = Vec::new();
    let none = String::new;
    for path in [
        "",
        "/document",
        "/document?format=bundle",
        "/conflicts",
        "/events",
        "/members",
        "?epoch=1",
        "/document?epoch=1",
        "?epoch=2",
        "/events?after=0&limit=1",
    ] {
        all.push(("GET", format!("/rooms/patient:{of}{path}"), "", none()));
    }
    all.push((
        "GET",
        format!("/rooms/patient:{of}/events"),
        "Accept: text/event-stream\r\n",
        none(),
    ));
    let commands = [
        json!({ "kind": "put", "resource": flag("x", of, "x") }),
        json!({ "kind": "delete", "resourceType": "Observation", "id": format!("{of}-o") }),
        json!({ "kind": "sign", "resourceType": "Composition", "id": "n", "heads": [] }),
        json!([]),
        json!({ "kind": "nonsense" }),
    ];
    for command in commands {
        all.push(("POST", format!("/rooms/patient:{of}/commands"), "", command.to_string()));
    }
    all.push((
        "POST",
        format!("/rooms/patient:{of}/glass"),
        "",
        json!({ "reason": "x" }).to_string(),
    ));
    all.push(("POST", format!("/rooms/patient:{of}/refound"), "", none()));
    all.push(("DELETE", format!("/rooms/patient:{of}/glass"), "", none()));
    all.push((
        "PUT",
        format!("/rooms/patient:{of}/members/mallory"),
        "",
        json!({ "level": "write" }).to_string(),
    ));
    let fhir = |path: &str| format!("/fhir/R4/{path}");
    for path in [
        format!("Patient/{of}"),
        format!("Patient/{of}/_history"),
        format!("Patient/{of}/_history/1"),
        format!("Patient/{of}/$everything"),
        format!("Patient?_id={of}"),
        format!("Patient?_id={of}&_revinclude=Observation:subject"),
        format!("Patient?_id={of}&_summary=count"),
        format!("Observation/{of}-o"),
        format!("Observation/{of}-o/_history"),
        format!("Observation/{of}-o/_history/1"),
        format!("Observation?_id={of}-o"),
        format!("Observation?patient={of}"),
        format!("Observation?subject=Patient/{of}&_include=Observation:subject"),
        format!("Observation?patient={of}&_sort=date&_total=accurate"),
        format!("Provenance?target=Patient/{of}"),
        format!("Provenance?target=Observation/{of}-o"),
        format!("Provenance?patient={of}"),
        format!("Provenance/{}.{}", document_of(&format!("patient:{of}")), "0".repeat(32)),
    ] {
        all.push(("GET", fhir(&path), "", none()));
    }
    let bundle = |kind: &str, method: &str, url: String, resource: Option<Value>| {
        let mut entry = json!({ "request": { "method": method, "url": url } });
        if let Some(resource) = resource {
            entry["resource"] = resource;
        }
        json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] }).to_string()
    };
    let whose = observation(&format!("{of}-o"), of, "laboratory", "x");
    all.push(("PUT", fhir(&format!("Patient/{of}")), "", super::patient(of).to_string()));
    all.push(("PUT", fhir(&format!("Observation/{of}-o")), "", whose.to_string()));
    all.push((
        "PUT",
        fhir(&format!("Observation/{of}-o")),
        "If-Match: W/\"1\"\r\n",
        whose.to_string(),
    ));
    all.push((
        "PUT",
        fhir(&format!("Observation/{of}-o")),
        "If-None-Match: *\r\n",
        whose.to_string(),
    ));
    all.push(("POST", fhir("Observation"), "", whose.to_string()));
    all.push((
        "POST",
        fhir("Patient"),
        "",
        json!({ "resourceType": "Patient", "link": [
        { "type": "seealso", "other": { "reference": format!("Patient/{of}") } },
    ], "id": of, "active": "wrong" })
        .to_string(),
    ));
    all.push(("DELETE", fhir(&format!("Observation/{of}-o")), "", none()));
    all.push(("DELETE", fhir(&format!("Patient/{of}")), "", none()));
    for method in ["PUT", "POST"] {
        let url =
            if method == "PUT" { format!("Observation/{of}-o") } else { "Observation".to_owned() };
        for kind in ["batch", "transaction"] {
            all.push((
                "POST",
                fhir(""),
                "",
                bundle(kind, method, url.clone(), Some(whose.clone())),
            ));
        }
    }
    for kind in ["batch", "transaction"] {
        all.push(("POST", fhir(""), "", bundle(kind, "GET", format!("Patient/{of}"), None)));
        all.push((
            "POST",
            fhir(""),
            "",
            bundle(kind, "GET", format!("Observation?patient={of}"), None),
        ));
        all.push((
            "POST",
            fhir(""),
            "",
            bundle(kind, "DELETE", format!("Observation/{of}-o"), None),
        ));
    }
    // A reference that searches for what is not the asker's.
    let mut asking = flag("x", "p2", "x");
    asking["author"] = json!({ "reference": format!("Patient?_id={of}") });
    all.push((
        "POST",
        fhir(""),
        "",
        bundle("transaction", "PUT", "Flag/x".to_owned(), Some(asking)),
    ));
    let reference =
        |name: &str, to: String| json!({ "name": name, "valueReference": { "reference": to } });
    let reason = json!({ "name": "reason", "valueString": "x" });
    let parameters =
        |all: Vec<Value>| json!({ "resourceType": "Parameters", "parameter": all }).to_string();
    all.push((
        "POST",
        fhir("Patient/$merge"),
        "",
        parameters(vec![
            reference("source-patient", format!("Patient/{of}")),
            reference("target-patient", "Patient/p2".to_owned()),
            reason.clone(),
        ]),
    ));
    all.push((
        "POST",
        fhir("Patient/$merge"),
        "",
        parameters(vec![
            reference("source-patient", "Patient/p2".to_owned()),
            reference("target-patient", format!("Patient/{of}")),
            reason.clone(),
        ]),
    ));
    all.push((
        "POST",
        fhir("Observation/p2-o/$correct-patient"),
        "",
        parameters(vec![reference("patient", format!("Patient/{of}")), reason.clone()]),
    ));
    all.push((
        "POST",
        fhir(&format!("Observation/{of}-o/$correct-patient")),
        "",
        parameters(vec![reference("patient", "Patient/p2".to_owned()), reason.clone()]),
    ));
    all.push((
        "POST",
        fhir(&format!("Observation/{of}-o/$correct-patient")),
        "",
        parameters(vec![
            reference("patient", "Patient/p2".to_owned()),
            reference("from", format!("Patient/{of}")),
            reason.clone(),
        ]),
    ));
    all.push((
        "POST",
        fhir(&format!("Observation/{of}-o/$relabel")),
        "",
        parameters(vec![json!({ "name": "label", "valueCode": "PSY" }), reason]),
    ));
    all
}

#[tokio::test]
async fn what_is_anothers_is_answered_to_the_byte_as_what_is_nowhere() {
    let ward = ward().await;
    let token = ward.token(&Claims::of("mallory"));
    let mut kept = Kept::open(ward.server.address(), Some(&token)).await.unwrap();
    let before = ward.document("patient:p1").await;
    let mut told = Vec::new();
    // As many letters, so that lengths tell nothing either.
    let nowhere = document_of("patient:p9").to_string();
    let here = document_of("patient:p1").to_string();
    for (hidden, absent) in requests("p1").into_iter().zip(requests("p9")) {
        let (method, path, headers, body) = &absent;
        let expected = kept.ask(method, path, headers, body).await.unwrap();
        let (method, path, headers, body) = &hidden;
        let found = kept.ask(method, path, headers, body).await.unwrap();
        let named = |text: &str| {
            let text = text.replace(&here, &nowhere).replace("Patient/p1", "Patient/p9");
            text.replace("p1-o", "p9-o")
                .replace("patient:p1", "patient:p9")
                .replace("=p1", "=p9")
                .replace("%2Fp1", "%2Fp9")
        };
        let found = (named(&found.0), named(&found.1));
        if found != expected || sings(&found.1) || sings(&found.0) {
            told.push(format!("{method} {path} {headers} {body}\n{found:?}\n{expected:?}"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n\n"));
    assert_eq!(ward.document("patient:p1").await, before);
    for room in ["patient:p9", "patient:p1"] {
        let listed = Visitor::of(&ward.server, Some(&token)).get("/rooms").await.unwrap();
        assert!(!listed.text.contains(room), "{}", listed.text);
    }
    // Nothing that was asked made it be.
    let listed = ward.chief.get("/rooms").await.unwrap();
    assert!(!listed.text.contains("patient:p9"), "{}", listed.text);
    assert_eq!(ward.chief.get("/rooms/patient:p9").await.unwrap().status, 404);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn sockets_say_of_what_is_anothers_what_they_say_of_what_is_nowhere() {
    let ward = ward().await;
    let token = ward.token(&Claims::of("mallory"));
    let address = ward.server.address();
    let mut answers = Vec::new();
    for of in ["p1", "p9"] {
        let room = format!("patient:{of}");
        let mut wire = Wire::joined(address, Some(&token), "peer-m").await.unwrap();
        let known = wire.frames.len();
        wire.find(&room).await.unwrap();
        let document = document_of(&room);
        for asks in [true, false] {
            let (sender, target) = (wire.peer_id.clone(), wire.server_id.clone());
            let data = Message::default().encode();
            let frame = match asks {
                true => Frame::Request { sender, target, document, data },
                false => Frame::Sync { sender, target, document, data },
            };
            wire.send(&frame).await.unwrap();
        }
        let (sender, target) = (wire.peer_id.clone(), wire.server_id.clone());
        wire.send(&Frame::Follow { sender, target, document, id: 1, start: FollowStart::After(0) })
            .await
            .unwrap();
        wire.settled().await.unwrap();
        let said: Vec<Vec<u8>> = wire.frames.iter().skip(known).map(encode).collect();
        let document = document.to_string();
        let said: Vec<String> = said
            .iter()
            .map(|bytes| {
                String::from_utf8_lossy(bytes).replace(&room, "ROOM").replace(&document, "DOCUMENT")
            })
            .collect();
        let mut texts = Texts::open(address, Some(&token)).await.unwrap();
        let data = json!({ "subscription_id": "s", "patient_ids": [of] });
        texts.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
        let data = json!({ "subscription_id": "s", "room": room, "after": 0 });
        texts.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
        texts
            .send(&json!({ "type": "order.placed", "payload": { "patientId": of } }))
            .await
            .unwrap();
        texts.settled().await.unwrap();
        let mut frames = texts.frames.split_off(1);
        frames.iter_mut().for_each(|frame| {
            frame["timestamp"] = Value::Null;
        });
        let path = format!("/rooms/{room}/events?token={token}");
        let events = EventSource::open(address, &path, "").await.unwrap();
        let head: Vec<String> = events
            .head
            .into_iter()
            .filter(|line| !line.to_ascii_lowercase().starts_with("date:"))
            .collect();
        answers.push((said, frames, head));
    }
    assert_eq!(answers[0], answers[1]);
    ward.server.stop().await.unwrap();
}

/// The middle one.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Whether two medians are one, as far as a machine that does other things can tell.
fn check(what: &str, hidden: Vec<Duration>, absent: Vec<Duration>) {
    let (hidden, absent) = (median(hidden), median(absent));
    println!("{what}: another's {hidden:?}, nowhere {absent:?}");
    let (low, high) = (hidden.min(absent), hidden.max(absent));
    let alike = high - low < Duration::from_micros(50) || high < low.mul_f64(1.5);
    assert!(alike, "{what}: another's {hidden:?}, nowhere {absent:?}");
}

/// Many charts that are not Mallory's, `h000` and so on; there is none `n000`.
async fn crowd() -> Ward {
    let ward = ward().await;
    let mut lines = String::new();
    for n in 0..SAMPLES {
        let id = format!("h{n:03}");
        lines.push_str(&format!("{}\n", super::patient(&id)));
        lines.push_str(&format!("{}\n", observation(&format!("{id}-o"), &id, "laboratory", "x")));
    }
    let kind = [("content-type", "application/fhir+ndjson")];
    let body = Value::String(lines);
    let reply = ward.chief.send_with("POST", "/fhir/R4/$import", &kind, Some(&body)).await.unwrap();
    assert!(reply.text.contains("\"leftOut\":0"), "{}", reply.text);
    ward
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_anothers_takes_over_http_as_long_as_what_is_nowhere() {
    let ward = crowd().await;
    let token = ward.token(&Claims::of("mallory"));
    let mut kept = Kept::open(ward.server.address(), Some(&token)).await.unwrap();
    for path in [
        "/fhir/R4/Observation/{}-o",
        "/fhir/R4/Patient/{}",
        "/rooms/patient:{}",
        "/rooms/patient:{}/events",
        "/fhir/R4/Patient/{}/$everything",
        "/fhir/R4/Observation?patient={}",
        "/fhir/R4/Patient?_id={}",
    ] {
        // Once unseen, and once more, when what the server remembers of it is warm.
        for round in ["first", "again"] {
            let (mut hidden, mut absent) = (Vec::new(), Vec::new());
            for n in 0..SAMPLES / 2 {
                // Which one comes first is drawn, or it could beat in time with what else the machine does.
                let first = rand::random::<bool>();
                for is_hidden in [first, !first] {
                    let id = format!("{}{n:03}", if is_hidden { 'h' } else { 'n' });
                    let path = path.replace("{}", &id);
                    let began = Instant::now();
                    kept.ask("GET", &path, "", "").await.unwrap();
                    let took = began.elapsed();
                    if is_hidden { hidden.push(took) } else { absent.push(took) }
                }
            }
            check(&format!("{path} {round}"), hidden, absent);
        }
    }
    ward.server.stop().await.unwrap();
}

/// One question on a socket.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// `room`, by its name.
    Name,
    /// `subscribe`.
    Events,
}

/// Asks it, and says how long the answer took.
async fn ask(asked: Asked, room: &str, wire: &mut Wire, texts: &mut Texts) -> Duration {
    wire.frames.clear();
    texts.frames.clear();
    let began = Instant::now();
    match asked {
        Asked::Name => drop(wire.find(room).await.unwrap()),
        Asked::Events => {
            let data = json!({ "subscription_id": "s", "room": room });
            texts.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
            texts.until("an answer", |me| !me.frames.is_empty()).await.unwrap();
        }
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_anothers_takes_on_sockets_as_long_as_what_is_nowhere() {
    let ward = crowd().await;
    let token = ward.token(&Claims::of("mallory"));
    let mut wire = Wire::joined(ward.server.address(), Some(&token), "peer-m").await.unwrap();
    let mut texts = Texts::open(ward.server.address(), Some(&token)).await.unwrap();
    texts.heard(0, "welcome").await.unwrap();
    // Each question has rooms of its own.
    for (which, asked) in [Asked::Name, Asked::Events].into_iter().enumerate() {
        for round in ["first", "again"] {
            let (mut hidden, mut absent) = (Vec::new(), Vec::new());
            for n in (0..SAMPLES).filter(|n| n % 2 == which) {
                let first = rand::random::<bool>();
                for is_hidden in [first, !first] {
                    let room = format!("patient:{}{n:03}", if is_hidden { 'h' } else { 'n' });
                    let took = ask(asked, &room, &mut wire, &mut texts).await;
                    if is_hidden { hidden.push(took) } else { absent.push(took) }
                }
            }
            check(&format!("{asked:?} {round}"), hidden, absent);
        }
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_compartment_of_ones_own_patient_is_as_one_that_is_not_there() {
    let ward = ward().await;
    let put = json!({ "kind": "put", "resource": super::protected("s1", "p2") });
    let reply = ward.chief.post("/rooms/patient:p2~PSY/commands", &put).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let token = ward.token(&Claims::of("mallory").roles(&["physician"]));
    let mut kept = Kept::open(ward.server.address(), Some(&token)).await.unwrap();
    for (method, path, body) in [
        ("GET", "", ""),
        ("GET", "/document", ""),
        ("GET", "/events", ""),
        ("GET", "?epoch=1", ""),
        ("POST", "/glass", "{\"reason\":\"x\"}"),
        ("POST", "/commands", "[]"),
    ] {
        let mut answers = Vec::new();
        for room in ["patient:p2~PSY", "patient:p2~HIV"] {
            answers
                .push(kept.ask(method, &format!("/rooms/{room}{path}"), "", body).await.unwrap());
        }
        assert_eq!(answers[0], answers[1], "{method} {path}");
        assert!(answers[0].0.contains("404"), "{method} {path}: {:?}", answers[0]);
    }
    let listed = Visitor::of(&ward.server, Some(&token)).get("/rooms").await.unwrap();
    assert!(listed.text.contains("patient:p2") && !listed.text.contains("PSY"), "{}", listed.text);
    let mut wire = Wire::joined(ward.server.address(), Some(&token), "peer-m").await.unwrap();
    for room in ["patient:p2~PSY", "patient:p2~HIV"] {
        let Frame::RoomRefused { code, .. } = wire.find(room).await.unwrap() else { panic!() };
        assert_eq!(code, "room-not-found");
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn the_history_of_a_type_names_no_room_that_is_anothers() {
    let ward = ward().await;
    let mallory = ward.visitor(&Claims::of("mallory"));
    // The newest are another's.
    for n in 0..5 {
        let other = observation(&format!("n{n}"), "p1", "laboratory", "x");
        assert_eq!(ward.chief.put(&other).await.unwrap().status, 201);
    }
    for count in [1, 2, 3, 50] {
        let reply =
            mallory.get(&format!("/fhir/R4/Observation/_history?_count={count}")).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(!reply.text.contains("p1"), "{}", reply.text);
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn an_id_of_anothers_resource_is_as_free_as_any() {
    let ward = ward().await;
    let mallory = ward.visitor(&Claims::of("mallory"));
    let mut answers = Vec::new();
    for of in ["p1", "p9"] {
        let id = format!("{of}-o");
        let reply = mallory.put(&observation(&id, "p2", "laboratory", "x")).await.unwrap();
        let read = mallory.get(&format!("/fhir/R4/Observation/{id}")).await.unwrap();
        let found = mallory.get(&format!("/fhir/R4/Observation?_id={id}")).await.unwrap();
        let again = mallory.put(&observation(&id, "p2", "laboratory", "y")).await.unwrap();
        answers.push((reply.status, read.status, found.entries().len(), again.status));
    }
    assert_eq!(answers[0], answers[1]);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn an_entrys_uuid_becomes_its_id_or_not_whatever_others_have() {
    let ward = ward().await;
    let taken = "c0ffee00-0000-4000-8000-000000000001";
    let free = "c0ffee00-0000-4000-8000-000000000002";
    let reply = ward.chief.put(&observation(taken, "p1", "laboratory", "x")).await.unwrap();
    assert_eq!(reply.status, 201);
    let mallory = ward.visitor(&Claims::of("mallory"));
    let mut kept = Vec::new();
    for uuid in [taken, free] {
        let entry = json!({
            "fullUrl": format!("urn:uuid:{uuid}"), "resource": observation("", "p2", "laboratory", "x"),
            "request": { "method": "POST", "url": "Observation" },
        });
        let mut entry = entry;
        entry["resource"].as_object_mut().unwrap().remove("id");
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
        let reply = mallory.post("/fhir/R4", &bundle).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        let location = reply.entries()[0]["response"]["location"].as_str().unwrap().to_owned();
        kept.push(location.contains(uuid));
    }
    assert_eq!(kept[0], kept[1], "that an id is taken is told");
    ward.server.stop().await.unwrap();
}
