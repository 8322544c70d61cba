//! Dates as the spans of time that their precision leaves open.
//!
//! A date without a time zone is taken as UTC, in a query and in a resource alike.
//! Source: FHIR R4, search, date; datatypes, `dateTime`, Period, Timing.

use serde_json::Value;

use super::prefix::Prefix;

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const DAY_US: i64 = 24 * 60 * MINUTE_US;

/// Microseconds since 1970, the end not among them; an open end is the farthest there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: i64,
    pub end: i64,
}

/// A date that a query compares with.
#[derive(Debug)]
pub(super) struct Date {
    prefix: Prefix,
    span: Span,
}

impl Date {
    /// Reads `ge2013-01-14`; what is near (`ap`) is a tenth of the gap between now and the date.
    pub(super) fn parse(text: &str, now_ms: i64) -> Option<Self> {
        let (prefix, text) = Prefix::split(text);
        let mut span = Span::parse(text)?;
        if prefix == Prefix::Approximately {
            let near = now_ms.saturating_mul(1000).saturating_sub(span.start).saturating_abs() / 10;
            span.start = span.start.saturating_sub(near);
            span.end = span.end.saturating_add(near);
        }
        Some(Self { prefix, span })
    }

    /// Whether a date, a Period or a Timing compares as asked.
    pub(super) fn matches(&self, value: &Value) -> bool {
        Span::of(value).is_some_and(|target| self.compares(target))
    }

    fn compares(&self, target: Span) -> bool {
        let Span { start, end } = self.span;
        let contains = start <= target.start && target.end <= end;
        match self.prefix {
            Prefix::Equal => contains,
            Prefix::NotEqual => !contains,
            Prefix::Greater => target.end > end,
            Prefix::Less => target.start < start,
            Prefix::GreaterOrEqual => target.end > end || contains,
            Prefix::LessOrEqual => target.start < start || contains,
            Prefix::StartsAfter => target.start >= end,
            Prefix::EndsBefore => target.end <= start,
            Prefix::Approximately => target.start < end && start < target.end,
        }
    }
}

impl Span {
    /// The span of a date, a Period, or a Timing by its outer limits.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Object(object) if object.contains_key("event") => Self::timing(value),
            Value::Object(object) if object.contains_key("repeat") => Self::timing(value),
            Value::Object(_) => Self::period(value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        }
    }

    fn period(period: &Value) -> Option<Self> {
        let limit = |name| period.get(name).and_then(Value::as_str).map(Self::parse);
        let (start, end) = (limit("start"), limit("end"));
        if start.is_none() && end.is_none() {
            return None;
        }
        let start = start.map_or(Some(i64::MIN), |span| Some(span?.start))?;
        let end = end.map_or(Some(i64::MAX), |span| Some(span?.end))?;
        Some(Self { start, end })
    }

    fn timing(timing: &Value) -> Option<Self> {
        let events = timing.get("event").and_then(Value::as_array).into_iter().flatten();
        let bounds = timing.get("repeat").and_then(|repeat| repeat.get("boundsPeriod"));
        events.chain(bounds).filter_map(Self::of).reduce(|one, other| Self {
            start: one.start.min(other.start),
            end: one.end.max(other.end),
        })
    }

    /// Reads `2013`, `2013-01`, `2013-01-14`, `2013-01-14T10:00`, with seconds, a fraction, a zone.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, clock) =
            text.split_once('T').map_or((text, None), |(date, rest)| (date, Some(rest)));
        let mut parts = date.split('-');
        let year = digits(parts.next()?, 4)?;
        let month = parts.next().map(|part| digits(part, 2));
        let day = parts.next().map(|part| digits(part, 2));
        if parts.next().is_some() {
            return None;
        }
        let days = |first: i64, next: i64| Self { start: first * DAY_US, end: next * DAY_US };
        match (month, day, clock) {
            (None, None, None) => Some(days(first_of(year, 1), first_of(year + 1, 1))),
            (Some(month), None, None) => {
                let month = month.filter(|month| (1..=12).contains(month))?;
                Some(days(first_of(year, month), first_of(year, month + 1)))
            }
            (Some(month), Some(day), clock) => {
                let month = month.filter(|month| (1..=12).contains(month))?;
                let day = first_of(year, month) + day.filter(|day| *day >= 1)? - 1;
                if day >= first_of(year, month + 1) {
                    return None;
                }
                clock.map_or(Some(days(day, day + 1)), |clock| time_of_day(day * DAY_US, clock))
            }
            (None, Some(_), _) | (_, None, Some(_)) => None,
        }
    }
}

