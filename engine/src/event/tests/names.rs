//! The names, against the rules and against those who listen for them.

use std::collections::BTreeSet;

use super::{super::table::RULES, *};

#[test]
fn the_names_are_those_of_the_rules_sorted() {
    let mut told: BTreeSet<&str> = RULES.iter().flat_map(|rule| rule.events.split(' ')).collect();
    // The server tells it without a change.
    told.insert("GLASS_BROKEN");
    assert_eq!(NAMES, told.into_iter().collect::<Vec<_>>());
}

#[test]
fn every_type_of_a_rule_is_one_of_fhir() {
    for rule in RULES.iter().filter(|rule| !rule.types.is_empty()) {
        for name in rule.types.split(' ') {
            assert!(crate::document::resource_type(name).is_some(), "{name}");
        }
    }
}

/// What the components of WintEHR's front end listen for.
#[test]
fn every_event_that_the_older_front_end_listens_for_exists() {
    let dotted: Vec<String> = NAMES.iter().map(|name| dotted(name)).collect();
    for listened in "condition.added condition.updated condition.resolved condition.deleted \
        condition.diagnosed medication.prescribed medication.updated medication.discontinued \
        medication.dispensed prescription.verified allergy.added allergy.updated allergy.resolved \
        allergy.deleted allergy.removed immunization.* observation.* vital.signs.recorded \
        procedure.* encounter.* care.plan.* document.created document.updated document.uploaded \
        resource.* order.placed order.updated order.cancelled order.completed order.signed \
        result.available result.acknowledged critical.value.alert observation.recorded alert.* \
        note.created note.updated note.signed note.amended note.addendum imaging.study.available \
        imaging.study.updated imaging.report.ready"
        .split_whitespace()
    {
        let stem = listened.trim_end_matches('*');
        let exists = |name: &String| {
            *name == listened || stem.len() < listened.len() && name.starts_with(stem)
        };
        assert!(dotted.iter().any(exists), "{listened}");
    }
}

#[test]
fn a_conflict_is_told_in_words() {
    let details = |resource_type: &str, new: &[&str], gone: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let change = ResourceChange {
            resource_type: resource_type.to_owned(),
            id: "x".to_owned(),
            action: Action::Updated,
            elements: vec![],
            reverts: vec![],
            conflicts_new: owned(new),
            conflicts_gone: owned(gone),
            before: None,
            resource: json!({}).into(),
            hash: ChangeHash([0; 32]),
            author: None,
            authored_ms: 0,
            import: false,
            via: None,
        };
        let room = "patient:1".parse().unwrap();
        let events = derive(&room, &change, &Rules::shipped(), NOW);
        let told = events.iter().skip(1).map(|event| (event.event.clone(), event.details.clone()));
        told.collect::<Vec<_>>()
    };
    let conflict = |elements: &[&str], kind: &str, safety: bool| json!({ "elements": elements, "kind": kind, "safety": safety });
    let (detected, resolved) = ("CONFLICT_DETECTED".to_owned(), "CONFLICT_RESOLVED".to_owned());
    assert_eq!(
        details("MedicationRequest", &["dosageInstruction", "note"], &["$deleted"]),
        [
            (detected.clone(), conflict(&["dosageInstruction", "note"], "element", true)),
            (resolved.clone(), conflict(&[], "deleted", true)),
        ]
    );
    assert_eq!(
        details("MedicationRequest", &["note"], &["$created"]),
        [
            (detected, conflict(&["note"], "element", false)),
            (resolved.clone(), conflict(&[], "created", true)),
        ]
    );
    assert_eq!(
        details("Condition", &[], &["$created"]),
        [(resolved, conflict(&[], "created", false))]
    );
}
