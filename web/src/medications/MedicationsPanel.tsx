/** The patient's prescriptions: what is taken now, and what was. */
import { SimpleGrid } from "@mantine/core";
import type { Resource } from "../shared/chartroom";
import { conceptText } from "../shared/fhir/concept";
import { dosageText, drugText } from "../shared/fhir/dosage";
import { asList, asObject, asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { CodedText } from "../shared/panel/CodedText";
import type { FieldsProps, PanelDefinition } from "../shared/panel/definition";
import { ResourcePanel } from "../shared/panel/ResourcePanel";
import { SelectField } from "../shared/panel/SelectField";
import type { OpenRoom } from "../shared/rooms";
import { CautionNote } from "./CautionNote";
import { cautions } from "./cautions";
import { DosageField } from "./DosageField";
import { DRUGS } from "./drugs";
import {
  blankMedication,
  INTENT,
  isPastMedication,
  type MedicationValues,
  medicationElements,
  medicationFrame,
  readMedication,
  STATUS,
  showMedication,
  structuredDosage,
  validateMedication,
} from "./medication";

export const MEDICATIONS: PanelDefinition<MedicationValues> = {
  type: "MedicationRequest",
  title: "Medications",
  noun: "medication",
  column: "Drug and dosage",
  pastTitle: "Past medications",
  emptyText: "No current medications recorded.",
  label: (resource) => drugText(resource) || "Unnamed drug",
  detail: medicationDetail,
  badge: medicationBadge,
  isPast: isPastMedication,
  date: (resource) => asText(resource["authoredOn"]) ?? "",
  blank: blankMedication,
  read: readMedication,
  validate: validateMedication,
  elements: medicationElements,
  frame: medicationFrame,
  show: showMedication,
  Fields: MedicationFields,
};

export function MedicationsPanel(props: { open: OpenRoom; patientId: string }) {
  return <ResourcePanel definition={MEDICATIONS} {...props} />;
}

function medicationDetail(resource: Resource): string {
  const dosage = dosageText(resource);
  const said = dosage.toLowerCase();
  const reasons = [
    ...asList(resource["reasonCode"]).map(conceptText),
    ...asList(resource["reasonReference"]).map((reason) => asText(asObject(reason)?.["display"]) ?? ""),
  ].filter((reason) => reason && !said.includes(reason.toLowerCase()));
  const intent = asText(resource["intent"]);
  return [
    dosage || (isPastMedication(resource) ? "" : "No dosage recorded"),
    intent && !/order$/.test(intent) ? codeWord(intent) : "",
    reasons.length > 0 ? `for ${reasons.join(", ")}` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

function medicationBadge(resource: Resource) {
  const status = asText(resource["status"]);
  const text = codeWord(resource["status"]) || "Not stated";
  if (isPastMedication(resource)) return { text, tone: "quiet" } as const;
  return { text, tone: status === "active" ? "active" : "alert" } as const;
}

function MedicationFields({ form, resource, room, note }: FieldsProps<MedicationValues>) {
  const structured = structuredDosage(resource);
  return (
    <>
      <CodedText
        label="Drug"
        placeholder="Drug, strength and form"
        field="drug"
        suggestions={DRUGS}
        recorded={resource?.["medicationCodeableConcept"]}
        {...form.getInputProps("drug")}
        value={form.values.drug}
        note={
          <>
            {note("drug")}
            {form.isDirty("drug") && <CautionNote all={cautions(room, form.values.drug, resource?.id)} />}
          </>
        }
      />
      <DosageField
        description={structured ? `Recorded as: ${structured}. Text replaces it.` : undefined}
        note={note("dosage")}
        {...form.getInputProps("dosage")}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <SelectField
          form={form}
          note={note}
          field="status"
          label="Status"
          codes={STATUS}
          none={form.values.status === "" ? "Choose…" : undefined}
        />
        <SelectField
          form={form}
          note={note}
          field="intent"
          label="Intent"
          codes={INTENT}
          none={form.values.intent === "" ? "Choose…" : undefined}
        />
      </SimpleGrid>
    </>
  );
}