/// The span of `10:00`, `10:00:30` or `10:00:30.5`, with its zone, on the day that begins at
/// `midnight`.
fn time_of_day(midnight: i64, text: &str) -> Option<Span> {
    // A plus that nobody escaped comes as a space.
    let (clock, offset) = match text.find(['Z', '+', '-', ' ']) {
        Some(at) => {
            let (clock, zone) = text.split_at_checked(at)?;
            (clock, offset_minutes(zone)?)
        }
        None => (text, 0),
    };
    let mut parts = clock.splitn(3, ':');
    let hour = digits(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits(parts.next()?, 2).filter(|minute| *minute < 60)?;
    let minutes = midnight + (hour * 60 + minute - offset) * MINUTE_US;
    let Some(seconds) = parts.next() else {
        return Some(Span { start: minutes, end: minutes + MINUTE_US });
    };
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let second = digits(second, 2).filter(|second| *second <= 60)?;
    if fraction.is_empty() || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (mut micros, mut unit) = (0, SECOND_US);
    if seconds.contains('.') {
        for digit in fraction.bytes().take(6) {
            unit /= 10;
            micros += i64::from(digit - b'0') * unit;
        }
    }
    let start = minutes + second * SECOND_US + micros;
    Some(Span { start, end: start + unit })
}

/// The minutes of `Z`, `+02:00` or `-05:30`.
fn offset_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let hours = digits(hours, 2).filter(|hours| *hours <= 14)?;
    let minutes = hours * 60 + digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    match zone.as_bytes().first()? {
        b'-' => Some(-minutes),
        b'+' | b' ' => Some(minutes),
        _ => None,
    }
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let fits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Days from 1970 to the first of a month, the thirteenth being the next year's first, in the
/// Gregorian calendar; counted in years that begin in March.
fn first_of(year: i64, month: i64) -> i64 {
    let (year, month) = if month > 12 { (year + 1, month - 12) } else { (year, month) };
    let (year, from_march) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * from_march + 2) / 5 - 719_468
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn a_date_is_as_long_as_its_precision() {
        let span = |text| Span::parse(text).unwrap();
        for (text, first, next) in [
            ("1970", "1970-01-01", "1971-01-01"),
            ("1970-12", "1970-12-01", "1971-01-01"),
            ("2000-02", "2000-02-01", "2000-03-01"),
            ("2000-02-29", "2000-02-29T00:00:00Z", "2000-03-01T00:00:00Z"),
            ("2013-01-14T10:00", "2013-01-14T12:00:00+02:00", "2013-01-14T05:01:00-05:00"),
            ("2013-01-14T10:00:01Z", "2013-01-14T10:00:01.0Z", "2013-01-14T10:00:02.000Z"),
            ("2013-01-14T10:00:01.25", "2013-01-14T10:00:01.250", "2013-01-14T10:00:01.260"),
            ("2013-01-14T00:30:00 01:00", "2013-01-13T23:30:00Z", "2013-01-13T23:30:01Z"),
        ] {
            assert_eq!(
                span(text),
                Span { start: span(first).start, end: span(next).start },
                "{text}"
            );
        }
        assert_eq!(span("1970-01-01").start, 0);
        assert_eq!(span("2013-01-14").start, 1_358_121_600_000_000);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "13",
            "2013-1",
            "2013-13",
            "2013-00",
            "2013-02-29",
            "2013-04-31",
            "2013-01-00",
            "2013-01-14T",
            "2013-01-14T10",
            "2013-01-14T24:00",
            "2013-01-14T10:60",
            "2013T10:00",
            "2013-01-14T10:00:61",
            "2013-01-14T10:00:00.",
            "2013-01-14T10:00:00+2",
            "2013-01-14Z",
            "2013-01-14T10:00:00Zx",
            "2013-01-14-01",
            "now",
            "2013-01-14T10:00:00+15:00",
            "é013",
        ] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
