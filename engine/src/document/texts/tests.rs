use serde_json::{Value, json};

use super::*;
use crate::{
    Command,
    document::{
        Conflict, ConflictKind, People, RefoundError, Writer,
        tests::{allergy, document, exchange, put},
    },
};

const NOW: u64 = 1_700_000_000_000;

fn splice_of(index: usize, delete: usize, insert: &str) -> Command {
    Command::Splice {
        resource_type: "AllergyIntolerance".to_owned(),
        id: "a".to_owned(),
        element: "note".to_owned(),
        index,
        delete,
        insert: insert.to_owned(),
    }
}

fn set_of(text: &str) -> Command {
    Command::SetText {
        resource_type: "AllergyIntolerance".to_owned(),
        id: "a".to_owned(),
        element: "note".to_owned(),
        text: text.to_owned(),
    }
}

fn run(document: &mut Document, command: &Command) -> Result<Option<u64>, &'static str> {
    let change = document.command(command, Writer::Person(None), NOW);
    change.map(|change| change.map(|change| change.len() as u64)).map_err(|error| error.code())
}

fn text(document: &Document) -> Option<String> {
    document.text("AllergyIntolerance", "a", "note")
}

fn conflicts(document: &Document) -> Vec<Conflict> {
    document.conflicts(&People::default())
}

fn started(person: u8) -> Document {
    let mut document = document("patient:1", person);
    put(&mut document, allergy("a", json!({})));
    document
}

#[test]
fn a_splice_makes_the_text_and_writes_into_it() {
    let mut document = started(1);
    assert_eq!(text(&document), None);
    assert_eq!(run(&mut document, &splice_of(0, 0, "")), Ok(None), "nothing is nothing");
    assert!(run(&mut document, &splice_of(7, 3, "Hives.")).unwrap().is_some());
    assert_eq!(text(&document).as_deref(), Some("Hives."));
    let ops = run(&mut document, &splice_of(0, 1, "Big h")).unwrap();
    assert_eq!(ops, Some(6), "one letter goes, five come");
    assert_eq!(text(&document).as_deref(), Some("Big hives."));
    run(&mut document, &splice_of(9, usize::MAX, "!")).unwrap();
    assert_eq!(text(&document).as_deref(), Some("Big hives!"));
    run(&mut document, &splice_of(usize::MAX, usize::MAX, "?")).unwrap();
    assert_eq!(text(&document).as_deref(), Some("Big hives!?"));
    assert_eq!(document.resource("AllergyIntolerance", "a").unwrap().get("note"), None);
}

#[test]
fn a_splice_cuts_no_pair() {
    for (index, delete, expected) in [
        (0, 0, "xa🫀b"),
        (1, 0, "ax🫀b"),
        (2, 0, "ax🫀b"),
        (3, 0, "a🫀xb"),
        (1, 1, "axb"),
        (2, 1, "axb"),
        (0, 2, "xb"),
        (2, 2, "ax"),
        (4, 0, "a🫀bx"),
        (9, 9, "a🫀bx"),
    ] {
        let mut document = started(1);
        run(&mut document, &splice_of(0, 0, "a🫀b")).unwrap();
        run(&mut document, &splice_of(index, delete, "x")).unwrap();
        assert_eq!(text(&document).as_deref(), Some(expected), "{index} {delete}");
    }
}

#[test]
fn what_two_write_at_once_stands_whole() {
    let mut alice = started(1);
    run(&mut alice, &splice_of(0, 0, "Stable.")).unwrap();
    let mut bob = document("patient:1", 2);
    exchange(&mut alice, &mut bob);
    run(&mut alice, &splice_of(0, 0, "Mr Doe: ")).unwrap();
    run(&mut bob, &splice_of(7, 0, " Afebrile.")).unwrap();
    run(&mut bob, &set_of("Stable. Now afebrile.")).unwrap();
    exchange(&mut alice, &mut bob);
    assert_eq!(text(&alice), text(&bob));
    assert_eq!(text(&alice).unwrap(), "Mr Doe: Stable. Now afebrile.");
    assert!(conflicts(&alice).is_empty());
}

