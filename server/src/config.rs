//! The command line, and what can be set with it.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};

use crate::{hub::HubConfig, retention::Retention, webhooks::Target};

/// Where the web app stands when nothing else is said.
const WEB_DEFAULT: &str = "web/dist";

/// Patient charts that people write together.
#[derive(Debug, Parser)]
#[command(name = "chartroom", version, about)]
pub struct Options {
    /// Folder of the store
    #[arg(long, env = "CHARTROOM_DATA", value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// Write logs as JSON, one object a line
    #[arg(long, env = "CHARTROOM_LOG_JSON", global = true)]
    pub log_json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Task,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Serve rooms over WebSocket and HTTP
    Serve {
        /// Address to listen on; without sign-in only loopback is possible
        #[arg(long, env = "CHARTROOM_LISTEN", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Folder of the built web app
        #[arg(long, env = "CHARTROOM_WEB", value_name = "DIR", default_value = WEB_DEFAULT)]
        web: PathBuf,
        /// Seconds after which a room without members is unloaded
        #[arg(long, env = "CHARTROOM_ROOM_IDLE", value_name = "SECONDS", default_value_t = 60)]
        room_idle: u64,
        /// Newest events kept in each room
        #[arg(long, env = "CHARTROOM_EVENTS_KEEP", value_name = "N", default_value_t = 100_000)]
        events_keep: u64,
        /// Days for which events are kept
        #[arg(long, env = "CHARTROOM_EVENTS_DAYS", value_name = "DAYS", default_value_t = 3650)]
        events_days: u64,
        /// List of targets to tell of events, a JSON file
        #[arg(long, env = "CHARTROOM_WEBHOOKS", value_name = "FILE")]
        webhooks: Option<PathBuf>,
    },
    /// Import FHIR Bundles, .json or .json.gz: each patient into a room of its own
    Import {
        /// The bundles
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Through a running server, such as http://127.0.0.1:8080
        #[arg(long, value_name = "URL")]
        server: Option<String>,
    },
    /// Write a room as a FHIR Bundle to standard output
    Export {
        /// The room's name, such as patient:123
        room: String,
        /// From a running server, such as http://127.0.0.1:8080
        #[arg(long, value_name = "URL")]
        server: Option<String>,
    },
}

/// What a server is run with.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Folder of the store.
    pub data: PathBuf,
    /// Folder of the built web app; need not be there.
    pub web: PathBuf,
    /// How rooms and connections are held.
    pub hub: HubConfig,
    /// Which events are kept.
    pub retention: Retention,
    /// Who is told of events.
    pub webhooks: Vec<Target>,
}

impl ServerConfig {
    /// Defaults round a store.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            web: WEB_DEFAULT.into(),
            hub: HubConfig::default(),
            retention: Retention::default(),
            webhooks: Vec::new(),
        }
    }
}
