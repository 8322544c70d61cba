/** Orders between FHIR and their forms: MedicationRequest, and ServiceRequest for laboratory and imaging. */
import { cautions } from "../medications/cautions";
import type { Json, Person, Resource } from "../shared/chartroom";
import { codedConcept, codingsOf, conceptCode, conceptText } from "../shared/fhir/concept";
import { dosageText, drugText, withDosage } from "../shared/fhir/dosage";
import { asList, asObjects, asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { type CodedTextValue, codedTextOf, conceptOf, NO_TEXT } from "../shared/panel/CodedText";
import type { Against, Making, SaveAs } from "../shared/panel/definition";

export type OrderKind = "medication" | "laboratory" | "imaging";

export interface OrderValues extends Record<string, unknown> {
  name: CodedTextValue;
  /** Of a medication alone. */
  dosage: string;
  /** Of imaging alone. */
  site: string;
  priority: string;
  reason: string;
  note: string;
  status: string;
  /** Why it is signed in spite of warnings. */
  anyway: string;
}

export const PRIORITY = ["routine", "urgent", "asap", "stat"];

const ENDED = new Set(["completed", "stopped", "cancelled", "revoked", "entered-in-error"]);
const SNOMED = "http://snomed.info/sct";
const CATEGORIES = { laboratory: ["108252007", "Laboratory procedure"], imaging: ["363679005", "Imaging"] } as const;
/** R4 has no element for why a ServiceRequest stands as it does; this is HL7's extension for it. */
const STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/request-statusReason";
const ISSUE = "signed-anyway";

/** Laboratory or imaging, by category; `other` for referrals and all else. */
export function serviceKind(resource: Resource): "laboratory" | "imaging" | "other" {
  for (const category of asList(resource["category"])) {
    const codes = codingsOf(category).map(({ code }) => code);
    const words = `${conceptText(category)} ${codes.join(" ")}`;
    if (codes.includes(CATEGORIES.laboratory[0]) || /laborator|\blab\b/i.test(words)) return "laboratory";
    if (codes.includes(CATEGORIES.imaging[0]) || /imaging|radiolog/i.test(words)) return "imaging";
  }
  return "other";
}

/** What medication orders of the chart are: not what a patient says to take, nor proposals. */
export function isMedicationOrder(resource: Resource): boolean {
  return !["proposal", "plan", "option"].includes(asText(resource["intent"]) ?? "");
}

export function orderName(resource: Resource): string {
  return (resource.resourceType === "MedicationRequest" ? drugText(resource) : conceptText(resource["code"])) || "Unnamed order";
}

/** Nothing is done about it any more. */
export function isOver(resource: Resource): boolean {
  return ENDED.has(asText(resource["status"]) ?? "");
}

export function blankOrder(): OrderValues {
  return { name: NO_TEXT, dosage: "", site: "", priority: "routine", reason: "", note: "", status: "draft", anyway: "" };
}

export function readOrder(resource: Resource): OrderValues {
  const concept = resource["medicationCodeableConcept"] ?? resource["code"];
  return {
    name: concept ? codedTextOf(concept) : { text: drugText(resource), concept: null },
    dosage: dosageText(resource),
    site: conceptText(asList(resource["bodySite"])[0]),
    priority: asText(resource["priority"]) ?? "routine",
    reason: conceptText(asList(resource["reasonCode"])[0]),
    note: asText(asObjects(resource["note"])[0]?.["text"]) ?? "",
    status: conceptCode(resource["status"]) ?? "",
    anyway: signedAnyway(resource),
  };
}

/** What speaks against putting the drug in force; nothing of an order in force whose drug stays. */
export function orderCautions(kind: OrderKind, values: OrderValues, { room, id }: Against): readonly string[] {
  const before = id === undefined ? undefined : room.get("MedicationRequest", id);
  const stands = before !== undefined && before["status"] !== "draft" && drugText(before) === values.name.text.trim();
  return kind !== "medication" || stands ? [] : cautions(room, values.name, id);
}

/** A draft needs a name; what is in force has to be clear to whoever carries it out. */
export function validateOrder(kind: OrderKind, values: OrderValues, against?: Against): Partial<Record<keyof OrderValues & string, string>> {
  const problems: Partial<Record<string, string>> = {};
  if (values.name.text.trim() === "") {
    problems["name"] = { medication: "Name the drug.", laboratory: "Name the test.", imaging: "Name the study." }[kind];
  }
  if (values.status !== "draft") {
    if (kind === "medication" && values.dosage.trim() === "") problems["dosage"] = "Say how much, how and how often before you sign.";
    if (kind === "imaging" && values.reason.trim() === "") problems["reason"] = "Say what the study is to answer before you sign.";
    if (against && values.anyway.trim() === "" && orderCautions(kind, values, against).length > 0) problems["anyway"] = "Say why you sign in spite of the warning.";
  }
  return problems as Partial<Record<keyof OrderValues & string, string>>;
}

/** The elements of the changed fields. Whoever puts an order in force is who ordered it. */
export function orderElements(
  kind: OrderKind,
  values: OrderValues,
  changed: ReadonlySet<string>,
  before: Resource | undefined,
  person?: Person,
): Record<string, Json> {
  const elements: Record<string, Json> = {};
  if (changed.has("name")) {
    elements[kind === "medication" ? "medicationCodeableConcept" : "code"] = conceptOf(values.name);
    if (before?.["medicationReference"] !== undefined) elements["medicationReference"] = null;
  }
  if (changed.has("dosage") && kind === "medication") elements["dosageInstruction"] = withDosage(before, values.dosage);
  if (changed.has("anyway") && values.anyway.trim() !== "") Object.assign(elements, withIssue(before, values.anyway.trim(), person));
  if (changed.has("site") && kind === "imaging") elements["bodySite"] = withFirst(before?.["bodySite"], values.site);
  if (changed.has("priority")) elements["priority"] = values.priority;
  if (changed.has("reason")) elements["reasonCode"] = withFirst(before?.["reasonCode"], values.reason);
  if (changed.has("note")) elements["note"] = withFirst(before?.["note"], values.note);
  if (changed.has("status")) {
    elements["status"] = values.status;
    if (person && values.status === "active") elements["requester"] = { display: person.name };
  }
  return elements;
}

export function orderFrame(kind: OrderKind, { patientId, person, now }: Making): Record<string, Json> {
  return {
    intent: "order",
    subject: { reference: `Patient/${patientId}` },
    authoredOn: now.toISOString(),
    requester: { display: person.name },
    ...(kind !== "medication" && { category: [codedConcept(SNOMED, CATEGORIES[kind][0], CATEGORIES[kind][1])] }),
  };
}

/** A draft is signed or kept; a signed order is changed. */
export function saveOrderAs(resource: Resource | undefined): readonly SaveAs<OrderValues>[] | undefined {
  if (resource && resource["status"] !== "draft") return undefined;
  return [
    { label: "Save draft", values: { status: "draft" }, isMain: false },
    { label: "Sign order", values: { status: "active" }, isMain: true },
  ];
}

/** Why it stands as it does, where somebody said so. */
export function statusReason(resource: Resource): string {
  const extension = asObjects(resource["extension"]).find(({ url }) => url === STATUS_REASON);
  return conceptText(resource["statusReason"]) || conceptText(extension?.["valueCodeableConcept"]);
}

/** What belongs to an order in short. */
export function orderDetail(resource: Resource): string {
  const reason = asList(resource["reasonCode"]).map(conceptText).filter(Boolean).join(", ");
  const why = statusReason(resource);
  const anyway = signedAnyway(resource);
  const { requester } = resource as { requester?: { display?: unknown } };
  return [
    why && `${resource["status"] === "active" ? "Resumed" : codeWord(resource["status"])}: ${why}`,
    dosageText(resource) || asList(resource["bodySite"]).map(conceptText).join(", "),
    reason && `for ${reason}`,
    anyway && `signed anyway: ${anyway}`,
    asText(requester?.display) && `${resource["status"] === "draft" ? "drafted" : "ordered"} by ${asText(requester?.display)}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Drafts first, which wait for a signature; then what is urgent. */
export function orderRank(resource: Resource): number {
  if (resource["status"] === "draft") return 0;
  return PRIORITY.length - PRIORITY.indexOf(asText(resource["priority"]) ?? "routine");
}

export function urgency(resource: Resource): string | undefined {
  const priority = asText(resource["priority"]) ?? "routine";
  return priority === "routine" || isOver(resource) ? undefined : codeWord(priority);
}

/** A new status with its reason, which takes the place of an older status's reason. */
export function withStatusReason(resource: Resource, status: string, reason: string): Record<string, Json> {
  const concept = { text: reason };
  if (resource.resourceType === "MedicationRequest") return { status, statusReason: concept };
  const others = asObjects(resource["extension"]).filter(({ url }) => url !== STATUS_REASON) as Json[];
  return { status, extension: [...others, { url: STATUS_REASON, valueCodeableConcept: concept }] };
}

/** The warning that was overridden, as FHIR keeps it: a DetectedIssue with what was done about it. */
function withIssue(before: Resource | undefined, reason: string, person: Person | undefined): Record<string, Json> {
  const others = asObjects(before?.["contained"]).filter(({ id }) => id !== ISSUE) as Json[];
  const mitigation = { action: { text: reason }, ...(person && { author: { display: person.name } }) };
  return {
    contained: [...others, { resourceType: "DetectedIssue", id: ISSUE, status: "final", mitigation: [mitigation] }],
    detectedIssue: [{ reference: `#${ISSUE}` }],
  };
}

function signedAnyway(resource: Resource): string {
  const issue = asObjects(resource["contained"]).find(({ id }) => id === ISSUE);
  return conceptText(asObjects(issue?.["mitigation"])[0]?.["action"]);
}

/** The form writes the first of a list; the others stay. */
function withFirst(before: unknown, words: string): Json {
  const text = words.trim();
  const all = [...(text === "" ? [] : [{ text }]), ...(asList(before).slice(1) as Json[])];
  return all.length === 0 ? null : all;
}
