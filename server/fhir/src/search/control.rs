//! The parameters that shape the answer and filter nothing.
//!
//! Source: FHIR R4, search, Managing Returned Resources.

use super::include::Include;
use super::parameter;
use super::sort::Order;
use crate::outcome::Issue;

/// The most resources that a page has, whatever `_count` asks.
pub const COUNT_MAX: usize = 1000;
/// The resources of a page where `_count` is not given.
pub const COUNT_DEFAULT: usize = 50;

/// How much of each resource is answered (`_summary`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Summary {
    /// The whole resource.
    #[default]
    False,
    /// The elements that the type's definition marks.
    True,
    /// The narrative, and what must be there.
    Text,
    /// All but the narrative.
    Data,
    /// No resources, only how many there are; also what `_count=0` means.
    Count,
}

/// How exact a Bundle's total is (`_total`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Not needed.
    None,
    /// About.
    Estimate,
    /// Exact.
    Accurate,
}

/// What a query asks of the answer.
#[derive(Debug, Default)]
pub(super) struct Controls {
    pub count: Option<usize>,
    pub summary: Summary,
    pub elements: Vec<String>,
    pub total: Option<Total>,
    pub order: Vec<Order>,
    pub includes: Vec<Include>,
    pub revincludes: Vec<Include>,
}

/// What came of a parameter.
pub(super) enum Taken {
    /// It is one of these, and is in the link that the answer calls `self` as this value.
    Applied(String),
    /// It says how the answer is written, which is for the caller.
    Ignored,
    /// It is not one of these.
    Other,
}

impl Controls {
    /// Takes a parameter, if it is one of these.
    pub(super) fn take(
        &mut self,
        resource_type: &str,
        name: &str,
        value: &str,
    ) -> Result<Taken, Issue> {
        let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
        let is_include = matches!(code, "_include" | "_revinclude");
        if !modifier.is_empty() && !is_include {
            return Ok(Taken::Other);
        }
        let mut applied = value.to_owned();
        match code {
            "_format" | "_pretty" => return Ok(Taken::Ignored),
            "_count" => {
                let count = parse_count(value).ok_or_else(|| invalid(name, "a whole number"))?;
                applied = count.to_string();
                self.count = Some(count);
            }
            "_summary" => self.summary = parse_summary(value)?,
            "_total" => self.total = Some(parse_total(value)?),
            "_elements" => {
                let elements = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                self.elements = elements.map(str::to_owned).collect();
            }
            "_sort" => self.order = parse_order(resource_type, value)?,
            "_include" => self.includes.push(parse_include(name, modifier, value)?),
            "_revinclude" => self.revincludes.push(parse_include(name, modifier, value)?),
            _ => return Ok(Taken::Other),
        }
        Ok(Taken::Applied(applied))
    }
}

/// The number, [`COUNT_MAX`] where it is more.
fn parse_count(value: &str) -> Option<usize> {
    let is_whole = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| value.parse().map_or(COUNT_MAX, |count: usize| count.min(COUNT_MAX)))
}

fn parse_summary(value: &str) -> Result<Summary, Issue> {
    Ok(match value {
        "false" => Summary::False,
        "true" => Summary::True,
        "text" => Summary::Text,
        "data" => Summary::Data,
        "count" => Summary::Count,
        _ => return Err(invalid("_summary", "true, false, text, data or count")),
    })
}

fn parse_total(value: &str) -> Result<Total, Issue> {
    Ok(match value {
        "none" => Total::None,
        "estimate" => Total::Estimate,
        "accurate" => Total::Accurate,
        _ => return Err(invalid("_total", "none, estimate or accurate")),
    })
}

fn parse_order(resource_type: &str, value: &str) -> Result<Vec<Order>, Issue> {
    let order = |key: &str| {
        let (code, descending) = key.strip_prefix('-').map_or((key, false), |code| (code, true));
        let parameter = parameter::find(resource_type, code).ok_or_else(|| {
            let text = format!("`_sort` finds no parameter `{code}` of {resource_type}");
            Issue::error("not-supported", text).at("_sort")
        })?;
        Ok(Order { parameter, descending })
    };
    value.split(',').filter(|key| !key.is_empty()).map(order).collect()
}

fn parse_include(name: &str, modifier: &str, value: &str) -> Result<Include, Issue> {
    let iterate = match modifier {
        "" => false,
        "iterate" => true,
        _ => {
            let text = format!("`{name}` has no modifier but `iterate`");
            return Err(Issue::error("not-supported", text).at(name));
        }
    };
    Include::parse(value, iterate)
        .map_err(|text| Issue::error("not-supported", format!("`{name}` {text}")).at(name))
}

fn invalid(name: &str, takes: &str) -> Issue {
    Issue::error("invalid", format!("`{name}` takes {takes}")).at(name)
}
