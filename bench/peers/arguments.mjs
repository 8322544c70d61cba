// What every server here takes: `--port N` (0 takes a free one) and `--data DIR`.
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" }, data: { type: "string" } } });
if (values.data === undefined || !/^\d+$/.test(values.port)) {
  console.error("usage: node server.mjs --data DIR [--port N]");
  process.exit(2);
}
mkdirSync(values.data, { recursive: true });

export const { data } = values;
export const port = Number(values.port);
