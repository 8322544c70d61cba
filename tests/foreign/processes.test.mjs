// Two people, each a process of her own with the npm package, on one chart of one server.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SAMPLES, Server, chartroom, temporaryFolder } from "../support/server.mjs";

const ROOM = "patient:niamh-oyelaran";
const ALLERGY = {
  resourceType: "AllergyIntolerance",
  id: "codeine",
  code: { text: "Codeine" },
  criticality: "low",
  patient: { reference: "Patient/niamh-oyelaran" },
};

class Person {
  #child;
  #lines = [];
  #waiting = [];

  constructor(server, id) {
    const program = fileURLToPath(new URL("person.mjs", import.meta.url));
    this.#child = spawn(process.execPath, [program, server.sync, ROOM, id], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#child.stdout }).on("line", (text) => {
      this.#lines.push(JSON.parse(text));
      for (const look of this.#waiting) look();
    });
  }

  /** The next line for which `holds` is true; what came before it is passed over. */
  hears(what, holds) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`never heard: ${what}`)), 20_000);
      const look = () => {
        const at = this.#lines.findIndex(holds);
        if (at < 0) return;
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((other) => other !== look);
        resolve(this.#lines.splice(0, at + 1).at(-1));
      };
      this.#waiting.push(look);
      look();
    });
  }

  async does(call, ...args) {
    this.#child.stdin.write(`${JSON.stringify({ call, args })}\n`);
    return this.hears(`${call} is saved`, (line) => line.saved !== undefined);
  }

  async end() {
    this.#child.stdin.end();
    const [status] = await once(this.#child, "close");
    return status;
  }
}

let folder, server, alice, bob;

before(async () => {
  folder = await temporaryFolder("processes");
  const data = join(folder.path, "store");
  chartroom(["--data", data, "import", join(SAMPLES, "niamh-oyelaran.json")]);
  server = await Server.start(data);
  [alice, bob] = ["alice", "bob"].map((id) => new Person(server, id));
  for (const person of [alice, bob]) await person.hears("the room is open", (line) => line.opened > 0);
});

after(async () => {
  await server?.end();
  await folder?.remove();
});

const about = (event) => (line) => line.event === event && line.id === ALLERGY.id;

test("what Alice adds, Bob hears of, with her as its author", async () => {
  const started = performance.now();
  const heard = bob.hears("the allergy", about("RESOURCE_CREATED"));
  const { saved } = await alice.does("put", ALLERGY);
  assert.match(saved, /^[0-9a-f]{64}$/);
  const event = await heard;
  console.log(`added, saved and seen across processes: ${(performance.now() - started).toFixed(0)} ms`);
  assert.deepEqual(event.resource, ALLERGY);
  assert.equal(event.author, "alice");
  assert.equal(event.local, false);
});

test("what Bob edits, Alice hears of", async () => {
  const heard = alice.hears("the edit", about("RESOURCE_UPDATED"));
  await bob.does("patch", "AllergyIntolerance", ALLERGY.id, { criticality: "high" });
  const event = await heard;
  assert.equal(event.resource.criticality, "high");
  assert.equal(event.author, "bob");
});

test("what Alice removes is gone at Bob's and on the server", async () => {
  const heard = bob.hears("the removal", about("RESOURCE_DELETED"));
  const { heads } = await alice.does("remove", "AllergyIntolerance", ALLERGY.id);
  await heard;
  assert.deepEqual((await server.room(ROOM)).heads, heads);
  const { resources } = await server.document(ROOM);
  assert.equal(resources.AllergyIntolerance[ALLERGY.id], undefined);
});

test("both end as they should", async () => {
  assert.equal(await alice.end(), 0);
  assert.equal(await bob.end(), 0);
});
