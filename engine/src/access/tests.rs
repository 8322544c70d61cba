use serde_json::json;

use super::*;

const NOW: u64 = 1_000;
const CHART: &str = "patient:p1";

fn room(name: &str) -> RoomName {
    name.parse().unwrap()
}

fn patterns(names: &[&str]) -> Vec<RoomPattern> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn policy() -> Policy {
    let role = |writes: &[&str], reads: &[&str], may: &[Ability]| Role {
        writes: patterns(writes),
        reads: patterns(reads),
        may: may.iter().copied().collect(),
    };
    let roles = [
        (EVERYBODY, role(&[], &["facility:directory"], &[])),
        ("physician", role(&[], &[], &[Ability::BreakGlass])),
        ("pharmacist", role(&["pharmacy:queue"], &["patient:*"], &[])),
        ("psychiatrist", role(&["patient:*~PSY"], &[], &[])),
        ("infectiologist", role(&["patient:*~HIV", "patient:*~PSY"], &[], &[])),
    ];
    let roles = roles.map(|(name, role)| (name.to_owned(), role)).into();
    Policy { roles, open: false }
}

fn person(roles: &[&str], scopes: &str) -> Person {
    Person {
        author: Author::new("alice", "Alice Chen"),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        scopes: Person::scopes(scopes),
        patient: None,
    }
}

fn member(level: Level) -> Standing {
    Standing { member: Some(level), glass_until_ms: None }
}

fn broken(until: u64) -> Standing {
    Standing { member: None, glass_until_ms: Some(until) }
}

fn decide(person: &Person, name: &str, own: Standing, chart: Standing) -> Option<Access> {
    policy().decide(person, &room(name), own, chart, NOW)
}

#[test]
fn without_standing_a_chart_does_not_exist() {
    let alice = person(&["physician"], "user/*.cruds");
    assert_eq!(decide(&alice, CHART, Standing::default(), Standing::default()), None);
    assert!(decide(&alice, CHART, member(Level::Read), Standing::default()).is_some());
    assert!(
        decide(&alice, "facility:directory", Standing::default(), Standing::default()).is_some()
    );
}

#[test]
fn without_scopes_nothing_exists() {
    let alice = person(&["pharmacist"], "openid launch");
    assert_eq!(decide(&alice, CHART, member(Level::Write), Standing::default()), None);
}

#[test]
fn a_level_and_a_scope_both_limit_what_is_written() {
    let all = person(&[], "user/*.cruds");
    let read = decide(&all, CHART, member(Level::Read), Standing::default()).unwrap();
    assert!(read.check_whole().is_ok());
    assert!(!read.writes());
    assert_eq!(read.check_type(&[Right::Create], "Condition"), Err(Denial::ReadOnly));
    let write = decide(&all, CHART, member(Level::Write), Standing::default()).unwrap();
    assert!(write.writes_everything());
    let some = person(&[], "user/*.rs user/Condition.cu");
    let some = decide(&some, CHART, member(Level::Write), Standing::default()).unwrap();
    assert!(some.check_whole().is_ok());
    assert!(!some.writes_everything());
    assert!(some.check_type(&[Right::Create, Right::Update], "Condition").is_ok());
    let missing = Err(Denial::Scope(Right::Delete));
    assert_eq!(some.check_type(&[Right::Delete], "Condition"), missing);
    assert_eq!(some.check_type(&[Right::Create], "Flag"), Err(Denial::Scope(Right::Create)));
}

#[test]
fn who_may_not_read_everything_is_not_given_the_room() {
    let narrow = person(&[], "user/Observation.rs?category=laboratory user/Condition.rs");
    let access = decide(&narrow, CHART, member(Level::Write), Standing::default()).unwrap();
    assert_eq!(access.check_whole(), Err(Denial::NotWhole));
    let laboratory = json!({ "category": [{ "coding": [{ "code": "laboratory" }] }] });
    assert!(access.allows(Right::Read, "Observation", &laboratory));
    assert!(!access.allows(Right::Read, "Observation", &json!({})));
    assert!(access.allows(Right::Read, "Condition", &json!({})));
    let no_search = person(&[], "user/*.r");
    let access = decide(&no_search, CHART, member(Level::Write), Standing::default()).unwrap();
    assert_eq!(access.check_whole(), Err(Denial::NotWhole));
}

#[test]
fn broken_glass_opens_a_chart_until_it_ends() {
    let alice = person(&["physician"], "user/*.cruds");
    let access = decide(&alice, CHART, broken(NOW + 1), Standing::default()).unwrap();
    assert_eq!(access.glass_until_ms, Some(NOW + 1));
    assert_eq!(decide(&alice, CHART, broken(NOW), Standing::default()), None);
    let both = Standing { member: Some(Level::Read), glass_until_ms: Some(NOW + 1) };
    let access = decide(&alice, CHART, both, Standing::default()).unwrap();
    assert_eq!(access.glass_until_ms, None, "a member breaks nothing");
}

