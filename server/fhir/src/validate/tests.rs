//! Mutations of valid resources and what is said of them, and the sample data, which is valid.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chartroom_engine::{document::RESOURCE_TYPES, limits::NESTING_MAX};
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use super::{ISSUES_MAX, table::TABLE, validate};
use crate::outcome::{Issue, Severity};

mod primitives;
mod rows;

#[test]
fn every_resource_type_has_its_elements() {
    for name in RESOURCE_TYPES {
        let shape = TABLE.shape(name).unwrap();
        assert!(shape.is_resource, "{name}");
        assert!(shape.property("id").is_some(), "{name}");
    }
    assert_eq!(validate(&json!({"resourceType": "Patient"})), []);
}

#[test]
fn issues_are_errors_with_a_path_and_without_the_value() {
    let issues = validate(&json!({
        "resourceType": "Patient", "id": "Canary Canary", "birthDate": "Canary",
        "gender": "Canary", "name": [{"family": ["Canary"]}], "Canary": "Canary",
    }));
    assert_eq!(issues.len(), 5);
    for issue in issues {
        assert_eq!(issue.severity, Severity::Error);
        assert!(issue.expression.as_ref().unwrap().starts_with("Patient"));
        assert!(!format!("{issue:?}").contains("Canary"), "{issue:?}");
    }
}

#[test]
fn faults_beyond_the_most_are_not_collected() {
    let names: Vec<Value> = (0..1000).map(|_| json!({"foo": 1, "bar": 2})).collect();
    let patient = json!({"resourceType": "Patient", "name": names, "zoo": 1});
    assert_eq!(validate(&patient).len(), ISSUES_MAX);
}

#[test]
fn an_element_nests_as_deep_as_the_engine_takes_it_and_no_deeper() {
    let nested = |extensions: usize| {
        let mut extension = json!({"url": "u", "valueString": "x"});
        for _ in 1..extensions {
            extension = json!({"url": "u", "extension": [extension]});
        }
        json!({"resourceType": "Patient", "extension": [extension]})
    };
    // An array and an object each.
    assert_eq!(validate(&nested(NESTING_MAX / 2)), []);
    for extensions in [NESTING_MAX / 2 + 1, 500] {
        let issues = validate(&nested(extensions));
        assert_eq!(issues.iter().map(|issue| issue.code).collect::<Vec<_>>(), ["too-long"]);
    }
}

#[test]
fn the_projects_own_samples_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let files = files(&folder, "json");
    assert!(!files.is_empty());
    for file in files {
        assert_valid(&file, &std::fs::read_to_string(&file).unwrap());
    }
}

#[test]
fn the_shared_samples_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let files = ["synthea", "wintehr"].map(|name| files(&folder.join(name), "gz")).concat();
    if files.is_empty() {
        println!("skipped: ../shared/data is absent");
        return;
    }
    let mut slowest = (0, Duration::ZERO);
    for file in &files {
        let mut text = String::new();
        let bytes = std::fs::File::open(file).unwrap();
        MultiGzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        slowest = slowest.max((text.len(), assert_valid(file, &text)));
    }
    println!("{} files; the largest, {} bytes, in {:?}", files.len(), slowest.0, slowest.1);
}

/// No resource of a bundle has an error, nor has the bundle; answers how long the resources took.
fn assert_valid(file: &Path, text: &str) -> Duration {
    let bundle: Value = serde_json::from_str(text).unwrap();
    let resources: Vec<&Value> =
        bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]).collect();
    let start = Instant::now();
    let found: Vec<_> = resources.iter().flat_map(|resource| validate(resource)).collect();
    let took = start.elapsed();
    let mut errors = BTreeMap::<String, usize>::new();
    for Issue { severity, code, text, expression } in found.into_iter().chain(validate(&bundle)) {
        let text = format!("{code} {} {text}", expression.unwrap_or_default());
        match severity {
            Severity::Error | Severity::Fatal => *errors.entry(text).or_default() += 1,
            Severity::Information | Severity::Warning => println!("warning: {text}"),
        }
    }
    assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
    took
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}
