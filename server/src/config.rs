//! The command line, and what can be set with it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use chartroom_engine::{RoomName, RoomSize, Rules, event::CriticalTable, limits};
use clap::{Args, Parser, Subcommand};
use url::Url;

use chartroom_engine::access::RoomPattern;

use crate::{
    auth::{Roles, read_roles},
    facility::FacilityConfig,
    fhir::{FhirConfig, Validation},
    hub::HubConfig,
    hygiene::Origin,
    limits::Limits,
    peers::config::{Servers, read_servers},
    retention::Retention,
    sign_in::{SignInConfig, read_sign_in},
    transport::Tls,
    webhooks::{Target, read_targets},
};

/// Where the web app stands when nothing else is said.
const WEB_DEFAULT: &str = "web/dist";

/// Patient charts that people write together.
#[derive(Debug, Parser)]
#[command(name = "chartroom", version, about)]
pub struct Options {
    /// Folder of the store
    #[arg(long, env = "CHARTROOM_DATA", value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// File with the key that signs the audit trail, made where it is not there; audit.key of the store
    /// if none is given
    #[arg(long, env = "CHARTROOM_AUDIT_KEY", value_name = "FILE", global = true)]
    pub audit_key: Option<PathBuf>,
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
    Serve(Box<ServeOptions>),
    /// Import FHIR Bundles, .json or .json.gz, and NDJSON, .ndjson or .ndjson.gz: each patient into a
    /// room of its own
    Import {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Through a running server instead of in a store
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Found a room anew: what stands now without its history; the old epoch stays readable
    Refound {
        /// The room's name, such as patient:123
        room: String,
        /// Through a running server instead of in a store
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Bring rooms of the store in step with a server, both ways, once
    Sync {
        /// The server, such as wss://hospital.example
        url: String,
        /// Rooms: names, patient:* or *
        #[arg(required = true, value_name = "ROOM")]
        rooms: Vec<RoomPattern>,
        /// File with the token that the server asks for
        #[arg(long, env = "CHARTROOM_PEER_TOKEN_FILE", value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Seconds after which it is given up while nothing moves
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        patience: u64,
    },
    /// The pharmacy's queue
    Pharmacy {
        /// What to do with it
        #[command(subcommand)]
        task: PharmacyTask,
    },
    /// List who belongs to a room of a running server
    Members {
        /// The room's name, such as patient:123
        room: RoomName,
        /// Where
        #[command(flatten)]
        server: RequiredServer,
    },
    /// Let somebody into a room of a running server, such as a patient's care team
    Admit {
        /// The room's name, such as patient:123
        room: RoomName,
        /// The person's id, what sign-in calls the subject
        person: String,
        /// To read only
        #[arg(long)]
        read: bool,
        /// The name that colleagues read; the id if none is given
        #[arg(long)]
        name: Option<String>,
        /// Where
        #[command(flatten)]
        server: RequiredServer,
    },
    /// Take somebody's membership of a room away; connections that they have in the room end
    Dismiss {
        /// The room's name, such as patient:123
        room: RoomName,
        /// The person's id
        person: String,
        /// Where
        #[command(flatten)]
        server: RequiredServer,
    },
    /// Take sign-ins back: whoever has one is out at once
    Revoke {
        /// Whose
        #[command(flatten)]
        meant: Revoked,
        /// Where
        #[command(flatten)]
        server: RequiredServer,
    },
    /// List the devices that somebody has signed in from, at a running server
    Devices {
        /// Whose, by id; one's own if nobody is named
        #[arg(long, value_name = "ID")]
        person: Option<String>,
        /// Where
        #[command(flatten)]
        server: RequiredServer,
    },
    /// Have a lost device wiped: it is told so at once, or when it comes back to the running server
    Wipe {
        /// The device's handle, as `chartroom devices` lists it
        handle: String,
        /// Where
        #[command(flatten)]
        server: RequiredServer,
    },
    /// The audit trail: who did what
    Audit {
        /// What to do with it
        #[command(subcommand)]
        task: AuditTask,
    },
    /// Write a room as a FHIR Bundle to standard output
    Export {
        /// The room's name, such as patient:123
        room: String,
        /// Through a running server instead of in a store
        #[command(flatten)]
        server: ServerOptions,
    },
}

/// A running server that a task may go through.
#[derive(Debug, Default, Args)]
pub struct ServerOptions {
    /// Through a running server, such as https://chart.example
    #[arg(long = "server", value_name = "URL")]
    pub url: Option<String>,
    /// How to sign in there
    #[command(flatten)]
    pub token: TokenOptions,
}

/// A running server that a task goes through.
#[derive(Debug, Args)]
pub struct RequiredServer {
    /// The server, such as https://chart.example
    #[arg(long = "server", value_name = "URL")]
    pub url: String,
    /// How to sign in there
    #[command(flatten)]
    pub token: TokenOptions,
}

/// How to sign in at a server.
#[derive(Debug, Default, Args)]
pub struct TokenOptions {
    /// File with the token to sign in with at the server
    #[arg(long = "token-file", env = "CHARTROOM_TOKEN_FILE", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Whose sign-ins are taken back.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Revoked {
    /// All of this person, by id, that were issued until now
    #[arg(long, value_name = "ID")]
    pub person: Option<String>,
    /// The one with this token, by its jti
    #[arg(long, value_name = "JTI")]
    pub token: Option<String>,
}

/// What can be done with the audit trail of a store that no server has open.
#[derive(Debug, Subcommand)]
pub enum AuditTask {
    /// Find out whether anything was changed, removed, added or moved since it was written
    Verify {
        /// File with public keys that checkpoints may be signed with; audit.pub of the store if none is given
        #[arg(long = "key", value_name = "FILE")]
        keys: Vec<PathBuf>,
        /// File with checkpoints that were kept elsewhere, one JSON object a line
        #[arg(long = "checkpoint", value_name = "FILE")]
        checkpoints: Vec<PathBuf>,
    },
    /// Print the last checkpoint as JSON, to be kept elsewhere
    Checkpoint,
    /// Print entries as JSON, one a line
    List {
        /// Those of this person, by id
        #[arg(long, value_name = "ID")]
        person: Option<String>,
        /// Those about this room, such as patient:123
        #[arg(long, value_name = "ROOM")]
        room: Option<RoomName>,
        /// Those with a higher number
        #[arg(long, value_name = "N", default_value_t = 0)]
        after: u64,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
        limit: usize,
    },
}

/// What can be done with the pharmacy's queue.
#[derive(Debug, Subcommand)]
pub enum PharmacyTask {
    /// Make the queue anew from the patients' rooms; raises no events
    Rebuild {
        /// Through a running server instead of in a store
        #[command(flatten)]
        server: ServerOptions,
    },
}

/// How the server serves.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// Address to listen on; without sign-in only loopback is possible
    #[arg(long, env = "CHARTROOM_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Certificate to serve https with, as PEM, followed by those that vouch for it
    #[arg(long, env = "CHARTROOM_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, as PEM
    #[arg(long, env = "CHARTROOM_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Where clients find this server, such as https://chart.example, for links in FHIR answers
    #[arg(long, env = "CHARTROOM_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<Url>,
    /// Site whose pages may use this server, such as https://app.example; may be given several times
    #[arg(
        long = "allow-origin",
        env = "CHARTROOM_ALLOW_ORIGINS",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub origins: Vec<Origin>,
    /// Folder of the built web app
    #[arg(long, env = "CHARTROOM_WEB", value_name = "DIR", default_value = WEB_DEFAULT)]
    pub web: PathBuf,
    /// Seconds after which a room without members is unloaded
    #[arg(long, env = "CHARTROOM_ROOM_IDLE", value_name = "SECONDS", default_value_t = 60)]
    pub room_idle: u64,
    /// Bytes that loaded rooms may cost before those that nobody uses are unloaded
    #[arg(long, env = "CHARTROOM_MEMORY_BUDGET", value_name = "BYTES", default_value_t = limits::MEMORY_BUDGET)]
    pub memory_budget: u64,
    /// Newest events kept in each room
    #[arg(long, env = "CHARTROOM_EVENTS_KEEP", value_name = "N", default_value_t = 100_000)]
    pub events_keep: u64,
    /// Days for which events are kept
    #[arg(long, env = "CHARTROOM_EVENTS_DAYS", value_name = "DAYS", default_value_t = 3650)]
    pub events_days: u64,
    /// Table of critical values in place of the shipped one (docs/events.md)
    #[arg(long, env = "CHARTROOM_CRITICAL_VALUES", value_name = "FILE")]
    pub critical_values: Option<PathBuf>,
    /// Hours after which a critical value alerts in its own chart only
    #[arg(long, env = "CHARTROOM_CRITICAL_HOURS", value_name = "HOURS", default_value_t = 72)]
    pub critical_hours: u64,
    /// Minutes after which an alert that nobody acknowledged goes to the next role
    #[arg(
        long,
        env = "CHARTROOM_ALERT_ESCALATE_MINUTES",
        value_name = "MINUTES",
        default_value_t = 15
    )]
    pub alert_escalate_minutes: u64,
    /// Roles that an alert goes to, one after another
    #[arg(
        long,
        env = "CHARTROOM_ALERT_ROLES",
        value_name = "ROLE,…",
        value_delimiter = ',',
        default_value = "charge-nurse,supervisor"
    )]
    pub alert_roles: Vec<String>,
    /// Changes after which the pharmacy's queue and the alerts are founded anew
    #[arg(
        long,
        env = "CHARTROOM_FACILITY_CHANGES",
        value_name = "N",
        default_value_t = FacilityConfig::default().changes_max
    )]
    pub facility_changes: u64,
    /// Sockets that may be open
    #[arg(long, env = "CHARTROOM_CONNECTIONS", value_name = "N", default_value_t = limits::CONNECTIONS_MAX)]
    pub connections: usize,
    /// Messages that a connection may send in a second before it is read more slowly
    #[arg(
        long,
        env = "CHARTROOM_MESSAGES_PER_SECOND",
        value_name = "N",
        default_value_t = limits::MESSAGES_PER_SECOND,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub messages_per_second: u64,
    /// Bytes that a connection may send in a second before it is read more slowly
    #[arg(
        long,
        env = "CHARTROOM_BYTES_PER_SECOND",
        value_name = "BYTES",
        default_value_t = limits::BYTES_PER_SECOND,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub bytes_per_second: u64,
    /// Requests over HTTP that an address may send in a second [default: 1000, and any number from
    /// this machine]
    #[arg(
        long,
        env = "CHARTROOM_REQUESTS_PER_SECOND",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub requests_per_second: Option<u64>,
    /// Connections of plain HTTP that an address may have open [default: 512, and any number from
    /// this machine]
    #[arg(
        long,
        env = "CHARTROOM_CONNECTIONS_PER_ADDRESS",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub connections_per_address: Option<u16>,
    /// Bytes that a room's log may have
    #[arg(long, env = "CHARTROOM_ROOM_BYTES", value_name = "BYTES", default_value_t = limits::ROOM_BYTES_MAX)]
    pub room_bytes: u64,
    /// Operations that a room's document may have
    #[arg(long, env = "CHARTROOM_ROOM_OPERATIONS", value_name = "N", default_value_t = limits::ROOM_OPS_MAX)]
    pub room_operations: u64,
    /// List of the systems that are told of events (docs/operations.md)
    #[arg(long, env = "CHARTROOM_WEBHOOKS", value_name = "FILE")]
    pub webhooks: Option<PathBuf>,
    /// Server to keep rooms in step with, such as wss://hospital.example; may be given several times
    #[arg(long = "peer", env = "CHARTROOM_PEERS", value_name = "URL", value_delimiter = ',')]
    pub peers: Vec<String>,
    /// Rooms that these servers may have: *, patient:* or a room's name
    #[arg(
        long,
        env = "CHARTROOM_PEER_ROOMS",
        value_name = "PATTERN,…",
        value_delimiter = ',',
        default_value = "*"
    )]
    pub peer_rooms: Vec<RoomPattern>,
    /// File with the token that these servers ask for
    #[arg(long, env = "CHARTROOM_PEER_TOKEN_FILE", value_name = "FILE")]
    pub peer_token_file: Option<PathBuf>,
    /// List of the servers that rooms are kept in step with (docs/peers.md)
    #[arg(long, env = "CHARTROOM_SERVERS", value_name = "FILE")]
    pub servers: Option<PathBuf>,
    /// Name of this server among others
    #[arg(long, env = "CHARTROOM_SERVER_NAME", value_name = "NAME")]
    pub server_name: Option<String>,
    /// Whose tokens are taken as sign-ins (docs/operations.md); without it there is no sign-in, and
    /// everybody on this machine may do everything
    #[arg(long, env = "CHARTROOM_SIGN_IN", value_name = "FILE", requires = "roles")]
    pub sign_in: Option<PathBuf>,
    /// What each role may do (docs/operations.md)
    #[arg(long, env = "CHARTROOM_ROLES", value_name = "FILE", requires = "sign_in")]
    pub roles: Option<PathBuf>,
    /// Refuse FHIR updates that do not say which version they go on
    #[arg(long, env = "CHARTROOM_FHIR_VERSIONS_REQUIRED")]
    pub fhir_versions_required: bool,
    /// Store FHIR resources that are not as R4 says, with a warning
    #[arg(long, env = "CHARTROOM_FHIR_STORE_INVALID")]
    pub fhir_store_invalid: bool,
}

