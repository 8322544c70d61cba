//! The machine: which core is whose, and what it is called in a report.

use std::fs;

use rustix::thread::{CpuSet, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// The server's core.
pub const SERVER_CORE: usize = 0;
/// The generator's core.
const GENERATOR_CORE: usize = 1;

/// Pins this program to its core; false where there is only one.
pub fn pin() -> anyhow::Result<bool> {
    if std::thread::available_parallelism()?.get() < 2 {
        return Ok(false);
    }
    let mut cores = CpuSet::new();
    cores.set(GENERATOR_CORE);
    sched_setaffinity(None, &cores)?;
    Ok(true)
}

/// What a reader has to know of the machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name and the number of its cores.
    pub processor: String,
    /// GiB of memory.
    pub memory_gib: u64,
    /// The kernel.
    pub kernel: String,
}

impl Machine {
    /// This one.
    pub fn here() -> anyhow::Result<Self> {
        let info = fs::read_to_string("/proc/cpuinfo")?;
        let field = |name: &str| {
            let line = info.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let cores = info.lines().filter(|line| line.starts_with("processor")).count();
        let memory = fs::read_to_string("/proc/meminfo")?;
        let kib: u64 = memory.split_whitespace().nth(1).unwrap_or_default().parse()?;
        let name = field("model name").unwrap_or_else(|| "unnamed processor".to_owned());
        Ok(Self {
            processor: format!("{name}, {cores} cores"),
            memory_gib: kib.div_ceil(1024 * 1024),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        })
    }
}
