//! Everybody at every address.

use chartroom_engine::access::Ability;
use chartroom_server::{Door, Needs, doors};
use chartroom_tests::raw::{Texts, Wire, plain};
use serde_json::{Value, json};

use super::{
    ALL, Expired, Glass, Member, Nobody, Operator, OtherRoom, OtherScope, People, Reader, Ward,
    Who, check, entry, ward,
};
use crate::access::{flag, observation, sings};

/// A door as it is tried.
struct Row {
    /// What it is called.
    name: String,
    /// How it is asked: path, headers, body.
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<Value>,
    /// What they hear who get through, and their code where that is an error.
    inside: (u16, &'static str),
    /// For those who are signed in, where `Needs` does not say.
    told: Option<[u16; 6]>,
}

/// What becomes of somebody: a status and a code.
type Answer = (u16, String);

/// The doors in their order, each with its place among those with the same method and path.
fn numbered() -> Vec<(Door, usize)> {
    let all = doors();
    let nth = |at: usize, door: &Door| {
        all[..at].iter().filter(|d| d.method == door.method && d.path == door.path).count()
    };
    all.iter().enumerate().map(|(at, door)| (door.clone(), nth(at, door))).collect()
}

/// The row of a door, asked about a chart; a door that has none ends the test.
fn row(door: &Door, nth: usize, id: &str) -> Row {
    const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];
    const MERGE: [(&str, &str); 1] = [("content-type", "application/merge-patch+json")];
    const LINES: [(&str, &str); 1] = [("content-type", "application/fhir+ndjson")];
    let (o, t) = (format!("{id}-o"), format!("{id}-t"));
    let room = match &*door.path {
        "/rooms/{room}/queue" | "/rooms/{room}/rebuild" => "pharmacy:queue".to_owned(),
        "/rooms/{room}/active" => "facility:alerts".to_owned(),
        _ => format!("patient:{id}"),
    };
    let new = || observation(&format!("{id}-n"), id, "laboratory", "new");
    let refers = |name: &str, to: &str| json!({ "name": name, "valueReference": { "reference": format!("Patient/{to}") } });
    let parameters = |mut all: Vec<Value>| {
        all.push(json!({ "name": "reason", "valueString": "asked for" }));
        json!({ "resourceType": "Parameters", "parameter": all })
    };
    let bundle = |kind: &str| {
        let put = entry("PUT", &format!("Observation/{id}-n"), new());
        json!({ "resourceType": "Bundle", "type": kind, "entry": [put] })
    };
    let mut headers = Vec::new();
    let (mut body, mut inside, mut told, mut kind) = (None, (200, ""), None, "");
    match (door.method, &*door.path, nth) {
        ("GET", "/rooms" | "/rooms/{room}" | "/rooms/{room}/document", 0) => {}
        ("GET", "/rooms/{room}/conflicts" | "/rooms/{room}/events", 0) => {}
        ("GET", "/rooms/{room}/texts/{type}/{id}/{name}", 0) => {}
        ("GET", "/rooms/{room}/queue" | "/rooms/{room}/active", 0) => {}
        (
            "GET",
            "/rooms/{room}/members" | "/sign-in" | "/devices" | "/peers" | "/quarantine",
            0,
        ) => {}
        ("GET", "/webhooks" | "/webhooks/dead-letters" | "/metrics", 0) => {}
        ("GET", "/sign-in/app", 0) => {}
        // No app is named to the ward.
        (
            "GET",
            "/fhir/R4/.well-known/smart-configuration"
            | "/api/fhir/R4/.well-known/smart-configuration",
            0,
        ) => inside = (404, "not-found"),
        ("GET", "/healthz" | "/readyz" | "/sync" | "/api/ws" | "/ws", 0) => {}
        ("POST", "/rooms/{room}/refound" | "/rooms/{room}/rebuild", 0) => {}
        ("POST", "/devices/{handle}/wipe", 0) => {}
        ("POST", "/rooms/{room}/commands", 0) => {
            body = Some(json!({ "kind": "put", "resource": flag("new", id, "new") }));
        }
        ("PUT", "/rooms/{room}/members/{person}", 0) => {
            (body, inside) = (Some(json!({ "level": "write" })), (204, ""));
        }
        ("DELETE", "/rooms/{room}/members/{person}" | "/rooms/{room}/glass", 0) => {
            inside = (204, "")
        }
        ("POST", "/rooms/{room}/glass", 0) => body = Some(json!({ "reason": "cardiac arrest" })),
        ("POST", "/sign-in/revoke", 0) => {
            (body, inside) = (Some(json!({ "token": "nobody's" })), (204, ""));
        }
        ("DELETE", "/quarantine/{hash}", 0) => inside = (404, "not-quarantined"),
        ("POST", "/webhooks/{target}/resume", 0) => inside = (404, "target-not-found"),
        ("DELETE", "/webhooks/dead-letters/{id}", 0)
        | ("POST", "/webhooks/dead-letters/{id}/retry", 0) => inside = (404, "letter-not-found"),
        ("GET", "/fhir/R4/metadata", 0) => {}
        ("POST", "/fhir/R4", 0) => {
            (kind, body, told) =
                ("transaction", Some(bundle("transaction")), Some([403, 422, 403, 200, 200, 422]));
        }
        ("POST", "/fhir/R4", 1) => {
            (kind, body, told) =
                ("batch", Some(bundle("batch")), Some([403, 422, 403, 201, 201, 422]));
        }
        ("POST", "/fhir/R4/$import", 0) => {
            headers = LINES.to_vec();
            body = Some(Value::String(format!("{}\n", new())));
            told = Some([403, 403, 403, 403, 403, 200]);
        }
        ("POST", "/fhir/R4/{type}/_search", 0) => {
            headers = FORM.to_vec();
            body = Some(Value::String(format!("patient={id}")));
            told = Some([403, 200, 200, 200, 200, 200]);
        }
        ("GET", "/fhir/R4/{type}/_history" | "/fhir/R4/{type}", 0) => {
            told = Some([403, 200, 200, 200, 200, 200]);
        }
        ("POST", "/fhir/R4/Patient/$merge", 0) => {
            body =
                Some(parameters(vec![refers("source-patient", id), refers("target-patient", &t)]));
            told = Some([403, 422, 403, 200, 200, 422]);
        }
        (
            "GET",
            "/fhir/R4/Patient/{id}/$everything"
            | "/fhir/R4/{type}/{id}/_history/{version}"
            | "/fhir/R4/{type}/{id}/_history"
            | "/fhir/R4/{type}/{id}",
            0,
        ) => told = Some([403, 404, 200, 200, 200, 404]),
        ("POST", "/fhir/R4/{type}/{id}/$correct-patient", 0) => {
            body = Some(parameters(vec![refers("patient", &t)]));
            told = Some([403, 422, 403, 200, 200, 422]);
        }
        ("POST", "/fhir/R4/{type}/{id}/$relabel", 0) => {
            body = Some(parameters(vec![json!({ "name": "label", "valueCode": "PSY" })]));
            // Nobody's role here opens the compartment.
            told = Some([403, 404, 403, 404, 404, 404]);
        }
        ("PUT", "/fhir/R4/{type}/{id}", 0) => {
            body = Some(observation(&o, id, "laboratory", "changed"));
            told = Some([403, 422, 403, 200, 200, 422]);
        }
        ("PATCH", "/fhir/R4/{type}/{id}", 0) => {
            headers = MERGE.to_vec();
            body = Some(Value::String(json!({ "valueString": "changed" }).to_string()));
            told = Some([403, 404, 403, 200, 200, 404]);
        }
        ("DELETE", "/fhir/R4/{type}/{id}", 0) => told = Some([403, 404, 403, 204, 204, 404]),
        ("POST", "/fhir/R4/{type}", 0) => {
            body = Some(new());
            told = Some([403, 422, 403, 201, 201, 422]);
        }
        (method, path, nth) => panic!("{method} {path} ({nth}) has no row in the matrix"),
    }
    let is_patient = door.path.contains("Patient/");
    let path = door
        .path
        .replace("{room}", &room)
        .replace("{person}", "dora")
        .replace("{handle}", "0123456789abcdef")
        .replace("{hash}", &"0".repeat(64))
        .replace("{name}", "note");
    let path =
        path.replace("{target}", "none").replace("{type}", "Observation").replace("{version}", "1");
    let path = path.replace("{id}", if is_patient { id } else { &o });
    let name = format!("`{} {}`", door.method, door.path);
    let name = if kind.is_empty() { name } else { format!("{name}, {kind}") };
    Row { name, path, headers, body, inside, told }
}

