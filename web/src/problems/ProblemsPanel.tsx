/** The patient's problem list. */
import { SimpleGrid, TextInput } from "@mantine/core";
import type { Resource } from "../shared/chartroom";
import { conceptCode, conceptText } from "../shared/fhir/concept";
import { formatDate, onsetText } from "../shared/fhir/date";
import { asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { CodedText } from "../shared/panel/CodedText";
import type { FieldsProps, PanelDefinition } from "../shared/panel/definition";
import { ResourcePanel } from "../shared/panel/ResourcePanel";
import { SelectField } from "../shared/panel/SelectField";
import type { OpenRoom } from "../shared/rooms";
import { DIAGNOSES } from "./diagnoses";
import {
  blankProblem,
  CLINICAL,
  isOver,
  isPastProblem,
  otherOnset,
  type ProblemValues,
  problemElements,
  problemFrame,
  readProblem,
  showProblem,
  VERIFICATION,
  validateProblem,
} from "./problem";

export const PROBLEMS: PanelDefinition<ProblemValues> = {
  type: "Condition",
  title: "Problems",
  noun: "problem",
  column: "Problem",
  pastTitle: "Resolved and inactive",
  emptyText: "No current problems recorded.",
  label: (resource) => conceptText(resource["code"]) || "Unnamed problem",
  detail: problemDetail,
  badge: problemBadge,
  isPast: isPastProblem,
  date: (resource) => asText(resource["recordedDate"]) ?? asText(resource["onsetDateTime"]) ?? "",
  blank: blankProblem,
  read: readProblem,
  validate: validateProblem,
  elements: problemElements,
  frame: problemFrame,
  show: showProblem,
  Fields: ProblemFields,
};

export function ProblemsPanel(props: { open: OpenRoom; patientId: string }) {
  return <ResourcePanel definition={PROBLEMS} {...props} />;
}

function problemDetail(resource: Resource): string {
  const onset = onsetText(resource);
  const end = formatDate(resource["abatementDateTime"]);
  return onset && (end ? `${onset} – ${end}` : `Since ${onset}`);
}

function problemBadge(resource: Resource) {
  const verification = conceptCode(resource["verificationStatus"]);
  if (verification === "refuted" || verification === "entered-in-error") {
    return { text: codeWord(resource["verificationStatus"]), tone: "quiet" } as const;
  }
  if (verification && verification !== "confirmed" && !isPastProblem(resource)) {
    return { text: codeWord(resource["verificationStatus"]), tone: "alert" } as const;
  }
  const text = codeWord(resource["clinicalStatus"]) || "Not stated";
  return { text, tone: isPastProblem(resource) ? "quiet" : "active" } as const;
}

function ProblemFields({ form, resource, note }: FieldsProps<ProblemValues>) {
  const other = otherOnset(resource);
  return (
    <>
      <CodedText
        label="Problem"
        placeholder="Diagnosis or problem"
        field="problem"
        suggestions={DIAGNOSES}
        recorded={resource?.["code"]}
        {...form.getInputProps("problem")}
        value={form.values.problem}
        note={note("problem")}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <SelectField
          form={form}
          note={note}
          field="clinicalStatus"
          label="Clinical status"
          codes={CLINICAL}
          none="Choose…"
          disabled={form.values.verificationStatus === "entered-in-error"}
        />
        <SelectField
          form={form}
          note={note}
          field="verificationStatus"
          label="Verification status"
          codes={VERIFICATION}
          none="Not stated"
        />
        <div>
          <TextInput
            label="Onset date"
            description={other ? `Recorded as: ${other}. A date replaces it.` : "As far as known"}
            placeholder="YYYY-MM-DD, YYYY-MM or YYYY"
            maxLength={10}
            data-field="onset"
            {...form.getInputProps("onset")}
          />
          {note("onset")}
        </div>
        {isOver(form.values.clinicalStatus) && (
          <div>
            <TextInput
              label="Resolved on"
              description="As far as known"
              placeholder="YYYY-MM-DD, YYYY-MM or YYYY"
              maxLength={10}
              data-field="abatement"
              {...form.getInputProps("abatement")}
            />
            {note("abatement")}
          </div>
        )}
      </SimpleGrid>
    </>
  );
}
