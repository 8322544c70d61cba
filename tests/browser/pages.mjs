// Chromium, people at their windows, and what they do on a chart. Things are found by role and label.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { ROOT, Server, importSamples, temporaryFolder } from "../support/server.mjs";

const ARTIFACTS = join(ROOT, "tests", "artifacts");

/** Starts the browser; nothing of it reaches for the network. */
export function browser() {
  return chromium.launch(setup());
}

/** A browser that can be killed as a whole. */
export async function browserServer() {
  const server = await chromium.launchServer(setup());
  return { connect: () => chromium.connect(server.wsEndpoint()), kill: () => server.process().kill("SIGKILL") };
}

function setup() {
  const executablePath = process.env.CHROMIUM ?? spawnSync("sh", ["-c", "command -v chromium || command -v chromium-browser || command -v google-chrome"], { encoding: "utf8" }).stdout.trim();
  if (!executablePath) throw new Error("no Chromium found; install Debian's package chromium or set CHROMIUM");
  const args = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  // Chromium's own sandbox refuses to run as root.
  if (process.getuid() === 0) args.push("--no-sandbox");
  return { executablePath, args };
}

/** One person at one window, with everything that went wrong in it. */
export class Window {
  faults = [];
  #devtools;
  #watched;

  static async open(chromium, server, person) {
    const context = await chromium.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
    context.setDefaultTimeout(20_000);
    const window = new Window();
    Object.assign(window, { context, server, person });
    await window.#begin();
    return window;
  }

  /** Another tab of the same person in the same browser. */
  async another() {
    const tab = new Window();
    Object.assign(tab, { context: this.context, server: this.server, person: this.person });
    await tab.#begin();
    return tab;
  }

