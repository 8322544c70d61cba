/** The reactions of an AllergyIntolerance: in words, and written without losing what words leave out. */
import type { Json } from "../chartroom";
import { conceptText } from "./concept";
import { asList, asObject, asText } from "./read";

/** All reactions in words. */
export function reactionText(resource: Record<string, unknown>): string {
  return asList(resource["reaction"])
    .flatMap((item) => {
      const reaction = asObject(item);
      const signs = manifestations(reaction) || asText(reaction?.["description"]);
      const severity = asText(reaction?.["severity"]);
      return signs ? [severity ? `${signs} (${severity})` : signs] : [];
    })
    .join("; ");
}

/** The signs of the first reaction, which is what a form edits. */
export function firstReactionText(resource: Record<string, unknown>): string {
  return manifestations(asObject(asList(resource["reaction"])[0]));
}

/**
 * The `reaction` element with the first reaction's signs replaced by `text`; signs that stay keep
 * their codes, the other reactions stay as they are. Null where nothing is left.
 */
export function withFirstReaction(before: Record<string, unknown> | undefined, text: string): Json {
  const reactions = asList(before?.["reaction"]);
  const first = asObject(reactions[0]);
  const rest = reactions.slice(1) as Json[];
  const words = text.split(/[,;]/).flatMap((word) => asText(word) ?? []);
  if (words.length === 0) return rest.length > 0 ? rest : null;
  const known = new Map(asList(first?.["manifestation"]).map((sign) => [conceptText(sign), sign]));
  const manifestation = words.map((word) => (known.get(word) as Json | undefined) ?? { text: word });
  return [{ ...(first as Record<string, Json> | undefined), manifestation }, ...rest];
}

function manifestations(reaction: Record<string, unknown> | undefined): string {
  return asList(reaction?.["manifestation"]).map(conceptText).filter(Boolean).join(", ");
}
