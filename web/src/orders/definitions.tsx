/** The kinds of order, as panels. */
import { SimpleGrid, TextInput } from "@mantine/core";
import { CautionNote } from "../medications/CautionNote";
import { DosageField } from "../medications/DosageField";
import { DRUGS } from "../medications/drugs";
import type { Resource } from "../shared/chartroom";
import type { Coding } from "../shared/fhir/concept";
import { asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { CodedText } from "../shared/panel/CodedText";
import { type EntryDisplay, type FieldsProps, type PanelDefinition, readOnly } from "../shared/panel/definition";
import { SelectField } from "../shared/panel/SelectField";
import { orderActs } from "./acts";
import { IMAGING_STUDIES, LABORATORY_TESTS } from "./catalogue";
import {
  blankOrder,
  isMedicationOrder,
  isOver,
  type OrderKind,
  type OrderValues,
  orderCautions,
  orderDetail,
  orderElements,
  orderFrame,
  orderName,
  orderRank,
  PRIORITY,
  readOrder,
  saveOrderAs,
  serviceKind,
  urgency,
  validateOrder,
} from "./order";

type Particular = Pick<EntryDisplay, "type" | "title" | "noun" | "column" | "emptyText"> & Required<Pick<EntryDisplay, "includes">>;

const SHOWN: Omit<EntryDisplay, keyof Particular> = {
  pastTitle: "Completed and cancelled",
  label: orderName,
  detail: orderDetail,
  badge: (resource) => {
    const status = asText(resource["status"]);
    const text = codeWord(status) || "Not stated";
    return { text, tone: isOver(resource) ? "quiet" : status === "active" ? "active" : "alert" };
  },
  flag: urgency,
  isPast: isOver,
  rank: orderRank,
  date: (resource) => asText(resource["authoredOn"]) ?? "",
};

export const MEDICATION_ORDERS = order("medication", "Drug", "Drug, strength and form", DRUGS, {
  type: "MedicationRequest",
  title: "Medication orders",
  noun: "medication order",
  column: "Drug and dosage",
  emptyText: "No open medication orders.",
  includes: isMedicationOrder,
});

export const LABORATORY_ORDERS = order("laboratory", "Test", "Test or panel", LABORATORY_TESTS, {
  type: "ServiceRequest",
  title: "Laboratory orders",
  noun: "laboratory order",
  column: "Test",
  emptyText: "No open laboratory orders.",
  includes: (resource) => serviceKind(resource) === "laboratory",
});

export const IMAGING_ORDERS = order("imaging", "Study", "Kind of study", IMAGING_STUDIES, {
  type: "ServiceRequest",
  title: "Imaging orders",
  noun: "imaging order",
  column: "Study",
  emptyText: "No open imaging orders.",
  includes: (resource) => serviceKind(resource) === "imaging",
});

/** Referrals and all that has no category which is known here. */
export const OTHER_ORDERS = readOnly({
  ...SHOWN,
  type: "ServiceRequest",
  title: "Other orders",
  noun: "order",
  column: "Order",
  emptyText: "No other open orders.",
  includes: (resource) => serviceKind(resource) === "other",
});

function order(
  kind: OrderKind,
  label: string,
  placeholder: string,
  suggestions: readonly Coding[],
  particular: Particular,
): PanelDefinition<OrderValues> {
  return {
    ...SHOWN,
    ...particular,
    canRemove: false,
    isClosed: isOver,
    acts: orderActs,
    saveAs: saveOrderAs,
    blank: blankOrder,
    read: readOrder,
    unseen: ["status"],
    validate: (values, _, against) => validateOrder(kind, values, against),
    elements: (values, changed, before, person) => orderElements(kind, values, changed, before, person),
    frame: (making) => orderFrame(kind, making),
    show: (field, values) => {
      if (field === "name") return values.name.text;
      return field === "priority" || field === "status" ? codeWord(values[field]) : String(values[field]);
    },
    Fields: (props) => <Fields kind={kind} label={label} placeholder={placeholder} suggestions={suggestions} {...props} />,
  };
}

function Fields(props: FieldsProps<OrderValues> & { kind: OrderKind; label: string; placeholder: string; suggestions: readonly Coding[] }) {
  const { kind, label, placeholder, suggestions, form, resource, room, note } = props;
  const warnings = orderCautions(kind, form.values, { room, id: resource?.id });
  return (
    <>
      <CodedText
        label={label}
        placeholder={placeholder}
        field="name"
        suggestions={suggestions}
        recorded={recordedName(resource)}
        {...form.getInputProps("name")}
        value={form.values.name}
        note={
          <>
            {note("name")}
            <CautionNote all={warnings} />
          </>
        }
      />
      {warnings.length > 0 && (
        <TextInput label="Reason to sign anyway" description="Needed to sign; kept with the order" maxLength={400} data-field="anyway" {...form.getInputProps("anyway")} />
      )}
      {kind === "medication" && <DosageField description="Dose, route and how often; needed to sign" note={note("dosage")} {...form.getInputProps("dosage")} />}
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <SelectField form={form} note={note} field="priority" label="Priority" codes={PRIORITY} none={undefined} />
        {kind === "imaging" && (
          <div>
            <TextInput label="Body site" placeholder="Left wrist" maxLength={200} data-field="site" {...form.getInputProps("site")} />
            {note("site")}
          </div>
        )}
      </SimpleGrid>
      <div>
        <TextInput
          label="Reason"
          description={kind === "imaging" ? "The question to answer; needed to sign" : undefined}
          placeholder={kind === "imaging" ? "Fracture?" : "Indication"}
          maxLength={400}
          data-field="reason"
          {...form.getInputProps("reason")}
        />
        {note("reason")}
      </div>
      <div>
        <TextInput label="Note" placeholder="For whoever carries it out" maxLength={1000} data-field="note" {...form.getInputProps("note")} />
        {note("note")}
      </div>
    </>
  );
}

function recordedName(resource: Resource | undefined): unknown {
  return resource?.["medicationCodeableConcept"] ?? resource?.["code"];
}
