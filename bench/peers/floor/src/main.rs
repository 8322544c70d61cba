//! The least that a durable broadcast can cost: a message is appended to one file, and once an
//! fdatasync covers it, it goes to the others in its room and an acknowledgement to its sender.
//! Nothing is parsed, merged or answered to who comes late; the bytes are shared, not copied.
//!
//! `connection` is one socket, `log` the thread that writes, `rooms` who is where.

mod connection;
mod log;
mod rooms;

use std::sync::Arc;

use anyhow::Result;
use axum::{
    Router,
    extract::{Path, ws::WebSocketUpgrade},
    response::Response,
    routing::get,
};
use peers_serve::{Options, small_reads};

use crate::{log::Log, rooms::Rooms};

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::from_command_line()?;
    let log = Log::open(&options.data.join("log"))?;
    let rooms = Arc::new(Rooms::default());
    let room = get(async move |Path(name): Path<String>, upgrade: WebSocketUpgrade| -> Response {
        // Taken before the answer goes out, so that who is connected misses nothing.
        let (seat, outgoing) = rooms.join(name);
        small_reads(upgrade)
            .on_upgrade(async move |socket| connection::run(socket, seat, outgoing, &log).await)
    });
    options.serve(Router::new().route("/{room}", room)).await
}
