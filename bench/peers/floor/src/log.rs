//! The file and the one thread that writes it: what waits is gathered, written at once and synced
//! once for all, so the batch grows with the load and is a single message when there is none.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    thread,
};

use axum::body::Bytes;
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait for the thread; who comes then waits with reading its socket.
const WAITING_MAX: usize = 4096;

/// A handle on the thread; it ends when the last one is dropped.
#[derive(Clone)]
pub struct Log {
    appends: mpsc::Sender<Append>,
}

struct Append {
    message: Bytes,
    durable: oneshot::Sender<()>,
}

impl Log {
    /// Opens the file and starts its thread.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let (appends, waiting) = mpsc::channel(WAITING_MAX);
        thread::Builder::new().name("log".to_owned()).spawn(|| {
            // The handles see it by their receivers: nothing is acknowledged any more.
            if let Err(error) = write(file, waiting) {
                eprintln!("the log failed: {error}");
            }
        })?;
        Ok(Self { appends })
    }

    /// Queues a message; what it returns resolves once the message is durable, or fails with the log.
    pub async fn append(&self, message: Bytes) -> oneshot::Receiver<()> {
        let (durable, receiver) = oneshot::channel();
        // A log that ended drops the sender, and the receiver says so.
        let _ = self.appends.send(Append { message, durable }).await;
        receiver
    }
}

fn write(mut file: File, mut waiting: mpsc::Receiver<Append>) -> io::Result<()> {
    let (mut batch, mut bytes) = (Vec::new(), Vec::new());
    while waiting.blocking_recv_many(&mut batch, WAITING_MAX) > 0 {
        for append in &batch {
            bytes.extend_from_slice(&(append.message.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&append.message);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        bytes.clear();
        for append in batch.drain(..) {
            // The sender may have gone; its message is in the log all the same.
            let _ = append.durable.send(());
        }
    }
    Ok(())
}
