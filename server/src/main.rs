//! The binary `chartroom`.

use std::process::ExitCode;

use chartroom_server::{cli, config::Options, start_logs};
use clap::Parser;
use mimalloc::MiMalloc;

/// An edit is a few hundred small allocations on one thread that another frees.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let options = Options::parse();
    start_logs(options.log_json);
    match cli::execute(options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chartroom: {error:#}");
            ExitCode::from(2)
        }
    }
}
