//! `GET /sync`: the socket of automerge-repo's protocol.
//!
//! Moves bytes between a WebSocket and a [`Connection`], in one task: reading never waits for
//! writing, so two sides that both send cannot block each other. Keeps the socket alive with pings
//! and ends it in order: what is queued, the reason, the close frame, and a short wait for the peer's.

use std::{ops::ControlFlow, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    response::Response,
};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_tungstenite::tungstenite;

use crate::{
    auth::Caller,
    hub::{Closing, Connection, FRAME_BYTES_MAX, Outbox},
};

/// Read buffer of a socket. The default of 128 KiB is zeroed for every read, which with many
/// sockets costs more than anything else the process does.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// Frames a little over the limit are read, so that the peer gets to hear the reason.
const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX + 1024 * 1024;
/// How often a peer must show that it is there; automerge-repo's interval.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// How long a socket may take to say who it is.
const JOIN_WAIT: Duration = Duration::from_secs(10);
/// How long a peer may take to read the last words and answer the close frame.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// Takes a socket.
pub(crate) async fn upgrade(caller: Caller, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| serve(socket, Connection::new(caller.hub().clone())))
}

async fn serve(socket: WebSocket, connection: Connection) {
    let outbox = connection.outbox().clone();
    let (sink, stream) = socket.split();
    let overdue = async {
        outbox.closing().await;
        sleep(CLOSE_GRACE).await;
    };
    tokio::select! {
        // Ends when the peer's side has ended.
        () = read(stream, connection) => {}
        // Ends only if the socket failed; behind a close frame the reader waits for the peer's.
        () = write(sink, &outbox) => {}
        () = overdue => {}
    }
}

async fn read(
    mut stream: impl Stream<Item = Result<Message, axum::Error>> + Unpin,
    mut connection: Connection,
) {
    let outbox = connection.outbox().clone();
    let mut pings = interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut alive = true;
    let mut join_wait = std::pin::pin!(sleep(JOIN_WAIT));
    loop {
        tokio::select! {
            message = stream.next() => {
                alive = true;
                match message {
                    None | Some(Ok(Message::Close(_))) => return,
                    Some(message) => {
                        if take(&mut connection, message).await.is_break() {
                            // The socket's bytes make no sense any more; the last words still do.
                            return std::future::pending().await;
                        }
                    }
                }
            }
            _ = pings.tick() => {
                if !alive {
                    return;
                }
                alive = false;
                outbox.ping();
            }
            () = &mut join_wait, if !connection.has_joined() => {
                connection.fail(Closing::protocol("no join message came in time"));
            }
        }
    }
}

async fn take(
    connection: &mut Connection,
    message: Result<Message, axum::Error>,
) -> ControlFlow<()> {
    match message {
        Ok(Message::Binary(bytes)) => connection.receive(&bytes).await,
        Ok(Message::Text(_)) => {
            connection.fail(Closing::protocol("messages here are binary: one CBOR map each"));
        }
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => {}
        Err(error) => {
            let closing = match error.into_inner().downcast::<tungstenite::Error>() {
                Ok(error) if matches!(*error, tungstenite::Error::Capacity(_)) => {
                    Closing::too_large(format!("a frame is over {FRAME_BYTES_MAX} bytes"))
                }
                _ => Closing::protocol("the bytes are no WebSocket frames"),
            };
            connection.fail(closing);
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}

async fn write(mut sink: impl Sink<Message, Error = axum::Error> + Unpin, outbox: &Outbox) {
    loop {
        let outgoing = outbox.next().await;
        let mut messages: Vec<Message> = outgoing.frames.into_iter().map(Message::Binary).collect();
        if outgoing.ping {
            messages.push(Message::Ping(Bytes::new()));
        }
        if let Some(Closing { code, message }) = &outgoing.closing {
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
