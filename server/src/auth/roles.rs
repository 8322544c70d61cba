//! The operator's file of roles: who enters which rooms, and what else they may do.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use chartroom_engine::access::{Ability, Policy, Role, RoomPattern};
use serde::Deserialize;

/// How long glass stays broken where the file does not say.
const GLASS_MINUTES: u64 = 60;

/// What the operator says of access.
#[derive(Debug, Clone)]
pub struct Roles {
    /// Who may do what.
    pub policy: Policy,
    /// How long glass stays broken.
    pub glass: Duration,
}

impl Default for Roles {
    fn default() -> Self {
        Self { policy: Policy::default(), glass: Duration::from_secs(GLASS_MINUTES * 60) }
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    roles: BTreeMap<String, Entry>,
    #[serde(default = "glass_minutes")]
    glass_minutes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    writes: Vec<String>,
    #[serde(default)]
    reads: Vec<String>,
    #[serde(default)]
    may: BTreeSet<Ability>,
}

fn glass_minutes() -> u64 {
    GLASS_MINUTES
}

/// Reads the file (docs/operations.md); an error names the role and the pattern.
pub fn read_roles(file: &Path) -> anyhow::Result<Roles> {
    let text = std::fs::read_to_string(file);
    let within = || format!("roles in {}", file.display());
    parse(&text.with_context(within)?).with_context(within)
}

fn parse(text: &str) -> anyhow::Result<Roles> {
    let File { roles, glass_minutes } = serde_json::from_str(text)?;
    let mut policy = Policy::default();
    for (name, entry) in roles {
        let patterns = |texts: Vec<String>| -> anyhow::Result<Vec<RoomPattern>> {
            let parsed = texts.into_iter().map(|text| {
                text.parse().with_context(|| format!("role {name}: {text:?} names no rooms"))
            });
            parsed.collect()
        };
        let (writes, reads) = (patterns(entry.writes)?, patterns(entry.reads)?);
        policy.roles.insert(name, Role { writes, reads, may: entry.may });
    }
    Ok(Roles { policy, glass: Duration::from_secs(glass_minutes.saturating_mul(60)) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read() {
        let text = r#"{"glassMinutes": 5, "roles": {
            "*": {"reads": ["facility:directory"]},
            "physician": {"writes": ["patient:*~PSY"], "may": ["break-glass", "admit"]}
        }}"#;
        let roles = parse(text).unwrap();
        assert_eq!(roles.glass, Duration::from_secs(300));
        let physician = roles.policy.roles.get("physician").unwrap();
        assert_eq!(physician.may, [Ability::BreakGlass, Ability::Admit].into());
        assert!(!roles.policy.open);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            (r#"{"roles": {"nurse": {"writes": ["patient"]}}}"#, "nurse"),
            (r#"{"roles": {"nurse": {"may": ["everything"]}}}"#, "everything"),
            (r#"{"roles": {}, "glass": 1}"#, "glass"),
            ("{}", "roles"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
