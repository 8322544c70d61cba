//! What a person sees while files are imported, or rooms synced: a bar on a terminal, a line per file elsewhere.

use std::{io::IsTerminal, path::Path, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far an import is, on standard error.
pub(super) struct Progress {
    bar: ProgressBar,
    terminal: bool,
}

impl Progress {
    /// An import of files with so many bytes together.
    pub fn start(bytes: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        if !terminal {
            return Self { bar: ProgressBar::hidden(), terminal };
        }
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        let template = "{bar:30} {percent:>3}% {bytes}/{total_bytes} {elapsed} {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, terminal }
    }

    /// Rooms that are brought in step.
    pub fn of_rooms() -> Self {
        let progress = Self::start(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} rooms {elapsed}") {
            progress.bar.set_style(style);
        }
        progress
    }

    /// So many of so many are done.
    pub fn at_of(&self, done: usize, all: usize) {
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
    }

    /// A file is begun.
    pub fn file(&self, path: &Path) {
        let name = path.file_name().unwrap_or(path.as_os_str());
        self.bar.set_message(name.to_string_lossy().into_owned());
    }

    /// So many bytes of all files are done.
    pub fn at(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// A file is done.
    pub fn file_done(&self, text: &str) {
        if !self.terminal {
            eprintln!("{text}");
        }
    }

    /// Something the person has to see.
    pub fn note(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// All is done.
    pub fn end(&self, text: &str) {
        self.bar.finish_and_clear();
        eprintln!("{text}");
    }
}
