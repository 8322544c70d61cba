//! FHIR R4 search: what can be asked, and whether a resource answers it.
//!
//! A [`Query`] is parsed once and asked of every resource. It knows no rooms: [`Query::patients`]
//! and [`Query::ids`] say where the caller need not look, [`Query::sort`] orders what matched, and
//! [`included`] and [`revinclude_query`] lead on from there. Chained parameters, `_has`, composite
//! parameters and `_filter` are not supported, nor are modifiers that need a terminology.
//!
//! A date without a time zone is taken as UTC. Codes are compared without case, `_id` and systems
//! with it. Units are compared as they are written, not converted.
//!
//! Source: FHIR R4 (4.0.1), section 3.1.1. Each kind of parameter has its own module.

mod control;
mod date;
mod decimal;
mod filter;
mod include;
mod parameter;
mod prefix;
mod quantity;
mod reference;
mod sort;
mod text;
mod token;
mod uri;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use chartroom_engine::document::resource_type;
use serde_json::Value;

pub use control::{COUNT_DEFAULT, COUNT_MAX, Summary, Total};
pub use include::{Include, included, revinclude_query};
pub use parameter::{Kind, Parameter, parameters};

use crate::outcome::{Issue, Severity};
use control::{Controls, Taken};
use filter::Filter;

/// What becomes of a parameter that the server does not know (`Prefer: handling=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// The search is refused.
    Strict,
    /// It is ignored, with a warning.
    Lenient,
}

/// What a query is read against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What becomes of unknown parameters.
    pub handling: Handling,
    /// This server's FHIR base URL: a reference below it is a relative one.
    pub base: &'a str,
    /// The time in milliseconds since 1970, by which `ap` judges what is near.
    pub now_ms: i64,
}

/// A search of one type.
#[derive(Debug)]
pub struct Query {
    resource_type: &'static str,
    base: String,
    filters: Vec<Filter>,
    controls: Controls,
    applied: Vec<(String, String)>,
}

