/** The patients whose charts this person opened last. */
import { Title } from "@mantine/core";
import { PatientTable } from "./PatientTable";
import type { PatientEntry } from "./rooms";

export function RecentPatients({ patients }: { patients: readonly PatientEntry[] }) {
  if (patients.length === 0) return null;
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        Your recent patients
      </Title>
      <PatientTable label="Your recent patients" patients={patients} />
    </section>
  );
}
