//! One socket: its messages go to the log, and in their order, once durable, to the room. Every
//! queue is bounded and waits: a reader that falls behind holds back whoever writes in its room.

use axum::{
    body::Bytes,
    extract::ws::{Message, WebSocket},
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    log::Log,
    rooms::{OUTBOX_MAX, Seat},
};

/// Messages of one sender that may be on their way to the disk.
const UNSYNCED_MAX: usize = 256;
/// How much of a message its acknowledgement repeats.
const ACKNOWLEDGED_BYTES: usize = 8;

type Unsynced = (Bytes, oneshot::Receiver<()>);

/// Serves a socket until its peer has gone or the log has failed.
pub async fn run(socket: WebSocket, seat: Seat, outgoing: mpsc::Receiver<Bytes>, log: &Log) {
    let (sink, stream) = socket.split();
    let (unsynced, syncing) = mpsc::channel(UNSYNCED_MAX);
    // Apart from each other, so that a full queue stops one direction alone. What a peer sent before
    // it went is still passed on.
    let passing = async {
        tokio::join!(read(stream, log, unsynced), pass_on(syncing, &seat));
    };
    let writing = async {
        write(sink, outgoing).await;
        std::future::pending().await
    };
    tokio::select! {
        () = passing => {}
        () = writing => {}
    }
}

async fn read(mut stream: SplitStream<WebSocket>, log: &Log, unsynced: mpsc::Sender<Unsynced>) {
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Binary(bytes) = message {
            let durable = log.append(bytes.clone()).await;
            if unsynced.send((bytes, durable)).await.is_err() {
                return;
            }
        }
    }
}

async fn pass_on(mut syncing: mpsc::Receiver<Unsynced>, seat: &Seat) {
    while let Some((message, durable)) = syncing.recv().await {
        if durable.await.is_err() {
            return;
        }
        seat.hear(message.slice(..message.len().min(ACKNOWLEDGED_BYTES))).await;
        seat.tell(&message).await;
    }
}

async fn write(mut sink: SplitSink<WebSocket, Message>, mut outgoing: mpsc::Receiver<Bytes>) {
    let mut messages = Vec::new();
    while outgoing.recv_many(&mut messages, OUTBOX_MAX).await > 0 {
        for message in messages.drain(..) {
            if sink.feed(Message::Binary(message)).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}
