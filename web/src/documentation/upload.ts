/** Which files can be filed in a chart, and the reading of one. */
import { fromBase64 } from "./content";

/** What a file of a type begins with, as letters. */
const TYPES: Record<string, { readonly name: string; readonly begins: string }> = {
  "application/pdf": { name: "PDF", begins: "%PDF-" },
  "image/png": { name: "PNG", begins: "\x89PNG" },
  "image/jpeg": { name: "JPEG", begins: "\xff\xd8\xff" },
  "text/plain": { name: "text", begins: "" },
};

export const ACCEPTED = Object.keys(TYPES).join(",");
export const ACCEPTED_TEXT = "PDF, PNG, JPEG or plain text, up to 4 MB";

/**
 * A resource has 6 MiB as JSON at most (`engine/src/limits.rs`), and base64 takes four letters for
 * three bytes: 4 MiB of a file leave room for the rest.
 */
export const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** Why a file cannot be filed, as far as can be said without reading it. */
export function fileProblem(file: Pick<File, "name" | "type" | "size"> | null): string | null {
  if (!file) return "Choose a file.";
  if (!TYPES[file.type]) return `${file.name} is of another type. It has to be ${ACCEPTED_TEXT}.`;
  if (file.size > FILE_BYTES_MAX) return `${file.name} has ${sizeText(file.size)}; a document has 4 MB at most.`;
  return file.size === 0 ? `${file.name} is empty.` : null;
}

/** A file as base64, or why it is not what it says. */
export async function readFile(file: File): Promise<{ data: string } | { problem: string }> {
  const data = await base64Of(file).catch(() => undefined);
  if (data === undefined) return { problem: `${file.name} cannot be read.` };
  const { name, begins } = TYPES[file.type] ?? { name: "", begins: "" };
  if (!atob(data.slice(0, 12)).startsWith(begins)) return { problem: `${file.name} is no ${name} file, whatever its name says.` };
  if (file.type === "text/plain" && !isText(data)) return { problem: `${file.name} is no plain text in UTF-8.` };
  return { data };
}

export function sizeText(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} kB` : `${(bytes / 1024 / 1024).toFixed(1).replace(".0", "")} MB`;
}

function base64Of(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

function isText(data: string): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(fromBase64(data));
    return true;
  } catch {
    return false;
  }
}
