//! One parameter of a query: what it asks of a resource.

use chartroom_engine::document::resource_type;
use serde_json::Value;

use super::Context;
use super::date::Date;
use super::parameter::{Kind, Parameter};
use super::quantity::Quantity;
use super::reference::{self, Target};
use super::text::{self, Text};
use super::token::{Token, Typed};
use super::uri::{self, Uri};
use super::value::{split, unescape};
use crate::outcome::Issue;

/// A parameter and what it asks: any of its alternatives.
#[derive(Debug)]
pub(super) struct Filter {
    pub parameter: &'static Parameter,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Missing(bool),
    Flag(Vec<bool>),
    Token(Vec<Token>),
    NoToken(Vec<Token>),
    Typed(Vec<Typed>),
    Called(Vec<Text>),
    Text(Vec<Text>),
    Reference(Vec<Target>),
    Identifier(Vec<Token>),
    Date(Vec<Date>),
    Number(Vec<Quantity>),
    Uri(Vec<Uri>),
}

impl Filter {
    /// Reads a value; `name` is the parameter with its modifier, as the query has it.
    pub(super) fn parse(
        parameter: &'static Parameter,
        name: &str,
        value: &str,
        context: &Context<'_>,
    ) -> Result<Self, Issue> {
        let modifier = name.split_once(':').map(|(_, modifier)| modifier);
        let test = Test::parse(parameter, modifier, value, context).map_err(|fault| {
            let code = parameter.code;
            match fault {
                Fault::Modifier => Issue::error(
                    "not-supported",
                    format!("`{code}` has no modifier as in `{name}`"),
                ),
                Fault::Value(takes) => Issue::error("invalid", format!("`{name}` takes {takes}")),
            }
            .at(name)
        })?;
        Ok(Self { parameter, test })
    }

    /// References to any of these.
    pub(super) fn referring(parameter: &'static Parameter, targets: Vec<Target>) -> Self {
        Self { parameter, test: Test::Reference(targets) }
    }

    /// Whether the resource has what is asked.
    pub(super) fn matches(&self, resource: &Value, base: &str) -> bool {
        let parameter = self.parameter;
        match &self.test {
            Test::Missing(missing) => self.lacks(resource, base) == *missing,
            Test::Flag(wanted) => wanted.contains(&is_set(parameter, resource)),
            Test::Token(any) => has_token(parameter, any, resource),
            Test::NoToken(any) => !has_token(parameter, any, resource),
            Test::Typed(any) => {
                parameter.any(resource, |value, _| any.iter().any(|typed| typed.matches(value)))
            }
            Test::Called(any) => {
                parameter.any(resource, |value, _| any.iter().any(|text| text.names(value)))
            }
            Test::Text(any) => parameter.any(resource, |value, path| {
                any.iter().any(|text| text.matches(value, path.name()))
            }),
            Test::Reference(any) => parameter.any(resource, |value, _| {
                any.iter().any(|target| target.matches(value, parameter, base))
            }),
            Test::Identifier(any) => parameter.any(resource, |value, _| {
                let identifier = value.get("identifier");
                identifier.is_some_and(|value| any.iter().any(|token| token.matches(value, None)))
            }),
            Test::Date(any) => {
                parameter.any(resource, |value, _| any.iter().any(|date| date.matches(value)))
            }
            Test::Number(any) => {
                parameter.any(resource, |value, _| any.iter().any(|number| number.matches(value)))
            }
            Test::Uri(any) => parameter
                .any(resource, |value, _| any.iter().any(|uri| uri.matches(value, resource))),
        }
    }

    fn lacks(&self, resource: &Value, base: &str) -> bool {
        let parameter = self.parameter;
        let is_reference = parameter.kind == Kind::Reference;
        !parameter
            .any(resource, |value, _| !is_reference || reference::counts(value, parameter, base))
    }

    /// The ids that `_id` allows, where it is a list of them.
    pub(super) fn ids(&self) -> Option<impl Iterator<Item = &str>> {
        let Test::Token(any) = &self.test else { return None };
        (self.parameter.code == "_id").then(|| any.iter().filter_map(Token::code))
    }

    /// The ids of the patients that it allows, where it allows nothing else.
    pub(super) fn patients(&self) -> Option<Vec<&str>> {
        let Test::Reference(any) = &self.test else { return None };
        let only_patients = self.parameter.targets == ["Patient"];
        any.iter()
            .map(|target| match target {
                Target::Id(id) => only_patients.then_some(id.as_str()),
                Target::Local(text) => text.strip_prefix("Patient/"),
                Target::Literal(_) => None,
            })
            .collect()
    }
}

