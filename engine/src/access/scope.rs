//! SMART on FHIR scopes: what a sign-in lets an app do, by type of resource.
//!
//! Source: SMART App Launch 2.2, "Scopes and Launch Context"; version 1's `read` and `write` are
//! taken as that text translates them. What is no clinical scope (`openid`, `launch/patient`) grants
//! nothing here.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use crate::document::resource_type;

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// It is made, or brought back.
    Create,
    /// It is read by its address, its versions included.
    Read,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// It is found among others, or heard of in events.
    Search,
}

impl Right {
    /// Every right, in the order in which scopes write them.
    pub const ALL: [Self; 5] = [Self::Create, Self::Read, Self::Update, Self::Delete, Self::Search];

    /// Whether it changes nothing.
    pub fn is_reading(self) -> bool {
        matches!(self, Self::Read | Self::Search)
    }

    fn letter(self) -> char {
        match self {
            Self::Create => 'c',
            Self::Read => 'r',
            Self::Update => 'u',
            Self::Delete => 'd',
            Self::Search => 's',
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Search => "search",
        })
    }
}

/// Whose data a scope is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// That of the one patient whom the sign-in names.
    Patient,
    /// All that the person may see.
    User,
    /// All that the server has, for an app without a person.
    System,
}

/// Which resources of a type a granular scope is about: any of these codes among its categories.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Category {
    system: Option<String>,
    code: String,
}

/// One clinical scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Whose data it is about.
    pub context: Context,
    /// The type of resource; `None` for all.
    pub resource_type: Option<&'static str>,
    rights: BTreeSet<Right>,
    /// Of each group one code must be there; empty for all resources of the type.
    categories: Vec<Vec<Category>>,
}

impl Scope {
    /// All rights to everything.
    pub fn everything(context: Context) -> Self {
        Self { context, resource_type: None, rights: Right::ALL.into(), categories: Vec::new() }
    }

    /// Reads one scope; `None` where it is no clinical one, or one that cannot be decided, which
    /// grants nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let (context, rest) = text.split_once('/')?;
        let context = match context {
            "patient" => Context::Patient,
            "user" => Context::User,
            "system" => Context::System,
            _ => return None,
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (name, rights) = rest.rsplit_once('.')?;
        let resource_type = match name {
            "*" => None,
            name => Some(resource_type(name)?),
        };
        let (rights, categories) = (self::rights(rights)?, self::categories(query)?);
        Some(Self { context, resource_type, rights, categories })
    }

    /// Whether it says so of all resources of a type.
    pub(super) fn grants_type(&self, right: Right, resource_type: &str) -> bool {
        self.categories.is_empty() && self.covers(right, resource_type)
    }

    /// Whether it says so of every resource of every type.
    pub(super) fn grants_all(&self, right: Right) -> bool {
        self.resource_type.is_none() && self.categories.is_empty() && self.has(right)
    }

    /// Whether it says so of this resource.
    pub(super) fn grants(&self, right: Right, resource_type: &str, resource: &Value) -> bool {
        self.covers(right, resource_type)
            && self.categories.iter().all(|any| any.iter().any(|code| code.is_in(resource)))
    }

    /// Whether it says so of some resources of a type.
    pub(super) fn covers(&self, right: Right, resource_type: &str) -> bool {
        self.rights.contains(&right) && self.resource_type.is_none_or(|of| of == resource_type)
    }

    /// Whether it says so of anything.
    pub(super) fn has(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// The same without what writes.
    pub(super) fn for_reading(&self) -> Self {
        let mut scope = self.clone();
        scope.rights.retain(|right| right.is_reading());
        scope
    }
}

impl Category {
    fn is_in(&self, resource: &Value) -> bool {
        let fits = |coding: &Value| {
            let text = |name: &str| coding.get(name).and_then(Value::as_str);
            text("code") == Some(&self.code)
                && self.system.as_ref().is_none_or(|system| text("system") == Some(system))
        };
        let concepts: Vec<&Value> = match resource.get("category") {
            Some(Value::Array(concepts)) => concepts.iter().collect(),
            concept => concept.into_iter().collect(),
        };
        let codings = concepts.iter().filter_map(|concept| concept.get("coding")?.as_array());
        // Some types have codes as categories, and no concepts.
        codings.flatten().any(fits) || concepts.iter().any(|c| c.as_str() == Some(&self.code))
    }
}

/// `cruds` in this order, each once or not at all; or a word of version 1.
fn rights(text: &str) -> Option<BTreeSet<Right>> {
    let letters = match text {
        "read" => "rs",
        "write" => "cud",
        "*" => "cruds",
        letters => letters,
    };
    let mut rights = BTreeSet::new();
    let mut order = Right::ALL.into_iter();
    for letter in letters.chars() {
        rights.insert(order.find(|right| right.letter() == letter)?);
    }
    (!rights.is_empty()).then_some(rights)
}

/// The categories of a query; what else it asks for is not decided here.
fn categories(query: &str) -> Option<Vec<Vec<Category>>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, codes) = pair.split_once('=')?;
            let code = |text: &str| match text.split_once('|') {
                Some((system, code)) => Category { system: Some(system.into()), code: code.into() },
                None => Category { system: None, code: text.to_owned() },
            };
            (name == "category").then(|| codes.split(',').map(code).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn letters(text: &str) -> Option<String> {
        let scope = Scope::parse(text)?;
        Some(scope.rights.iter().map(|right| right.letter()).collect())
    }

    #[test]
    fn scopes_of_both_versions_are_understood() {
        for (text, expected) in [
            ("patient/*.read", "rs"),
            ("user/Observation.write", "cud"),
            ("system/*.*", "cruds"),
            ("user/Observation.rs", "rs"),
            ("user/Observation.cruds", "cruds"),
            ("patient/Condition.c", "c"),
        ] {
            let found = letters(text).map(|found| {
                let mut sorted: Vec<char> = found.chars().collect();
                sorted.sort_by_key(|letter| "cruds".find(*letter));
                sorted.into_iter().collect::<String>()
            });
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_clinical_scope_grants_nothing() {
        for text in [
            "openid",
            "launch/patient",
            "offline_access",
            "user/Observation",
            "user/Observation.",
            "user/Observation.sr",
            "user/Observation.rr",
            "user/Nonsense.rs",
            "doctor/*.rs",
            "user/Observation.rs?code=1",
            "user/Observation.rs?category",
        ] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_granular_scope_is_about_some_resources() {
        let scope = Scope::parse(
            "user/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
        )
        .unwrap();
        let of = |code: &str| {
            json!({ "resourceType": "Observation", "id": "o", "category": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                "code": code,
            }] }] })
        };
        assert!(scope.grants(Right::Read, "Observation", &of("laboratory")));
        assert!(!scope.grants(Right::Read, "Observation", &of("vital-signs")));
        assert!(!scope.grants(Right::Update, "Observation", &of("laboratory")));
        assert!(!scope.grants_type(Right::Read, "Observation"));
        assert!(scope.covers(Right::Search, "Observation"));
    }
}
