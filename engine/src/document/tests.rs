#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "tests read files and look at the outputs they care for"
)]

use std::io::Read;

use automerge::{ObjType, transaction::Transactable};
use serde_json::{Map, Value, json};

use super::*;
use crate::{RoomName, mint_actor};

pub(crate) fn room(name: &str) -> RoomId {
    RoomId::first(name.parse::<RoomName>().unwrap())
}

pub(super) fn document(name: &str, person: u8) -> Document {
    Document::found(&room(name), mint_actor(1_700_000_000_000, [person; 8]))
}

pub(super) fn put(document: &mut Document, resource: Value) -> Option<Change> {
    document.command(&Command::Put { resource }, Writer::Person(None), 1_700_000_000_000).unwrap()
}

fn patch(document: &mut Document, id: &str, elements: Value) -> Option<Change> {
    let Value::Object(elements) = elements else { panic!("elements are an object") };
    let command = Command::Patch {
        resource_type: "AllergyIntolerance".to_owned(),
        id: id.to_owned(),
        elements,
    };
    document.command(&command, Writer::Person(None), 1_700_000_000_000).unwrap()
}

pub(super) fn allergy(id: &str, elements: Value) -> Value {
    let mut resource = json!({
        "resourceType": "AllergyIntolerance", "id": id, "patient": {"reference": "Patient/1"},
    });
    resource.as_object_mut().unwrap().extend(elements.as_object().unwrap().clone());
    resource
}

pub(super) fn exchange(a: &mut Document, b: &mut Document) {
    let (for_b, for_a) = (a.changes_since(&b.known(a)), b.changes_since(&a.known(b)));
    b.apply(for_b).unwrap();
    a.apply(for_a).unwrap();
    assert_eq!(a.heads(), b.heads());
}

impl Document {
    fn known(&self, other: &Document) -> Vec<ChangeHash> {
        self.metas_since(&[]).iter().map(|c| c.hash).filter(|hash| other.has(hash)).collect()
    }
}

#[test]
fn genesis_is_the_same_everywhere_and_another_in_every_room() {
    let hash = |name: &str| document(name, 1).genesis().to_string();
    assert_eq!(hash("patient:1"), document("patient:1", 2).genesis().to_string());
    assert_ne!(hash("patient:1"), hash("patient:2"));
    // A golden value: another one means that replicas of different releases share no roots.
    insta::assert_snapshot!(hash("patient:1"), @"4ffa3e6f0dd7da6a2e08f26a404b247751526bfc2bcfadd2e6d3fbf301f606e1");
    let second = RoomId { name: "patient:1".parse().unwrap(), epoch: 2 };
    let second = Document::found(&second, mint_actor(1, [1; 8]));
    assert_ne!(second.genesis().to_string(), hash("patient:1"));
}

#[test]
fn history_keeps_the_order_in_which_it_is_given() {
    // Two people who never hear of each other: automerge would take their first changes first.
    let mut replicas = [1, 2].map(|person| document("patient:1", person));
    let mut log: Vec<Change> = Vec::new();
    for (turn, writer) in [0, 0, 1, 1, 0, 1, 1, 0].into_iter().enumerate() {
        let resource = allergy(&format!("a{turn}"), json!({}));
        log.extend(put(&mut replicas[writer], resource));
    }
    let chunks = log.iter().map(|change| change.raw_bytes().to_vec());
    let hashes: Vec<ChangeHash> = log.iter().map(Change::hash).collect();
    let hashes_of = |document: &Document| -> Vec<ChangeHash> {
        document.log().iter().map(|logged| logged.hash).collect()
    };
    let actor = mint_actor(1, [3; 8]);
    let loaded = Document::load(&room("patient:1"), actor.clone(), None, chunks).unwrap();
    assert_eq!(hashes_of(&loaded), hashes);
    let mut applied = document("patient:1", 3);
    applied.apply(log.clone()).unwrap();
    assert_eq!(hashes_of(&applied), hashes);
    let snapshot = loaded.save();
    let again = Document::load(&room("patient:1"), actor, Some(&snapshot), []).unwrap();
    assert_eq!(hashes_of(&again), hashes);
    let [mut local, _] = replicas;
    local.adopt(&snapshot, Vec::new()).unwrap();
    assert_eq!(hashes_of(&local), hashes);
}

