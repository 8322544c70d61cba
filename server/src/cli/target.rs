//! Where an import writes: a store of this process, or a running server.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use chartroom_engine::{Author, Command, RoomName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use ureq::{
    http::{HeaderValue, Request, header::AUTHORIZATION},
    tls::{RootCerts, TlsConfig},
};

use super::{Store, open, runtime};
use crate::hub::Hub;

/// Who imports.
const PERSON_ID: &str = "import";
const PERSON_NAME: &str = "Import";
/// Longest wait for one chunk.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// Where resources go.
pub(super) enum Target {
    /// A store that this process opened.
    Store {
        /// Runs the rooms.
        runtime: Runtime,
        /// The rooms.
        hub: Arc<Hub>,
    },
    /// A server.
    Server(Server),
}

/// A server over HTTP.
pub(super) struct Server {
    agent: ureq::Agent,
    url: String,
    authorization: Option<HeaderValue>,
}

/// What became of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the room, durably; whether anything differed.
    Written { changed: bool },
    /// It was refused as a whole.
    Refused { reason: String },
}

impl Target {
    /// Opens, or founds, the store in a folder.
    pub fn store(store: &Store) -> anyhow::Result<Self> {
        let runtime = runtime()?;
        Ok(Self::Store { runtime, hub: open(store)? })
    }

    /// Writes resources into one room as one change; returns when it is durable.
    pub fn import(&self, room: &RoomName, resources: Vec<Value>) -> anyhow::Result<Outcome> {
        let command = Command::Import { resources };
        match self {
            Self::Store { runtime, hub } => runtime.block_on(write(hub, room, command)),
            Self::Server(server) => server.command(room, &command),
        }
    }

    /// Ends a store in order.
    pub fn close(self) {
        if let Self::Store { runtime, hub } = self {
            runtime.block_on(hub.close(true));
        }
    }
}

async fn write(hub: &Arc<Hub>, name: &RoomName, command: Command) -> anyhow::Result<Outcome> {
    let author = Author::new(PERSON_ID, PERSON_NAME);
    let edits = hub.open_latest(name).await?.command(author, vec![command]).await?;
    match edits.into_iter().next() {
        Some(Ok(edit)) => Ok(Outcome::Written { changed: edit.hash.is_some() }),
        Some(Err(error)) => Ok(Outcome::Refused { reason: error.to_string() }),
        None => bail!("the room gave no answer"),
    }
}

impl Server {
    /// By its address, and a file with the token that it asks for. Whom https trusts is for the
    /// system's certificate store to say.
    pub fn new(url: &str, token_file: Option<&Path>) -> anyhow::Result<Self> {
        if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
            bail!(
                "the server's address begins with https:// or http://, as http://127.0.0.1:8080 does"
            );
        }
        // Somebody in this process may have chosen one before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(CALL_TIMEOUT))
            .tls_config(tls)
            .build();
        let authorization = token_file.map(bearer).transpose()?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.into(), url, authorization })
    }

    /// Asks for a document; the status and the body.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        self.call("GET", path, Vec::new())
    }

    /// Hands in JSON; the status and the body.
    pub fn post(&self, path: &str, json: Vec<u8>) -> anyhow::Result<(u16, Vec<u8>)> {
        self.call("POST", path, json)
    }

    /// Hands in JSON, or nothing, in any way; the status and the body. Fails where the server wants
    /// another sign-in, or none that may do this.
    pub fn call(&self, method: &str, path: &str, json: Vec<u8>) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json");
        request = match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request.header("x-chartroom-person", format!("{PERSON_ID};{PERSON_NAME}")),
        };
        let answer = self.agent.run(request.body(json)?);
        let mut response = answer.with_context(|| self.unreachable())?;
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        match response.status().as_u16() {
            401 if self.authorization.is_none() => {
                bail!("the server wants a sign-in: name a file with a token, with --token-file")
            }
            401 => bail!("the server does not take the token: {}", error_message(&body)),
            403 => bail!("the server does not allow this: {}", error_message(&body)),
            status => Ok((status, body)),
        }
    }

    fn command(&self, room: &RoomName, command: &Command) -> anyhow::Result<Outcome> {
        let (status, body) =
            self.post(&format!("/rooms/{room}/commands"), serde_json::to_vec(command)?)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
        match status {
            200 => {
                let hash = body.pointer("/edits/0/hash").unwrap_or(&Value::Null);
                Ok(Outcome::Written { changed: !hash.is_null() })
            }
            422 => {
                let own = body.pointer("/edits/0/error/message").and_then(Value::as_str);
                Ok(Outcome::Refused { reason: own.unwrap_or(message).to_owned() })
            }
            status => bail!("the server answered {status}: {message}"),
        }
    }

    fn unreachable(&self) -> String {
        format!("the server at {} cannot be reached", self.url)
    }
}

/// A token from a file, as a header bears it; an error tells nothing of it.
fn bearer(file: &Path) -> anyhow::Result<HeaderValue> {
    let token = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
    let mut value = value.with_context(|| format!("{} holds no token", file.display()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What stands for itself in a path: letters, digits and `-._~` (RFC 3986, section 2.3).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One segment of a path.
pub(super) fn segment(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, PLAIN)
}

/// Public text of an error body.
pub(super) fn error_message(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    body.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason given").to_owned()
}
