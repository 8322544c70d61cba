//! Which rooms are meant: by their name, their kind, or all of them.

use std::{fmt, str::FromStr};

use crate::{RoomName, RoomNameError};

/// Some of the rooms. A pattern with a star leaves restricted compartments out, unless it names
/// their label: who hears those is said, never implied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomPattern {
    /// `*`
    All,
    /// `{kind}:*`
    Kind(String),
    /// `{kind}:*~{label}`: the compartments of that label.
    Compartments(String, String),
    /// A room's name.
    Room(RoomName),
}

impl RoomPattern {
    /// Whether a room is one of these.
    pub fn matches(&self, room: &RoomName) -> bool {
        let label = room.key().split_once('~').map(|(_, label)| label);
        match self {
            Self::All => label.is_none(),
            Self::Kind(kind) => label.is_none() && room.kind() == kind,
            Self::Compartments(kind, wanted) => {
                label == Some(wanted.as_str()) && room.kind() == kind
            }
            Self::Room(name) => room == name,
        }
    }
}

impl FromStr for RoomPattern {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, RoomNameError> {
        if text == "*" {
            return Ok(Self::All);
        }
        let Some((kind, rest)) = text.split_once(":*") else {
            return text.parse().map(Self::Room);
        };
        // A pattern is well formed where the name of one of its rooms is.
        format!("{kind}:x{rest}").parse::<RoomName>()?;
        match rest.strip_prefix('~') {
            Some(label) => Ok(Self::Compartments(kind.to_owned(), label.to_owned())),
            None if rest.is_empty() => Ok(Self::Kind(kind.to_owned())),
            // What is left has a star in it, and so is no room.
            None => text.parse().map(Self::Room),
        }
    }
}

impl fmt::Display for RoomPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Kind(kind) => write!(f, "{kind}:*"),
            Self::Compartments(kind, label) => write!(f, "{kind}:*~{label}"),
            Self::Room(name) => f.write_str(name.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, room: &str) -> bool {
        let parsed: RoomPattern = pattern.parse().unwrap();
        assert_eq!(parsed.to_string(), pattern);
        parsed.matches(&room.parse().unwrap())
    }

    #[test]
    fn a_star_leaves_restricted_compartments_out() {
        assert!(matches("*", "patient:p1"));
        assert!(matches("patient:*", "patient:p1"));
        assert!(!matches("patient:*", "pharmacy:queue"));
        assert!(!matches("*", "patient:p1~psy"));
        assert!(!matches("patient:*", "patient:p1~psy"));
        assert!(matches("patient:*~psy", "patient:p1~psy"));
        assert!(!matches("patient:*~psy", "patient:p1~hiv"));
        assert!(!matches("patient:*~psy", "patient:p1"));
        assert!(matches("patient:p1~psy", "patient:p1~psy"));
        assert!(!matches("patient:p1", "patient:p2"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in ["", "**", "patient", "patient:", "patient:*1", "Patient:*", "*:*"] {
            assert!(bad.parse::<RoomPattern>().is_err(), "{bad}");
        }
    }
}