#[test]
fn to_set_a_text_changes_only_what_differs() {
    let mut document = started(1);
    assert!(run(&mut document, &set_of("")).unwrap().is_some(), "an empty text is a text");
    run(&mut document, &set_of("one two three four")).unwrap();
    assert_eq!(run(&mut document, &set_of("one two three four")), Ok(None));
    assert_eq!(run(&mut document, &set_of("one 2 three four")), Ok(Some(4)));
    assert_eq!(run(&mut document, &set_of("One 2 three five")).map(|ops| ops < Some(12)), Ok(true));
    assert_eq!(text(&document).unwrap(), "One 2 three five");
    run(&mut document, &set_of("👩‍⚕️🫀")).unwrap();
    run(&mut document, &set_of("👩‍⚕️🫁🫀")).unwrap();
    assert_eq!(text(&document).unwrap(), "👩‍⚕️🫁🫀");
    run(&mut document, &set_of("")).unwrap();
    assert_eq!(text(&document).unwrap(), "");
}

#[test]
fn what_differs_much_is_replaced_in_the_middle() {
    let mut document = started(1);
    let old: String = (0..4000).map(|n| char::from(b'a' + (n * 7 % 26) as u8)).collect();
    let new: String = (0..4000).map(|n| char::from(b'a' + (n * 11 % 26) as u8)).collect();
    run(&mut document, &set_of(&format!("head {old} tail"))).unwrap();
    let whole = format!("head {new} tail");
    run(&mut document, &set_of(&whole)).unwrap();
    assert_eq!(text(&document), Some(whole));
}

#[test]
fn texts_begun_apart_are_a_conflict_until_somebody_chooses() {
    let mut alice = started(1);
    let mut bob = document("patient:1", 2);
    exchange(&mut alice, &mut bob);
    run(&mut alice, &splice_of(0, 0, "Rash.")).unwrap();
    run(&mut bob, &splice_of(0, 0, "Itching.")).unwrap();
    exchange(&mut alice, &mut bob);
    let found = conflicts(&alice);
    let [conflict] = found.as_slice() else { panic!("one conflict: {found:?}") };
    assert_eq!((conflict.kind, conflict.safety), (ConflictKind::Text, false));
    assert_eq!(
        (conflict.id.as_str(), conflict.elements.as_slice()),
        ("a", &["note".to_owned()][..])
    );
    let values: Vec<(bool, &Value)> =
        conflict.values.iter().map(|value| (value.shown, &value.value)).collect();
    assert_eq!(values, [(true, &json!("Rash.")), (false, &json!("Itching."))]);
    assert!(conflict.values.iter().all(|value| value.authored_ms == NOW as i64));
    let told = serde_json::to_value(conflict).unwrap();
    assert_eq!((&told["kind"], &told["elements"]), (&json!("text"), &json!(["note"])));
    assert_eq!(told["values"][0]["value"], "Rash.");
    assert_eq!(text(&alice).as_deref(), Some("Rash."), "the shown one");
    let of_one = alice.resource_conflicts("AllergyIntolerance", "a", &People::default());
    assert_eq!(of_one, found);
    assert!(alice.resource_conflicts("AllergyIntolerance", "b", &People::default()).is_empty());
    assert_eq!(alice.refound(0).unwrap_err(), RefoundError::ConflictsOpen { count: 1 });

    run(&mut alice, &splice_of(4, 1, " on both arms.")).unwrap();
    assert_eq!(text(&alice).as_deref(), Some("Rash on both arms."));
    assert_eq!(conflicts(&alice).len(), 1, "to write on is not to choose");
    run(&mut alice, &set_of("Rash on both arms. Itching.")).unwrap();
    exchange(&mut alice, &mut bob);
    for document in [&alice, &bob] {
        assert!(conflicts(document).is_empty());
        assert_eq!(text(document).as_deref(), Some("Rash on both arms. Itching."));
    }
    assert_eq!(text(&alice.refound(0).unwrap()), text(&alice));
}

