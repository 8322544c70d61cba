// A page that is open on a chart shows what is written over FHIR at once, and readers of events hear it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { LiveReader } from "../events/sse.mjs";
import { MERGE_PATCH, sent } from "../fhir/requests.mjs";
import { allergy, bundle, condition, patient, prescription } from "../fhir/resources.mjs";
import { Server, temporaryFolder, until } from "../support/server.mjs";
import { judge } from "./budget.mjs";
import { Window, browser } from "./pages.mjs";

const PATIENT = "niamh";
const SUBJECT = `Patient/${PATIENT}`;
const SHOWN_WITHIN_MS = 300;

let folder, server, chromium, alice, stream, socket;

before(async () => {
  folder = await temporaryFolder("browser-fhir");
  server = await Server.start(join(folder.path, "store"));
  await sent(201, server, "Bob", "PUT", `/${SUBJECT}`, { ...patient(), id: PATIENT });
  chromium = await browser();
  alice = await Window.open(chromium, server, "alice");
  await alice.chart(PATIENT);
  await alice.page.evaluate(() => (window.stayed = true));
  stream = await LiveReader.open(server, `patient:${PATIENT}`, 1);
  socket = await Listener.open(alice);
});

after(async () => {
  stream?.close();
  await chromium?.close();
  await server?.end();
  await folder?.remove();
});

afterEach(async () => {
  assert.deepEqual(alice.faults.splice(0), [], "the window is free of errors");
  assert.equal(await alice.page.evaluate(() => window.stayed), true, "the page was not loaded again");
});

/** What another tab of the browser hears at /api/ws about the patient. */
class Listener {
  static async open(window) {
    const listener = new Listener();
    listener.page = await window.context.newPage();
    await listener.page.goto(`${window.server.http}/healthz`);
    await listener.page.evaluate(
      (patient) =>
        new Promise((resolve, reject) => {
          window.updates = [];
          const socket = new WebSocket(`ws://${location.host}/api/ws`);
          socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", data: { subscription_id: "chart", patient_ids: [patient] } }));
          socket.onerror = () => reject(new Error("the socket failed"));
          socket.onmessage = ({ data }) => {
            const frame = JSON.parse(data);
            if (frame.type === "subscription") resolve();
            if (frame.type === "update") window.updates.push(frame.data);
          };
        }),
      PATIENT,
    );
    return listener;
  }

  updates() {
    return this.page.evaluate(() => window.updates);
  }
}

/** Sends a request and tells how long until the page shows it, as `showing` waits for it. */
async function shown(what, showing, request) {
  const started = performance.now();
  const [answer] = await Promise.all([request(), showing]);
  judge(`${what}, until the page shows it`, performance.now() - started, SHOWN_WITHIN_MS);
  return answer;
}

const row = (panel, words) => alice.entry(panel, /./).filter({ hasText: words });

/** Both readers hear these events of a resource, and both hear the same. */
async function heard(id, names) {
  const about = (events) => events.filter((event) => event.resource_id === id).map(({ event, seq }) => ({ event, seq }));
  await until(
    `both readers hear ${names.join(", ")}`,
    async () => [stream.events, await socket.updates()].every((events) => about(events).length >= names.length),
    { standing: () => JSON.stringify(about(stream.events)) },
  );
  assert.deepEqual(about(stream.events).map(({ event }) => event), names);
  assert.deepEqual(about(await socket.updates()), about(stream.events));
}

const KINDS = {
  "an allergy": {
    panel: "Allergies",
    resource: allergy(SUBJECT, "Cashew nuts"),
    words: "Cashew nuts",
    change: { reaction: [{ manifestation: [{ text: "Facial oedema" }] }] },
    changed: "Facial oedema",
    events: [["RESOURCE_CREATED", "ALLERGY_ADDED"], ["RESOURCE_UPDATED", "ALLERGY_UPDATED"], ["RESOURCE_DELETED", "ALLERGY_REMOVED", "ALLERGY_DELETED"]],
  },
  "a problem": {
    panel: "Problems",
    resource: condition(SUBJECT, "Sarcoidosis"),
    words: "Sarcoidosis",
    change: { code: { text: "Pulmonary sarcoid" } },
    changed: "Pulmonary sarcoid",
    events: [["RESOURCE_CREATED", "CONDITION_DIAGNOSED", "CONDITION_ADDED"], ["RESOURCE_UPDATED", "CONDITION_UPDATED"], ["RESOURCE_DELETED", "CONDITION_DELETED"]],
  },
  "a prescription": {
    panel: "Medications",
    resource: prescription(SUBJECT, "Prednisolone 5 mg"),
    words: "Prednisolone 5 mg",
    change: { dosageInstruction: [{ text: "two each morning" }] },
    changed: "two each morning",
    events: [["RESOURCE_CREATED", "MEDICATION_PRESCRIBED", "ORDER_PLACED"], ["RESOURCE_UPDATED", "MEDICATION_UPDATED"], ["RESOURCE_DELETED", "MEDICATION_DISCONTINUED"]],
  },
};

for (const [what, { panel, resource, words, change, changed, events }] of Object.entries(KINDS)) {
  test(`${what} that is created, updated and deleted over FHIR is so on the page, and readers hear each step`, async () => {
    const { resourceType } = resource;
    const { id } = await shown(`creating ${what}`, row(panel, words).waitFor(), () => sent(201, server, "Bob", "POST", `/${resourceType}`, resource));
    await heard(id, events[0]);
    await shown(`updating ${what}`, row(panel, changed).waitFor(), () => sent(200, server, "Bob", "PUT", `/${resourceType}/${id}`, { ...resource, id, ...change }, { "if-match": 'W/"1"' }));
    await heard(id, events.slice(0, 2).flat());
    await shown(`deleting ${what}`, row(panel, changed).waitFor({ state: "detached" }), () => sent(204, server, "Bob", "DELETE", `/${resourceType}/${id}`));
    await heard(id, events.flat());
  });
}

test("a transaction is on the page as a whole", async () => {
  const body = bundle("transaction", Object.values(KINDS).map(({ resource }) => ["POST", resource.resourceType, resource]));
  const rows = Promise.all(Object.values(KINDS).map(({ panel, words }) => row(panel, words).waitFor()));
  await shown("a transaction", rows, () => sent(200, server, "Bob", "POST", "", body));
});

test("a patch of an entry is on the page", async () => {
  const { entry } = await sent(200, server, "Bob", "GET", `/AllergyIntolerance?patient=${PATIENT}`);
  const path = `/AllergyIntolerance/${entry[0].resource.id}`;
  const showing = row("Allergies", "High criticality").waitFor();
  await shown("a patch", showing, () => sent(200, server, "Bob", "PATCH", path, { criticality: "high" }, { "content-type": MERGE_PATCH }));
});

test("what two wrote over FHIR without knowing of each other is a conflict on the page", async () => {
  const { entry } = await sent(200, server, "Bob", "GET", `/Condition?patient=${PATIENT}`);
  const { meta, ...problem } = entry[0].resource;
  const put = (person, onsetString) => sent(200, server, person, "PUT", `/Condition/${problem.id}`, { ...problem, onsetString }, { prefer: "handling=merge", "if-match": `W/"${meta.versionId}"` });
  await put("Bob", "in spring");
  const conflict = alice.page.getByRole("group", { name: "Conflict in Sarcoidosis" }).filter({ hasText: "in spring" }).filter({ hasText: "last autumn" });
  await shown("a conflict", conflict.waitFor(), () => put("Charlie", "last autumn"));
});
