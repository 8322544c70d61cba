//! The command line's tasks. Results go to standard output, everything else to standard error.

mod access;
mod audit;
mod devices;
mod export;
mod import;
mod pharmacy;
mod progress;
mod refound;
mod sync;
mod target;

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail};
use target::Server;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    config::{
        AuditTask, Options, PharmacyTask, RequiredServer, ServerConfig, ServerOptions, Task,
        audit_key,
    },
    hub::{Hub, HubConfig},
    serve::{refuse_exposed, run_with_storage, scheme},
    shutdown::Shutdown,
    storage::{Sled, StorageError},
};

/// A store on the disk.
struct Store {
    data: PathBuf,
    /// The file with the key of its audit trail.
    audit_key: PathBuf,
}

impl Store {
    fn of(data: Option<PathBuf>, key: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(data) = data else {
            bail!("say where the store is, with --data DIR or CHARTROOM_DATA");
        };
        Ok(Self { audit_key: key.unwrap_or_else(|| audit_key(&data)), data })
    }
}

/// Does what the command line asks.
pub fn execute(options: Options) -> anyhow::Result<ExitCode> {
    let Options { data, audit_key, command, .. } = options;
    let store = || Store::of(data, audit_key);
    match command {
        Task::Serve(options) => {
            let listen = options.listen;
            let Store { data, audit_key } = store()?;
            let mut config = options.config(data)?;
            config.hub.audit_key = Some(audit_key);
            serve(config, listen)
        }
        Task::Import { files, server } => match through(server)? {
            Some(server) => import::import(&files, &target::Target::Server(server)),
            None => {
                let target = target::Target::store(&store()?)?;
                let code = import::import(&files, &target)?;
                target.close();
                Ok(code)
            }
        },
        Task::Refound { room, server } => match through(server)? {
            Some(server) => refound::on_server(&room, &server),
            None => refound::in_store(&room, &store()?),
        },
        Task::Sync { url, rooms, token_file, patience } => {
            let patience = std::time::Duration::from_secs(patience);
            sync::sync(&store()?, &url, &rooms, token_file.as_deref(), patience)
        }
        Task::Pharmacy { task: PharmacyTask::Rebuild { server } } => match through(server)? {
            Some(server) => pharmacy::rebuild_in_server(&server),
            None => pharmacy::rebuild_in_store(&store()?),
        },
        Task::Members { room, server } => access::members(&at(&server)?, &room),
        Task::Admit { room, person, read, name, server } => {
            access::admit(&at(&server)?, &room, &person, read, name.as_deref())
        }
        Task::Dismiss { room, person, server } => access::dismiss(&at(&server)?, &room, &person),
        Task::Revoke { meant, server } => access::revoke(&at(&server)?, &meant),
        Task::Devices { person, server } => devices::devices(&at(&server)?, person.as_deref()),
        Task::Wipe { handle, server } => devices::wipe(&at(&server)?, &handle),
        Task::Audit { task } => audit_task(task, &store()?.data),
        Task::Export { room, server } => match through(server)? {
            Some(server) => export::from_server(&room, &server),
            None => export::from_store(&room, &store()?),
        },
    }
}

/// The server that a task goes through, where one is named.
fn through(ServerOptions { url, token }: ServerOptions) -> anyhow::Result<Option<Server>> {
    url.map(|url| Server::new(&url, token.file.as_deref())).transpose()
}

fn at(RequiredServer { url, token }: &RequiredServer) -> anyhow::Result<Server> {
    Server::new(url, token.file.as_deref())
}

fn audit_task(task: AuditTask, data: &Path) -> anyhow::Result<ExitCode> {
    match task {
        AuditTask::Verify { keys, checkpoints } => audit::verify(data, &keys, &checkpoints),
        AuditTask::Checkpoint => audit::checkpoint(data),
        AuditTask::List { person, room, after, limit } => {
            audit::list(data, &audit::Wanted { person, room, after, limit })
        }
    }
}

fn serve(config: ServerConfig, listen: SocketAddr) -> anyhow::Result<ExitCode> {
    let signs_in = config.sign_in.is_some();
    refuse_exposed(listen, signs_in)?;
    let scheme = scheme(&config);
    runtime()?.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let storage = Sled::at(&config.data)?;
        // Before anybody is told that the server is there, and may want it to end.
        let shutdown = Shutdown::listen()?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "chartroom listens on {scheme}://{address}")?;
        if !signs_in {
            writeln!(
                out,
                "no sign-in is configured: it answers this machine only, and whoever is on it may \
                 read and change every chart"
            )?;
        }
        drop(out);
        run_with_storage(config, Arc::new(storage), listener, shutdown.requested()).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Opens a store and its rooms.
fn open(store: &Store) -> anyhow::Result<Arc<Hub>> {
    open_with(store, HubConfig::default())
}

fn open_with(store: &Store, config: HubConfig) -> anyhow::Result<Arc<Hub>> {
    let storage = match Sled::at(&store.data) {
        Err(error @ StorageError::InUse { .. }) => {
            bail!("{error}; reach the rooms of a running server with --server URL");
        }
        opened => opened?,
    };
    let config = HubConfig { audit_key: Some(store.audit_key.clone()), ..config };
    Ok(Hub::start(Arc::new(storage), config)?)
}

/// Opens a store that is there, to read it.
fn opened(data: &Path) -> anyhow::Result<Sled> {
    if !data.is_dir() {
        bail!("there is no store at {}", data.display());
    }
    match Sled::at(data) {
        Err(error @ StorageError::InUse { .. }) => bail!("{error}; read a copy of it"),
        opened => Ok(opened?),
    }
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")
}