impl ServeOptions {
    /// What a server over this store is run with; reads the files that the options name.
    pub fn config(self, data: PathBuf) -> anyhow::Result<ServerConfig> {
        let critical = match &self.critical_values {
            None => CriticalTable::shipped(),
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let table = text.map_err(anyhow::Error::from);
                table
                    .and_then(|text| Ok(CriticalTable::parse(&text)?))
                    .with_context(|| format!("critical values in {}", path.display()))?
            }
        };
        let servers = self.servers()?;
        let tls = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        let tls = tls.map(|(cert, key)| Tls::from_files(cert, key)).transpose()?;
        let late_after_ms = self.critical_hours.saturating_mul(60 * 60 * 1000);
        let hub = HubConfig {
            room_idle: Duration::from_secs(self.room_idle),
            memory_budget: self.memory_budget,
            rules: Arc::new(Rules { late_after_ms, critical }),
            limits: Limits {
                connections_max: self.connections,
                messages_per_second: self.messages_per_second,
                bytes_per_second: self.bytes_per_second,
                room_size_max: RoomSize { bytes: self.room_bytes, ops: self.room_operations },
                requests_per_second: self.requests_per_second,
                address_connections_max: self.connections_per_address.map(usize::from),
                ..Limits::default()
            },
            servers,
            ..HubConfig::default()
        };
        let retention = Retention { events_max: self.events_keep, days_max: self.events_days };
        let webhooks = self.webhooks.as_deref().map(read_targets).transpose()?.unwrap_or_default();
        let facility = FacilityConfig {
            escalate_after: Duration::from_secs(self.alert_escalate_minutes.saturating_mul(60)),
            escalate_to: self.alert_roles.into_iter().filter(|role| !role.is_empty()).collect(),
            changes_max: self.facility_changes,
        };
        let fhir = FhirConfig {
            versions_required: self.fhir_versions_required,
            validation: match self.fhir_store_invalid {
                true => Validation::Warn,
                false => Validation::Refuse,
            },
            ..FhirConfig::default()
        };
        let sign_in = self.sign_in.as_deref().map(read_sign_in).transpose()?;
        let roles = self.roles.as_deref().map(read_roles).transpose()?.unwrap_or_default();
        let sign_in = sign_in.map(|tokens| (tokens, roles));
        let (web, public_url, origins) = (self.web, self.public_url, self.origins);
        Ok(ServerConfig {
            data,
            tls,
            public_url,
            origins,
            web,
            hub,
            retention,
            facility,
            webhooks,
            fhir,
            sign_in,
        })
    }
}

