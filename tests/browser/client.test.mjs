// The npm package in Chromium: worker, store, tabs and people, against a real server.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { signInArguments, token } from "../support/sign_in.mjs";
import { ROOT, Server, freePort, importSamples, temporaryFolder, until } from "../support/server.mjs";
import { Device, refusalsInStore } from "./client.mjs";
import { Line } from "./line.mjs";
import { browser, browserServer } from "./pages.mjs";
import { Site } from "./site.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
const SUBJECT = { reference: `Patient/${PATIENT}` };

let folder, server, site, chromium, devices;

before(async () => {
  folder = await temporaryFolder("client");
  const data = join(folder.path, "store");
  await importSamples(data);
  site = await Site.start();
  server = await Server.start(data, { args: ["--allow-origin", site.origin], port: await freePort() });
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  await server?.end();
  await site?.end();
  await folder?.remove();
});

beforeEach(() => {
  devices = [];
});

afterEach(async () => {
  for (const device of devices) await device.close();
});

async function device() {
  const opened = await Device.open(chromium, site, server);
  devices.push(opened);
  return opened;
}

const resources = async (type) => Object.values((await server.document(ROOM)).resources[type] ?? {});
const allergy = (id, text) => ({ resourceType: "AllergyIntolerance", id, patient: SUBJECT, code: { text } });

test("the engine runs in a worker, and an edit is stored here and then saved there", async () => {
  const tab = await (await device()).tab("alice", ROOM);
  assert.equal(tab.page.workers().length, 1);
  const states = await tab.does(async (resource) => {
    const edit = window.room.put(resource);
    const states = [edit.state];
    await edit.stored;
    states.push(edit.state === "new" ? "new" : "stored");
    await edit.saved;
    return [...states, edit.state, window.client.state.storage];
  }, allergy("a-worker", "Codeine"));
  assert.deepEqual(states, ["new", "stored", "saved", "ok"]);
  assert.ok((await resources("AllergyIntolerance")).some(({ id }) => id === "a-worker"));
  assert.deepEqual(tab.faults, []);
});

test("a tab that is killed in the middle of writing loses nothing that was called stored", async () => {
  const mine = await device();
  const tab = await mine.tab("alice", ROOM);
  await tab.saved();
  await server.end();
  await tab.until("the server is away", () => window.client.status === "offline");
  const told = [];
  await tab.page.exposeFunction("tell", (id) => told.push(id));
  await tab.does((subject) => {
    let number = 0;
    setInterval(() => {
      for (let more = 0; more < 5 && number < 1_000; more += 1) {
        const id = `killed-${(number += 1)}`;
        const edit = window.room.put({ resourceType: "Condition", id, subject, code: { text: id } });
        edit.stored.then(() => window.tell(id));
      }
    }, 10);
  }, SUBJECT);
  await until("some edits are stored", () => told.length > 100);
  await tab.crash();
  const stored = [...told];
  const next = await mine.tab("alice", ROOM);
  await next.until("the server is away still", () => window.client.status === "offline");
  const shown = new Set((await next.list("Condition")).map(({ id }) => id));
  const lost = stored.filter((id) => !shown.has(id));
  assert.deepEqual(lost, []);
  const { unsaved, unstored } = await next.does(() => window.client.state);
  assert.ok(unsaved >= stored.length && unstored === 0, `${unsaved} unsaved, ${unstored} unstored of ${stored.length}`);
  await server.start();
  await next.saved();
  const kept = new Set((await resources("Condition")).map(({ id }) => id));
  assert.deepEqual([...shown].filter((id) => !kept.has(id)), []);
  console.log(`killed with ${stored.length} edits called stored: ${[...shown].filter((id) => id.startsWith("killed-")).length} were there again, all saved later`);
});

test("two tabs of one browser share one connection and one store, and the other goes on when one is closed or killed", async () => {
  const mine = await device();
  const first = await mine.tab("alice", ROOM);
  const second = await mine.tab("alice", ROOM);
  // The server hears a moment later that a tab is gone.
  const oneConnection = () => until("the server has one connection", async () => /^chartroom_connections 1$/m.test(await server.text("/metrics")));
  await oneConnection();
  await second.does((resource) => window.room.put(resource).saved, allergy("from-second", "Latex"));
  await first.until("the first sees it", () => window.room.get("AllergyIntolerance", "from-second"));
  await first.does((resource) => window.room.put(resource).saved, allergy("from-first", "Dust"));
  await second.until("the second sees it", () => window.room.get("AllergyIntolerance", "from-first"));

  // The first one has the store's lock. An edit of the second is on its way when it is killed.
  await second.does((resource) => void (window.edit = window.room.put(resource)), allergy("on-its-way", "Pollen"));
  await first.crash();
  await second.does(() => window.edit.saved);
  await second.does((resource) => window.room.put(resource).saved, allergy("after-it", "Wool"));

  const third = await mine.tab("alice", ROOM);
  await third.until("the third sees all", () => window.room.get("AllergyIntolerance", "after-it"));
  await second.page.close();
  await third.does((resource) => window.room.put(resource).saved, allergy("from-third", "Nickel"));
  const ids = (await resources("AllergyIntolerance")).map(({ id }) => id);
  for (const id of ["from-second", "from-first", "on-its-way", "after-it", "from-third"]) assert.ok(ids.includes(id), id);
  await oneConnection();
});