  async #begin() {
    this.page = await this.context.newPage();
    this.page.on("pageerror", (error) => this.faults.push(error.message));
    this.page.on("console", (message) => {
      // A server that is away is part of the test; the browser calls each attempt an error.
      if (message.type() === "error" && !/ERR_CONNECTION|WebSocket connection|Failed to load resource/.test(message.text())) this.faults.push(message.text());
    });
  }

  async patients() {
    await this.page.goto(`${this.server.http}/?as=${this.person}`);
    // It comes with the list, and takes the focus.
    await this.page.getByRole("searchbox", { name: "Search patients" }).waitFor();
  }

  /** A chart, with all that the server has of it: what others write from then on comes while it is open. */
  async chart(patient) {
    await this.page.goto(`${this.server.http}/patients/${patient}?as=${this.person}`);
    await this.panel("Allergies").waitFor();
    await this.saveState(/^\s*(Saved|Read only)\s*$/);
  }

  panel(title) {
    return this.page.getByRole("region", { name: title });
  }

  entry(panel, label) {
    return this.panel(panel).getByRole("row").filter({ has: this.page.getByRole("rowheader", { name: label }) });
  }

  async addAllergy({ substance, criticality, reaction }) {
    await this.panel("Allergies").getByRole("button", { name: "Add allergy" }).click();
    const dialog = this.page.getByRole("dialog", { name: "Add allergy" });
    await dialog.getByLabel("Substance").fill(substance);
    await dialog.getByLabel("Criticality").selectOption({ label: criticality });
    if (reaction) await dialog.getByLabel("Reaction").fill(reaction);
    await dialog.getByRole("button", { name: "Add allergy" }).click();
    await dialog.waitFor({ state: "detached" });
  }

  async editAllergy(label, change) {
    await this.panel("Allergies").getByRole("button", { name: `Edit ${label}` }).click();
    const dialog = this.page.getByRole("dialog", { name: "Edit allergy" });
    await change(dialog);
    await dialog.getByRole("button", { name: "Save changes" }).click();
    await dialog.waitFor({ state: "detached" });
  }

  async removeAllergy(label) {
    await this.panel("Allergies").getByRole("button", { name: `Remove ${label}` }).click();
  }

  /** A page of the chart by its tab. */
  async tab(name) {
    await this.page.getByRole("tab", { name }).click();
    await this.page.getByRole("tab", { name, selected: true }).waitFor();
    await this.opened();
  }

  /** Waits until the page of the chart is there, and what it reads. */
  opened() {
    return this.page.getByRole("status", { name: /^(Opening|Loading)/ }).first().waitFor({ state: "detached" });
  }

  /** Who else is on the patient, as the header names them: "Bob Diaz, in Orders". */
  colleague(name) {
    return this.page.getByRole("list", { name: "Also on this patient" }).getByRole("listitem", { name });
  }

  /** A badge of the header. */
  count(text) {
    return this.page.getByRole("group", { name: "Chart summary" }).getByText(text, { exact: true });
  }

  /** The bar at the foot of every page while edits do not get to the server. */
  connection(text) {
    return this.page.getByRole("status", { name: "Connection" }).filter({ hasText: text });
  }

  /** The bar above every page. */
  get alerts() {
    return this.page.getByRole("region", { name: "Alerts" });
  }

  /** Fills in a new medication order and presses one of the form's buttons. */
  async orderMedication({ drug, dosage }, button) {
    await this.panel("Medication orders").getByRole("button", { name: "Add medication order" }).click();
    const dialog = this.page.getByRole("dialog", { name: "Add medication order" });
    await dialog.getByRole("combobox", { name: "Drug" }).fill(drug);
    await dialog.getByRole("textbox", { name: "Dosage" }).fill(dosage);
    await dialog.getByRole("button", { name: button }).click();
    await dialog.waitFor({ state: "detached" });
  }

  /** Raises an alert for everybody. */
  async raise(kind, text) {
    await this.alerts.getByRole("button", { name: /alerts?$/ }).click();
    await this.page.getByRole("button", { name: "Raise an alert" }).click();
    const dialog = this.page.getByRole("dialog", { name: "Raise an alert" });
    await dialog.getByLabel("Kind").selectOption({ label: kind });
    await dialog.getByRole("textbox", { name: "Message" }).fill(text);
    await dialog.getByRole("button", { name: `Raise ${kind.toLowerCase()}` }).click();
    await dialog.waitFor({ state: "detached" });
    await this.page.getByRole("dialog", { name: "Alerts for everybody" }).getByRole("button", { name: "Close" }).click();
  }

  /** Light or dark, as the device asks for. */
  async colours(colorScheme) {
    await this.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await this.page.waitForFunction((scheme) => document.documentElement.dataset.mantineColorScheme === scheme, colorScheme);
  }

  /** Waits until the header says so; a bare word must be all that it says. */
  saveState(text) {
    const exactly = typeof text === "string" ? new RegExp(`^\\s*${text}\\s*$`) : text;
    return this.page.getByRole("status", { name: "Save state" }).filter({ hasText: exactly }).waitFor();
  }

  /** Waits until a dialog that has just come takes a press: in its first half second that was meant for what is beneath it. */
  calm() {
    return this.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 600))));
  }

  /** Loads the page anew once the browser lets it go without asking. */
  async reload() {
    await this.page.waitForFunction(() => window.dispatchEvent(new Event("beforeunload", { cancelable: true })));
    await this.page.reload();
  }

  /** From now on, remembers when this window's person last clicked. */
  watchClicks() {
    return this.page.evaluate(() => {
      document.addEventListener("click", () => (window.lastClick = performance.timeOrigin + performance.now()), true);
    });
  }

  lastClick() {
    return this.page.evaluate(() => window.lastClick);
  }

  /** The moment at which the page's text first does, or no longer does, contain some words. */
  async moment(words, { gone = false } = {}) {
    const handle = await this.page.evaluateHandle(
      ({ words, gone }) => {
        const now = () => performance.timeOrigin + performance.now();
        const holds = () => [...document.querySelectorAll("section")].some((section) => section.innerText.includes(words)) !== gone;
        const seen = new Promise((resolve) => {
          const observer = new MutationObserver(() => {
            if (!holds()) return;
            observer.disconnect();
            resolve(now());
          });
          observer.observe(document.body, { subtree: true, childList: true, characterData: true });
        });
        return { seen };
      },
      { words, gone },
    );
    return () => handle.evaluate(({ seen }) => seen);
  }

  /** From now on, remembers the times between the frames of this window, and what its thread works. */
  async watchFrames() {
    this.#devtools = await this.page.context().newCDPSession(this.page);
    // The thread's own time, which does not go on while others have the processor.
    await this.#devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    this.#watched = { busy: await this.#busySeconds(), at: performance.now() };
    await this.page.evaluate(() => {
      window.gaps = [];
      let last = performance.now();
      const frame = (now) => {
        window.gaps.push(now - last);
        last = now;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
  }

  /**
   * Asserts that the window's thread did not work all of the time since frames were watched. When they came
   * says more of the machine, on which everything else may be built, and is printed.
   */
  async smooth() {
    const gaps = (await this.page.evaluate(() => window.gaps.slice(1))).sort((a, b) => a - b);
    const at = (share) => gaps[Math.floor(gaps.length * share)];
    const busy = (await this.#busySeconds()) - this.#watched.busy;
    const share = busy / ((performance.now() - this.#watched.at) / 1000);
    console.log(`frames: median ${at(0.5).toFixed(0)} ms, 95 of 100 within ${at(0.95).toFixed(0)} ms, longest ${gaps.at(-1).toFixed(0)} ms; the thread was busy ${(share * 100).toFixed(0)} % of the time`);
    assert.ok(share < 0.9, "the thread does not work all of the time");
    assert.ok(at(0.5) < 100, "every other frame comes within a tenth of a second");
  }

  /** How long the window's thread has worked. */
  async #busySeconds() {
    const { metrics } = await this.#devtools.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value;
  }

  /** Light and dark. */
  async pictures(name) {
    for (const scheme of ["light", "dark"]) {
      await this.colours(scheme);
      await this.screenshot(`${name}-${scheme}`);
    }
    await this.colours("light");
  }

  async screenshot(name) {
    await mkdir(ARTIFACTS, { recursive: true });
    await this.page.screenshot({ path: join(ARTIFACTS, `${name}.png`) });
  }
}

/** A server with the sample patients, and Alice and Bob at a window each. */
export class Ward {
  windows = [];

  static async open(name) {
    const ward = new Ward();
    ward.folder = await temporaryFolder(name);
    const data = join(ward.folder.path, "store");
    await importSamples(data);
    ward.server = await Server.start(data);
    ward.chromium = await browser();
    ward.alice = await ward.join("alice");
    ward.bob = await ward.join("bob");
    return ward;
  }

  /** One more person at a window of their own, which reaches the server at its address or through a line. */
  async join(person, server = this.server) {
    const window = await Window.open(this.chromium, server, person);
    this.windows.push(window);
    return window;
  }

  /** Two edits of one resource, by people who did not know of each other's. */
  async dispute(reference, edits) {
    const path = `${this.server.http}/fhir/R4/${reference}`;
    const read = await fetch(path);
    const [{ meta: _, ...resource }, version] = [await read.json(), read.headers.get("etag")];
    for (const [person, elements] of edits) {
      const headers = { "content-type": "application/fhir+json", "if-match": version, prefer: "handling=merge", "x-chartroom-person": person };
      assert.equal((await fetch(path, { method: "PUT", headers, body: JSON.stringify({ ...resource, ...elements }) })).status, 200);
    }
  }

  /** Asserts that nothing went wrong in any window since it was last asked. */
  faultless() {
    for (const window of this.windows) assert.deepEqual(window.faults.splice(0), [], `${window.person}'s window is free of errors`);
  }

  async close() {
    await this.chromium?.close();
    await this.server?.end();
    await this.folder?.remove();
  }
}