impl Query {
    /// Reads the decoded names and values of a query, in their order.
    ///
    /// Beside the query come warnings about what is ignored. Errors have the code `invalid` for a
    /// value that cannot be read, and `not-supported` for a parameter that is unknown under
    /// [`Handling::Strict`] and for a modifier that the parameter does not have: R4 forbids
    /// ignoring that one. A parameter without a value is left out.
    pub fn parse(
        resource_type_name: &str,
        query: &[(String, String)],
        context: &Context<'_>,
    ) -> Result<(Self, Vec<Issue>), Vec<Issue>> {
        let Some(resource_type) = resource_type(resource_type_name) else {
            return Err(vec![Issue::error("not-supported", "that is no resource type of R4")]);
        };
        let mut parsed = Self::empty(resource_type, context.base);
        let mut issues = Vec::new();
        for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
            issues.extend(parsed.take(name, value, context).err());
        }
        if issues.iter().any(|issue| issue.severity >= Severity::Error) {
            return Err(issues);
        }
        Ok((parsed, issues))
    }

    /// Takes one parameter, or says what is wrong with it, as an error or a warning.
    fn take(&mut self, name: &str, value: &str, context: &Context<'_>) -> Result<(), Issue> {
        let taken = self.controls.take(self.resource_type, name, value);
        match taken.map_err(|issue| ignored_if_lenient(issue, context.handling))? {
            Taken::Applied(value) => self.applied.push((name.to_owned(), value)),
            Taken::Ignored => {}
            Taken::Other => {
                let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
                let parameter = parameter::find(self.resource_type, code)
                    .filter(|_| !modifier.contains('.'))
                    .ok_or_else(|| {
                        ignored_if_lenient(unknown(self.resource_type, name), context.handling)
                    })?;
                self.filters.push(Filter::parse(parameter, name, value, context)?);
                self.applied.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(())
    }

    fn empty(resource_type: &'static str, base: &str) -> Self {
        Self {
            resource_type,
            base: base.to_owned(),
            filters: Vec::new(),
            controls: Controls::default(),
            applied: Vec::new(),
        }
    }

    /// A query of one filter.
    fn of(resource_type: &'static str, filter: Filter, base: &str) -> Self {
        Self { filters: vec![filter], ..Self::empty(resource_type, base) }
    }

    /// The type that is searched.
    pub fn resource_type(&self) -> &'static str {
        self.resource_type
    }

    /// Whether a resource is of the type and has all that is asked; its `id` and `meta` are filled
    /// in by the caller.
    pub fn matches(&self, resource: &Value) -> bool {
        resource.get("resourceType").and_then(Value::as_str) == Some(self.resource_type)
            && self.filters.iter().all(|filter| filter.matches(resource, &self.base))
    }

    /// Whether a resource may match whose `meta` does not say yet when it was last written.
    pub fn may_match(&self, resource: &Value) -> bool {
        let known = self.filters.iter().filter(|filter| filter.parameter.code != "_lastUpdated");
        known.into_iter().all(|filter| filter.matches(resource, &self.base))
    }

    /// Whether an order is asked for.
    pub fn is_sorted(&self) -> bool {
        !self.controls.order.is_empty()
    }

    /// The ids that `_id` allows; `None` where it does not limit them.
    pub fn ids(&self) -> Option<BTreeSet<String>> {
        self.filters
            .iter()
            .filter_map(Filter::ids)
            .map(|ids| ids.map(str::to_owned).collect::<BTreeSet<_>>())
            .reduce(|one, other| one.intersection(&other).cloned().collect())
    }

    /// Ids of patients of whom every match names at least one: by `_id` for Patient itself, else by
    /// `patient`, `subject` and what else looks at the same element.
    ///
    /// `None` where the query allows others, and for types outside the patient compartment. A
    /// resource that names several patients may be kept elsewhere than with one of them.
    pub fn patients(&self) -> Option<BTreeSet<String>> {
        if self.resource_type == "Patient" {
            return self.ids();
        }
        self.filters
            .iter()
            .filter(|filter| names_patient(self.resource_type, filter.parameter))
            .filter_map(Filter::patients)
            .min_by_key(Vec::len)
            .map(|ids| ids.into_iter().map(str::to_owned).collect())
    }

    /// Sorts matches as `_sort` asks: missing values last, equals in the order they came.
    pub fn sort(&self, resources: &mut Vec<Arc<Value>>) {
        sort::sort(&self.controls.order, resources);
    }

    /// The resources of a page, [`COUNT_MAX`] at most.
    pub fn count(&self) -> usize {
        self.controls.count.unwrap_or(COUNT_DEFAULT)
    }

    /// How much of each resource is answered; [`Summary::Count`] also where `_count` is 0.
    pub fn summary(&self) -> Summary {
        if self.controls.count == Some(0) { Summary::Count } else { self.controls.summary }
    }

    /// The elements to which `_elements` limits each resource; empty for all.
    pub fn elements(&self) -> &[String] {
        &self.controls.elements
    }

    /// How exact the total should be; `None` where that is the server's choice.
    pub fn total(&self) -> Option<Total> {
        self.controls.total
    }

    /// What to follow from the matches.
    pub fn includes(&self) -> &[Include] {
        &self.controls.includes
    }

    /// What to follow to the matches.
    pub fn revincludes(&self) -> &[Include] {
        &self.controls.revincludes
    }

    /// The names and values that were applied, in their order: what the Bundle's `self` link has.
    pub fn applied(&self) -> &[(String, String)] {
        &self.applied
    }
}

/// Whether a parameter looks at the element that says whose resource this is.
fn names_patient(resource_type: &str, of: &Parameter) -> bool {
    // A Contract belongs to no compartment; what an AuditEvent is about need not be who acted.
    !matches!(resource_type, "AuditEvent" | "Contract")
        && ["patient", "subject"]
            .iter()
            .filter_map(|code| parameter::find(resource_type, code))
            .any(|named| named.paths == of.paths)
}

fn ignored_if_lenient(issue: Issue, handling: Handling) -> Issue {
    match handling {
        Handling::Lenient if issue.code == "not-supported" => {
            Issue { severity: Severity::Warning, ..issue }
        }
        Handling::Lenient | Handling::Strict => issue,
    }
}

fn unknown(resource_type: &str, name: &str) -> Issue {
    let text = if name.starts_with("_has:") {
        format!("reverse chaining is not supported: `{name}`")
    } else if name.contains('.') {
        format!("chained parameters are not supported: `{name}`")
    } else {
        format!("{resource_type} has no search parameter `{name}`, or this server does not know it")
    };
    Issue::error("not-supported", text).at(name)
}
