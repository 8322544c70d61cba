//! Where an import writes: a store of this process, or a running server.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail};
use chartroom_engine::{Author, Command, RoomName};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

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

    /// A running server by its address.
    pub fn server(url: &str) -> anyhow::Result<Self> {
        Server::new(url).map(Self::Server)
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
    /// By its address.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        if !url.starts_with("http://") {
            bail!("the server's address begins with http://, as http://127.0.0.1:8080 does");
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(CALL_TIMEOUT))
            .build();
        Ok(Self { agent: config.into(), url: url.trim_end_matches('/').to_owned() })
    }

    /// Asks for a document; the status and the body.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let url = format!("{}{path}", self.url);
        let mut response = self.agent.get(&url).call().with_context(|| self.unreachable())?;
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        Ok((response.status().as_u16(), body))
    }

    /// Hands in JSON; the status and the body.
    pub fn post(&self, path: &str, json: Vec<u8>) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut response = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .header("x-chartroom-person", format!("{PERSON_ID};{PERSON_NAME}"))
            .send(json)
            .with_context(|| self.unreachable())?;
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        Ok((response.status().as_u16(), body))
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
            status => Err(anyhow!("the server answered {status}: {message}")),
        }
    }

    fn unreachable(&self) -> String {
        format!("the server at {} cannot be reached", self.url)
    }
}

/// Public text of an error body.
pub(super) fn error_message(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    body.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason given").to_owned()
}