impl ServeOptions {
    fn servers(&self) -> anyhow::Result<Servers> {
        let mut servers = match &self.servers {
            Some(file) => read_servers(file)?,
            None => Servers::default(),
        };
        for url in &self.peers {
            servers.add(url, self.peer_token_file.as_deref(), &self.peer_rooms)?;
        }
        if self.server_name.is_some() {
            servers.name.clone_from(&self.server_name);
        }
        Ok(servers)
    }
}

fn public_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error: url::ParseError| error.to_string())?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if ["http", "https"].contains(&url.scheme()) && is_plain {
        return Ok(url);
    }
    Err("is an address such as https://chart.example".to_owned())
}

/// The file with the key that signs the audit trail of a store, where no other is named.
pub(crate) fn audit_key(data: &Path) -> PathBuf {
    data.join("audit.key")
}

/// What a server is run with.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Folder of the store.
    pub data: PathBuf,
    /// What it serves https with; `None` for http.
    pub tls: Option<Tls>,
    /// Where clients find it, whatever name they used.
    pub public_url: Option<Url>,
    /// Sites beside its own whose pages may use it.
    pub origins: Vec<Origin>,
    /// Folder of the built web app; need not be there.
    pub web: PathBuf,
    /// How rooms and connections are held.
    pub hub: HubConfig,
    /// Which events are kept.
    pub retention: Retention,
    /// How facility rooms are written.
    pub facility: FacilityConfig,
    /// Who is told of events.
    pub webhooks: Vec<Target>,
    /// How FHIR requests are taken.
    pub fhir: FhirConfig,
    /// Whose tokens are taken, and what roles may do; `None` for no sign-in.
    pub sign_in: Option<(SignInConfig, Roles)>,
}

impl ServerConfig {
    /// Defaults round a store.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            tls: None,
            public_url: None,
            origins: Vec::new(),
            web: WEB_DEFAULT.into(),
            hub: HubConfig::default(),
            retention: Retention::default(),
            facility: FacilityConfig::default(),
            webhooks: Vec::new(),
            fhir: FhirConfig::default(),
            sign_in: None,
        }
    }
}
