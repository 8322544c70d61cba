/** What is in a note or document: a text that people write, a text that was filed, an image, a file. */
import type { Resource } from "../shared/chartroom";
import { asObject, asObjects, asText } from "../shared/fhir/read";

export type Content =
  /** Written together; it lies beside the resource. */
  | { readonly kind: "shared" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "image" | "file"; readonly type: string; readonly data: string; readonly name: string }
  /** Kept by another system. */
  | { readonly kind: "elsewhere"; readonly url: string };

const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

const known = new WeakMap<Resource, Content>();

/** The content of a note or document; read once. */
export function contentOf(resource: Resource): Content {
  const before = known.get(resource);
  if (before) return before;
  const content = resource.resourceType === "Composition" ? sectionsOf(resource) : attachmentOf(resource);
  known.set(resource, content);
  return content;
}

/** The attachment of a document, as recorded. */
export function attachment(resource: Resource | undefined): Record<string, unknown> {
  return asObject(asObjects(resource?.["content"])[0]?.["attachment"]) ?? {};
}

/** UTF-8 text as base64, which an attachment holds. */
export function toBase64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}

/** The bytes of base64; undefined where it is none. */
export function fromBase64(data: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const letters = atob(data);
    // A loop: thousands of notes are read for a search.
    const bytes = new Uint8Array(letters.length);
    for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
    return bytes;
  } catch {
    return undefined;
  }
}

function attachmentOf(resource: Resource): Content {
  const found = attachment(resource);
  const type = (asText(found["contentType"]) ?? "").toLowerCase();
  const data = asText(found["data"]);
  const url = asText(found["url"]);
  if (!data) return url ? { kind: "elsewhere", url } : { kind: "shared" };
  const [bare = "", charset] = type.split(/;\s*charset=/);
  if (bare === "" || bare.startsWith("text/")) {
    const text = decoded(data, charset);
    return { kind: "text", text: bare === "text/html" ? textOfMarkup(text) : text };
  }
  const name = asText(found["title"]) ?? asText(resource["description"]) ?? "document";
  return { kind: IMAGES.has(bare) ? "image" : "file", type: bare, data, name };
}

function sectionsOf(resource: Resource): Content {
  const parts = [resource, ...asObjects(resource["section"])].flatMap((part) => {
    const words = textOfMarkup(asText(asObject(part["text"])?.["div"]) ?? "");
    const title = part === resource ? undefined : asText(part["title"]);
    return words === "" && !title ? [] : [[title, words].filter(Boolean).join("\n")];
  });
  return { kind: "text", text: parts.join("\n\n") };
}

function decoded(data: string, charset = "utf-8"): string {
  const bytes = fromBase64(data);
  if (!bytes) return "This text cannot be read.";
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

/** The words of markup that nobody here wrote; none of it is carried out. */
function textOfMarkup(markup: string): string {
  const lines = markup.replace(/<br\s*\/?>|<\/(p|div|li|tr|h[1-6])>/gi, "$&\n");
  return new DOMParser().parseFromString(lines, "text/html").body.textContent.replace(/\n{3,}/g, "\n\n").trim();
}
