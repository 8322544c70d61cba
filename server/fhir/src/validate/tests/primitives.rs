//! Values that are and are not of each primitive, as the value of an extension.

use serde_json::{Value, json};

use super::super::validate;
use crate::outcome::Severity;

/// The issues of a value of a type, as codes.
fn codes(of: &str, value: Value) -> Vec<&'static str> {
    let patient = json!({
        "resourceType": "Patient", "extension": [{"url": "u", (format!("value{of}")): value}],
    });
    let issues = validate(&patient);
    for issue in &issues {
        assert_eq!(issue.expression.as_deref(), Some("Patient.extension[0].value"), "{issue:?}");
    }
    issues.into_iter().map(|issue| issue.code).collect()
}

#[track_caller]
fn check(of: &str, good: &[Value], bad: &[Value]) {
    for value in good {
        assert_eq!(codes(of, value.clone()), [""; 0], "{of} {value}");
    }
    for value in bad {
        assert_eq!(codes(of, value.clone()), ["value"], "{of} {value}");
    }
}

fn texts<const N: usize>(texts: [&str; N]) -> [Value; N] {
    texts.map(Value::from)
}

fn numbers<const N: usize>(texts: [&str; N]) -> [Value; N] {
    texts.map(|text| serde_json::from_str(text).unwrap())
}

#[test]
fn dates_and_times() {
    check(
        "Date",
        &texts(["2024", "0001", "2024-12", "2024-02-29", "2000-02-29", "2023-12-31"]),
        &texts([
            "",
            "24",
            "0000",
            "2024-13",
            "2024-00",
            "2024-2-1",
            "2023-02-29",
            "1900-02-29",
            "2024-04-31",
            "2024-01-00",
            "2024-01-01-01",
            "2024-01-01T00:00:00Z",
            "yesterday",
            " 2024",
            "2024-",
            "+024",
            "01/02/2024",
        ]),
    );
    check(
        "DateTime",
        &texts([
            "2024",
            "2024-02",
            "2024-02-29",
            "2024-02-29T00:00:00Z",
            "2024-02-29T23:59:59.9-05:00",
            "2024-02-29T23:59:60+14:00",
        ]),
        &texts([
            "2024-02-30T00:00:00Z",
            "2024-02-29T24:00:00Z",
            "2024-02-29T00:60:00Z",
            "2024-02-29T00:00:61Z",
            "2024-02-29T00:00Z",
            "2024-02T00:00:00Z",
            "2024-02-29 00:00:00Z",
            "2024-02-29T00:00:00.Z",
            "2024-02-29T00:00:00+14:01",
            "2024-02-29T00:00:00+0100",
            "2024-02-29T00:00:00z",
            "2024-02-29T",
            "T00:00:00Z",
        ]),
    );
    check(
        "Instant",
        &texts(["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000001+01:00"]),
        &texts(["2024-02-29", "2024-02-29T00:00:00", "2024-02-30T00:00:00Z", ""]),
    );
    check(
        "Time",
        &texts(["00:00:00", "23:59:60.5"]),
        &texts(["24:00:00", "12:00", "12:00:00Z", "1:00:00", "12:00:00.", "12:00:00:00", ""]),
    );
}

#[test]
fn a_time_without_a_zone_is_a_warning() {
    let communication = json!({
        "resourceType": "Communication", "status": "completed", "sent": "2025-12-14T09:18:00",
    });
    let issues = validate(&communication);
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0].severity, Severity::Warning);
    assert_eq!(issues[0].expression.as_deref(), Some("Communication.sent"));
}

#[test]
fn numbers_of_fhir() {
    check(
        "Integer",
        &numbers(["0", "-2147483648", "2147483647"]),
        &numbers([
            "2147483648",
            "-2147483649",
            "1.0",
            "1e2",
            "1.5",
            "123456789012345678901234567890",
        ]),
    );
    check("UnsignedInt", &numbers(["0", "2147483647"]), &numbers(["-1", "0.5", "2147483648"]));
    check("PositiveInt", &numbers(["1", "2147483647"]), &numbers(["0", "-1", "1.0"]));
    check("Decimal", &numbers(["0", "-1.50", "1e-7", "3.14159265358979323846"]), &[]);
    for of in ["Integer", "UnsignedInt", "PositiveInt", "Decimal", "Boolean"] {
        assert_eq!(codes(of, json!("1")), ["structure"], "{of}");
    }
    assert_eq!(codes("Boolean", json!(true)), [""; 0]);
    assert_eq!(codes("Boolean", json!(1)), ["structure"]);
}

#[test]
fn texts_of_fhir() {
    check("String", &texts(["x", " ", "line\nbreak", "\u{e9}"]), &texts([""]));
    check("Markdown", &texts(["# x\n\ny"]), &texts([""]));
    check("Code", &texts(["a", "a b", "a-b.c|d", "\u{a0}"]), &texts(["", " a", "a ", "a  b"]));
    check(
        "Id",
        &texts(["a", "A-1.b", &"x".repeat(64)]),
        &texts(["", "a b", "a_b", "a/b", "\u{e9}", &"x".repeat(65)]),
    );
    for of in ["Uri", "Url", "Canonical"] {
        check(of, &texts(["http://e.org/a?b#c|1", "urn:x:y", "#a"]), &texts(["", "a b", "a\n"]));
    }
    check(
        "Oid",
        &texts(["urn:oid:1.2.840", "urn:oid:2.0"]),
        &texts([
            "1.2",
            "urn:oid:1",
            "urn:oid:3.1",
            "urn:oid:1.02",
            "urn:oid:1.",
            "urn:oid:1.a",
            "",
        ]),
    );
    check(
        "Uuid",
        &texts(["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"]),
        &texts([
            "c757873d-ec9a-4326-a141-556f43239520",
            "urn:uuid:C757873D-EC9A-4326-A141-556F43239520",
            "urn:uuid:c757873dec9a4326a141556f43239520",
            "urn:uuid:",
            "",
        ]),
    );
    check(
        "Base64Binary",
        &texts(["QQ==", "AAAA BBB=", "AA+/"]),
        &texts(["", "A", "AAA", "=AAA", "A===", "AA==AAAA", "AA-_", "AAAA,"]),
    );
}
