//! Every limit in one place, each with its reason.

/// Longest kind in a room name: the design's grammar.
pub const ROOM_KIND_BYTES_MAX: usize = 32;
/// Longest key in a room name: a 64-character FHIR id, `~`, and a label.
pub const ROOM_KEY_BYTES_MAX: usize = 96;
/// Longest FHIR id (FHIR R4, datatypes, `id`).
pub const RESOURCE_ID_BYTES_MAX: usize = 64;
/// Largest sync message taken from a peer: a night's work of one person is under 1 MiB, a whole
/// chart that a client brings is under 8.
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most changes in one sync message; a week offline at one edit a minute fits.
pub const FRAME_CHANGES_MAX: usize = 16 * 1024;
/// Most heads, needs or dependencies that one message or change may list.
pub const HASHES_MAX: usize = 4096;
/// Largest change: an uploaded document of a few megabytes in base64.
pub const CHANGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most operations in one change; a whole patient of 1,111 resources has 18,401.
pub const CHANGE_OPS_MAX: u64 = 100_000;
/// Longest name that an operation writes at, such as the url of an extension.
pub const NAME_BYTES_MAX: usize = 2048;
/// Levels of objects within one element that a foreign client may nest; FHIR's own structures stay
/// below 20. What is deeper is refused, and would be read as null.
pub const NESTING_MAX: usize = 64;
/// Longest commit message of a change.
pub const CHANGE_MESSAGE_BYTES_MAX: usize = 1024;
/// Most other actors that one change may name.
pub const CHANGE_ACTORS_MAX: usize = 1024;
/// Longest actor id; Chartroom's and automerge-repo's have 16 bytes.
pub const ACTOR_BYTES_MAX: usize = 32;
/// How far an operation counter may run ahead of the room's own.
///
/// Without it one change near `u32::MAX` would leave no counters for anybody (notes, C1).
pub const OP_COUNTER_AHEAD_MAX: u64 = 1_000_000;
/// No counter above this, whatever the history.
pub const OP_COUNTER_MAX: u64 = u32::MAX as u64 / 2;
/// Most bytes that changes waiting for their dependencies may hold per connection.
pub const ORPHAN_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a change may wait for its dependencies before it is refused.
pub const ORPHAN_WAIT_MS: u64 = 5_000;
/// Most entries that a peer's Bloom filter may claim.
pub const BLOOM_ENTRIES_MAX: u64 = 2_000_000;
/// Largest resource as JSON text.
pub const RESOURCE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Resources in one change of an import: one change stays a few milliseconds of work.
pub const IMPORT_CHUNK_RESOURCES: usize = 100;
/// Refused hashes remembered per connection.
pub const REFUSED_MAX: usize = 4096;
/// Changes applied at once; a longer backlog is cut so that no flush waits for seconds of work.
pub const BATCH_CHANGES_MAX: usize = 1024;
/// Bytes of new changes after which the snapshot for first syncs is made anew.
pub const SNAPSHOT_TAIL_BYTES_MAX: usize = 64 * 1024;
