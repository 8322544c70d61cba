//! The dialling end of one WebSocket: what waits goes out, and the handshake.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chartroom_client::{
    dial::Socket,
    frame::{ChartroomMetadata, Frame, PROTOCOL_VERSION, PeerMetadata, decode, encode},
};
use futures_util::{Sink, SinkExt, Stream, StreamExt, stream::SplitSink};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{
    Error, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{end::End, status::Status};
use crate::hub::{Hub, Outbox, Outgoing};

/// How long the other end may take to answer a join.
const JOIN_WAIT: Duration = Duration::from_secs(10);
/// Version of the extension messages.
const EXTENSIONS_VERSION: u64 = 1;

/// Whom a socket turned out to lead to.
pub(super) struct Met {
    /// Its peer id.
    pub peer_id: String,
    /// What it says of itself.
    pub metadata: PeerMetadata,
}

/// Says who is there, and hears who answers.
pub(super) async fn join(hub: &Hub, socket: &mut Socket) -> Result<Met, End> {
    let join = Frame::Join {
        sender: hub.peer_id().to_owned(),
        metadata: PeerMetadata {
            storage_id: Some(hub.storage_id().to_owned()),
            is_ephemeral: false,
            chartroom: Some(ChartroomMetadata {
                version: EXTENSIONS_VERSION,
                durable_heads: true,
                ..<_>::default()
            }),
            person: None,
            server: Some(hub.registry().name.clone()),
        },
        versions: vec![PROTOCOL_VERSION.to_owned()],
    };
    socket.send(Message::Binary(encode(&join).into())).await.map_err(|_| End::Lost)?;
    let answered = timeout(JOIN_WAIT, answer(socket)).await;
    answered.unwrap_or(Err(End::Silent))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "a server answers a join in one way")]
async fn answer(socket: &mut Socket) -> Result<Met, End> {
    loop {
        let Heard::Frame(bytes) = next(socket).await? else { continue };
        return match decode(&bytes).map_err(End::Garbage)? {
            Frame::Peer { sender, metadata, version, .. } if version == PROTOCOL_VERSION => {
                Ok(Met { peer_id: sender, metadata })
            }
            Frame::Peer { version, .. } => Err(End::Version(version)),
            Frame::Error { message, .. } => Err(End::Refused(message)),
            _ => Err(End::NoServer),
        };
    }
}

/// What comes over a socket.
pub(super) enum Heard {
    /// A frame.
    Frame(Bytes),
    /// The answer to a ping.
    Pong,
    /// A sign of life.
    Ping,
}

/// What comes next.
pub(super) async fn next(
    stream: &mut (impl Stream<Item = Result<Message, Error>> + Unpin),
) -> Result<Heard, End> {
    match stream.next().await {
        Some(Ok(Message::Binary(bytes))) => Ok(Heard::Frame(bytes)),
        Some(Ok(Message::Pong(_))) => Ok(Heard::Pong),
        Some(Ok(Message::Ping(_) | Message::Frame(_))) => Ok(Heard::Ping),
        Some(Ok(Message::Text(_))) => Err(End::NoServer),
        Some(Ok(Message::Close(frame))) => {
            let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                (u16::from(frame.code), frame.reason.to_string())
            });
            Err(End::Closed { code, reason })
        }
        Some(Err(Error::Capacity(_))) => Err(End::TooLong),
        Some(Err(_)) | None => Err(End::Lost),
    }
}

/// Writes what waits until the link ends.
pub(super) async fn write(
    mut sink: SplitSink<Socket, Message>,
    outbox: Arc<Outbox>,
    status: Arc<Status>,
) {
    loop {
        let Outgoing { frames, ping, closing } = outbox.next().await;
        let mut messages: Vec<Message> = frames.into_iter().map(Message::Binary).collect();
        status.sent(messages.iter().map(|message| message.len() as u64).sum());
        if ping {
            messages.push(Message::Ping(Bytes::new()));
        }
        let ends = closing.is_some();
        if let Some(closing) = closing {
            let (code, reason) = (CloseCode::from(closing.code), closing.message.as_ref().into());
            messages.push(Message::Close(Some(CloseFrame { code, reason })));
        }
        if write_all(&mut sink, messages).await.is_err() || ends {
            return;
        }
    }
}

async fn write_all(
    sink: &mut (impl Sink<Message, Error = Error> + Unpin),
    messages: Vec<Message>,
) -> Result<(), Error> {
    for message in messages {
        sink.feed(message).await?;
    }
    sink.flush().await
}
