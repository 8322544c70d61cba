//! Every limit in one place, each with its reason.
//!
//! Those behind "what a server holds" are the server's alone. What depends on the machine is a
//! default there, which the operator may set (docs/operations.md).

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
/// Operations that one byte of a message may stand for, beyond [`CHANGE_OPS_MAX`] in the message: run
/// lengths make a million operations of a hundred bytes, and each costs time before it is refused.
pub const OPS_PER_BYTE_MAX: u64 = 4;
/// Longest name that an operation writes at, such as the url of an extension.
pub const NAME_BYTES_MAX: usize = 2048;
/// Concurrent values of one element, beyond which only a change that knows of all of them is taken.
/// Every write of that resource reads all of them, 0.1 ms each, and a stranger has any number of
/// actors; a person chooses among few.
pub const CONCURRENT_MAX: usize = 32;
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
/// How long a change may wait for its dependencies before it is refused: a filter hides about one in a
/// hundred of them, and who is asked for it may have a slow link with much on its way.
pub const ORPHAN_WAIT_MS: u64 = 30_000;
/// Most entries that a peer's Bloom filter may claim.
pub const BLOOM_ENTRIES_MAX: u64 = 2_000_000;
/// Largest resource as JSON text.
pub const RESOURCE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Most arrays and objects in each other within an element, a foreign client's too; FHIR's own stay below 20, and
/// what holds an element (an event, an export) must stay under the 127 that JSON's readers take.
pub const NESTING_MAX: usize = 64;
/// Resources in one change of an import: one change stays a few milliseconds of work.
pub const IMPORT_CHUNK_RESOURCES: usize = 100;
/// Resources in one change of a batch, which is all or nothing: two large charts, some 40,000 operations.
pub const BATCH_RESOURCES_MAX: usize = 2500;
/// Longest text that people write together, in UTF-16 code units; a long discharge letter has half of
/// it. Each is an operation, and writing one anew, what stood taken away, is one change.
pub const TEXT_UNITS_MAX: usize = 48 * 1024;
/// Longest key of such a text: the longest type and id of a resource, and an element's name.
pub const TEXT_KEY_BYTES_MAX: usize = 256;
/// Refused hashes remembered per connection: as many as one message can bring, since a stock client
/// offers all of them for ever and must not be heard about one twice.
pub const REFUSED_MAX: usize = FRAME_CHANGES_MAX;
/// Bytes of a room's log: some hundred times a large chart. It is read whole when the room is loaded.
pub const ROOM_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Operations of a room's document, each of which stays in memory: two hundred whole patients.
pub const ROOM_OPS_MAX: u64 = 4_000_000;
/// Changes applied at once; a longer backlog is cut so that no flush waits long for work.
pub const BATCH_CHANGES_MAX: usize = 256;
/// Changes of one peer that a room looks at before it is another's turn, so that nobody waits behind
/// a long message.
pub const TURN_CHANGES_MAX: usize = 64;
/// Sync messages of one peer that a room has before it; the next one waits in the socket until they
/// are dealt with, so that a colleague waits behind few.
pub const TURN_MESSAGES_MAX: usize = 4;
/// Resources whose last state a room keeps while it is written to, so that the next change of one need
/// not read it: those that a ward works on.
pub const LOOKS_MAX: usize = 32;
/// Bytes of these as JSON text.
pub const LOOKS_BYTES_MAX: usize = 128 * 1024;
/// Objects whose place in the document a room keeps while it is written to.
pub const PLACES_MAX: usize = 256;
/// Changes that may be behind the copy of a document that a room goes back to when a change does harm:
/// with more of them a new copy costs each less than it is worth.
pub const BEHIND_CHANGES_MAX: u64 = 64;
/// In a room with a long history it is one change of so many, since a copy costs by its length.
pub const BEHIND_SHARE: u64 = 256;
/// Bytes of new changes after which the snapshot for first syncs is made anew; of a large one, an
/// eighth of its own.
pub const SNAPSHOT_TAIL_BYTES_MAX: usize = 64 * 1024;

// What a server holds.

/// Bytes that loaded rooms may cost, as estimated, before those that nobody uses are unloaded: some
/// thousand median charts. Rooms that somebody uses stay, whatever they cost.
pub const MEMORY_BUDGET: u64 = 2 * 1024 * 1024 * 1024;

