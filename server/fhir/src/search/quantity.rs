//! Numbers and quantities.
//!
//! Source: FHIR R4, search, number and quantity.

use serde_json::Value;

use super::decimal::Decimal;
use super::prefix::Prefix;
use super::value;

/// A number that a query compares with, and its unit where it has one.
#[derive(Debug)]
pub(super) struct Quantity {
    prefix: Prefix,
    number: i128,
    /// What counts as equal: the end is not among it.
    from: i128,
    to: i128,
    unit: Option<Unit>,
}

#[derive(Debug)]
struct Unit {
    /// With a system the code is compared, without one the code or the unit's text.
    system: String,
    code: String,
}

impl Quantity {
    /// Reads `gt0.8`.
    pub(super) fn parse_number(text: &str) -> Option<Self> {
        let (prefix, text) = Prefix::split(text);
        let Decimal { value: number, mut half } = Decimal::parse(text)?;
        if prefix == Prefix::Approximately {
            half = half.max(number.abs() / 10 + 1);
        }
        let (from, to) = (number.checked_sub(half)?, number.checked_add(half)?);
        Some(Self { prefix, number, from, to, unit: None })
    }

    /// Reads `5.4`, `5.4|http://unitsofmeasure.org|mg` or `5.4||mg`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = value::split(text, '|').map(value::unescape);
        let number = Self::parse_number(&parts.next()?)?;
        let unit = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => None,
            (Some(system), Some(code), None) if system.is_empty() && code.is_empty() => None,
            (Some(system), Some(code), None) => Some(Unit { system, code }),
            _ => return None,
        };
        Some(Self { unit, ..number })
    }

    /// Whether a number, a Quantity, a Money or a Range compares as asked.
    pub(super) fn matches(&self, value: &Value) -> bool {
        if let Value::Number(_) = value {
            return Decimal::of(value).is_some_and(|number| self.compares(number, number));
        }
        let (low, high) = (value.get("low"), value.get("high"));
        if low.is_some() || high.is_some() {
            let in_unit = low.or(high).is_some_and(|limit| self.in_unit(limit));
            let number = |limit: Option<&Value>| limit.and_then(number_of);
            let from = number(low).unwrap_or(i128::MIN);
            return in_unit && self.compares(from, number(high).unwrap_or(i128::MAX));
        }
        let Some(number) = number_of(value) else { return false };
        let (from, to) = match value.get("comparator").and_then(Value::as_str) {
            Some("<") => (i128::MIN, number.saturating_sub(1)),
            Some("<=") => (i128::MIN, number),
            Some(">") => (number.saturating_add(1), i128::MAX),
            Some(">=") => (number, i128::MAX),
            _ => (number, number),
        };
        self.in_unit(value) && self.compares(from, to)
    }

    /// Compares with what lies from `low` to `high`, both among it. R4 has only `eq`, `ne` and `ap`
    /// regard the precision.
    fn compares(&self, low: i128, high: i128) -> bool {
        let contains = self.from <= low && high < self.to;
        match self.prefix {
            Prefix::Equal => contains,
            Prefix::NotEqual => !contains,
            Prefix::Greater => high > self.number,
            Prefix::Less => low < self.number,
            Prefix::GreaterOrEqual => high >= self.number,
            Prefix::LessOrEqual => low <= self.number,
            Prefix::StartsAfter => low > self.number,
            Prefix::EndsBefore => high < self.number,
            Prefix::Approximately => low < self.to && self.from <= high,
        }
    }

    fn in_unit(&self, quantity: &Value) -> bool {
        let Some(unit) = &self.unit else { return true };
        let is = |name, text: &str| quantity.get(name).and_then(Value::as_str) == Some(text);
        let coded = unit.code.is_empty() || is("code", &unit.code) || is("currency", &unit.code);
        if unit.system.is_empty() {
            return coded || is("unit", &unit.code);
        }
        coded && (is("system", &unit.system) || is_currency(quantity, &unit.system))
    }
}

/// A Money's currency is of this system though it does not say so.
fn is_currency(quantity: &Value, system: &str) -> bool {
    system == "urn:iso:std:iso:4217" && quantity.get("currency").is_some()
}

/// The number of a Quantity or of a JSON number.
pub(super) fn number_of(value: &Value) -> Option<i128> {
    Decimal::of(value.get("value").unwrap_or(value))
}
