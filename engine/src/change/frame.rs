//! A sync message from a peer, decoded under limits.

use automerge::sync::{BloomFilter, Message};

use crate::{CloseReason, limits};

/// Decodes a sync message and refuses what would cost more than its bytes.
///
/// A Bloom filter's header is checked here, since automerge trusts it: a claim of 2³² probes costs
/// gigabytes, one of 0 bits divides by zero (notes, A1 and B1).
pub(crate) fn decode(bytes: &[u8]) -> Result<Message, CloseReason> {
    if bytes.len() > limits::FRAME_BYTES_MAX {
        return Err(CloseReason::OverLimit);
    }
    let message = Message::decode(bytes).map_err(|_| CloseReason::Garbage)?;
    let hashes = message.heads.len()
        + message.need.len()
        + message.have.iter().map(|have| have.last_sync.len()).sum::<usize>();
    if hashes > limits::HASHES_MAX
        || message.have.len() > 1
        || message.changes.iter().count() > limits::FRAME_CHANGES_MAX
    {
        return Err(CloseReason::OverLimit);
    }
    if !message.have.iter().all(|have| bloom_is_sane(&have.bloom)) {
        return Err(CloseReason::Garbage);
    }
    Ok(message)
}

/// Whether a filter's header is one that an honest peer writes: entries, bits per entry, probes.
fn bloom_is_sane(bloom: &BloomFilter) -> bool {
    let bytes = bloom.to_bytes();
    let mut numbers = bytes.iter().copied();
    let mut next = || {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = numbers.next()?;
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            if shift > 56 {
                return None;
            }
        }
    };
    let Some(entries) = next() else { return bytes.is_empty() };
    let (Some(bits), Some(probes)) = (next(), next()) else { return entries == 0 };
    entries == 0
        || (entries <= limits::BLOOM_ENTRIES_MAX
            && (1..=64).contains(&bits)
            && (1..=32).contains(&probes))
}