#[test]
fn collections_are_found_by_the_number_that_genesis_gave_them() {
    let document = document("patient:1", 1);
    for name in RESOURCE_TYPES.into_iter().chain([TEXTS]) {
        let (_, object) = document.doc.get(ROOT, name).unwrap().unwrap();
        let ObjId::Id(counter, actor, _) = &object else { panic!("a collection is an object") };
        assert_eq!(collection_name(*counter, actor), Some(name));
        assert_eq!(genesis::collection(name).unwrap(), object);
    }
}

#[test]
fn json_comes_back_as_it_went_in() {
    let resource = json!({
        "resourceType": "Patient", "id": "1",
        "meta": {"versionId": "7", "lastUpdated": "2026-03-13T13:58:24.537+00:00", "profile": ["p"]},
        "active": true, "multipleBirthInteger": 2, "birthDate": "1976-07-18",
        "_birthDate": {"extension": [{"url": "t", "valueDateTime": "1976-07-18T02:00:00Z"}]},
        "_gender": {"extension": [{"url": "u", "valueCode": "x"}]},
        "name": [{"family": "=Equals", "given": ["A", null], "_given": [null, {"id": "g"}]}],
        "extension": [
            {"url": "b", "valueString": "1"}, {"url": "a", "valueString": "2"},
            {"url": "b", "valueDecimal": 3}, {"url": "$odd", "valueString": "4"},
        ],
        "language": "=starts with an equals sign",
        "contact": [], "text": {"status": "generated", "div": "<div>😀</div>"},
    });
    let decimals: Value =
        serde_json::from_str(r#"{"value": 0.010, "unit": "mg", "high": 1e-3, "zero": -0, "big": 12345678901234567890123}"#)
            .unwrap();
    let mut resource = resource;
    resource["doseQuantity"] = decimals;
    let mut document = document("patient:1", 1);
    put(&mut document, resource.clone());
    let exported = document.export()["entry"][0]["resource"].clone();
    assert_eq!(exported, resource);
    assert_eq!(exported["doseQuantity"].to_string(), resource["doseQuantity"].to_string());
    assert!(put(&mut document, exported).is_none(), "putting the same again writes nothing");
    let loaded =
        Document::load(document.room(), mint_actor(2, [2; 8]), Some(&document.save()), []).unwrap();
    assert_eq!(loaded.export(), document.export());
}

#[test]
fn every_synthea_resource_comes_back_equal() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/synthea");
    let Ok(files) = std::fs::read_dir(folder) else {
        eprintln!("skipped: ../shared/data is not here");
        return;
    };
    let mut count = 0;
    for file in
        files.map(|file| file.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "gz"))
    {
        let mut text = String::new();
        let bytes = std::fs::File::open(file).unwrap();
        flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        let bundle: Value = serde_json::from_str(&text).unwrap();
        for entry in bundle["entry"].as_array().unwrap() {
            let object = entry["resource"].as_object().unwrap();
            let elements = codec::encode(object).unwrap();
            let mut back = Map::new();
            let mut source = None;
            for (name, stored) in &elements {
                let element = codec::decode_stored(stored);
                if name == codec::SOURCE {
                    source = element.value
                } else {
                    element.insert_into(name.clone(), &mut back)
                }
            }
            codec::restore_meta(&mut back, source);
            for name in ["resourceType", "id"] {
                back.extend(object.get(name).map(|value| (name.to_owned(), value.clone())));
            }
            assert_eq!(&back, object);
            assert_eq!(Value::Object(back).to_string().len(), entry["resource"].to_string().len());
            count += 1;
        }
    }
    assert!(count > 5000, "{count} resources");
}

