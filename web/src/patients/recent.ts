/** The patients whose charts a person opened last on this device. Their ids alone are kept, no names. */
import { useLocalStorage } from "@mantine/hooks";
import { useEffect, useMemo } from "react";
import { asList, asText } from "../shared/fhir/read";
import { useWorkspace } from "../shared/workspace";
import type { PatientEntry } from "./rooms";

const KEPT = 5;

/** Remembers that this person opened the chart, once there is one. */
export function useRememberPatient(id: string, isThere: boolean): void {
  const [, setIds] = useIds();
  useEffect(() => {
    if (isThere) setIds((before) => [id, ...idsOf(before).filter((other) => other !== id)].slice(0, KEPT));
  }, [id, isThere, setIds]);
}

/** Those of the list that were opened last, the latest first. */
export function useRecentPatients(patients: readonly PatientEntry[]): readonly PatientEntry[] {
  const [ids] = useIds();
  return useMemo(() => {
    const byId = new Map(patients.map((patient) => [patient.id, patient]));
    return idsOf(ids).flatMap((id) => byId.get(id) ?? []);
  }, [patients, ids]);
}

function useIds() {
  const { person } = useWorkspace();
  return useLocalStorage<readonly string[]>({ key: `chartroom-recent-patients-${person.id}`, defaultValue: NONE, getInitialValueInEffect: false });
}

/** Whatever stands in the storage is read as ids. */
function idsOf(stored: unknown): readonly string[] {
  return asList(stored).flatMap((id) => asText(id) ?? []);
}

const NONE: readonly string[] = [];
