//! What a Reference or a canonical names.
//!
//! Source: FHIR R4, search, reference. A version in a reference is not looked at.

use chartroom_engine::document::resource_type;
use serde_json::Value;

use super::parameter::Parameter;

/// What a query wants referred to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An id, of any type that the parameter may name.
    Id(String),
    /// `Type/id` on this server.
    Local(String),
    /// A URL elsewhere, a URN or a canonical, letter by letter.
    Literal(String),
}

impl Target {
    /// Reads `id`, `Type/id` or a URL; `named` is the type of a `:Type` modifier.
    pub(super) fn parse(text: &str, named: Option<&str>, base: &str) -> Option<Self> {
        let text = relative(text, base);
        if text.contains(':') {
            return Some(Self::Literal(text.to_owned()));
        }
        match (text.split_once('/'), named) {
            (None, _) if !is_id(text) => None,
            (None, None) => Some(Self::Id(text.to_owned())),
            (None, Some(named)) => Some(Self::Local(format!("{named}/{text}"))),
            (Some(_), named) => {
                let (found, _) = local(text)?;
                named.is_none_or(|named| named == found).then(|| Self::Local(text.to_owned()))
            }
        }
    }

    /// Whether a value of this parameter refers to it.
    pub(super) fn matches(&self, value: &Value, parameter: &Parameter, base: &str) -> bool {
        let Some(text) = text_of(value) else { return false };
        let text = relative(text, base);
        match self {
            Self::Id(wanted) => {
                local(text).is_some_and(|(named, id)| id == wanted && admits(parameter, named))
            }
            Self::Local(wanted) => {
                text == wanted && local(text).is_some_and(|(named, _)| admits(parameter, named))
            }
            Self::Literal(wanted) => {
                text == wanted
                    || text.split_once('|').is_some_and(|(canonical, _)| canonical == wanted)
            }
        }
    }
}

/// Whether a value counts for a parameter that only looks at some types.
pub(super) fn counts(value: &Value, parameter: &Parameter, base: &str) -> bool {
    let named = text_of(value).and_then(|text| local(relative(text, base)));
    named.is_none_or(|(named, _)| admits(parameter, named))
}

/// The `(type, id)` of this server that a value refers to.
pub(super) fn local_of<'v>(value: &'v Value, base: &str) -> Option<(&'v str, &'v str)> {
    local(relative(text_of(value)?, base))
}

/// The text of a Reference or a canonical.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("reference")?.as_str())
}

fn admits(parameter: &Parameter, named: &str) -> bool {
    parameter.targets.is_empty() || parameter.targets.contains(&named)
}

/// The reference without this server's base and without a version.
fn relative<'t>(text: &'t str, base: &str) -> &'t str {
    let base = base.trim_end_matches('/');
    let inside = text.strip_prefix(base).and_then(|rest| rest.strip_prefix('/'));
    let text = inside.filter(|_| !base.is_empty()).unwrap_or(text);
    text.split_once("/_history/").map_or(text, |(text, _)| text)
}

fn local(text: &str) -> Option<(&str, &str)> {
    let (named, id) = text.split_once('/')?;
    Some((resource_type(named)?, id)).filter(|(_, id)| is_id(id))
}

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}
