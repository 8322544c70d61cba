// What FHIR requests cost, one after another, over real charts: `node tests/fhir/figures.mjs`.
//
// CHARTROOM_BIN is the server, a release build to be sure; BUNDLES another folder of bundles.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Server, temporaryFolder } from "../support/server.mjs";
import { bundleFiles, textOf } from "./bundles.mjs";
import { send, sent } from "./requests.mjs";

const WHO = "Alice";
const TICKS_PER_SECOND = 100;

const folder = await temporaryFolder("fhir-figures");
const server = await Server.start(folder.path);
try {
  await charts();
  const [patient, total] = await largest();
  console.log(`the largest chart has ${total} resources\n`);
  console.log("| request | p50, ms | p99, ms | processor of the server, ms |\n| --- | --- | --- | --- |");
  await reads(patient);
  await writes(patient);
} finally {
  await server.end();
  await folder.remove();
}

/** Milliseconds of processor time that the server has had. */
function processor() {
  const [, rest] = readFileSync(`/proc/${server.pid}/stat`, "utf8").split(") ");
  const [user, system] = rest.split(" ").slice(11, 13);
  return ((Number(user) + Number(system)) * 1000) / TICKS_PER_SECOND;
}

async function charts() {
  const files = bundleFiles();
  assert.ok(files.length > 0, "there are bundles; BUNDLES names their folder");
  let resources = 0;
  const [began, busy] = [performance.now(), processor()];
  for (const file of files) {
    const { entry } = await sent(200, server, WHO, "POST", "", textOf(file));
    resources += entry.length;
  }
  const seconds = (performance.now() - began) / 1000;
  const each = (processor() - busy) / resources;
  console.log(`${files.length} transactions, ${resources} resources: ${seconds.toFixed(1)} s, ${each.toFixed(2)} ms of the processor each`);
}

async function largest() {
  const { entry } = await sent(200, server, WHO, "GET", "/Patient?_count=100");
  const totals = [];
  for (const { resource } of entry) {
    const { total } = await sent(200, server, WHO, "GET", `/Patient/${resource.id}/$everything?_count=1`);
    totals.push([resource.id, total]);
  }
  return totals.sort(([, a], [, b]) => b - a)[0];
}

async function measured(name, times, request) {
  const took = [];
  const busy = processor();
  for (let i = 0; i < times; i += 1) {
    const began = performance.now();
    await request(i);
    took.push(performance.now() - began);
  }
  const cost = (processor() - busy) / times;
  took.sort((a, b) => a - b);
  const at = (share) => took[Math.floor((times - 1) * share)].toFixed(1);
  console.log(`| ${name} | ${at(0.5)} | ${at(0.99)} | ${cost.toFixed(1)} |`);
}

async function reads(patient) {
  const get = (path) => () => sent(200, server, WHO, "GET", path);
  await measured("read of a Patient", 300, get(`/Patient/${patient}`));
  await measured("50 Observations of a patient by date", 100, get(`/Observation?patient=${patient}&_sort=-date`));
  await measured("patients by name", 300, get("/Patient?name=a"));
  await measured("50 active Conditions of all charts", 20, get("/Condition?clinical-status=active"));
  await measured("`$everything`, a page of 100", 50, get(`/Patient/${patient}/$everything?_count=100`));
}

async function writes(patient) {
  const resource = (id, value, more = {}) => ({ resourceType: "Observation", id, status: "final", code: { text: "Figure" }, subject: { reference: `Patient/${patient}` }, valueInteger: value, ...more });
  const put = (id, value, headers, more) => sent(value === 0 ? 201 : 200, server, WHO, "PUT", `/Observation/${id}`, resource(id, value, more), headers);
  await measured("PUT of a new Observation", 200, (i) => put(`new-${i}`, 0));
  await put("known", 0);
  let version = "W/\"1\"";
  await measured("PUT with If-Match", 200, async (i) => {
    const answer = await send(server, WHO, "PUT", "/Observation/known", resource("known", i + 1), { "if-match": version });
    assert.equal(answer.status, 200);
    version = answer.header("etag");
  });
  await measured("PUT that says no version", 200, (i) => put("known", i + 1000));
  const merge = { "if-match": "W/\"1\"", prefer: "handling=merge" };
  await measured("PUT of version 1, merged with 400 later ones", 20, (i) => sent(200, server, WHO, "PUT", "/Observation/known", resource("known", 0, { note: [{ text: `note ${i}` }] }), merge));
  await measured("vread", 100, () => sent(200, server, WHO, "GET", "/Observation/known/_history/7"));
  await measured("50 versions of a history", 50, () => sent(200, server, WHO, "GET", "/Observation/known/_history"));
}