/// Open sockets. A ward's screens are hundreds; each socket may make the server hold one frame and
/// one queue, and each takes a file descriptor.
pub const CONNECTIONS_MAX: usize = 4096;
/// File descriptors kept for the store, the listener, requests over HTTP and webhooks; where the
/// process may open fewer files than this and [`CONNECTIONS_MAX`], sockets are what there is less of.
pub const DESCRIPTORS_RESERVED: usize = 256;
/// Sockets that have not said who they are: joining takes one message, so few are in that state at
/// any moment, even when everybody returns after a restart.
pub const CONNECTIONS_UNJOINED_MAX: usize = 1024;
/// How long a socket may take to say who it is.
pub const JOIN_WAIT_MS: u64 = 10_000;
/// Messages that a connection may send in a second before it is read more slowly. A client answers
/// each update of a busy room, so this is ten rooms with twenty edits a second.
pub const MESSAGES_PER_SECOND: u64 = 200;
/// How long a connection takes to earn the messages that it may send at once: 2,000, so that a stock
/// client with 500 edits in a burst notices nothing.
pub const MESSAGES_BURST_SECONDS: u64 = 10;
/// Bytes that a connection may send in a second before it is read more slowly.
/// Even the largest message is paid for in four seconds, before anybody takes the pause for a
/// broken connection.
pub const BYTES_PER_SECOND: u64 = 4 * 1024 * 1024;
/// How long a connection takes to earn the bytes that it may send at once: 32 MiB, two messages of
/// [`FRAME_BYTES_MAX`] or four large charts that a client brings.
pub const BYTES_BURST_SECONDS: u64 = 8;
/// Refused changes that a connection may send at once before it is closed: twice what is remembered,
/// so that a client that returns with everything refused stays, and goes on receiving.
pub const REFUSED_BURST: u64 = 2 * REFUSED_MAX as u64;
/// Refused changes that a connection may send in a second in the long run; a person at a stock client
/// whose every edit depends on a refused one makes fewer.
pub const REFUSED_PER_SECOND: u64 = 10;
/// Refused changes a second beyond which a connection is heard more slowly: each costs the room as
/// much as one that is taken.
pub const REFUSED_PER_SECOND_UNSLOWED: u64 = 50;
/// How long a connection takes to earn the refused changes that cost it no wait: 250.
pub const REFUSED_UNSLOWED_SECONDS: u64 = 5;
/// The longest wait for refused changes, well before anybody takes it for a broken connection.
pub const REFUSED_WAIT_MAX_MS: u64 = 3000;
/// Messages from which nothing follows (an unknown type, another's sender id, a room that is not
/// there) that a connection may send at once before it is closed: a client that asks for every
/// document of another server at once stays.
pub const MISTAKES_BURST: u64 = 4096;
/// Such messages in a second in the long run; a client of a later version may say something unknown
/// with every keystroke.
pub const MISTAKES_PER_SECOND: u64 = 16;
/// Bytes of messages that a room takes in while its last batch is on its way to the disk; what comes
/// then waits in its mailbox and in the sockets.
pub const STAGED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Largest frame of `/sync`: a sync message at its limit, and the fields round it.
pub const WIRE_BYTES_MAX: usize = FRAME_BYTES_MAX + 4096;
/// Most entries of a list of hashes or ids in one frame of `/sync`.
pub const WIRE_LIST_MAX: usize = 4096;
/// Most authors in one frame of `/sync`: everybody who ever wrote in a chart, from every device.
pub const WIRE_AUTHORS_MAX: usize = 65_536;
/// Most bytes of an unknown message type that are kept.
pub const WIRE_KIND_BYTES_MAX: usize = 64;
/// How deep arrays, maps and tags may nest in a frame; automerge-repo's messages use four levels.
pub const WIRE_DEPTH_MAX: usize = 32;
/// How many fields a map may have in a frame; automerge-repo's messages have at most eight.
pub const WIRE_FIELDS_MAX: usize = 64;
/// Rooms that one connection of `/sync` may have open, each of which stays loaded: a whole ward, many
/// times over.
pub const CONNECTION_ROOMS_MAX: usize = 512;
/// Bytes of changes that one server sends another in one message of a room, unless one change has
/// more: what is behind them waits for the answer, so that a live edit of another room does not wait
/// behind a whole history. Deflated they are a fifth or less, 10 ms of 10 Mbit/s.
pub const SLICE_BYTES_MAX: usize = 64 * 1024;
/// Changes in such a message: a few turns of the room that takes them.
pub const SLICE_CHANGES_MAX: usize = 256;
/// Ticks, of about a second, after which a slice that is not answered is taken for refused, and the
/// next one goes.
pub const SLICE_WAIT_TICKS: u8 = 10;
/// How many times the messages and bytes of a client's connection another server's may have: it speaks
/// for everybody behind it.
pub const SERVER_RATE_FACTOR: u64 = 32;
/// Rooms that another server may have open on one connection; it enters and leaves them as they change.
pub const SERVER_ROOMS_MAX: usize = 2048;
/// Changes of other servers that are kept aside, over all rooms; the link that brings more is closed.
pub const QUARANTINE_MAX: usize = 4096;
/// Bytes of these.
pub const QUARANTINE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Actors that another server may vouch for in a room, before one of them has written here.
pub const VOUCHED_MAX: usize = WIRE_AUTHORS_MAX;
/// Rooms that nothing was written to yet which a connection may open in a second before it waits: each
/// costs a millisecond and stays loaded for a while, and a person admits one patient at a time.
pub const NEW_ROOMS_PER_SECOND: u64 = 4;
/// How long a connection takes to earn the new rooms that it may open at once: 32, for an import.
pub const NEW_ROOMS_BURST_SECONDS: u64 = 8;
/// Longest sync message that is sent in one frame to a client that takes parts: a tenth of a second
/// on a slow link.
pub const SYNC_PART_BYTES: usize = 64 * 1024;
/// Readers of event logs of one connection: one for each panel of a workspace, several times over.
pub const FOLLOWS_MAX: usize = 64;
/// Largest message relayed to the others in a room; presence is a few hundred bytes.
pub const EPHEMERAL_BYTES_MAX: usize = 64 * 1024;
/// Origins of such messages whose counts a room remembers; far more people than share a chart.
pub const EPHEMERAL_ORIGINS_MAX: usize = 1024;
/// Mail that may wait in front of one room before those who write to it wait themselves.
pub const MAILBOX_MAX: usize = 1024;
/// Frames that may wait for one connection; two minutes of a busy room.
pub const QUEUE_FRAMES_MAX: usize = 4096;
/// Bytes that may wait for one connection: a few first syncs of large charts.
pub const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Live events that may wait for one follower: those of a whole imported chart, and some.
pub const QUEUE_EVENTS_MAX: usize = 16 * 1024;
/// Largest frame of `/api/ws`; requests are a few hundred bytes.
pub const JSON_FRAME_BYTES_MAX: usize = 256 * 1024;
/// Largest frame of `/api/ws` that is passed on to other clients.
pub const PUBLISH_BYTES_MAX: usize = 64 * 1024;
/// Subscriptions of one client of `/api/ws`: every component of a workspace, many times over.
pub const SUBSCRIPTIONS_MAX: usize = 256;
/// Rooms that one client of `/api/ws` may follow.
pub const JSON_ROOMS_MAX: usize = 256;
/// Rooms that one request of `/api/ws` may name.
pub const REQUEST_PLACES_MAX: usize = JSON_ROOMS_MAX;
/// Longest subscription id and longest name of a client's own event.
pub const REQUEST_NAME_BYTES_MAX: usize = 256;
/// Largest body of a request over HTTP: several chunks of an import.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Sockets of one person who is signed in: windows on several screens, and those that a network has lost
/// and nobody has closed.
pub const PERSON_CONNECTIONS_MAX: usize = 64;
/// Requests over HTTP of one address in a second. A ward's screens may share one; what stands behind
/// a proxy on the same machine is not limited by it.
pub const REQUESTS_PER_SECOND: u64 = 1_000;
/// How long an address, or a person, takes to earn the requests that it may send at once.
pub const REQUESTS_BURST_SECONDS: u64 = 10;
/// How many requests a failed sign-in counts for: ten a second of one address, a hundred at once.
pub const FAILED_SIGN_IN_REQUESTS: usize = 100;
/// Addresses, or persons, whose requests are counted each for itself.
pub const COUNTED_MAX: usize = 16 * 1024;
/// Connections of plain HTTP of one address: a browser holds six, and a ward may share an address.
pub const ADDRESS_CONNECTIONS_MAX: usize = 512;
/// Connections of plain HTTP in all; the next one waits to be accepted.
pub const HTTP_CONNECTIONS_MAX: usize = 4096;
/// How long a TLS handshake may take.
pub const HANDSHAKE_WAIT_MS: u64 = 10_000;
/// How long the head of a request may take, the wait for it on an open connection included.
pub const HEAD_WAIT_MS: u64 = 30_000;
/// How long a body may pause.
pub const BODY_WAIT_MS: u64 = 30_000;
/// Largest head of a request: a token of 8 KiB, a long search, and what proxies add.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Longest header that names the person.
pub const PERSON_BYTES_MAX: usize = 512;
/// Most events in one answer of an event log, and most read from the log at once.
pub const EVENTS_PAGE_MAX: usize = 1000;