test("a night offline on two devices: nothing is lost, and conflicts are shown on both", async () => {
  const [mine, yours] = [await device(), await device()];
  let [alice, bob] = [await mine.tab("alice", ROOM), await yours.tab("bob", ROOM)];
  await alice.does((resource) => window.room.put(resource).saved, { ...allergy("night", "Peanut"), criticality: "low" });
  await bob.until("Bob has it too", () => window.room.get("AllergyIntolerance", "night"));
  await server.end();
  // The store has with an edit what it was given before it.
  for (const [at, tab] of [alice, bob].entries()) await tab.does((resource) => window.room.put(resource).stored, allergy(`evening-${at}`, "Mould"));
  // Both close their laptops and open them again, without a network.
  await alice.page.close();
  await bob.page.close();
  [alice, bob] = [await mine.tab("alice", ROOM), await yours.tab("bob", ROOM)];
  await alice.does(async (resource) => {
    const { room } = window;
    const edits = [room.patch("AllergyIntolerance", "night", { criticality: "high", note: [{ text: "Alice's" }] }), room.put(resource), room.remove("AllergyIntolerance", "from-first")];
    await Promise.all(edits.map(({ stored }) => stored));
  }, allergy("by-alice", "Egg"));
  await bob.does(async (resource) => {
    const { room } = window;
    const edits = [room.patch("AllergyIntolerance", "night", { criticality: "unable-to-assess", lastOccurrence: "2026-11-01" }), room.put(resource), room.patch("AllergyIntolerance", "from-first", { criticality: "high" })];
    await Promise.all(edits.map(({ stored }) => stored));
  }, allergy("by-bob", "Milk"));
  await alice.page.close();
  await bob.page.close();
  await server.start();
  [alice, bob] = [await mine.tab("alice", ROOM), await yours.tab("bob", ROOM)];
  for (const tab of [alice, bob]) {
    await tab.saved();
    await tab.until("the other's is here", () => window.room.get("AllergyIntolerance", "by-alice") && window.room.get("AllergyIntolerance", "by-bob"));
    const conflicts = await tab.until("both conflicts show", () => {
      const conflicts = window.room.conflicts().filter(({ resource_type }) => resource_type === "AllergyIntolerance");
      return conflicts.length === 2 && conflicts;
    });
    const [dispute, removal] = conflicts.toSorted((one, other) => other.id.localeCompare(one.id));
    assert.deepEqual(dispute.values.map(({ value, author }) => [value.criticality, author.name]).toSorted(), [["high", "Alice"], ["unable-to-assess", "Bob"]]);
    assert.deepEqual([removal.id, removal.kind], ["from-first", "deleted"]);
    const shown = await tab.does(() => window.room.get("AllergyIntolerance", "night"));
    assert.deepEqual([shown.note, shown.lastOccurrence], [[{ text: "Alice's" }], "2026-11-01"]);
  }
  await alice.does(async () => {
    const { room } = window;
    for (const conflict of room.conflicts()) await room.resolve(conflict, room.describe(conflict).sides[0].choice).saved;
  });
  await bob.until("no conflict is left", () => window.room.conflicts().length === 0);
  assert.deepEqual(await alice.list("AllergyIntolerance"), await bob.list("AllergyIntolerance"));
});

