//! Patients' charts: of Synthea where they are beside the repository, else samples grown to a size.

use std::{ffi::OsString, fs, io::Read, path::Path};

use chartroom_engine::{Author, Command, Input, RoomId, RoomName, limits};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::rooms::{self, NOW};

const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../server/samples/theodore-brackenwood.json");
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/synthea");

/// Changes that are handed to a room together while a history is made.
const TOGETHER: u64 = 100;

/// One patient's resources.
pub struct Chart {
    pub id: RoomId,
    pub resources: Vec<Value>,
    observations: Vec<String>,
}

impl Chart {
    /// The bundle in the folder `BUNDLES` (../shared/data/synthea if unset) whose JSON is nearest to
    /// this size; where there is none, a sample grown to it.
    pub fn of(bytes: usize) -> Self {
        #[allow(clippy::disallowed_methods, reason = "a benchmark has settings")]
        let folder = std::env::var_os("BUNDLES").unwrap_or_else(|| OsString::from(SHARED));
        match nearest(Path::new(&folder), bytes) {
            Some(bundle) => Self::new(resources(&bundle)),
            None => Self::grown(bytes),
        }
    }

    /// A sample patient with so many copies of each resource that their JSON has this size.
    pub fn grown(bytes: usize) -> Self {
        let sample = resources(&fs::read_to_string(SAMPLE).expect("the samples are there"));
        let mut grown = sample.clone();
        let mut size: usize = sample.iter().map(|resource| resource.to_string().len()).sum();
        let copied = sample.iter().filter(|resource| resource["resourceType"] != "Patient");
        for (number, resource) in copied.cycle().enumerate() {
            if size >= bytes {
                break;
            }
            let mut copy = resource.clone();
            copy["id"] = json!(format!("copy-{number}"));
            size += copy.to_string().len();
            grown.push(copy);
        }
        Self::new(grown)
    }

    fn new(resources: Vec<Value>) -> Self {
        let ids = |kind: &'static str| {
            let of_kind = resources.iter().filter(move |resource| resource["resourceType"] == kind);
            of_kind.map(|resource| resource["id"].as_str().expect("an id").to_owned())
        };
        let patient = ids("Patient").next().expect("a patient");
        let observations = ids("Observation").collect();
        let name = RoomName::patient(&patient).expect("the id makes a name");
        Self { id: RoomId::first(name), observations, resources }
    }

    /// The room's document with this chart and `changes` edits behind it, saved.
    pub fn snapshot(&self, changes: u64) -> Vec<u8> {
        let mut room = rooms::server(&self.id, None);
        for resources in self.resources.chunks(limits::IMPORT_CHUNK_RESOURCES) {
            rooms::edit(&mut room, Command::Import { resources: resources.to_vec() });
        }
        for first in (0..changes).step_by(TOGETHER as usize) {
            for number in first..changes.min(first + TOGETHER) {
                let author = Some(Author::new("bob", "Bob"));
                let command = self.edit(number);
                room.handle(NOW, Input::Command { ticket: 1, author, command });
            }
            rooms::run(&mut room);
        }
        room.document().save()
    }

    /// An edit that gives an observation a new value; as many of them in a row as the chart has
    /// observations are of different resources.
    pub fn edit(&self, number: u64) -> Command {
        let id = &self.observations[number as usize % self.observations.len()];
        let value = json!({ "value": number, "unit": "mmol/L" });
        Command::Patch {
            resource_type: "Observation".to_owned(),
            id: id.clone(),
            elements: [("valueQuantity".to_owned(), value)].into_iter().collect(),
        }
    }
}

fn resources(bundle: &str) -> Vec<Value> {
    let mut bundle: Value = serde_json::from_str(bundle).expect("a bundle is JSON");
    let entries = bundle["entry"].as_array_mut().expect("a bundle has entries");
    entries.iter_mut().map(|entry| entry["resource"].take()).collect()
}

fn nearest(folder: &Path, bytes: usize) -> Option<String> {
    let paths = fs::read_dir(folder).ok()?.map(|file| file.expect("a readable folder").path());
    let bundles = paths.filter(|path| path.extension().is_some_and(|kind| kind == "gz"));
    let texts = bundles.map(|path| {
        let packed = fs::read(path).expect("a readable bundle");
        let mut text = String::new();
        GzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("a gzipped text");
        text
    });
    texts.min_by_key(|text| text.len().abs_diff(bytes))
}