#[test]
fn concurrent_edits_of_different_elements_merge() {
    let (mut alice, mut bob) = (document("patient:1", 1), document("patient:1", 2));
    put(
        &mut alice,
        allergy("a", json!({"note": [{"text": "first"}], "recorder": {"display": "x"}})),
    );
    exchange(&mut alice, &mut bob);
    patch(&mut alice, "a", json!({"onsetString": "childhood"}));
    patch(&mut bob, "a", json!({"note": [{"text": "first"}, {"text": "second"}]}));
    exchange(&mut alice, &mut bob);
    let read = alice.resource("AllergyIntolerance", "a").unwrap();
    assert_eq!(read["onsetString"], "childhood");
    assert_eq!(read["note"].as_array().unwrap().len(), 2);
    assert_eq!(bob.resource("AllergyIntolerance", "a"), Some(read));
    assert!(alice.conflicts(&People::default()).is_empty());
}

#[test]
fn concurrent_values_of_one_element_are_both_kept_until_somebody_chooses() {
    let (mut alice, mut bob) = (document("patient:1", 1), document("patient:1", 2));
    put(&mut alice, allergy("a", json!({"criticality": "low"})));
    exchange(&mut alice, &mut bob);
    patch(&mut alice, "a", json!({"criticality": "high"}));
    patch(&mut bob, "a", json!({"criticality": "unable-to-assess"}));
    exchange(&mut alice, &mut bob);
    let conflicts = alice.conflicts(&People::default());
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].elements, ["criticality"]);
    assert!(conflicts[0].safety);
    let values: Vec<&Value> = conflicts[0].values.iter().map(|v| &v.value["criticality"]).collect();
    assert!(values.contains(&&json!("high")) && values.contains(&&json!("unable-to-assess")));
    let shown = alice.resource("AllergyIntolerance", "a").unwrap()["criticality"].clone();
    assert_eq!(shown, "high", "the room showed Alice's value first");
    patch(&mut alice, "a", json!({"criticality": shown}));
    assert!(alice.conflicts(&People::default()).is_empty(), "choosing the shown value settles it");
}

#[test]
fn halves_of_a_safety_group_are_never_joined() {
    let (mut alice, mut bob) = (document("patient:1", 1), document("patient:1", 2));
    put(&mut alice, allergy("a", json!({"code": {"text": "Penicillin"}, "criticality": "high"})));
    exchange(&mut alice, &mut bob);
    patch(&mut alice, "a", json!({"code": {"text": "Latex"}}));
    patch(&mut bob, "a", json!({"criticality": "low"}));
    exchange(&mut alice, &mut bob);
    let conflicts = alice.conflicts(&People::default());
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert_eq!(conflicts[0].kind, ConflictKind::Group);
    assert_eq!(conflicts[0].elements, ["code", "criticality"]);
    let read = alice.resource("AllergyIntolerance", "a").unwrap();
    assert_eq!((&read["code"]["text"], &read["criticality"]), (&json!("Latex"), &json!("high")));
    patch(&mut bob, "a", json!({"code": {"text": "Latex"}, "criticality": "low"}));
    assert_eq!(bob.conflicts(&People::default()), []);
}

#[test]
fn a_report_is_not_made_final_with_words_that_its_signer_did_not_see() {
    let (mut alice, mut bob) = (document("patient:1", 1), document("patient:1", 2));
    let change = |replica: &mut Document, elements: Value| {
        let elements = elements.as_object().unwrap().clone();
        let (resource_type, id) = ("DiagnosticReport".to_owned(), "r".to_owned());
        replica.command(&Command::Patch { resource_type, id, elements }, Writer::Person(None), 0)
    };
    put(
        &mut alice,
        json!({"resourceType": "DiagnosticReport", "id": "r", "status": "preliminary", "conclusion": "No fracture"}),
    );
    exchange(&mut alice, &mut bob);
    change(&mut alice, json!({"status": "final"})).unwrap();
    change(&mut bob, json!({"conclusion": "Fracture"})).unwrap();
    exchange(&mut alice, &mut bob);
    let conflicts = bob.conflicts(&People::default());
    assert_eq!(conflicts[0].elements, ["conclusion", "status"]);
    let read = bob.resource("DiagnosticReport", "r").unwrap();
    let whole = (&read["status"], &read["conclusion"]);
    let (by_alice, by_bob) = (json!(["final", "No fracture"]), json!(["preliminary", "Fracture"]));
    assert!([by_alice, by_bob].contains(&json!([whole.0, whole.1])), "{whole:?}");
}

