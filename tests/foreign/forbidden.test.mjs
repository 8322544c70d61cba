// A stock automerge-repo client makes a forbidden edit and keeps it for ever: whenever it connects
// again it offers it again. It still receives what others write, nobody sees its edit, and the two
// do not talk in circles.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SAMPLES, Server, chartroom, temporaryFolder, until } from "../support/server.mjs";
import { ourClient, plain, stockRepo } from "./people.mjs";

const ROOM = "patient:niamh-oyelaran";
const PEANUT = "niamh-oyelaran-peanut";
const RECONNECTS = 10;
/** A sync of a room, an offer that is refused, a colleague's edit and their answers. */
const MESSAGES_MAX = 14;

let folder, server, repo, client, room;

before(async () => {
  folder = await temporaryFolder("forbidden");
  const data = join(folder.path, "store");
  chartroom(["--data", data, "import", join(SAMPLES, "niamh-oyelaran.json")]);
  server = await Server.start(data);
  repo = await stockRepo(server);
  client = await ourClient(server);
  room = await client.open(ROOM);
});

after(async () => {
  await client?.close();
  await repo?.shutdown();
  await server?.end();
  await folder?.remove();
});

const metric = async (name) => Number(new RegExp(`^chartroom_${name} (\\d+)`, "m").exec(await server.text("/metrics"))[1]);

test(`it works on through ${RECONNECTS} reconnects, in bounded messages`, async () => {
  const [adapter] = repo.networkSubsystem.adapters;
  const handle = await repo.find((await server.room(ROOM)).url);
  let [received, sent] = [0, 0];
  adapter.on("message", () => (received += 1));
  const send = adapter.send.bind(adapter);
  adapter.send = (message) => {
    sent += 1;
    return send(message);
  };
  const sees = (text) => until(`the refused client sees ${text}`, () => plain(handle.doc().AllergyIntolerance[PEANUT].lastOccurrence) === text);

  handle.change((doc) => {
    doc.Condition["of-somebody-else"] = { code: { text: "Gout" }, subject: { reference: "Patient/casimir-doyle" } };
  });
  await until("the server has refused it", async () => (await metric("changes_refused_total")) >= 1);

  const counts = [];
  for (let round = 1; round <= RECONNECTS; round += 1) {
    [received, sent] = [0, 0];
    const refused = await metric("changes_refused_total");
    const old = adapter.socket;
    old.terminate();
    await until("a new socket stands", () => adapter.socket !== old && adapter.socket.readyState === adapter.socket.OPEN);
    await until("it has offered its edit again", async () => (await metric("changes_refused_total")) > refused);
    await room.patch("AllergyIntolerance", PEANUT, { lastOccurrence: `2026-10-${String(round).padStart(2, "0")}` }).saved;
    await sees(`2026-10-${String(round).padStart(2, "0")}`);
    counts.push(received + sent);
  }
  // Quiet: three more edits of a colleague bring one message each way, and no more.
  [received, sent] = [0, 0];
  for (const day of ["20", "21", "22"]) {
    await room.patch("AllergyIntolerance", PEANUT, { lastOccurrence: `2026-10-${day}` }).saved;
    await sees(`2026-10-${day}`);
  }
  console.log(`messages of each reconnect: ${counts.join(", ")}; of three edits afterwards: ${received} in, ${sent} out`);
  assert.ok(Math.max(...counts) <= MESSAGES_MAX, `${Math.max(...counts)} messages in one reconnect`);
  assert.ok(received <= 6 && sent <= 6, `${received} in and ${sent} out for three edits`);

  assert.equal(room.get("Condition", "of-somebody-else"), undefined);
  assert.equal((await server.document(ROOM)).resources.Condition["of-somebody-else"], undefined);
  assert.ok(handle.doc().Condition["of-somebody-else"], "its own document keeps what it wrote");
});
