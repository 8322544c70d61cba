// Chromium, people at their windows, and what they do on a chart. Things are found by role and label.
import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { ROOT } from "../support/server.mjs";

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

  static async open(chromium, server, person) {
    const context = await chromium.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
    context.setDefaultTimeout(20_000);
    const window = new Window();
    window.context = context;
    window.server = server;
    window.person = person;
    window.page = await context.newPage();
    window.page.on("pageerror", (error) => window.faults.push(error.message));
    window.page.on("console", (message) => {
      // A server that is away is part of the test; the browser calls each attempt an error.
      if (message.type() === "error" && !/ERR_CONNECTION|WebSocket connection|Failed to load resource/.test(message.text())) window.faults.push(message.text());
    });
    return window;
  }

  async patients() {
    await this.page.goto(`${this.server.http}/?as=${this.person}`);
    await this.page.getByRole("heading", { name: "Patients", level: 1 }).waitFor();
  }

  async chart(patient) {
    await this.page.goto(`${this.server.http}/patients/${patient}?as=${this.person}`);
    await this.panel("Allergies").waitFor();
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

  /** Waits until the header says so; a bare word must be all that it says. */
  saveState(text) {
    const exactly = typeof text === "string" ? new RegExp(`^\\s*${text}\\s*$`) : text;
    return this.page.getByRole("status", { name: "Save state" }).filter({ hasText: exactly }).waitFor();
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

  async screenshot(name) {
    await mkdir(ARTIFACTS, { recursive: true });
    await this.page.screenshot({ path: join(ARTIFACTS, `${name}.png`) });
  }
}
