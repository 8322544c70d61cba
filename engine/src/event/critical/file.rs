//! An operator's table: JSON, read strictly, since a row that is misread is an alert that never
//! comes.

use serde_json::{Map, Value, json};

use super::table::{CriticalRow, CriticalTable, fold};

/// Why a file is no table of critical values.
#[derive(Debug, thiserror::Error)]
pub enum CriticalTableError {
    /// It is not JSON.
    #[error("the table is not JSON")]
    Json(#[source] serde_json::Error),
    /// There is no list of rows.
    #[error("the table is no object whose one member `rows` is a list with an item at least")]
    Rows,
    /// A field of a row is wrong.
    #[error("row {row}, `{field}`: {problem}")]
    Field {
        /// The row's place in the list, from 1.
        row: usize,
        /// The field's name.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl CriticalTable {
    /// Reads a table from the format of docs/events.md, which [`to_json`](Self::to_json) writes.
    ///
    /// # Errors
    /// Names the row and the field: a member that is missing, unknown or of a wrong type, a low
    /// limit that is not below the high one, a code and unit that an earlier row has.
    pub fn parse(json: &str) -> Result<Self, CriticalTableError> {
        let file: Value = serde_json::from_str(json).map_err(CriticalTableError::Json)?;
        let rows = match file.as_object() {
            Some(file) if file.len() == 1 => file.get("rows").and_then(Value::as_array),
            _ => None,
        };
        let rows = rows.filter(|rows| !rows.is_empty()).ok_or(CriticalTableError::Rows)?;
        let mut parsed: Vec<CriticalRow> = Vec::with_capacity(rows.len());
        for (value, number) in rows.iter().zip(1..) {
            let row = parse_row(value, &parsed).map_err(|(field, problem)| {
                let field = field.to_owned();
                CriticalTableError::Field { row: number, field, problem }
            })?;
            parsed.push(row);
        }
        Ok(Self { rows: parsed.into() })
    }

    /// The table in the format that [`parse`](Self::parse) reads.
    pub fn to_json(&self) -> Value {
        let limit = |text: Option<&str>| {
            text.and_then(|text| text.parse().ok()).map_or(Value::Null, Value::Number)
        };
        let row = |row: &CriticalRow| {
            json!({
                "codes": row.codes().collect::<Vec<_>>(),
                "what": row.what(),
                "units": row.units().collect::<Vec<_>>(),
                "low": limit(row.low()),
                "high": limit(row.high()),
                "adultsOnly": row.adults_only(),
            })
        };
        json!({ "rows": self.rows().iter().map(row).collect::<Vec<_>>() })
    }
}

/// A field, and what is wrong with it.
type Wrong<'a> = (&'a str, &'static str);

fn parse_row<'a>(value: &'a Value, earlier: &[CriticalRow]) -> Result<CriticalRow, Wrong<'a>> {
    const FIELDS: [&str; 6] = ["codes", "what", "units", "low", "high", "adultsOnly"];
    let row = value.as_object().ok_or(("row", "is no object"))?;
    if let Some(unknown) = row.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err((unknown, "is no field of a row"));
    }
    let (low, high) = (limit(row, "low")?, limit(row, "high")?);
    match (low.parse::<f64>(), high.parse::<f64>()) {
        (Err(_), Err(_)) => return Err(("high", "is missing, and so is `low`")),
        (Ok(low), Ok(high)) if low >= high => return Err(("low", "is not below `high`")),
        _ => {}
    }
    let adults_only = match row.get("adultsOnly") {
        None => false,
        Some(marked) => marked.as_bool().ok_or(("adultsOnly", "is neither true nor false"))?,
    };
    let what = row.get("what").and_then(Value::as_str).filter(|what| !what.is_empty());
    let parsed = CriticalRow {
        codes: list(row, "codes", false)?.into(),
        what: what.ok_or(("what", "is no text"))?.to_owned().into(),
        units: list(row, "units", true)?.into(),
        low: low.into(),
        high: high.into(),
        adults_only,
    };
    let units: Vec<String> = parsed.units().map(fold).collect();
    let mut known =
        earlier.iter().filter(|row| row.codes().any(|a| parsed.codes().any(|b| a == b)));
    if known.any(|row| row.units().any(|unit| units.contains(&fold(unit)))) {
        return Err(("units", "an earlier row has the same code in the same unit"));
    }
    Ok(parsed)
}

/// A list of texts, as a row keeps it.
fn list(
    row: &Map<String, Value>,
    field: &'static str,
    may_be_empty: bool,
) -> Result<String, Wrong<'static>> {
    let items = row.get(field).and_then(Value::as_array).filter(|items| !items.is_empty());
    let items = items.ok_or((field, "is no list with an item at least"))?;
    let text = |item: &Value| {
        let text = item.as_str().filter(|text| may_be_empty || !text.is_empty())?;
        (!text.contains('|')).then(|| text.to_owned())
    };
    let texts: Option<Vec<String>> = items.iter().map(text).collect();
    texts.map(|texts| texts.join("|")).ok_or((field, "has an item that is no text"))
}

/// A number's digits, or nothing.
fn limit(row: &Map<String, Value>, field: &'static str) -> Result<String, Wrong<'static>> {
    match row.get(field) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::Number(number)) if number.as_f64().is_some() => Ok(number.to_string()),
        Some(_) => Err((field, "is no number")),
    }
}
