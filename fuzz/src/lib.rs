//! How libFuzzer runs a target: a panic that leaves the target is a find, one that is caught inside
//! is what the product expects of automerge on a stranger's bytes.

use std::{
    panic::{catch_unwind, resume_unwind, set_hook},
    sync::Mutex,
};

pub use chartroom_tests::fuzz;
pub use libfuzzer_sys;

/// Where the last panic was, and what it said.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Replaces libFuzzer's hook, which ends the process at every panic, by one that remembers it.
pub fn remember_panics() {
    set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST.lock() {
            *last = format!("{panic}\n{}", std::backtrace::Backtrace::capture());
        }
    }));
}

/// Runs a target; prints the panic that leaves it, and lets libFuzzer end the process.
pub fn run(target: fn(&[u8]), data: &[u8]) {
    if let Err(panic) = catch_unwind(|| target(data)) {
        eprintln!("{}", LAST.lock().map(|last| last.clone()).unwrap_or_default());
        resume_unwind(panic);
    }
}

/// The fuzz target of this name in `chartroom_tests::fuzz`.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        use $crate::libfuzzer_sys;

        libfuzzer_sys::fuzz_target!(init: $crate::remember_panics(), |data: &[u8]| {
            $crate::run($crate::fuzz::$name, data)
        });
    };
}
