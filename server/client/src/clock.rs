//! The one place in the client that reads the time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970; 0 where the machine's clock stands before that.
pub(crate) fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "this is the place that the ban speaks of")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
