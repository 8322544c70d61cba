//! Critical values: when they alert, and what the alert says.

use super::{
    super::critical::{CriticalTable, unchecked},
    *,
};

fn quantity(code: &str, quantity: Value) -> Value {
    json!({
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
        "valueQuantity": quantity,
    })
}

fn value(code: &str, text: &str, unit: &str) -> Value {
    let number: Value = serde_json::from_str(text).unwrap();
    quantity(code, json!({ "value": number, "unit": unit, "code": unit }))
}

fn potassium(text: &str) -> Value {
    value("2823-3", text, "mmol/L")
}

fn with(mut resource: Value, element: &str, value: Value) -> Value {
    resource[element] = value;
    resource
}

/// The details of the alert that a change of an Observation raises.
fn alert(before: &Value, after: &Value) -> Option<Value> {
    let mut events = clinical("patient:1", "Observation", before, after);
    events.retain(|event| event.event == "CRITICAL_VALUE_ALERT");
    assert!(events.len() <= 1, "once");
    events.pop().map(|event| event.details)
}

fn direction(observation: &Value) -> Option<String> {
    alert(&Value::Null, observation)
        .map(|details| details["direction"].as_str().unwrap().to_owned())
}

#[test]
fn a_potassium_of_7_2_alerts_with_everything_that_a_reader_needs() {
    let mut observation = potassium("7.2");
    observation["code"]["coding"][0]["display"] = json!("Potassium [Moles/volume] in Serum");
    assert_eq!(
        alert(&Value::Null, &observation).unwrap(),
        json!({
            "code": "2823-3",
            "display": "Potassium [Moles/volume] in Serum",
            "value": 7.2,
            "unit": "mmol/L",
            "threshold": 6.5,
            "direction": "high",
        })
    );
}

#[test]
fn a_value_alerts_when_it_becomes_critical_and_not_while_it_stays_so() {
    let (normal, high, low) = (potassium("4.1"), potassium("7.2"), potassium("2.1"));
    let registered = with(potassium("7.2"), "status", json!("registered"));
    for (before, after, alerts) in [
        (&normal, &high, true),
        (&high, &potassium("7.5"), false),
        (&high, &normal, false),
        (&high, &low, true),
        (&low, &high, true),
        (&registered, &high, true),
        (&high, &with(high.clone(), "status", json!("amended")), false),
        (&high, &Value::Null, false),
        (&normal, &value("2951-2", "170", "mmol/L"), true),
        (&high, &value("2951-2", "170", "mmol/L"), true),
    ] {
        assert_eq!(alert(before, after).is_some(), alerts, "{before} -> {after}");
    }
}

#[test]
fn only_a_stated_value_is_critical() {
    for (status, alerts) in [
        ("preliminary", true),
        ("final", true),
        ("amended", true),
        ("corrected", true),
        ("registered", false),
        ("cancelled", false),
        ("entered-in-error", false),
        ("unknown", false),
    ] {
        let observation = with(potassium("7.2"), "status", json!(status));
        assert_eq!(alert(&Value::Null, &observation).is_some(), alerts, "{status}");
    }
}

#[test]
fn every_limit_is_strict_in_every_unit_of_its_row() {
    for row in CriticalTable::shipped().rows() {
        for (code, unit) in row.codes().flat_map(|code| row.units().map(move |unit| (code, unit))) {
            for (limit, step, way) in [(row.low(), -1e-4, "low"), (row.high(), 1e-4, "high")] {
                let Some(limit) = limit else { continue };
                let beyond = limit.parse::<f64>().unwrap() + step;
                let at = value(code, limit, unit);
                assert_eq!(direction(&at), None, "{code} {limit} {unit}");
                let past = value(code, &beyond.to_string(), unit);
                assert_eq!(direction(&past).as_deref(), Some(way), "{code} {beyond} {unit}");
                let threshold = alert(&Value::Null, &past).unwrap()["threshold"].to_string();
                assert_eq!(threshold, limit);
                let marked = alert(&Value::Null, &past).unwrap()["adultsOnly"] == true;
                assert_eq!(marked, row.adults_only());
            }
        }
    }
}

#[test]
fn decimals_that_differ_in_their_zeros_are_one_number() {
    for (text, expected) in
        [("6.50", None), ("6.500", None), ("6.5e0", None), ("6.501", Some("high")), ("65E-1", None)]
    {
        assert_eq!(direction(&potassium(text)).as_deref(), expected, "{text}");
    }
    assert_eq!(direction(&potassium("0")).as_deref(), Some("low"), "zero is a value");
    assert_eq!(direction(&value("2744-1", "7.2", "[pH]")), None);
    assert_eq!(direction(&value("2744-1", "7.19", "")).as_deref(), Some("low"));
}

