//! What a query may not say, and what becomes of it.

use super::{LENIENT, pairs, parse, query};
use crate::outcome::Severity;
use crate::search::{COUNT_DEFAULT, COUNT_MAX, Query, Summary, Total};

/// Each query has one issue of this code, about this parameter.
fn check(rows: &[(&str, &str, &str, &str)]) {
    for (resource_type, text, code, at) in rows {
        let issues = parse(resource_type, text).err().unwrap_or_else(|| panic!("{text} is read"));
        let [issue] = &issues[..] else { panic!("{text}: {issues:?}") };
        assert_eq!((issue.code, issue.expression.as_deref()), (*code, Some(*at)), "{text}");
        assert!(issue.text.contains(at), "{text}: {}", issue.text);
    }
}

#[test]
fn a_value_that_cannot_be_read_is_invalid() {
    check(&[
        ("Patient", "birthdate=yesterday", "invalid", "birthdate"),
        ("Patient", "birthdate=2000-13", "invalid", "birthdate"),
        ("Patient", "birthdate=gt", "invalid", "birthdate"),
        ("Patient", "birthdate=2000,x", "invalid", "birthdate"),
        ("Patient", "birthdate=xx2000", "invalid", "birthdate"),
        ("Patient", "_lastUpdated=2024-01-01T10", "invalid", "_lastUpdated"),
        ("Patient", "identifier=|", "invalid", "identifier"),
        ("Patient", "identifier=a|b|c", "invalid", "identifier"),
        ("Patient", "identifier:of-type=a|b", "invalid", "identifier:of-type"),
        ("Patient", "identifier:of-type=|b|c", "invalid", "identifier:of-type"),
        ("Patient", "deceased=maybe", "invalid", "deceased"),
        ("Patient", "gender:missing=maybe", "invalid", "gender:missing"),
        ("Patient", "organization=a b", "invalid", "organization"),
        ("Patient", "organization=Nothing/1", "invalid", "organization"),
        ("Observation", "subject:Patient=Group/1", "invalid", "subject:Patient"),
        ("Observation", "value-quantity=much", "invalid", "value-quantity"),
        ("Observation", "value-quantity=5|mg", "invalid", "value-quantity"),
        ("Observation", "value-quantity=5|a|b|c", "invalid", "value-quantity"),
        ("RiskAssessment", "probability=0.", "invalid", "probability"),
        ("Patient", "_count=x", "invalid", "_count"),
        ("Patient", "_count=-1", "invalid", "_count"),
        ("Patient", "_count=1.5", "invalid", "_count"),
        ("Patient", "_summary=maybe", "invalid", "_summary"),
        ("Patient", "_total=all", "invalid", "_total"),
    ]);
}

#[test]
fn what_is_not_known_is_refused_when_strict() {
    check(&[
        ("Patient", "colour=red", "not-supported", "colour"),
        ("Patient", "performer=Patient/1", "not-supported", "performer"),
        ("Patient", "phonetic=jo", "not-supported", "phonetic"),
        ("Patient", "_text=pain", "not-supported", "_text"),
        (
            "Patient",
            "_has:Observation:patient:code=1",
            "not-supported",
            "_has:Observation:patient:code",
        ),
        ("Observation", "patient.name=jose", "not-supported", "patient.name"),
        ("Observation", "subject:Patient.name=jose", "not-supported", "subject:Patient.name"),
        ("Observation", "code-value-quantity=1$5", "not-supported", "code-value-quantity"),
        ("Patient", "_sort=colour", "not-supported", "_sort"),
        ("Patient", "_include=Patient:name", "not-supported", "_include"),
        ("Patient", "_include=*", "not-supported", "_include"),
        ("Patient", "_include=Patient:*", "not-supported", "_include"),
        ("Patient", "_include=Nothing:link", "not-supported", "_include"),
        ("Patient", "_include:recurse=Patient:link", "not-supported", "_include:recurse"),
        ("Patient", "_revinclude=Observation:patient:Nobody", "not-supported", "_revinclude"),
    ]);
    assert!(parse("Nothing", "").is_err());
}

#[test]
fn what_is_not_known_is_ignored_with_a_warning_when_lenient() {
    let text = "colour=red&gender=male&patient.name=x&_sort=colour&_include=*&_count=5";
    let (query, issues) = Query::parse("Patient", &pairs(text), &LENIENT).unwrap();
    let at: Vec<_> = issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
    assert_eq!(at, ["colour", "patient.name", "_sort", "_include"]);
    assert!(issues.iter().all(|issue| issue.severity == Severity::Warning));
    let applied: Vec<_> =
        query.applied().iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert_eq!(applied, [("gender", "male"), ("_count", "5")]);
    assert!(query.matches(&super::patient()));
}

/// R4: a server rejects a modifier that it does not support, whatever else it ignores.
#[test]
fn a_modifier_that_is_not_known_is_an_error_always() {
    let rows = [
        ("Observation", "code:in=http://vs.example", "not-supported", "code:in"),
        ("Observation", "code:below=1", "not-supported", "code:below"),
        ("Patient", "identifier:otype=a|b|c", "not-supported", "identifier:otype"),
        ("Patient", "name:sounds=jo", "not-supported", "name:sounds"),
        ("Patient", "birthdate:exact=2000", "not-supported", "birthdate:exact"),
        ("Observation", "subject:Nobody=1", "not-supported", "subject:Nobody"),
        ("Observation", "value-quantity:above=1", "not-supported", "value-quantity:above"),
        ("ValueSet", "url:exact=1", "not-supported", "url:exact"),
    ];
    check(&rows);
    for (resource_type, text, ..) in rows {
        assert!(Query::parse(resource_type, &pairs(text), &LENIENT).is_err(), "{text}");
    }
}

#[test]
fn every_fault_is_named_at_once() {
    let issues = parse("Patient", "birthdate=x&colour=red&_count=x&gender=male").err().unwrap();
    let codes: Vec<_> = issues.iter().map(|issue| issue.code).collect();
    assert_eq!(codes, ["invalid", "not-supported", "invalid"]);
}

#[test]
fn controls_are_read() {
    let plain = query("Patient", "_format=json&_pretty=true&name=");
    assert_eq!(
        (plain.count(), plain.summary(), plain.total()),
        (COUNT_DEFAULT, Summary::False, None)
    );
    assert!(plain.applied().is_empty() && plain.elements().is_empty());

    let asked = query("Patient", "_count=7&_summary=data&_total=accurate&_elements=name, gender,");
    assert_eq!((asked.count(), asked.summary()), (7, Summary::Data));
    assert_eq!(asked.total(), Some(Total::Accurate));
    assert_eq!(asked.elements(), ["name", "gender"]);

    let many = query("Patient", "_count=99999999999999999999999");
    assert_eq!(many.count(), COUNT_MAX);
    assert_eq!(many.applied(), [("_count".to_owned(), "1000".to_owned())]);
    assert_eq!(query("Patient", "_count=0").summary(), Summary::Count);
}