#[test]
fn a_delete_and_an_edit_apart_are_a_conflict() {
    let (mut alice, mut bob) = (document("patient:1", 1), document("patient:1", 2));
    put(&mut alice, allergy("a", json!({"criticality": "low"})));
    exchange(&mut alice, &mut bob);
    let delete =
        Command::Delete { resource_type: "AllergyIntolerance".to_owned(), id: "a".to_owned() };
    alice.command(&delete, Writer::Person(None), 0).unwrap();
    patch(&mut bob, "a", json!({"onsetString": "today"}));
    exchange(&mut alice, &mut bob);
    for replica in [&alice, &bob] {
        let conflicts = replica.conflicts(&People::default());
        assert_eq!(conflicts[0].kind, ConflictKind::Deleted);
    }
    let undelete =
        Command::Undelete { resource_type: "AllergyIntolerance".to_owned(), id: "a".to_owned() };
    alice.command(&undelete, Writer::Person(None), 0).unwrap();
    assert!(alice.conflicts(&People::default()).is_empty());
    assert_eq!(alice.resource("AllergyIntolerance", "a").unwrap()["onsetString"], "today");
}

#[test]
fn two_creations_of_one_id_join_their_elements() {
    let (mut alice, mut bob) = (document("patient:1", 1), document("patient:1", 2));
    put(&mut alice, allergy("a", json!({"code": {"text": "Latex"}, "onsetString": "2020"})));
    put(&mut bob, allergy("a", json!({"code": {"text": "Latex"}, "criticality": "high"})));
    exchange(&mut alice, &mut bob);
    for replica in [&alice, &bob] {
        let read = replica.resource("AllergyIntolerance", "a").unwrap();
        assert_eq!((&read["onsetString"], &read["criticality"]), (&json!("2020"), &json!("high")));
        let kinds: Vec<_> = replica.conflicts(&People::default()).iter().map(|c| c.kind).collect();
        assert_eq!(kinds, [ConflictKind::Created]);
    }
    patch(&mut alice, "a", json!({"onsetString": "2021"}));
    exchange(&mut alice, &mut bob);
    assert_eq!(bob.resource("AllergyIntolerance", "a").unwrap()["onsetString"], "2021");
    assert!(bob.conflicts(&People::default()).is_empty());
}

#[test]
fn a_choice_element_has_one_variant() {
    let mut document = document("patient:1", 1);
    put(&mut document, allergy("a", json!({"onsetString": "childhood"})));
    patch(&mut document, "a", json!({"onsetDateTime": "2020"}));
    let read = document.resource("AllergyIntolerance", "a").unwrap();
    assert_eq!(read.get("onsetString"), None);
    assert_eq!(read["onsetDateTime"], "2020");
}