#[test]
fn a_comparator_counts_towards_its_own_side() {
    let glucose = |comparator: &str, number: i64| {
        let quantity = json!({ "value": number, "comparator": comparator, "unit": "mg/dL" });
        direction(&super::critical::quantity("2345-7", quantity))
    };
    for (comparator, number, expected) in [
        (">", 500, Some("high")),
        (">=", 500, Some("high")),
        (">", 600, Some("high")),
        (">", 499, None),
        (">", 20, None),
        ("<", 40, Some("low")),
        ("<=", 40, Some("low")),
        ("<", 41, None),
        ("<", 600, None),
    ] {
        assert_eq!(glucose(comparator, number).as_deref(), expected, "{comparator}{number}");
    }
}

#[test]
fn units_are_compared_in_one_spelling() {
    for (code, number, unit) in [
        ("2823-3", "7.2", "MEQ/L"),
        ("2823-3", "7.2", "mEq/L"),
        ("2823-3", "7.2", "mmol / l"),
        ("777-3", "9", "10^3/uL"),
        ("777-3", "9", "10E3/uL"),
        ("777-3", "9", "K/uL"),
        ("777-3", "9", "Thousand/uL"),
        ("777-3", "9", "x10^3/uL"),
        ("777-3", "9", "10*3/uL"),
        ("777-3", "9", "10*3/\u{b5}L"),
        ("777-3", "9", "10*9/L"),
        ("2019-8", "12", "mm[Hg]"),
        ("5902-2", "55", "sec"),
        ("6301-6", "6.1", "{INR}"),
        ("6301-6", "6.1", "1"),
        ("6301-6", "6.1", ""),
        ("2345-7", "30", "mmol/L"),
        ("14682-9", "400", "umol/L"),
        ("718-7", "65", "g/L"),
    ] {
        assert!(direction(&value(code, number, unit)).is_some(), "{code} {number} {unit}");
    }
    let by_unit = json!({ "value": 7.2, "unit": "mmol/L", "code": "258813002" });
    assert!(direction(&quantity("2823-3", by_unit)).is_some(), "the code first, then the unit");
    let by_code = json!({ "value": 30, "unit": "mg/dL", "code": "mmol/L" });
    assert_eq!(direction(&quantity("2345-7", by_code)).as_deref(), Some("high"));
}

#[test]
fn a_known_code_in_an_unknown_unit_is_not_checked_and_says_so() {
    let table = CriticalTable::shipped();
    let by_word = |code: &str| {
        let word = json!([{ "coding": [{ "code": code }] }]);
        with(value("2823-3", "7.2", "furlong"), "interpretation", word)
    };
    for (observation, expected) in [
        (value("2823-3", "7.2", "furlong"), true),
        (value("2823-3", "7.2", ""), true),
        (quantity("2823-3", json!({ "value": 7.2 })), true),
        (value("2823-3", "7.2", "mmol/L"), false),
        (value("1234-5", "7.2", "furlong"), false),
        (quantity("2823-3", json!({ "unit": "furlong" })), false),
        (by_word("N"), true),
        (by_word("HH"), false),
    ] {
        assert_eq!(unchecked(&table, &observation), expected, "{observation}");
        if expected {
            assert_eq!(alert(&Value::Null, &observation), None);
        }
        for before in [Value::Null, json!({ "status": "registered" })] {
            let events = clinical("patient:1", "Observation", &before, &observation);
            let recorded = events.iter().find(|event| {
                event.event == "OBSERVATION_RECORDED" || event.event == "OBSERVATION_UPDATED"
            });
            assert_eq!(recorded.unwrap().details["unchecked"] == true, expected);
        }
    }
}

#[test]
fn the_laboratorys_word_is_enough() {
    let said = |code: &str| {
        let observation = json!({
            "status": "final", "code": { "text": "Ward test" }, "valueString": "positive",
            "interpretation": [{ "coding": [{ "code": "A" }, { "code": code }] }],
        });
        alert(&Value::Null, &observation)
    };
    for (code, direction) in [
        ("HH", json!("high")),
        ("H>", json!("high")),
        ("LL", json!("low")),
        ("L<", json!("low")),
        ("AA", Value::Null),
    ] {
        let details = said(code).unwrap();
        assert_eq!(details["direction"], direction);
        assert_eq!(details["interpretation"], code);
        assert_eq!(details["display"], "Ward test");
        assert_eq!(details["value"], "positive");
    }
    for code in ["H", "L", "N", "A"] {
        assert_eq!(said(code), None, "{code}");
    }
}

