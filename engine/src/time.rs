//! Instants as text. The engine reads no clock: every instant is an argument.

/// The first and the last millisecond that RFC 3339 can write: its years have four digits.
const WRITABLE_MS: (i64, i64) = (-62_167_219_200_000, 253_402_300_799_999);

/// A change's time, in seconds since 1970, as milliseconds that can be written and read again; a
/// change may claim any, and what is out of reach becomes the nearest that is not.
pub(crate) fn claimed_ms(seconds: i64) -> i64 {
    let (first, last) = WRITABLE_MS;
    seconds.saturating_mul(1000).clamp(first, last)
}

/// An instant as FHIR writes it: RFC 3339 in UTC with milliseconds.
pub fn rfc3339(ms: i64) -> String {
    let (days, ms_of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute) = (ms_of_day / 3_600_000, ms_of_day / 60_000 % 60);
    let (second, milli) = (ms_of_day / 1000 % 60, ms_of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Milliseconds since 1970 of a FHIR `date`, `dateTime` or `instant`; a partial one means its first
/// moment, and one without an offset means UTC.
///
/// Source: FHIR R4, datatypes, `dateTime`.
pub fn parse(text: &str) -> Option<i64> {
    let (date, clock) =
        text.split_once('T').map_or((text, None), |(date, rest)| (date, Some(rest)));
    let mut parts = date.split('-');
    let year: i64 = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * 86_400_000;
    clock.map_or(Some(midnight), |clock| Some(midnight + time_of_day(clock)?))
}

/// Milliseconds from midnight in UTC to a `hh:mm:ss.fff` with its offset.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, offset_min) = match text.find(['Z', '+', '-']) {
        Some(at) => {
            let (clock, zone) = text.split_at_checked(at)?;
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let minutes = match zone.get(1..)?.split_once(':') {
                Some((hours, minutes)) => digits(hours, 2)? * 60 + digits(minutes, 2)?,
                None if zone == "Z" => 0,
                None => return None,
            };
            (clock, sign * minutes)
        }
        None => (text, 0),
    };
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, fraction) =
        parts.next().map_or(("00", ""), |part| part.split_once('.').unwrap_or((part, "")));
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // Rounded down to a millisecond.
    let milli = fraction.bytes().chain(*b"000").take(3);
    let milli = milli.fold(0, |milli, digit| milli * 10 + i64::from(digit - b'0'));
    let ms = digits(second, 2)?.min(60) * 1000 + milli;
    Some((hour * 60 + minute - offset_min) * 60_000 + ms)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let fits = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Instants that are milliseconds since 1970 in memory and RFC 3339 in JSON.
pub(crate) mod instant {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<T, S>(ms: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Copy + TryInto<i64>,
        S: Serializer,
    {
        serializer.serialize_str(&super::rfc3339((*ms).try_into().unwrap_or(i64::MAX)))
    }

    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: TryFrom<i64>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        let ms = super::parse(&text).and_then(|ms| T::try_from(ms).ok());
        ms.ok_or_else(|| D::Error::custom("an instant is written as RFC 3339"))
    }
}

/// Days since 1970 to year, month and day in the Gregorian calendar, counted in eras of 400 years
/// that begin on the first of March.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{claimed_ms, parse, rfc3339};

    #[test]
    fn a_claimed_time_is_written_and_read_again_whatever_it_is() {
        for (seconds, text) in [
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
            (1_795_404_958, "2026-11-23T03:35:58.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(claimed_ms(seconds)), text);
            assert_eq!(parse(text), Some(claimed_ms(seconds)));
        }
    }

    #[test]
    fn instants_are_written_as_fhir_writes_them() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_795_404_958_000, "2026-11-23T03:35:58.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
            assert_eq!(parse(text), Some(ms));
        }
    }

    #[test]
    fn partial_and_shifted_instants_are_read() {
        for (text, instant) in [
            ("2024", Some("2024-01-01T00:00:00.000Z")),
            ("2024-03", Some("2024-03-01T00:00:00.000Z")),
            ("2024-03-09", Some("2024-03-09T00:00:00.000Z")),
            ("2024-03-09T10:15:00-05:00", Some("2024-03-09T15:15:00.000Z")),
            ("2024-03-09T10:15:00.25+01:30", Some("2024-03-09T08:45:00.250Z")),
            ("2024-03-09T10:15:07.9999Z", Some("2024-03-09T10:15:07.999Z")),
            ("2024-03-09T10:15:07.9x", None),
            ("2024-03-09T10:15:7", None),
            ("2024-03-09T10:15", Some("2024-03-09T10:15:00.000Z")),
            ("2024-13-09", None),
            ("24-1-1", None),
            ("2024-03-09T", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(rfc3339).as_deref(), instant, "{text}");
        }
    }
}
