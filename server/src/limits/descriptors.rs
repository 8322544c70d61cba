//! How many sockets the system lets this process open.

use chartroom_engine::limits::DESCRIPTORS_RESERVED;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the number of files that the process may open as far as `wanted` sockets need and the
/// system allows, and gives how many sockets that is enough for.
pub(crate) fn sockets_possible(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let needed = u64::try_from(wanted.saturating_add(DESCRIPTORS_RESERVED)).unwrap_or(u64::MAX);
    let raised = limit.maximum.map_or(needed, |most| most.min(needed));
    let mut files = limit.current.unwrap_or(u64::MAX);
    if files < raised {
        let higher = Rlimit { current: Some(raised), ..limit };
        if setrlimit(Resource::Nofile, higher).is_ok() {
            files = raised;
        }
    }
    sockets(wanted, files)
}

/// How many sockets so many files are enough for.
fn sockets(wanted: usize, files: u64) -> usize {
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    wanted.min(files.saturating_sub(DESCRIPTORS_RESERVED)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_kept_for_what_is_no_socket() {
        assert_eq!(sockets(4096, 1024), 1024 - DESCRIPTORS_RESERVED);
        assert_eq!(sockets(100, 1024), 100);
        assert_eq!(sockets(100, 16), 1);
        assert_eq!(sockets(100, u64::MAX), 100);
    }
}
