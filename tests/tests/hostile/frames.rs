//! Sync messages and frames that harm before a change is looked at.

use crate::{
    bytes::{Message, PLAIN, unsigned},
    rows,
    scene::{Ends, LARGE, SMALL, check},
};

/// A message of nothing but a count and so many zeros behind what comes before it.
fn zeros(before: &[u8], count: u64) -> Vec<u8> {
    let mut message = before.to_vec();
    unsigned(&mut message, count);
    message.extend(vec![0; count as usize]);
    message
}

rows! { check:
    // A1, B1, D1: the numbers of a Bloom filter are the peer's.
    a1_a_filter_with_2_to_the_32_probes => Ends::Closed(1002, "filter"), SMALL,
        |_| Message::with_bloom(1, 10, u64::from(u32::MAX));
    b1_a_filter_without_bits => Ends::Closed(1002, "filter"), SMALL,
        |_| Message::with_bloom(1, 0, 7);
    a1_a_filter_with_2_to_the_32_entries => Ends::Closed(1002, ""), SMALL,
        |_| Message::with_bloom(u64::from(u32::MAX), 64, 7);
    // A4: what costs the server more than the peer.
    a4_a_hundred_summaries => Ends::Closed(1009, "limit"), SMALL, |stage| {
        let have = vec![(stage.heads.clone(), Vec::new()); 100];
        Message { have, ..PLAIN }.with(&[])
    };
    a4_millions_of_empty_summaries => Ends::Closed(1009, "limit"), LARGE,
        |_| zeros(&[0x42, 0, 0], 15_000_000);
    a4_millions_of_empty_chunks => Ends::Closed(1009, "limit"), LARGE,
        |_| zeros(&[0x42, 0, 0, 0], 15_000_000);
    a4_more_chunks_than_anybody_sends => Ends::Closed(1009, "changes"), SMALL,
        |_| PLAIN.with(&vec![vec![0]; 17_000]);
    a4_more_heads_than_anybody_has => Ends::Closed(1009, "hashes"), SMALL,
        |_| Message { heads: vec![[7; 32]; 5_000], ..PLAIN }.with(&[]);
    a4_more_hashes_than_anybody_has => Ends::Closed(1009, "limit"), LARGE,
        |_| Message { need: vec![[5; 32]; 400_000], ..PLAIN }.with(&[]);
    a_count_of_2_to_the_64 => Ends::Closed(1002, ""), SMALL, |_| {
        let mut message = vec![0x42];
        unsigned(&mut message, u64::MAX);
        message
    };
}
