//! A count of acknowledged writes beside the store, which a store that lost its end falls short of.
//!
//! The store counts its writes in itself. Here the same count is kept in a file of its own, set
//! after the write is durable and before it is acknowledged, and left to the operating system to put
//! on the disk: after a loss of power it may be behind the store, but never ahead of it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::storage::keyspace::TreeError;

/// The count and its complement, little-endian.
const BYTES: usize = 16;

/// The count of acknowledged writes.
pub(super) struct Witness {
    file: File,
    path: PathBuf,
    count: AtomicU64,
}

impl Witness {
    /// Opens the file of a store; one that is new, torn or removed vouches for nothing.
    pub(super) fn at(folder: &Path) -> io::Result<Self> {
        let path = folder.join("acknowledged");
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut bytes = [0; BYTES];
        let count = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => decode(bytes).unwrap_or(0),
            Err(_) => 0,
        };
        Ok(Self { file, path, count: AtomicU64::new(count) })
    }

    /// Compares with the store's own count, and takes it from there.
    pub(super) fn check(&self, found: u64) -> Result<(), TreeError> {
        let acknowledged = self.count.swap(found, Ordering::Relaxed);
        if found < acknowledged {
            let witness = self.path.display().to_string();
            return Err(TreeError::Shortened { found, acknowledged, witness });
        }
        Ok(())
    }

    /// The number of the write that comes next; writes come from one thread.
    pub(super) fn next(&self) -> u64 {
        self.count.load(Ordering::Relaxed) + 1
    }

    /// Sets the count, now that the write is durable.
    pub(super) fn acknowledge(&self, number: u64) {
        self.count.store(number, Ordering::Relaxed);
        let bytes = (u128::from(number) | (u128::from(!number) << 64)).to_le_bytes();
        // Without it a later loss may go unnoticed; the write itself is safe and is acknowledged.
        if let Err(error) = self.file.write_all_at(&bytes, 0) {
            tracing::warn!(%error, "the count of acknowledged writes could not be set");
        }
    }
}

fn decode(bytes: [u8; BYTES]) -> Option<u64> {
    let both = u128::from_le_bytes(bytes);
    let (count, complement) = (both as u64, (both >> 64) as u64);
    (count == !complement).then_some(count)
}
