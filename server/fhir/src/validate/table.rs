//! R4's types as `r4.tsv` lists them, read once.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::primitive::Primitive;

pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("r4.tsv")));

pub(super) struct Table {
    shapes: HashMap<&'static str, Shape>,
    sets: HashMap<&'static str, HashSet<&'static str>>,
}

/// A type, or a backbone element such as `Observation.component`, with what it inherits.
#[derive(Default)]
pub(super) struct Shape {
    pub(super) is_resource: bool,
    /// The elements with a minimum of one, `value` for `value[x]`.
    pub(super) required: Vec<&'static str>,
    properties: HashMap<Cow<'static, str>, Property>,
}

/// A member that an object may have.
#[derive(Clone, Copy)]
pub(super) struct Property {
    /// The element's name: `value` for the member `valueQuantity`.
    pub(super) element: &'static str,
    pub(super) kind: Kind,
    pub(super) is_many: bool,
    /// The value set its codes are of.
    pub(super) set: Option<&'static str>,
    is_attribute: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Primitive(Primitive),
    Complex(&'static str),
    Resource,
}

/// A type's own lines.
struct Declared {
    base: &'static str,
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    cardinality: &'static str,
    types: &'static str,
    set: Option<&'static str>,
}

impl Table {
    pub(super) fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }

    /// A value set's name and codes, `system|code` where it is of concepts.
    pub(super) fn set(&self, name: &'static str) -> Option<(&'static str, &HashSet<&'static str>)> {
        self.sets.get(name).map(|codes| (name, codes))
    }

    fn parse(text: &'static str) -> Self {
        let mut sets = HashMap::new();
        let mut declared: HashMap<&str, Declared> = HashMap::new();
        let mut current = "";
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(row) = line.strip_prefix('\t') {
                declared.entry(current).and_modify(|of| of.rows.extend(Row::parse(row)));
            } else if let Some((name, codes)) =
                line.strip_prefix('=').and_then(|of| of.split_once('\t'))
            {
                sets.insert(name, codes.split(' ').collect());
            } else if let Some((name, base)) = line.split_once(' ') {
                current = name;
                declared.insert(name, Declared { base, rows: Vec::new() });
            }
        }
        let shapes = declared.keys().map(|name| (*name, Shape::of(name, &declared))).collect();
        Self { shapes, sets }
    }
}

impl Shape {
    fn of(name: &'static str, declared: &HashMap<&str, Declared>) -> Self {
        let mut shape = Self::default();
        let mut next = name;
        while let Some(Declared { base, rows }) = declared.get(next) {
            rows.iter().for_each(|row| shape.add(row));
            shape.is_resource |= next == "Resource";
            next = base;
        }
        shape
    }

    fn add(&mut self, row: &Row) {
        let choice = row.name.strip_suffix("[x]");
        let element = choice.unwrap_or(row.name);
        if row.cardinality.starts_with('1') {
            self.required.push(element);
        }
        for of in row.types.split(' ') {
            let bare = of.trim_start_matches('@');
            let kind = match bare {
                "Resource" => Kind::Resource,
                _ => Primitive::of(bare).map_or(Kind::Complex(bare), Kind::Primitive),
            };
            let member = match choice {
                Some(stem) => Cow::Owned(format!("{stem}{}", capitalised(bare))),
                None => Cow::Borrowed(element),
            };
            self.properties.entry(member).or_insert(Property {
                element,
                kind,
                is_many: row.cardinality.ends_with('*'),
                set: row.set,
                is_attribute: bare.len() < of.len(),
            });
        }
    }

    /// What a member is, and its name without the `_` of a sibling.
    pub(super) fn property<'a>(&self, member: &'a str) -> Option<(&Property, &'a str)> {
        match member.strip_prefix('_') {
            Some(plain) => {
                let property = self.properties.get(plain)?;
                property.may_have_sibling().then_some((property, plain))
            }
            None => Some((self.properties.get(member)?, member)),
        }
    }
}

impl Property {
    /// Whether the value is an object.
    pub(super) fn nests(&self) -> bool {
        !matches!(self.kind, Kind::Primitive(_))
    }

    /// Whether `_member` may stand beside the member.
    pub(super) fn may_have_sibling(&self) -> bool {
        !self.nests() && !self.is_attribute
    }
}

impl Row {
    fn parse(row: &'static str) -> Option<Self> {
        let mut columns = row.split('\t');
        Some(Self {
            name: columns.next()?,
            cardinality: columns.next()?,
            types: columns.next()?,
            set: columns.next().map(|set| set.trim_start_matches('=')),
        })
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::{Kind, TABLE};

    #[test]
    fn whatever_the_table_names_is_in_it() {
        assert_eq!((TABLE.shapes.len(), TABLE.sets.len()), (662, 220));
        for (name, shape) in &TABLE.shapes {
            assert!(!shape.properties.is_empty(), "{name}");
            for (member, property) in &shape.properties {
                if let Kind::Complex(of) = property.kind {
                    assert!(TABLE.shape(of).is_some(), "{name}.{member} is of {of}");
                }
                if let Some(set) = property.set {
                    assert!(TABLE.set(set).is_some(), "{name}.{member} is of {set}");
                }
            }
        }
    }

    #[test]
    fn a_type_has_what_its_bases_have() {
        let component = TABLE.shape("Observation.component").unwrap();
        for member in ["id", "extension", "modifierExtension", "code", "valueQuantity"] {
            assert!(component.property(member).is_some(), "{member}");
        }
        assert_eq!(component.required, ["code"]);
        assert!(TABLE.shape("Age").unwrap().property("comparator").is_some());
        assert!(TABLE.shape("Bundle").unwrap().property("contained").is_none());
    }
}
