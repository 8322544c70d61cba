/** Patients as rows that lead to their charts. */
import { Paper, Table } from "@mantine/core";
import { useMemo } from "react";
import { Link } from "wouter";
import { People } from "../presence/People";
import { ageInYears, formatDate } from "../shared/fhir/date";
import { sexText } from "../shared/fhir/patient";
import { useWorkspace } from "../shared/workspace";
import classes from "./PatientList.module.css";
import type { PatientEntry } from "./rooms";

export function PatientTable({ label, patients }: { label: string; patients: readonly PatientEntry[] }) {
  return (
    <Paper withBorder radius="md" className={classes["frame"]}>
      <Table aria-label={label} layout="fixed" verticalSpacing={9} horizontalSpacing="md">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th className={classes["bornColumn"]}>Birth date</Table.Th>
            <Table.Th className={classes["sexColumn"]}>Sex</Table.Th>
            <Table.Th className={classes["hereColumn"]}>Here now</Table.Th>
            <Table.Th className={classes["idColumn"]}>Id</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {patients.map((patient) => (
            <PatientRow key={patient.id} patient={patient} />
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}

function PatientRow({ patient }: { patient: PatientEntry }) {
  const age = patient.deceased ? undefined : ageInYears(patient.birthDate, new Date());
  return (
    <Table.Tr className={classes["row"]}>
      <Table.Th scope="row">
        <Link href={chartPath(patient)} className={classes["name"]}>
          {patient.name}
        </Link>
      </Table.Th>
      <Table.Td className={classes["born"]}>
        {formatDate(patient.birthDate) || "Not recorded"}
        {age !== undefined && <span className={classes["age"]}> {age} y</span>}
        {patient.deceased && (
          <span className={classes["age"]}>
            {" "}
            † {patient.deceased === "true" ? "deceased" : formatDate(patient.deceased)}
          </span>
        )}
      </Table.Td>
      <Table.Td>{patient.gender ? sexText(patient.gender) : "Not recorded"}</Table.Td>
      <Table.Td className={classes["here"]}>
        <Here patient={patient} />
      </Table.Td>
      <Table.Td className={classes["idColumn"]}>
        <span className={classes["id"]}>{patient.id}</span>
      </Table.Td>
    </Table.Tr>
  );
}

/** Who else has the chart open, as of when the list was loaded. */
function Here({ patient: { name, present } }: { patient: PatientEntry }) {
  const { person } = useWorkspace();
  const others = useMemo(() => present.filter(({ id }) => id !== person.id).map((one) => ({ ...one, tabs: [], isTyping: false })), [present, person.id]);
  return <People people={others} label={`On ${name}`} size={24} />;
}

export function chartPath(patient: PatientEntry): string {
  return `/patients/${encodeURIComponent(patient.id)}`;
}
