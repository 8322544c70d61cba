//! A server of one test: in this process, on a free port, over a folder or a storage of the test's.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use chartroom_server::{RunError, config::ServerConfig, run, run_with_storage, storage::Storage};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::client::PATIENCE;

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

/// What an HTTP request came to.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, `Null` where it is no JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The stable code of an error.
    pub fn code(&self) -> Option<&str> {
        self.body.pointer("/error/code").and_then(Value::as_str)
    }
}

impl Server {
    /// Starts a server over the store in a folder, once a server before it in this process has let
    /// go of it: its last sockets may outlive its end by a moment.
    pub async fn start(data: &std::path::Path) -> anyhow::Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Self::start_with(ServerConfig::new(data)).await {
                Err(error) if is_in_use(&error) && Instant::now() < deadline => {
                    tokio::task::yield_now().await;
                }
                started => return started,
            }
        }
    }

    /// Starts a server with settings of the test's.
    pub async fn start_with(config: ServerConfig) -> anyhow::Result<Self> {
        let (listener, address) = listen().await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(config, listener, ended(stopped)));
        Self { address, stop, task }.answering().await
    }

    /// Starts a server over a storage of the test's, which unloads idle rooms at once and closes
    /// slow peers early.
    pub async fn start_over(storage: Arc<dyn Storage>) -> anyhow::Result<Self> {
        let mut config = ServerConfig::new("unused");
        config.hub.room_idle = Duration::from_millis(20);
        config.hub.queue_bytes = 256 * 1024;
        Self::start_over_with(storage, config).await
    }

    /// Starts a server with settings of the test's over a storage of the test's.
    pub async fn start_over_with(
        storage: Arc<dyn Storage>,
        config: ServerConfig,
    ) -> anyhow::Result<Self> {
        let (listener, address) = listen().await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run_with_storage(config, storage, listener, ended(stopped)));
        Self { address, stop, task }.answering().await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of its URLs.
    pub fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends the server as SIGTERM does, and waits for its end.
    pub async fn stop(self) -> anyhow::Result<()> {
        // A server that has ended by itself says why below.
        let _ = self.stop.send(());
        Ok(self.task.await??)
    }

    /// Asks for a document.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let url = self.http() + path;
        call(move |agent| agent.get(url).call()).await
    }

    /// Asks for a text.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.get(path).await?.text)
    }

    /// Sends commands in the name of Alice.
    pub async fn command(&self, room: &str, body: &Value) -> anyhow::Result<Answer> {
        self.post(room, body.to_string()).await
    }

    /// Sends a body, whatever it is, to a room's commands.
    pub async fn post(&self, room: &str, body: String) -> anyhow::Result<Answer> {
        self.post_path(&format!("/rooms/{room}/commands"), body).await
    }

    /// Posts JSON in the name of Alice.
    pub async fn post_path(&self, path: &str, body: String) -> anyhow::Result<Answer> {
        self.post_to(path, "alice;Alice", body).await
    }

    /// Posts JSON in the name of a person, `id;name`.
    pub async fn post_to(&self, path: &str, person: &str, body: String) -> anyhow::Result<Answer> {
        let (url, person) = (self.http() + path, person.to_owned());
        call(move |agent| {
            let request = agent.post(url).header("content-type", "application/json");
            request.header("x-chartroom-person", person).send(body)
        })
        .await
    }

    async fn answering(self) -> anyhow::Result<Self> {
        if self.task.is_finished() {
            self.task.await??;
            return Err(anyhow!("the server ended at once"));
        }
        let health = self.get("/healthz").await;
        if health.as_ref().is_ok_and(|answer| answer.status == 200) {
            return Ok(self);
        }
        self.task.abort();
        if let Ok(ended) = self.task.await {
            ended?;
        }
        Err(anyhow!("the server does not answer: {health:?}"))
    }
}

fn is_in_use(error: &anyhow::Error) -> bool {
    error.to_string().contains("is open in another process")
}

async fn listen() -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn ended(stopped: oneshot::Receiver<()>) {
    // A test that drops its server wants it to end too.
    let _ = stopped.await;
}

async fn call(
    request: impl FnOnce(ureq::Agent) -> Result<ureq::http::Response<ureq::Body>, ureq::Error>
    + Send
    + 'static,
) -> anyhow::Result<Answer> {
    tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        let mut response = request(config.into())?;
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        let text = String::from_utf8(body)?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status: response.status().as_u16(), body, text })
    })
    .await
    .context("the request panicked")?
}
