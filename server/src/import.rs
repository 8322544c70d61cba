//! Bulk import: resources as they come, sorted into rooms and cut into changes of a bearable size.
//!
//! A Bundle is read whole, since its references are to its own entries; NDJSON line by line, so that it
//! may be of any length.

pub(crate) mod bundle;
pub(crate) mod lines;

use std::collections::BTreeMap;

use chartroom_engine::{RoomName, document::room_of, limits};
use serde_json::Value;

use bundle::Entry;

/// Bytes of JSON in one change, well under the limit of a change.
pub(crate) const CHUNK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Resources of one change, with their places in what is imported.
pub(crate) type Chunk = Vec<(usize, Value)>;

/// What is to be imported, sorted.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// The changes of each room, in the order in which the resources came.
    pub rooms: BTreeMap<RoomName, Vec<Chunk>>,
    /// What belongs in no room, by place, and why.
    pub refused: Vec<(usize, String)>,
}

/// Sorts resources into rooms and cuts them into changes.
pub(crate) fn sorted(entries: Vec<Entry>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut last_bytes: BTreeMap<RoomName, usize> = BTreeMap::new();
    for (index, resource) in entries {
        let placed = resource.map_err(|error| error.to_string()).and_then(|resource| {
            let room = room_of(&resource).map_err(|error| error.to_string())?;
            Ok((room, resource))
        });
        let (room, resource) = match placed {
            Ok(placed) => placed,
            Err(reason) => {
                sorted.refused.push((index, reason));
                continue;
            }
        };
        let bytes = resource.to_string().len();
        let chunk_bytes = last_bytes.entry(room.clone()).or_default();
        let chunks = sorted.rooms.entry(room).or_default();
        let full = chunks.last().is_none_or(|chunk: &Chunk| {
            chunk.len() >= limits::IMPORT_CHUNK_RESOURCES || *chunk_bytes + bytes > CHUNK_BYTES_MAX
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
    sorted
}
