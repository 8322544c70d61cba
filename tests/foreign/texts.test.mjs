// A note that people write together with two kinds of client: automerge-repo's own, and ours.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { splice, updateText } from "@automerge/automerge-repo";
import { until } from "../support/server.mjs";
import { meeting } from "./people.mjs";

const PATIENT = "niamh-oyelaran";
const KEY = "DocumentReference:progress:content";
const NOTE = {
  resourceType: "DocumentReference",
  id: "progress",
  status: "current",
  docStatus: "preliminary",
  subject: { reference: "Patient/niamh-oyelaran" },
  content: [{ attachment: { contentType: "text/plain", title: "Progress note" } }],
};

let met, server, handle, room, text;

before(async () => {
  met = await meeting("texts", PATIENT);
  ({ server, handle, room } = met);
  await room.put(NOTE).saved;
  text = await room.text("DocumentReference", "progress", "content");
});

after(() => met?.end());

const both = (what, words) => until(what, () => text.toString() === words && handle.doc().$texts[KEY] === words, { standing: () => `ours ${text} theirs ${handle.doc().$texts[KEY]}` });

test("what our client writes, automerge-repo reads", async () => {
  text.splice(0, 0, "Slept well.");
  await both("the first words are there", "Slept well.");
});

test("what automerge-repo splices, our client reads", async () => {
  handle.change((doc) => splice(doc, ["$texts", KEY], 6, 4, "badly \u{1f635}"));
  await both("the splice is there", "Slept badly \u{1f635}.");
});

test("our client goes on behind a character of two units", async () => {
  text.splice(text.length, 0, " Pain 3/10.");
  await both("the end is there", "Slept badly \u{1f635}. Pain 3/10.");
  handle.change((doc) => updateText(doc, ["$texts", KEY], "Slept badly. Pain 3/10."));
  await both("the character is gone", "Slept badly. Pain 3/10.");
});

test("both type at once, for a while, and come to one text with every word of both", async () => {
  const words = { ours: [], theirs: [] };
  for (let number = 0; number < 60; number += 1) {
    const [own, other] = [` o${number}.`, ` t${number}.`];
    text.splice(text.length, 0, own);
    words.ours.push(own.trim());
    handle.change((doc) => splice(doc, ["$texts", KEY], Math.min(5, doc.$texts[KEY].length), 0, other));
    words.theirs.push(other.trim());
    if (number % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until("both have one text", () => text.isSettled && room.unsaved === 0 && text.toString() === handle.doc().$texts[KEY]);
  const written = text.toString();
  for (const word of [...words.ours, ...words.theirs]) assert.ok(written.includes(word), word);
  const length = "Slept badly. Pain 3/10.".length + [...words.ours, ...words.theirs].reduce((sum, word) => sum + word.length + 1, 0);
  assert.equal(written.length, length, "and no letter twice");
});

test("a signed note is frozen for both", async () => {
  await room.patch("DocumentReference", "progress", { docStatus: "final" }).saved;
  const signed = text.toString();
  assert.equal(text.frozen?.code, "signed");
  assert.throws(() => text.splice(0, 0, "Late. "), { code: "signed" });
  // Nobody can keep a foreign client from writing on its own; it reaches nobody else.
  const refused = async () => Number(/^chartroom_changes_refused_total (\d+)/m.exec(await server.text("/metrics"))?.[1] ?? 0);
  const count = await refused();
  handle.change((doc) => splice(doc, ["$texts", KEY], 0, 0, "Late. "));
  await until("the server has refused it", async () => (await refused()) > count);
  assert.equal(text.toString(), signed);
});
