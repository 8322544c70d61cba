//! `GET /api/ws`, and `GET /ws`: JSON events over WebSocket.
//!
//! Moves texts between a WebSocket and a [`Session`], and keeps the socket alive with pings. What a
//! client asks wrongly is answered with an error frame, and the connection stays.

mod session;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{Message, Utf8Bytes, WebSocketUpgrade},
    response::Response,
};
use chartroom_engine::limits::{JOIN_WAIT_MS, JSON_FRAME_BYTES_MAX};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::socket::{self, Paced};
use crate::{auth::Entrant, error::ApiError, hub::Place};
use session::Session;

/// How often a client must show that it is there; as often as it asks the same of the server.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// Takes a socket.
pub(crate) async fn upgrade(
    entrant: Entrant,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let place = Place::take(&entrant.hub).map_err(ApiError::Crowded)?;
    let upgrade = socket::with_protocol(upgrade, entrant.token.as_deref());
    Ok(socket::limited(upgrade, JSON_FRAME_BYTES_MAX).on_upgrade(async move |socket| {
        let _place = place;
        let hub = Arc::clone(&entrant.hub);
        let session = Session::open(entrant).await;
        let outbox = session.outbox().clone();
        let read = |stream| read(Paced::new(&hub, stream), session);
        socket::run(socket, &outbox, text, read).await;
    }))
}

async fn read(mut messages: Paced<'_>, mut session: Session) {
    let mut pings = interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut alive, mut ending) = (true, false);
    let mut sign_in_wait = std::pin::pin!(sleep(Duration::from_millis(JOIN_WAIT_MS)));
    loop {
        let pass = session.pass();
        let ended = async {
            match &pass {
                Some(pass) => pass.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // An answer that is there counts, however late this task comes to read it.
            biased;
            ended = ended, if !ending => {
                session.sign_out(ended);
                // The client's close frame is still to be read.
                ending = true;
            }
            message = messages.next() => {
                alive = true;
                match message {
                    None | Some(Ok(Message::Close(_))) => return,
                    Some(Ok(Message::Text(text))) => session.receive(&text).await,
                    Some(Ok(Message::Binary(_))) => session.refuse_binary(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Err(error)) => {
                        session.fail(socket::broken(error, JSON_FRAME_BYTES_MAX));
                        // The socket's bytes make no sense any more; the last words still do.
                        return std::future::pending().await;
                    }
                }
            }
            _ = pings.tick() => {
                if !alive {
                    return;
                }
                // An answer may stand behind what is not read yet.
                alive = messages.is_waiting();
                session.outbox().ping();
            }
            () = &mut sign_in_wait, if !session.is_signed_in() && !ending => {
                session.refuse_stranger();
                ending = true;
            }
            () = session.advance() => {}
        }
    }
}

fn text(frame: Bytes) -> Option<Message> {
    Utf8Bytes::try_from(frame).ok().map(Message::Text)
}