#[test]
fn what_cannot_be_written_says_why() {
    let mut document = started(1);
    let into = |resource_type: &str, id: &str, element: &str| Command::Splice {
        resource_type: resource_type.to_owned(),
        id: id.to_owned(),
        element: element.to_owned(),
        index: 0,
        delete: 0,
        insert: "x".to_owned(),
    };
    for (code, resource_type, id, element) in [
        ("unknown-resource-type", "Alergy", "a", "note"),
        ("bad-id", "AllergyIntolerance", "a/b", "note"),
        ("bad-shape", "AllergyIntolerance", "a", "a/b"),
        ("bad-shape", "AllergyIntolerance", "a", &"a".repeat(limits::TEXT_KEY_BYTES_MAX)),
        ("not-found", "AllergyIntolerance", "b", "note"),
    ] {
        assert_eq!(run(&mut document, &into(resource_type, id, element)), Err(code));
    }
    let long = "x".repeat(limits::TEXT_UNITS_MAX);
    run(&mut document, &set_of(&long)).unwrap();
    assert_eq!(run(&mut document, &splice_of(3, 0, "y")), Err("too-large"));
    assert_eq!(run(&mut document, &set_of(&format!("{long}y"))), Err("too-large"));
    run(&mut document, &splice_of(3, 1, "y")).unwrap();
    run(&mut document, &set_of(&"z".repeat(limits::TEXT_UNITS_MAX))).unwrap();
    let (resource_type, id) = ("AllergyIntolerance".to_owned(), "a".to_owned());
    run(&mut document, &Command::Delete { resource_type, id }).unwrap();
    assert_eq!(run(&mut document, &splice_of(0, 1, "")), Err("deleted"));
}

#[test]
fn texts_of_one_change_are_limited_together() {
    let mut document = document("patient:1", 1);
    let long = "x".repeat(limits::TEXT_UNITS_MAX);
    let mut commands = Vec::new();
    for n in 0..3 {
        let id = format!("a{n}");
        put(&mut document, allergy(&id, json!({})));
        let Command::SetText { resource_type, element, .. } = set_of("") else { return };
        commands.push(Command::SetText { resource_type, id, element, text: long.clone() });
    }
    let batch = |commands: &[Command]| Command::Batch { commands: commands.to_vec() };
    assert_eq!(run(&mut document, &batch(&commands)), Err("too-large"));
    assert!(run(&mut document, &batch(&commands[..2])).unwrap().is_some());
    for n in [0, 1] {
        assert_eq!(document.text("AllergyIntolerance", &format!("a{n}"), "note").unwrap(), long);
    }
    run(&mut document, &commands[2]).unwrap();
    let next = document.refound(0).unwrap();
    assert_eq!(next.change_count(), 4, "genesis, the resources, the texts in two changes");
    assert_eq!(next.text("AllergyIntolerance", "a2", "note"), Some(long));
}

#[test]
fn a_batch_puts_a_resource_and_writes_its_texts() {
    let batch = |commands: &[Command]| Command::Batch { commands: commands.to_vec() };
    let put = || Command::Put { resource: allergy("a", json!({})) };
    let named = |name: &str, text: &str| {
        let Command::SetText { resource_type, id, .. } = set_of("") else { unreachable!() };
        Command::SetText { resource_type, id, element: name.to_owned(), text: text.to_owned() }
    };
    let (resource_type, id) = ("AllergyIntolerance".to_owned(), "a".to_owned());
    let delete = Command::Delete { resource_type, id };
    let whole = batch(&[put(), named("note", "Hives."), named("text", "Rash.")]);
    let mut document = document("patient:1", 1);
    assert_eq!(run(&mut document, &batch(&[named("note", "x"), put()])), Err("not-found"));
    let before = document.change_count();
    run(&mut document, &whole).unwrap();
    assert_eq!(document.change_count(), before + 1, "one change");
    let all = document.texts_of("AllergyIntolerance", "a");
    let all: Vec<(&str, &str)> = all.iter().map(|(name, text)| (&**name, &**text)).collect();
    assert_eq!(all, [("note", "Hives."), ("text", "Rash.")]);
    assert!(document.resource("AllergyIntolerance", "a").is_some());
    assert_eq!(run(&mut document, &whole), Ok(None), "nothing differs");

    for (case, commands) in [
        ("one text", [named("note", "x"), splice_of(0, 0, "y")]),
        ("put behind", [named("note", "x"), put()]),
        ("deleted ahead", [delete.clone(), named("note", "x")]),
        ("deleted behind", [named("note", "x"), delete.clone()]),
    ] {
        assert_eq!(run(&mut document, &batch(&commands)), Err("twice"), "{case}");
    }
    let signed = json!({
        "resourceType": "Composition", "id": "n", "status": "final",
        "subject": { "reference": "Patient/1" },
    });
    let typed = Command::SetText {
        resource_type: "Composition".to_owned(),
        id: "n".to_owned(),
        element: "text".to_owned(),
        text: "x".to_owned(),
    };
    let both = batch(&[Command::Put { resource: signed }, typed]);
    assert_eq!(run(&mut document, &both), Err("signed"));
    // What was deleted is put again, and typed into.
    run(&mut document, &delete).unwrap();
    assert_eq!(run(&mut document, &set_of("x")), Err("deleted"));
    run(&mut document, &batch(&[put(), named("note", "Weals.")])).unwrap();
    assert_eq!(text(&document).as_deref(), Some("Weals."));
}