#[test]
fn components_are_looked_at_one_by_one() {
    let part = |code: &str, number: &str, unit: &str| {
        let mut part = value(code, number, unit);
        part.as_object_mut().unwrap().remove("status");
        part
    };
    let panel = |ph: &str, co2: &str| {
        json!({
            "status": "final", "code": { "text": "Blood gas panel" },
            "component": [part("2744-1", ph, "[pH]"), part("2019-8", co2, "mmHg")],
        })
    };
    assert_eq!(alert(&Value::Null, &panel("7.40", "40")), None);
    let details = alert(&Value::Null, &panel("7.10", "85")).unwrap();
    assert_eq!(
        (&details["code"], &details["also"][0]["code"]),
        (&json!("2744-1"), &json!("2019-8"))
    );
    let second = alert(&panel("7.10", "40"), &panel("7.10", "85")).unwrap();
    assert_eq!((&second["code"], &second["also"]), (&json!("2019-8"), &Value::Null));
    assert_eq!(alert(&panel("7.10", "85"), &panel("7.05", "90")), None);
}

#[test]
fn an_old_value_is_late_and_says_how_old() {
    let hour = 3_600_000;
    let now = i64::try_from(NOW).unwrap();
    let ago = |hours: i64| json!(crate::time::rfc3339(now - hours * hour));
    for (element, value, age) in [
        ("effectiveDateTime", ago(1), None),
        ("effectiveDateTime", ago(72), None),
        ("effectiveDateTime", ago(73), Some(73)),
        ("effectiveDateTime", ago(-5), None),
        ("effectiveInstant", ago(100), Some(100)),
        ("effectivePeriod", json!({ "start": ago(100), "end": ago(2) }), None),
        ("effectivePeriod", json!({ "start": ago(100) }), Some(100)),
        ("effectiveDateTime", json!("soon"), None),
        ("issued", ago(8760), None),
    ] {
        let details = alert(&Value::Null, &with(potassium("7.2"), element, value.clone())).unwrap();
        assert_eq!(details["late"] == true, age.is_some(), "{element} {value}");
        assert_eq!(details["age_hours"].as_i64(), age, "{element} {value}");
    }
    let last_year = with(potassium("7.2"), "effectiveDateTime", json!("2025"));
    assert_eq!(alert(&Value::Null, &last_year).unwrap()["late"], true);
}

#[test]
fn the_shipped_table_survives_its_own_format() {
    let shipped = CriticalTable::shipped();
    assert_eq!(CriticalTable::parse(&shipped.to_json().to_string()).unwrap(), shipped);
}

#[test]
fn an_operators_table_replaces_the_shipped_one() {
    let file = r#"{"rows": [{"codes": ["1-8"], "what": "x", "units": ["mg"], "high": 3.10}]}"#;
    let table = CriticalTable::parse(file).unwrap();
    let row = &table.rows()[0];
    assert_eq!((row.low(), row.high(), row.adults_only()), (None, Some("3.10"), false));
}

#[test]
fn a_table_that_is_wrong_names_row_and_field() {
    let good = json!({ "codes": ["1-8"], "what": "x", "units": ["mg"], "low": 1, "high": 2 });
    let wrong = |field: &str, value: Value| with(good.clone(), field, value);
    let said = |rows: Value| {
        CriticalTable::parse(&json!({ "rows": rows }).to_string()).unwrap_err().to_string()
    };
    for (row, expected) in [
        (wrong("codes", json!([])), "row 2, `codes`: is no list with an item at least"),
        (wrong("codes", json!([""])), "row 2, `codes`: has an item that is no text"),
        (wrong("codes", json!("1-8")), "row 2, `codes`: is no list with an item at least"),
        (wrong("what", json!(7)), "row 2, `what`: is no text"),
        (wrong("units", json!([7])), "row 2, `units`: has an item that is no text"),
        (wrong("low", json!("1")), "row 2, `low`: is no number"),
        (wrong("low", json!(2)), "row 2, `low`: is not below `high`"),
        (
            with(wrong("low", Value::Null), "high", Value::Null),
            "row 2, `high`: is missing, and so is `low`",
        ),
        (wrong("adultsOnly", json!("yes")), "row 2, `adultsOnly`: is neither true nor false"),
        (wrong("hihg", json!(2)), "row 2, `hihg`: is no field of a row"),
        (good.clone(), "row 2, `units`: an earlier row has the same code in the same unit"),
        (
            wrong("units", json!(["MG"])),
            "row 2, `units`: an earlier row has the same code in the same unit",
        ),
        (json!(7), "row 2, `row`: is no object"),
    ] {
        assert_eq!(said(json!([good, row])), expected);
    }
    let whole = "the table is no object whose one member `rows` is a list with an item at least";
    assert_eq!(said(json!([])), whole);
    assert_eq!(CriticalTable::parse("[]").unwrap_err().to_string(), whole);
    assert_eq!(CriticalTable::parse("{").unwrap_err().to_string(), "the table is not JSON");
}