/// What is to become of somebody at a door.
fn expected(door: &Door, row: &Row, who: Who) -> Answer {
    let inside = || (row.inside.0, row.inside.1.to_owned());
    let no = |status: u16, code: &str| (status, code.to_owned());
    if door.needs == Needs::Nothing {
        return inside();
    }
    if door.needs == Needs::Socket {
        return if who.is_in() { no(101, "") } else { no(4001, "") };
    }
    match who {
        Nobody => return no(401, "token-missing"),
        Expired => return no(401, "token-expired"),
        OtherScope | OtherRoom | Reader | Member | Glass | Operator => {}
    }
    let is_facility = ["/rooms/{room}/queue", "/rooms/{room}/active"].contains(&&*door.path);
    let hidden = || no(404, "room-not-found");
    let by_room = |narrow: Answer| match who {
        OtherScope => narrow,
        // Glass is of charts alone.
        Glass if is_facility => hidden(),
        OtherRoom | Operator => hidden(),
        Nobody | Expired | Reader | Member | Glass => inside(),
    };
    match door.needs {
        Needs::Nothing | Needs::Socket | Needs::SignIn => inside(),
        Needs::Whole => by_room(no(403, "scope-too-narrow")),
        Needs::Some => by_room(inside()),
        Needs::Resource => match who {
            OtherScope | OtherRoom | Operator => no(404, "text-not-found"),
            Nobody | Expired | Reader | Member | Glass => inside(),
        },
        Needs::Write if who == Reader => no(403, "read-only"),
        Needs::Write => by_room(no(403, "read-only")),
        Needs::Role(ability) if may(who, ability) => inside(),
        Needs::Role(_) => no(403, "role-missing"),
        Needs::WholeOrRole(ability) if may(who, ability) => inside(),
        Needs::WholeOrRole(_) => by_room(no(403, "scope-too-narrow")),
        Needs::OwnOrRole(ability) if may(who, ability) => inside(),
        // It is nobody's here.
        Needs::OwnOrRole(_) => no(404, "device-not-found"),
        Needs::Interaction => {
            let told = row.told.unwrap_or_else(|| panic!("{} has no outcomes", row.name));
            let at = ALL.iter().filter(|who| who.is_in()).position(|of| *of == who).unwrap();
            (told[at], String::new())
        }
    }
}

