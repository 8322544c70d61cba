//! `GET /sync`: the socket of automerge-repo's protocol.
//!
//! Moves bytes between a WebSocket and a [`Connection`], and keeps the socket alive with pings.

use std::{ops::ControlFlow, time::Duration};

use axum::{
    extract::ws::{Message, WebSocketUpgrade},
    response::Response,
};
use futures_util::{Stream, StreamExt};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::socket;
use crate::{
    auth::Caller,
    hub::{Closing, Connection, FRAME_BYTES_MAX},
};

/// Frames a little over the limit are read, so that the peer gets to hear the reason.
const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX + 1024 * 1024;
/// How often a peer must show that it is there; automerge-repo's interval.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// How long a socket may take to say who it is.
const JOIN_WAIT: Duration = Duration::from_secs(10);

/// Takes a socket.
pub(crate) async fn upgrade(caller: Caller, upgrade: WebSocketUpgrade) -> Response {
    socket::limited(upgrade, MESSAGE_BYTES_MAX).on_upgrade(async move |socket| {
        let connection = Connection::new(caller.hub().clone());
        let outbox = connection.outbox().clone();
        let message = |bytes| Some(Message::Binary(bytes));
        let read = |stream| read(stream, connection);
        socket::run(socket, &outbox, message, read).await;
    })
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
            connection.fail(socket::broken(error, FRAME_BYTES_MAX));
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}
