//! The command line's tasks. Results go to standard output, everything else to standard error.

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
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    config::{Options, PharmacyTask, ServerConfig, Task},
    hub::{Hub, HubConfig},
    serve::{refuse_exposed, run_with_storage, scheme},
    shutdown::Shutdown,
    storage::{Sled, StorageError},
};

/// Does what the command line asks.
pub fn execute(options: Options) -> anyhow::Result<ExitCode> {
    let data = options.data;
    match options.command {
        Task::Serve(options) => {
            let listen = options.listen;
            serve(options.config(required(data)?)?, listen)
        }
        Task::Import { files, server: Some(url) } => {
            import::import(&files, &target::Target::server(&url)?)
        }
        Task::Import { files, server: None } => {
            let target = target::Target::store(&required(data)?)?;
            let code = import::import(&files, &target)?;
            target.close();
            Ok(code)
        }
        Task::Refound { room, server: Some(url) } => refound::on_server(&room, &url),
        Task::Refound { room, server: None } => refound::in_store(&room, &required(data)?),
        Task::Sync { url, rooms, token_file, patience } => {
            let patience = std::time::Duration::from_secs(patience);
            sync::sync(&required(data)?, &url, &rooms, token_file.as_deref(), patience)
        }
        Task::Pharmacy { task: PharmacyTask::Rebuild { server: Some(url) } } => {
            pharmacy::rebuild_in_server(&url)
        }
        Task::Pharmacy { task: PharmacyTask::Rebuild { server: None } } => {
            pharmacy::rebuild_in_store(&required(data)?)
        }
        Task::Export { room, server: Some(url) } => export::from_server(&room, &url),
        Task::Export { room, server: None } => export::from_store(&room, &required(data)?),
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
fn open(data: &Path) -> anyhow::Result<Arc<Hub>> {
    open_with(data, HubConfig::default())
}

fn open_with(data: &Path, config: HubConfig) -> anyhow::Result<Arc<Hub>> {
    let storage = match Sled::at(data) {
        Err(error @ StorageError::InUse { .. }) => {
            bail!("{error}; reach the rooms of a running server with --server URL");
        }
        opened => opened?,
    };
    Ok(Hub::start(Arc::new(storage), config)?)
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")
}

fn required(data: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    match data {
        Some(data) => Ok(data),
        None => bail!("say where the store is, with --data DIR or CHARTROOM_DATA"),
    }
}
