//! The binary as an operator runs it: exit codes, standard output, signals.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod access;
mod audit;
mod command_line;
mod doors;
mod facility;
mod serving;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};

/// The binary, with nothing of the environment that steers it.
fn chartroom() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chartroom"));
    for name in
        ["CHARTROOM_DATA", "CHARTROOM_LISTEN", "CHARTROOM_WEB", "CHARTROOM_TOKEN_FILE", "RUST_LOG"]
    {
        command.env_remove(name);
    }
    command
}

/// Runs the binary over a store to its end.
fn run(store: &Path, arguments: &[&str]) -> Output {
    chartroom().arg("--data").arg(store).args(arguments).output().unwrap()
}

/// A server process, killed when the test ends.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    /// Starts on a free port; returns when the server has said where it listens.
    fn start(store: &Path, arguments: &[&str]) -> Self {
        let mut command = chartroom();
        command.arg("--data").arg(store).args(["serve", "--listen", "127.0.0.1:0"]);
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("chartroom listens on ").unwrap().to_owned();
        Self { child, url }
    }

    /// Status, content type and body of an address.
    fn get(&self, path: &str) -> (u16, String, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent: ureq::Agent = config.into();
        let mut response = agent.get(format!("{}{path}", self.url)).call().unwrap();
        let kind =
            response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let body = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), kind.unwrap_or_default(), body)
    }
}

impl Served {
    /// Sends JSON to an address; the status.
    fn post(&self, path: &str, body: &Value) -> u16 {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent: ureq::Agent = config.into();
        let request = agent.post(format!("{}{path}", self.url));
        let response = request.header("content-type", "application/json").send(body.to_string());
        response.unwrap().status().as_u16()
    }
}

/// Asks again until something holds; it has ten seconds.
fn until(mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed().as_secs() < 10, "it did not come about");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A patient with one condition, as a transaction bundle.
fn bundle() -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "fullUrl": "urn:uuid:1f3f9b6c-2d1b-4ad0-8b7e-0f0e5f6c1a01",
          "resource": { "resourceType": "Patient", "id": "p1", "birthDate": "1970-01-02" } },
        { "fullUrl": "urn:uuid:1f3f9b6c-2d1b-4ad0-8b7e-0f0e5f6c1a02",
          "resource": { "resourceType": "Observation", "status": "final",
            "subject": { "reference": "urn:uuid:1f3f9b6c-2d1b-4ad0-8b7e-0f0e5f6c1a01" },
            "valueQuantity": { "value": 7 } } },
    ] })
}