#[test]
fn texts_of_deleted_resources_stay_behind() {
    let mut document = started(1);
    run(&mut document, &set_of("Was somebody else's.")).unwrap();
    let (resource_type, id) = ("AllergyIntolerance".to_owned(), "a".to_owned());
    run(&mut document, &Command::Delete { resource_type, id }).unwrap();
    assert_eq!(text(&document.refound(0).unwrap()), None);

    // As foreign clients delete.
    let mut document = started(1);
    run(&mut document, &set_of("Was somebody else's.")).unwrap();
    let mut tx = document.doc.transaction();
    tx.delete(genesis::collection("AllergyIntolerance").unwrap(), "a").unwrap();
    tx.commit();
    assert_eq!(document.refound(0).unwrap().text("AllergyIntolerance", "a", "note"), None);
}

#[test]
fn a_text_set_apart_is_a_conflict_and_a_text_that_stands_is_merged() {
    let mut alice = started(1);
    let mut bob = document("patient:1", 2);
    exchange(&mut alice, &mut bob);
    // The same words twice are nothing to choose between.
    run(&mut alice, &set_of("Hives.")).unwrap();
    run(&mut bob, &set_of("Hives.")).unwrap();
    exchange(&mut alice, &mut bob);
    assert!(conflicts(&alice).is_empty() && conflicts(&bob).is_empty());

    let (mut alice, mut bob) = (started(1), document("patient:1", 2));
    exchange(&mut alice, &mut bob);
    run(&mut alice, &set_of("Hives.")).unwrap();
    run(&mut bob, &set_of("Rash.")).unwrap();
    exchange(&mut alice, &mut bob);
    for document in [&alice, &bob] {
        let kinds: Vec<ConflictKind> = conflicts(document).iter().map(|one| one.kind).collect();
        assert_eq!(kinds, [ConflictKind::Text]);
    }
    // An element of the same name is another matter.
    let note = json!([{"text": "seen"}]);
    put(&mut alice, allergy("a", json!({ "note": note })));
    assert_eq!(conflicts(&alice).len(), 1);
    run(&mut alice, &set_of("Hives, rash.")).unwrap();
    exchange(&mut alice, &mut bob);
    run(&mut alice, &splice_of(0, 0, "Mild: ")).unwrap();
    run(&mut alice, &splice_of(6, 5, "weals")).unwrap();
    run(&mut bob, &splice_of(11, 1, " on both arms.")).unwrap();
    run(&mut bob, &set_of("Hives, rash on both arms. Itching.")).unwrap();
    exchange(&mut alice, &mut bob);
    assert_eq!(text(&alice).as_deref(), Some("Mild: weals, rash on both arms. Itching."));
    assert_eq!(text(&alice), text(&bob));
    assert!(conflicts(&alice).is_empty() && conflicts(&bob).is_empty());
}

