use automerge::{
    Automerge, LoadOptions, ObjType, ReadDoc, TextEncoding,
    sync::{ChunkList, Message, MessageVersion},
    transaction::{Transactable, Transaction},
};
use serde_json::Map;

use super::{world::*, *};
use crate::{
    Command, Plan,
    access::{Access, Context, Person, Policy, Role as Rights, Standing},
    signing::Signing,
};

const CHART: &str = "patient:1";

/// What somebody may do whose sign-in has these scopes, and whose role opens every chart.
fn access(scopes: &str) -> Arc<Access> {
    let mut person = Person::unlimited(Author::new("p", "P"));
    person.scopes = Person::scopes(scopes);
    assert!(person.scopes.iter().all(|scope| scope.context == Context::User));
    let writes = vec!["patient:*".parse().unwrap()];
    let everybody = Rights { writes, ..Rights::default() };
    let policy = Policy { roles: [("*".to_owned(), everybody)].into(), open: false };
    let (room, standing) = (CHART.parse().unwrap(), Standing::default());
    Arc::new(policy.decide(&person, &room, standing, standing, NOW).unwrap())
}

fn grant(world: &mut World, person: u8, scopes: &str) {
    let (peer, access) = (Peer(u64::from(person)), access(scopes));
    world.server.handle(NOW, Input::Granted { peer, access });
}

fn put(resource: Value) -> Command {
    Command::Put { resource }
}

fn condition(text: &str) -> Command {
    put(json!({
        "resourceType": "Condition", "id": "c", "code": { "text": text },
        "subject": { "reference": "Patient/1" },
    }))
}

fn note(status: &str, text: &str) -> Value {
    json!({
        "resourceType": "DocumentReference", "id": "n", "status": "current", "docStatus": status,
        "description": text, "subject": { "reference": "Patient/1" },
    })
}

fn delete(resource_type: &str, id: &str) -> Command {
    Command::Delete { resource_type: resource_type.to_owned(), id: id.to_owned() }
}

fn codes(world: &World) -> Vec<&'static str> {
    world.refused.iter().map(|(_, refusal)| refusal.code()).collect()
}

fn served(world: &mut World, plan: Plan) -> Result<Edit, CommandError> {
    let author = Some(Author::new("p1", "Somebody"));
    world.server.handle(NOW, Input::Planned { ticket: 9, author, plan });
    world.server.advance(NOW);
    let mut answer = None;
    while let Some(output) = world.server.poll_output() {
        match output {
            Output::Persist(batch) => {
                world.server.handle(NOW, Input::Persisted { through: batch.number });
            }
            Output::Answered { result, .. } => answer = Some(result),
            _ => {}
        }
    }
    answer.unwrap()
}

#[test]
fn a_scope_limits_what_is_done_to_which_type() {
    for (scopes, edit, code) in [
        ("user/*.rs user/Condition.cu", condition("Gout"), None),
        ("user/*.rs user/Condition.c", condition("Gout"), Some("scope-missing")),
        ("user/*.rs user/Condition.cu", delete("Condition", "c"), Some("scope-missing")),
        ("user/*.rs user/Condition.d", delete("Condition", "c"), None),
        ("user/*.rs", condition("Gout"), Some("read-only")),
        ("user/*.rs user/Flag.cud", condition("Gout"), Some("scope-missing")),
    ] {
        let mut world = World::with(CHART, &[1, 2]);
        world.edit(2, condition("Asthma"));
        world.settle();
        grant(&mut world, 1, scopes);
        world.edit(1, edit.clone());
        world.settle();
        assert_eq!(codes(&world), Vec::from_iter(code), "{scopes}: {edit:?}");
        world.converged();
    }
}

#[test]
fn of_a_refused_change_nothing_is_taken_and_others_go_on() {
    let mut world = World::with(CHART, &[1, 2]);
    grant(&mut world, 1, "user/*.rs user/Condition.cud");
    // A change that is allowed in one half.
    let flag = put(json!({
        "resourceType": "Flag", "id": "f", "status": "active",
        "subject": { "reference": "Patient/1" },
    }));
    world.edit(1, Command::Batch { commands: vec![condition("Asthma"), flag] });
    world.settle();
    assert_eq!(codes(&world), ["scope-missing"]);
    assert!(world.server.document().resources().is_empty());
    world.edit(1, condition("Gout"));
    world.settle();
    assert_eq!(world.converged()["entry"][0]["resource"]["code"]["text"], "Gout");
}

