use super::ward::{MALLORY, Ward};

/// Any bytes as sync messages leave the room standing: two bytes of length, then the message, again
/// and again.
pub fn messages(data: &[u8]) {
    let mut ward = Ward::new();
    let mut rest = data;
    while let Some((length, tail)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(tail.len());
        let (message, tail) = tail.split_at(length);
        ward.deliver(MALLORY, message.to_vec());
        rest = tail;
    }
    ward.check();
}
