/** Where the images of a study are kept, and whether a browser can go there. */
import type { Resource } from "../shared/chartroom";
import { asObject, asObjects, asText } from "../shared/fhir/read";
import { referenceId } from "./reference";

export interface Place {
  readonly key: string;
  readonly name: string;
  /** Only where it is a page's address. */
  readonly href: string | undefined;
}

/** The endpoints of a study and of its series, each once. */
export function placesOf(study: Resource, endpoints: ReadonlyMap<string, Resource>): readonly Place[] {
  const references = [study, ...asObjects(study["series"])].flatMap((one) => asObjects(one["endpoint"]));
  const contained = new Map(asObjects(study["contained"]).map((one) => [`#${asText(one["id"])}`, one]));
  const places = references.map((reference): Place => {
    const to = asText(reference["reference"]) ?? "";
    const endpoint = contained.get(to) ?? endpoints.get(referenceId(to));
    const address = asText(endpoint?.["address"]) ?? "";
    const identifier = asText(asObject(reference["identifier"])?.["value"]);
    const name = asText(endpoint?.["name"]) ?? asText(reference["display"]) ?? (address || identifier || to);
    return { key: to || name, name, href: /^https?:\/\//i.test(address) ? address : undefined };
  });
  return [...new Map(places.map((place) => [place.key, place])).values()];
}
