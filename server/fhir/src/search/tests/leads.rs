//! Where a query leads: to whose resources, and on from its matches.

use chartroom_engine::document::{RESOURCE_TYPES, room_of};
use serde_json::{Value, json};

use super::{BASE, observation, patient, query};
use crate::search::{Include, Kind, included, parameters, revinclude_query};

#[test]
fn a_query_says_whose_patients_it_is_limited_to() {
    let patients = |resource_type, text| {
        let patients = query(resource_type, text).patients();
        patients.map(|ids| ids.into_iter().collect::<Vec<_>>().join(","))
    };
    for (resource_type, text, expected) in [
        ("Observation", "patient=p1", Some("p1")),
        ("Observation", "patient=p2,Patient/p1", Some("p1,p2")),
        ("Observation", "patient=http://chart.example/fhir/Patient/p1", Some("p1")),
        ("Observation", "subject=Patient/p1", Some("p1")),
        ("Observation", "subject:Patient=p1", Some("p1")),
        ("Observation", "subject=p1", None),
        ("Observation", "subject=Patient/p1,Group/g1", None),
        ("Observation", "performer=Patient/p1", None),
        ("Observation", "patient:missing=false", None),
        ("Observation", "patient=p1,p2&subject=Patient/p3", Some("p3")),
        ("Coverage", "beneficiary=p1", Some("p1")),
        ("Task", "patient=p1", Some("p1")),
        ("ResearchSubject", "individual=p1", Some("p1")),
        ("Appointment", "actor=Patient/p1", Some("p1")),
        ("Contract", "patient=p1", None),
        ("Patient", "_id=p1,p2&_id=p2,p3", Some("p2")),
        ("Patient", "_id=|p1,urn:x|p2", Some("p1")),
        ("Patient", "name=jose", None),
        ("Patient", "_id:not=p1", None),
    ] {
        assert_eq!(patients(resource_type, text).as_deref(), expected, "{resource_type}?{text}");
    }
    assert_eq!(query("Observation", "_id=o1").ids().unwrap().len(), 1);
}

/// What the engine takes for the patient's element is what a query is limited by.
#[test]
fn a_match_is_kept_with_a_patient_that_the_query_names() {
    let mut count = 0;
    for resource_type in RESOURCE_TYPES {
        for parameter in parameters(resource_type) {
            let asked = format!("{}=Patient/p1", parameter.code);
            let is_reference = parameter.kind == Kind::Reference;
            if !is_reference || query(resource_type, &asked).patients().is_none() {
                continue;
            }
            for path in &parameter.paths {
                let value = json!({ "reference": "Patient/p1" });
                let mut resource = path.wrap(value);
                resource["resourceType"] = json!(resource_type);
                if !query(resource_type, &asked).matches(&resource) {
                    continue;
                }
                count += 1;
                let room = room_of(&resource).unwrap();
                assert_eq!(room.patient_id(), Some("p1"), "{resource_type}?{asked}");
            }
        }
    }
    assert!(count > 100, "{count} parameters name a patient");
}

#[test]
fn includes_lead_to_and_from_a_match() {
    let text = "_include=Observation:subject&_include:iterate=Observation:has-member:Observation\
                &_revinclude=Provenance:target";
    let asked = query("Observation", text);
    let [subject, member] = asked.includes() else { panic!("two includes") };
    let follow = |include: &Include, resource: &Value| included(include, resource, BASE);
    assert_eq!(follow(subject, &observation()), [("Patient".to_owned(), "p1".to_owned())]);
    assert!(member.iterate && follow(member, &observation()).is_empty());
    assert!(follow(subject, &patient()).is_empty());

    let panel = json!({
        "resourceType": "Observation",
        "hasMember": [
            { "reference": "Observation/a" },
            { "reference": "http://chart.example/fhir/Observation/b" },
            { "reference": "Observation/a/_history/1" },
            { "reference": "QuestionnaireResponse/c" },
            { "reference": "http://elsewhere.example/Observation/d" },
        ],
    });
    let ids: Vec<_> = follow(member, &panel).into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, ["a", "b"]);

    let [provenance] = asked.revincludes() else { panic!("one revinclude") };
    let back = revinclude_query(provenance, [("Observation", "o1")], BASE).unwrap();
    assert_eq!(back.resource_type(), "Provenance");
    let of = |id: &str| {
        let target =
            json!([{ "reference": "Patient/x" }, { "reference": format!("Observation/{id}") }]);
        json!({ "resourceType": "Provenance", "target": target })
    };
    assert!(back.matches(&of("o1")) && !back.matches(&of("o2")));

    let about = query("Patient", "_revinclude=Observation:patient:Patient");
    let [about] = about.revincludes() else { panic!("one revinclude") };
    let back = revinclude_query(about, [("Patient", "p1"), ("Group", "g")], BASE).unwrap();
    assert!(back.matches(&observation()));
    assert_eq!(back.patients().unwrap().into_iter().collect::<Vec<_>>(), ["p1"]);
    assert!(revinclude_query(about, [("Group", "g")], BASE).is_none());
}
