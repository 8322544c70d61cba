//! The limits beyond which a number is critical.

use std::borrow::Cow;

use crate::event::fields::listed;

/// Limits by code and unit. Lists in a row are parted by `|`, which no code or unit has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriticalTable {
    pub(super) rows: Cow<'static, [CriticalRow]>,
}

/// The limits of one quantity in some units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriticalRow {
    /// LOINC codes.
    pub(super) codes: Cow<'static, str>,
    /// What is measured, for people.
    pub(super) what: Cow<'static, str>,
    /// Units as people write them; an empty one for no unit.
    pub(super) units: Cow<'static, str>,
    /// Decimals as text; empty for no limit.
    pub(super) low: Cow<'static, str>,
    pub(super) high: Cow<'static, str>,
    pub(super) adults_only: bool,
}

impl CriticalTable {
    /// The table that comes with Chartroom.
    pub const fn shipped() -> Self {
        Self { rows: Cow::Borrowed(SHIPPED) }
    }

    /// Every row.
    pub fn rows(&self) -> &[CriticalRow] {
        &self.rows
    }

    /// The rows of a LOINC code.
    pub(super) fn rows_of<'a>(&'a self, code: &str) -> impl Iterator<Item = &'a CriticalRow> {
        self.rows.iter().filter(move |row| listed(&row.codes, b'|', code))
    }

    /// The row of a LOINC code in the unit of a Quantity: its `code` first, then its `unit`.
    pub(super) fn row(
        &self,
        code: &str,
        quantity_code: Option<&str>,
        quantity_unit: Option<&str>,
    ) -> Option<&CriticalRow> {
        let in_unit = |unit: &str| {
            let unit = fold(unit);
            self.rows_of(code).find(|row| row.units().any(|known| fold(known) == unit))
        };
        let given: Vec<&str> = quantity_code.into_iter().chain(quantity_unit).collect();
        match given.iter().all(|unit| unit.is_empty()) {
            true => in_unit(""),
            false => given.into_iter().filter(|unit| !unit.is_empty()).find_map(in_unit),
        }
    }
}

impl CriticalRow {
    /// LOINC codes.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.codes.split('|')
    }

    /// What is measured, for people.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Units as people write them; an empty one for no unit.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        self.units.split('|')
    }

    /// The decimal below which a number is critical.
    pub fn low(&self) -> Option<&str> {
        Some(&*self.low).filter(|low| !low.is_empty())
    }

    /// The decimal above which a number is critical.
    pub fn high(&self) -> Option<&str> {
        Some(&*self.high).filter(|high| !high.is_empty())
    }

    /// Whether the limits hold for adults only; an alert says so.
    pub fn adults_only(&self) -> bool {
        self.adults_only
    }
}

/// A unit in the one spelling that is compared: small letters, no spaces, one of several synonyms.
pub(super) fn fold(unit: &str) -> String {
    let mut folded = String::with_capacity(unit.len());
    for letter in unit.chars().filter(|letter| !letter.is_whitespace()) {
        folded.push(match letter {
            '\u{b5}' | '\u{3bc}' => 'u',
            other => other.to_ascii_lowercase(),
        });
    }
    match SYNONYMS.iter().find(|(written, _)| *written == folded) {
        Some((_, meant)) => (*meant).to_owned(),
        None => folded,
    }
}

const SYNONYMS: [(&str, &str); 13] = [
    ("meq/l", "mmol/l"),
    ("10^3/ul", "10*3/ul"),
    ("10e3/ul", "10*3/ul"),
    ("k/ul", "10*3/ul"),
    ("thousand/ul", "10*3/ul"),
    ("x10^3/ul", "10*3/ul"),
    ("x10*3/ul", "10*3/ul"),
    ("10^9/l", "10*9/l"),
    ("10e9/l", "10*9/l"),
    ("x10^9/l", "10*9/l"),
    ("x10*9/l", "10*9/l"),
    ("mm[hg]", "mmhg"),
    ("sec", "s"),
];

const ANYONE: bool = false;
const ADULTS: bool = true;

const fn row(
    adults_only: bool,
    codes: &'static str,
    what: &'static str,
    units: &'static str,
    low: &'static str,
    high: &'static str,
) -> CriticalRow {
    CriticalRow {
        codes: Cow::Borrowed(codes),
        what: Cow::Borrowed(what),
        units: Cow::Borrowed(units),
        low: Cow::Borrowed(low),
        high: Cow::Borrowed(high),
        adults_only,
    }
}

/// A limit in a second unit is the first one's, converted with the molar mass (glucose 180.156,
/// digoxin 780.94, theophylline 180.164 g/mol), the 88.4 of creatinine, or 1 mmHg =
/// 0.133322 kPa, and rounded to five digits.
const SHIPPED: &[CriticalRow] = &[
    row(ANYONE, "2951-2|2947-0", "sodium", "mmol/L", "120", "160"),
    row(ANYONE, "2823-3|6298-4", "potassium", "mmol/L", "2.5", "6.5"),
    row(ANYONE, "2075-0", "chloride", "mmol/L", "80", "120"),
    row(ADULTS, "2160-0|38483-4", "creatinine", "mg/dL", "", "4.0"),
    row(ADULTS, "2160-0|38483-4|14682-9", "creatinine", "umol/L", "", "353.6"),
    row(ADULTS, "2345-7|2339-0", "glucose", "mg/dL", "40", "500"),
    row(ADULTS, "2345-7|2339-0|14749-6|15074-8", "glucose", "mmol/L", "2.2203", "27.754"),
    row(ADULTS, "6598-7", "troponin T", "ng/mL|ug/L", "", "0.04"),
    row(ADULTS, "6598-7", "troponin T", "ng/L|pg/mL", "", "40"),
    row(ADULTS, "33762-6", "NT-proBNP", "pg/mL|ng/L", "", "900"),
    row(ADULTS, "718-7", "hemoglobin", "g/dL", "7.0", "20.0"),
    row(ADULTS, "718-7", "hemoglobin", "g/L", "70", "200"),
    row(ANYONE, "777-3", "platelets", "10*3/uL|10*9/L", "20", "1000"),
    row(ADULTS, "6690-2", "leukocytes", "10*3/uL|10*9/L", "1.0", "30.0"),
    row(ANYONE, "5902-2", "prothrombin time", "s", "", "40"),
    row(ANYONE, "6301-6", "INR", "|1|{INR}", "", "5.0"),
    row(ANYONE, "2744-1", "pH, arterial", "|[pH]", "7.20", "7.60"),
    row(ANYONE, "2019-8", "pCO2, arterial", "mmHg", "20", "70"),
    row(ANYONE, "2019-8", "pCO2, arterial", "kPa", "2.6664", "9.3326"),
    row(ANYONE, "2703-7", "pO2, arterial", "mmHg", "50", ""),
    row(ANYONE, "2703-7", "pO2, arterial", "kPa", "6.6661", ""),
    row(ANYONE, "10535-3", "digoxin", "ng/mL|ug/L", "", "2.0"),
    row(ANYONE, "10535-3", "digoxin", "nmol/L", "", "2.5610"),
    row(ANYONE, "4049-3", "theophylline", "ug/mL|mg/L", "", "20"),
    row(ANYONE, "4049-3", "theophylline", "umol/L", "", "111.01"),
];
