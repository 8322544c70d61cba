//! NDJSON: one resource a line.

use chartroom_engine::limits;
use chartroom_fhir::json;

use super::bundle::{Entry, EntryError, identified};

/// Lines that are imported together.
const BLOCK_LINES: usize = 1000;
/// Bytes of lines that are imported together.
const BLOCK_BYTES: usize = 8 * 1024 * 1024;

/// What came, cut into blocks of lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The beginning of a line whose end did not come yet.
    rest: Vec<u8>,
    block: Vec<Entry>,
    bytes: usize,
    /// Lines that came, empty ones included.
    count: usize,
}

impl Lines {
    /// Takes bytes in; gives a block where one is full. Lines are numbered from 1.
    pub fn take(&mut self, mut bytes: &[u8]) -> Vec<Vec<Entry>> {
        let mut blocks = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            let mut whole = std::mem::take(&mut self.rest);
            whole.extend_from_slice(line);
            self.line(&whole);
            if self.block.len() >= BLOCK_LINES || self.bytes >= BLOCK_BYTES {
                blocks.push(self.end_block());
            }
        }
        // No resource is longer; what else of the line comes is not kept.
        let room = (limits::RESOURCE_BYTES_MAX + 1).saturating_sub(self.rest.len());
        self.rest.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        blocks
    }

    /// The last block.
    pub fn end(mut self) -> Vec<Entry> {
        let rest = std::mem::take(&mut self.rest);
        self.line(&rest);
        self.end_block()
    }

    fn line(&mut self, line: &[u8]) {
        self.count += 1;
        self.bytes += line.len();
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let resource = match line.len() > limits::RESOURCE_BYTES_MAX {
            true => Err(EntryError::TooLarge),
            false => json::parse(line).map_err(|_| EntryError::Json),
        };
        let entry = resource.and_then(|resource| identified(None, Some(resource)));
        self.block.push((self.count, entry));
    }

    fn end_block(&mut self) -> Vec<Entry> {
        self.bytes = 0;
        std::mem::take(&mut self.block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_however_they_are_cut() {
        let text = b"{\"resourceType\":\"Patient\",\"id\":\"1\"}\n\n{no\n{\"resourceType\":\"Patient\",\"id\":\"2\"}";
        for size in [1, 7, 1000] {
            let mut lines = Lines::default();
            for bytes in text.chunks(size) {
                assert!(lines.take(bytes).is_empty());
            }
            let block = lines.end();
            let told: Vec<_> = block.iter().map(|(line, entry)| (*line, entry.is_ok())).collect();
            assert_eq!(told, [(1, true), (3, false), (4, true)]);
        }
    }

    #[test]
    fn blocks_are_given_when_they_are_full() {
        let mut lines = Lines::default();
        let line = b"{\"resourceType\":\"Patient\",\"id\":\"1\"}\n";
        let blocks = lines.take(&line.repeat(2 * BLOCK_LINES + 5));
        assert_eq!(blocks.iter().map(Vec::len).collect::<Vec<_>>(), [BLOCK_LINES, BLOCK_LINES]);
        assert_eq!(lines.end().len(), 5);
    }

    #[test]
    fn a_line_without_end_is_not_kept_whole() {
        let mut lines = Lines::default();
        for _ in 0..8 {
            lines.take(&vec![b'x'; 1024 * 1024]);
        }
        assert!(lines.rest.len() <= limits::RESOURCE_BYTES_MAX + 1);
        assert!(matches!(lines.end().as_slice(), [(1, Err(EntryError::TooLarge))]));
    }
}
