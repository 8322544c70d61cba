//! `chartroom import`: FHIR Bundles and NDJSON, file by file, each resource into its room.
//!
//! What is wrong with one entry stops no other: it is named with file, index and reason, and the
//! exit code says that something was left out. Importing a file again changes nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use chartroom_engine::RoomName;

use super::{
    progress::Progress,
    target::{Outcome, Target},
};
use crate::import::{
    Chunk, Sorted,
    bundle::{self, Entry},
    sorted,
};

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
        let (before, bad_before, mut changed) = (self.resources, self.bad, 0);
        let read = bundle::blocks(path, |entries| {
            changed += self.block(path, bytes, entries)?;
            Ok(())
        })?;
        if let Err(error) = read {
            self.bad += 1;
            self.progress.note(&format!("{}: {error}", path.display()));
            return Ok(());
        }
        self.progress.at(self.bytes_done + bytes);
        let resources = counted(self.resources - before, "resource");
        let (changes, bad) = (counted(changed, "change"), self.bad - bad_before);
        let text = format!("{}: {resources}, {changes}, {bad} left out", path.display());
        self.progress.file_done(&text);
        Ok(())
    }

    /// Imports what was read of a file; gives the number of changes that it made.
    fn block(&mut self, path: &Path, bytes: u64, entries: Vec<Entry>) -> anyhow::Result<usize> {
        let total = entries.len().max(1) as u64;
        let Sorted { rooms, refused } = sorted(entries);
        for (index, reason) in refused {
            self.bad_entry(path, index, &reason);
        }
        let (mut done, mut changed) = (0, 0);
        for (room, chunks) in rooms {
            for chunk in chunks {
                done += chunk.len() as u64;
                changed += usize::from(self.chunk(path, &room, chunk)?);
                self.progress.at(self.bytes_done + bytes * done / total);
            }
            self.rooms.insert(room);
        }
        Ok(changed)
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
