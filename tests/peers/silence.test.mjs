// A link on which nothing comes any more, though nobody closed it: both ends give it up by themselves.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, temporaryFolder, until } from "../support/server.mjs";
import { inStep, link, put, shows } from "./people.mjs";
import { Relay } from "./relay.mjs";

const ROOM = "patient:p1";
/** The dialling end waits for 20 s of silence. */
const WITHIN_MS = 40_000;

let folder, relay, hospital, clinic;

before(async () => {
  folder = await temporaryFolder("silence");
  hospital = await Server.start(join(folder.path, "hospital"));
  relay = await Relay.to(hospital.port);
  clinic = await Server.start(join(folder.path, "clinic"), { args: ["--server-name", "clinic", "--peer", relay.url] });
  await put(hospital, ROOM, "before", "Written before");
  await until("the link works", () => shows(clinic, ROOM, "before", "Written before"));
  await inStep(clinic, relay.url.replace("ws://", ""));
});

after(async () => {
  relay?.close();
  for (const server of [hospital, clinic]) await server?.end("SIGKILL");
  await folder?.remove();
});

test("a link that is silent is dialled anew, and what was written into it arrives", async () => {
  relay.stall();
  await put(hospital, ROOM, "there", "Written there");
  await put(clinic, ROOM, "here", "Written here");
  const name = relay.url.replace("ws://", "");
  await until("the lag shows while the link seems to stand", async () => (await link(clinic, name)).rooms.behind > 0);
  await until("the clinic has what the hospital wrote", () => shows(clinic, ROOM, "there", "Written there"), { within: WITHIN_MS });
  await until("the hospital has what the clinic wrote", () => shows(hospital, ROOM, "here", "Written here"), { within: WITHIN_MS });
  await inStep(clinic, name);
  assert.equal((await link(hospital, "clinic")).state, "connected");
});