#[test]
fn what_foreign_clients_write_is_read_as_the_json_it_means() {
    use automerge::transaction::Transactable;
    let mut document = document("patient:1", 1);
    let mut tx = document.doc.transaction();
    let collection = genesis::collection("AllergyIntolerance").unwrap();
    let map = tx.put_object(&collection, "a", ObjType::Map).unwrap();
    let text = tx.put_object(&map, "criticality", ObjType::Text).unwrap();
    tx.splice_text(&text, 0, 0, "high").unwrap();
    let code = tx.put_object(&map, "code", ObjType::Map).unwrap();
    let text = tx.put_object(&code, "text", ObjType::Text).unwrap();
    tx.splice_text(&text, 0, 0, "=Latex").unwrap();
    let category = tx.put_object(&map, "category", ObjType::List).unwrap();
    tx.insert(&category, 0, "food").unwrap();
    tx.put(&map, "score", 0.5).unwrap();
    tx.commit();
    assert_eq!(
        document.resource("AllergyIntolerance", "a").unwrap(),
        json!({
            "resourceType": "AllergyIntolerance", "id": "a", "criticality": "high",
            "code": {"text": "=Latex"}, "category": ["food"], "score": 0.5,
        })
    );
    let patch = patch(&mut document, "a", json!({"criticality": "low"})).unwrap();
    assert_eq!(patch.len(), 1, "one element is one operation");
}

#[test]
fn wrong_commands_are_refused_with_their_reason() {
    let mut document = document("patient:1", 1);
    let mut code = |resource: Value| {
        document.command(&Command::Put { resource }, Writer::Person(None), 0).unwrap_err().code()
    };
    assert_eq!(code(json!({"resourceType": "Alergy", "id": "a"})), "unknown-resource-type");
    assert_eq!(code(json!({"resourceType": "Condition"})), "bad-id");
    assert_eq!(code(json!({"resourceType": "Condition", "id": "a b"})), "bad-id");
    assert_eq!(code(json!(["Condition"])), "bad-shape");
    assert_eq!(code(json!({"resourceType": "Condition", "id": "a", "$x": 1})), "bad-shape");
    assert_eq!(
        code(
            json!({"resourceType": "Condition", "id": "a", "subject": {"reference": "Patient/2"}})
        ),
        "wrong-patient"
    );
    assert_eq!(code(json!({"resourceType": "Patient", "id": "2"})), "wrong-patient");
}

#[test]
fn a_room_founded_anew_says_the_same_and_has_another_history() {
    let mut first = document("patient:1", 1);
    put(&mut first, allergy("a", json!({"onsetString": "2001", "meta": {"versionId": "7"}})));
    put(&mut first, allergy("gone", json!({})));
    for onset in ["2002", "2003"] {
        patch(&mut first, "a", json!({"onsetString": onset}));
    }
    let delete =
        Command::Delete { resource_type: "AllergyIntolerance".to_owned(), id: "gone".to_owned() };
    first.command(&delete, Writer::Person(None), 0).unwrap();
    let texts = super::genesis::collection(TEXTS).unwrap();
    let mut tx = first.doc.transaction();
    let text = tx.put_object(&texts, "AllergyIntolerance:a:note", ObjType::Text).unwrap();
    tx.splice_text(&text, 0, 0, "Stable 🫀.").unwrap();
    tx.commit();

    let second = first.refound(1_700_000_000_000).unwrap();
    assert_eq!(second.room().epoch, 2);
    assert_eq!(second.export(), first.export());
    assert_eq!(second.change_count(), 3, "genesis, the resources, the texts");
    let text = |document: &Document| document.text("AllergyIntolerance", "a", "note");
    assert_eq!(text(&second).as_deref(), Some("Stable 🫀."));
    assert!(!second.has(&first.genesis()));
    let log = second.log().into_iter().map(|change| change.bytes.to_vec());
    let loaded = Document::load(second.room(), second.actor().clone(), None, log).unwrap();
    assert_eq!((loaded.heads(), loaded.export()), (second.heads(), second.export()));
    assert_eq!(second.refound(0).unwrap().room().epoch, 3);
}

#[test]
fn a_room_with_an_open_conflict_is_not_founded_anew() {
    let mut alice = document("patient:1", 1);
    put(&mut alice, allergy("a", json!({"onsetString": "2001"})));
    let mut bob = document("patient:1", 2);
    exchange(&mut alice, &mut bob);
    patch(&mut alice, "a", json!({"onsetString": "2002"}));
    patch(&mut bob, "a", json!({"onsetString": "2003"}));
    exchange(&mut alice, &mut bob);
    assert_eq!(alice.refound(0).unwrap_err(), RefoundError::ConflictsOpen { count: 1 });
    patch(&mut alice, "a", json!({"onsetString": "2003"}));
    alice.refound(0).unwrap();
}

