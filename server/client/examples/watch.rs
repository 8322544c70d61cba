//! Prints a room's events, one a line, and puts up a flag when asked.
//!
//! `cargo run -p chartroom-client --example watch -- http://127.0.0.1:8080 patient:1 --after 0`

use anyhow::Context;
use chartroom_client::{Author, Client, Command, Event, OpenRoom, Target};
use clap::Parser;
use serde_json::{Value, json};

/// Prints a room's events, one a line.
#[derive(Parser)]
struct Options {
    /// The server's address, such as https://hospital.example
    server: String,
    /// The room, such as patient:1
    room: String,
    /// First the events behind this number; 0 for all that are kept
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Puts up a flag with this text first
    #[arg(long)]
    flag: Option<String>,
    /// In whose name
    #[arg(long, default_value = "watch")]
    person: String,
    /// What opens the server's door, where it asks for something
    #[arg(long, env = "CHARTROOM_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut target = Target::new(&options.server)?;
    if let Some(token) = &options.token {
        target = target.with_token(token)?;
    }
    let client = Client::connect(target, Author::new(&options.person, &options.person));
    let room = client.open(&options.room).await?;
    if let Some(text) = &options.flag {
        put_up(&room, text).await?;
    }
    let mut events = room.follow(options.after).await?;
    while let Some(event) = events.next().await {
        println!("{}", line(&event?));
    }
    Ok(())
}

/// Adds a flag to a patient's chart, and waits until it is safe.
async fn put_up(room: &OpenRoom, text: &str) -> anyhow::Result<()> {
    let patient = room.name().patient_id().context("a flag is put up in a patient's room")?;
    let id = format!("flag-{:016x}", rand::random::<u64>());
    let edit = room.edit(Command::Put { resource: flag(&id, patient, text) }).await?;
    edit.saved().await?;
    println!("saved Flag/{id}");
    Ok(())
}

fn flag(id: &str, patient: &str, text: &str) -> Value {
    json!({
        "resourceType": "Flag",
        "id": id,
        "status": "active",
        "code": { "text": text },
        "subject": { "reference": format!("Patient/{patient}") },
    })
}

fn line(event: &Event) -> String {
    let Event { seq, event, resource_type, resource_id, author, .. } = event;
    let author = author.as_ref().map_or("somebody", |author| &author.name);
    format!("{seq} {event} {resource_type}/{resource_id} by {author}")
}
