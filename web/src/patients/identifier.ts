/** Patients by an identifier, such as a medical record number, which the server's list of rooms does not carry. */
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useState } from "react";
import { asObject, asObjects, asText } from "../shared/fhir/read";
import { ask } from "../shared/server";

const SETTLES_MS = 250;
const LENGTH_MIN = 4;

/** The ids of the patients who have what was typed as an identifier, whole; empty while nobody knows. */
export function useIdentified(search: string): ReadonlySet<string> {
  const [settled] = useDebouncedValue(search, SETTLES_MS);
  const [found, setFound] = useState<{ search: string; ids: ReadonlySet<string> }>();
  useEffect(() => {
    if (!looksLikeOne(settled)) return;
    const abort = new AbortController();
    loadIdentified(settled, abort.signal).then(
      (ids) => setFound({ search: settled, ids }),
      // Names and birth dates are searched all the same.
      () => undefined,
    );
    return () => abort.abort();
  }, [settled]);
  return found?.search === search ? found.ids : NOBODY;
}

/** One word with a digit. */
function looksLikeOne(search: string): boolean {
  return search.length >= LENGTH_MIN && /^\S*\d\S*$/.test(search);
}

async function loadIdentified(value: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const token = encodeURIComponent(value.replace(/[\\,$|]/g, "\\$&"));
  const answer = await ask(`/fhir/R4/Patient?identifier=${token}&_elements=id`, { signal, headers: { accept: "application/fhir+json" } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const bundle = asObject(await answer.json());
  return new Set(asObjects(bundle?.["entry"]).flatMap((entry) => asText(asObject(entry["resource"])?.["id"]) ?? []));
}

const NOBODY: ReadonlySet<string> = new Set();
