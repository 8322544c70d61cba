//! The operator's list of servers: a JSON file, checked whole before the server starts, and what the
//! command line says in its place.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use chartroom_client::dial::Target;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::hub::Rights;
use chartroom_engine::access::RoomPattern;

/// Longest name of a server.
const NAME_BYTES_MAX: usize = 64;
/// Shortest token: what is guessed in no time is none.
const TOKEN_BYTES_MIN: usize = 16;

/// This server among others.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    /// This server's own name; `None` for one made of its store's id.
    pub name: Option<String>,
    /// The others, by name.
    pub known: Vec<KnownServer>,
}

/// Another server, as the operator knows it.
#[derive(Debug, Clone)]
pub struct KnownServer {
    /// The operator's name for it, recorded with every change that comes through it.
    pub name: Arc<str>,
    /// Where to dial it; `None` where it dials.
    pub dial: Option<Target>,
    /// SHA-256 of the token by which it is known when it dials.
    pub token_sha256: Option<[u8; 32]>,
    /// What it may.
    pub rights: Rights,
}

/// What is wrong with the list of servers (caller).
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// A file does not open.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not JSON of this form.
    #[error("{}: {place}: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Where, such as `servers[0].rooms`.
        place: String,
        /// Why.
        reason: String,
    },
    /// A field of a server has a value that cannot be.
    #[error("server {server:?}: {field}: {reason}")]
    Field {
        /// The server's name.
        server: String,
        /// The field.
        field: &'static str,
        /// Why.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    name: Option<String>,
    servers: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    token_file: Option<PathBuf>,
    #[serde(default)]
    accepts_token_file: Option<PathBuf>,
    #[serde(default = "all")]
    rooms: Vec<String>,
    #[serde(default)]
    read_only: bool,
}

fn all() -> Vec<String> {
    vec!["*".to_owned()]
}

/// Reads and checks a list of servers.
pub fn read_servers(file: &Path) -> Result<Servers, ServersError> {
    let text = read(file)?;
    let mut json = serde_json::Deserializer::from_str(&text);
    let malformed = |place: String, reason: String| ServersError::Malformed {
        file: file.to_owned(),
        place,
        reason,
    };
    let list: List = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| malformed(error.path().to_string(), error.inner().to_string()))?;
    json.end().map_err(|error| malformed("behind the list".to_owned(), error.to_string()))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut names = BTreeSet::new();
    let known = list.servers.into_iter().map(|entry| {
        if !names.insert(entry.name.clone()) {
            return Err(wrong(&entry.name, "name", "stands twice"));
        }
        entry.check(folder)
    });
    let known = known.collect::<Result<_, _>>()?;
    if let Some(name) = &list.name {
        check_name(name)?;
    }
    Ok(Servers { name: list.name, known })
}

impl Servers {
    /// Adds a server that the command line names by its address.
    pub fn add(
        &mut self,
        url: &str,
        token_file: Option<&Path>,
        rooms: &[RoomPattern],
    ) -> Result<(), ServersError> {
        let target = target(url, url, token_file)?;
        let name: Arc<str> = target.address().into();
        if self.known.iter().any(|known| known.name == name) {
            return Err(wrong(&name, "--peer", "is named twice"));
        }
        let rights = Rights { rooms: rooms.to_vec(), may_write: true };
        self.known.push(KnownServer { name, dial: Some(target), token_sha256: None, rights });
        Ok(())
    }

    /// The server that a token belongs to.
    pub fn with_token(&self, token: &str) -> Option<&KnownServer> {
        let found = Sha256::digest(token.trim().as_bytes());
        // Digests are compared, so what a guess is near to does not show in the time it takes.
        self.known.iter().find(|known| known.token_sha256.is_some_and(|of| of == *found))
    }

    /// Whether servers that dial have to bring a token.
    pub fn wants_tokens(&self) -> bool {
        self.known.iter().any(|known| known.token_sha256.is_some())
    }
}

