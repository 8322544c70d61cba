//! A sync message from a peer, decoded under limits.

use automerge::sync::Message;

use super::chunk::{Input, Unfit};
use crate::{CloseReason, limits};

/// Decodes a sync message and refuses what would cost more than its bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Message, CloseReason> {
    weigh(bytes)?;
    Message::decode(bytes).map_err(|_| CloseReason::Garbage("it is cut short"))
}

/// Reads what a message counts, before automerge makes an object of each: an empty chunk or summary
/// is one byte or two on the wire and a hundred in memory.
fn weigh(bytes: &[u8]) -> Result<(), Unfit> {
    if bytes.len() > limits::FRAME_BYTES_MAX {
        return Err(Unfit::OverLimit("bytes in a message"));
    }
    let mut input = Input(bytes);
    input.take(1)?;
    let mut hashes = input.hashes()? + input.hashes()?;
    match input.length()? {
        0 => {}
        1 => {
            hashes += input.hashes()?;
            let length = input.length()?;
            check_filter(Input(input.take(length)?))?;
        }
        _ => return Err(Unfit::OverLimit("summaries in a message")),
    }
    if hashes > limits::HASHES_MAX {
        return Err(Unfit::OverLimit("hashes in a message"));
    }
    if input.length()? > limits::FRAME_CHANGES_MAX {
        return Err(Unfit::OverLimit("changes in a message"));
    }
    Ok(())
}

/// Refuses a Bloom filter whose header is not one that an honest peer writes: entries, bits per
/// entry, probes.
///
/// Automerge trusts it: a claim of 2³² probes costs gigabytes, one of 0 bits divides by zero (notes,
/// A1 and B1).
fn check_filter(mut filter: Input<'_>) -> Result<(), Unfit> {
    if filter.0.is_empty() {
        return Ok(());
    }
    let entries = filter.unsigned()?;
    let sane = entries == 0
        || (entries <= limits::BLOOM_ENTRIES_MAX
            && (1..=64).contains(&filter.unsigned()?)
            && (1..=32).contains(&filter.unsigned()?));
    if sane { Ok(()) } else { Err(Unfit::Malformed("a Bloom filter that nobody writes")) }
}