#[test]
fn a_signed_note_is_amended_and_nothing_else() {
    for (edit, code) in [
        (put(note("final", "other words")), Some("signed")),
        (put(note("preliminary", "words")), Some("signed")),
        (delete("DocumentReference", "n"), Some("signed")),
        (put(note("amended", "other words")), None),
        (put(note("entered-in-error", "words")), None),
    ] {
        let mut world = World::with(CHART, &[1, 2]);
        world.edit(2, put(note("final", "words")));
        world.settle();
        force(&mut world, &edit);
        assert_eq!(codes(&world), Vec::from_iter(code), "{edit:?}");
        let mut world = World::with(CHART, &[1, 2]);
        world.edit(2, put(note("final", "words")));
        world.settle();
        let plan = Plan(Arc::new(move |_| Ok(edit.clone().into())));
        let answer = served(&mut world, plan);
        assert_eq!(answer.err().map(|error| error.code()), code);
    }
}

#[test]
fn an_edit_made_before_the_signature_was_seen_is_given_back() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, put(note("preliminary", "words")));
    world.settle();
    world.leave(1);
    world.edit(1, put(note("preliminary", "late words")));
    world.edit(2, put(note("final", "words")));
    world.settle();
    world.join(1);
    world.settle();
    assert_eq!(codes(&world), ["signed"]);
    assert_eq!(world.converged()["entry"][0]["resource"]["description"], "words");
}

#[test]
fn what_is_given_back_leaves_the_others_where_the_server_logged_them() {
    let late = |world: &mut World| {
        world.edit(1, put(note("preliminary", "late words")));
        world.edit(2, put(note("final", "words")));
    };
    for at_once in [true, false] {
        let mut world = World::with(CHART, &[1, 2]);
        world.edit(2, put(note("preliminary", "words")));
        world.settle();
        world.leave(1);
        let mine = world.edit(1, condition("Gout")).unwrap();
        world.edit(2, condition("Croup"));
        if at_once {
            late(&mut world);
        }
        world.settle();
        world.join(1);
        world.settle();
        if !at_once {
            world.leave(1);
            late(&mut world);
            world.settle();
            world.join(1);
            world.settle();
        }
        assert_eq!(codes(&world), ["signed"]);
        world.converged();
        assert_eq!(world.client(1).conflicts(), world.server.conflicts(), "{at_once}");
        assert_eq!(world.server.conflicts()[0].values[1].hash, mine.to_string());
        let other = world.client(1).document().logged_behind(&mine).unwrap();
        assert!(world.server.document().has(&other));
    }
}

#[test]
fn an_amendment_that_did_not_see_the_signed_text_is_none() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, put(note("final", "words")));
    world.settle();
    world.leave(1);
    world.edit(1, put(note("amended", "my words")));
    world.edit(2, put(note("amended", "their words")));
    world.settle();
    world.join(1);
    world.settle();
    assert_eq!(codes(&world), ["signed"]);
    assert_eq!(world.converged()["entry"][0]["resource"]["description"], "their words");
}

#[test]
fn a_signature_under_words_that_its_signer_did_not_see_fails() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, put(note("preliminary", "words")));
    world.settle();
    world.leave(1);
    world.edit(1, put(note("final", "words")));
    world.edit(2, put(note("preliminary", "other words")));
    world.settle();
    world.join(1);
    world.settle();
    assert_eq!(codes(&world), ["changed-since-viewed"]);
    let note = world.converged()["entry"][0]["resource"].clone();
    assert_eq!(
        (&note["docStatus"], &note["description"]),
        (&json!("preliminary"), &json!("other words"))
    );
}

#[test]
fn a_signature_elsewhere_in_the_chart_is_no_obstacle() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, put(note("preliminary", "words")));
    world.settle();
    world.leave(1);
    world.edit(1, put(note("final", "words")));
    world.edit(2, condition("Asthma"));
    world.settle();
    world.join(1);
    world.settle();
    assert!(codes(&world).is_empty());
    world.converged();
}

