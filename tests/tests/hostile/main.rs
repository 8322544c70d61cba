//! Hostile messages over real sockets to a real server: one test for each that is known.
//!
//! `cargo nextest run -E 'binary(hostile)' --success-output immediate` prints how each ended, how
//! long it took and how much memory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise"
)]

mod bytes;
mod changes;
mod frames;
mod scene;

use peak_alloc::PeakAlloc;

/// Counts what the process has on its heap, and the most it had.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// A test for each row: name, how it ends, what it may cost, and the message.
macro_rules! rows {
    ($check:path: $($name:ident => $ends:expr, $bounds:expr, $make:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $name() {
            $check(stringify!($name), $ends, $bounds, $make).await;
        }
    )*};
}
use rows;
