//! Codes and identifiers.
//!
//! Source: FHIR R4, search, token. Codes are compared without case, as R4 advises where in doubt;
//! systems and `_id` with it.

use serde_json::Value;

use super::value;

/// A code that a query compares with.
#[derive(Debug)]
pub(super) struct Token {
    system: System,
    /// `None` for `system|`: any code of it.
    code: Option<String>,
    has_case: bool,
}

#[derive(Debug)]
enum System {
    Any,
    Absent,
    Is(String),
}

impl Token {
    /// Reads `code`, `system|code`, `|code` or `system|`.
    pub(super) fn parse(text: &str, has_case: bool) -> Option<Self> {
        let mut parts = value::split(text, '|').map(value::unescape);
        let (system, code) = match (parts.next()?, parts.next(), parts.next()) {
            (code, None, _) => (System::Any, code),
            (system, Some(code), None) if system.is_empty() => (System::Absent, code),
            (system, Some(code), None) => (System::Is(system), code),
            (_, Some(_), Some(_)) => return None,
        };
        let code = (!code.is_empty()).then_some(code);
        let says_nothing = code.is_none() && !matches!(system, System::Is(_));
        (!says_nothing).then_some(Self { system, code, has_case })
    }

    /// The code alone, unless a system is asked for.
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref().filter(|_| !matches!(self.system, System::Is(_)))
    }

    /// Whether a value is this code; `implied` is the system of a `code` that has none of its own.
    pub(super) fn matches(&self, value: &Value, implied: Option<&str>) -> bool {
        match value {
            Value::String(text) => self.is(implied, Some(text)),
            Value::Bool(truth) => self.is(None, Some(if *truth { "true" } else { "false" })),
            Value::Object(object) => match object.get("coding") {
                Some(Value::Array(codings)) => codings.iter().any(|coding| self.is_coded(coding)),
                _ => self.is_coded(value),
            },
            Value::Null | Value::Number(_) | Value::Array(_) => false,
        }
    }

    /// Of a Coding, an Identifier or a ContactPoint.
    fn is_coded(&self, coding: &Value) -> bool {
        let text = |name| coding.get(name).and_then(Value::as_str);
        self.is(text("system"), text("code").or_else(|| text("value")))
    }

    fn is(&self, system: Option<&str>, code: Option<&str>) -> bool {
        let same = |code: &str, wanted: &str| {
            if self.has_case { code == wanted } else { same_but_case(code, wanted) }
        };
        let coded = match &self.code {
            Some(wanted) => code.is_some_and(|code| same(code, wanted)),
            None => true,
        };
        coded
            && match &self.system {
                System::Any => true,
                System::Absent => system.is_none(),
                System::Is(wanted) => system == Some(wanted),
            }
    }
}

/// An identifier by its type (`:of-type`), where its system is not known.
#[derive(Debug)]
pub(super) struct Typed {
    of: Token,
    value: String,
}

impl Typed {
    /// Reads `system|code|value`, all three.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<_> = value::split(text, '|').map(value::unescape).collect();
        let [system, code, value] = <[String; 3]>::try_from(parts).ok()?;
        if system.is_empty() || code.is_empty() || value.is_empty() {
            return None;
        }
        let of = Token { system: System::Is(system), code: Some(code), has_case: false };
        Some(Self { of, value })
    }

    /// Whether this is an Identifier of the type with the value.
    pub(super) fn matches(&self, identifier: &Value) -> bool {
        let value = identifier.get("value").and_then(Value::as_str);
        value.is_some_and(|value| same_but_case(value, &self.value))
            && identifier.get("type").is_some_and(|named| self.of.matches(named, None))
    }
}

fn same_but_case(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || !one.is_ascii() && one.to_lowercase() == other.to_lowercase()
}
