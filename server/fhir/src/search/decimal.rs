//! Decimals without rounding: whole counts of 10^-18.

use serde_json::Value;

const PLACES: i32 = 18;

/// A decimal and half a unit of its last digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub value: i128,
    pub half: i128,
}

impl Decimal {
    /// Reads `-5.40e-3`; `None` for what is no decimal or needs more than 20 digits before the point.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let unsigned = whole.strip_prefix('-').unwrap_or(whole);
        if unsigned.is_empty() || (fraction.is_empty() && digits.contains('.')) {
            return None;
        }
        let mut value: i128 = 0;
        for digit in unsigned.bytes().chain(fraction.bytes()) {
            let digit = digit.is_ascii_digit().then(|| i128::from(digit - b'0'))?;
            value = value.checked_mul(10)?.checked_add(digit)?;
        }
        if whole.starts_with('-') {
            value = -value;
        }
        let fraction_digits = i32::try_from(fraction.len()).ok()?;
        let shift = exponent.checked_sub(fraction_digits)?.checked_add(PLACES)?;
        // R4 has 1e2 mean from 95 to 105, not from 50 to 150.
        let finer = if exponent > 0 && fraction.is_empty() { 2 } else { 1 };
        let half = shifted(5, shift.checked_sub(finer)?)?.max(1);
        Some(Self { value: shifted(value, shift)?, half })
    }

    /// The value of a JSON number.
    pub(super) fn of(value: &Value) -> Option<i128> {
        let Value::Number(number) = value else { return None };
        Some(Self::parse(number.as_str())?.value)
    }
}

/// `value` by ten to the power of `places`, cut off towards zero.
fn shifted(value: i128, places: i32) -> Option<i128> {
    let power = 10_i128.checked_pow(places.unsigned_abs());
    match power {
        Some(power) if places >= 0 => value.checked_mul(power),
        Some(power) => Some(value / power),
        None => (places < 0 || value == 0).then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn a_decimal_keeps_its_precision() {
        let one = 10_i128.pow(18);
        for (text, value, half) in [
            ("100", 100 * one, one / 2),
            ("100.00", 100 * one, one / 200),
            ("1e2", 100 * one, 5 * one),
            ("1.00e2", 100 * one, one / 2),
            ("5.40e-3", 54 * one / 10_000, one / 200_000),
            ("-0.5", -one / 2, one / 20),
            ("0", 0, one / 2),
        ] {
            assert_eq!(Decimal::parse(text), Some(Decimal { value, half }), "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_is_none() {
        for text in ["", "-", ".5", "5.", "1,5", "1e", "e2", "0x1", "1e99", "--1", "1e99999999999"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse("1e-99").unwrap().value, 0);
    }
}