#[test]
fn what_opens_a_chart_opens_no_compartment_of_it() {
    let compartment = "patient:p1~PSY";
    let alice = person(&["physician"], "user/*.cruds system/*.cruds patient/*.cruds");
    let alice = Person { patient: Some("p1".to_owned()), ..alice };
    for chart in [member(Level::Write), broken(NOW + 1)] {
        assert_eq!(decide(&alice, compartment, Standing::default(), chart), None);
    }
    assert!(decide(&alice, compartment, member(Level::Write), Standing::default()).is_some());
}

#[test]
fn a_role_opens_compartments_of_charts_that_are_open() {
    let compartment = "patient:p1~PSY";
    let paula = person(&["psychiatrist"], "user/*.cruds");
    assert_eq!(decide(&paula, compartment, Standing::default(), Standing::default()), None);
    let access = decide(&paula, compartment, Standing::default(), member(Level::Write)).unwrap();
    assert!(access.writes_everything());
    let access = decide(&paula, compartment, Standing::default(), member(Level::Read)).unwrap();
    assert!(!access.writes(), "no further than in the chart");
    let access = decide(&paula, compartment, Standing::default(), broken(NOW + 1)).unwrap();
    assert_eq!(access.glass_until_ms, Some(NOW + 1));
}

#[test]
fn of_two_labels_both_count() {
    let both = "patient:p1~HIV.PSY";
    let chart = member(Level::Write);
    let paula = person(&["psychiatrist"], "user/*.cruds");
    assert_eq!(decide(&paula, both, Standing::default(), chart), None);
    let ian = person(&["infectiologist"], "user/*.cruds");
    assert!(decide(&ian, both, Standing::default(), chart).is_some());
}

#[test]
fn a_sign_in_vouches_for_its_patient_alone() {
    let app = Person { patient: Some("p1".to_owned()), ..person(&[], "patient/*.rs") };
    assert!(decide(&app, CHART, Standing::default(), Standing::default()).is_some());
    assert_eq!(decide(&app, "patient:p2", member(Level::Write), Standing::default()), None);
    assert_eq!(decide(&app, "facility:directory", Standing::default(), Standing::default()), None);
}

#[test]
fn a_system_has_everything_but_compartments() {
    let app = person(&[], "system/*.cruds");
    assert!(decide(&app, CHART, Standing::default(), Standing::default()).is_some());
    assert!(decide(&app, "pharmacy:queue", Standing::default(), Standing::default()).is_some());
    assert_eq!(decide(&app, "patient:p1~PSY", Standing::default(), Standing::default()), None);
}

#[test]
fn to_write_a_text_is_to_update_its_resource() {
    let id = crate::RoomId::first(room(CHART));
    let mut document = Document::found(&id, crate::mint_actor(NOW, [1; 8]));
    let resource = json!({
        "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/p1" },
        "category": [{ "coding": [{ "system": "http://x", "code": "problem" }] }],
    });
    let writer = crate::document::Writer::Person(None);
    document.command(&Command::Put { resource }, writer, NOW).unwrap();
    let (name, element) = ("Condition".to_owned(), "summary".to_owned());
    let texts = |id: &str| {
        let (resource_type, id) = (name.clone(), id.to_owned());
        let (index, delete, insert) = (0, 0, "x".to_owned());
        let element = element.clone();
        let set = Command::SetText {
            resource_type: resource_type.clone(),
            id: id.clone(),
            element: element.clone(),
            text: "x".to_owned(),
        };
        [Command::Splice { resource_type, id, element, index, delete, insert }, set]
    };
    for (scopes, code) in [
        ("user/*.cruds", None),
        ("user/Condition.u", None),
        ("user/Condition.u?category=http://x|problem", None),
        ("user/Condition.u?category=http://x|encounter", Some("scope-missing")),
        ("user/Condition.crds", Some("scope-missing")),
        ("user/Composition.cruds", Some("scope-missing")),
        ("user/*.rs", Some("read-only")),
    ] {
        let bob = person(&[], scopes);
        let access = decide(&bob, CHART, member(Level::Write), Standing::default()).unwrap();
        let [splice, set] = texts("c");
        let batch = Command::Batch { commands: vec![splice.clone()] };
        let elements = serde_json::Map::new();
        let (resource_type, id) = (name.clone(), "c".to_owned());
        let patch = Command::Patch { resource_type, id, elements };
        for command in [splice, set, batch, patch] {
            let denied = access.check_command(&document, &command).err();
            assert_eq!(denied.map(|denial| denial.code()), code, "{scopes}: {command:?}");
        }
    }
    let reader = decide(&person(&[], "user/*.cruds"), CHART, member(Level::Read), broken(0));
    for command in texts("c") {
        let denied = reader.as_ref().unwrap().check_command(&document, &command);
        assert_eq!(denied, Err(Denial::ReadOnly));
    }
}

#[test]
fn without_sign_in_everybody_may_do_everything() {
    let nobody = person(&[], "");
    for name in [CHART, "patient:p1~PSY", "pharmacy:queue"] {
        let standing = Standing::default();
        let access = Policy::open().decide(&nobody, &room(name), standing, standing, NOW);
        assert_eq!(access, Some(Access::everything()), "{name}");
    }
    assert!(Policy::open().may(&nobody, Ability::Operate));
    assert!(!policy().may(&nobody, Ability::Operate));
    assert!(policy().may(&person(&["physician"], ""), Ability::BreakGlass));
}
