//! FHIR values in the words that a person reads in a list: short, plain, without markup.

use serde_json::Value;

/// The name marked official, or else the first: its text, or given names and family name.
pub fn person_name(resource: &Value) -> Option<String> {
    let names = resource.get("name")?.as_array()?;
    let official = names.iter().find(|name| text(name, "/use") == Some("official"));
    let name = official.or_else(|| names.first())?;
    if let Some(text) = text(name, "/text") {
        return Some(text.to_owned());
    }
    let given = name.get("given").and_then(Value::as_array).into_iter().flatten();
    let parts: Vec<&str> = given.chain(name.get("family")).filter_map(Value::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// A CodeableConcept: its text, or the first coding's display or code.
pub fn concept(concept: &Value) -> Option<&str> {
    ["/text", "/coding/0/display", "/coding/0/code"].into_iter().find_map(|at| text(concept, at))
}

/// A Reference: its display, or where it points.
pub fn reference(reference: &Value) -> Option<&str> {
    text(reference, "/display").or_else(|| text(reference, "/reference"))
}

/// A Quantity as `value unit`; `None` without a value.
pub fn quantity(quantity: &Value) -> Option<String> {
    let value = quantity.get("value")?.as_number()?.to_string();
    let unit = text(quantity, "/unit").or_else(|| text(quantity, "/code"));
    Some(unit.map_or_else(|| value.clone(), |unit| format!("{value} {unit}")))
}

/// Dosage instructions: each one's text, or dose, timing and as needed; `None` where none says any.
pub fn dosage(instructions: &Value) -> Option<String> {
    let told: Vec<String> = instructions.as_array()?.iter().filter_map(one_dosage).collect();
    (!told.is_empty()).then(|| told.join("; then "))
}

fn one_dosage(dosage: &Value) -> Option<String> {
    if let Some(text) = text(dosage, "/text") {
        return Some(text.to_owned());
    }
    let needed = dosage.get("asNeededBoolean") == Some(&Value::Bool(true));
    let parts = [
        dosage.pointer("/doseAndRate/0/doseQuantity").and_then(quantity),
        dosage.get("route").and_then(concept).map(str::to_owned),
        dosage.get("timing").and_then(timing),
        needed.then(|| "as needed".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn timing(timing: &Value) -> Option<String> {
    if let Some(code) = timing.get("code").and_then(concept) {
        return Some(code.to_owned());
    }
    let repeat = timing.get("repeat")?;
    let number = |name: &str| repeat.get(name)?.as_number().map(ToString::to_string);
    let unit = text(repeat, "/periodUnit")?;
    let frequency = number("frequency").unwrap_or_else(|| "1".to_owned());
    Some(format!("{frequency} every {} {unit}", number("period")?))
}

/// A text at a JSON pointer, unless it is empty.
pub(crate) fn text<'a>(value: &'a Value, at: &str) -> Option<&'a str> {
    value.pointer(at).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_official_name_is_shown() {
        let maiden = json!({ "use": "maiden", "given": ["Ann"], "family": "Smith" });
        let official = json!({ "use": "official", "given": ["Ann", "Bea"], "family": "Doe" });
        let patient = json!({ "name": [maiden, official] });
        assert_eq!(person_name(&patient).as_deref(), Some("Ann Bea Doe"));
        let patient = json!({ "name": [{ "text": "Ann Doe" }] });
        assert_eq!(person_name(&patient).as_deref(), Some("Ann Doe"));
        assert_eq!(person_name(&json!({ "name": [] })), None);
    }

    #[test]
    fn dosages_are_told_from_text_or_from_their_parts() {
        let dose = json!({ "doseQuantity": { "value": 5, "unit": "mg" } });
        let daily = json!({ "repeat": { "frequency": 2, "period": 1, "periodUnit": "d" } });
        let parts = json!({
            "doseAndRate": [dose], "timing": daily, "route": { "text": "oral" }, "asNeededBoolean": true,
        });
        for (instructions, told) in [
            (json!([{ "text": "one in the morning" }]), Some("one in the morning")),
            (json!([parts]), Some("5 mg, oral, 2 every 1 d, as needed")),
            (
                json!([{ "text": "two" }, { "timing": { "code": { "text": "BID" } } }]),
                Some("two; then BID"),
            ),
            (json!([{ "sequence": 1 }]), None),
            (Value::Null, None),
        ] {
            assert_eq!(dosage(&instructions).as_deref(), told, "{instructions}");
        }
    }
}
