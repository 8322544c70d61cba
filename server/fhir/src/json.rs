//! JSON as FHIR has it: a name stands once in an object (FHIR R4, json.html), so that nothing which was
//! sent is dropped in silence.

use std::{collections::BTreeSet, fmt};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Reads a JSON text.
///
/// # Errors
/// Where it is no JSON, or an object has a name twice; with line and column, and no text of it.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Distinct>(text)?;
    serde_json::from_slice(text)
}

/// Any value in which every object's names differ.
struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Distinct {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a name stands twice in an object"));
            }
            members.next_value::<Self>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_name_that_stands_twice_is_an_error() {
        for text in
            [r#"{"a":1,"a":2}"#, r#"{"b":[{"a":1,"a":1}]}"#, "{", "[1,]", "{\"a\":\"\u{1}\"}"]
        {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        for text in [r#"{"a":0.010,"b":{"a":[{"a":null},{"a":true}]}}"#, "[]", "1e2", r#""x""#] {
            let read = parse(text.as_bytes()).expect("it is JSON");
            assert_eq!(read, serde_json::from_str::<serde_json::Value>(text).expect("it is JSON"));
        }
    }
}
