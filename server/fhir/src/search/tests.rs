//! Tables of a resource, a query, and whether the one answers the other.

mod bad;
mod leads;
mod order;
mod real;
mod values;

use serde_json::{Value, json};

use super::{Context, Handling, Query};
use crate::outcome::Issue;

const BASE: &str = "http://chart.example/fhir";
const STRICT: Context<'_> =
    Context { handling: Handling::Strict, base: BASE, now_ms: 1_735_689_600_000 };
const LENIENT: Context<'_> = Context { handling: Handling::Lenient, ..STRICT };

/// The pairs of `name=value&name=value`, which are not percent-encoded here.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

fn parse(resource_type: &str, query: &str) -> Result<(Query, Vec<Issue>), Vec<Issue>> {
    Query::parse(resource_type, &pairs(query), &STRICT)
}

fn query(resource_type: &str, text: &str) -> Query {
    parse(resource_type, text).unwrap_or_else(|issues| panic!("{text}: {issues:?}")).0
}

/// Asks each query of the resource.
fn check(resource: Value, rows: &[(&str, bool)]) {
    let resource_type = resource["resourceType"].as_str().unwrap();
    for (text, expected) in rows {
        assert_eq!(query(resource_type, text).matches(&resource), *expected, "{text}");
    }
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p1",
        "meta": {
            "versionId": "3",
            "lastUpdated": "2024-05-06T07:08:09.123Z",
            "tag": [{ "system": "http://tags.example", "code": "ward-7" }],
            "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"],
        },
        "active": true,
        "identifier": [
            {
                "type": {
                    "text": "Medical Record Number",
                    "coding": [{ "system": "http://types.example", "code": "MR" }],
                },
                "system": "http://hospital.example/mrn",
                "value": "A-12|3",
            },
            { "value": "bare" },
        ],
        "name": [
            { "use": "official", "family": "Carreño Quiñones", "given": ["José", "Mary-Jane"] },
            { "text": "Pepe the Great, Ph.D." },
        ],
        "telecom": [
            { "system": "phone", "value": "555-1234" },
            { "system": "email", "value": "pepe@example.org" },
        ],
        "gender": "male",
        "birthDate": "2000-01-15",
        "deceasedDateTime": "2020-02-29T12:00:00+02:00",
        "address": [{
            "use": "home",
            "line": ["12 O'Hara  Street"],
            "city": "Łódź",
            "postalCode": "90-001",
        }],
        "communication": [{ "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": "pl" }] } }],
        "generalPractitioner": [
            { "reference": "http://chart.example/fhir/Practitioner/d1/_history/2" },
            { "reference": "http://elsewhere.example/Practitioner/d2" },
        ],
        "managingOrganization": { "identifier": { "system": "urn:o", "value": "H1" } },
    })
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {
            "text": "Blood pressure",
            "coding": [
                { "system": "http://loinc.org", "code": "85354-9", "display": "BP panel" },
                { "code": "local-bp" },
            ],
        },
        "subject": { "reference": "Patient/p1" },
        "encounter": { "reference": "urn:uuid:9b1deb4d" },
        "effectiveDateTime": "2013-01-14T10:00:00+01:00",
        "valueQuantity": {
            "value": 5.40, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg",
        },
        "component": [
            { "code": { "coding": [{ "code": "sys" }] }, "valueQuantity": { "value": 140, "comparator": ">" } },
            { "code": { "coding": [{ "code": "dia" }] }, "valueCodeableConcept": { "text": "Low" } },
        ],
    })
}
