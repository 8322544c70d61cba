/** FHIR's ImagingStudy, read for the page. */
import type { Resource } from "../shared/chartroom";
import { counted } from "../shared/counted";
import { conceptText } from "../shared/fhir/concept";
import { asObject, asObjects, asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { modalityCode, modalityText } from "./modality";
import { type Region, regionsOf } from "./region";

export interface Study {
  readonly key: string;
  readonly resource: Resource;
  readonly label: string;
  /** DICOM's codes, for the placeholder: `DX`. */
  readonly codes: string;
  readonly modality: string;
  /** Where its series say so, else where its words do; the first is where it stands. */
  readonly regions: readonly [Region, ...Region[]];
  readonly status: string;
  readonly isAvailable: boolean;
  readonly isVoid: boolean;
  readonly at: number;
  /** As recorded. */
  readonly time: string;
  readonly reason: string;
  /** "2 series, 14 images", or what there is not. */
  readonly extent: string;
  readonly series: readonly Series[];
  readonly numbers: readonly StudyNumber[];
}

export interface Series {
  readonly key: string;
  readonly label: string;
  readonly modality: string;
  readonly site: string;
  readonly images: string;
  /** Each title once, with how many images have it. */
  readonly titles: readonly { readonly title: string; readonly count: number }[];
}

/** An identifier with what it is. */
export interface StudyNumber {
  readonly name: string;
  readonly value: string;
}

const known = new WeakMap<Resource, Study>();

/** The study; the same object for the same resource, so that cards are not drawn again. */
export function studyOf(resource: Resource): Study {
  const study = known.get(resource) ?? read(resource);
  known.set(resource, study);
  return study;
}

/** Latest first. */
export function studiesOf(resources: readonly Resource[]): readonly Study[] {
  return resources.map(studyOf).sort((a, b) => b.at - a.at || (a.key < b.key ? -1 : 1));
}

/** How many, in words. */
export function countText(studies: number): string {
  return counted(studies, "study", "studies");
}

function read(resource: Resource): Study {
  const series = asObjects(resource["series"]);
  const modalities = distinct([...asObjects(resource["modality"]), ...series.map((one) => one["modality"])].filter((one) => modalityCode(one) !== ""), modalityCode);
  const modality = modalities.map(modalityText).join(", ");
  const sites = series.map((one) => one["bodySite"]).filter((site) => site !== undefined);
  const procedure = asObjects(resource["procedureCode"]).map(conceptText).filter(Boolean).join(", ");
  const description = asText(resource["description"]) || procedure;
  const regions = regionsOf(sites, `${description} ${procedure}`) as Study["regions"];
  const status = asText(resource["status"]) ?? "";
  const time = asText(resource["started"]) ?? series.flatMap((one) => asText(one["started"]) ?? [])[0] ?? "";
  return {
    key: resource.id,
    resource,
    label: description || unnamed(modality, sites),
    codes: modalities.map(modalityCode).join(" "),
    modality: modality || "Modality not recorded",
    regions,
    status: STATUS[status] ?? (codeWord(status) || "Status not recorded"),
    isAvailable: status === "available",
    isVoid: status === "cancelled" || status === "entered-in-error",
    at: Date.parse(time) || 0,
    time,
    reason: [...asObjects(resource["reasonCode"]).map(conceptText), ...asObjects(resource["reasonReference"]).map(conceptText)].filter(Boolean).join(", "),
    extent: extent(resource, series),
    series: series.map(readSeries),
    numbers: numbers(resource),
  };
}

function unnamed(modality: string, sites: readonly unknown[]): string {
  const where = new Set(sites.map((site) => siteText(site).toLowerCase()).filter(Boolean));
  return [modality || "Imaging study", ...where].join(", ");
}

/** SNOMED CT's full names say of what kind the concept is, which nobody needs to read. */
function siteText(site: unknown): string {
  return conceptText(site).replace(/ \(body structure\)$/, "");
}

function readSeries(series: Record<string, unknown>, index: number): Series {
  const instances = asObjects(series["instance"]);
  const titles = new Map<string, number>();
  for (const { title } of instances) {
    const text = asText(title);
    if (text) titles.set(text, (titles.get(text) ?? 0) + 1);
  }
  const side = conceptText(series["laterality"]);
  return {
    key: asText(series["uid"]) ?? String(index),
    label: asText(series["description"]) ?? `Series ${asText(series["number"]) ?? index + 1}`,
    modality: modalityText(series["modality"]) || "Not recorded",
    site: [siteText(series["bodySite"]), side && side.toLowerCase()].filter(Boolean).join(", ") || "Not recorded",
    images: imagesText(imageCount(series)),
    titles: [...titles].map(([title, count]) => ({ title, count })),
  };
}

function extent(resource: Resource, series: readonly Record<string, unknown>[]): string {
  const told = count(resource["numberOfSeries"]);
  if (series.length === 0 && !told) return "No series recorded";
  const images = count(resource["numberOfInstances"]) ?? series.reduce((sum, one) => sum + imageCount(one), 0);
  const many = Math.max(series.length, told ?? 0);
  return `${many} series, ${imagesText(images).toLowerCase()}${series.length < many ? `; ${series.length === 0 ? "none" : series.length} in this chart` : ""}`;
}

function imageCount(series: Record<string, unknown>): number {
  return count(series["numberOfInstances"]) ?? asObjects(series["instance"]).length;
}

function imagesText(images: number): string {
  return images === 0 ? "No images listed" : counted(images, "image");
}

function numbers(resource: Resource): readonly StudyNumber[] {
  return asObjects(resource["identifier"]).flatMap((identifier) => {
    const value = asText(identifier["value"]);
    if (!value) return [];
    const type = asObjects(asObject(identifier["type"])?.["coding"])[0]?.["code"];
    const isUid = value.startsWith("urn:oid:") || asText(identifier["system"]) === "urn:dicom:uid";
    const name = type === "ACSN" ? "Accession number" : conceptText(identifier["type"]) || (isUid ? "Study UID" : "Identifier");
    return [{ name, value: value.replace("urn:oid:", "") }];
  });
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 ? value : undefined;
}

function distinct<T>(items: readonly T[], key: (item: T) => string): readonly T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

const STATUS: Readonly<Record<string, string>> = {
  registered: "Registered, no images yet",
  available: "Available",
};
