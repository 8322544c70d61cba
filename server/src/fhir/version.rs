//! `meta.versionId`: the nth change of a resource, in the epoch of its room.
//!
//! In a room's first epoch version n is written `n`; in a later one `epoch.n`, since a room that was
//! founded anew counts from 1 again, and a version of before must not be taken for one of now.

use std::fmt;

use super::error::FhirError;

/// A version of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// The room's epoch.
    pub epoch: u32,
    /// Which change of the resource made it, from 1.
    pub number: usize,
}

impl Version {
    /// Reads a `versionId`; `None` for one that this server never gave.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.split_once('.').unwrap_or(("1", text));
        let version = Self { epoch: epoch.parse().ok()?, number: number.parse().ok()? };
        (version.to_string() == text && version.number > 0).then_some(version)
    }

    /// Reads the entity tag of an `If-Match`. One that this server never gave is no version of
    /// anything, and so matches nothing.
    pub fn of_etag(tag: &str) -> Result<Self, FhirError> {
        let tag = tag.trim();
        let quoted = tag.strip_prefix("W/").unwrap_or(tag);
        let bare = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        // Many clients leave the quotes out.
        let bare = bare.unwrap_or(quoted);
        if bare.is_empty() || bare == "*" || bare.contains(['"', ',']) {
            return Err(FhirError::invalid("If-Match names one version, as W/\"3\""));
        }
        Ok(Self::parse(bare).unwrap_or(Self { epoch: 0, number: 0 }))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.epoch {
            1 => write!(f, "{}", self.number),
            epoch => write!(f, "{epoch}.{}", self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_written() {
        for (text, epoch, number) in
            [("1", 1, 1), ("27", 1, 27), ("2.1", 2, 1), ("12.340", 12, 340)]
        {
            let version = Version { epoch, number };
            assert_eq!(Version::parse(text), Some(version));
            assert_eq!(version.to_string(), text);
        }
        for text in ["", "0", "01", "1.1", "a", "2.", ".2", "2.01", "-1", "1e3"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_entity_tag_is_read_with_and_without_quotes() {
        for tag in ["W/\"3\"", "\"3\"", "3", " W/3 "] {
            assert_eq!(Version::of_etag(tag).unwrap(), Version { epoch: 1, number: 3 }, "{tag}");
        }
        let nobodys = Version { epoch: 0, number: 0 };
        assert_eq!(Version::of_etag("W/\"abc\"").unwrap(), nobodys);
        for tag in ["", "*", "W/\"1\", W/\"2\""] {
            assert!(Version::of_etag(tag).is_err(), "{tag}");
        }
    }
}
