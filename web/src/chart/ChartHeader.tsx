/** Whose chart this is, and what must be known before anything else. It stays in sight. */
import { Badge, Group, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useMemo } from "react";
import { ALLERGIES } from "../allergies/AllergiesPanel";
import { isPastAllergy } from "../allergies/allergy";
import { isPastMedication } from "../medications/medication";
import { isPastProblem } from "../problems/problem";
import type { Resource } from "../shared/chartroom";
import { ageInYears, formatDate } from "../shared/fhir/date";
import { identifiers, mainIdentifier, patientName, sexText } from "../shared/fhir/patient";
import { People } from "../presence/People";
import { useColleagues } from "../presence/usePeople";
import type { OpenRoom } from "../shared/rooms";
import { resourceKey } from "../shared/store";
import { useCollection, useConflicts } from "../shared/useRoom";
import classes from "./Chart.module.css";
import { SaveIndicator } from "./SaveIndicator";

export function ChartHeader({ patient, open }: { patient: Resource; open: OpenRoom }) {
  const age = ageInYears(patient["birthDate"], new Date());
  const born = formatDate(patient["birthDate"]);
  const death = formatDate(patient["deceasedDateTime"]) || (patient["deceasedBoolean"] === true ? "yes" : "");
  const identifier = mainIdentifier(patient);
  const all = identifiers(patient).map(({ label, value }) => `${label} ${value}`).join("\n");
  return (
    <header className={classes["header"]}>
      <div className={classes["headerInner"]}>
        <div className={classes["identity"]}>
          <Group gap="sm" align="baseline" wrap="wrap">
            <Title order={1} size="h2" className={classes["name"]}>
              {patientName(patient) || "Name not recorded"}
            </Title>
            {death && (
              <Badge color="dark" variant="filled">
                Deceased{death === "yes" ? "" : ` ${death}`}
              </Badge>
            )}
          </Group>
          <Text className={classes["facts"]} component="p">
            <span>{death || age === undefined ? "" : `${age} years`}</span>
            <span>{born ? `born ${born}` : "Birth date not recorded"}</span>
            <span>{sexText(patient["gender"])}</span>
            <span title={all}>{identifier ? `${identifier.label} ${identifier.value}` : `Id ${patient.id}`}</span>
          </Text>
        </div>
        <div className={classes["standing"]}>
          <Group gap="sm" wrap="nowrap">
            <People people={useColleagues(open.room)} label="Also on this patient" />
            <SaveIndicator open={open} />
          </Group>
          <Counts open={open} />
        </div>
        <AllergyBanner open={open} />
      </div>
    </header>
  );
}

function Counts({ open }: { open: OpenRoom }) {
  const problems = useCurrent(open, "Condition", isPastProblem).length;
  const medications = useCurrent(open, "MedicationRequest", isPastMedication).length;
  const conflicts = [...useConflicts(open).values()].flat().length;
  return (
    <p className={classes["counts"]} aria-label="Chart summary">
      <span>{problems === 1 ? "1 problem" : `${problems} problems`}</span>
      <span>{medications === 1 ? "1 medication" : `${medications} medications`}</span>
      {conflicts > 0 && (
        <span className={classes["conflicts"]}>{conflicts === 1 ? "1 conflict" : `${conflicts} conflicts`}</span>
      )}
    </p>
  );
}

function AllergyBanner({ open }: { open: OpenRoom }) {
  const allergies = useCurrent(open, "AllergyIntolerance", isPastAllergy);
  const severe = allergies.filter((allergy) => allergy["criticality"] === "high");
  const names = [...severe, ...allergies.filter((allergy) => !severe.includes(allergy))].map(ALLERGIES.label);
  const shown = names.slice(0, 6).join(", ") + (names.length > 6 ? ` and ${names.length - 6} more` : "");
  return (
    <p className={classes["allergies"]} data-some={names.length > 0 || undefined} aria-label="Allergies summary">
      {names.length > 0 && <IconAlertTriangle size={17} aria-hidden />}
      <span>{names.length > 0 ? `Allergies: ${shown}` : "No allergies recorded"}</span>
    </p>
  );
}

/** Entries that count: current ones, and those that people disagree about. */
function useCurrent(open: OpenRoom, type: string, isPast: (resource: Resource) => boolean): readonly Resource[] {
  const all = useCollection(open.room, type);
  const conflicts = useConflicts(open);
  return useMemo(
    () => all.filter((resource) => !isPast(resource) || conflicts.has(resourceKey(type, resource.id))),
    [all, type, isPast, conflicts],
  );
}
