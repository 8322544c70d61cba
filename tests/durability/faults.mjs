// What the tests of storage faults share: charts as a whole, what was promised of them, and what holds
// while the store takes no writes and when it does again.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SAMPLES, chartroom, until } from "../support/server.mjs";
import { PATIENCE_MS, Peer } from "./peer.mjs";

/** The room that people write to. */
export const ROOM = "patient:niamh-oyelaran";
/** A room that is only read. */
export const OTHER = "patient:priya-sandahl";
const SUBJECT = { reference: "Patient/niamh-oyelaran" };

/** Founds a store with two patients. */
export function found(store) {
  for (const room of [ROOM, OTHER]) chartroom(["--data", store, "import", join(SAMPLES, `${room.slice("patient:".length)}.json`)]);
}

/** Where the store's file is written next: it is longer, and zero from there. */
export async function logEnd(store) {
  return (await readFile(join(store, "db"))).findLastIndex((byte) => byte !== 0) + 1;
}

/** Where the journal is written next: records are a checksum, their length and a number, and older ones follow. */
export async function journalEnd(store) {
  const bytes = await readFile(join(store, "journal"));
  for (let [end, next] = [0, bytes.readBigUInt64LE(8)]; ; next++) {
    if (end + 16 > bytes.length || bytes.readBigUInt64LE(end + 8) !== next) return end;
    end += 16 + bytes.readUInt32LE(end + 4);
  }
}

/** Everything that a patient's room shows; throws unless each part is answered and the events have no gap. */
export async function chart(server, room) {
  const paths = ["/document", "/conflicts", "/events?after=0&limit=1000"];
  const [{ resources }, { conflicts }, { events }] = await Promise.all(paths.map((path) => server.json(`/rooms/${room}${path}`)));
  events.forEach((event, place) => assert.equal(event.seq, place + 1, `the events of ${room} are numbered without gaps`));
  return { resources, conflicts, events };
}

export async function charts(server) {
  return { [ROOM]: await chart(server, ROOM), [OTHER]: await chart(server, OTHER) };
}

