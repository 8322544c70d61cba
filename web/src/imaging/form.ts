/** The report as it was issued: what of its attachments can be read here. */
import type { Resource } from "../shared/chartroom";
import { asObjects, asText } from "../shared/fhir/read";

export interface Form {
  readonly key: string;
  readonly title: string;
  /** Of a plain text. */
  readonly text: string | undefined;
  /** Of what is kept elsewhere, at a page's address. */
  readonly href: string | undefined;
}

export function formsOf(report: Resource): readonly Form[] {
  return asObjects(report["presentedForm"]).map((form, index) => {
    const type = asText(form["contentType"]) ?? "";
    const url = asText(form["url"]) ?? "";
    return {
      key: String(index),
      title: asText(form["title"]) ?? (type || "Attachment"),
      text: /^text\/(plain|markdown)\b/i.test(type) ? decoded(asText(form["data"])) : undefined,
      href: /^https?:\/\//i.test(url) ? url : undefined,
    };
  });
}

function decoded(data: string | undefined): string | undefined {
  if (!data) return undefined;
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(data.replaceAll(/\s/g, "")), (char) => char.charCodeAt(0)));
  } catch {
    // What is no base64 is said to be there, and not shown.
    return undefined;
  }
}
