/** A Patient's name, sex and identifiers. */
import { capital } from "../capital";
import { asList, asObject, asText } from "./read";

/** The name to call the patient by: official, else usual, else any that is not old; as recorded. */
export function patientName(patient: unknown): string {
  const names = asList(asObject(patient)?.["name"]).flatMap((name) => {
    const object = asObject(name);
    return object ? [object] : [];
  });
  const chosen =
    names.find((name) => name["use"] === "official") ??
    names.find((name) => name["use"] === "usual") ??
    names.find((name) => name["use"] !== "old" && name["use"] !== "maiden") ??
    names[0];
  if (!chosen) return "";
  const text = asText(chosen["text"]);
  if (text) return text;
  const parts = [...asList(chosen["prefix"]), ...asList(chosen["given"]), chosen["family"]];
  return parts.flatMap((part) => asText(part) ?? []).join(" ");
}

/** Administrative gender as a word. */
export function sexText(gender: unknown): string {
  const text = asText(gender);
  return text ? capital(text) : "Sex not recorded";
}

/** One identifier as shown: what kind it is and its value. */
export interface Identifier {
  label: string;
  value: string;
}

/** The medical record number if there is one; else the first identifier that may be shown. */
export function mainIdentifier(patient: unknown): Identifier | undefined {
  const all = identifiers(patient);
  return all.find((identifier) => identifier.label === "MRN") ?? all[0];
}

/** Identifiers to tell patients apart by, each once; those for other offices (tax, licence, passport) are left out. */
export function identifiers(patient: unknown): Identifier[] {
  const all = shownIdentifiers(patient);
  const isNamed = (value: string) => all.some((other) => other.value === value && other.label !== UNNAMED);
  return all.filter(({ label, value }) => label !== UNNAMED || !isNamed(value));
}

const UNNAMED = "ID";

function shownIdentifiers(patient: unknown): Identifier[] {
  return asList(asObject(patient)?.["identifier"]).flatMap((item) => {
    const identifier = asObject(item);
    const value = asText(identifier?.["value"]);
    if (!value) return [];
    const coding = asObject(asList(asObject(identifier?.["type"])?.["coding"])[0]);
    const code = asText(coding?.["code"]);
    if (code && PRIVATE.has(code)) return [];
    return [{ label: code === "MR" ? "MRN" : (code ?? UNNAMED), value }];
  });
}

const PRIVATE = new Set(["SS", "DL", "PPN", "TAX", "NI", "SB"]);
