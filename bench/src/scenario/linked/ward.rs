//! One server of several, with the sample patients as often as are wanted.
#![allow(clippy::indexing_slicing, reason = "of a JSON value, which answers null")]

use std::{
    fs,
    io::Read,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use chartroom_client::Target;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::chart::chartroom_binary;

/// How long a server may take to listen.
const START_MAX: Duration = Duration::from_secs(60);
/// The largest of the sample patients, about 4 MB of JSON.
const LARGEST: &str = "Fletcher_Hyatt";

/// A running server.
pub struct Ward {
    child: Child,
    address: String,
    largest: String,
    largest_bytes: usize,
    _folder: TempDir,
}

impl Ward {
    /// A server with so many patients.
    pub async fn import(data: &Path, patients: usize, name: &str) -> anyhow::Result<Self> {
        let bundles = tempfile::tempdir()?;
        let samples = samples(data)?;
        let (mut largest, mut largest_bytes) = (String::new(), 0);
        let mut files = Vec::new();
        for number in 0..patients {
            let (sample, id, text) = samples.get(number % samples.len()).context("no samples")?;
            let copy = format!("{}-{:04}", id.get(..8).unwrap_or(id), number / samples.len());
            if sample.starts_with(LARGEST) && largest.is_empty() {
                (largest, largest_bytes) = (format!("patient:{copy}"), text.len());
            }
            let file = bundles.path().join(format!("{number}.json"));
            fs::write(&file, text.replace(id.as_str(), &copy))?;
            files.push(file);
        }
        let folder = tempfile::tempdir()?;
        let mut import = Command::new("taskset");
        let import = import.args(["-c", "0,1"]).arg(chartroom_binary());
        let import = import.arg("--data").arg(folder.path()).arg("import").args(&files);
        ensure!(import.stderr(Stdio::null()).status()?.success(), "the import left something out");
        let mut ward = Self::over(folder, name, None).await?;
        (ward.largest, ward.largest_bytes) = (largest, largest_bytes);
        Ok(ward)
    }

    /// A server with nothing.
    pub async fn start(name: &str, peer: Option<&str>) -> anyhow::Result<Self> {
        Self::over(tempfile::tempdir()?, name, peer).await
    }

    async fn over(folder: TempDir, name: &str, peer: Option<&str>) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        // This program keeps to one core; the servers have all.
        let mut serve = Command::new("taskset");
        serve.args(["-c", "0,1"]).arg(chartroom_binary());
        serve.arg("--data").arg(folder.path()).args(["serve", "--listen", &address]);
        serve.args(["--server-name", name]);
        if let Some(peer) = peer {
            serve.args(["--peer", &format!("ws://{peer}")]);
        }
        let child = serve
            .env("RUST_LOG", "warn,automerge=off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("chartroom starts")?;
        let mut ward =
            Self { child, address, largest: String::new(), largest_bytes: 0, _folder: folder };
        let began = Instant::now();
        while TcpStream::connect(&ward.address).await.is_err() {
            if let Some(status) = ward.child.try_wait()? {
                bail!("chartroom ended at its start: {status}");
            }
            ensure!(began.elapsed() < START_MAX, "chartroom does not listen");
            sleep(Duration::from_millis(5)).await;
        }
        Ok(ward)
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where a client finds it.
    pub fn target(&self) -> anyhow::Result<Target> {
        Ok(Target::new(&format!("ws://{}", self.address))?)
    }

    /// The room of the largest patient.
    pub fn largest(&self) -> &str {
        &self.largest
    }

    /// Bytes of that patient as JSON.
    pub fn largest_bytes(&self) -> usize {
        self.largest_bytes
    }

    /// How many rooms it has.
    pub async fn rooms(&self) -> anyhow::Result<usize> {
        Ok(self.get("/rooms").await?["rooms"].as_array().map_or(0, Vec::len))
    }

    /// Whether every room is the same at its peer, and the link stands; `but_live` leaves those out in
    /// which something happens now.
    pub async fn is_in_step(&self, but_live: bool) -> anyhow::Result<bool> {
        let peers = self.get("/peers").await?;
        let peer = &peers["peers"][0];
        let behind = if but_live { "fromBefore" } else { "behind" };
        let behind = peer["rooms"][behind].as_u64().unwrap_or(u64::MAX);
        ensure!(peer["rooms"]["held"] == json!([]), "rooms are held: {peer}");
        Ok(peer["state"] == "connected" && behind == 0 && peer["rooms"]["known"] != 0)
    }

    /// The heads of a room.
    pub async fn heads(&self, room: &str) -> anyhow::Result<Value> {
        Ok(self.get(&format!("/rooms/{room}")).await?["heads"].clone())
    }

    /// Makes so many edits in a room, one after the other, as people do.
    pub async fn edit(&self, room: &str, edits: usize, who: &str) -> anyhow::Result<()> {
        let patient = room.trim_start_matches("patient:");
        for number in 0..edits {
            let id = format!("night-{}-{}-{number}", who.replace(' ', "-"), self.child.id());
            let resource = json!({
                "resourceType": "Observation", "id": id, "status": "final",
                "code": { "text": "Heart rate" },
                "subject": { "reference": format!("Patient/{patient}") },
                "valueQuantity": { "value": 60 + number % 40, "unit": "/min" },
            });
            let body = json!({ "kind": "put", "resource": resource }).to_string();
            self.ask("POST", &format!("/rooms/{room}/commands"), &body).await?;
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask("GET", path, "").await
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
        let mut socket = TcpStream::connect(&self.address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\naccept: application/json\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        ensure!(
            answer.starts_with("HTTP/1.1 200"),
            "{path}: {}",
            answer.lines().next().unwrap_or("")
        );
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer has a body")?;
        Ok(serde_json::from_str(body).or_else(|_| serde_json::from_str(&unchunked(body)))?)
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        // One that has ended needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A body that came in chunks.
fn unchunked(body: &str) -> String {
    let (mut rest, mut whole) = (body, String::new());
    while let Some((length, chunk)) = rest.split_once("\r\n") {
        let Ok(length) = usize::from_str_radix(length.trim(), 16) else { break };
        let Some((part, behind)) = chunk.split_at_checked(length) else { break };
        whole.push_str(part);
        rest = behind.trim_start_matches("\r\n");
    }
    whole
}

/// The sample patients: name, FHIR id and Bundle.
fn samples(data: &Path) -> anyhow::Result<Vec<(String, String, String)>> {
    let mut samples = Vec::new();
    for entry in fs::read_dir(data).with_context(|| format!("{} has patients", data.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut text = String::new();
        GzDecoder::new(fs::File::open(&path)?).read_to_string(&mut text)?;
        let bundle: Value = serde_json::from_str(&text)?;
        let resources = bundle["entry"].as_array().into_iter().flatten();
        let mut resources = resources.map(|entry| &entry["resource"]);
        let patient = resources.find(|resource| resource["resourceType"] == "Patient");
        if let Some(id) = patient.and_then(|patient| patient["id"].as_str()) {
            samples.push((name, id.to_owned(), text.clone()));
        }
    }
    samples.sort();
    Ok(samples)
}
