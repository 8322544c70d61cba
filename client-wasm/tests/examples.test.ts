// @vitest-environment happy-dom
// Every example is run as it stands, and the README shows them as they are.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import WebSocket from "ws";
import type { Room } from "chartroom";
import { connectAs, startServer, until, withServer, type Server } from "./server.js";
import { HERE } from "./notes.js";

const EXAMPLES = join(import.meta.dirname, "../examples");
const ADDRESS = "ws://127.0.0.1:8080/sync";
const source = (name: string) => readFileSync(join(EXAMPLES, name), "utf8");

const allergy = { resourceType: "AllergyIntolerance", id: "a1", code: { text: "Latex" }, patient: { reference: "Patient/1" } };
const note = { resourceType: "DocumentReference", id: "n1", status: "current", docStatus: "preliminary", subject: { reference: "Patient/1" }, content: [{ attachment: {} }] };

/** The sockets of a page, which end with it. */
let page: { sockets: Set<WebSocket>; isGone: boolean };
let folder: string;
/** What the example has printed. */
let said: string[];

beforeEach(() => {
  const mine = (page = { sockets: new Set<WebSocket>(), isGone: false });
  class PageSocket extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      if (mine.isGone) throw new Error("the page is gone");
      super(...args);
      mine.sockets.add(this);
    }
  }
  vi.stubGlobal("WebSocket", PageSocket);
  folder = mkdtempSync(join(import.meta.dirname, ".example-"));
  const lines: string[] = (said = []);
  vi.spyOn(console, "log").mockImplementation((...args) => void lines.push(args.join(" ").trim()));
});

afterEach(() => {
  page.isGone = true;
  for (const socket of page.sockets) socket.terminate();
  rmSync(folder, { recursive: true, force: true });
  document.body.replaceChildren();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Runs an example against a server of this test instead of the one that it names. */
async function run(name: string, { url }: Server): Promise<void> {
  const text = source(name);
  expect(text).toContain(ADDRESS);
  const path = join(folder, name);
  writeFileSync(path, text.replace(ADDRESS, url));
  await import(/* @vite-ignore */ path);
}

/** Bob, in the room that the examples are about. */
async function bobIn({ url }: Server, socket = WebSocket): Promise<Room> {
  const bob = await connectAs("Bob", url, { ...HERE, WebSocket: socket });
  return bob.open("patient:1");
}

/** A socket that can be cut, as a cable can. */
function cable(): { WebSocket: typeof WebSocket; cut(): void; mend(): void } {
  const sockets = new Set<WebSocket>();
  let isCut = false;
  class Cable extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      if (isCut) throw new Error("the cable is cut");
      super(...args);
      sockets.add(this);
    }
  }
  return {
    WebSocket: Cable as typeof WebSocket,
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.terminate();
    },
    mend: () => void (isCut = false),
  };
}

