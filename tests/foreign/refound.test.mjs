// A stock automerge-repo client in a room that is founded anew: it is sent away from the old
// document without a loop, keeps its connection, and works on in the new one.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SAMPLES, Server, chartroom, temporaryFolder, until } from "../support/server.mjs";
import { ourClient, stockRepo } from "./people.mjs";

const ROOM = "patient:niamh-oyelaran";
const DUST = "niamh-oyelaran-dust-mite";
/** A first sync, three edits and their answers; a loop would be hundreds. */
const MESSAGES_MAX = 12;

let folder, server, repo, client;

before(async () => {
  folder = await temporaryFolder("refound");
  const data = join(folder.path, "store");
  chartroom(["--data", data, "import", join(SAMPLES, "niamh-oyelaran.json")]);
  server = await Server.start(data);
  repo = await stockRepo(server);
  client = await ourClient(server);
});

after(async () => {
  await client?.close();
  await repo?.shutdown();
  await server?.end();
  await folder?.remove();
});

test("it neither wedges nor loops, and goes on in the new document", async () => {
  const sealed = await repo.find((await server.room(ROOM)).url);
  const room = await client.open(ROOM);
  const { status } = await fetch(`${server.http}/rooms/${ROOM}/refound`, { method: "POST" });
  assert.equal(status, 200);
  await until("our client has gone along", () => room.url !== sealed.url && room.synced);

  let messages = 0;
  repo.networkSubsystem.on("message", () => (messages += 1));
  sealed.change((doc) => {
    doc.AllergyIntolerance[DUST].criticality = "high";
  });
  const next = await repo.find((await server.room(ROOM)).url);
  assert.equal(next.url, room.url);
  next.change((doc) => {
    doc.AllergyIntolerance[DUST].criticality = "unable-to-assess";
  });
  await until("our client sees the edit of the new document", () => room.get("AllergyIntolerance", DUST).criticality === "unable-to-assess");
  await room.patch("AllergyIntolerance", DUST, { criticality: "low" }).saved;
  await until("the stock client sees ours", () => String(next.doc().AllergyIntolerance[DUST].criticality) === "low");
  console.log(`${messages} messages came to the stock client`);
  assert.ok(messages <= MESSAGES_MAX, `${messages} messages`);

  const before = await fetch(`${server.http}/rooms/${ROOM}/document?epoch=1`).then((answer) => answer.json());
  assert.notEqual(before.resources.AllergyIntolerance[DUST].criticality, "high", "the sealed epoch takes nothing");
});
