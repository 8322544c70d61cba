// A panic in one room leaves the server standing: who caused it is closed, the others in that room
// and in other rooms are served, and the log says where it was and nothing of what it said.
// The `release` stage runs this against the release binary, which must unwind for it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as Automerge from "@automerge/automerge";
import { BINARY, Server, temporaryFolder } from "../support/server.mjs";
import { Peer } from "./peer.mjs";

const ROOM = "patient:p1";
const CANARY = "Wilhelmina-Featherstonehaugh";

let folder, server;
const peers = [];

before(async () => {
  folder = await temporaryFolder("unwind");
  server = await Server.start(join(folder.path, "store"));
});

after(async () => {
  await Promise.all(peers.map((peer) => peer.close()));
  await server?.end();
  await folder?.remove();
});

async function person(id, name) {
  const peer = new Peer({ person: { id, name: id } });
  peers.push(peer);
  await peer.connect(server.sync);
  await peer.open({ name });
  return peer;
}

async function saves(peer, id, patient = "p1") {
  const edit = peer.change((doc) => {
    doc.Condition[id] = { code: { text: "Asthma" }, subject: { reference: `Patient/${patient}` } };
  });
  await peer.saved(edit);
  return edit;
}

/** A sound change whose second list item is made to stand behind an element that does not exist. */
function harmful(doc) {
  const made = Automerge.change(Automerge.clone(doc), (draft) => {
    draft.Condition.harm = { category: ["one", CANARY] };
  });
  const change = Automerge.decodeChange(Automerge.getLastLocalChange(made));
  change.ops.filter((op) => op.insert).at(-1).elemId = `900@${"9".repeat(32)}`;
  delete change.hash;
  const chunk = Automerge.encodeChange(change);
  return { chunk, hash: Automerge.decodeChange(chunk).hash };
}

const panics = async () => Number(/^chartroom_panics (\d+)/m.exec(await server.text("/metrics"))[1]);

test(`a panic in one room leaves the others served (${BINARY.includes("release") ? "release" : "debug"})`, { timeout: 120_000 }, async () => {
  const [alice, bob, mallory] = [await person("alice", ROOM), await person("bob", "patient:p2"), await person("mallory", ROOM)];
  await saves(alice, "before");
  assert.equal(await panics(), 0);

  const { chunk, hash } = harmful(mallory.doc);
  mallory.offer(chunk, hash);
  const [code] = await Promise.all([mallory.closing(), saves(alice, "meanwhile")]);
  assert.equal(code, 1008);
  assert.ok((await panics()) >= 1, "automerge did panic");

  await saves(alice, "afterwards");
  const edit = await saves(bob, "other", "p2");
  assert.ok(bob.hashes().includes(edit));
  const { resources } = await server.document(ROOM);
  assert.deepEqual(Object.keys(resources.Condition).sort(), ["afterwards", "before", "meanwhile"]);
  const late = await person("late", ROOM);
  assert.deepEqual(Automerge.getHeads(late.doc), Automerge.getHeads(alice.doc));

  // Whole once the server has ended.
  await Promise.all(peers.map((peer) => peer.close()));
  await server.end();
  const log = await server.logged();
  assert.match(log, /a panic/);
  assert.doesNotMatch(log, new RegExp(CANARY));
});