/// Why a parameter cannot be asked like this.
enum Fault {
    /// Its kind has no such modifier here.
    Modifier,
    /// The value is not what the kind takes: this.
    Value(&'static str),
}

impl Test {
    fn parse(
        parameter: &Parameter,
        modifier: Option<&str>,
        value: &str,
        context: &Context<'_>,
    ) -> Result<Self, Fault> {
        if modifier == Some("missing") {
            return Ok(Self::Missing(truth(value).ok_or(Fault::Value("true or false"))?));
        }
        match parameter.kind {
            Kind::Flag => {
                let named = each(value, truth, "true or false")?;
                match modifier {
                    None => Ok(Self::Flag(named)),
                    Some("not") => {
                        let others =
                            [true, false].into_iter().filter(|truth| !named.contains(truth));
                        Ok(Self::Flag(others.collect()))
                    }
                    Some(_) => Err(Fault::Modifier),
                }
            }
            Kind::Token => Self::parse_token(parameter, modifier, value),
            Kind::Text => {
                let mode = match modifier {
                    None => text::Mode::Starts,
                    Some("contains") => text::Mode::Contains,
                    Some("exact") => text::Mode::Exact,
                    Some(_) => return Err(Fault::Modifier),
                };
                Ok(Self::Text(texts(mode, value)))
            }
            Kind::Reference => Self::parse_reference(modifier, value, context),
            Kind::Date => {
                unmodified(modifier)?;
                let date = |text: &str| Date::parse(&unescape(text), context.now_ms);
                Ok(Self::Date(each(value, date, "a date such as ge2013-01-14T10:00:00Z")?))
            }
            Kind::Number => {
                unmodified(modifier)?;
                let number = |text: &str| Quantity::parse_number(&unescape(text));
                Ok(Self::Number(each(value, number, "a number such as gt0.8")?))
            }
            Kind::Quantity => {
                unmodified(modifier)?;
                let takes = "a number, or number|system|code";
                Ok(Self::Number(each(value, Quantity::parse, takes)?))
            }
            Kind::Uri => {
                let mode = match modifier {
                    None => uri::Mode::Same,
                    Some("below") => uri::Mode::Below,
                    Some("above") => uri::Mode::Above,
                    Some(_) => return Err(Fault::Modifier),
                };
                Ok(Self::Uri(
                    alternatives(value).map(|text| Uri::new(mode, unescape(text))).collect(),
                ))
            }
        }
    }

    fn parse_token(
        parameter: &Parameter,
        modifier: Option<&str>,
        value: &str,
    ) -> Result<Self, Fault> {
        let tokens = || {
            let token = |text: &str| Token::parse(text, parameter.code == "_id");
            each(value, token, "code, system|code, |code or system|")
        };
        match modifier {
            None => Ok(Self::Token(tokens()?)),
            Some("not") => Ok(Self::NoToken(tokens()?)),
            Some("of-type") => Ok(Self::Typed(each(value, Typed::parse, "system|code|value")?)),
            Some("text") => Ok(Self::Called(texts(text::Mode::Starts, value))),
            Some(_) => Err(Fault::Modifier),
        }
    }

    fn parse_reference(
        modifier: Option<&str>,
        value: &str,
        context: &Context<'_>,
    ) -> Result<Self, Fault> {
        if modifier == Some("identifier") {
            let token = |text: &str| Token::parse(text, false);
            return Ok(Self::Identifier(each(value, token, "system|value")?));
        }
        let named = match modifier {
            None => None,
            Some(named) => Some(resource_type(named).ok_or(Fault::Modifier)?),
        };
        let target = |text: &str| Target::parse(&unescape(text), named, context.base);
        Ok(Self::Reference(each(value, target, "an id, Type/id or a URL")?))
    }
}

fn unmodified(modifier: Option<&str>) -> Result<(), Fault> {
    modifier.map_or(Ok(()), |_| Err(Fault::Modifier))
}

/// The alternatives that say something, still escaped.
fn alternatives(value: &str) -> impl Iterator<Item = &str> {
    split(value, ',').filter(|text| !text.is_empty())
}

fn each<T>(
    value: &str,
    parse: impl Fn(&str) -> Option<T>,
    takes: &'static str,
) -> Result<Vec<T>, Fault> {
    alternatives(value).map(|text| parse(text).ok_or(Fault::Value(takes))).collect()
}

fn texts(mode: text::Mode, value: &str) -> Vec<Text> {
    alternatives(value).filter_map(|text| Text::new(mode, unescape(text))).collect()
}

fn truth(text: &str) -> Option<bool> {
    text.parse().ok()
}

fn has_token(parameter: &Parameter, any: &[Token], resource: &Value) -> bool {
    parameter.any(resource, |value, path| any.iter().any(|token| token.matches(value, path.system)))
}

/// Whether a flag is set: the element is there and not false.
pub(super) fn is_set(parameter: &Parameter, resource: &Value) -> bool {
    parameter.any(resource, |value, _| value != &Value::Bool(false))
}
