//! What the sockets have in common: one task each that moves what waits to the peer while it reads,
//! so two sides that both send cannot block each other, and an end in order: what is queued, the
//! reason, the close frame, and a short wait for the peer's.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
};
use chartroom_engine::limits::SERVER_RATE_FACTOR;
use futures_util::{Sink, SinkExt, StreamExt, stream::SplitStream};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_tungstenite::tungstenite;

use crate::{
    auth::PROTOCOL_BEARER,
    hub::{Closing, Hub, Outbox, TRY_AGAIN},
    limits::{Bucket, Limit},
};

/// Read buffer of a socket. It is zeroed for every read: the default of 128 KiB costs with many
/// sockets more than anything else the process does, and a message fits into this.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// How long a peer may take to read the last words and answer the close frame.
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// The same for one that is to come back, perhaps because it reads slowly.
const RETURN_GRACE: Duration = Duration::from_secs(3);

/// An upgrade that names the subprotocol of a client which brought its token as one: `chartroom`, if it
/// offers that too, so that the answer does not repeat the token.
pub(super) fn with_protocol(upgrade: WebSocketUpgrade, token: Option<&str>) -> WebSocketUpgrade {
    let bearer = token.map(|token| format!("{PROTOCOL_BEARER}{token}"));
    upgrade.protocols(["chartroom".to_owned()].into_iter().chain(bearer))
}

/// An upgrade to a socket that takes messages up to a limit.
pub(super) fn limited(upgrade: WebSocketUpgrade, message_bytes_max: usize) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(message_bytes_max)
        .max_frame_size(message_bytes_max)
}

/// Runs a socket to its end: `read` takes in what the peer sends, and ends when the peer's side has.
///
/// Reading and writing are tasks of their own: who is woken to write must not look for something to
/// read first, which with many readers costs as much as the writing.
pub(super) async fn run<R: Future<Output = ()>>(
    socket: WebSocket,
    outbox: &Arc<Outbox>,
    message: fn(Bytes) -> Option<Message>,
    read: impl FnOnce(SplitStream<WebSocket>) -> R,
) {
    let (sink, stream) = socket.split();
    let overdue = async {
        let returns = outbox.closing().await.code == TRY_AGAIN;
        sleep(if returns { RETURN_GRACE } else { CLOSE_GRACE }).await;
    };
    // Ended when this is dropped.
    let mut writing = JoinSet::new();
    writing.spawn(write(sink, Arc::clone(outbox), message));
    tokio::select! {
        () = read(stream) => {}
        // Ends only if the socket failed; behind a close frame the reader waits for the peer's.
        _ = writing.join_next() => {}
        () = overdue => {}
    }
}

/// What one peer sends, read no faster than the limits allow: what it sends beyond that stays in its
/// own socket until it has paid for what was read.
pub(super) struct Paced<'a> {
    hub: &'a Hub,
    stream: SplitStream<WebSocket>,
    messages: Bucket,
    bytes: Bucket,
    resume_at: Option<Instant>,
    /// How many times the usual rates the peer has.
    factor: u64,
}

impl<'a> Paced<'a> {
    pub fn new(hub: &'a Hub, stream: SplitStream<WebSocket>) -> Self {
        let now = Instant::now();
        let (messages, bytes) = (Bucket::full(now), Bucket::full(now));
        Self { hub, stream, messages, bytes, resume_at: None, factor: 1 }
    }

    /// The next message, pings included. Safe to cancel.
    pub async fn next(&mut self) -> Option<Result<Message, axum::Error>> {
        if let Some(resume_at) = self.resume_at {
            sleep_until(resume_at).await;
            self.resume_at = None;
        }
        let message = self.stream.next().await?;
        if let Ok(message) = &message {
            self.pay(Instant::now(), length(message));
        }
        Some(message)
    }

    /// The peer is another server, which speaks for many.
    pub fn is_server(&mut self) {
        self.factor = SERVER_RATE_FACTOR;
    }

    /// Whether the peer may have sent something that was not read.
    pub fn is_waiting(&self) -> bool {
        self.resume_at.is_some()
    }

    fn pay(&mut self, now: Instant, bytes: usize) {
        let limits = self.hub.limits();
        let factor = self.factor;
        let paid = [
            (Limit::MessageRate, limits.message_rate(), &mut self.messages, 1),
            (Limit::ByteRate, limits.byte_rate(), &mut self.bytes, bytes),
        ];
        for (limit, rate, bucket, amount) in paid {
            let wait = bucket.take(now, amount, rate.times(factor));
            if !wait.is_zero() {
                self.hub.exceeded(limit);
                self.resume_at = self.resume_at.max(Some(now + wait));
            }
        }
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Text(text) => text.len(),
        Message::Close(_) => 0,
    }
}

/// Why a socket ends whose bytes cannot be read.
pub(super) fn broken(error: axum::Error, bytes_max: usize) -> Closing {
    match error.into_inner().downcast::<tungstenite::Error>() {
        Ok(error) if matches!(*error, tungstenite::Error::Capacity(_)) => {
            Closing::over(Limit::FrameBytes, format!("a frame is over {bytes_max} bytes"))
        }
        _ => Closing::protocol("the bytes are no WebSocket frames"),
    }
}

async fn write(
    mut sink: impl Sink<Message, Error = axum::Error> + Unpin,
    outbox: Arc<Outbox>,
    message: fn(Bytes) -> Option<Message>,
) {
    loop {
        let outgoing = outbox.next().await;
        let mut messages: Vec<Message> = outgoing.frames.into_iter().filter_map(message).collect();
        if outgoing.ping {
            messages.push(Message::Ping(Bytes::new()));
        }
        if let Some(Closing { code, message, .. }) = &outgoing.closing {
            let reason = message.as_ref().into();
            messages.push(Message::Close(Some(CloseFrame { code: *code, reason })));
        }
        for message in messages {
            if sink.feed(message).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
        if outgoing.closing.is_some() {
            return std::future::pending().await;
        }
    }
}
