use chartroom_server::wire::{
    frame::{Frame, decode, encode},
    takes_request,
};

use super::memory::held;

/// Bytes that reading may allocate for each byte read, and those it may allocate at all.
///
/// A field of a map is one byte at least, and one slice and one name in memory; a map of 64 fields
/// is the most that is kept at once, at each of a frame's few levels.
const BYTES_PER_BYTE_MAX: u64 = 128;
const BYTES_MAX: u64 = 32 * 1024;

/// Any bytes are a frame or an error, at a cost in proportion to their number, and a frame that is
/// written is read again as the same. As text they are a request of JSON events, or an error.
pub fn frame(data: &[u8]) {
    let bounded = |what: &str, held: u64| {
        let limit = BYTES_MAX + data.len() as u64 * BYTES_PER_BYTE_MAX;
        assert!(held <= limit, "{what} takes {} bytes for {}", held, data.len());
    };
    let mut decoded = None;
    bounded("a frame", held(|| decoded = decode(data).ok()));
    if let Some(frame) = decoded
        && !matches!(frame, Frame::Unknown { .. })
    {
        assert_eq!(decode(&encode(&frame)), Ok(frame));
    }
    if let Ok(text) = str::from_utf8(data) {
        bounded("a request", held(|| _ = std::hint::black_box(takes_request(text))));
    }
}
