// Tabs of real browsers in which an app has the npm package open. What a test asks of a tab runs there.
import { setTimeout as pause } from "node:timers/promises";

/** A browser profile: tabs in it share a store. */
export class Device {
  static async open(chromium, site, server) {
    const device = new Device();
    Object.assign(device, { context: await chromium.newContext(), site, server });
    return device;
  }

  /** A tab in which `person` has opened the room; `options` go to `connect`. */
  async tab(person, room, options = {}) {
    const page = await this.context.newPage();
    const tab = new Tab(page);
    page.on("pageerror", (error) => tab.faults.push(error.message));
    page.on("crash", () => (tab.isCrashed = true));
    await page.goto(this.site.origin);
    await page.waitForFunction(() => window.chartroom !== undefined);
    const setup = { url: this.server.sync, person: { id: person, name: person[0].toUpperCase() + person.slice(1) }, backoff: { minMs: 20, maxMs: 200 }, ...options };
    await page.evaluate(
      async ([setup, name]) => {
        window.client = await window.chartroom.connect(setup);
        window.room = await window.client.open(name);
      },
      [setup, room],
    );
    return tab;
  }

  close() {
    return this.context.close();
  }
}

export class Tab {
  faults = [];
  isCrashed = false;

  constructor(page) {
    this.page = page;
  }

  /** Runs a function in the tab, with one argument; `room` and `client` are there. */
  does(act, argument) {
    return this.page.evaluate(act, argument);
  }

  /** Waits until a function in the tab gives something true, and gives that. */
  async until(what, holds, argument) {
    const handle = await this.page.waitForFunction(holds, argument, { polling: 10, timeout: 20_000 }).catch((error) => {
      throw new Error(`never so: ${what}`, { cause: error });
    });
    return handle.jsonValue();
  }

  saved() {
    return this.until("everything is saved", () => window.room.synced && window.room.unsaved === 0);
  }

  list(type) {
    return this.does((type) => window.room.list(type), type);
  }

  /** As the system does when it runs out of memory: nothing of the tab gets to say anything. */
  async crash() {
    const session = await this.page.context().newCDPSession(this.page);
    session.send("Page.crash").catch(() => {});
    for (const deadline = Date.now() + 5_000; Date.now() < deadline && !this.isCrashed; ) await pause(5);
  }
}

/** Runs in a tab: whether the store of its only client keeps so many refused edits. */
export async function refusalsInStore(count) {
  const [{ name }] = await indexedDB.databases();
  const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
  const database = await done(indexedDB.open(name));
  const found = await done(database.transaction("refusals").objectStore("refusals").count());
  database.close();
  return found === count;
}
