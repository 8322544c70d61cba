//! `GET /api/ws`, and `GET /ws`: JSON events over WebSocket.
//!
//! Moves texts between a WebSocket and a [`Session`], and keeps the socket alive with pings. What a
//! client asks wrongly is answered with an error frame, and the connection stays.

mod session;

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::ws::{Message, Utf8Bytes, WebSocketUpgrade},
    response::Response,
};
use futures_util::{Stream, StreamExt};
use tokio::time::{MissedTickBehavior, interval};

use super::socket;
use crate::auth::Caller;
use session::Session;

/// Largest frame that is read.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// How often a client must show that it is there; as often as it asks the same of the server.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// Takes a socket.
pub(crate) async fn upgrade(caller: Caller, upgrade: WebSocketUpgrade) -> Response {
    socket::limited(upgrade, MESSAGE_BYTES_MAX).on_upgrade(async move |socket| {
        let session = Session::new(caller);
        let outbox = session.outbox().clone();
        let read = |stream| read(stream, session);
        socket::run(socket, &outbox, text, read).await;
    })
}

async fn read(
    mut stream: impl Stream<Item = Result<Message, axum::Error>> + Unpin,
    mut session: Session,
) {
    let mut pings = interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut alive = true;
    loop {
        tokio::select! {
            message = stream.next() => {
                alive = true;
                match message {
                    None | Some(Ok(Message::Close(_))) => return,
                    Some(Ok(Message::Text(text))) => session.receive(&text).await,
                    Some(Ok(Message::Binary(_))) => session.refuse_binary(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Err(error)) => {
                        session.outbox().close(socket::broken(error, MESSAGE_BYTES_MAX));
                        // The socket's bytes make no sense any more; the last words still do.
                        return std::future::pending().await;
                    }
                }
            }
            _ = pings.tick() => {
                if !alive {
                    return;
                }
                alive = false;
                session.outbox().ping();
            }
            () = session.advance() => {}
        }
    }
}

fn text(frame: Bytes) -> Option<Message> {
    Utf8Bytes::try_from(frame).ok().map(Message::Text)
}
