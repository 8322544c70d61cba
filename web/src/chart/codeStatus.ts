/** What was decided about resuscitation, by codes first and by words where there are none. */
import type { Resource } from "../shared/chartroom";
import { codingsOf, conceptCode, conceptText } from "../shared/fhir/concept";
import { latestOfEach, observationValue, observedAt } from "../shared/fhir/observation";
import { asList, asObject, asText } from "../shared/fhir/read";

/** The decision, as the chart has it. */
export interface CodeStatus {
  readonly text: string;
  /** The FHIR date of the record. */
  readonly date: string;
  /** What other records say that are in force as well; a person has to look. */
  readonly others: readonly string[];
}

/** Where a chart may say it. */
export interface CodeStatusRecords {
  readonly flags: readonly Resource[];
  readonly observations: readonly Resource[];
  readonly consents: readonly Resource[];
  readonly orders: readonly Resource[];
}

interface Said {
  readonly text: string;
  readonly date: string;
}

/** The latest record; undefined where there is none, which never means that all is to be done. */
export function codeStatus({ flags, observations, consents, orders }: CodeStatusRecords): CodeStatus | undefined {
  const records = [
    ...flags.filter(isActive).filter(tellsCodeStatus).map(ofFlag),
    ...latestOfEach(observations.filter(isAboutIt)).flatMap(ofObservation),
    ...consents.filter(isActive).flatMap(ofConsent),
    ...orders.filter(isActive).flatMap(ofOrder),
  ].sort((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : 0));
  const [latest] = records;
  if (!latest) return undefined;
  const others = new Set(records.map(({ text }) => text));
  others.delete(latest.text);
  return { ...latest, others: [...others] };
}

/** Whether an Observation, a Consent or an order is a record of it. */
export function isCodeStatus(resource: Resource): boolean {
  if (resource.resourceType === "Observation") return isAboutIt(resource);
  return (resource.resourceType === "Consent" ? ofConsent(resource) : ofOrder(resource)).length > 0;
}

/** Whether a flag is about resuscitation. */
export function tellsCodeStatus(flag: Resource): boolean {
  const text = conceptText(flag["code"]);
  return decided(flag["code"]) !== undefined || NAMED.test(text) || DECIDED.test(text);
}

function ofFlag(flag: Resource): Said {
  const text = words(flag["code"]);
  return { text: text.replace(/^code status:?\s*/i, "") || text, date: asText(asObject(flag["period"])?.["start"]) ?? "" };
}

/** A question with its answer, which may be a bare yes or no, or the decision by itself. */
function ofObservation(observation: Resource): Said[] {
  const { code, valueBoolean: answer, valueCodeableConcept: concept } = observation;
  const text = typeof answer === "boolean" ? (answer ? (decided(code) ?? NOT_FOR) : NO_ORDER) : words(concept) || observationValue(observation) || decided(code);
  return text ? [{ text, date: observedAt(observation) }] : [];
}

/** A consent filed under "do not resuscitate" may also be to resuscitation: its provision says. */
function ofConsent(consent: Resource): Said[] {
  const provision = asList(asObject(consent["provision"])?.["code"])[0];
  const isFiled = asList(consent["category"]).some((category) => conceptCode(category) === "dnr");
  if (!isFiled && decided(provision) === undefined) return [];
  return [{ text: words(provision) || NOT_FOR, date: asText(consent["dateTime"]) ?? "" }];
}

/** An order for or against resuscitation. */
function ofOrder(order: Resource): Said[] {
  const decision = decided(order["code"]);
  if (decision === undefined && ![order["code"], ...asList(order["category"])].some(isQuestion)) return [];
  const isAgainst = order["doNotPerform"] === true && decision !== NOT_FOR;
  const text = isAgainst ? NOT_FOR : decision === undefined ? FOR : words(order["code"]);
  return [{ text, date: asText(order["authoredOn"]) ?? "" }];
}

function isAboutIt({ code, valueCodeableConcept: answer }: Resource): boolean {
  return isQuestion(code) || NAMED.test(conceptText(code)) || [code, answer].some((concept) => decided(concept) !== undefined);
}

function isQuestion(concept: unknown): boolean {
  return codingsOf(concept).some(({ system, code }) => QUESTIONS.has(`${system}|${code}`));
}

/** The decision that a code stands for. */
function decided(concept: unknown): string | undefined {
  return codingsOf(concept).flatMap(({ system, code }) => DECISIONS.get(`${system}|${code}`) ?? [])[0];
}

/** As it was recorded; what is recorded as a bare code, in our words. */
function words(concept: unknown): string {
  const text = conceptText(concept);
  return text === conceptCode(concept) ? (decided(concept) ?? text) : text;
}

function isActive(resource: Resource): boolean {
  return resource["status"] === "active";
}

const FOR = "For resuscitation";
const NOT_FOR = "Do not resuscitate";
const NO_ORDER = "No order against resuscitation";

const SNOMED = "http://snomed.info/sct";
const LOINC = "http://loinc.org";

/** Resuscitation status; CPR orders; whether there is an order not to resuscitate. */
const QUESTIONS: ReadonlySet<string> = new Set([`${SNOMED}|304251008`, `${LOINC}|100822-6`, `${LOINC}|81351-9`]);

/** SNOMED CT's findings, and the answers to LOINC's 100822-6 (PACIO Advance Directive IG). */
const DECISIONS: ReadonlyMap<string, string> = new Map([
  [`${SNOMED}|304252001`, FOR],
  [`${SNOMED}|450475007`, FOR],
  [`${SNOMED}|304253006`, NOT_FOR],
  [`${SNOMED}|450476008`, NOT_FOR],
  [`${SNOMED}|143021000119109`, NOT_FOR],
  [`${LOINC}|LA33470-8`, FOR],
  [`${LOINC}|LA33471-6`, NOT_FOR],
]);

const NAMED = /\bcode status\b|resuscitation status/i;
const DECIDED = /do not (attempt )?(resuscitat|intubat)|not for resuscitation|for resuscitation|\bDN(A?R|I)\b|\bfull code\b|comfort (care|measures) only/i;
