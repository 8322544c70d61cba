//! Processes beside this one: the server over a folder that goes with it, and the strangers.

use std::{
    io::Read,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

/// A running server, ended with this.
pub struct Process {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Process {
    /// Starts the server and waits until it answers.
    pub async fn start() -> anyhow::Result<Self> {
        let binary = std::env::var_os("CHARTROOM_BIN").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/release/chartroom"),
            PathBuf::from,
        );
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = tempfile::tempdir()?;
        let child = Command::new(&binary)
            .arg("--data")
            .arg(folder.path())
            .args(["serve", "--listen", &address.to_string()])
            .env("RUST_LOG", "error,automerge=off")
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{} starts", binary.display()))?;
        let process = Self { child, address, _folder: folder };
        for _ in 0..200 {
            if process.get("/healthz").await.is_ok() {
                return Ok(process);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the server does not answer")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Processor time and the most memory so far.
    pub fn figures(&self) -> anyhow::Result<String> {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = std::fs::read_to_string(folder.join("status"))?;
        let peak =
            status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
        let stat = std::fs::read_to_string(folder.join("stat"))?;
        let ticks: u64 =
            stat.split(' ').skip(13).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
        Ok(format!("{:.1} s of processor, {peak}", ticks as f64 / 100.0))
    }

    /// What its metrics say of limits.
    pub async fn limits(&self) -> anyhow::Result<String> {
        let text = self.get("/metrics").await?;
        let of_interest = |line: &&str| {
            ["limit_exceeded_total", "changes_refused_total", "rooms_loaded", "reloads_total"]
                .iter()
                .any(|name| line.starts_with(&format!("chartroom_{name}")))
        };
        Ok(text.lines().filter(of_interest).collect::<Vec<_>>().join("\n"))
    }

    /// Ends the server; fails if it had ended by itself.
    pub fn stop(mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended: {status}");
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> anyhow::Result<String> {
        let url = format!("http://{}{path}", self.address);
        let text =
            tokio::task::spawn_blocking(move || ureq::get(url).call()?.body_mut().read_to_string());
        Ok(text.await??)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program once more, as the hostile connections.
pub struct Strangers(Child);

impl Strangers {
    /// Lets them loose.
    pub fn start(server: SocketAddr) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self(Command::new(program).arg(server.to_string()).stdin(Stdio::piped()).spawn()?))
    }

    /// Ends them; they say what they did.
    pub fn stop(mut self) -> anyhow::Result<()> {
        drop(self.0.stdin.take());
        ensure!(self.0.wait()?.success(), "the strangers ended otherwise than told");
        Ok(())
    }
}

/// Waits until the program that started this one says that it is to end, or has ended.
pub async fn told_to_end() -> anyhow::Result<()> {
    let read = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(read).await??;
    Ok(())
}
