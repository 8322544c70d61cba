//! Searches over many rooms, and what comes with what they find.

use std::collections::BTreeSet;

use chartroom_tests::{fhir::Fhir, server::Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{because, clinic, entry, ids_of, level, observation, refers};

const PATIENTS: usize = 30;
const EACH: usize = 4;

/// A ward of many patients, with observations each.
async fn ward() -> (TempDir, Server, Fhir) {
    let (folder, server, alice) = clinic().await;
    let mut entries = vec![entry(
        "PUT",
        "Practitioner/d1",
        Some(json!({
            "resourceType": "Practitioner", "id": "d1", "name": [{ "family": "Kim" }],
        })),
    )];
    for n in 0..PATIENTS {
        let of = format!("w{n:02}");
        entries.push(entry("PUT", &format!("Patient/{of}"), Some(json!({
            "resourceType": "Patient",
            "id": of,
            "identifier": [{ "system": "urn:mrn", "value": n.to_string() }],
            "name": [{ "family": if n % 3 == 0 { "Müller" } else { "Doe" }, "given": [format!("Given{n}")] }],
            "gender": if n % 2 == 0 { "female" } else { "male" },
            "birthDate": format!("19{:02}-02-03", 50 + n),
            "generalPractitioner": [{ "reference": "Practitioner/d1" }],
        }))));
        for k in 0..EACH {
            let id = format!("{of}-{k}");
            let mut seen = observation(&id, &of, i64::try_from(n * EACH + k).unwrap());
            seen["effectiveDateTime"] = format!("2024-{:02}-{:02}", 1 + k, 1 + (n * 7) % 28).into();
            seen["performer"] = json!([{ "reference": "Practitioner/d1" }]);
            entries.push(entry("PUT", &format!("Observation/{id}"), Some(seen)));
        }
    }
    let reply = alice.bundle("transaction", entries).await.unwrap();
    assert_eq!(reply.status, 200, "{:.2000}", reply.text);
    (folder, server, alice)
}

fn all_observations() -> BTreeSet<String> {
    (0..PATIENTS).flat_map(|n| (0..EACH).map(move |k| format!("w{n:02}-{k}"))).collect()
}

fn each_once(entries: &[Value]) -> BTreeSet<String> {
    let ids = ids_of(entries, "Observation");
    let set: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(set.len(), ids.len(), "one comes twice: {ids:?}");
    set
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_to_the_end_have_everything_once() {
    let (_folder, server, alice) = ward().await;
    let patients: Vec<String> = (0..PATIENTS).map(|n| format!("w{n:02}")).collect();
    let of_all = format!("Observation?patient={}&_count=7", patients.join(","));
    for path in [
        "Observation?_count=7",
        "Observation?_count=1000",
        "Observation?code:text=pulse&_count=13",
        "Observation?_count=7&_total=accurate",
        "Observation?_count=7&_sort=-date",
        "Observation?_count=7&_sort=date,_id",
        of_all.as_str(),
        "Observation?status=final,amended&_count=11",
        "Observation?_lastUpdated=gt2001-01-01&_count=11",
    ] {
        let entries = alice.pages(path).await.unwrap();
        assert_eq!(each_once(&entries), all_observations(), "{path}");
    }
    let one = alice.get("Observation?_count=7&_total=accurate").await.unwrap();
    assert_eq!((one.entries().len(), &one.body["total"]), (7, &json!(PATIENTS * EACH)));
    let count = alice.get("Observation?_summary=count").await.unwrap();
    assert_eq!((count.entries().len(), &count.body["total"]), (0, &json!(PATIENTS * EACH)));
    let none = alice.get("Observation?_count=0").await.unwrap();
    assert_eq!((none.entries().len(), &none.body["total"]), (0, &json!(PATIENTS * EACH)));
    let few = alice.get("Observation?value-quantity=gt1&_summary=count").await.unwrap();
    assert_eq!(few.body["total"], 0);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_everything_once_while_somebody_writes() {
    let (_folder, server, alice) = ward().await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let bob = Fhir::of(&server, "bob;Bob");
    let writing = tokio::spawn(async move {
        let mut written = 0;
        while stopped.try_recv().is_err() {
            let n = written % PATIENTS;
            let of = format!("w{n:02}");
            let id = format!("{of}-new-{written}");
            super::put(&bob, &observation(&id, &of, 1)).await;
            super::put(
                &bob,
                &observation(&format!("{of}-0"), &of, i64::try_from(1000 + written).unwrap()),
            )
            .await;
            written += 1;
        }
        written
    });
    for path in ["Observation?_count=5", "Observation?_count=9&code:text=pulse"] {
        let found = each_once(&alice.pages(path).await.unwrap());
        assert!(found.is_superset(&all_observations()), "{path}");
    }
    stop.send(()).unwrap();
    assert!(writing.await.unwrap() > 0);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sorted_pages_have_everything_once_while_somebody_writes() {
    let (_folder, server, alice) = ward().await;
    let bob = Fhir::of(&server, "bob;Bob");
    // Each page is followed by a new resource that is sorted before all others.
    let (mut entries, mut next) =
        (Vec::new(), Some("Observation?_count=10&_sort=-date".to_owned()));
    let mut written = 0;
    while let Some(path) = next {
        let page = alice.get(&path).await.unwrap();
        assert_eq!(page.status, 200, "{}", page.text);
        entries.extend(page.entries().iter().cloned());
        next = page.link("next");
        let mut new = observation(&format!("new{written}"), "w00", 1);
        new["effectiveDateTime"] = "2025-01-01".into();
        super::put(&bob, &new).await;
        written += 1;
    }
    assert!(each_once(&entries).is_superset(&all_observations()));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_are_in_the_order_that_is_asked_for() {
    let (_folder, server, alice) = ward().await;
    let dates = |entries: &[Value]| -> Vec<String> {
        let of =
            |entry: &Value| entry["resource"]["effectiveDateTime"].as_str().unwrap().to_owned();
        entries.iter().map(of).collect()
    };
    for (order, descending) in [("date", false), ("-date", true)] {
        let entries = alice.pages(&format!("Observation?_sort={order}&_count=17")).await.unwrap();
        let found = dates(&entries);
        let mut sorted = found.clone();
        sorted.sort();
        if descending {
            sorted.reverse();
        }
        assert_eq!(found, sorted);
    }
    let newest = alice.get("Observation?patient=w03&_sort=-date&_count=1").await.unwrap();
    assert_eq!(ids_of(newest.entries(), "Observation"), ["w03-3"]);
    let patients = alice.get("Patient?_sort=-birthdate&_count=2").await.unwrap();
    assert_eq!(ids_of(patients.entries(), "Patient"), ["w29", "w28"]);
    let between =
        alice.pages("Observation?date=ge2024-02-01&date=lt2024-03-01&_sort=date").await.unwrap();
    assert_eq!(between.len(), PATIENTS);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn patients_are_found_by_what_people_know_of_them() {
    let (_folder, server, alice) = ward().await;
    for (query, expected) in [
        ("identifier=urn:mrn|7", vec!["w07"]),
        ("identifier=7", vec!["w07"]),
        ("identifier=urn:other|7", vec![]),
        ("family=muller&birthdate=1953-02-03", vec!["w03"]),
        ("name=given12", vec!["w12"]),
        ("given:exact=Given1", vec!["w01"]),
        ("birthdate=1979", vec!["w29"]),
        ("birthdate=lt1952", vec!["w00", "w01"]),
        ("birthdate=ge1978&gender=female", vec!["w28"]),
        ("_id=w05,w06,nobody", vec!["w05", "w06"]),
        ("_id=nobody", vec![]),
        ("family=Doe&given=Given29", vec!["w29"]),
        ("general-practitioner=Practitioner/d1&birthdate=1950", vec!["w00"]),
    ] {
        let found = alice.pages(&format!("Patient?{query}")).await.unwrap();
        assert_eq!(ids_of(&found, "Patient"), expected, "{query}");
    }
    let total = alice.get("Patient?family=m%C3%BCl&_summary=count").await.unwrap();
    assert_eq!(total.body["total"], 10);
    // What is changed or deleted is found as it is now.
    let mut changed = alice.get("Patient/w07").await.unwrap().body;
    changed["name"][0]["family"] = "Zappa".into();
    super::put(&alice, &changed).await;
    assert_eq!(ids_of(&alice.pages("Patient?family=Zappa").await.unwrap(), "Patient"), ["w07"]);
    assert_eq!(alice.delete("Patient/w07", &[]).await.unwrap().status, 204);
    assert!(alice.pages("Patient?family=Zappa").await.unwrap().is_empty());
    assert!(alice.pages("Patient?identifier=urn:mrn|7").await.unwrap().is_empty());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_referred_to_and_what_refers_comes_along() {
    let (_folder, server, alice) = ward().await;
    let modes = |entries: &[Value]| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        entries
            .iter()
            .map(|entry| (text(&entry["resource"]["id"]), text(&entry["search"]["mode"])))
            .collect()
    };
    let expect = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(id, mode)| ((*id).to_owned(), (*mode).to_owned())).collect()
    };
    let included = "_include=Observation:subject&_include=Observation:performer";
    let reply = alice.get(&format!("Observation?_id=w01-0,w01-1&{included}")).await.unwrap();
    let mut found = modes(reply.entries());
    found.sort();
    assert_eq!(
        found,
        expect(&[("d1", "include"), ("w01", "include"), ("w01-0", "match"), ("w01-1", "match")])
    );
    let reply = alice.get("Patient?_id=w01&_revinclude=Observation:subject").await.unwrap();
    assert_eq!(modes(reply.entries()).len(), 1 + EACH, "{}", reply.text);
    assert_eq!(reply.body["total"], 1, "only matches are counted");
    let again = "_include=Observation:subject&_include:iterate=Patient:general-practitioner";
    let reply = alice.get(&format!("Observation?_id=w01-0&{again}")).await.unwrap();
    assert_eq!(ids_of(reply.entries(), "Practitioner"), ["d1"]);
    let reply = alice.get("Observation?_id=w01-0&_elements=status,subject").await.unwrap();
    let part = &reply.entries()[0]["resource"];
    assert_eq!((&part["status"], part.get("valueInteger")), (&json!("final"), None));
    assert_eq!(part["meta"]["tag"][0]["code"], "SUBSETTED");
    assert!(part["subject"].is_object() && part["id"] == "w01-0");
    server.stop().await.unwrap();
}

/// FHIR R4, search.html#revinclude: wherever they are kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_refers_from_other_rooms_comes_along() {
    let (_folder, server, alice) = ward().await;
    let reply =
        alice.get("Practitioner?_id=d1&_revinclude=Patient:general-practitioner").await.unwrap();
    assert_eq!(ids_of(reply.entries(), "Patient").len(), PATIENTS, "{:.500}", reply.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_back_to_the_server_as_it_was_asked() {
    let (_folder, server, alice) = ward().await;
    let path = "Observation?code:text=pulse&_count=3&_elements=status&shoe=42";
    let reply = alice.get(path).await.unwrap();
    let myself = reply.link("self").unwrap();
    assert!(myself.starts_with(&format!("{}/Observation?", alice.base())), "{myself}");
    let again = alice.get(&myself).await.unwrap();
    let matches = |reply: &chartroom_tests::fhir::Reply| ids_of(reply.entries(), "Observation");
    assert_eq!(matches(&again), matches(&reply), "{myself}");
    let next = alice.get(&reply.link("next").unwrap()).await.unwrap();
    assert_eq!(next.entries()[0]["resource"]["meta"]["tag"][0]["code"], "SUBSETTED");
    assert!(next.link("first").is_some());
    let other = Fhir::at(&server, "/api/fhir/R4", "alice;Alice");
    let reply = other.get("Observation?_count=1").await.unwrap();
    assert!(reply.link("next").unwrap().starts_with(other.base()));
    assert!(reply.entries()[0]["fullUrl"].as_str().unwrap().starts_with(other.base()));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = Some(b"code:text=pulse&_count=3".to_vec());
    let posted =
        alice.send("POST", "Observation/_search?_elements=status", &form, body).await.unwrap();
    assert_eq!(matches(&posted), matches(&again));
    assert!(
        posted.link("next").unwrap().contains("code%3Atext=pulse"),
        "{:?}",
        posted.link("next")
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_comes_whole_page_by_page() {
    let (_folder, server, alice) = ward().await;
    let all = alice.pages("Patient/w03/$everything?_count=2").await.unwrap();
    assert_eq!(all[0]["resource"]["resourceType"], "Patient");
    assert_eq!(each_once(&all).len(), EACH);
    assert_eq!(ids_of(&all, "Patient"), ["w03"]);
    let doctors = ids_of(&all, "Practitioner");
    assert!(!doctors.is_empty() && doctors.iter().all(|id| id == "d1"));
    let some = alice.pages("Patient/w03/$everything?_type=Observation").await.unwrap();
    assert_eq!((some.len(), each_once(&some).len()), (EACH, EACH));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_changes_nothing_and_keeps_nobodys_room_open() {
    let (_folder, server, alice) = ward().await;
    let before = level(&server, "patient:w05").await;
    alice.pages("Observation?_count=50").await.unwrap();
    assert_eq!(level(&server, "patient:w05").await, before);
    server.stop().await.unwrap();
}

/// A client may keep what is in no patient compartment in the chart that it works on.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_chart_is_found_whatever_its_type() {
    let (_folder, server, alice) = super::hospital().await;
    let drug = json!({
        "resourceType": "Medication", "id": "m1",
        "code": { "coding": [{ "system": "urn:drug", "code": "asa" }] },
    });
    let command = json!({ "kind": "put", "resource": drug });
    assert_eq!(server.command("patient:p1", &command).await.unwrap().status, 200);
    assert_eq!(alice.get("Medication/m1").await.unwrap().status, 200);
    for query in ["_id=m1", "code=urn:drug|asa", "code=asa&_total=accurate"] {
        let found = alice.pages(&format!("Medication?{query}")).await.unwrap();
        assert_eq!(ids_of(&found, "Medication"), ["m1"], "{query}");
    }
    server.stop().await.unwrap();
}

/// FHIR R4, references.html#literal: an absolute URL names a resource of the server that it names.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_another_servers_patient_is_in_nobodys_chart_here() {
    let (_folder, server, alice) = super::hospital().await;
    let mut here = observation("here", "p1", 1);
    here["subject"]["reference"] = format!("{}/Patient/p1", alice.base()).into();
    super::put(&alice, &here).await;
    let mut elsewhere = observation("elsewhere", "p1", 1);
    elsewhere["subject"]["reference"] = "http://elsewhere.example/fhir/Patient/p1".into();
    let reply = alice.put(&elsewhere).await.unwrap();
    assert!([201, 422].contains(&reply.status), "{}", reply.text);
    for path in ["Observation?patient=p1", "Patient/p1/$everything"] {
        let found = alice.pages(path).await.unwrap();
        assert_eq!(ids_of(&found, "Observation"), ["here"], "{path}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_of_every_chart_gives_the_versions_that_a_read_gives() {
    let (_folder, server, alice) = ward().await;
    let parameters = vec![refers("patient", "w01"), because("two beds mixed up")];
    let moved = alice.operate("Observation/w00-0/$correct-patient", parameters).await.unwrap();
    assert_eq!(moved.status, 200, "{}", moved.text);
    let entries = alice.pages("Observation?_count=50").await.unwrap();
    let found: Vec<&Value> = entries.iter().map(|entry| &entry["resource"]).collect();
    let found = found.into_iter().find(|resource| resource["id"] == "w00-0").unwrap();
    let read = alice.get("Observation/w00-0").await.unwrap();
    assert_eq!(found["meta"], read.body["meta"]);
    assert!(read.body["meta"]["versionId"].as_str().unwrap().starts_with('m'), "{}", read.text);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn provenances_come_page_by_page() {
    let (_folder, server, alice) = clinic().await;
    let patient = json!({ "resourceType": "Patient", "id": "p1" });
    assert_eq!(alice.put(&patient).await.unwrap().status, 201);
    for n in 0..5 {
        let reply = alice.put(&observation("o1", "p1", n)).await.unwrap();
        assert!([200, 201].contains(&reply.status), "{}", reply.text);
    }
    for search in ["Provenance?target=Observation/o1&_count=2", "Provenance?_count=2"] {
        let entries = alice.pages(search).await.unwrap();
        let ids: BTreeSet<&str> =
            entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), entries.len(), "{search}");
        let of_it = entries.iter().filter(|entry| entry.to_string().contains("Observation/o1/"));
        assert_eq!(of_it.count(), 5, "{search}");
    }
    server.stop().await.unwrap();
}