/// Whether somebody's roles let them do something.
fn may(who: Who, ability: Ability) -> bool {
    match ability {
        Ability::BreakGlass => who == Glass,
        Ability::Admit | Ability::Audit | Ability::Operate => who == Operator,
    }
}

pub(super) fn expected_table() -> String {
    let rows = numbered().into_iter().map(|(door, nth)| {
        let row = row(&door, nth, "p1");
        let cell = |who: &Who| {
            let (status, code) = expected(&door, &row, *who);
            match (status, code.as_str()) {
                (101, _) => "open".to_owned(),
                (status, "") => status.to_string(),
                (status, code) => format!("{status} `{code}`"),
            }
        };
        let cells = ALL.iter().map(cell).collect();
        (row.name, cells)
    });
    let web = "the web app's files".to_owned();
    let rows = rows.chain([(web, vec!["200".to_owned(); ALL.len()])]).collect();
    super::table("door", rows)
}

/// Tries a row, and says what became of it: the answer, and all of its text.
async fn tried(ward: &Ward, people: &People, door: &Door, row: &Row, who: Who) -> (Answer, String) {
    if door.needs == Needs::Socket {
        return (at_socket(ward, people, door, who).await, String::new());
    }
    let visitor = people.visitor(ward, who);
    let reply = visitor.send_with(door.method, &row.path, &row.headers, row.body.as_ref());
    let reply = reply.await.unwrap();
    let all = format!("{} {:?}", reply.text, reply.headers);
    let code = match door.needs {
        Needs::Interaction if reply.status == 401 => {
            let text = reply.body["issue"][0]["diagnostics"].as_str().unwrap_or_default();
            if text.contains("expired") { "token-expired" } else { "token-missing" }
        }
        Needs::Interaction => "",
        _ => reply.body["error"]["code"].as_str().unwrap_or_default(),
    };
    // A batch says of its one entry what became of it.
    let is_batch = row.name.ends_with("batch") && reply.status == 200;
    let status = match is_batch {
        true => {
            let text = reply.entries()[0]["response"]["status"].as_str().unwrap();
            text.split(' ').next().unwrap().parse().unwrap()
        }
        false => reply.status,
    };
    ((status, code.to_owned()), all)
}