withServer("the example", () => {
  test("open.mjs", async () => {
    const server = await startServer();
    await run("open.mjs", server);
    expect(said.filter((line) => !line.startsWith("shows otherwise"))).toEqual(["Penicillin", "saved"]);
    expect(said).toContain("shows otherwise: AllergyIntolerance/a1");
    expect((await bobIn(server)).get("AllergyIntolerance", "a1")?.code?.text).toBe("Penicillin");
  });

  test("offline.mjs", async () => {
    const server = await startServer();
    await server.kill();
    await run("offline.mjs", server);
    expect(said).toContain("new 1");
    await until(() => said.includes("offline, unsaved: 1"));
    await server.start();
    await until(() => said.includes("saved"));
    await until(() => said.includes("online, unsaved: 0"));
  });

  test("presence.mjs", async () => {
    const server = await startServer();
    const his = await bobIn(server);
    await run("presence.mjs", server);
    his.presence.set({ tab: "orders" });
    await until(() => said.includes("Bob looks at orders"));
    await until(() => his.presence.people.some(({ at }) => at.tab === "medications"));
    // She types on: who pauses is soon not writing any more.
    await until(() => {
      document.dispatchEvent(new Event("input"));
      return his.presence.at("MedicationRequest/m1", "dosageInstruction").some(({ at }) => at.typing === true);
    });
  });

  test("conflicts.mjs", async () => {
    const server = await startServer();
    const wire = cable();
    const his = await bobIn(server, wire.WebSocket);
    await his.put(allergy).saved;
    wire.cut();
    await until(() => !his.synced);
    const edit = his.patch("AllergyIntolerance", "a1", { criticality: "low" });
    await run("conflicts.mjs", server);
    const hers = await (await connectAs("Carol", server.url, HERE)).open("patient:1");
    await until(() => hers.get("AllergyIntolerance", "a1")?.criticality === "high");
    wire.mend();
    await edit.saved;
    await until(() => said.at(-1) === "settled");
    expect(said.map((line) => line.replace(" first of all", "")).sort()).toEqual(["allergy Latex: criticality: high (Alice)", "allergy Latex: criticality: low (Bob)", "settled"]);
    await until(() => his.get("AllergyIntolerance", "a1")?.criticality === "high" && his.conflicts().length === 0);
  });

  test("undo.mjs", async () => {
    const server = await startServer();
    await run("undo.mjs", server);
    expect(said).toEqual(["Undo: add problem Asthma, Redo: null", "Undo: null, Redo: add problem Asthma", "Undo: add problem Asthma, Redo: null"]);
    expect((await bobIn(server)).list("Condition")).toHaveLength(1);
  });

  test("textarea.mjs", async () => {
    const server = await startServer();
    const his = await bobIn(server);
    await his.put(note).saved;
    const area = document.body.appendChild(document.createElement("textarea"));
    await run("textarea.mjs", server);
    expect(area.value).toBe("Seen today. ");
    const text = await his.text("DocumentReference", "n1", "content");
    await until(() => String(text) === "Seen today. ");
    text.splice(text.length, 0, "No pain.");
    await until(() => area.value === "Seen today. No pain.");
    await until(() => text.isSettled);
    his.patch("DocumentReference", "n1", { docStatus: "final" });
    await until(() => said.some((line) => line.startsWith("the note is signed")));
    window.dispatchEvent(new Event("pagehide"));
  });

  test("codemirror.mjs", async () => {
    const server = await startServer();
    const his = await bobIn(server);
    await his.put(note).saved;
    const text = await his.text("DocumentReference", "n1", "content");
    text.set("Seen today.");
    await until(() => text.isSettled);
    await run("codemirror.mjs", server);
    await until(() => document.querySelector(".cm-content")?.textContent === "Seen today.");
    text.splice(0, 4, "Met");
    await until(() => document.querySelector(".cm-content")?.textContent === "Met today.");
  });

  test("activity.mjs", async () => {
    await run("activity.mjs", await startServer());
    expect(said).toEqual(["Alice changed allergy Latex (criticality)", "Alice added allergy Latex", expect.stringMatching(/^created .*code.* Alice$/), "updated criticality Alice"]);
  });

  test("past.mjs", async () => {
    await run("past.mjs", await startServer());
    expect(said).toEqual(["1 0", "AllergyIntolerance,a1", "collection"]);
  });

  test("events.mjs", async () => {
    const server = await startServer();
    const his = await bobIn(server);
    await his.put(allergy).saved;
    await run("events.mjs", server);
    await until(() => said.includes("1 AllergyIntolerance/a1 by Bob"));
    await server.kill();
    await server.start();
    await his.put({ ...allergy, id: "a2" }).saved;
    await until(() => said.length > 1);
    expect(said).toEqual(["1 AllergyIntolerance/a1 by Bob", expect.stringMatching(/^\d+ AllergyIntolerance\/a2 by Bob$/)]);
  });

  test("rooms.mjs", async () => {
    const server = await startServer();
    await run("rooms.mjs", server);
    expect(new Set(said)).toEqual(new Set(["patient:2 1"]));
    expect(page.sockets.size).toBe(1);
  });

  test("server.mjs", async () => {
    const server = await startServer();
    await run("server.mjs", server);
    const his = await bobIn(server);
    await his.put(allergy).saved;
    await until(() => his.get("Flag", "for-a1")?.code?.text === "Allergy: Latex");
    await until(() => said.includes("flagged a1"));
  });

  test("react.tsx", async () => {
    const server = await startServer();
    const his = await bobIn(server);
    document.body.append(Object.assign(document.createElement("div"), { id: "chart" }));
    await run("react.tsx", server);
    const shown = (selector: string) => [...document.querySelectorAll(selector)].map(({ textContent }) => textContent);
    await until(() => shown("button")[0] === "online");
    await his.put({ ...allergy, code: { text: "Penicillin" } }).saved;
    await until(() => shown("li").join() === "Penicillin");
    document.querySelector("button")!.click();
    await until(() => his.list("AllergyIntolerance").length === 2);
    await until(() => shown("li").sort().join() === "Latex,Penicillin");
  });
});

describe("the README", () => {
  const readme = readFileSync(join(EXAMPLES, "../README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code: code! }));
  const shown = blocks.filter(({ language }) => language !== "sh");
  const examples = readdirSync(EXAMPLES);

  test("shows every example as it is, and no other code", () => {
    expect(shown.map(({ code }) => code)).toEqual(expect.arrayContaining(examples.map(source)));
    for (const { code } of shown) expect(examples.map(source)).toContain(code);
  });

  test("says of every code of an error what to do", () => {
    const ts = join(EXAMPLES, "../ts");
    const sources = readdirSync(ts, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts")).map((name) => readFileSync(join(ts, name), "utf8"));
    const codes = new Set(sources.flatMap((text) => [...text.matchAll(/(?:ChartroomError\(\s*|\bcode: )"([a-z]+(?:-[a-z]+)*)"/g)].map(([, code]) => code!)));
    const told = readme.split("\n").filter((line) => line.startsWith("| `")).flatMap((line) => [...line.split("|")[1]!.matchAll(/`([^`]+)`/g)].map(([, code]) => code));
    expect(codes.size).toBeGreaterThan(30);
    expect(told).toEqual(expect.arrayContaining([...codes]));
    expect(new Set(told).size).toBe(told.length);
  });

  test("names files that the package has", () => {
    const { dependencies, exports } = JSON.parse(readFileSync(join(EXAMPLES, "../package.json"), "utf8")) as { dependencies: object; exports: Record<string, unknown> };
    expect(source("page.html")).toContain("/node_modules/chartroom/dist/index.js");
    expect(JSON.stringify(exports["."])).toContain("./dist/index.js");
    // A page without a bundler finds no other packages.
    expect(readFileSync(join(EXAMPLES, "../dist/index.js"), "utf8")).not.toMatch(/\bfrom\s*["'][^./]|\bimport\s*\(?["'][^./]/);
    expect(Object.keys(dependencies)).toEqual(["@types/fhir"]);
  });

  test("examples are short", () => {
    for (const name of examples) expect([name, source(name).trim().split("\n").length]).toEqual([name, expect.toSatisfy((lines: number) => lines <= 20)]);
  });
});
