//! Writes the JavaScript glue of the browser module, so that nobody has to install `wasm-bindgen`
//! at exactly the version in Cargo.lock.
//!
//! `chartroom-bindgen MODULE.wasm FOLDER` writes `chartroom.js`, `chartroom.d.ts` and
//! `chartroom_bg.wasm` into the folder, as an ES module that is told where the WebAssembly lies.

use std::{env, path::PathBuf};

use anyhow::Context;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: chartroom-bindgen MODULE.wasm FOLDER";
    let module = arguments.next().context(usage)?;
    let folder = arguments.next().context(usage)?;
    Bindgen::new()
        .input_path(module)
        .web(true)?
        .omit_default_module_path(true)
        .typescript(true)
        .out_name("chartroom")
        .generate(folder)
}