impl Entry {
    fn check(self, folder: &Path) -> Result<KnownServer, ServersError> {
        let name = self.name;
        check_name(&name)?;
        let token_file = self.token_file.map(|file| folder.join(file));
        let dial = match &self.url {
            Some(url) => Some(target(&name, url, token_file.as_deref())?),
            None if token_file.is_some() => {
                return Err(wrong(
                    &name,
                    "token_file",
                    "is for a server that is dialled: url is missing",
                ));
            }
            None => None,
        };
        let accepts = self.accepts_token_file.map(|file| read_token(&name, &folder.join(file)));
        let token_sha256 =
            accepts.transpose()?.map(|token| Sha256::digest(token.as_bytes()).into());
        if dial.is_none() && token_sha256.is_none() {
            let reason = "neither url nor accepts_token_file says how the two meet";
            return Err(wrong(&name, "url", reason));
        }
        let rooms = self.rooms.iter().map(|pattern| {
            let parsed = pattern.parse::<RoomPattern>();
            parsed.map_err(|error| wrong(&name, "rooms", format!("{pattern:?}: {error}")))
        });
        let rights = Rights { rooms: rooms.collect::<Result<_, _>>()?, may_write: !self.read_only };
        Ok(KnownServer { name: name.into(), dial, token_sha256, rights })
    }
}

fn target(server: &str, url: &str, token_file: Option<&Path>) -> Result<Target, ServersError> {
    let target = Target::new(url).map_err(|error| wrong(server, "url", error))?;
    let Some(file) = token_file else { return Ok(target) };
    let token = read_token(server, file)?;
    target.with_token(&token).map_err(|error| wrong(server, "token_file", error))
}

fn read_token(server: &str, file: &Path) -> Result<String, ServersError> {
    let token = read(file)?.trim().to_owned();
    if token.len() < TOKEN_BYTES_MIN {
        let reason = format!("a token has at least {TOKEN_BYTES_MIN} characters");
        return Err(wrong(server, "token_file", reason));
    }
    Ok(token)
}

fn check_name(name: &str) -> Result<(), ServersError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if fits && name.chars().all(plain) {
        return Ok(());
    }
    let reason = "has 1 to 64 letters, digits, dots, colons, hyphens and underscores";
    Err(wrong(name, "name", reason))
}

fn read(file: &Path) -> Result<String, ServersError> {
    std::fs::read_to_string(file)
        .map_err(|error| ServersError::Unreadable { file: file.to_owned(), error })
}

fn wrong(server: &str, field: &'static str, reason: impl ToString) -> ServersError {
    ServersError::Field { server: server.to_owned(), field, reason: reason.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn parse(list: &str) -> Result<Servers, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("clinic.token"), "0123456789abcdef\n").unwrap();
        std::fs::write(folder.path().join("short.token"), "0123\n").unwrap();
        let file = folder.path().join("servers.json");
        std::fs::write(&file, list).unwrap();
        read_servers(&file).map_err(|error| {
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn a_list_is_read() {
        let servers = parse(
            r#"{"name": "hospital", "servers": [
                {"name": "clinic", "url": "ws://127.0.0.1:9", "token_file": "clinic.token",
                 "rooms": ["patient:*"], "read_only": true},
                {"name": "van", "accepts_token_file": "clinic.token"}
            ]}"#,
        )
        .unwrap();
        let [clinic, van] = &servers.known[..] else { unreachable!("two were listed") };
        assert!(clinic.rights.covers(&"patient:1".parse().unwrap()));
        assert!(!clinic.rights.covers(&"facility:directory".parse().unwrap()));
        assert!(!clinic.rights.may_write && van.rights.may_write);
        assert!(!van.rights.covers(&"pharmacy:queue".parse().unwrap()));
        assert_eq!(&*servers.with_token("0123456789abcdef").unwrap().name, "van");
        assert!(servers.with_token("0123456789abcdeg").is_none());
        assert!(servers.wants_tokens());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (list, expected) in [
            ("{", "servers.json: ?: EOF while parsing an object at line 1 column 1"),
            (
                r#"{"servers": [{"name": "a b", "url": "ws://x"}]}"#,
                "server \"a b\": name: has 1 to 64 letters, digits, dots, colons, hyphens and underscores",
            ),
            (
                r#"{"servers": [{"name": "a"}]}"#,
                "server \"a\": url: neither url nor accepts_token_file says how the two meet",
            ),
            (
                r#"{"servers": [{"name": "a", "url": "ws://x", "token_file": "short.token"}]}"#,
                "server \"a\": token_file: a token has at least 16 characters",
            ),
            (
                r#"{"servers": [{"name": "a", "url": "ftp://x"}]}"#,
                "server \"a\": url: a server's address begins with ws://, wss://, http:// or https://",
            ),
        ] {
            assert_eq!(parse(list).unwrap_err(), expected);
        }
    }
}