async fn at_socket(ward: &Ward, people: &People, door: &Door, who: Who) -> Answer {
    let (address, token) = (ward.server.address(), people.token(who));
    if door.path == "/sync" {
        let mut wire = Wire::open(address, token, &format!("peer-{who:?}")).await.unwrap();
        wire.join(plain()).await.unwrap();
        // An error frame comes ahead of the end.
        if !who.is_in() {
            return (wire.until_closed().await.unwrap().0, String::new());
        }
        wire.settled().await.unwrap();
        return (wire.closed.map_or(101, |(code, _)| code), String::new());
    }
    let mut texts = Texts::open_at(address, &door.path, token).await.unwrap();
    // One that is closed already takes no more.
    let _ = texts.send(&json!({ "type": "unsubscribe", "data": { "subscription_id": "s" } })).await;
    if !who.is_in() {
        return (texts.until_closed().await.unwrap().0, String::new());
    }
    texts.settled().await.unwrap();
    (texts.closed.map_or(101, |(code, _)| code), String::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_address_lets_in_whom_it_says_and_tells_others_nothing() {
    let (ward, people) = ward().await;
    let (mut wrong, mut charts) = (Vec::new(), 0);
    for (door, nth) in numbered() {
        let mut id = String::new();
        for who in ALL {
            // What only reads leaves the chart to the next.
            if id.is_empty() || door.method != "GET" {
                charts += 1;
                id = format!("m{charts}");
                people.chart(&ward, &id).await;
                if door.path.contains("$merge") || door.path.contains("$correct-patient") {
                    people.chart(&ward, &format!("{id}-t")).await;
                }
            }
            let row = row(&door, nth, &id);
            let room = format!("patient:{id}");
            let before = ward.document(&room).await;
            let wanted = expected(&door, &row, who);
            let (found, text) = tried(&ward, &people, &door, &row, who).await;
            let place = format!("{} of {who:?}", row.name);
            if found != wanted {
                wrong.push(format!(
                    "{place}: {found:?} for {wanted:?}: {}",
                    &text[..text.len().min(300)]
                ));
            }
            if door.needs == Needs::Interaction && door.method == "GET" {
                // WintEHR looks for FHIR at an address of its own.
                let other = format!("/api{}", row.path);
                let reply = people.visitor(&ward, who).get(&other).await.unwrap();
                if reply.status != found.0 || (sings(&reply.text) && !who.sees()) {
                    wrong.push(format!("{place} below /api: {} {}", reply.status, reply.text));
                }
            }
            if sings(&text) && !who.sees() {
                wrong.push(format!("{place} tells what may not be seen: {text}"));
            }
            let may_change = (200..300).contains(&found.0) && door.method != "GET";
            if !may_change && ward.document(&room).await != before {
                wrong.push(format!("{place} changed the room"));
            }
        }
    }
    check(wrong);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn the_web_apps_files_are_everybodys() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    std::fs::write(folder.path().join("index.html"), "<!doctype html><title>x</title>").unwrap();
    std::fs::write(folder.path().join("assets/app.js"), "1").unwrap();
    let ward = Ward::open_with(|config| config.web = folder.path().into()).await;
    let people = People::of(&ward);
    for who in ALL {
        for path in ["/", "/index.html", "/assets/app.js", "/charts/p1"] {
            let reply = people.visitor(&ward, who).get(path).await.unwrap();
            assert_eq!(reply.status, 200, "{who:?} {path}");
        }
    }
    ward.server.stop().await.unwrap();
}
