// docs/embedding.md as it stands there: its commands, its files and its code against a server with
// sign-in, with a page of another site in Chromium.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFile, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BINARY, ROOT, SAMPLES, Server, freePort, temporaryFolder, until } from "../support/server.mjs";
import { signInArguments, token } from "../support/sign_in.mjs";
import { browser } from "./pages.mjs";
import { Site } from "./site.mjs";

const ADDRESS = "127.0.0.1:8080";
const ORIGIN = "http://127.0.0.1:3000";
const ROOM = "patient:priya-sandahl";
const ISSUED = { iss: "https://idp.example", aud: "chartroom", scope: "user/*.cruds" };
const TOKENS = {
  alice: token("alice", 600, { ...ISSUED, name: "Alice Chen", roles: ["physician"] }),
  bob: token("bob", 600, { ...ISSUED, name: "Bob Diaz", roles: ["physician"] }),
  back: token("back-end", 600, { ...ISSUED, scope: "user/*.rs", name: "Back end", roles: ["integration"] }),
};

const document = await readFile(join(ROOT, "docs", "embedding.md"), "utf8");
const blocks = [...document.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));
const of = (wanted) => blocks.filter(({ language }) => language === wanted).map(({ code }) => code);
const [page] = of("html");
const [chart, reader] = of("js");
const [importing, serving, whoami, installing, reading] = of("sh");

let folder, server, site, chromium;

before(async () => {
  folder = await temporaryFolder("embedding");
  await mkdir(join(folder.path, "bundles"));
  for (const name of await readdir(SAMPLES)) if (name.endsWith(".json")) await copyFile(join(SAMPLES, name), join(folder.path, "bundles", name));
  await signInArguments(folder.path, {});
  const [signIn, roles] = of("json");
  for (const [name, text] of [["sign-in.json", signIn], ["roles.json", roles]]) await writeFile(join(folder.path, name), text);
  typed(importing);

  const port = await freePort();
  const code = chart.replace(ADDRESS, `127.0.0.1:${port}`);
  const html = page.replace("/node_modules/chartroom/dist/", "/chartroom/");
  site = await Site.start({ replaced: { "/index.html": html, "/chart.js": code, "/chartroom-token": TOKENS.alice } });
  const [, options] = /^chartroom --data charts serve (.*)$/m.exec(serving);
  const args = options.replace(ORIGIN, site.origin).split(" ").map((word) => (word.endsWith(".json") ? join(folder.path, word) : word));
  server = await Server.start(join(folder.path, "charts"), { port, args });
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  await site?.end();
  await server?.end();
  await folder?.remove();
});

/** Types a command of the page; what it prints. */
function typed(command, who) {
  const script = `chartroom() { "${BINARY}" "$@"; }\n${server ? command.replaceAll(`http://${ADDRESS}`, server.http) : command}`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: folder.path, encoding: "utf8", env: { ...process.env, TOKEN: who } });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Bob writes an allergy by FHIR, as another program would. */
async function bobAdds(id, elements) {
  const resource = { resourceType: "AllergyIntolerance", id, patient: { reference: "Patient/priya-sandahl" }, ...elements };
  const headers = { authorization: `Bearer ${TOKENS.bob}`, "content-type": "application/fhir+json" };
  const answer = await fetch(`${server.http}/fhir/R4/AllergyIntolerance/${id}`, { method: "PUT", headers, body: JSON.stringify(resource) });
  assert.equal(answer.status, 201, await answer.text());
}

test("the server says whom it takes a token for, and FHIR reads what was imported", () => {
  assert.match(typed(whoami, TOKENS.alice), /"alice"/);
  const { entry } = JSON.parse(typed(reading, TOKENS.alice));
  assert.deepEqual(entry.map(({ resource }) => resource.id).sort(), ["priya-sandahl-latex", "priya-sandahl-nitrofurantoin"]);
});

test("the page shows the room live, writes, names who is there and settles a conflict", async () => {
  const tab = await chromium.newPage();
  const errors = [];
  tab.on("pageerror", (error) => errors.push(error.message));
  await tab.goto(`${site.origin}/index.html`);
  const row = (text) => tab.getByRole("listitem").filter({ hasText: text });
  await row("Allergy to latex").waitFor();
  await bobAdds("pollen", { code: { text: "Pollen" } });
  await row("Pollen").waitFor();
  await tab.getByRole("textbox", { name: "Substance" }).fill("Codeine");
  await tab.getByRole("button", { name: "Add" }).click();
  await row("Codeine").waitFor();
  await tab.locator("#state").getByText("saved", { exact: true }).waitFor();
  const elsewhere = await chromium.newContext();
  await (await elsewhere.newPage()).goto(`${site.origin}/index.html`);
  await tab.locator("#here").getByText("Alice Chen").waitFor();
  await elsewhere.close();
  const path = `${server.http}/fhir/R4/AllergyIntolerance/pollen`;
  const read = await fetch(path, { headers: { authorization: `Bearer ${TOKENS.bob}` } });
  const [{ meta: _, ...pollen }, version] = [await read.json(), read.headers.get("etag")];
  for (const [who, criticality] of [["alice", "high"], ["bob", "low"]]) {
    const headers = { authorization: `Bearer ${TOKENS[who]}`, "content-type": "application/fhir+json", "if-match": version, prefer: "handling=merge" };
    assert.equal((await fetch(path, { method: "PUT", headers, body: JSON.stringify({ ...pollen, criticality }) })).status, 200);
  }
  await tab.getByRole("button", { name: /keep low \(Bob Diaz\)$/ }).waitFor();
  await tab.getByRole("button", { name: /keep high \(Alice Chen\)$/ }).click();
  await tab.locator("#conflicts button").first().waitFor({ state: "detached" });
  assert.deepEqual(errors, []);
  await tab.close();
});

test("the reader of events goes on where it was", async () => {
  const program = join(folder.path, "reader.mjs");
  await writeFile(program, reader.replace(ADDRESS, `127.0.0.1:${server.port}`));
  const follow = async (last, holds) => {
    const child = spawn(process.execPath, [program], { env: { ...process.env, TOKEN: TOKENS.back, LAST: last } });
    let said = "";
    child.stdout.on("data", (text) => (said += text));
    child.stderr.on("data", (text) => (said += text));
    await until("the reader heard it", () => holds.test(said), { standing: () => said });
    child.kill();
    return said.trim().split("\n");
  };
  const first = await follow("0", /ALLERGY\w* AllergyIntolerance\/pollen Bob Diaz/);
  const numbers = first.map((line) => Number(line.split(" ")[0]));
  await bobAdds("nickel", { code: { text: "Nickel" } });
  const second = await follow(String(numbers.at(-1)), /AllergyIntolerance\/nickel Bob Diaz/);
  assert.ok(second.every((line) => Number(line.split(" ")[0]) > numbers.at(-1)), "nothing comes twice");
});

test("the package that is installed is there, and every link leads somewhere", async () => {
  const [, path] = /npm install \.\.\/chartroom\/(\S+)/.exec(installing);
  assert.equal(JSON.parse(await readFile(join(ROOT, path, "package.json"), "utf8")).name, "chartroom");
  for (const [, target] of document.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) await stat(join(ROOT, "docs", target));
});

test("the workspace lets nobody frame it", async () => {
  assert.equal((await fetch(server.http)).headers.get("x-frame-options"), "DENY");
});