#[test]
fn a_sign_command_signs_what_was_seen() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, put(note("preliminary", "words")));
    world.settle();
    let heads = world.server.document().heads();
    let sign = |id: &str, resource_type: &str, heads: &[ChangeHash]| {
        let (resource_type, id, heads) = (resource_type.to_owned(), id.to_owned(), heads.to_vec());
        Signing { resource_type, id, heads }.plan()
    };
    let code = |answer: Result<Edit, CommandError>| answer.map(drop).map_err(|e| e.code());
    world.edit(2, put(note("preliminary", "other words")));
    world.settle();
    let stale = served(&mut world, sign("n", "DocumentReference", &heads));
    assert_eq!(code(stale), Err("changed-since-viewed"));
    assert_eq!(
        code(served(&mut world, sign("n", "DocumentReference", &[]))),
        Err("changed-since-viewed")
    );
    assert_eq!(code(served(&mut world, sign("x", "DocumentReference", &heads))), Err("not-found"));
    assert_eq!(code(served(&mut world, sign("n", "Condition", &heads))), Err("not-a-note"));
    let heads = world.server.document().heads();
    world.edit(2, condition("Asthma"));
    world.settle();
    assert_eq!(code(served(&mut world, sign("n", "DocumentReference", &heads))), Ok(()));
    assert_eq!(code(served(&mut world, sign("n", "DocumentReference", &heads))), Err("signed"));
}

fn labelled(codes: &[&str]) -> Command {
    let security: Vec<Value> = codes.iter().map(|code| json!({ "code": code })).collect();
    put(json!({
        "resourceType": "Condition", "id": "c", "meta": { "security": security },
        "subject": { "reference": "Patient/1" },
    }))
}

#[test]
fn a_label_decides_about_the_room() {
    for (room, codes_of, refused) in [
        (CHART, &["PSY"][..], true),
        (CHART, &["N"], false),
        ("patient:1~PSY", &["PSY", "N"], false),
        ("patient:1~PSY", &[], true),
        ("patient:1~PSY", &["HIV"], true),
        ("patient:1~PSY", &["HIV", "PSY"], true),
        ("patient:1~HIV.PSY", &["PSY", "HIV"], false),
    ] {
        let mut world = World::with(room, &[1]);
        force(&mut world, &labelled(codes_of));
        assert_eq!(!world.refused.is_empty(), refused, "{room} {codes_of:?}");
        let Command::Put { resource } = labelled(codes_of) else { panic!() };
        assert_eq!(crate::document::room_of(&resource).unwrap().as_str() == room, !refused);
        let mut world = World::with(room, &[1]);
        let answer = served(&mut world, Plan(Arc::new(move |_| Ok(put(resource.clone()).into()))));
        assert_eq!(answer.is_err(), refused, "{room} {codes_of:?}");
    }
}

/// Has the first client offer an edit that no client of ours would make.
fn force(world: &mut World, command: &Command) {
    let mut copy = world.server.document().clone();
    let seed = 50 + u8::try_from(world.refused.len() + world.log.len()).unwrap();
    copy.set_actor(crate::mint_actor(NOW, [seed; 8]));
    let writer = crate::document::Writer::Server { import: false };
    let change = copy.command(command, writer, NOW).unwrap().unwrap();
    offer(world, change.raw_bytes().to_vec());
}

/// A message of the first client with one change in it.
fn offer(world: &mut World, chunk: Vec<u8>) {
    let (changes, need, have, flags) = (ChunkList::from(vec![chunk]), Vec::new(), Vec::new(), None);
    let (heads, version) = (Vec::new(), MessageVersion::V1);
    let message = Message { heads, need, have, changes, flags, version };
    let input = Input::Received { peer: Peer(1), message: message.encode() };
    world.server.handle(NOW, input);
    world.settle();
}

#[test]
fn a_label_is_not_taken_away_in_its_compartment() {
    let room = "patient:1~PSY";
    let mut world = World::with(room, &[1]);
    served(&mut world, Plan(Arc::new(|_| Ok(labelled(&["PSY"]).into())))).unwrap();
    world.settle();
    for meta in [Value::Null, json!({ "security": [{ "code": "HIV" }] })] {
        let elements = Map::from_iter([("meta".to_owned(), meta)]);
        let (resource_type, id) = ("Condition".to_owned(), "c".to_owned());
        force(&mut world, &Command::Patch { resource_type, id, elements });
        assert_eq!(codes(&world).last(), Some(&"not-restricted"));
    }
    let elements = Map::from_iter([("recordedDate".to_owned(), json!("2024-01-01"))]);
    let (resource_type, id) = ("Condition".to_owned(), "c".to_owned());
    world.edit(1, Command::Patch { resource_type, id, elements });
    world.settle();
    assert_eq!(codes(&world).len(), 2, "what is not about labels is taken");
    world.converged();
}

