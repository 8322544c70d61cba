//! How R4's primitives are written in JSON (FHIR R4, Data Types, the regular expressions there).

use serde_json::Value;

/// A primitive type, as far as it is written differently from others.
#[derive(Clone, Copy)]
pub(super) enum Primitive {
    Boolean,
    DateTime,
    Decimal,
    /// Of 32 bits, and no less than this.
    Integer(i32),
    /// What a text must be, and that in words.
    Text(fn(&str) -> bool, &'static str),
}

/// Why a value is none of its type, with what it should have been.
pub(super) enum Misfit {
    /// Another JSON type.
    Json(&'static str),
    /// The right JSON type, and written otherwise.
    Form(String),
    /// A date and time whose zone is missing.
    NoZone,
}

impl Primitive {
    /// The primitive of this name; `None` for any other type.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "base64Binary" => Self::Text(is_base64, "base64"),
            "boolean" => Self::Boolean,
            "canonical" | "uri" | "url" => Self::Text(is_uri, "a URI: text without spaces"),
            "code" => Self::Text(is_code, "a code: text without spaces around or two together"),
            "date" => Self::Text(is_date, "a date: YYYY, YYYY-MM or YYYY-MM-DD"),
            "dateTime" => Self::DateTime,
            "decimal" => Self::Decimal,
            "id" => Self::Text(is_id, "an id: 1 to 64 letters, digits, - and ."),
            "instant" => Self::Text(is_instant, "an instant: YYYY-MM-DDThh:mm:ss with a zone"),
            "integer" => Self::Integer(i32::MIN),
            "markdown" | "string" => Self::Text(is_string, "text of at least one character"),
            "oid" => Self::Text(is_oid, "an OID: urn:oid: and numbers"),
            "positiveInt" => Self::Integer(1),
            "time" => Self::Text(is_time, "a time: hh:mm:ss"),
            "unsignedInt" => Self::Integer(0),
            "uuid" => Self::Text(is_uuid, "a UUID: urn:uuid: and 36 lower-case characters"),
            "xhtml" => Self::Text(is_xhtml, "XHTML in a div"),
            _ => return None,
        })
    }

    pub(super) fn judge(self, value: &Value) -> Result<(), Misfit> {
        match self {
            Self::Boolean => value.is_boolean().then_some(()).ok_or(Misfit::Json("boolean")),
            Self::DateTime => match value.as_str().ok_or(Misfit::Json("string"))? {
                text if is_date(text) || is_instant(text) => Ok(()),
                text if is_local(text) => Err(Misfit::NoZone),
                _ => Err(Misfit::Form("a date, or a date and time with a zone".to_owned())),
            },
            Self::Decimal => value.is_number().then_some(()).ok_or(Misfit::Json("number")),
            Self::Integer(min) => {
                let number = value.as_number().ok_or(Misfit::Json("number"))?;
                // Digits alone are read here: 1.0 and 1e2 are no integers of FHIR's.
                let integer = number.as_i64().and_then(|number| i32::try_from(number).ok());
                let expected = || Misfit::Form(format!("an integer from {min} to {}", i32::MAX));
                integer.filter(|integer| *integer >= min).map(|_| ()).ok_or_else(expected)
            }
            Self::Text(fits, expected) => {
                let text = value.as_str().ok_or(Misfit::Json("string"))?;
                fits(text).then_some(()).ok_or_else(|| Misfit::Form(expected.to_owned()))
            }
        }
    }
}

/// Not empty, and below U+0020 only tab, carriage return and line feed (FHIR R4, datatypes.html#string).
fn is_string(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c >= ' ' || matches!(c, '\t' | '\r' | '\n'))
}

fn is_xhtml(text: &str) -> bool {
    text.trim_start().starts_with("<div")
}

fn is_code(text: &str) -> bool {
    text.split(is_space).all(|word| !word.is_empty())
}

/// White space as XML Schema's expressions have it, which R4's are.
fn is_space(each: char) -> bool {
    matches!(each, ' ' | '\t' | '\n' | '\r')
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

fn is_uri(text: &str) -> bool {
    !text.is_empty() && !text.contains(is_space)
}

fn is_oid(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix("urn:oid:") else { return false };
    let is_number = |text: &str| {
        let has_zero_ahead = text.len() > 1 && text.starts_with('0');
        !text.is_empty() && !has_zero_ahead && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut arcs = numbers.split('.');
    let starts = arcs.next().is_some_and(|first| matches!(first, "0" | "1" | "2"));
    starts && numbers.contains('.') && arcs.all(is_number)
}

fn is_uuid(text: &str) -> bool {
    let Some(digits) = text.strip_prefix("urn:uuid:") else { return false };
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && digits.bytes().all(|byte| byte == b'-' || is_hex(byte))
}

/// Groups of four, white space between them, `=` at the end only.
fn is_base64(text: &str) -> bool {
    let (mut digits, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        match byte {
            b'=' => padding += 1,
            b'+' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' if padding == 0 => digits += 1,
            _ => return false,
        }
    }
    digits > 0 && padding <= 2 && (digits + padding).is_multiple_of(4)
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let year = parts.next().and_then(|part| number(part, 4)).filter(|year| *year > 0);
    let month = parts.next().map(|part| number(part, 2).filter(|month| (1..=12).contains(month)));
    let day = parts.next().map(|part| number(part, 2));
    match (year, month, day, parts.next()) {
        (Some(_), None | Some(Some(_)), None, None) => true,
        (Some(year), Some(Some(month)), Some(Some(day)), None) => {
            (1..=days_of(year, month)).contains(&day)
        }
        _ => false,
    }
}

fn days_of(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_instant(text: &str) -> bool {
    let Some((date, rest)) = text.split_once('T') else { return false };
    let Some(zone) = rest.find(['Z', '+', '-']) else { return false };
    let (time, zone) = rest.split_at(zone);
    is_day(date) && is_time(time) && is_zone(zone)
}

/// An instant but for its zone.
fn is_local(text: &str) -> bool {
    text.split_once('T').is_some_and(|(date, time)| is_day(date) && is_time(time))
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && is_date(text)
}

fn is_zone(text: &str) -> bool {
    let offset = text.strip_prefix(['+', '-']).and_then(|offset| offset.split_once(':'));
    let offset = offset.map(|(hours, minutes)| (number(hours, 2), number(minutes, 2)));
    match offset {
        Some((Some(hours), Some(minutes))) => {
            (hours < 14 && minutes < 60) || (hours, minutes) == (14, 0)
        }
        _ => text == "Z",
    }
}

/// Hours, minutes and seconds; a leap second is one.
fn is_time(text: &str) -> bool {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let parts: Vec<_> = clock.split(':').map(|part| number(part, 2)).collect();
    let fits = matches!(parts[..], [Some(0..=23), Some(0..=59), Some(0..=60)]);
    fits && fraction
        .is_none_or(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A number of so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let is_plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}
