//! The binary `chartroom`.

use std::process::ExitCode;

use chartroom_server::{cli, config::Options, start_logs};
use clap::Parser;

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
