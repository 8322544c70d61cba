// The bundles of real patients, read with every digit.
//
// BUNDLES=/folder takes those below another folder.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ROOT } from "../support/server.mjs";
import { bare, mapTexts, read } from "./exact.mjs";
import { send } from "./requests.mjs";

const AT_ONCE = 8;
const SHARED = process.env.BUNDLES ?? join(ROOT, "..", "shared", "data");

/** Their files, practitioners first; none where the folder is absent. */
export function bundleFiles() {
  if (!existsSync(SHARED)) return [];
  const names = readdirSync(SHARED, { recursive: true }).filter((name) => /\.json(\.gz)?$/.test(name));
  const rank = (name) => [basename(name).startsWith("practitioner") ? 0 : 1, name].join();
  return names.sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).map((name) => join(SHARED, name));
}

export function textOf(file) {
  const bytes = readFileSync(file);
  return (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
}

/** The resources of a bundle as an import takes them: each with its id, and with relative references. */
export function importable(file) {
  const { entry } = read(textOf(file));
  const named = entry.map(({ fullUrl, resource }) => ({ fullUrl, resource: { ...resource, id: resource.id ?? fullUrl.replace("urn:uuid:", "") } }));
  const relative = new Map(named.map(({ fullUrl, resource }) => [fullUrl, `${resource.resourceType}/${resource.id}`]));
  const resources = named.map(({ resource }) => mapTexts(resource, (text, name) => (name === "reference" && text.startsWith("urn:uuid:") ? (relative.get(text) ?? text) : text)));
  // A chart needs its patient.
  return resources.sort((a, b) => (b.resourceType === "Patient") - (a.resourceType === "Patient"));
}

export const key = ({ resourceType, id }) => `${resourceType}/${id}`;

/** Does something to each item, some at a time. */
export async function each(items, act) {
  const waiting = items.values();
  const work = async () => {
    for (const item of waiting) await act(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Reads every resource and holds it against what was written. */
export async function compare(server, resources) {
  await each(resources, async (resource) => {
    const answer = await send(server, "Bob", "GET", `/${key(resource)}`);
    assert.equal(answer.status, 200, key(resource));
    assert.deepEqual(bare(read(answer.text)), bare(resource), key(resource));
  });
}
