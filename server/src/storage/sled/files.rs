//! The files of a sled store, where sled itself does not care for them.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::{
    fs::{FallocateFlags, fallocate},
    io::{Errno, retry_on_intr},
};

use crate::storage::keyspace::TreeError;

/// How often the lock of a store that was just closed is tried: for ten seconds.
const CLOSING_STEPS_MAX: u32 = 2000;
/// The pause between two tries.
const CLOSING_STEP: Duration = Duration::from_millis(5);
/// What sled writes to open a store: a segment, and a recovery snapshot of some bytes a page.
const OPENING_BYTES: usize = 4 * 1024 * 1024;
/// What sled's file consists of, written from its beginning to its end.
const SEGMENT_BYTES: u64 = 512 * 1024;
/// How a segment begins that sled has written to: with a checksum and two numbers, not all of them 0.
const SEGMENT_HEAD: usize = 20;
/// Segments that sled may have taken and not written to yet, and those in which it writes the pages
/// around what it is handed.
const RESERVED_BYTES: u64 = 8 * SEGMENT_BYTES;

/// The file that holds everything.
pub(super) fn data_file(folder: &Path) -> PathBuf {
    folder.join("db")
}

/// Makes the folder, and its name in its parent durable.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if folder.exists() {
        return Err(io::Error::other("it is not a folder"));
    }
    fs::create_dir_all(folder)?;
    let parent = fs::canonicalize(folder)?.parent().map(Path::to_owned);
    parent.map_or(Ok(()), |parent| sync_folder(&parent))
}

/// Refuses a data file that is not known for a store's: sled would write over it.
pub(super) fn check_founded(folder: &Path) -> Result<(), TreeError> {
    // The first thing that a founding writes, before there is any data file.
    let founded = folder.join("conf").exists();
    if !founded && fs::metadata(data_file(folder)).is_ok_and(|data| data.len() > 0) {
        let reason = "its file db is not a store's, or the store's file conf is gone";
        return Err(TreeError::Failed(reason.to_owned()));
    }
    Ok(())
}

/// Makes sure that no other process has the store open.
pub(super) fn claim(folder: &Path) -> Result<(), TreeError> {
    let failed = |error: io::Error| TreeError::Failed(error.to_string());
    let file = match File::open(data_file(folder)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock() {
        // Sled takes the lock itself.
        Ok(()) => file.unlock().map_err(failed),
        Err(TryLockError::WouldBlock) => {
            Err(TreeError::InUse { path: folder.display().to_string() })
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// As [`claim`], and waits while threads of the store that was just closed come to their end.
pub(super) fn claim_soon(folder: &Path) -> Result<(), TreeError> {
    for _ in 0..CLOSING_STEPS_MAX {
        match claim(folder) {
            Err(TreeError::InUse { .. }) => thread::sleep(CLOSING_STEP),
            claimed => return claimed,
        }
    }
    claim(folder)
}

/// Makes every file of the store, and their names, durable.
pub(super) fn sync_contents(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            File::open(&path)?.sync_all()?;
        }
    }
    if folder.join("blobs").is_dir() {
        each_blob(folder, File::sync_all)?;
        sync_folder(&folder.join("blobs"))?;
    }
    sync_folder(folder)
}

/// Shows each of sled's blobs, and then the folder that names them, if there is any.
pub(super) fn each_blob(
    folder: &Path,
    mut visit: impl FnMut(&File) -> io::Result<()>,
) -> io::Result<()> {
    let blobs = folder.join("blobs");
    let mut any = false;
    for entry in fs::read_dir(&blobs)? {
        visit(&File::open(entry?.path())?)?;
        any = true;
    }
    if any { visit(&File::open(&blobs)?) } else { Ok(()) }
}

/// Puts a durable copy of the data file in its place.
pub(super) fn rewrite(folder: &Path) -> io::Result<()> {
    let copy = written_beside(folder, |copy| fs::copy(data_file(folder), copy).map(drop))?;
    fs::rename(copy, data_file(folder))?;
    sync_folder(folder)
}

/// Tries whether [`rewrite`] would succeed.
pub(super) fn rehearse_rewrite(folder: &Path) -> io::Result<()> {
    fs::remove_file(written_beside(folder, |copy| fs::copy(data_file(folder), copy).map(drop))?)
}

/// Has the file system keep room for what sled writes of so many bytes that it is handed, behind the last
/// of its segments: once a write of sled's has failed it cannot read all that it holds any more.
pub(super) fn reserve(file: &File, bytes: usize) -> io::Result<()> {
    let length = file.metadata()?.len();
    let wanted = RESERVED_BYTES + 2 * bytes as u64;
    let used = used(file, length)?;
    if used + wanted <= length {
        return Ok(());
    }
    let reserved = retry_on_intr(|| fallocate(file, FallocateFlags::empty(), used, 2 * wanted));
    match reserved {
        // A file system that cannot promise room says by itself when there is none.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        reserved => Ok(reserved?),
    }
}

/// Gives back what was reserved: sled would write over all of it when it opens.
pub(super) fn trim(folder: &Path) -> io::Result<()> {
    let file = match File::options().read(true).write(true).open(data_file(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let length = file.metadata()?.len();
    let used = used(&file, length)?;
    let mut rest = vec![0; usize::try_from(length.saturating_sub(used)).unwrap_or(0)];
    file.read_exact_at(&mut rest, used)?;
    if !rest.is_empty() && rest.iter().all(|byte| *byte == 0) { file.set_len(used) } else { Ok(()) }
}

/// Where the last segment ends that sled has written to.
fn used(file: &File, length: u64) -> io::Result<u64> {
    let mut end = length.next_multiple_of(SEGMENT_BYTES);
    while end > 0 {
        let mut head = [0; SEGMENT_HEAD];
        let start = end - SEGMENT_BYTES;
        // A segment that ends here already has been begun.
        let is_written = match file.read_exact_at(&mut head, start) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => true,
            read => read.map(|()| head != [0; SEGMENT_HEAD])?,
        };
        if is_written {
            break;
        }
        end = start;
    }
    Ok(end)
}

/// Tries whether sled could write what it writes when it opens, with what is `pending` and the pages
/// around that.
pub(super) fn rehearse_opening(folder: &Path, pending: usize) -> io::Result<()> {
    let bytes = OPENING_BYTES + 2 * pending;
    fs::remove_file(written_beside(folder, |spare| fs::write(spare, vec![0; bytes]))?)
}

/// A new file of the folder, durable; none where it could not be written whole, since it would hold
/// the space that is wanted.
fn written_beside(
    folder: &Path,
    write: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let path = folder.join("rewritten");
    let written = write(&path).and_then(|()| File::open(&path)?.sync_all());
    written.inspect_err(|_| drop(fs::remove_file(&path)))?;
    Ok(path)
}

/// Takes sled's recovery snapshots out of its sight; says whether there were any.
///
/// They only spare it reading its log from the beginning, and one that was torn keeps it from
/// opening at all.
pub(super) fn set_snapshots_aside(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let mut moved = false;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") {
            moved |= fs::rename(entry.path(), folder.join(format!("unreadable-{name}"))).is_ok();
        }
    }
    moved
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
