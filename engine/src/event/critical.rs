//! Critical values: which results somebody has to act on at once.
//!
//! A part of an Observation (itself, or one component) is critical where the laboratory says so or
//! its number is outside the [`CriticalTable`]. Numbers are compared as doubles, which keep the order
//! of every decimal that a laboratory writes.

mod file;
mod table;

use serde_json::{Map, Value};

use super::{Rules, fields};
use crate::time;

pub use file::CriticalTableError;
pub use table::{CriticalRow, CriticalTable};

/// Whether a number of the Observation could not be compared: the table has its code, but not its
/// unit.
pub fn unchecked(table: &CriticalTable, observation: &Value) -> bool {
    parts(observation).into_iter().any(|part| matches!(read(table, part), Reading::Unchecked))
}

/// Whether an Observation says, as it stands, that somebody has to act at once.
pub fn is_critical(table: &CriticalTable, observation: &Value) -> bool {
    !findings(table, observation).is_empty()
}

/// The details of the alert, where a part of the Observation becomes critical with a change: it was
/// not before, or was so in the other direction.
pub(super) fn alert(
    rules: &Rules,
    before: Option<&Value>,
    after: &Value,
    now_ms: u64,
) -> Option<Value> {
    let mut new = findings(&rules.critical, after);
    if new.is_empty() {
        return None;
    }
    let earlier: Vec<Finding<'_>> =
        before.map_or_else(Vec::new, |before| findings(&rules.critical, before));
    new.retain(|finding| !earlier.iter().any(|earlier| earlier.covers(finding)));
    let mut told = new.iter().map(Finding::details);
    let mut details = told.next()?;
    let others: Vec<Value> = told.map(Value::Object).collect();
    if !others.is_empty() {
        details.insert("also".to_owned(), others.into());
    }
    let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
    let age_ms = effective_ms(after).map_or(0, |effective| now_ms.saturating_sub(effective));
    if u64::try_from(age_ms).is_ok_and(|age| age > rules.late_after_ms) {
        details.insert("late".to_owned(), true.into());
        details.insert("age_hours".to_owned(), (age_ms / 3_600_000).into());
    }
    Some(details.into())
}

/// What a part of an Observation amounts to.
enum Reading<'a> {
    Unremarkable,
    Unchecked,
    Critical(Finding<'a>),
}

/// A critical part.
struct Finding<'a> {
    part: &'a Value,
    coding: Option<&'a Value>,
    /// The row that its number was compared with.
    row: Option<&'a CriticalRow>,
    /// The laboratory's word, where that is why.
    interpretation: Option<&'a str>,
    /// Too low or too high; `None` where the laboratory does not say.
    direction: Option<Direction>,
}

/// Which way a value is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Low,
    High,
}

impl Finding<'_> {
    /// Whether a later finding is no news: the same code, not out the other way.
    fn covers(&self, later: &Finding<'_>) -> bool {
        let flipped = self.direction.zip(later.direction).is_some_and(|(was, is)| was != is);
        self.code() == later.code() && !flipped
    }

    fn code(&self) -> Option<&Value> {
        self.coding?.get("code")
    }

    fn details(&self) -> Map<String, Value> {
        let part = |name| self.part.get(name);
        let quantity = |name| part("valueQuantity").and_then(|quantity| quantity.get(name));
        let other = || part("valueString").or_else(|| part("valueCodeableConcept"));
        let row = self.row;
        let (direction, limit) = match self.direction {
            Some(Direction::Low) => (Some("low"), row.and_then(CriticalRow::low)),
            Some(Direction::High) => (Some("high"), row.and_then(CriticalRow::high)),
            None => (None, None),
        };
        let mut details = Map::new();
        let mut tell = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                details.insert(name.to_owned(), value);
            }
        };
        let display = self.coding.and_then(|coding| coding.get("display"));
        let display = display.or_else(|| part("code")?.get("text")).cloned();
        tell("code", self.code().cloned());
        tell("display", display.or_else(|| row.map(|row| row.what().into())));
        tell("value", quantity("value").or_else(other).cloned());
        tell("comparator", quantity("comparator").cloned());
        tell("unit", quantity("unit").or_else(|| quantity("code")).cloned());
        tell("threshold", limit.and_then(|limit| limit.parse().ok()).map(Value::Number));
        tell("direction", direction.map(Value::from));
        tell("interpretation", self.interpretation.map(Value::from));
        tell("adultsOnly", row.filter(|row| row.adults_only()).map(|_| true.into()));
        details
    }
}

