/** The patient's allergies and intolerances. */
import { Checkbox, Group, SimpleGrid, TextInput } from "@mantine/core";
import type { Resource } from "../shared/chartroom";
import { conceptCode, conceptText } from "../shared/fhir/concept";
import { reactionText } from "../shared/fhir/reaction";
import { asList, asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { CodedText } from "../shared/panel/CodedText";
import type { FieldsProps, PanelDefinition } from "../shared/panel/definition";
import { ResourcePanel } from "../shared/panel/ResourcePanel";
import { SelectField } from "../shared/panel/SelectField";
import type { OpenRoom } from "../shared/rooms";
import {
  type AllergyValues,
  allergyElements,
  allergyFrame,
  blankAllergy,
  CATEGORY,
  CLINICAL,
  CRITICALITY,
  isPastAllergy,
  readAllergy,
  showAllergy,
  VERIFICATION,
  validateAllergy,
} from "./allergy";
import { SUBSTANCES } from "./substances";

export const ALLERGIES: PanelDefinition<AllergyValues> = {
  type: "AllergyIntolerance",
  title: "Allergies",
  noun: "allergy",
  column: "Substance",
  pastTitle: "Inactive, resolved or refuted",
  emptyText: "No allergies recorded. This does not mean that there are none.",
  label: (resource) => conceptText(resource["code"]) || "Unnamed substance",
  detail: allergyDetail,
  badge: allergyBadge,
  flag: (resource) => (resource["criticality"] === "high" && !isPastAllergy(resource) ? "High criticality" : undefined),
  isPast: isPastAllergy,
  date: (resource) => asText(resource["recordedDate"]) ?? asText(resource["onsetDateTime"]) ?? "",
  blank: blankAllergy,
  read: readAllergy,
  validate: validateAllergy,
  elements: allergyElements,
  frame: allergyFrame,
  show: showAllergy,
  Fields: AllergyFields,
};

export function AllergiesPanel(props: { open: OpenRoom; patientId: string }) {
  return <ResourcePanel definition={ALLERGIES} {...props} />;
}

function allergyDetail(resource: Resource): string {
  const category = asList(resource["category"]).map(codeWord).join(", ");
  const reaction = reactionText(resource);
  const low = resource["criticality"] === "low" ? "Low criticality" : "";
  return [reaction && `Reaction: ${reaction}`, category, low].filter(Boolean).join(" · ");
}

function allergyBadge(resource: Resource) {
  const verification = conceptCode(resource["verificationStatus"]);
  if (verification === "refuted" || verification === "entered-in-error") {
    return { text: codeWord(resource["verificationStatus"]), tone: "quiet" } as const;
  }
  if (verification === "unconfirmed" && !isPastAllergy(resource)) {
    return { text: "Unconfirmed", tone: "alert" } as const;
  }
  const text = codeWord(resource["clinicalStatus"]) || "Not stated";
  return { text, tone: isPastAllergy(resource) ? "quiet" : "active" } as const;
}

function AllergyFields({ form, resource, note }: FieldsProps<AllergyValues>) {
  const voided = form.values.verificationStatus === "entered-in-error";
  return (
    <>
      <CodedText
        label="Substance"
        placeholder="Drug, food or other substance"
        field="substance"
        suggestions={SUBSTANCES}
        recorded={resource?.["code"]}
        {...form.getInputProps("substance")}
        value={form.values.substance}
        note={note("substance")}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <SelectField
          form={form}
          note={note}
          field="clinicalStatus"
          label="Clinical status"
          codes={CLINICAL}
          none="Choose…"
          disabled={voided}
        />
        <SelectField
          form={form}
          note={note}
          field="verificationStatus"
          label="Verification status"
          codes={VERIFICATION}
          none="Not stated"
        />
        <SelectField
          form={form}
          note={note}
          field="criticality"
          label="Criticality"
          codes={CRITICALITY}
          none="Not assessed"
        />
      </SimpleGrid>
      <div>
        <Checkbox.Group label="Category" data-field="category" {...form.getInputProps("category")}>
          <Group mt={6} gap="lg">
            {CATEGORY.map((category) => (
              <Checkbox key={category} value={category} label={codeWord(category)} />
            ))}
          </Group>
        </Checkbox.Group>
        {note("category")}
      </div>
      <div>
        <TextInput
          label="Reaction"
          description="Signs, separated by commas"
          placeholder="Hives, swelling of the lips"
          maxLength={1000}
          data-field="reaction"
          {...form.getInputProps("reaction")}
        />
        {note("reaction")}
      </div>
    </>
  );
}
