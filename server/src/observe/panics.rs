//! Panics: counted, and logged by their place alone, since what a panic says may hold patient data.

use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Has every panic of this process counted and logged in place of being printed.
pub(super) fn watch() {
    std::panic::set_hook(Box::new(|panic| {
        COUNT.fetch_add(1, Ordering::Relaxed);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name(), "a panic");
    }));
}

/// Panics so far, those that were caught included.
pub(super) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}
