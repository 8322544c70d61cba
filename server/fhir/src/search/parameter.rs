//! The table of R4's search parameters: what can be asked of each type, and where its JSON has it.
//!
//! `scripts/fhir-parameters.mjs` writes the table from HL7's definitions. Composite parameters and
//! those that are no path (`_text`, `near`, `phonetic`) are not in it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

static TABLE: LazyLock<BTreeMap<&'static str, Vec<Parameter>>> = LazyLock::new(|| {
    let mut table: BTreeMap<_, Vec<Parameter>> = BTreeMap::new();
    for (resource_type, parameter) in include_str!("parameters.tsv").lines().filter_map(parse) {
        table.entry(resource_type).or_default().push(parameter);
    }
    table
});

/// How a parameter's value is read and compared (FHIR R4, `search-param-type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A code, an identifier, a truth.
    Token,
    /// A token that is `true` where an element is there and not false (`Patient?deceased`).
    Flag,
    /// Text, by its beginning.
    Text,
    /// What a Reference or a canonical names.
    Reference,
    /// A date, an instant, a period.
    Date,
    /// A number without a unit.
    Number,
    /// A number with a unit.
    Quantity,
    /// A URI, letter by letter.
    Uri,
}

impl Kind {
    /// FHIR's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Token | Self::Flag => "token",
            Self::Text => "string",
            Self::Reference => "reference",
            Self::Date => "date",
            Self::Number => "number",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "token" => Self::Token,
            "flag" => Self::Flag,
            "string" => Self::Text,
            "reference" => Self::Reference,
            "date" => Self::Date,
            "number" => Self::Number,
            "quantity" => Self::Quantity,
            "uri" => Self::Uri,
            _ => return None,
        })
    }
}

/// One search parameter of one type.
#[derive(Debug)]
pub struct Parameter {
    /// The name in a query, such as `birthdate`.
    pub code: &'static str,
    /// How it is compared.
    pub kind: Kind,
    /// The types that a reference may name; empty where any will do.
    pub targets: Vec<&'static str>,
    pub(super) paths: Vec<Path>,
}

/// Where a value is in a resource's JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    steps: Vec<Step>,
    /// The system that a `code` here implies by its binding.
    pub system: Option<&'static str>,
}

#[derive(Debug, PartialEq, Eq)]
struct Step {
    name: &'static str,
    /// Only items whose element has this value, such as `system` and `phone`.
    only: Option<(&'static str, &'static str)>,
}

/// The parameters of a type, those of every type first.
pub fn parameters(resource_type: &str) -> impl Iterator<Item = &'static Parameter> + use<> {
    let of = |name: &str| TABLE.get(name).into_iter().flatten();
    of("Resource").chain(of(resource_type))
}

/// The parameter of a type by its name.
pub(super) fn find(resource_type: &str, code: &str) -> Option<&'static Parameter> {
    let of = |name: &str| {
        let list = TABLE.get(name)?;
        let at = list.binary_search_by(|parameter| parameter.code.cmp(code)).ok()?;
        list.get(at)
    };
    of(resource_type).or_else(|| of("Resource"))
}

impl Parameter {
    /// Whether one of the resource's values passes; asks no more once one does.
    pub(super) fn any<'v>(
        &self,
        resource: &'v Value,
        mut passes: impl FnMut(&'v Value, &Path) -> bool,
    ) -> bool {
        self.paths.iter().any(|path| any(resource, &path.steps, &mut |value| passes(value, path)))
    }

    /// Visits every value that the resource has.
    pub(super) fn each<'v>(&self, resource: &'v Value, mut visit: impl FnMut(&'v Value)) {
        self.any(resource, |value, _| {
            visit(value);
            false
        });
    }
}

impl Path {
    /// The name of the element itself.
    pub(super) fn name(&self) -> &'static str {
        self.steps.last().map_or("", |step| step.name)
    }

    /// The smallest resource that has this value here.
    #[cfg(test)]
    pub(super) fn wrap(&self, value: Value) -> Value {
        self.steps.iter().rev().fold(value, |inner, step| serde_json::json!({ step.name: inner }))
    }
}

fn any<'v>(value: &'v Value, steps: &[Step], found: &mut dyn FnMut(&'v Value) -> bool) -> bool {
    if let Value::Array(items) = value {
        return items.iter().any(|item| any(item, steps, found));
    }
    let Some((step, rest)) = steps.split_first() else { return !value.is_null() && found(value) };
    let Some(next) = value.get(step.name) else { return false };
    let Some((name, text)) = step.only else { return any(next, rest, found) };
    let counts = |item: &Value| item.get(name).and_then(Value::as_str) == Some(text);
    let items = next.as_array().map_or(std::slice::from_ref(next), Vec::as_slice);
    items.iter().any(|item| counts(item) && any(item, rest, found))
}

fn parse(line: &'static str) -> Option<(&'static str, Parameter)> {
    let mut columns = line.split('\t');
    let resource_type = columns.next()?;
    let code = columns.next()?;
    let kind = Kind::parse(columns.next()?)?;
    let paths = columns.next()?.split('|').map(parse_path).collect();
    let targets = columns.next()?.split(' ').filter(|target| !target.is_empty()).collect();
    Some((resource_type, Parameter { code, kind, targets, paths }))
}

fn parse_path(text: &'static str) -> Path {
    let (steps, system) =
        text.split_once('@').map_or((text, None), |(steps, system)| (steps, Some(system)));
    let step = |text: &'static str| {
        let (name, only) = text.split_once('[').unwrap_or((text, ""));
        Step { name, only: only.trim_end_matches(']').split_once('=') }
    };
    Path { steps: steps.split('.').map(step).collect(), system }
}

#[cfg(test)]
mod tests {
    use super::{TABLE, find, parameters};

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("parameters.tsv").lines().count();
        assert_eq!(TABLE.values().map(Vec::len).sum::<usize>(), lines);
        assert!(lines > 1600, "{lines} parameters");
    }

    #[test]
    fn every_parameter_is_found_by_its_name() {
        for (resource_type, list) in TABLE.iter() {
            for parameter in list {
                assert!(find(resource_type, parameter.code).is_some(), "{}", parameter.code);
            }
        }
        assert_eq!(find("Patient", "_id").unwrap().kind.code(), "token");
        assert!(find("Patient", "performer").is_none());
        assert!(parameters("Observation").any(|parameter| parameter.code == "_lastUpdated"));
    }
}
