//! `GET /sync`: the socket of automerge-repo's protocol.
//!
//! Moves bytes between a WebSocket and a [`Connection`], and keeps the socket alive with pings.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use axum::{
    extract::ws::{Message, WebSocketUpgrade},
    response::Response,
};
use chartroom_engine::limits::{JOIN_WAIT_MS, WIRE_BYTES_MAX};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::socket::{self, Paced};
use crate::{
    auth::Entrant,
    error::ApiError,
    hub::{Closing, Connection, Place},
    limits::Limit,
};

/// Frames a little over the limit are read, so that the peer gets to hear the reason.
const MESSAGE_BYTES_MAX: usize = WIRE_BYTES_MAX + 1024 * 1024;
/// How often a peer must show that it is there; automerge-repo's interval.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Takes a socket.
pub(crate) async fn upgrade(
    entrant: Entrant,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let place = Place::take_to_join(&entrant.hub).map_err(ApiError::Crowded)?;
    let upgrade = socket::with_protocol(upgrade, entrant.token.as_deref());
    Ok(socket::limited(upgrade, MESSAGE_BYTES_MAX).on_upgrade(async move |socket| {
        let hub = Arc::clone(&entrant.hub);
        let connection = Connection::new(entrant);
        let outbox = connection.outbox().clone();
        let message = |bytes| Some(Message::Binary(bytes));
        let read = |stream| read(Paced::new(&hub, stream), connection, place);
        socket::run(socket, &outbox, message, read).await;
    }))
}

async fn read(mut messages: Paced<'_>, mut connection: Connection, mut place: Place) {
    let outbox = connection.outbox().clone();
    let mut pings = interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut alive, mut ending) = (true, false);
    let mut join_wait = std::pin::pin!(sleep(Duration::from_millis(JOIN_WAIT_MS)));
    loop {
        tokio::select! {
            // An answer that is there counts, however late this task comes to read it.
            biased;
            closing = connection.ended(), if !ending => {
                connection.fail(closing);
                // The peer's close frame is still to be read.
                ending = true;
            }
            message = messages.next() => {
                alive = true;
                match message {
                    None | Some(Ok(Message::Close(_))) => return,
                    Some(message) => {
                        if take(&mut connection, message).await.is_break() {
                            // The socket's bytes make no sense any more; the last words still do.
                            return std::future::pending().await;
                        }
                        if connection.has_joined() {
                            place.joined();
                            if connection.is_server() {
                                messages.is_server();
                            }
                        }
                    }
                }
            }
            _ = pings.tick() => {
                if !alive {
                    return;
                }
                // An answer may stand behind what is not read yet.
                alive = messages.is_waiting();
                outbox.ping();
            }
            () = &mut join_wait, if !connection.has_joined() => {
                let message = "no join message came in time";
                connection.fail(Closing::over(Limit::JoinWait, message));
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
            connection.fail(socket::broken(error, WIRE_BYTES_MAX));
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}
