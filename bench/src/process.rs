//! A server beside this program, on a core of its own, over a folder that goes with it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::{net::TcpStream, time::sleep};

use crate::{machine::SERVER_CORE, peer::Peer};

/// How long a server may take to listen.
const START_MAX: Duration = Duration::from_secs(60);
/// How long it may take to end once told.
const END_MAX: Duration = Duration::from_secs(20);

/// A running server.
pub struct Process {
    peer: Peer,
    child: Child,
    address: String,
    folder: TempDir,
    /// From starting to listening.
    pub started_in: Duration,
}

/// What a process used up to now.
#[derive(Debug, Clone)]
pub struct Usage {
    /// Processor time of each thread that runs.
    cpu: BTreeMap<OsString, Duration>,
    /// Bytes in memory.
    pub resident: u64,
}

impl Usage {
    /// Processor time of all threads since; of one that ended between, nothing is known.
    pub fn cpu_since(&self, before: &Self) -> Duration {
        let since = |(thread, now): (&OsString, &Duration)| {
            now.saturating_sub(before.cpu.get(thread).copied().unwrap_or_default())
        };
        self.cpu.iter().map(since).sum()
    }
}

impl Process {
    /// Starts a peer's server over an empty folder.
    pub async fn start(peer: Peer) -> anyhow::Result<Self> {
        Self::over(peer, tempfile::tempdir()?).await
    }

    /// Starts a peer's server over a folder.
    pub async fn over(peer: Peer, folder: TempDir) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let began = Instant::now();
        let mut child = spawn(peer, folder.path(), &address)?;
        if let Some(said) = child.stdout.take().filter(|_| !peer.is_chartroom()) {
            // They say when they are ready, which is later than they listen. Nothing else runs yet.
            BufReader::new(said).read_line(&mut String::new())?;
        }
        while TcpStream::connect(&address).await.is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("{peer} ended at its start: {status}");
            }
            if began.elapsed() > START_MAX {
                bail!("{peer} does not listen");
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(Self { peer, child, address, folder, started_in: began.elapsed() })
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// What follows the address in the URL of its socket, before the room's part.
    pub fn path(&self) -> &'static str {
        self.peer.path()
    }

    /// What it used so far.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        let own = PathBuf::from(format!("/proc/{}", self.child.id()));
        let mut cpu = BTreeMap::new();
        for thread in fs::read_dir(own.join("task"))? {
            let thread = thread?;
            // A thread may end meanwhile.
            let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
            let nanos = text.split_whitespace().next().unwrap_or_default().parse()?;
            cpu.insert(thread.file_name(), Duration::from_nanos(nanos));
        }
        let status = fs::read_to_string(own.join("status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS")).context("it runs")?;
        let kib: u64 = line.split_whitespace().nth(1).unwrap_or_default().parse()?;
        Ok(Usage { cpu, resident: kib * 1024 })
    }

    /// Bytes that its folder takes on disk.
    pub fn disk_bytes(&self) -> anyhow::Result<u64> {
        size_of(self.folder.path())
    }

    /// Ends it in order; gives its folder.
    pub async fn stop(mut self) -> anyhow::Result<TempDir> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > END_MAX {
                self.child.kill()?;
                self.child.wait()?;
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(self.take_folder())
    }

    /// Ends it by SIGKILL; gives its folder.
    pub fn kill(mut self) -> anyhow::Result<TempDir> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.take_folder())
    }

    fn take_folder(&mut self) -> TempDir {
        let empty = TempDir::with_prefix("chartroom-bench").expect("a folder can be made");
        std::mem::replace(&mut self.folder, empty)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(peer: Peer, folder: &Path, address: &str) -> anyhow::Result<Child> {
    let (program, arguments) = peer.command(folder, address)?;
    // Without a second core there is nothing to pin: the core with that number is the one there is.
    Command::new("taskset")
        .args(["-c", &SERVER_CORE.to_string()])
        .arg(&program)
        .args(arguments)
        .env("RUST_LOG", "error,automerge=off")
        .env("NODE_ENV", "production")
        .stdin(Stdio::null())
        .stdout(if peer.is_chartroom() { Stdio::null() } else { Stdio::piped() })
        .spawn()
        .with_context(|| format!("{} starts", program.display()))
}

fn size_of(folder: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size_of(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
