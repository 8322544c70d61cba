import { ChartroomError } from "../errors.js";
import { RESOURCE_TYPES } from "../resource_types.js";
import type { Json, Resource } from "../types.js";

const TYPES = new Set(RESOURCE_TYPES);
/** FHIR R4, datatypes, id. */
const ID = /^[A-Za-z0-9.-]{1,64}$/;
/** Deeper than any resource; a value that holds itself is deeper than that. */
const DEPTH_MAX = 100;

/** Throws unless these can name a resource of FHIR R4. */
export function checkNames(type: unknown, id: unknown): void {
  if (typeof type !== "string" || !TYPES.has(type)) {
    throw new ChartroomError("unknown-resource-type", "resourceType is missing or is no FHIR R4 resource type; give the type's name, such as Condition");
  }
  if (typeof id !== "string" || !ID.test(id)) {
    throw new ChartroomError("bad-id", "id is missing or is not 1 to 64 letters, digits, dots and hyphens; give one, such as crypto.randomUUID()");
  }
}

/** A copy of a resource as JSON has it, which nobody else can change. */
export function plainResource(resource: unknown): Resource {
  if (typeof resource !== "object" || resource === null || Array.isArray(resource)) {
    throw new ChartroomError("bad-shape", "a resource is an object with resourceType and id");
  }
  const { resourceType, id } = resource as Resource;
  checkNames(resourceType, id);
  return plain(resource, resourceType) as unknown as Resource;
}

/** The same of a value of an element; `undefined` becomes null. */
export function plain(value: unknown, place: string, depth = 0): Json {
  if (depth > DEPTH_MAX) throw unfit(place, "holds itself, or is deeper than a resource can be");
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "undefined":
      return null;
    case "number":
      if (Number.isFinite(value)) return value;
      throw unfit(place, "is no number that JSON can hold");
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return value.map((item) => plain(item, place, depth + 1));
      if (isPlain(value)) {
        const entries = Object.entries(value).filter(([, item]) => item !== undefined);
        return Object.fromEntries(entries.map(([name, item]) => [name, plain(item, depth === 0 ? `${place}.${name}` : place, depth + 1)]));
      }
      throw unfit(place, "is an object of a class; FHIR has texts for dates, and plain objects");
    default:
      throw unfit(place, `is a ${typeof value}, which JSON cannot hold`);
  }
}

/** A text's name, or throws. */
export function checkElement(element: unknown): string {
  if (typeof element === "string" && /^[a-z]\w{0,63}$/i.test(element)) return element;
  throw new ChartroomError("bad-shape", "an element has a name of letters and digits");
}

/** Throws unless these can name a state of a room. */
export function checkHeads(heads: unknown): asserts heads is readonly string[] {
  if (!Array.isArray(heads) || heads.some((hash) => typeof hash !== "string")) {
    throw new ChartroomError("bad-shape", "heads are an array of hashes in hex, as room.heads() gives them");
  }
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Says where, by type and element, and nothing of what. */
function unfit(place: string, why: string): ChartroomError {
  return new ChartroomError("bad-value", `${place} ${why}`);
}