/// What a foreign client writes, from what the server has.
fn foreign(world: &World, seed: u8, write: impl FnOnce(&mut Transaction<'_>)) -> Vec<u8> {
    let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
    let snapshot = world.server.document().save();
    let mut doc = Automerge::load_with_options(&snapshot, options).unwrap();
    doc.set_actor(crate::mint_actor(NOW, [seed; 8]));
    let mut tx = doc.transaction();
    write(&mut tx);
    let hash = tx.commit().0.unwrap();
    doc.get_change_by_hash(&hash).unwrap().raw_bytes().to_vec()
}

/// What a client that types makes of a text.
fn typed_at(world: &World, key: &str, text: &str, seed: u8) -> Vec<u8> {
    foreign(world, seed, |tx| {
        let texts = crate::document::tests_collection(crate::document::TEXTS);
        let object = match tx.get(&texts, key).unwrap() {
            Some((_, object)) => object,
            None => tx.put_object(&texts, key, ObjType::Text).unwrap(),
        };
        tx.splice_text(&object, 0, 0, text).unwrap();
    })
}

/// The same of the text of the note.
fn typed(world: &World, text: &str, seed: u8) -> Vec<u8> {
    typed_at(world, "DocumentReference:n:content", text, seed)
}

fn splice(insert: &str) -> Command {
    let (resource_type, id) = ("Condition".to_owned(), "c".to_owned());
    let (index, delete, insert) = (0, 0, insert.to_owned());
    Command::Splice { resource_type, id, element: "summary".to_owned(), index, delete, insert }
}

#[test]
fn to_write_a_text_is_to_update_its_resource() {
    let set = Command::SetText {
        resource_type: "Condition".to_owned(),
        id: "c".to_owned(),
        element: "summary".to_owned(),
        text: "words".to_owned(),
    };
    for (scopes, code) in [
        ("user/*.rs user/Condition.u", None),
        ("user/*.rs user/Condition.cd", Some("scope-missing")),
        ("user/*.rs user/Flag.cud", Some("scope-missing")),
        ("user/*.rs", Some("read-only")),
    ] {
        for edit in [splice("words"), set.clone()] {
            let mut world = World::with(CHART, &[1, 2]);
            world.edit(2, condition("Asthma"));
            world.settle();
            grant(&mut world, 1, scopes);
            world.edit(1, edit);
            world.settle();
            assert_eq!(codes(&world), Vec::from_iter(code), "{scopes}");
            world.converged();
            let text = world.server.document().text("Condition", "c", "summary");
            assert_eq!(text.is_some(), code.is_none());
        }
    }
}

#[test]
fn a_text_that_was_typed_on_while_its_resource_was_deleted_is_an_update_all_the_same() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, condition("Asthma"));
    world.settle();
    grant(&mut world, 1, "user/*.rs user/Condition.u");
    world.leave(1);
    world.edit(1, splice("words"));
    world.edit(2, delete("Condition", "c"));
    world.settle();
    world.join(1);
    world.settle();
    assert!(codes(&world).is_empty());
    world.converged();
    let (resource_type, id) = ("Condition".to_owned(), "c".to_owned());
    world.edit(2, Command::Undelete { resource_type, id });
    let text = world.client(2).document().text("Condition", "c", "summary");
    assert_eq!(text.as_deref(), Some("words"));
}

#[test]
fn a_text_is_of_a_resource_of_the_room() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, condition("Asthma"));
    world.settle();
    for key in [
        "Condition:other:summary",
        "Condition:c",
        "Condition:c:",
        "Condition:c:a:b",
        "Conditions:c:summary",
        "$texts:c:summary",
        "",
    ] {
        let refused = world.refused.len();
        let change = typed_at(&world, key, "x", 70 + u8::try_from(refused).unwrap());
        offer(&mut world, change);
        assert_eq!(codes(&world).get(refused..), Some(&["outside-collections"][..]), "{key:?}");
    }
    // Resource and text come together, made one behind the other by somebody who was away.
    world.leave(1);
    let resource = json!({
        "resourceType": "Condition", "id": "new", "subject": { "reference": "Patient/1" },
    });
    world.edit(1, put(resource));
    let Command::Splice { resource_type, element, index, delete, insert, .. } = splice("x") else {
        return;
    };
    let id = "new".to_owned();
    world.edit(1, Command::Splice { resource_type, id, element, index, delete, insert });
    let before = codes(&world).len();
    world.join(1);
    world.settle();
    assert_eq!(codes(&world).len(), before);
    world.converged();
    assert_eq!(world.server.document().text("Condition", "new", "summary").as_deref(), Some("x"));
}

