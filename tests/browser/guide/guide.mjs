// The user guide as the tests follow it: its pages, the headings with steps, the names in bold, the pictures.
import assert from "node:assert/strict";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, until } from "../../support/server.mjs";

export const FOLDER = join(ROOT, "docs", "guide");
const PLACES = [join(ROOT, "tests", "artifacts", "guide"), ...(process.env.CHARTROOM_WRITE_DOCS ? [join(FOLDER, "images")] : [])];
const BYTES_MAX = 120_000;
/** Around what a picture is of. */
const MARGIN = 12;

/** One heading of the guide with what stands beneath it, while a test does what it says. */
export class Section {
  #unnamed;
  #untaken;

  constructor(page, heading, text) {
    Object.assign(this, { page, heading, text });
    this.#unnamed = new Set(this.names);
    this.#untaken = new Set(this.pictures);
  }

  get hasSteps() {
    return this.heading !== "" && /^1\. /m.test(this.text);
  }

  /** What the guide calls things of the page by: buttons, fields, tabs. */
  get names() {
    return [...this.text.matchAll(/\*\*(.+?)\*\*/g)].map(([, name]) => name);
  }

  get pictures() {
    return [...this.text.matchAll(/!\[[^\]]+\]\(images\/([\w-]+)\.webp\)/g)].map(([, name]) => name);
  }

  /** The commands that the guide gives to type, for a server at an address. */
  commands(address) {
    return [...this.text.matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, command]) => command.replaceAll("http://127.0.0.1:8080", address));
  }

  /** A name of the page as the guide has it in bold here; fails where it does not. */
  name(name) {
    assert.ok(this.names.includes(name), `“${this.heading}” of ${this.page} says **${name}**`);
    this.#unnamed.delete(name);
    return name;
  }

  /** Takes a picture that the guide shows here: of all that a window shows, or of one thing in it. */
  async picture(name, { page }, locator) {
    assert.ok(this.pictures.includes(name), `“${this.heading}” of ${this.page} shows ${name}.webp`);
    this.#untaken.delete(name);
    await locator?.scrollIntoViewIfNeeded();
    await page.mouse.move(0, 0);
    if (!(await locator?.getByRole("button", { name: "Dismiss" }).count())) await dismissAll(page);
    const bytes = await webp(page, locator);
    for (const place of PLACES) {
      await mkdir(place, { recursive: true });
      await writeFile(join(place, `${name}.webp`), bytes);
    }
  }

  /** All that the guide names and shows here was used. */
  finish() {
    assert.deepEqual([...this.#unnamed], [], `what “${this.heading}” of ${this.page} names is there`);
    assert.deepEqual([...this.#untaken], [], `what “${this.heading}” of ${this.page} shows was taken`);
  }
}

/** Every page of the guide as its sections, in order. */
export async function sections() {
  const pages = (await readdir(FOLDER)).filter((name) => name.endsWith(".md")).sort();
  const all = await Promise.all(
    pages.map(async (page) => {
      const text = await readFile(join(FOLDER, page), "utf8");
      return text.split(/^## /m).map((part, index) => new Section(page, index === 0 ? "" : part.slice(0, part.indexOf("\n")), part));
    }),
  );
  return all.flat();
}

/** Closes notices of what was done before, as a reader would; they are not what the next picture is about. */
async function dismissAll(page) {
  const buttons = page.getByRole("button", { name: "Dismiss", includeHidden: true });
  // Another one may come meanwhile.
  await until("no notice is left", async () => {
    await buttons.evaluateAll((all) => all.forEach((button) => button.click()));
    return (await buttons.count()) === 0;
  });
}

/** Chromium writes WebP, which Playwright's own screenshots do not; the best quality that is small enough. */
async function webp(page, locator) {
  const viewport = page.viewportSize();
  const box = (await locator?.boundingBox()) ?? { x: 0, y: 0, ...viewport };
  const [left, top] = [Math.max(0, box.x - MARGIN), Math.max(0, box.y - MARGIN)];
  const [right, bottom] = [Math.min(viewport.width, box.x + box.width + MARGIN), Math.min(viewport.height, box.y + box.height + MARGIN)];
  const [scrollX, scrollY] = await page.evaluate(() => [window.scrollX, window.scrollY]);
  const clip = { x: left + scrollX, y: top + scrollY, width: right - left, height: bottom - top, scale: 1 };
  const session = await page.context().newCDPSession(page);
  try {
    for (const quality of [85, 70, 50]) {
      const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality, clip });
      const bytes = Buffer.from(data, "base64");
      if (bytes.length <= BYTES_MAX) return bytes;
    }
    return assert.fail("a picture of the guide is too large");
  } finally {
    await session.detach();
  }
}