/// A splice as it is meant: in code units, what does not fit brought to fit.
fn meant(text: &str, index: usize, delete: usize, insert: &str) -> String {
    let mut units: Vec<u16> = text.encode_utf16().collect();
    let cuts = |at: usize| units.get(at).is_some_and(|unit| (0xdc00..0xe000).contains(unit));
    let mut from = index.min(units.len());
    let mut to = index.saturating_add(delete).min(units.len());
    (from, to) = (from - usize::from(cuts(from)), to + usize::from(delete > 0 && cuts(to)));
    from = from.min(to);
    to = if delete == 0 { from } else { to };
    units.splice(from..to, insert.encode_utf16());
    String::from_utf16(&units).unwrap()
}

#[test]
fn whatever_is_typed_apart_everybody_has_the_same_text() {
    const WORDS: [&str; 6] = ["a", "🫀", "", "e\u{301}", "👩\u{200d}⚕️ ", "two\nlines"];
    for seed in 1..40_u64 {
        // Steele and Vigna's SplitMix64.
        let mut state = seed;
        let mut below = |limit: usize| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) % limit as u64) as usize
        };
        let mut people = [started(1), document("patient:1", 2), document("patient:1", 3)];
        let meet = |people: &mut [Document; 3]| {
            let [alice, bob, dora] = people;
            for _ in 0..2 {
                exchange(alice, bob);
                exchange(bob, dora);
            }
        };
        meet(&mut people);
        // In every other run the text is there before they part.
        if seed % 2 == 0 {
            run(&mut people[0], &set_of("Stable 🫀.")).unwrap();
            meet(&mut people);
        }
        for _ in 0..4 {
            for _ in 0..12 {
                let person = &mut people[below(3)];
                let before = text(person).unwrap_or_default();
                let (index, insert) = (below(30), WORDS[below(6)]);
                let (delete, index) = (below(5), if index == 29 { usize::MAX } else { index });
                let (command, after) = match below(5) {
                    0 => (set_of(insert), insert.to_owned()),
                    _ => (splice_of(index, delete, insert), meant(&before, index, delete, insert)),
                };
                run(person, &command).unwrap();
                assert_eq!(
                    text(person).unwrap_or_default(),
                    after,
                    "{seed}: {before:?} {command:?}"
                );
            }
            meet(&mut people);
            let [alice, bob, dora] = &people;
            let standing = |document: &Document| -> std::collections::BTreeSet<(String, String)> {
                let sides = conflicts(document).into_iter().flat_map(|conflict| conflict.values);
                sides.map(|side| (side.hash, side.value.as_str().unwrap().to_owned())).collect()
            };
            assert_eq!(standing(alice), standing(bob), "{seed}");
            assert_eq!(standing(alice), standing(dora), "{seed}");
            // Of texts that stand beside each other the log's first is shown, which these have not.
            if standing(alice).is_empty() {
                assert_eq!(text(alice), text(bob), "{seed}");
                assert_eq!(text(alice), text(dora), "{seed}");
            }
            if seed % 2 == 0 {
                assert!(conflicts(alice).is_empty(), "{seed}: one text is merged");
            }
        }
        run(&mut people[0], &set_of("Agreed.")).unwrap();
        meet(&mut people);
        assert!(people.iter().all(|person| text(person).as_deref() == Some("Agreed.")));
        assert!(people.iter().all(|person| conflicts(person).is_empty()));
    }
}

#[test]
fn commands_on_texts_are_read_from_json() {
    let json = json!({
        "kind": "splice", "resourceType": "AllergyIntolerance", "id": "a", "element": "note",
        "index": 3, "delete": 2, "insert": "x",
    });
    let command: Command = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(command, splice_of(3, 2, "x"));
    assert_eq!(serde_json::from_str::<Command>(&json.to_string()).unwrap(), command);
    assert_eq!(serde_json::to_value(&command).unwrap(), json);
    assert_eq!(command.resources(), [("AllergyIntolerance".to_owned(), "a".to_owned())]);
    for (name, value) in [("index", json!(-1)), ("delete", json!(1.5)), ("index", json!("3"))] {
        let mut bad = json.clone();
        bad[name] = value;
        assert!(serde_json::from_value::<Command>(bad).is_err());
    }
    let json = json!({
        "kind": "setText", "resourceType": "AllergyIntolerance", "id": "a", "element": "note",
        "text": "x",
    });
    assert_eq!(serde_json::from_value::<Command>(json).unwrap(), set_of("x"));
}