test("an edit that is refused goes back, is kept for its author over a reload, and can be dropped", async () => {
  const args = await signInArguments(folder.path, { reader: { writes: ["patient:*"] } });
  const strict = await Server.start(join(folder.path, "strict"), { args: [...args, "--allow-origin", site.origin] });
  const mine = await Device.open(chromium, site, strict);
  // Her role writes in every chart, her app's scope reads.
  const options = { token: token("charlie", 600, { name: "Charlie", roles: ["reader"], scope: "user/*.rs" }) };
  try {
    let charlie = await mine.tab("charlie", ROOM, options);
    await charlie.does(holdStore);
    const edit = await charlie.does(async (resource) => {
      const edit = window.room.put(resource);
      const shown = window.room.get("AllergyIntolerance", resource.id) !== undefined;
      const code = await edit.saved.catch((error) => error.code);
      return { shown, code, state: edit.state, after: window.room.get("AllergyIntolerance", resource.id) ?? null };
    }, allergy("by-charlie", "Ink"));
    assert.deepEqual({ ...edit, code: typeof edit.code }, { shown: true, code: "string", state: "refused", after: null });
    assert.deepEqual(await charlie.does(() => [window.client.state.unsaved, window.client.state.unstored]), [0, 1]);
    await charlie.does(() => window.letStoreGo());
    await charlie.until("a closed window would take nothing with it", () => window.client.state.unstored === 0);
    await charlie.page.close();
    charlie = await mine.tab("charlie", ROOM, options);
    const refused = await charlie.until("it is told again", () => window.room.refused.length > 0 && window.room.refused.map(({ code, command }) => [code, command.resource.id]));
    assert.deepEqual(refused, [[edit.code, "by-charlie"]]);
    await charlie.until("it is in the store", refusalsInStore, 1);
    await charlie.does(() => window.room.refused[0].drop());
    await charlie.until("it has left the store", refusalsInStore, 0);
    await charlie.page.close();
    charlie = await mine.tab("charlie", ROOM, options);
    assert.equal(await charlie.does(() => window.room.refused.length), 0);
  } finally {
    await mine.close();
    await strict.end();
  }
});

test("undo takes back one's own, and nothing that others wrote meanwhile", async () => {
  const [alice, bob] = [await (await device()).tab("alice", ROOM), await (await device()).tab("bob", ROOM)];
  await alice.does((resource) => window.room.put(resource).saved, { ...allergy("undone", "Zinc"), criticality: "low" });
  await alice.does(() => window.room.patch("AllergyIntolerance", "undone", { criticality: "high", clinicalStatus: { text: "active" } }).saved);
  await bob.until("Bob has it", () => window.room.get("AllergyIntolerance", "undone")?.criticality === "high");
  await bob.does(() => window.room.patch("AllergyIntolerance", "undone", { criticality: "unable-to-assess" }).saved);
  await alice.until("Alice has Bob's", () => window.room.get("AllergyIntolerance", "undone").criticality === "unable-to-assess");
  assert.match(await alice.does(() => window.room.undo.undoText), /Zinc/);
  await alice.does(() => window.room.undo.undo().saved);
  const after = await alice.does(() => window.room.get("AllergyIntolerance", "undone"));
  assert.deepEqual([after.criticality, after.clinicalStatus], ["unable-to-assess", undefined]);
});

test("a trap of the engine ends the worker, and the next one goes on from the store", async () => {
  const trapping = await trappingSite();
  const other = await Server.start(join(folder.path, "trapped"), { args: ["--allow-origin", trapping.origin] });
  const mine = await Device.open(chromium, trapping, other);
  try {
    const tab = await mine.tab("alice", "patient:t1");
    const edit = (id) => ({ resourceType: "Condition", id, subject: { reference: "Patient/t1" }, code: { text: id } });
    await tab.does((resource) => window.room.put(resource).saved, edit("before"));
    await other.end();
    await tab.until("it is away", () => window.client.status === "offline");
    await tab.does((resource) => window.room.put(resource).stored, edit("waiting"));
    // The module of this site traps when it is asked for a time's heads.
    const answer = await tab.does(async () => window.room.at(new Date()).catch((error) => error.code));
    assert.equal(answer, "try-again");
    await tab.does((resource) => window.room.put(resource).stored, edit("behind"));
    assert.deepEqual((await tab.list("Condition")).map(({ id }) => id), ["before", "behind", "waiting"]);
    await other.start();
    await tab.saved();
    const { resources } = await other.document("patient:t1");
    assert.deepEqual(Object.keys(resources.Condition).toSorted(), ["before", "behind", "waiting"]);
    // Who traps again and again is not started for ever.
    const last = await tab.does(async () => {
      for (let traps = 0; traps < 5; traps += 1) await window.room?.at(new Date()).catch(() => {});
      return window.client.error?.code;
    });
    assert.equal(last, "engine-failed");
    assert.equal(await tab.does(() => window.client.status), "closed");
  } finally {
    await mine.close();
    await other.end();
    await trapping.end();
  }
});

const others = () => window.room.presence.people.map(({ person, at }) => ({ ...person, at }));
const nobody = () => window.room.presence.people.length === 0;