#[test]
fn what_nests_too_deep_is_refused_or_read_as_text() {
    for (depth, fits) in [(limits::NESTING_MAX, true), (limits::NESTING_MAX + 1, false)] {
        let text = format!("={}{}", "[".repeat(depth), "]".repeat(depth));
        let value: Value = serde_json::from_str(&text[1..]).unwrap();
        let elements = Map::from_iter([("note".to_owned(), value.clone())]);
        assert_eq!(codec::check_nesting(&elements).is_ok(), fits);
        let read = codec::decode_text(&text).value;
        assert_eq!(read, Some(if fits { value } else { Value::from(text) }));
    }
}

#[test]
fn a_loaded_log_keeps_its_order() {
    let (mut alice, mut bob) = (document("patient:1", 1), document("patient:1", 2));
    let condition = |document: &mut Document, id: &str| {
        put(document, json!({ "resourceType": "Condition", "id": id })).unwrap()
    };
    // The second waits for the first, the third for neither.
    let log = [condition(&mut alice, "a"), condition(&mut alice, "b"), condition(&mut bob, "c")];
    let chunks = log.iter().map(|change| change.raw_bytes().to_vec());
    let actor = mint_actor(1_700_000_000_000, [3; 8]);
    let loaded = Document::load(&room("patient:1"), actor, None, chunks).unwrap();
    let order = loaded.changes_since(&[loaded.genesis()]);
    assert!(order.iter().map(Change::hash).eq(log.iter().map(Change::hash)));
}

/// Two people write the same element of one allergy apart; the room of the first hears of it.
fn apart(first: u8, base: Value, [a, b]: [Value; 2]) -> Document {
    let (mut alice, mut bob) = (document("patient:1", first), document("patient:1", 3 - first));
    put(&mut alice, allergy("a", base));
    exchange(&mut alice, &mut bob);
    patch(&mut alice, "a", a);
    patch(&mut bob, "a", b);
    exchange(&mut alice, &mut bob);
    alice
}

fn shown(document: &Document, name: &str) -> Value {
    document.resource("AllergyIntolerance", "a").unwrap()[name].clone()
}

