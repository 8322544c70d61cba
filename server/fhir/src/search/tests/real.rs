//! Synthea's charts, each query beside a filter written out by hand.

use std::io::Read;

use serde_json::Value;

use super::query;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/synthea");

/// The resources of a few charts; `None` where the data is not here.
fn charts() -> Option<Vec<Value>> {
    let mut files: Vec<_> =
        std::fs::read_dir(FOLDER).ok()?.map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut resources = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "gz")).take(6) {
        let mut text = String::new();
        let bytes = std::fs::File::open(file).unwrap();
        flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        let mut bundle: Value = serde_json::from_str(&text).unwrap();
        let entries = bundle["entry"].as_array_mut().unwrap();
        resources.extend(entries.iter_mut().map(|entry| entry["resource"].take()));
    }
    Some(resources)
}

fn text<'v>(resource: &'v Value, pointer: &str) -> &'v str {
    resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(resource: &Value, pointer: &str) -> Option<f64> {
    resource.pointer(pointer)?.as_f64()
}

#[test]
fn synthea_charts_are_counted_as_by_hand() {
    let Some(resources) = charts() else {
        eprintln!("skipped: ../shared/data is not here");
        return;
    };
    type ByHand = fn(&Value) -> bool;
    let rows: [(&str, &str, ByHand); 10] = [
        ("Observation", "", |_| true),
        ("Observation", "code=http://loinc.org|8302-2", |one| {
            text(one, "/code/coding/0/code") == "8302-2"
        }),
        ("Observation", "category=laboratory", |one| {
            text(one, "/category/0/coding/0/code") == "laboratory"
        }),
        ("Observation", "value-quantity=gt100", |one| {
            number(one, "/valueQuantity/value").is_some_and(|number| number > 100.0)
        }),
        ("Observation", "date=2015", |one| text(one, "/effectiveDateTime").starts_with("2015-")),
        ("Observation", "component-code=8480-6&combo-value-quantity=lt120||mm[Hg]", |one| {
            let systolic = text(one, "/component/1/code/coding/0/code") == "8480-6";
            let low = |at| number(one, at).is_some_and(|number| number < 120.0);
            systolic
                && (low("/component/0/valueQuantity/value")
                    || low("/component/1/valueQuantity/value"))
        }),
        ("Condition", "clinical-status:not=active", |one| {
            text(one, "/clinicalStatus/coding/0/code") != "active"
        }),
        ("Encounter", "class=AMB&status=finished", |one| text(one, "/class/code") == "AMB"),
        ("Patient", "gender=female&deceased=false", |one| {
            text(one, "/gender") == "female" && one.get("deceasedDateTime").is_none()
        }),
        ("MedicationRequest", "status=stopped,completed", |one| {
            ["stopped", "completed"].contains(&text(one, "/status"))
        }),
    ];
    for (resource_type, asked, by_hand) in rows {
        let query = query(resource_type, asked);
        let found = resources.iter().filter(|one| query.matches(one)).count();
        let of_type = |one: &&Value| text(one, "/resourceType") == resource_type;
        let expected = resources.iter().filter(of_type).filter(|one| by_hand(one)).count();
        assert_eq!(found, expected, "{resource_type}?{asked}");
        assert!(found > 0, "{resource_type}?{asked} finds some");
    }
}
