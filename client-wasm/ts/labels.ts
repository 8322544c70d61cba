import type { Json, Resource } from "./types.js";

/**
 * Codes of `meta.security` that put a resource into a restricted compartment; the server's are in
 * `engine/src/document/labels.rs`, and a test compares.
 */
export const LABELS: ReadonlySet<string> = new Set([
  "BH", "COGN", "DVD", "EMOTDIS", "ETH", "ETHUD", "GDIS", "HIV", "MH", "MST", "OPIOIDUD", "PREGNANT",
  "PSY", "PSYTHPN", "SCA", "SDV", "SEX", "SICKLE", "SPI", "STD", "SUD", "TBOO", "VIO",
]);

/** The room of a chart that takes a resource: the chart's own, or the compartment of its labels. */
export function roomOf(chart: string, resource: Resource): string {
  if (resource.resourceType === "Patient") return chart;
  const meta = resource.meta as { security?: { code?: Json }[] } | undefined;
  const codes = (meta?.security ?? []).map(({ code }) => code).filter((code): code is string => LABELS.has(code as string));
  const labels = [...new Set(codes)].sort();
  return labels.length > 0 ? `${chart}~${labels.join(".")}` : chart;
}
