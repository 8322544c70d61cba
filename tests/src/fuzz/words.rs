//! Names, texts, resources and commands as charts have them, chosen by a fuzzer's bytes.

use arbitrary::{Result, Unstructured};
use chartroom_engine::{Command, room::io::Elements};
use serde_json::{Map, Value, json};

/// Collections, each with rules, safety groups or shapes of its own.
pub(super) const TYPES: [&str; 16] = [
    "AllergyIntolerance",
    "Basic",
    "CarePlan",
    "Communication",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Flag",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Patient",
    "Procedure",
    "ServiceRequest",
    "$texts",
];

/// Few, so that people meet; the last is no FHIR id.
pub(super) const IDS: [&str; 5] = ["1", "2", "a-b.c", "after", "no id"];

/// Keys of texts that people write together; the last are none.
pub(super) const KEYS: [&str; 6] = [
    "Basic:1:text",
    "Condition:1:text",
    "Condition:after:text",
    "DocumentReference/2/text",
    "Condition/no id/text",
    "1",
];

const NAMES: [&str; 44] = [
    "$deleted",
    "$order",
    "$source",
    "_birthDate",
    "achievementStatus",
    "basedOn",
    "birthDate",
    "category",
    "clinicalStatus",
    "code",
    "coding",
    "content",
    "attachment",
    "contentType",
    "criticality",
    "display",
    "docStatus",
    "dosageInstruction",
    "effectiveDateTime",
    "extension",
    "high",
    "id",
    "inResponseTo",
    "intent",
    "low",
    "medicationCodeableConcept",
    "meta",
    "modifierExtension",
    "note",
    "onsetDateTime",
    "onsetString",
    "patient",
    "reference",
    "resourceType",
    "status",
    "subject",
    "system",
    "text",
    "unit",
    "url",
    "value",
    "valueQuantity",
    "verificationStatus",
    "versionId",
];

const TEXTS: [&str; 40] = [
    "",
    "=",
    "=[",
    "=_",
    "=_[1,{\"id\":\"x\"}]",
    "=_[null,null,1]",
    "={\"a\":1.10}",
    "=[[],{}]",
    "=null",
    "$order",
    "Patient/1",
    "Patient/2",
    "#x",
    "Observation/1",
    "http://loinc.org",
    "2823-3",
    "2345-7",
    "mmol/L",
    "mg/dL",
    "http://unitsofmeasure.org",
    "laboratory",
    "RAD",
    "vital-signs",
    "active",
    "completed",
    "draft",
    "entered-in-error",
    "final",
    "in-progress",
    "inactive",
    "order",
    "amended",
    "application/pdf",
    "text/plain",
    "alert",
    "2023-11-14",
    "2023-11-14T22:13:20Z",
    "\u{1f600}",
    "\u{0}",
    "\u{202e}e\u{301}",
];

/// A name of an element, mostly.
pub(super) fn word(choices: &mut Unstructured<'_>) -> Result<String> {
    if choices.ratio(7, 8)? { Ok(choices.choose(&NAMES)?.to_string()) } else { text(choices) }
}

/// A text of a chart, mostly.
pub(super) fn text(choices: &mut Unstructured<'_>) -> Result<String> {
    if choices.ratio(7, 8)? {
        return Ok(choices.choose(&TEXTS)?.to_string());
    }
    if choices.ratio(1, 4)? {
        // JSON about as deep as is taken, or as its readers take.
        let depth = choices.int_in_range(60..=130)?;
        return Ok(format!("={}{}", "[".repeat(depth), "]".repeat(depth)));
    }
    let length = choices.int_in_range(0..=24)?.min(choices.len());
    Ok(String::from_utf8_lossy(choices.bytes(length)?).into_owned())
}

