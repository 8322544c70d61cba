// The checker itself: it must pass a right order, and must not pass any wrong one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, descriptor, parse, sort, written } from "./trace.mjs";

const STORE = "/data/store/db";
const PORT = 50001;
const HASH = "0123456789abcdef".repeat(4);
const CHUNK = `856f4a83${HASH.slice(0, 8)}01`;
const MARKER = "marker-1";

const hex = (bytes) => [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
const path = (name) => hex(Buffer.from(name));
const store = (fd = 9) => `${fd}<${path(STORE)}>`;
const socket = `20<TCP:[127.0.0.1:8080->127.0.0.1:${PORT}]>`;
const quoted = (bytes) => `"${hex(bytes)}"`;

const WRITE = `7 pwrite64(${store()}, ${quoted(Buffer.from(`00${CHUNK}ff`, "hex"))}, 11, 4096) = 11`;
const SYNC = `7 fdatasync(${store(12)}) = 0`;
const send = (bytes, pid = 8) => `${pid} sendto(${socket}, ${quoted(bytes)}, ${bytes.length}, MSG_NOSIGNAL, NULL, 0) = ${bytes.length}`;
const ACKNOWLEDGE = send(Buffer.from(`8201${HASH}`, "hex"));

function verdict(...lines) {
  const roles = new Map([[PORT, { whose: "alice", role: "broadcast" }]]);
  return check(sort(parse(lines.join("\n")), STORE), [{ hash: HASH, marker: MARKER, by: "alice" }], roles);
}
const passes = (...lines) => {
  const { shown, violations } = verdict(...lines);
  assert.deepEqual({ shown, violations }, { shown: { acknowledgement: 1 }, violations: [] });
};
const fails = (pattern, ...lines) => {
  const { violations } = verdict(...lines);
  assert.equal(violations.length, 1, `expected one violation: ${violations}`);
  assert.match(violations[0], pattern);
};

test("written, synced, shown is the right order", () => passes(WRITE, SYNC, ACKNOWLEDGE));

test("shown before the sync is found", () => fails(/before the sync/, WRITE, ACKNOWLEDGE, SYNC));

test("shown before the write is found", () => fails(/before the sync/, ACKNOWLEDGE, WRITE, SYNC));

test("a sync that began before the write returned does not count", () =>
  fails(
    /not synced after/,
    `7 fdatasync(${store(12)} <unfinished ...>`,
    WRITE.replace(/^7/, "6"),
    "7 <... fdatasync resumed>) = 0",
    ACKNOWLEDGE,
  ));

test("a sync that has not returned does not count", () =>
  fails(/before the sync/, WRITE, `7 fdatasync(${store(12)} <unfinished ...>`, ACKNOWLEDGE, "7 <... fdatasync resumed>) = 0"));

test("a sync that returned an error does not count", () =>
  fails(/not synced after/, WRITE, `7 fdatasync(${store(12)}) = -1 EIO (Input/output error)`, ACKNOWLEDGE));

test("a sync of another file does not count", () =>
  fails(/not synced after/, WRITE, `7 fdatasync(12<${path("/data/store/snap")}>) = 0`, ACKNOWLEDGE));

test("sync_file_range does not count", () => fails(/not synced after/, WRITE, `7 sync_file_range(${store()}, 0, 8192, 7) = 0`, ACKNOWLEDGE));

test("a change that was never written is found", () => fails(/no write to the store holds/, SYNC, ACKNOWLEDGE));

test("a send that entered before the sync returned is found, though it returned after it", () =>
  fails(
    /before the sync/,
    WRITE,
    `7 fdatasync(${store(12)} <unfinished ...>`,
    ACKNOWLEDGE.replace(/\) = \d+$/, " <unfinished ...>"),
    "7 <... fdatasync resumed>) = 0",
    "8 <... sendto resumed>) = 34",
  ));

test("each way of showing a change is seen", () => {
  for (const bytes of [Buffer.from(CHUNK, "hex"), Buffer.from(HASH), Buffer.from(`{"text":"${MARKER}"}`), Buffer.from(HASH, "hex")]) {
    fails(/before the sync/, WRITE, send(bytes), SYNC);
  }
});

test("a hash that two writes to the socket share is seen at the first", () =>
  fails(/at line 2/, WRITE, send(Buffer.from(HASH.slice(0, 32), "hex")), SYNC, send(Buffer.from(HASH.slice(32), "hex"))));

test("writev is put together, and cut to what the kernel took", () => {
  const [call] = parse(`5 writev(${socket}, [{iov_base="\\x61\\x62", iov_len=2}, {iov_base="\\x63\\x64", iov_len=2}], 2) = 3`);
  assert.equal(written(call).toString(), "abc");
});

test("bytes that strace cut off are an error, not a pass", () => {
  const [call] = parse(`5 write(${socket}, "\\x61\\x62"..., 4096) = 4096`);
  assert.throws(() => written(call), /cut the bytes off/);
});

test("descriptors are read as paths and as connections", () => {
  assert.deepEqual(descriptor(`${store()}, "x"`), { fd: 9, label: STORE });
  assert.equal(descriptor(`${socket}, "x"`).label, `TCP:[127.0.0.1:8080->127.0.0.1:${PORT}]`);
});

test("calls that hide their bytes are an error", () => {
  assert.throws(() => sort(parse("5 io_uring_enter(4, 1, 0, 0, NULL, 8) = 1"), STORE), /cannot see/);
});
