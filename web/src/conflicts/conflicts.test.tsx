import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Conflict, Json, Resource } from "../shared/chartroom";

const ACTIVE = { coding: [{ system: "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", code: "active" }] };
const LATEX: Resource = { resourceType: "AllergyIntolerance", id: "a1", clinicalStatus: ACTIVE, code: { text: "Latex" }, reaction: [{ manifestation: [{ text: "Hives" }] }] };
const METOPROLOL: Resource = {
  resourceType: "MedicationRequest",
  id: "m1",
  status: "active",
  intent: "order",
  medicationCodeableConcept: { text: "Metoprolol" },
  dosageInstruction: [{ text: "50 mg in the morning" }, { text: "25 mg at night" }],
};

function dispute(resource: Resource, elements: string[], values: Json[], kind: Conflict["kind"] = "element"): Conflict {
  const side = (value: Json, at: number) => ({ value, author: { id: `${at}`, name: ["Alice Chen", "Bob Diaz"][at] ?? "" }, authored_ms: 1, hash: `${at}`, shown: at === 0 });
  return { resource_type: resource.resourceType, id: resource.id, kind, elements, safety: true, values: values.map(side) };
}

const REACTIONS = dispute(LATEX, ["reaction"], [{ reaction: [{ manifestation: [{ text: "Hives" }] }] }, { reaction: [{ manifestation: [{ text: "Wheeze" }] }] }]);

it("writes a third value at the disputed field, with both in sight", async () => {
  const { room, user } = await renderChart([LATEX]);
  act(() => room.dispute([REACTIONS]));
  await user.click(screen.getByRole("button", { name: "Write another value for Latex" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit allergy" }));
  const both = dialog.getByRole("group", { name: "Conflict in Latex" });
  expect(both).toHaveTextContent("HivesAlice Chen");
  expect(both).toHaveTextContent("WheezeBob Diaz");
  const field = dialog.getByRole("textbox", { name: "Reaction" });
  await waitFor(() => expect(field).toHaveFocus());
  await user.clear(field);
  await user.type(field, "Anaphylaxis");
  await user.click(dialog.getByRole("button", { name: "Save changes" }));
  expect(room.calls).toEqual([{ kind: "patch", id: "a1", value: { reaction: [{ manifestation: [{ text: "Anaphylaxis" }] }] } }]);
});

it("settles a conflict with the value that shows, and every element of it", async () => {
  const { room, user } = await renderChart([METOPROLOL], "alice", "/orders");
  const group = dispute(METOPROLOL, ["dosageInstruction", "status"], [{ dosageInstruction: [{ text: "50 mg in the morning" }] }, { status: "on-hold" }], "group");
  act(() => room.dispute([group]));
  await user.click(screen.getByRole("button", { name: "Write another value for Metoprolol" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit medication order" }));
  await user.click(dialog.getByRole("button", { name: "Save changes" }));
  expect(room.calls[0]?.value).toEqual({ status: "active", dosageInstruction: METOPROLOL["dosageInstruction"] });
});

it("shows one of two dosages in words, and edits both", async () => {
  const { room, user } = await renderChart([METOPROLOL], "alice", "/orders");
  act(() => room.dispute([dispute(METOPROLOL, ["dosageInstruction"], [{ dosageInstruction: { text: "25 mg at night" } }, { dosageInstruction: { text: "12.5 mg at night" } }])]));
  expect(screen.getByRole("group", { name: "Conflict in Metoprolol" })).toHaveTextContent("12.5 mg at nightBob Diaz");
  await user.click(screen.getByRole("button", { name: "Write another value for Metoprolol" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit medication order" }));
  const dosage = dialog.getByRole("textbox", { name: "Dosage" });
  expect(dosage).toHaveValue("50 mg in the morning; then 25 mg at night");
  await user.type(dosage, ", at ten");
  await user.click(dialog.getByRole("button", { name: "Save changes" }));
  expect(room.calls[0]?.value).toEqual({ dosageInstruction: [{ text: "50 mg in the morning" }, { text: "25 mg at night, at ten" }] });
});

it("does not take two people's creation for settled where nothing was changed", async () => {
  const { room, user } = await renderChart([LATEX]);
  act(() => room.dispute([dispute(LATEX, [], [{}, {}], "created")]));
  await user.click(screen.getByRole("button", { name: "Correct Latex" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit allergy" }));
  await user.click(dialog.getByRole("button", { name: "Save changes" }));
  expect(dialog.getByText("Nothing was changed, so the conflict is still open.")).toBeVisible();
  expect(room.calls).toEqual([]);
});

it("lists all conflicts behind the header's count, until the last is settled", async () => {
  const { room, user } = await renderChart([LATEX, METOPROLOL], "alice", "/results");
  const dosage = dispute(METOPROLOL, ["dosageInstruction"], [{ dosageInstruction: [{ text: "A" }] }, { dosageInstruction: [{ text: "B" }] }]);
  act(() => room.dispute([REACTIONS, dosage]));
  await user.click(screen.getByRole("button", { name: "2 conflicts" }));
  const drawer = within(await screen.findByRole("dialog", { name: "2 conflicts to settle" }));
  expect(drawer.getByRole("heading", { name: "Medications: Metoprolol" })).toBeVisible();
  await user.click(drawer.getByRole("button", { name: "Keep Wheeze (Bob Diaz)" }));
  expect(room.calls[0]?.value).toEqual({ reaction: [{ manifestation: [{ text: "Wheeze" }] }] });
  await user.click(drawer.getByRole("button", { name: "Write another value for Medications: Metoprolol" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit medication" }));
  await user.click(dialog.getByRole("button", { name: "Save changes" }));
  act(() => room.dispute([]));
  expect(await screen.findByText("Nothing is in dispute any more.")).toBeVisible();
});

it("shows a reader what is disputed, and lets them choose nothing", async () => {
  const { room, user } = await renderChart([LATEX], "charlie");
  act(() => room.dispute([REACTIONS]));
  await user.click(screen.getByRole("button", { name: "1 conflict" }));
  const drawer = within(await screen.findByRole("dialog", { name: "1 conflict to settle" }));
  expect(drawer.getByText("Wheeze")).toBeVisible();
  expect(drawer.queryByRole("button", { name: /Keep|Write/ })).toBeNull();
});

it("says beside the two values why a choice was refused", async () => {
  const { room, user } = await renderChart([LATEX]);
  act(() => room.dispute([REACTIONS]));
  await user.click(screen.getByRole("button", { name: "Keep Wheeze (Bob Diaz)" }));
  await act(async () => room.refuse("read-only", "no"));
  const note = within(screen.getByRole("group", { name: "Conflict in Latex" }));
  expect(note.getByText("You may read this chart but not change it.")).toBeVisible();
  await user.click(note.getByRole("button", { name: "Try again" }));
  expect(room.calls).toHaveLength(2);
});
