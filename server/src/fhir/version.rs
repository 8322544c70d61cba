//! `meta.versionId`: the nth change of a resource in its room.
//!
//! In a room's first epoch version n is written `n`. Where the count begins anew it has a mark before
//! it, so that no version of before is taken for one of now: `epoch.n` in a room that was founded
//! anew, and `mXXXXXXXX.n`, by the room's document, of a resource that came from another room.

use std::fmt;

use chartroom_engine::RoomId;

use super::error::FhirError;

/// A version of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// What is counted.
    pub series: Series,
    /// Which change of the resource made it, from 1.
    pub number: usize,
}

/// A count of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Series {
    /// Of a room's epoch.
    Epoch(u32),
    /// Of a resource that came into a room from another one.
    Moved(u32),
    /// None that this server ever gave.
    Foreign,
}

impl Series {
    /// The count of a resource in a room.
    pub fn of(room: &RoomId, moved: bool) -> Self {
        if !moved {
            return Self::Epoch(room.epoch);
        }
        let [a, b, c, d, ..] = room.document_id().0;
        Self::Moved(u32::from_be_bytes([a, b, c, d]))
    }
}

impl Version {
    /// A version that this server never gave, and so one of nothing.
    pub const FOREIGN: Self = Self { series: Series::Foreign, number: 0 };

    /// Reads a `versionId`; `None` for one that this server never gave.
    pub fn parse(text: &str) -> Option<Self> {
        let (series, number) = text.split_once('.').unwrap_or(("1", text));
        let series = match series.strip_prefix('m') {
            Some(digits) => Series::Moved(u32::from_str_radix(digits, 16).ok()?),
            None => Series::Epoch(series.parse().ok()?),
        };
        let version = Self { series, number: number.parse().ok()? };
        (version.to_string() == text && version.number > 0).then_some(version)
    }

    /// Reads the entity tag of an `If-Match`. One that this server never gave is no version of
    /// anything, and so matches nothing.
    pub fn of_etag(tag: &str) -> Result<Self, FhirError> {
        let bare = bare(tag);
        if bare.is_empty() || bare == "*" || bare.contains(['"', ',']) {
            return Err(FhirError::invalid("If-Match names one version, as W/\"3\""));
        }
        Ok(Self::parse(bare).unwrap_or(Self::FOREIGN))
    }

    /// Whether an `If-None-Match` lists this version, or is `*` (RFC 9110, section 13.1.2).
    pub fn is_listed(self, tags: &str) -> bool {
        let is_it = |tag: &str| bare(tag) == "*" || Self::parse(bare(tag)) == Some(self);
        tags.split(',').any(is_it)
    }
}

/// What an entity tag says; many clients leave the quotes out.
fn bare(tag: &str) -> &str {
    let tag = tag.trim();
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(quoted)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match self.series {
            Series::Epoch(1) => write!(f, "{number}"),
            Series::Epoch(epoch) => write!(f, "{epoch}.{number}"),
            Series::Moved(room) => write!(f, "m{room:08x}.{number}"),
            Series::Foreign => f.write_str("0"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_written() {
        for (text, series, number) in [
            ("1", Series::Epoch(1), 1),
            ("27", Series::Epoch(1), 27),
            ("2.1", Series::Epoch(2), 1),
            ("12.340", Series::Epoch(12), 340),
            ("m0000beef.2", Series::Moved(0xbeef), 2),
        ] {
            let version = Version { series, number };
            assert_eq!(Version::parse(text), Some(version));
            assert_eq!(version.to_string(), text);
        }
        for text in ["", "0", "01", "1.1", "a", "2.", ".2", "2.01", "-1", "1e3", "mbeef.1", "m.1"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_entity_tag_is_read_with_and_without_quotes() {
        let third = Version { series: Series::Epoch(1), number: 3 };
        for tag in ["W/\"3\"", "\"3\"", "3", " W/3 "] {
            assert_eq!(Version::of_etag(tag).unwrap(), third, "{tag}");
        }
        assert_eq!(Version::of_etag("W/\"abc\"").unwrap(), Version::FOREIGN);
        for tag in ["", "*", "W/\"1\", W/\"2\""] {
            assert!(Version::of_etag(tag).is_err(), "{tag}");
        }
        for tags in ["W/\"3\"", "*", "W/\"1\", W/\"3\"", "3"] {
            assert!(third.is_listed(tags), "{tags}");
        }
        assert!(!third.is_listed("W/\"1\", \"33\""));
    }
}
