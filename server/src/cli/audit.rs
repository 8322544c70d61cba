//! `chartroom audit`: whether the trail of a store is whole, what stands in it, and its checkpoints.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use chartroom_engine::RoomName;

use super::opened;
use crate::audit::{
    self, Blocks, Checkpoint, Entry, Expected, PublicKey, Whole, entries_between, last_number,
};

/// Entries that are read at once.
const PAGE: u64 = 1000;

/// Which entries are listed.
pub(super) struct Wanted {
    /// Those of this person, by id.
    pub person: Option<String>,
    /// Those about this room.
    pub room: Option<RoomName>,
    /// Those with a higher number.
    pub after: u64,
    /// So many at most.
    pub limit: usize,
}

/// Verifies the trail of a store with the keys in files, and checkpoints that were kept elsewhere;
/// exit code 1 where it is not whole.
pub(super) fn verify(data: &Path, keys: &[PathBuf], kept: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let beside = [data.join("audit.pub")];
    let keys = if keys.is_empty() { &beside } else { keys };
    let keys: Vec<Vec<PublicKey>> =
        keys.iter().map(|path| PublicKey::all_at(path)).collect::<Result<_, _>>()?;
    let kept = kept.iter().map(|path| checkpoints_in(path)).collect::<Result<Vec<_>, _>>()?;
    let storage = opened(data)?;
    let expected = Expected {
        keys: keys.concat(),
        kept: kept.into_iter().flatten().collect(),
        ..audit::expected(&storage)?
    };
    match audit::verify(Blocks::of(&storage), &expected) {
        Ok(whole) => tell(&whole),
        Err(fault) => {
            say(&fault.to_string())?;
            Ok(ExitCode::from(1))
        }
    }
}

/// Lists entries as JSON, one a line.
pub(super) fn list(data: &Path, wanted: &Wanted) -> anyhow::Result<ExitCode> {
    let storage = opened(data)?;
    let (last, mut after, mut left) = (last_number(&storage)?, wanted.after, wanted.limit);
    while after < last && left > 0 {
        let through = after.saturating_add(PAGE).min(last);
        let entries = entries_between(&storage, after, through)?;
        for entry in entries.iter().filter(|entry| wanted.takes(entry)).take(left) {
            say(&serde_json::to_string(entry)?)?;
            left -= 1;
        }
        after = through;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the last checkpoint as JSON, to be kept elsewhere; exit code 1 where there is none.
pub(super) fn checkpoint(data: &Path) -> anyhow::Result<ExitCode> {
    match audit::checkpoints(&opened(data)?)?.pop_last() {
        Some((_, checkpoint)) => {
            say(&serde_json::to_string(&checkpoint)?)?;
            Ok(ExitCode::SUCCESS)
        }
        None => bail!("there is no checkpoint yet"),
    }
}

impl Wanted {
    fn takes(&self, entry: &Entry) -> bool {
        let who = entry.who.as_ref().map(|who| &who.id);
        let of_person = self.person.as_ref().is_none_or(|person| who == Some(person));
        let in_room =
            |room: &RoomName| entry.rooms.iter().any(|name| name.as_str() == room.as_str());
        of_person && self.room.as_ref().is_none_or(in_room)
    }
}

/// Checkpoints as they are printed, one a line.
fn checkpoints_in(path: &Path) -> anyhow::Result<BTreeMap<u64, Checkpoint>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let checkpoints = lines.map(|line| {
        let checkpoint: Checkpoint = serde_json::from_str(line)?;
        anyhow::Ok((checkpoint.n, checkpoint))
    });
    checkpoints
        .collect::<Result<_, _>>()
        .with_context(|| format!("checkpoints in {}", path.display()))
}

/// Exit code 1 where the server noted that something was not as it left it.
fn tell(whole: &Whole) -> anyhow::Result<ExitCode> {
    let Whole { entries, checkpoints, unsigned, mismatches } = whole;
    for n in mismatches {
        say(&format!("entry {n} notes that the trail did not end where the server had left it"))?;
    }
    say(&format!(
        "{entries} entries, {checkpoints} checkpoints, whole; {unsigned} since the last"
    ))?;
    Ok(if mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}
