// JSON whose numbers are compared as they are written: 0.010 is not 0.01.
import { isLosslessNumber, parse, stringify } from "lossless-json";

export const read = parse;
export const write = stringify;

/** A resource as its writer has it: without what history says of it. */
export function bare(resource) {
  const { meta, ...rest } = resource;
  const { versionId: _, lastUpdated: __, ...kept } = meta ?? {};
  return Object.keys(kept).length > 0 ? { ...rest, meta: kept } : rest;
}

/** A value with every text as `change` makes it; members are named to it. */
export function mapTexts(value, change, name) {
  if (typeof value === "string") return change(value, name);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change, name));
  if (value === null || typeof value !== "object" || isLosslessNumber(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapTexts(member, change, name)]));
}
