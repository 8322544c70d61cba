//! `chartroom import`: FHIR Bundles, file by file, each resource into its room.
//!
//! What is wrong with one entry stops no other: it is named with file, index and reason, and the
//! exit code says that something was left out. Importing a file again changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use chartroom_engine::{RoomName, document::room_of, limits};
use serde_json::Value;

use super::{
    bundle::{self, Entry},
    progress::Progress,
    target::{Outcome, Target},
};

/// Bytes of JSON in one change, well under the limit of a change.
const CHUNK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Resources of one room, with their places in the bundle.
type Chunk = Vec<(usize, Value)>;

struct Import<'a> {
    target: &'a Target,
    progress: Progress,
    rooms: BTreeSet<RoomName>,
    resources: usize,
    bad: usize,
    bytes_done: u64,
}

/// Imports files; exit code 1 where something was left out.
pub(super) fn import(files: &[PathBuf], target: &Target) -> anyhow::Result<ExitCode> {
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |data| data.len());
    let mut import = Import {
        target,
        progress: Progress::start(files.iter().map(size).sum()),
        rooms: BTreeSet::new(),
        resources: 0,
        bad: 0,
        bytes_done: 0,
    };
    for path in files {
        let bytes = size(path);
        import.file(path, bytes)?;
        import.bytes_done += bytes;
    }
    let Import { rooms, resources, bad, progress, .. } = import;
    let (rooms, files) = (counted(rooms.len(), "room"), counted(files.len(), "file"));
    let resources = counted(resources, "resource");
    progress.end(&format!("{files}: {resources} in {rooms}, {bad} left out"));
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Import<'_> {
    fn file(&mut self, path: &Path, bytes: u64) -> anyhow::Result<()> {
        self.progress.file(path);
        let entries = match bundle::read(path) {
            Ok(entries) => entries,
            Err(error) => {
                self.bad += 1;
                self.progress.note(&format!("{}: {error}", path.display()));
                return Ok(());
            }
        };
        let (before, bad_before) = (self.resources, self.bad);
        let total = entries.len().max(1) as u64;
        let mut done = 0;
        let mut changed = 0;
        for (room, chunks) in self.by_room(path, entries) {
            for chunk in chunks {
                done += chunk.len() as u64;
                changed += usize::from(self.chunk(path, &room, chunk)?);
                self.progress.at(self.bytes_done + bytes * done / total);
            }
            self.rooms.insert(room);
        }
        self.progress.at(self.bytes_done + bytes);
        let resources = counted(self.resources - before, "resource");
        let (changes, bad) = (counted(changed, "change"), self.bad - bad_before);
        let text = format!("{}: {resources}, {changes}, {bad} left out", path.display());
        self.progress.file_done(&text);
        Ok(())
    }

    /// Sorts resources into rooms and cuts them into changes, in the bundle's order.
    fn by_room(&mut self, path: &Path, entries: Vec<Entry>) -> BTreeMap<RoomName, Vec<Chunk>> {
        let mut rooms: BTreeMap<RoomName, (Vec<Chunk>, usize)> = BTreeMap::new();
        for (index, resource) in entries {
            let placed = resource.map_err(|error| error.to_string()).and_then(|resource| {
                let room = room_of(&resource).map_err(|error| error.to_string())?;
                Ok((room, resource))
            });
            let (room, resource) = match placed {
                Ok(placed) => placed,
                Err(reason) => {
                    self.bad_entry(path, index, &reason);
                    continue;
                }
            };
            let bytes = resource.to_string().len();
            let (chunks, chunk_bytes) = rooms.entry(room).or_default();
            let full = chunks.last().is_none_or(|chunk: &Chunk| {
                chunk.len() >= limits::IMPORT_CHUNK_RESOURCES
                    || *chunk_bytes + bytes > CHUNK_BYTES_MAX
            });
            if full {
                chunks.push(Chunk::new());
                *chunk_bytes = 0;
            }
            *chunk_bytes += bytes;
            if let Some(chunk) = chunks.last_mut() {
                chunk.push((index, resource));
            }
        }
        rooms.into_iter().map(|(room, (chunks, _))| (room, chunks)).collect()
    }

    /// Writes one change; resource by resource where the room refuses it. Whether anything differed.
    fn chunk(&mut self, path: &Path, room: &RoomName, chunk: Chunk) -> anyhow::Result<bool> {
        let resources = chunk.iter().map(|(_, resource)| resource.clone()).collect();
        match self.target.import(room, resources)? {
            Outcome::Written { changed } => {
                self.resources += chunk.len();
                return Ok(changed);
            }
            Outcome::Refused { reason } => {
                if let [(index, _)] = chunk.as_slice() {
                    self.bad_entry(path, *index, &reason);
                    return Ok(false);
                }
            }
        }
        let mut any = false;
        for entry in chunk {
            any |= self.chunk(path, room, vec![entry])?;
        }
        Ok(any)
    }

    fn bad_entry(&mut self, path: &Path, index: usize, reason: &str) {
        self.bad += 1;
        self.progress.note(&format!("{}: entry {index}: {reason}", path.display()));
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
