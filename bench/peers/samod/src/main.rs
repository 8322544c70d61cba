//! samod as a sync server: its file storage and its axum transport with their defaults, on every
//! path. Like automerge-repo's server it announces no document to a peer that did not ask for it.

use anyhow::Result;
use axum::{Router, extract::ws::WebSocketUpgrade, response::Response};
use peers_serve::{Options, small_reads};
use samod::{AcceptorHandle, Repo, ShareConfig, Url, storage::TokioFilesystemStorage};

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::from_command_line()?;
    let repo = Repo::build_tokio()
        .with_storage(TokioFilesystemStorage::new(&options.data))
        .with_share_policy(ShareConfig::read_write().with_announce(false))
        .load()
        .await;
    let acceptor = repo.make_acceptor(Url::parse("ws://127.0.0.1/")?)?;
    let served = options.serve(router(acceptor)).await;
    repo.stop().await;
    served
}

fn router(acceptor: AcceptorHandle) -> Router {
    Router::new().fallback(async move |upgrade: WebSocketUpgrade| -> Response {
        small_reads(upgrade).on_upgrade(async move |socket| {
            if let Err(error) = acceptor.accept_axum(socket, None) {
                eprintln!("a connection was not taken: {error}");
            }
        })
    })
}
