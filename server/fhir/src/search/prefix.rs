//! What a number or a date may begin with: how it is compared.

/// The comparison that a value asks for (FHIR R4, search, Prefixes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    StartsAfter,
    EndsBefore,
    Approximately,
}

impl Prefix {
    /// The prefix and what follows it; without one it is `eq`.
    pub(super) fn split(text: &str) -> (Self, &str) {
        let Some((prefix, rest)) = text.split_at_checked(2) else { return (Self::Equal, text) };
        let prefix = match prefix {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "gt" => Self::Greater,
            "lt" => Self::Less,
            "ge" => Self::GreaterOrEqual,
            "le" => Self::LessOrEqual,
            "sa" => Self::StartsAfter,
            "eb" => Self::EndsBefore,
            "ap" => Self::Approximately,
            _ => return (Self::Equal, text),
        };
        (prefix, rest)
    }
}
