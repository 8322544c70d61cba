// Reads what strace wrote of a server, and decides whether everything it showed was durable by then.
//
// strace writes a line when a call enters and, where another thread comes between, one more when it
// returns. The order of lines is the order in which the tracer stopped the threads: what a line says
// returned had returned in the kernel, and what a later line says entered had not begun. So line
// numbers are a clock on which "synced before shown" can be decided.

import { withoutNeeds } from "./frames.mjs";

/** The system calls that `strace -e trace=` must show for the checks to mean anything. */
export const CALLS = [
  ...["write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg", "sendfile", "splice"],
  ...["fsync", "fdatasync", "sync_file_range", "ftruncate", "fallocate"],
  ...["openat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "io_uring_setup", "io_uring_enter"],
];

/** Arguments for strace: follow threads, name files and sockets, hex all bytes, cut nothing off. */
export const straceArguments = (file) => ["-D", "-f", "-yy", "-xx", "-s", "16777216", "-o", file, "-e", `trace=${CALLS.join(",")}`, "-e", "signal=none"];

const LINE = /^(\d+) +(?:<\.\.\. (\w+) resumed>(.*)|(\w+)\((.*))$/s;

/**
 * Parses a trace into calls `{name, args, start, end, result}`; `start` and `end` are line numbers,
 * `end` is undefined for a call that had not returned when the trace ended.
 */
export function parse(text) {
  const calls = [];
  const open = new Map();
  let line = 0;
  for (const row of text.split("\n")) {
    line += 1;
    const match = LINE.exec(row);
    if (!match) continue;
    const [, pid, resumed, tail, name, rest] = match;
    if (resumed !== undefined) {
      const call = open.get(pid);
      open.delete(pid);
      if (call?.name !== resumed) throw new Error(`line ${line}: ${resumed} resumes and was not open`);
      call.args += tail.slice(0, Math.max(0, tail.lastIndexOf(") = ")));
      finish(call, tail, line);
      continue;
    }
    const call = { name, args: rest, start: line, end: undefined, result: undefined };
    calls.push(call);
    if (/<unfinished \.\.\.>$/.test(rest)) {
      call.args = rest.replace(/ ?<unfinished \.\.\.>$/, "");
      open.set(pid, call);
    } else {
      finish(call, rest, line);
      const close = rest.lastIndexOf(") = ");
      if (close >= 0) call.args = rest.slice(0, close);
    }
  }
  return calls;
}

function finish(call, text, line) {
  const result = / = (-?\d+)/.exec(text.slice(Math.max(0, text.lastIndexOf(") = "))));
  call.end = line;
  call.result = result ? Number(result[1]) : undefined;
}

/** Undoes `-xx`: every byte of a quoted string or a path stands as \xNN. */
export function unhex(text) {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}

/** The descriptor's number and what `-yy` says it is: a path, or `TCP:[…]`. */
export function descriptor(args) {
  const match = /^(\d+)<((?:\\x[0-9a-f]{2})+|\w+:\[[^\]]*\]|[^>]*)>/.exec(args);
  if (!match) return undefined;
  const label = match[2].startsWith("\\x") ? unhex(match[2]).toString() : match[2];
  return { fd: Number(match[1]), label };
}

/** All bytes that a write hands to the kernel, cut to what the kernel took. */
export function written(call) {
  if (call.result === undefined && call.end !== undefined) return Buffer.alloc(0);
  if (/"\.\.\./.test(call.args)) throw new Error(`line ${call.start}: strace cut the bytes off`);
  const parts = [...call.args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => unhex(hex));
  const bytes = Buffer.concat(parts);
  return call.result === undefined ? bytes : bytes.subarray(0, Math.max(0, call.result));
}

const FILE_WRITES = new Set(["pwrite64", "pwritev", "pwritev2", "write", "writev"]);
const SOCKET_WRITES = new Set(["write", "writev", "sendto", "sendmsg", "sendmmsg"]);
const SYNCS = new Set(["fsync", "fdatasync"]);

/** Sorts calls into writes and syncs of the store's file and writes per TCP connection, by the far port (NaN where strace could not tell). */
export function sort(calls, storeFile) {
  const store = { writes: [], syncs: [] };
  const sockets = new Map();
  for (const call of calls) {
    if (call.name.startsWith("io_uring") || call.name === "sendfile" || call.name === "splice") {
      throw new Error(`line ${call.start}: ${call.name} moves bytes that this check cannot see`);
    }
    const at = descriptor(call.args);
    if (at === undefined) continue;
    if (at.label === storeFile) {
      if (FILE_WRITES.has(call.name)) store.writes.push({ start: call.start, end: call.end, bytes: written(call) });
      if (SYNCS.has(call.name) && call.result === 0) store.syncs.push({ start: call.start, end: call.end });
      continue;
    }
    if (!at.label.startsWith("TCP") || !SOCKET_WRITES.has(call.name)) continue;
    const port = Number(/->.*:(\d+)\]$/.exec(at.label)?.[1] ?? Number.NaN);
    const connection = sockets.get(port) ?? [];
    connection.push({ start: call.start, bytes: written(call) });
    sockets.set(port, connection);
  }
  return { store, sockets };
}

/**
 * Checks every change on every connection.
 *
 * `changes` are `{hash, marker, by}`: the hex hash, a text that only this change's content holds, and
 * who made it. `roles` tells by the client's port whose connection it is and what a change of somebody
 * else is there; one's own is an acknowledgement. A change is in the store's file from the first
 * write that holds its chunk (magic bytes and checksum, which is how its hash begins), and durable
 * when a sync that began after that write has returned. A connection shows it with the first of: the
 * hash as bytes (heads), the hash in hex, the chunk, the marker. Answers with every first showing and the
 * line since which its change was durable, with counts per role, and with a list of violations.
 */
export function check({ store, sockets }, changes, roles) {
  const streams = [...sockets].map(([port, writes]) => ({ ...(roles.get(port) ?? UNNAMED), ...joined(writes) }));
  const shown = {};
  const showings = [];
  const violations = [];
  for (const change of changes) {
    const hash = Buffer.from(change.hash, "hex");
    const chunk = Buffer.concat([CHUNK_MAGIC, hash.subarray(0, 4)]);
    const durable = durableAt(store, chunk);
    const needles = [hash, chunk, Buffer.from(change.hash), ...(change.marker ? [Buffer.from(change.marker)] : [])];
    for (const stream of streams) {
      const at = firstOf(stream, needles);
      if (at === undefined) continue;
      const role = stream.whose === change.by ? "acknowledgement" : stream.role;
      shown[role] = (shown[role] ?? 0) + 1;
      showings.push({ change, line: at, durable: durable.line });
      if (durable.line === undefined || at <= durable.line) {
        violations.push(`${role}: shown ${change.hash.slice(0, 8)} at line ${at}, ${durable.line === undefined ? durable.why : `before the sync that returned at line ${durable.line}`}`);
      }
    }
  }
  return { shown, showings, violations };
}

const UNNAMED = { role: "other connection" };

const CHUNK_MAGIC = Buffer.from("856f4a83", "hex");

/** The line at which a sync that covers the chunk had returned, or why there is none. */
function durableAt(store, chunk) {
  const write = store.writes.find((candidate) => candidate.bytes.includes(chunk));
  if (write === undefined) return { why: "which no write to the store holds" };
  if (write.end === undefined) return { why: "whose write never returned" };
  const ends = store.syncs.filter((sync) => sync.start > write.end && sync.end !== undefined).map((sync) => sync.end);
  return ends.length > 0 ? { line: Math.min(...ends) } : { why: "and the store was not synced after its write" };
}

function joined(writes) {
  const starts = [];
  let length = 0;
  for (const write of writes) {
    starts.push({ offset: length, line: write.start });
    length += write.bytes.length;
  }
  return { bytes: withoutNeeds(Buffer.concat(writes.map((write) => write.bytes))), starts };
}

/** The line of the write that holds the first byte of the first needle found. */
function firstOf({ bytes, starts }, needles) {
  const offsets = needles.map((needle) => bytes.indexOf(needle)).filter((offset) => offset >= 0);
  if (offsets.length === 0) return undefined;
  const first = Math.min(...offsets);
  return starts.findLast((start) => start.offset <= first).line;
}
