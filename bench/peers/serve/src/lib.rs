//! What the Rust servers here have in common: their options, a listener on this machine alone, and
//! sockets set as Chartroom's are, so that what differs in a measurement is what the server does.

use std::{fs, net::Ipv4Addr, path::PathBuf};

use anyhow::{Context, Result};
use axum::{Router, extract::ws::WebSocketUpgrade, serve::ListenerExt};
use clap::Parser;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Read buffer of a socket. The default of 128 KiB is zeroed for every read.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// Where a server listens and what it stores in.
#[derive(Debug, Parser)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Folder of everything that is stored
    #[arg(long)]
    pub data: PathBuf,
}

impl Options {
    /// The command line's options, with the folder made.
    pub fn from_command_line() -> Result<Self> {
        let options = Self::parse();
        fs::create_dir_all(&options.data).context("the folder is not made")?;
        Ok(options)
    }

    /// Says on stdout where it listens and serves `router` until SIGTERM.
    pub async fn serve(&self, router: Router) -> Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let mut terminated = signal(SignalKind::terminate())?;
        println!("listening on ws://{}", listener.local_addr()?);
        let listener = listener.tap_io(|socket| {
            if let Err(error) = socket.set_nodelay(true) {
                eprintln!("TCP_NODELAY was not set: {error}");
            }
        });
        tokio::select! {
            served = axum::serve(listener, router) => Ok(served?),
            _ = terminated.recv() => Ok(()),
        }
    }
}

/// An upgrade to a socket that reads with a small buffer.
pub fn small_reads(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.read_buffer_size(READ_BUFFER_BYTES)
}
