//! A client of JSON events, in both generations of WintEHR's front end, by the letter of their wire.
//!
//! Frames are kept in the order they came; a method that waits for one gives up after ten seconds.

#![allow(clippy::indexing_slicing, reason = "a JSON value gives null for what it lacks")]

use std::net::SocketAddr;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::client::{PATIENCE, Socket, connect_narrow};

/// Which front end speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Says `subscription`, at `/ws`; delivers an update only with its `event_type` and resource.
    Older,
    /// Says `subscribe`, at `/api/ws`; names an update without `event_type` after its action.
    Newer,
}

/// One connected front end.
pub struct JsonClient {
    generation: Generation,
    socket: Socket,
    /// The first frame.
    pub welcome: Value,
    /// Updates, in the order they came.
    pub updates: Vec<Value>,
    /// Error frames, in the order they came.
    pub errors: Vec<Value>,
    /// Code and reason of the close frame.
    pub closed: Option<(u16, String)>,
}

impl JsonClient {
    /// Connects a person of the newer generation.
    pub async fn connect(server: SocketAddr, person: &str) -> anyhow::Result<Self> {
        Self::connect_as(server, person, Generation::Newer).await
    }

    /// Connects a person and hears welcome.
    pub async fn connect_as(
        server: SocketAddr,
        person: &str,
        generation: Generation,
    ) -> anyhow::Result<Self> {
        Self::over(TcpStream::connect(server).await?, server, person, generation).await
    }

    /// Connects a person whose end of the wire holds little.
    pub async fn connect_narrow(server: SocketAddr, person: &str) -> anyhow::Result<Self> {
        Self::over(connect_narrow(server).await?, server, person, Generation::Newer).await
    }

    async fn over(
        stream: TcpStream,
        server: SocketAddr,
        person: &str,
        generation: Generation,
    ) -> anyhow::Result<Self> {
        let path = match generation {
            Generation::Older => "ws",
            Generation::Newer => "api/ws",
        };
        let mut request = format!("ws://{server}/{path}?token=unused").into_client_request()?;
        let header = format!("{person};{person}").parse()?;
        request.headers_mut().insert("x-chartroom-person", header);
        let (socket, _) = client_async(request, MaybeTlsStream::Plain(stream)).await?;
        let mut client = Self {
            generation,
            socket,
            welcome: Value::Null,
            updates: Vec::new(),
            errors: Vec::new(),
            closed: None,
        };
        client.welcome = client.next().await?;
        Ok(client)
    }

    /// Sends an object.
    pub async fn send(&mut self, frame: &Value) -> anyhow::Result<()> {
        self.send_message(Message::text(frame.to_string())).await
    }

    /// Sends whatever it is.
    pub async fn send_message(&mut self, message: Message) -> anyhow::Result<()> {
        Ok(self.socket.send(message).await?)
    }

    /// Subscribes, and waits for the answer: the subscription as it stands.
    pub async fn subscribe(&mut self, data: Value) -> anyhow::Result<Value> {
        let word = match self.generation {
            Generation::Older => "subscription",
            Generation::Newer => "subscribe",
        };
        self.send(&json!({ "type": word, "data": data })).await?;
        Ok(self.answer("subscription").await?["data"].take())
    }

    /// Unsubscribes, and waits for the answer.
    pub async fn unsubscribe(&mut self, id: &str) -> anyhow::Result<Value> {
        let data = json!({ "subscription_id": id });
        self.send(&json!({ "type": "unsubscribe", "data": data })).await?;
        Ok(self.answer("subscription").await?["data"].take())
    }

    /// Sends a frame that is wrong, and waits for the error.
    pub async fn refused(&mut self, frame: &Value) -> anyhow::Result<Value> {
        self.send(frame).await?;
        self.next_error().await
    }

    /// Waits for an error frame that was not taken yet.
    pub async fn next_error(&mut self) -> anyhow::Result<Value> {
        while self.errors.is_empty() {
            let frame = self.next().await?;
            self.keep(frame)?;
        }
        Ok(self.errors.remove(0))
    }

    /// Waits for an answer of a type; updates on the way are kept.
    pub async fn answer(&mut self, kind: &str) -> anyhow::Result<Value> {
        loop {
            let frame = self.next().await?;
            if frame["type"] == kind {
                return Ok(frame);
            }
            if frame["type"] == "error" {
                bail!("{frame}");
            }
            self.keep(frame)?;
        }
    }

    /// Waits until the update is there that is looked for.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
        while !self.updates.iter().any(|update| wanted(&update["data"])) {
            let frame = self.next().await.with_context(|| format!("{:#?}", self.updates))?;
            self.keep(frame)?;
        }
        Ok(())
    }

    /// Waits until an event of a resource is there.
    pub async fn until_event(&mut self, event: &str, id: &str) -> anyhow::Result<()> {
        self.until(|data| data["event"] == event && data["resource_id"] == id).await
    }

    /// Reads to the end of the connection.
    pub async fn until_closed(&mut self) -> anyhow::Result<(u16, String)> {
        while self.closed.is_none() {
            match timeout(PATIENCE, self.socket.next()).await? {
                Some(message) => self.take(message?)?,
                None => bail!("the socket ended without a close frame"),
            }
        }
        self.closed.clone().context("it was just set")
    }

    /// What the front end would hand to its listeners: event and data.
    pub fn delivered(&self) -> Vec<(String, &Value)> {
        let name = |data: &Value| {
            if let Some(name) = data["event_type"].as_str() {
                return data["resource"].is_object().then(|| name.to_owned());
            }
            let action = data["action"].as_str().unwrap_or_default();
            (self.generation == Generation::Newer).then(|| format!("resource.{action}"))
        };
        let data = self.updates.iter().map(|update| &update["data"]);
        data.filter_map(|data| Some((name(data)?, data))).collect()
    }

    /// The numbers of a room's updates, as they came.
    pub fn numbers(&self, room: &str) -> Vec<u64> {
        let of_room = self.updates.iter().map(|update| &update["data"]);
        of_room
            .filter(|data| data["room"] == room)
            .filter_map(|data| data["seq"].as_u64())
            .collect()
    }

    async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.context("no frame came")?;
            match message.context("the socket ended")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(frame) => bail!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    fn take(&mut self, message: Message) -> anyhow::Result<()> {
        match message {
            Message::Text(text) => self.keep(serde_json::from_str(&text)?)?,
            Message::Close(Some(frame)) => {
                self.closed = Some((frame.code.into(), frame.reason.to_string()));
            }
            _ => {}
        }
        Ok(())
    }

    fn keep(&mut self, frame: Value) -> anyhow::Result<()> {
        match frame["type"].as_str() {
            Some("update") => self.updates.push(frame),
            Some("error") => self.errors.push(frame),
            _ => bail!("nobody waits for {frame}"),
        }
        Ok(())
    }
}