/// A resource whose elements and values nobody checked.
pub(super) fn resource(choices: &mut Unstructured<'_>) -> Result<Value> {
    let mut resource = elements(choices)?;
    resource.insert("resourceType".to_owned(), json!(choices.choose(&TYPES)?));
    resource.insert("id".to_owned(), json!(choices.choose(&IDS)?));
    if choices.ratio(3, 4)? {
        // A value that the critical table knows, so that its rules are reached.
        resource.insert("status".to_owned(), json!(text(choices)?));
        let code = json!({"coding": [{"system": "http://loinc.org", "code": text(choices)?}]});
        resource.insert("code".to_owned(), code);
        let value =
            json!({"value": number(choices)?, "unit": text(choices)?, "code": text(choices)?});
        resource.insert("valueQuantity".to_owned(), value);
    }
    Ok(Value::Object(resource))
}

pub(super) fn elements(choices: &mut Unstructured<'_>) -> Result<Elements> {
    let mut elements = Map::new();
    for _ in 0..choices.int_in_range(0..=6)? {
        elements.insert(word(choices)?, json(choices, 5)?);
    }
    Ok(elements)
}

fn json(choices: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    Ok(match choices.int_in_range(0..=9)? {
        0 => Value::Null,
        1 => Value::Bool(choices.arbitrary()?),
        2 | 3 => number(choices)?,
        4 | 5 if depth > 0 => {
            let length = choices.int_in_range(0..=3)?;
            (0..length).map(|_| json(choices, depth - 1)).collect::<Result<_>>()?
        }
        6 | 7 if depth > 0 => {
            let length = choices.int_in_range(0..=3)?;
            let mut object = Map::new();
            for _ in 0..length {
                object.insert(word(choices)?, json(choices, depth - 1)?);
            }
            Value::Object(object)
        }
        _ => Value::String(text(choices)?),
    })
}

/// A number as JSON writes it, whose digits are to be kept.
fn number(choices: &mut Unstructured<'_>) -> Result<Value> {
    const NUMBERS: [&str; 12] = [
        "0",
        "-0",
        "7",
        "1.10",
        "6.50",
        "1e400",
        "-1E-9",
        "9007199254740993",
        "18446744073709551616",
        "-9223372036854775808",
        "0.000",
        "123456789.123456789123456789",
    ];
    if choices.ratio(1, 2)? {
        return Ok(serde_json::from_str(choices.choose(&NUMBERS)?).unwrap_or_default());
    }
    Ok(json!(choices.arbitrary::<i64>()?))
}

/// A command of any kind, a batch of several among them where `depth` allows.
pub(super) fn command(choices: &mut Unstructured<'_>, depth: usize) -> Result<Command> {
    let resource_type = choices.choose(&TYPES)?.to_string();
    let id = choices.choose(&IDS)?.to_string();
    Ok(match choices.int_in_range(0..=12)? {
        10 | 11 => {
            let (element, insert) = ("text".to_owned(), text(choices)?);
            // Behind the end, within a pair, and what no sum holds.
            let mut count = || match choices.int_in_range(0..=15)? {
                15 => Ok(usize::MAX),
                few => Ok(few),
            };
            let (index, delete) = (count()?, count()?);
            Command::Splice { resource_type, id, element, index, delete, insert }
        }
        12 => {
            let text = text(choices)?;
            Command::SetText { resource_type, id, element: "text".to_owned(), text }
        }
        0..=3 => Command::Put { resource: resource(choices)? },
        4 | 5 => Command::Patch { resource_type, id, elements: elements(choices)? },
        6 => Command::Delete { resource_type, id },
        7 => Command::Undelete { resource_type, id },
        8 if depth > 0 => {
            let length = choices.int_in_range(0..=4)?;
            let commands = (0..length).map(|_| command(choices, depth - 1));
            Command::Batch { commands: commands.collect::<Result<_>>()? }
        }
        _ => {
            let length = choices.int_in_range(0..=4)?;
            let resources = (0..length).map(|_| resource(choices)).collect::<Result<_>>()?;
            Command::Import { resources }
        }
    })
}
