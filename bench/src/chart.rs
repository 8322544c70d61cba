//! What rooms begin with: a small chart for load, and real patients for first syncs.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    rc::Rc,
};

use anyhow::{Context, bail, ensure};
use chartroom_engine::{
    Command as Edit, Document, Input, Output, Role, Room, RoomConfig, RoomId, mint_actor,
};
use chartroom_server::{
    clock,
    hub::{HubConfig, load_room},
    storage::{Sled, Storage},
};
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::voice::repo::Base;

/// Observations of a small chart: eight for each of two people.
const OBSERVATIONS: usize = 16;

/// A chart, in the form that each peer takes.
pub struct Chart {
    /// As an Automerge document.
    pub base: Rc<Base>,
    /// As FHIR resources.
    pub resources: Vec<Value>,
    /// A store of Chartroom's that has it.
    pub store: Option<TempDir>,
    /// Bytes of the bundle as JSON; of the resources where there is none.
    pub json_bytes: usize,
}

impl Chart {
    /// A patient with a few observations, in a room.
    pub fn small(id: &RoomId) -> anyhow::Result<Self> {
        let patient = id.name.patient_id().unwrap_or_default();
        let mut resources = vec![json!({
            "resourceType": "Patient", "id": patient, "name": [{ "family": "Load", "given": ["Test"] }],
        })];
        resources.extend((0..OBSERVATIONS).map(|number| {
            json!({
                "resourceType": "Observation",
                "id": format!("o{number:02}"),
                "status": "preliminary",
                "code": { "text": "Heart rate" },
                "subject": { "reference": format!("Patient/{patient}") },
                "valueString": "none yet",
            })
        }));
        let commands = resources.iter().cloned().map(|resource| Edit::Put { resource }).collect();
        let document = written(id, Edit::Batch { commands })?;
        let json_bytes = resources.iter().map(|resource| resource.to_string().len()).sum();
        let base = Rc::new(Base::of(document)?);
        Ok(Self { base, resources, store: None, json_bytes })
    }

    /// The chart of a bundle, as Chartroom imports it.
    pub fn of_bundle(bundle: &Path) -> anyhow::Result<(RoomId, Self)> {
        let folder = tempfile::tempdir()?;
        import(bundle, folder.path())?;
        let storage = Sled::at(folder.path())?;
        let mut rooms = storage.rooms()?.into_iter().map(|record| record.id);
        let id = rooms.find(|id| id.name.is_chart()).context("the bundle has a patient")?;
        let actor = mint_actor(clock::now_ms(), rand::random());
        let loaded = load_room(&storage, &id, &actor, &HubConfig::default())?;
        let document = loaded.room.document();
        let resources = document.resources();
        let json_bytes = json_bytes(bundle)?;
        let base = Rc::new(Base::of(document.save())?);
        drop(storage);
        Ok((id, Self { base, resources, store: Some(folder), json_bytes }))
    }

    /// Copies the store that has it into an empty folder; false where there is none.
    pub fn store_in(&self, folder: &Path) -> anyhow::Result<bool> {
        let Some(store) = &self.store else { return Ok(false) };
        for entry in fs::read_dir(store.path())? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), folder.join(entry.file_name()))?;
            }
        }
        Ok(true)
    }
}

/// Bytes of a bundle's JSON.
fn json_bytes(bundle: &Path) -> anyhow::Result<usize> {
    let mut file = File::open(bundle)?;
    let mut text = Vec::new();
    if bundle.extension().is_some_and(|extension| extension == "gz") {
        MultiGzDecoder::new(file).read_to_end(&mut text)?;
    } else {
        file.read_to_end(&mut text)?;
    }
    Ok(text.len())
}

/// Imports a bundle into the store in a folder, as an operator would.
fn import(bundle: &Path, folder: &Path) -> anyhow::Result<()> {
    let imported = Command::new(chartroom_binary())
        .arg("--data")
        .arg(folder)
        .arg("import")
        .arg(bundle)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    ensure!(imported.success(), "the import failed");
    Ok(())
}

/// The server that is measured.
pub fn chartroom_binary() -> PathBuf {
    let built = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/release/chartroom");
    std::env::var_os("CHARTROOM_BIN").map_or_else(built, PathBuf::from)
}

/// A room's document after one edit, saved.
fn written(id: &RoomId, command: Edit) -> anyhow::Result<Vec<u8>> {
    let actor = mint_actor(clock::now_ms(), rand::random());
    let mut room = Room::new(RoomConfig::new(id.clone(), Role::Client), Document::found(id, actor));
    room.handle(clock::now_ms(), Input::Command { ticket: 1, author: None, command });
    room.advance(clock::now_ms());
    while let Some(output) = room.poll_output() {
        if let Output::Answered { result: Err(error), .. } = output {
            bail!("the chart cannot be written: {error}");
        }
    }
    Ok(room.document().save())
}