fn findings<'a>(table: &'a CriticalTable, observation: &'a Value) -> Vec<Finding<'a>> {
    let critical = |part| match read(table, part) {
        Reading::Critical(finding) => Some(finding),
        Reading::Unremarkable | Reading::Unchecked => None,
    };
    parts(observation).into_iter().filter_map(critical).collect()
}

/// The Observation and its components; nothing where its status makes no statement yet, or no more.
fn parts(observation: &Value) -> Vec<&Value> {
    let status = observation.get("status").and_then(Value::as_str).unwrap_or_default();
    if !matches!(status, "preliminary" | "final" | "amended" | "corrected") {
        return Vec::new();
    }
    let mut parts = vec![observation];
    parts.extend(observation.get("component").and_then(Value::as_array).into_iter().flatten());
    parts
}

fn read<'a>(table: &'a CriticalTable, part: &'a Value) -> Reading<'a> {
    let code = |coding: &'a Value| coding.get("code").and_then(Value::as_str).unwrap_or_default();
    let codings = part.get("code").and_then(|concept| concept.get("coding"));
    let codings = codings.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let known = codings.iter().find(|coding| table.rows_of(code(coding)).next().is_some());
    let coding = known.or(codings.first());
    let quantity = part.get("valueQuantity");
    let text = |name| quantity.and_then(|quantity| quantity.get(name)).and_then(Value::as_str);
    let value = quantity.and_then(|quantity| quantity.get("value")).and_then(Value::as_f64);
    let row = known.and_then(|known| table.row(code(known), text("code"), text("unit")));
    let by_number = value
        .zip(row)
        .and_then(|(value, row)| crossed(row, value, text("comparator").unwrap_or_default()));
    let by_word = fields::codes(part, "interpretation").into_iter().find_map(alarming);
    match (by_word, by_number) {
        (None, None) if known.is_some() && value.is_some() && row.is_none() => Reading::Unchecked,
        (None, None) => Reading::Unremarkable,
        (word, number) => Reading::Critical(Finding {
            part,
            coding,
            row: row.filter(|_| value.is_some()),
            interpretation: word.map(|(word, _)| word),
            direction: word.and_then(|(_, direction)| direction).or(number),
        }),
    }
}

/// How a laboratory says that a value is critical, and which way where it says that.
///
/// Source: HL7 v3 ObservationInterpretation; `H>` and `L<` are the spellings before it.
fn alarming(code: &str) -> Option<(&str, Option<Direction>)> {
    match code {
        "HH" | "H>" => Some((code, Some(Direction::High))),
        "LL" | "L<" => Some((code, Some(Direction::Low))),
        "AA" => Some((code, None)),
        _ => None,
    }
}

/// Which limit a number is beyond; one that is only known to be above or below another is so where
/// every number that it may be is.
fn crossed(row: &CriticalRow, value: f64, comparator: &str) -> Option<Direction> {
    let limit = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    let (low, high) = (limit(row.low()), limit(row.high()));
    let (is_low, is_high) = match comparator {
        ">" | ">=" => (false, high.is_some_and(|high| value >= high)),
        "<" | "<=" => (low.is_some_and(|low| value <= low), false),
        _ => (low.is_some_and(|low| value < low), high.is_some_and(|high| value > high)),
    };
    match (is_low, is_high) {
        (true, _) => Some(Direction::Low),
        (_, true) => Some(Direction::High),
        (false, false) => None,
    }
}

/// When the value held, in milliseconds since 1970, where the Observation says so.
fn effective_ms(observation: &Value) -> Option<i64> {
    let instant = |name: &str| time::parse(observation.get(name)?.as_str()?);
    let period = |name: &str| time::parse(observation.get("effectivePeriod")?.get(name)?.as_str()?);
    instant("effectiveDateTime")
        .or_else(|| instant("effectiveInstant"))
        .or_else(|| period("end"))
        .or_else(|| period("start"))
}
