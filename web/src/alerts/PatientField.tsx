/** Which patient something is about, found by typing a part of the name, the id or the birth date. */
import { type ComboboxItem, type OptionsFilter, Select } from "@mantine/core";
import { useMemo } from "react";
import { matches, type PatientEntry } from "../patients/rooms";
import { usePatients } from "../patients/usePatients";
import { formatDate } from "../shared/fhir/date";
import type { AlertPatient } from "./alert";

const SHOWN = 30;

interface PatientFieldProps {
  value: AlertPatient | undefined;
  onChange: (patient: AlertPatient | undefined) => void;
}

export function PatientField({ value, onChange }: PatientFieldProps) {
  const { state } = usePatients();
  const patients = state.step === "ready" ? state.patients : NONE;
  const byId = useMemo(() => new Map(patients.map((patient) => [patient.id, patient])), [patients]);
  const options = useMemo(() => patients.map((patient) => ({ value: patient.id, label: labelOf(patient) })), [patients]);
  // Whose chart is open stands here before the list has come.
  const data = value && !byId.has(value.id) ? [{ value: value.id, label: value.name }, ...options] : options;
  const filter: OptionsFilter = ({ options, search }) => {
    const isFound = (id: string) => {
      const patient = byId.get(id);
      return patient !== undefined && matches(patient, search.trim());
    };
    return (options as ComboboxItem[]).filter(({ value }) => isFound(value));
  };
  return (
    <Select
      label="Patient"
      description="Optional. Everybody who sees the alert gets a link to the chart."
      placeholder="Search by name, id or birth date"
      searchable
      clearable
      clearButtonProps={{ "aria-label": "No patient", "aria-hidden": false, tabIndex: 0 }}
      allowDeselect={false}
      selectFirstOptionOnChange
      nothingFoundMessage={state.step === "ready" ? "Nobody matches." : "The list of patients is not here."}
      limit={SHOWN}
      filter={filter}
      data={data}
      value={value?.id ?? null}
      onChange={(id) => onChange(id === null ? undefined : { id, name: byId.get(id)?.name ?? value?.name ?? id })}
      comboboxProps={{ zIndex: 310 }}
    />
  );
}

/** People of one name are told apart by their birth dates. */
function labelOf({ name, birthDate }: PatientEntry): string {
  return birthDate ? `${name}, born ${formatDate(birthDate)}` : name;
}

const NONE: readonly PatientEntry[] = [];
