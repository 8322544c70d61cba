//! What is done to a valid resource, and what is said of it: code and expression of each issue.

use serde_json::{Value, json};

use super::super::validate;

fn observation() -> Value {
    json!({
        "resourceType": "Observation", "id": "glucose", "status": "final",
        "meta": {"lastUpdated": "2024-02-29T23:59:60.123+14:00", "profile": ["http://e.org/p"]},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}], "text": "Glucose"},
        "subject": {"reference": "Patient/a"},
        "effectiveDateTime": "2024-02-29",
        "valueQuantity": {"value": 6.30, "unit": "mmol/l"},
        "component": [{
            "code": {"text": "x"},
            "valueInteger": 3,
            "referenceRange": [{"low": {"value": 1}}],
        }],
    })
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": "a", "active": true, "gender": "female",
        "birthDate": "1970-01",
        "_birthDate": {"extension": [{"url": "http://e.org/x", "valueCode": "y"}]},
        "name": [{
            "family": "Sandahl",
            "given": ["Priya", null],
            "_given": [null, {"id": "g", "extension": [{"url": "u", "valueString": "x"}]}],
        }],
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"/>"},
        "photo": [{"contentType": "image/png", "data": "AAAA BBB="}],
        "telecom": [{"system": "phone", "rank": 1}],
        "multipleBirthInteger": -2,
        "extension": [{"url": "u", "extension": [{"url": "v", "valueUuid":
            "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}]}],
        "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
    })
}

fn condition() -> Value {
    json!({
        "resourceType": "Condition", "subject": {"reference": "Patient/a"},
        "clinicalStatus": {"coding": [
            {"code": "own"},
            {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"},
        ]},
    })
}

fn encounter() -> Value {
    json!({
        "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
        "location": [{"location": {"reference": "Location/a"}, "status": "completed"}],
    })
}

/// A resource with one member, at a JSON pointer, put in; `null` takes it out.
#[track_caller]
fn check(mut resource: Value, place: &str, member: Value, expected: &[(&str, &str)]) {
    assert_eq!(validate(&resource), []);
    let (parent, name) = place.rsplit_once('/').unwrap();
    let parent = resource.pointer_mut(parent).unwrap();
    match (parent, member) {
        (Value::Object(object), Value::Null) => drop(object.remove(name).unwrap()),
        (Value::Object(object), member) => drop(object.insert(name.to_owned(), member)),
        (Value::Array(items), member) => items.insert(name.parse().unwrap(), member),
        _ => panic!("{place} is nowhere"),
    }
    let issues = validate(&resource);
    let found: Vec<_> = issues
        .iter()
        .map(|issue| (issue.code, issue.expression.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(found, expected, "{place}: {issues:#?}");
}

#[test]
fn valid_resources_are_valid() {
    for resource in [observation(), patient(), condition(), encounter()] {
        assert_eq!(validate(&resource), []);
    }
}

#[test]
fn what_is_no_resource() {
    for (value, expression) in [
        (json!([]), None),
        (json!("Patient"), None),
        (json!({"id": "a"}), Some("resourceType")),
        (json!({"resourceType": "Foo"}), Some("resourceType")),
        (json!({"resourceType": "DomainResource"}), Some("resourceType")),
        (json!({"resourceType": ["Patient"]}), Some("resourceType")),
    ] {
        let issues = validate(&value);
        assert_eq!(issues.len(), 1, "{value}");
        assert_eq!(issues[0].expression.as_deref(), expression, "{value}");
    }
}

#[test]
fn elements_that_are_not_r4s() {
    let unknown = |place, expected| {
        check(observation(), place, json!("x"), &[("structure", expected)]);
    };
    unknown("/foo", "Observation.foo");
    unknown("/value", "Observation.value");
    unknown("/valueAddress", "Observation.valueAddress");
    unknown("/code/coding/0/foo", "Observation.code.coding[0].foo");
    unknown("/component/0/status", "Observation.component[0].status");
    unknown("/component/0/resourceType", "Observation.component[0].resourceType");
    unknown("/component/0/referenceRange/0/foo", "Observation.component[0].referenceRange[0].foo");
    // Not repeated.
    unknown("/Foo Bar", "Observation");
    unknown("/code/Foo", "Observation.code");
    check(
        patient(),
        "/extension/0/_url",
        json!({"id": "x"}),
        &[("structure", "Patient.extension[0]._url")],
    );
}

#[test]
fn json_of_another_shape() {
    let shape = |place, member, expected| {
        check(observation(), place, member, &[("structure", expected)]);
    };
    shape("/code", json!("x"), "Observation.code");
    shape("/code", json!([{"text": "x"}]), "Observation.code");
    shape("/code", json!({}), "Observation.code");
    shape("/code", json!({"id": "only"}), "Observation.code");
    shape("/status", json!(["final"]), "Observation.status");
    shape("/status", json!(true), "Observation.status");
    shape("/category", json!({"text": "x"}), "Observation.category");
    shape("/category", json!([]), "Observation.category");
    shape("/category", json!(["x"]), "Observation.category[0]");
    shape("/component/1", Value::Null, "Observation.component[1]");
    shape("/valueQuantity/value", json!("6.3"), "Observation.value.value");
    shape("/component/0/valueInteger", json!("3"), "Observation.component[0].value");
    shape("/effectiveDateTime", json!(2024), "Observation.effective");
    check(patient(), "/active", json!("true"), &[("structure", "Patient.active")]);
}

#[test]
fn null_is_no_value() {
    let mut observation = observation();
    observation["issued"] = Value::Null;
    let issues = validate(&observation);
    assert_eq!(issues[0].expression.as_deref(), Some("Observation.issued"));
}

#[test]
fn elements_that_must_be_there() {
    let gone = |resource, place, expected| {
        check(resource, place, Value::Null, &[("required", expected)]);
    };
    gone(observation(), "/status", "Observation.status");
    gone(observation(), "/code", "Observation.code");
    gone(observation(), "/component/0/code", "Observation.component[0].code");
    gone(encounter(), "/class", "Encounter.class");
    gone(encounter(), "/location/0/location", "Encounter.location[0].location");
    gone(condition(), "/subject", "Condition.subject");
    gone(patient(), "/extension/0/url", "Patient.extension[0].url");
    gone(patient(), "/text/div", "Patient.text.div");
    gone(patient(), "/contained/0/resourceType", "Patient.contained[0].resourceType");
    let request = json!({"resourceType": "MedicationRequest"});
    let issues = validate(&request);
    let missing: Vec<_> = issues.iter().flat_map(|issue| issue.expression.as_deref()).collect();
    assert_eq!(
        missing,
        [
            "MedicationRequest.status",
            "MedicationRequest.intent",
            "MedicationRequest.medication",
            "MedicationRequest.subject",
        ]
    );
}

#[test]
fn an_extension_may_stand_for_a_required_value() {
    let why = json!({"extension": [{"url": "http://e.org/why", "valueCode": "unknown"}]});
    let mut observation = observation();
    observation["_status"] = why.clone();
    observation.as_object_mut().unwrap().remove("status");
    assert_eq!(validate(&observation), []);
    let mut condition = condition();
    condition["clinicalStatus"] = why;
    assert_eq!(validate(&condition), []);
}

#[test]
fn a_choice_has_one_type() {
    check(observation(), "/valueString", json!("x"), &[("structure", "Observation.value")]);
    check(
        observation(),
        "/_valueString",
        json!({"extension": [{"url": "u", "valueCode": "y"}]}),
        &[("structure", "Observation.value")],
    );
    check(
        observation(),
        "/component/0/valueString",
        json!("x"),
        &[("structure", "Observation.component[0].value")],
    );
    check(
        patient(),
        "/multipleBirthBoolean",
        json!(true),
        &[("structure", "Patient.multipleBirth")],
    );
}

#[test]
fn primitives_and_their_siblings() {
    let sibling = |place, member, expected| {
        check(patient(), place, member, &[("structure", expected)]);
    };
    sibling("/_birthDate", json!({}), "Patient.birthDate");
    sibling("/_birthDate", json!([null]), "Patient.birthDate");
    sibling("/_birthDate", json!({"foo": 1, "id": "x"}), "Patient.birthDate.foo");
    sibling("/name/0/_given", json!({"id": "x"}), "Patient.name[0].given");
    sibling("/name/0/_given", json!([null, {"id": "x"}]), "Patient.name[0].given[1]");
    sibling("/name/0/_given", json!([null]), "Patient.name[0].given");
    sibling("/name/0/_given", json!([null, null]), "Patient.name[0].given[1]");
    sibling("/name/0/_given", Value::Null, "Patient.name[0].given[1]");
    sibling("/name/0/given/0", json!("third"), "Patient.name[0].given");
    sibling("/name/0/_prefix", json!([null]), "Patient.name[0].prefix[0]");
    sibling("/_gender", json!({"extension": []}), "Patient.gender.extension");
}

#[test]
fn codes_of_required_value_sets() {
    let code = |resource, place, expected| {
        check(resource, place, json!("other-than-r4s"), &[("code-invalid", expected)]);
    };
    code(observation(), "/status", "Observation.status");
    code(encounter(), "/status", "Encounter.status");
    code(encounter(), "/location/0/status", "Encounter.location[0].status");
    code(patient(), "/gender", "Patient.gender");
    code(patient(), "/telecom/0/system", "Patient.telecom[0].system");
    code(patient(), "/name/0/use", "Patient.name[0].use");
    code(condition(), "/clinicalStatus/coding/1/code", "Condition.clinicalStatus");
    code(condition(), "/clinicalStatus/coding/1/system", "Condition.clinicalStatus");
    check(
        condition(),
        "/clinicalStatus",
        json!({"text": "active"}),
        &[("code-invalid", "Condition.clinicalStatus")],
    );
}

#[test]
fn extensions_and_contained_resources() {
    let both =
        json!({"url": "u", "valueString": "x", "extension": [{"url": "v", "valueCode": "y"}]});
    check(patient(), "/extension/0", both, &[("invariant", "Patient.extension[0]")]);
    let neither = json!({"url": "u"});
    check(
        patient(),
        "/extension/0/extension/0",
        neither,
        &[("invariant", "Patient.extension[0].extension[0]")],
    );
    check(patient(), "/contained/0/foo", json!(1), &[("structure", "Patient.contained[0].foo")]);
    check(
        patient(),
        "/contained/0/resourceType",
        json!("Foo"),
        &[("value", "Patient.contained[0].resourceType")],
    );
    let inner = json!([{"resourceType": "Basic", "code": {"text": "x"}}]);
    check(
        patient(),
        "/contained/0/contained",
        inner,
        &[("invariant", "Patient.contained[0].contained")],
    );
}

#[test]
fn resources_within_bundles_and_parameters() {
    let bundle = json!({
        "resourceType": "Bundle", "type": "batch",
        "entry": [{"resource": {"resourceType": "Patient", "gender": "x"}}],
    });
    let issue = validate(&bundle).remove(0);
    assert_eq!(issue.expression.unwrap(), "Bundle.entry[0].resource.gender");
}

#[test]
fn several_faults_come_at_once() {
    let mut observation = observation();
    observation["status"] = json!("done");
    observation["foo"] = json!(1);
    observation["issued"] = json!("2024-02-30");
    observation.as_object_mut().unwrap().remove("code");
    let found: Vec<_> = validate(&observation)
        .into_iter()
        .map(|issue| (issue.code, issue.expression.unwrap(), issue.text))
        .collect();
    let expected = [
        ("structure", "Observation.foo", "Observation has no element foo"),
        (
            "value",
            "Observation.issued",
            "issued is not an instant: YYYY-MM-DDThh:mm:ss with a zone",
        ),
        (
            "code-invalid",
            "Observation.status",
            "status has no code of the required value set observation-status",
        ),
        ("required", "Observation.code", "code is missing"),
    ];
    assert_eq!(found, expected.map(|(code, at, text)| (code, at.to_owned(), text.to_owned())));
}
