//! What comes with the matches: resources that they refer to, and that refer to them.
//!
//! Source: FHIR R4, search, Including other resources in result.

use chartroom_engine::document::resource_type;
use serde_json::Value;

use super::Query;
use super::filter::Filter;
use super::parameter::{self, Kind, Parameter};
use super::reference::{self, Target};

/// An `_include` or a `_revinclude`: `Source:parameter` or `Source:parameter:Target`.
#[derive(Debug, Clone)]
pub struct Include {
    /// The type that refers.
    pub source: &'static str,
    /// The parameter of that type that refers.
    pub parameter: &'static Parameter,
    /// The only type to follow to; `None` for any.
    pub target: Option<&'static str>,
    /// Whether what was included is followed as well (`:iterate`).
    pub iterate: bool,
}

impl Include {
    /// Reads the value; the error says what the parameter does not do.
    pub(super) fn parse(value: &str, iterate: bool) -> Result<Self, String> {
        let mut parts = value.split(':');
        let (source, code) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let target = parts.next().filter(|target| !target.is_empty());
        if parts.next().is_some() || code.is_empty() || code == "*" {
            return Err("follows Type:parameter or Type:parameter:Target, no wildcards".to_owned());
        }
        let source = resource_type(source).ok_or_else(|| "names no type of R4".to_owned())?;
        let target = match target {
            None => None,
            Some(name) => {
                Some(resource_type(name).ok_or_else(|| "names no type of R4".to_owned())?)
            }
        };
        let parameter = parameter::find(source, code)
            .filter(|parameter| parameter.kind == Kind::Reference)
            .ok_or_else(|| format!("finds no reference parameter `{code}` of {source}"))?;
        Ok(Self { source, parameter, target, iterate })
    }

    /// Whether this parameter may name that type.
    fn follows_to(&self, named: &str) -> bool {
        let targets = &self.parameter.targets;
        self.target.is_none_or(|target| target == named)
            && (targets.is_empty() || targets.contains(&named))
    }
}

/// The `(type, id)` of each resource of this server that an `_include` follows a match to.
///
/// `base` is the server's FHIR base URL. Canonicals and references elsewhere are not followed.
pub fn included(include: &Include, resource: &Value, base: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if resource.get("resourceType").and_then(Value::as_str) != Some(include.source) {
        return found;
    }
    include.parameter.each(resource, |value| {
        if let Some((named, id)) = reference::local_of(value, base)
            && include.follows_to(named)
            && !found.iter().any(|(known, of)| known == named && of == id)
        {
            found.push((named.to_owned(), id.to_owned()));
        }
    });
    found
}

/// The query for the resources that refer to one of these `(type, id)`, as a `_revinclude` asks;
/// `None` where its parameter can name none of them.
pub fn revinclude_query<'t>(
    include: &Include,
    targets: impl IntoIterator<Item = (&'t str, &'t str)>,
    base: &str,
) -> Option<Query> {
    let targets: Vec<_> = targets
        .into_iter()
        .filter(|(named, _)| include.follows_to(named))
        .map(|(named, id)| Target::Local(format!("{named}/{id}")))
        .collect();
    if targets.is_empty() {
        return None;
    }
    Some(Query::of(include.source, Filter::referring(include.parameter, targets), base))
}