test("who is there, where they look and that they type is told under verified names, and ends with a killed tab or browser", async () => {
  const alice = await (await device()).tab("alice", ROOM);
  const bobs = await device();
  const bob = await bobs.tab("bob", ROOM);
  await alice.does(() => window.room.presence.set({ tab: "orders" }));
  await alice.does(() => window.room.presence.typing("AllergyIntolerance/undone", "criticality"));
  const seen = await bob.until("Bob sees Alice type", () => window.room.presence.people[0]?.at.typing && window.room.presence.people.map(({ person, at }) => ({ person, at })));
  assert.deepEqual(seen, [{ person: { id: "alice", name: "Alice" }, at: { tab: "orders", resource: "AllergyIntolerance/undone", element: "criticality", typing: true } }]);
  assert.equal(await bob.does(() => window.room.presence.at("AllergyIntolerance/undone", "criticality")[0].person.name), "Alice");
  await bob.until("she stops by herself", () => window.room.presence.people[0]?.at.typing === undefined);
  assert.deepEqual(await alice.does(others), [], "who only listens is not shown");

  // Another window of Bob's is another entry, and one's own window is none.
  const second = await bobs.tab("bob", ROOM);
  await second.does(() => window.room.presence.set({ tab: "results" }));
  await alice.until("Alice sees Bob's second window", () => window.room.presence.people[0]?.at.tab === "results");
  await bob.until("and so does his first", () => window.room.presence.people.length === 2);

  const since = Date.now();
  await alice.crash();
  await bob.until("Alice is gone", () => window.room.presence.people.every(({ person }) => person.id !== "alice"));
  console.log(`presence: gone ${Date.now() - since} ms after her tab was killed`);

  const process = await browserServer();
  const far = await process.connect();
  const carol = await (await Device.open(far, site, server)).tab("carol", ROOM);
  await carol.does(() => window.room.presence.set({ tab: "chart" }));
  await bob.until("Carol is there", () => window.room.presence.people.some(({ person }) => person.id === "carol"));
  const killed = Date.now();
  process.kill();
  await bob.until("Carol is gone", () => window.room.presence.people.every(({ person }) => person.id !== "carol"));
  console.log(`presence: gone ${Date.now() - killed} ms after her browser was killed`);
});

test("presence is true again after a network that fell silent", async () => {
  const line = await Line.start(server.port);
  const bob = await (await device()).tab("bob", ROOM);
  const alice = await Device.open(chromium, site, { sync: `ws://127.0.0.1:${line.port}/sync` });
  devices.push(alice);
  const tab = await alice.tab("alice", ROOM);
  await tab.does(() => window.room.presence.set({ tab: "orders" }));
  await bob.until("Alice is there", () => window.room.presence.people.length === 1);
  line.silence(true);
  const silent = Date.now();
  await bob.until("Alice is gone", nobody);
  console.log(`presence: gone ${((Date.now() - silent) / 1000).toFixed(1)} s after her network fell silent`);
  line.silence(false);
  line.cut();
  await bob.until("Alice is back", () => window.room.presence.people[0]?.at.tab === "orders");
  await tab.does(() => window.room.presence.set(null));
  await bob.until("and shows nothing any more", nobody);
  await line.end();
});

/** A site whose module is the package's own but for one function, which traps. */
async function trappingSite() {
  const { default: binaryen } = await import("../../client-wasm/node_modules/binaryen/index.js");
  const module = binaryen.readBinary(await readFile(join(ROOT, "client-wasm/dist/wasm/chartroom_bg.wasm")));
  const { value } = binaryen.getExportInfo(module.getExport("roomshell_headsAt"));
  const { params, results } = binaryen.getFunctionInfo(module.getFunction(value));
  module.removeFunction(value);
  module.addFunction(value, params, results, [], module.unreachable());
  return Site.start({ replaced: { "/chartroom/wasm/chartroom_bg.wasm": Buffer.from(module.emitBinary()) } });
}

/** Runs in a tab: nothing is written to the store of its only client until `letStoreGo` is called. */
async function holdStore() {
  const [{ name }] = await indexedDB.databases();
  const database = await new Promise((resolve) => (indexedDB.open(name).onsuccess = ({ target }) => resolve(target.result)));
  const meta = database.transaction([...database.objectStoreNames], "readwrite").objectStore("meta");
  let isHeld = true;
  const hold = () => (meta.get("held").onsuccess = () => isHeld && hold());
  hold();
  window.letStoreGo = () => {
    isHeld = false;
    database.close();
  };
}
