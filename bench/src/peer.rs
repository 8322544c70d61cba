//! Who is measured, and how each is started.

use std::{
    fmt,
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::Context;
use chartroom_engine::RoomId;
use serde::{Deserialize, Serialize};

use crate::{
    chart::{Chart, chartroom_binary},
    voice::{
        Room,
        floor::FloorRoom,
        repo::{Manner, RepoRoom},
        yjs::YjsRoom,
    },
};

/// A server, and the clients that it is measured with.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// Chartroom with stock clients, which answer every update.
    Chartroom,
    /// Chartroom with its own clients.
    ChartroomOwn,
    /// A bare broadcast behind a group-committed fdatasync.
    Floor,
    /// Hocuspocus with Yjs clients.
    Hocuspocus,
    /// automerge-repo's sync server on Node.
    AutomergeRepo,
    /// samod.
    Samod,
}

impl Peer {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chartroom => "Chartroom, stock clients",
            Self::ChartroomOwn => "Chartroom, own clients",
            Self::Floor => "floor",
            Self::Hocuspocus => "Hocuspocus 4.7",
            Self::AutomergeRepo => "automerge-repo 2.5 (Node)",
            Self::Samod => "samod 0.16",
        }
    }

    /// Whether it is ours.
    pub fn is_chartroom(self) -> bool {
        matches!(self, Self::Chartroom | Self::ChartroomOwn)
    }

    /// The path of its socket.
    pub fn path(self) -> &'static str {
        if self.is_chartroom() { "/sync" } else { "" }
    }

    /// A room that begins with a chart, for so many writers.
    pub fn room(self, id: RoomId, chart: &Chart, persons: usize) -> anyhow::Result<Rc<dyn Room>> {
        let repo = |manner| RepoRoom::new(id.clone(), Rc::clone(&chart.base), persons, manner);
        Ok(match self {
            Self::ChartroomOwn => repo(Manner::Ours),
            Self::Chartroom | Self::AutomergeRepo | Self::Samod => repo(Manner::Stock),
            Self::Floor => FloorRoom::new(id.name.to_string(), persons),
            Self::Hocuspocus => YjsRoom::new(id.name.to_string(), chart, persons),
        })
    }

    /// The program that serves, and its arguments.
    pub fn command(self, folder: &Path, address: &str) -> anyhow::Result<(PathBuf, Vec<String>)> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let folder = folder.to_str().context("the folder's name is text")?.to_owned();
        let port = address.rsplit(':').next().unwrap_or_default().to_owned();
        let plain = vec!["--port".to_owned(), port, "--data".to_owned(), folder.clone()];
        let node = |name: &str| {
            let script = root.join("peers").join(name).join("server.mjs");
            let arguments = std::iter::once(script.display().to_string()).chain(plain.clone());
            (PathBuf::from("node"), arguments.collect())
        };
        Ok(match self {
            Self::Chartroom | Self::ChartroomOwn => (
                chartroom_binary(),
                ["--data", &folder, "serve", "--listen", address]
                    .into_iter()
                    .chain(["--messages-per-second", "1000000"])
                    .chain(["--bytes-per-second", "1000000000"])
                    .map(str::to_owned)
                    .collect(),
            ),
            Self::Floor => (root.join("peers/target/release/peer-floor"), plain),
            Self::Samod => (root.join("peers/target/release/peer-samod"), plain),
            Self::Hocuspocus => node("hocuspocus"),
            Self::AutomergeRepo => node("automerge-repo"),
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
