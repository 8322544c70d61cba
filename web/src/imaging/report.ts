/** Reports of images between FHIR's DiagnosticReport, the study that they are of, and their form. */
import type { Json, Person, Resource } from "../shared/chartroom";
import { codedConcept, conceptText } from "../shared/fhir/concept";
import { asList, asObjects, asText } from "../shared/fhir/read";
import { type CodedTextValue, codedTextOf, conceptOf, NO_TEXT } from "../shared/panel/CodedText";
import type { EntryAct, Making, SaveAs } from "../shared/panel/definition";
import { referenceIds } from "./reference";
import type { Study } from "./study";

export interface ReportValues extends Record<string, unknown> {
  /** `ImagingStudy/…`, or nothing. */
  study: string;
  name: CodedTextValue;
  conclusion: string;
  status: string;
  /** Why a report that was final is changed. */
  amendment: string;
}

/** The sections that make images, as docs/events.md counts them. */
const CATEGORIES = new Set(["imaging", "RAD", "LP29684-5", "CT", "CUS", "NMR", "NMS", "OUS", "RUS", "RX", "VUS", "XRC"]);
const FINAL = new Set(["final", "amended", "corrected", "appended"]);
const VOID = new Set(["cancelled", "entered-in-error"]);
/** R4's reports have no note; this is HL7's extension for R5's. */
const NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note";

export function isImagingReport(resource: Resource): boolean {
  const codes = asObjects(resource["category"]).flatMap((category) => [asText(category["text"]), ...asObjects(category["coding"]).map(({ code }) => asText(code))]);
  return codes.some((code) => code !== undefined && CATEGORIES.has(code)) || referenceIds(resource["imagingStudy"]).length > 0;
}

export function isFinal(resource: Resource): boolean {
  return FINAL.has(asText(resource["status"]) ?? "");
}

export function isVoid(resource: Resource): boolean {
  return VOID.has(asText(resource["status"]) ?? "");
}

/** The reports of each study: named by them, else of the same order, else the one study of their encounter. */
export function reportsByStudy(studies: readonly Study[], reports: readonly Resource[]): ReadonlyMap<string, readonly Resource[]> {
  const here = new Set(studies.map(({ key }) => key));
  const byOrder = indexed(studies, "basedOn");
  const byEncounter = indexed(studies, "encounter");
  const found = new Map<string, Resource[]>();
  for (const report of reports) {
    const named = referenceIds(report["imagingStudy"]);
    const ordered = referenceIds(report["basedOn"]).flatMap((order) => byOrder.get(order) ?? []);
    const met = referenceIds(report["encounter"]).flatMap((encounter) => byEncounter.get(encounter) ?? []);
    const keys = named.length > 0 ? named.filter((key) => here.has(key)) : ordered.length > 0 ? ordered : met.length === 1 ? met : [];
    for (const key of new Set(keys)) found.set(key, [...(found.get(key) ?? []), report]);
  }
  return found;
}

function indexed(studies: readonly Study[], element: string): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>();
  for (const { key, resource } of studies) {
    for (const id of referenceIds(resource[element])) index.set(id, [...(index.get(id) ?? []), key]);
  }
  return index;
}

/** Who read the images. */
export function readers(report: Resource): string {
  const named = asObjects(report["resultsInterpreter"]).length > 0 ? report["resultsInterpreter"] : report["performer"];
  return asObjects(named).flatMap((one) => asText(one["display"]) ?? []).join(", ");
}

/** Why it was amended, each time. */
export function amendments(report: Resource): readonly string[] {
  return asObjects(report["extension"]).flatMap(({ url, valueAnnotation }) => {
    if (url !== NOTE) return [];
    const { text, authorString } = valueAnnotation as { text?: unknown; authorString?: unknown };
    return [[asText(text), asText(authorString)].filter(Boolean).join(" – ")];
  });
}

export function reportName(report: Resource): string {
  return conceptText(report["code"]) || "Unnamed report";
}

export function blankReport(study?: Study): ReportValues {
  const name = study ? { text: study.label, concept: null } : NO_TEXT;
  return { study: study ? `ImagingStudy/${study.key}` : "", name, conclusion: "", status: "preliminary", amendment: "" };
}

export function readReport(report: Resource): ReportValues {
  const [study] = referenceIds(report["imagingStudy"]);
  return {
    study: study ? `ImagingStudy/${study}` : "",
    name: codedTextOf(report["code"]),
    conclusion: asText(report["conclusion"]) ?? "",
    status: asText(report["status"]) ?? "",
    amendment: "",
  };
}

export function validateReport(values: ReportValues): Partial<Record<keyof ReportValues & string, string>> {
  return {
    ...(values.name.text.trim() === "" && { name: "Name the examination." }),
    ...(values.conclusion.trim() === "" && { conclusion: "Say what the images show." }),
    ...(values.status === "amended" && values.amendment.trim() === "" && { amendment: "Say why the report is amended." }),
  };
}

/** Whoever makes a report final, or amends it, has read the images. */
export function reportElements(values: ReportValues, changed: ReadonlySet<string>, before: Resource | undefined, person?: Person): Record<string, Json> {
  const elements: Record<string, Json> = {};
  const amendment = values.amendment.trim();
  if (changed.has("study")) {
    const others = asList(before?.["imagingStudy"]).slice(1) as Json[];
    elements["imagingStudy"] = values.study === "" ? null : [{ reference: values.study }, ...others];
  }
  if (changed.has("name")) elements["code"] = conceptOf(values.name);
  if (changed.has("conclusion")) elements["conclusion"] = values.conclusion.trim() || null;
  if (changed.has("status")) elements["status"] = values.status;
  if (amendment !== "") {
    const note = { text: amendment, time: new Date().toISOString(), ...(person && { authorString: person.name }) };
    elements["extension"] = [...(asList(before?.["extension"]) as Json[]), { url: NOTE, valueAnnotation: note }];
  }
  if (person && FINAL.has(values.status) && (changed.has("status") || amendment !== "")) return { ...elements, ...signed(before, person) };
  return elements;
}

export function reportFrame({ patientId, person, now }: Making): Record<string, Json> {
  return {
    category: [codedConcept("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology")],
    subject: { reference: `Patient/${patientId}` },
    issued: now.toISOString(),
    resultsInterpreter: [{ display: person.name }],
  };
}

/** A report is kept as preliminary or made final; a final one is amended. */
export function saveReportAs(report: Resource | undefined): readonly SaveAs<ReportValues>[] {
  if (report && isFinal(report)) return [{ label: "Save amendment", values: { status: "amended" }, isMain: true }];
  return [
    { label: "Save preliminary", values: { status: "preliminary" }, isMain: false },
    { label: "Save as final", values: { status: "final" }, isMain: true },
  ];
}

export function reportActs(report: Resource, person: Person): readonly EntryAct[] {
  if (isVoid(report)) return [];
  // Nobody has said why yet, so its form opens.
  if (isFinal(report)) return [{ verb: "Amend", done: "Amended", isMain: false, check: { status: "amended" }, elements: () => ({}) }];
  return [
    {
      verb: "Finalise",
      done: "Finalised",
      isMain: true,
      check: { status: "final" },
      elements: () => ({ status: "final", ...signed(report, person) }),
    },
  ];
}

function signed(before: Resource | undefined, person: Person): Record<string, Json> {
  const others = asObjects(before?.["resultsInterpreter"]).filter(({ display }) => display !== person.name) as Json[];
  return { issued: new Date().toISOString(), resultsInterpreter: [...others, { display: person.name }] };
}