#[test]
fn parts_of_an_element_that_people_wrote_apart_are_one_conflict_of_it() {
    let extension = |of_a: &str, of_b: &str, more: &[Value]| {
        let all = [json!({"url": "a", "valueCode": of_a}), json!({"url": "b", "valueCode": of_b})];
        json!({ "extension": ([&all, more].concat()) })
    };
    let note = |first: &str, second: &str, more: &[Value]| {
        let all = [json!({"text": first}), json!({"text": second}), json!({"text": "same"})];
        json!({ "note": ([&all, more].concat()) })
    };
    type Parts<'a> = &'a dyn Fn(&str, &str, &[Value]) -> Value;
    let all: [(&str, Parts<'_>, Value); 2] = [
        ("note", &note, json!({"text": "new"})),
        ("extension", &extension, json!({"url": "new", "valueCode": "new"})),
    ];
    // Whoever of the two automerge prefers.
    for first in [1, 2] {
        for (name, element, new) in &all {
            let of_alice = element("1a", "2a", &[]);
            let of_bob = element("1b", "2b", &[]);
            let wrote = [of_alice.clone(), of_bob.clone()];
            let mut document = apart(first, element("1", "2", &[]), wrote);
            assert_eq!(shown(&document, name), of_alice[name], "as the room showed it before");
            let found = document.conflicts(&People::default());
            let [conflict] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!(
                (conflict.kind, &conflict.elements),
                (ConflictKind::Element, &vec![(*name).to_owned()])
            );
            let sides: Vec<_> =
                conflict.values.iter().map(|side| (&side.value, side.shown)).collect();
            assert_eq!(sides, [(&of_alice, true), (&of_bob, false)]);

            // Somebody writes another part of it, who has not looked at what is in dispute.
            let mut more = document.clone();
            patch(&mut more, "a", element("1a", "2a", std::slice::from_ref(new)));
            assert_eq!(more.conflicts(&People::default()).len(), 1, "nobody has chosen {name}");
            patch(&mut more, "a", element("1a", "other", std::slice::from_ref(new)));
            assert_eq!(shown(&more, name), element("1a", "other", std::slice::from_ref(new))[name]);
            assert_eq!(more.conflicts(&People::default()), [], "a third value of {name}");

            for choice in [of_alice, of_bob, element("1b", "2a", &[]), element("3", "3", &[])] {
                let mut chosen = document.clone();
                patch(&mut chosen, "a", choice.clone());
                assert_eq!(shown(&chosen, name), choice[name]);
                assert_eq!(chosen.conflicts(&People::default()), [], "{name} is chosen");
            }
            // A form that is saved whole and leaves it alone settles nothing.
            let mut whole = document.resource("AllergyIntolerance", "a").unwrap();
            whole["criticality"] = json!("low");
            put(&mut document, whole);
            assert_eq!(document.conflicts(&People::default()).len(), 1, "{name}");
        }
    }
}

#[test]
fn parts_of_a_resource_that_was_created_twice_wait_for_the_element() {
    let notes = |texts: &[&str]| json!({ "note": texts.iter().map(|text| json!({ "text": text })).collect::<Vec<_>>() });
    let conflicts = |document: &Document| document.conflicts(&People::default());
    for (first, second) in [(1, 2), (2, 1)] {
        let (mut alice, mut bob) = (document("patient:1", first), document("patient:1", second));
        put(&mut alice, allergy("a", notes(&["of alice", "more"])));
        put(&mut bob, allergy("a", notes(&["of bob"])));
        exchange(&mut alice, &mut bob);
        let named = |document: &Document| {
            let of_notes = conflicts(document).into_iter().filter(|c| c.elements == ["note"]);
            of_notes.map(|conflict| conflict.values.len()).collect::<Vec<_>>()
        };
        assert_eq!((named(&alice), named(&bob)), (vec![2], vec![2]));
        patch(&mut alice, "a", notes(&["both", "more"]));
        exchange(&mut alice, &mut bob);
        assert_eq!((conflicts(&alice), conflicts(&bob)), (vec![], vec![]));

        patch(&mut alice, "a", notes(&["alice's", "more"]));
        patch(&mut bob, "a", notes(&["bob's", "more"]));
        exchange(&mut alice, &mut bob);
        assert_eq!((named(&alice), named(&bob)), (vec![2], vec![2]));
        assert_eq!(shown(&alice, "note"), notes(&["alice's", "more"])["note"]);
        patch(&mut bob, "a", notes(&["bob's", "more"]));
        exchange(&mut alice, &mut bob);
        assert_eq!((conflicts(&alice), conflicts(&bob)), (vec![], vec![]));
        assert_eq!(shown(&alice, "note"), notes(&["bob's", "more"])["note"]);
    }
}

#[test]
fn a_part_that_one_of_them_removed_is_in_conflict_too() {
    let urls = |urls: &[(&str, &str)]| {
        let one = |(url, code): &(&str, &str)| json!({"url": url, "valueCode": code});
        json!({ "extension": urls.iter().map(one).collect::<Vec<_>>() })
    };
    let (removed, kept) = (urls(&[("b", "2")]), urls(&[("a", "other"), ("b", "2")]));
    for first in [1, 2] {
        let base = urls(&[("a", "1"), ("b", "2")]);
        let document = apart(first, base, [removed.clone(), kept.clone()]);
        assert_eq!(shown(&document, "extension"), removed["extension"]);
        assert_eq!(document.conflicts(&People::default()).len(), 1);
        for choice in [&removed, &kept] {
            let mut chosen = document.clone();
            patch(&mut chosen, "a", choice.clone());
            assert_eq!(shown(&chosen, "extension"), choice["extension"]);
            assert_eq!(chosen.conflicts(&People::default()), []);
        }
    }
}

#[test]
fn what_foreign_clients_write_apart_within_an_element_is_never_joined() {
    for (first, second) in [(1, 2), (2, 1)] {
        let (mut alice, mut bob) = (document("patient:1", first), document("patient:1", second));
        let mut tx = alice.doc.transaction();
        let collection = genesis::collection("AllergyIntolerance").unwrap();
        let map = tx.put_object(&collection, "a", ObjType::Map).unwrap();
        let code = tx.put_object(&map, "code", ObjType::Map).unwrap();
        tx.put(&code, "text", "Penicillin").unwrap();
        let notes = tx.put_object(&map, "note", ObjType::List).unwrap();
        let note = tx.insert_object(&notes, 0, ObjType::Map).unwrap();
        tx.put(&note, "text", "old").unwrap();
        tx.commit();
        alice.order.read(&alice.doc);
        exchange(&mut alice, &mut bob);
        assert_eq!(alice.conflicts(&People::default()), []);
        let write = |document: &mut Document, name: &str, value: &str| {
            let mut tx = document.doc.transaction();
            tx.put(&code, name, value).unwrap();
            tx.put(&note, name, value).unwrap();
            tx.commit();
            document.order.read(&document.doc);
        };
        write(&mut alice, "text", "Latex");
        write(&mut bob, "id", "of penicillin");
        exchange(&mut alice, &mut bob);
        assert_eq!(shown(&alice, "code"), json!({"text": "Latex"}));
        assert_eq!(shown(&alice, "note"), json!([{"text": "Latex"}]));
        let found = alice.conflicts(&People::default());
        let named = |name: &str| {
            let of = found.iter().find(|conflict| conflict.elements == [name]).expect(name);
            of.values.iter().map(|side| side.value[name].clone()).collect::<Vec<_>>()
        };
        let bobs = json!({"text": "Penicillin", "id": "of penicillin"});
        assert_eq!(named("code"), [json!({"text": "Latex"}), bobs]);
        let bobs = json!([{"text": "old", "id": "of penicillin"}]);
        assert_eq!(named("note"), [json!([{"text": "Latex"}]), bobs]);
        patch(&mut alice, "a", json!({"code": {"text": "Latex"}, "note": [{"text": "Latex"}]}));
        assert_eq!(alice.conflicts(&People::default()), []);
        assert_eq!(shown(&alice, "code"), json!({"text": "Latex"}));
    }
}

#[test]
fn a_foreign_clients_write_within_an_element_counts_in_its_safety_group() {
    let (mut alice, mut bob) = (document("patient:1", 1), document("patient:1", 2));
    let mut tx = alice.doc.transaction();
    let collection = genesis::collection("AllergyIntolerance").unwrap();
    let map = tx.put_object(&collection, "a", ObjType::Map).unwrap();
    let code = tx.put_object(&map, "code", ObjType::Map).unwrap();
    tx.put(&code, "text", "Penicillin").unwrap();
    tx.put(&map, "criticality", "high").unwrap();
    tx.commit();
    alice.order.read(&alice.doc);
    exchange(&mut alice, &mut bob);
    let mut tx = alice.doc.transaction();
    tx.put(&code, "text", "Latex").unwrap();
    tx.commit();
    alice.order.read(&alice.doc);
    patch(&mut bob, "a", json!({"criticality": "low"}));
    exchange(&mut alice, &mut bob);
    let found = alice.conflicts(&People::default());
    assert_eq!(found.iter().map(|c| c.kind).collect::<Vec<_>>(), [ConflictKind::Group]);
    assert_eq!(
        (shown(&alice, "code"), shown(&alice, "criticality")),
        (json!({"text": "Latex"}), json!("high"))
    );
}
