//! One socket of the generator: what it is told to send, and what it hears.

use std::{cell::RefCell, rc::Rc, time::Instant};

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::{JoinHandle, spawn_local},
    time::{Duration, interval_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::{
    board::{Board, Sent, micros},
    voice::{Heard, Voice},
};

/// The board that everybody writes to; all of them run on one thread.
pub type Shared = Rc<RefCell<Board>>;

/// What a connection may have waiting to be sent.
const ORDERS_MAX: usize = 4096;
/// Zeroed for each read, so small.
const READ_BUFFER_BYTES: usize = 8 * 1024;
const MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a connection is told to do.
pub enum Order {
    /// Send the next edit, which was to be sent then.
    Edit(Instant),
    /// Send a presence message.
    Presence(Sent, Instant),
}

/// An open connection; dropping it closes the socket.
pub struct Connection {
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

impl Connection {
    /// Connects and begins to listen.
    pub async fn open(
        address: &str,
        mut voice: Box<dyn Voice>,
        path: &str,
        board: &Shared,
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        let stream = TcpStream::connect(address).await.context("the server takes connections")?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let url = format!("ws://{address}{path}");
        let (mut socket, _) = client_async_with_config(url, stream, Some(config)).await?;
        for frame in voice.open() {
            send(&mut socket, frame, board).await?;
        }
        let (orders, waiting) = mpsc::channel(ORDERS_MAX);
        let board = Rc::clone(board);
        let task = spawn_local(async move {
            if let Err(error) = run(socket, voice, waiting, &board, began).await {
                eprintln!("a connection ended: {error:#}");
                board.borrow_mut().lost += 1;
            }
        });
        Ok(Self { orders, task })
    }

    /// Has the next edit sent.
    pub fn edit(&self, due: Instant) {
        // A connection that is far behind has lost this one; the board says how many arrived.
        let _ = self.orders.try_send(Order::Edit(due));
    }

    /// Has a presence message sent.
    pub fn presence(&self, sent: Sent, due: Instant) {
        // As above.
        let _ = self.orders.try_send(Order::Presence(sent, due));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn run(
    mut socket: Socket,
    mut voice: Box<dyn Voice>,
    mut orders: mpsc::Receiver<Order>,
    board: &Shared,
    began: Instant,
) -> anyhow::Result<()> {
    let second = Duration::from_secs(1);
    // Apart from each other, as people's clients are.
    let first = tokio::time::Instant::now() + second.mul_f64(rand::random());
    let mut ticks = interval_at(first, second);
    loop {
        tokio::select! {
            message = socket.next() => {
                let message = message.context("the server closed the connection")??;
                let frame = match message {
                    Message::Binary(frame) => frame,
                    Message::Close(frame) => anyhow::bail!("closed: {frame:?}"),
                    Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                };
                board.borrow_mut().bytes_in += frame.len() as u64;
                let mut heard = Heard::default();
                let answers = voice.hear(&frame, &mut heard)?;
                note(board, &heard, began);
                for answer in answers {
                    send(&mut socket, answer, board).await?;
                }
            }
            Some(order) = orders.recv() => {
                let (sent, frame, due) = match order {
                    Order::Edit(due) => {
                        let Some((sent, frame)) = voice.edit() else { continue };
                        (sent, frame, due)
                    }
                    Order::Presence(sent, due) => (sent, voice.presence(sent), due),
                };
                board.borrow_mut().is_due(sent, due);
                send(&mut socket, frame, board).await?;
            }
            _ = ticks.tick(), if voice.ticks() => {
                if let Some(frame) = voice.tick() {
                    send(&mut socket, frame, board).await?;
                }
            }
        }
    }
}

fn note(board: &Shared, heard: &Heard, began: Instant) {
    let mut board = board.borrow_mut();
    if heard.synced {
        board.synced += 1;
        board.held += usize::from(heard.held);
        board.synced_us.push(micros(began.elapsed()));
    }
    heard.arrived.iter().for_each(|sent| board.arrived(*sent));
    heard.acknowledged.iter().for_each(|sent| board.acknowledged(*sent));
}

async fn send(socket: &mut Socket, frame: Vec<u8>, board: &Shared) -> anyhow::Result<()> {
    board.borrow_mut().bytes_out += frame.len() as u64;
    Ok(socket.send(Message::Binary(frame.into())).await?)
}