/** The charts once they can be read: while a store that failed is opened again nobody reads it. */
export function chartsAtLast(server) {
  const refused = (error) => {
    if (!/answered 503: {"error":{"code":"storage-failed"/.test(error.message)) throw error;
  };
  return until("the charts are read", () => charts(server).catch(refused), { within: PATIENCE_MS });
}

export async function joined(server, name, room = ROOM) {
  const peer = new Peer({ person: { id: name, name } });
  await rejoin(server, peer, room);
  return peer;
}

export async function rejoin(server, peer, room = ROOM) {
  await peer.connect(server.sync);
  await peer.open({ name: room });
}

export const observation = (id) => ({ resourceType: "Observation", id, status: "final", subject: SUBJECT, valueString: `value of ${id}` });

/** Writes an observation as a peer does; answers with the change's hash. */
export function write(peer, id) {
  const { resourceType, id: _, ...elements } = observation(id);
  return peer.change((doc) => (doc[resourceType][id] = elements));
}

/** Writes an observation over HTTP; answers with status and code. */
export const post = (server, id) => put(server, ROOM, observation(id));

/** Writes a long note to a third room, of which a few fill the journal; answers with status and code. */
export const postLong = (server, id) => put(server, "patient:third", { resourceType: "Observation", id, status: "final", subject: { reference: "Patient/third" }, valueString: "long ".repeat(30_000) });

async function put(server, room, resource) {
  const answer = await fetch(`${server.http}/rooms/${room}/commands`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-chartroom-person": "dana;Dana" },
    body: JSON.stringify({ kind: "put", resource }),
  });
  return { status: answer.status, code: (await answer.json()).error?.code };
}

/** What was promised since the charts were as `origin` has them, and what must be found in the end. */
export class Ledger {
  #edits = 0;
  #origin;
  #events = [];
  /** Ids of observations that were acknowledged. */
  promised = new Set();
  /** Ids of those that were refused to an HTTP client, which does not offer them again. */
  refused = new Set();

  constructor(origin) {
    this.#origin = origin;
  }

  id(by) {
    return `${by}-${++this.#edits}`;
  }

  /** One edit by a peer and one over HTTP, both acknowledged. */
  async writeBoth(server, peer) {
    const [mine, theirs] = [this.id("peer"), this.id("http")];
    write(peer, mine);
    assert.equal((await post(server, theirs)).status, 200);
    await saved(peer);
    this.promised.add(mine).add(theirs);
  }

  /** Every chart is as it was but for the promised observations, and perhaps whole ones that were refused. */
  async compare(server, read = charts) {
    const now = await read(server);
    assert.deepEqual(now[OTHER], this.#origin[OTHER], "nobody wrote to the other room");
    const { resources, events } = now[ROOM];
    const observations = { ...resources.Observation };
    for (const id of this.promised) assert.deepEqual(observations[id], observation(id), `${id} was acknowledged`);
    for (const id of this.refused) {
      if (observations[id] !== undefined) assert.deepEqual(observations[id], observation(id), `${id} is there by half`);
    }
    for (const id of [...this.promised, ...this.refused]) delete observations[id];
    assert.deepEqual({ ...resources, Observation: observations }, this.#origin[ROOM].resources, "the rest of the chart is untouched");
    assert.deepEqual(events.slice(0, this.#events.length), this.#events, "events that were read stay");
    this.#events = events;
    for (const id of this.promised) assert.equal(events.filter((event) => event.resource_id === id && event.event === "RESOURCE_CREATED").length, 1, `${id} was created once`);
  }
}

export const saved = (peer) => until("the edits are acknowledged", () => peer.unsaved === 0, { within: PATIENCE_MS, standing: () => peer.standing() });

const ready = async (server) => {
  const answer = await fetch(`${server.http}/readyz`);
  return { status: answer.status, code: (await answer.json()).error?.code };
};

/**
 * What holds while the store takes no writes: an edit of `alice` ends her connection without an
 * acknowledgement, an edit over HTTP is refused, and all that was durable can still be read.
 */
export async function refusesWritesAndServesReads(server, ledger, alice) {
  const before = await charts(server);
  const bob = await joined(server, "bob");
  const durable = bob.hashes().sort();

  const id = ledger.id("peer");
  const closed = [alice, bob].map((peer) => peer.closing());
  const hash = write(alice, id);
  assert.deepEqual(await Promise.all(closed), [1013, 1013], "everybody in the room is told to come back");
  assert.ok(alice.unsaved > 0, "the edit is not acknowledged");
  assert.ok(!bob.hashes().includes(hash), "the edit is shown to nobody");

  const refused = ledger.id("http");
  ledger.refused.add(refused);
  assert.deepEqual(await post(server, refused), { status: 503, code: "storage-failed" });

  assert.deepEqual(await ready(server), { status: 503, code: "storage-failing" });
  assert.equal((await fetch(`${server.http}/healthz`)).status, 200);
  assert.equal((await server.json("/rooms")).rooms.filter(({ room }) => [ROOM, OTHER].includes(room)).length, 2);
  assert.deepEqual(await charts(server), before, "both charts are read as they were");
  const carol = await joined(server, "carol");
  assert.deepEqual(carol.hashes().sort(), durable, "a first sync gives what is durable");
  await carol.close();
  return { peer: alice, id };
}

/** A peer comes back with an edit that cannot be kept, and is sent away again. */
export async function returnsInVain(server, peer) {
  await rejoin(server, peer).catch((error) => {
    // It may be sent away before it is in the room again.
    if (peer.connected) throw error;
  });
  assert.equal(await peer.closing(), 1013);
  assert.ok(peer.unsaved > 0);
}

/** What holds when the fault has ended: whoever was refused offers the edits again, and everything goes on. */
export async function takesWritesAgain(server, ledger, pending) {
  await until("the server is ready", async () => (await ready(server)).status === 200, { within: PATIENCE_MS });
  for (const { peer, id } of pending) {
    await rejoin(server, peer);
    await saved(peer);
    ledger.promised.add(id);
    await ledger.writeBoth(server, peer);
  }
}

/** Lines of the server's log, and whether any of them names a patient. */
export async function logLines(server) {
  const lines = (await readFile(server.log, "utf8")).split("\n").filter(Boolean);
  const telling = lines.filter((line) => /niamh|oyelaran|priya|sandahl|value of/i.test(line));
  assert.deepEqual(telling, [], "the log holds no patient data");
  return lines;
}
