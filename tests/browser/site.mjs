// A site of plain files with the npm package beside them, as an app would serve it without a bundler.
// It stands apart from Chartroom's server, so that a page loads while that server is away.
import { createServer } from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { ROOT } from "../support/server.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** The page: it offers the package to the test, and nothing else. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>Chartroom</title><script type="module" src="/page.js"></script>`;
const SCRIPT = `import * as chartroom from "/chartroom/index.js";\nwindow.chartroom = chartroom;\n`;

export class Site {
  #server;

  /** `replaced` gives files by path in the place of the package's own; folders are served as they are. */
  static async start({ replaced = {}, folders = {} } = {}) {
    const site = new Site();
    const served = { chartroom: join(ROOT, "client-wasm", "dist"), ...folders };
    site.#server = createServer(async ({ url }, response) => {
      const path = normalize(new URL(url, "http://site").pathname);
      const [, folder, ...rest] = path.split("/");
      const own = { "/": PAGE, "/index.html": PAGE, "/page.js": SCRIPT, ...replaced }[path];
      const body = own ?? (served[folder] && (await readFile(join(served[folder], ...rest)).catch(() => undefined)));
      if (body === undefined) return void response.writeHead(404).end();
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/html", "cache-control": "no-store" }).end(body);
    });
    site.#server.listen(0, "127.0.0.1");
    await once(site.#server, "listening");
    return site;
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async end() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
