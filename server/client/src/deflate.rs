//! Long sync messages between servers go deflated (RFC 1951): plain change chunks are FHIR text, of
//! which a fifth or less is left.

use std::io::{Read, Write};

use chartroom_engine::limits::FRAME_BYTES_MAX;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

/// Messages shorter than this are sent as they are.
const WORTH_BYTES: usize = 512;

/// Why bytes are no deflated message (peer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// They inflate to more than a message may have, or than they were said to.
    #[error("a deflated message has more bytes than it may")]
    TooLong,
    /// They are no deflate stream, or inflate to less than they were said to.
    #[error("a deflated message cannot be read")]
    Malformed,
}

/// The message deflated; `None` where that is not worth it.
pub fn deflate(message: &[u8]) -> Option<Vec<u8>> {
    if message.len() < WORTH_BYTES {
        return None;
    }
    let mut encoder =
        DeflateEncoder::new(Vec::with_capacity(message.len() / 3), Compression::fast());
    encoder.write_all(message).ok()?;
    encoder.finish().ok().filter(|deflated| deflated.len() < message.len())
}

/// The message of `size` bytes again. Takes no more memory than that, whatever the bytes are.
pub fn inflate(deflated: &[u8], size: u64) -> Result<Vec<u8>, InflateError> {
    let length = usize::try_from(size).ok().filter(|length| *length <= FRAME_BYTES_MAX);
    let length = length.ok_or(InflateError::TooLong)?;
    // Deflate makes at most 1032 bytes of one.
    if length / 1032 > deflated.len() {
        return Err(InflateError::Malformed);
    }
    let mut message = Vec::with_capacity(length);
    let mut decoder = DeflateDecoder::new(deflated).take(size + 1);
    decoder.read_to_end(&mut message).map_err(|_| InflateError::Malformed)?;
    match message.len() {
        read if read == length => Ok(message),
        read if read > length => Err(InflateError::TooLong),
        _ => Err(InflateError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_and_a_short_one_is_left_alone() {
        let message = b"Asthma ".repeat(1000);
        let deflated = deflate(&message).unwrap();
        assert!(deflated.len() < message.len() / 5);
        assert_eq!(inflate(&deflated, message.len() as u64), Ok(message));
        assert_eq!(deflate(b"short"), None);
    }

    #[test]
    fn what_lies_about_its_size_is_refused() {
        let deflated = deflate(&vec![0; 100_000]).unwrap();
        assert_eq!(inflate(&deflated, 99_999), Err(InflateError::TooLong));
        assert_eq!(inflate(&deflated, 100_001), Err(InflateError::Malformed));
        assert_eq!(inflate(&deflated, u64::MAX), Err(InflateError::TooLong));
        assert_eq!(inflate(b"\xff\xff", 10), Err(InflateError::Malformed));
        assert_eq!(inflate(b"", 16_000_000), Err(InflateError::Malformed));
    }
}
