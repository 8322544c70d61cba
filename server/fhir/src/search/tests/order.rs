//! What `_sort` makes of a list.

use std::sync::Arc;

use serde_json::{Value, json};

use super::query;

/// The ids of these resources, a letter each, in the order that is asked for.
fn sorted(text: &str, resources: &[Value]) -> String {
    let resource_type = resources[0]["resourceType"].as_str().unwrap();
    let mut resources: Vec<_> = resources.iter().cloned().map(Arc::new).collect();
    query(resource_type, text).sort(&mut resources);
    resources.iter().map(|resource| resource["id"].as_str().unwrap()).collect()
}

#[test]
fn several_keys_go_up_and_down_and_what_is_missing_comes_last() {
    let patient = |id: &str, family: &str, birth: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }], "birthDate": birth });
    let mut patients = vec![
        patient("a", "Öz", "2000-01-01"),
        patient("b", "abel", "1990-05"),
        patient("c", "Oz", "1980"),
        patient("d", "Zed", "2000-01-01"),
    ];
    patients.push(json!({ "resourceType": "Patient", "id": "e" }));
    for (text, order) in [
        ("", "abcde"),
        ("_sort=family", "bacde"),
        ("_sort=-family", "dacbe"),
        ("_sort=family,birthdate", "bcade"),
        ("_sort=birthdate", "cbade"),
        ("_sort=-birthdate", "adbce"),
        ("_sort=-birthdate,-family", "dabce"),
        ("_sort=-_id", "edcba"),
        ("_sort=name", "bacde"),
        ("_sort=gender", "abcde"),
    ] {
        assert_eq!(sorted(text, &patients), order, "{text}");
    }
}

#[test]
fn numbers_and_spans_are_sorted_as_what_they_are() {
    let observation = |id: &str, value: Value, period: Value| {
        json!({
            "resourceType": "Observation", "id": id, "status": id, "effectivePeriod": period,
            "valueQuantity": { "value": value },
        })
    };
    let observations = [
        observation("a", json!(10), json!({ "start": "2013-01-01", "end": "2013-02-01" })),
        observation("b", json!(9.5), json!({ "start": "2013-01-02" })),
        observation(
            "c",
            json!(-1),
            json!({ "start": "2012-01-01T00:00:00+14:00", "end": "2013-06-01" }),
        ),
    ];
    for (text, order) in [
        ("_sort=value-quantity", "cba"),
        ("_sort=-value-quantity", "abc"),
        ("_sort=date", "cab"),
        ("_sort=-date", "bca"),
        ("_sort=-status", "cba"),
    ] {
        assert_eq!(sorted(text, &observations), order, "{text}");
    }
}