#[test]
fn a_text_of_what_a_foreign_client_takes_away_meanwhile_is_taken() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, condition("Asthma"));
    world.settle();
    let late = typed_at(&world, "Condition:c:summary", "words", 62);
    let away = foreign(&world, 61, |tx| {
        tx.delete(crate::document::tests_collection("Condition"), "c").unwrap();
    });
    offer(&mut world, away);
    offer(&mut world, late);
    assert!(codes(&world).is_empty());
    let after = typed_at(&world, "Condition:c:title", "words", 63);
    offer(&mut world, after);
    assert_eq!(codes(&world), ["outside-collections"]);
}

#[test]
fn the_text_of_what_carries_a_label_is_written_in_its_compartment_alone() {
    let labelled = labelled(&["PSY"]);
    let mut world = World::with(CHART, &[1]);
    // As charts have it that are older than labels.
    let writer = crate::document::Writer::Server { import: true };
    let mut copy = world.server.document().clone();
    copy.set_actor(crate::mint_actor(NOW, [40; 8]));
    copy.command(&labelled, writer, NOW).unwrap().unwrap();
    let config = RoomConfig::new(world.server.id().clone(), Role::Server);
    world.server = Room::new(config, copy);
    world.join(1);
    world.settle();
    let change = typed_at(&world, "Condition:c:summary", "words", 61);
    offer(&mut world, change);
    assert_eq!(codes(&world), ["restricted"]);
    let answer = served(&mut world, Plan(Arc::new(|_| Ok(splice("words").into()))));
    assert_eq!(answer.unwrap_err().code(), "restricted");

    let mut world = World::with("patient:1~PSY", &[1]);
    world.edit(1, labelled);
    world.edit(1, splice("words"));
    world.settle();
    assert!(codes(&world).is_empty());
    world.converged();
}

#[test]
fn the_text_of_a_signed_note_takes_no_more() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, put(note("preliminary", "words")));
    world.settle();
    let begun = typed(&world, "Dear colleague", 60);
    offer(&mut world, begun);
    // Made before the signature, and come behind it.
    let late = typed(&world, "PS: ", 61);
    world.edit(2, put(note("final", "words")));
    world.settle();
    assert!(codes(&world).is_empty());
    offer(&mut world, late);
    let later = typed(&world, "PPS: ", 62);
    offer(&mut world, later);
    assert_eq!(codes(&world), ["signed", "signed"]);
}

#[test]
fn a_note_of_which_a_text_stands_twice_is_not_signed() {
    let begin = |text: &str| Command::SetText {
        resource_type: "DocumentReference".to_owned(),
        id: "n".to_owned(),
        element: "content".to_owned(),
        text: text.to_owned(),
    };
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, put(note("preliminary", "words")));
    world.settle();
    for person in [1, 2] {
        world.leave(person);
        world.edit(person, begin(&format!("By {person}.")));
    }
    for person in [1, 2] {
        world.join(person);
        world.settle();
    }
    assert_eq!(world.server.conflicts().len(), 1);
    // As a browser does, whose module does not look.
    force(&mut world, &put(note("final", "words")));
    assert_eq!(codes(&world), ["conflict-open"]);
    let heads = world.server.document().heads();
    let (resource_type, id) = ("DocumentReference".to_owned(), "n".to_owned());
    let signed = served(&mut world, Signing { resource_type, id, heads }.plan());
    assert_eq!(signed.unwrap_err().code(), "conflict-open");

    world.edit(1, begin("By both."));
    world.settle();
    force(&mut world, &put(note("final", "words")));
    assert_eq!(codes(&world).len(), 1);
    assert_eq!(world.converged()["entry"][0]["resource"]["docStatus"], "final");
}

#[test]
fn a_signature_under_a_text_that_somebody_typed_on_fails() {
    let mut world = World::with(CHART, &[1, 2]);
    world.edit(2, put(note("preliminary", "words")));
    world.settle();
    let begun = typed(&world, "Dear colleague", 60);
    offer(&mut world, begun);
    world.settle();
    world.leave(2);
    world.edit(2, put(note("final", "words")));
    let more = typed(&world, "Sorry, ", 61);
    offer(&mut world, more);
    world.join(2);
    world.settle();
    assert_eq!(codes(&world), ["changed-since-viewed"]);
    assert_eq!(world.converged()["entry"][0]["resource"]["docStatus"], "preliminary");
}
