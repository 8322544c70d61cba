import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Command, Resource } from "../shared/chartroom";
import { allergyElements, blankAllergy, readAllergy, validateAllergy } from "./allergy";

const PENICILLIN: Resource = {
  resourceType: "AllergyIntolerance",
  id: "a1",
  code: { coding: [{ system: "http://snomed.info/sct", code: "91936005", display: "Allergy to penicillin" }], text: "Penicillin" },
  clinicalStatus: { coding: [{ system: "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", code: "active" }] },
  verificationStatus: { coding: [{ system: "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", code: "confirmed" }] },
  category: ["medication"],
  patient: { reference: "Patient/1" },
};

const panel = () => within(screen.getByRole("region", { name: "Allergies" }));

it("adds an allergy as a FHIR resource of this patient", async () => {
  const { room, user } = await renderChart([]);
  await user.click(screen.getByRole("button", { name: "Add allergy" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Add allergy" }));
  await user.type(dialog.getByRole("combobox", { name: "Substance" }), "Penicillin G");
  await user.selectOptions(dialog.getByRole("combobox", { name: "Criticality" }), "High");
  await user.click(dialog.getByRole("checkbox", { name: "Medication" }));
  await user.type(dialog.getByRole("textbox", { name: "Reaction" }), "Hives, swelling");
  await user.click(dialog.getByRole("button", { name: "Add allergy" }));

  expect(await panel().findByRole("row", { name: /Penicillin G/ })).toBeVisible();
  const { kind, value } = room.calls[0] ?? {};
  expect(kind).toBe("put");
  expect(value).toMatchObject({
    resourceType: "AllergyIntolerance",
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    code: { text: "Penicillin G", coding: [{ code: "7980" }] },
    clinicalStatus: { coding: [{ code: "active" }] },
    criticality: "high",
    category: ["medication"],
    patient: { reference: "Patient/1" },
    reaction: [{ manifestation: [{ text: "Hives" }, { text: "swelling" }] }],
  });
  expect(screen.getByLabelText("Allergies summary")).toHaveTextContent("Penicillin G");
});

it("says beside the field why an allergy cannot be added", async () => {
  const { room, user } = await renderChart([]);
  await user.click(screen.getByRole("button", { name: "Add allergy" }));
  const dialog = within(await screen.findByRole("dialog"));
  await user.click(dialog.getByRole("button", { name: "Add allergy" }));
  expect(dialog.getByRole("combobox", { name: "Substance" })).toHaveAccessibleDescription(/Name the substance/);
  expect(room.calls).toEqual([]);
});

it("writes only the changed elements of an edit", async () => {
  const { room, user } = await renderChart([PENICILLIN]);
  await user.click(screen.getByRole("button", { name: "Edit Penicillin" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit allergy" }));
  await user.selectOptions(dialog.getByRole("combobox", { name: "Criticality" }), "Low");
  await user.click(dialog.getByRole("button", { name: "Save changes" }));
  expect(room.calls).toEqual([{ kind: "patch", id: "a1", value: { criticality: "low" } }]);
});

it("says Saved only once the server has acknowledged", async () => {
  const { room, client, user } = await renderChart([PENICILLIN]);
  const state = screen.getByRole("status", { name: "Save state" });
  expect(state).toHaveTextContent("Saved");
  await user.click(screen.getByRole("button", { name: "Remove Penicillin" }));
  expect(state).toHaveTextContent("Saving 1 edit…");
  act(() => client.become("offline"));
  expect(state).toHaveTextContent("Offline — 1 edit not yet saved");
  act(() => client.become("online"));
  act(() => room.acknowledge());
  expect(state).toHaveTextContent("Saved");
});

it("takes a removal back", async () => {
  const { user } = await renderChart([PENICILLIN]);
  await user.click(screen.getByRole("button", { name: "Remove Penicillin" }));
  expect(panel().queryByRole("row", { name: /Penicillin/ })).toBeNull();
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  expect(await panel().findByRole("row", { name: /Penicillin/ })).toBeVisible();
});

it("shows who changed a row, and keeps silent about own edits", async () => {
  const { room } = await renderChart([PENICILLIN]);
  act(() => room.colleague("AllergyIntolerance", "a1", { criticality: "high" }));
  const row = panel().getByRole("row", { name: /Penicillin/ });
  expect(row).toHaveTextContent("Bob Diaz");
  expect(screen.getByRole("log")).toHaveTextContent("Bob Diaz changed Penicillin");
  act(() => void room.patch("AllergyIntolerance", "a1", { criticality: "low" }));
  expect(row).not.toHaveTextContent("Bob Diaz");
});

it("keeps a refused edit with its reason and its text", async () => {
  const { room, user } = await renderChart([PENICILLIN]);
  await user.click(screen.getByRole("button", { name: "Edit Penicillin" }));
  const dialog = within(await screen.findByRole("dialog"));
  await user.type(dialog.getByRole("textbox", { name: "Reaction" }), "Wheezing");
  await user.click(dialog.getByRole("button", { name: "Save changes" }));
  await act(async () => room.refuse("wrong-patient", "not of this room"));

  const alert = await screen.findByRole("alert", { name: "Edit of Penicillin was not saved" });
  expect(alert).toHaveTextContent("The entry names another patient than this chart's.");
  await user.click(within(alert).getByRole("button", { name: "Open again with your text" }));
  const again = within(await screen.findByRole("dialog"));
  expect(again.getByRole("textbox", { name: "Reaction" })).toHaveValue("Wheezing");
  const leaving = new Event("beforeunload", { cancelable: true });
  window.dispatchEvent(leaving);
  expect(leaving.defaultPrevented).toBe(true);
  expect(room.refused).toHaveLength(1);
  await user.click(again.getByRole("button", { name: "Save changes" }));
  await waitFor(() => expect(screen.queryByText(/was not saved/)).toBeNull());
  expect(room.calls).toHaveLength(2);
  expect(room.refused).toEqual([]);
});

it("tells on any page of the chart what was refused of an earlier window, until it is made again or discarded", async () => {
  const put = { kind: "put", resource: { resourceType: "AllergyIntolerance", id: "a2", code: { text: "Latex" }, patient: { reference: "Patient/p1" } } } as const;
  const patch = { kind: "patch", resourceType: "AllergyIntolerance", id: "a1", elements: { criticality: "high" } } as const;
  const { room, user } = await renderChart([PENICILLIN], "alice", "/orders", [], {
    before: (room) => room.refuseElsewhere(put, "read-only", "this person may not write here"),
  });
  const refused = () => within(screen.getByRole("region", { name: "Edits that were not saved" }));
  const added = refused().getByRole("alert", { name: "Not saved: add allergy Latex" });
  expect(added).toHaveTextContent("You may read this chart but not change it.");
  expect(added).toHaveTextContent(/: Latex/);
  act(() => room.refuseElsewhere(patch, "signed", "it is signed"));
  const changed = refused().getByRole("alert", { name: "Not saved: change criticality of allergy Penicillin" });
  expect(changed).toHaveTextContent("Criticality: High");
  await user.click(within(added).getByRole("button", { name: "Try again" }));
  await act(async () => room.refuse("read-only", "this person may not write here"));
  expect(refused().getAllByRole("alert")).toHaveLength(2);
  for (const button of refused().getAllByRole("button", { name: "Discard" })) await user.click(button);
  expect(screen.queryByRole("region", { name: "Edits that were not saved" })).toBeNull();
  expect(room.refused).toEqual([]);
});

it("shows the words of what was refused, and has a signature or an act made where it stands", async () => {
  const content = [{ attachment: { contentType: "text/plain", data: btoa("Walks without help.") } }];
  const amend = { kind: "patch", resourceType: "DocumentReference", id: "n1", elements: { docStatus: "amended", content } } as const;
  const order = { resourceType: "MedicationRequest", id: "m1", status: "active", medicationCodeableConcept: { text: "Ibuprofen" } };
  const note = { resourceType: "DocumentReference", id: "n2", status: "current", description: "Handover" };
  const batch: Command = { kind: "batch", commands: [{ kind: "put", resource: order }, { kind: "put", resource: note }, { kind: "setText", resourceType: "DocumentReference", id: "n2", element: "content", text: "Slept well." }] };
  const { room } = await renderChart([PENICILLIN]);
  act(() => room.refuseElsewhere(amend, "signed", "it is signed"));
  act(() => room.refuseElsewhere(batch, "read-only", "not yours"));
  const [amended, added] = within(screen.getByRole("region", { name: "Edits that were not saved" })).getAllByRole("alert");
  expect(amended).toHaveTextContent("Text: Walks without help.");
  expect(within(amended!).queryByRole("button", { name: "Try again" })).toBeNull();
  for (const words of ["Add prescription Ibuprofen", "Add note Handover", "Text: Slept well."]) expect(added).toHaveTextContent(words);
  expect(within(added!).queryByRole("button", { name: "Try again" })).toBeNull();
});

it("tells no more of a refused edit that another window has seen to", async () => {
  const { room, user } = await renderChart([PENICILLIN]);
  await user.click(screen.getByRole("button", { name: "Remove Penicillin" }));
  await act(async () => room.refuse("read-only", "not yours"));
  await screen.findByRole("alert", { name: /was not saved$/ });
  expect(screen.queryByRole("region", { name: "Edits that were not saved" })).toBeNull();
  expect(screen.getByRole("status", { name: "Save state" })).toHaveTextContent("1 edit was not accepted");
  act(() => room.refused[0]!.drop());
  expect(screen.queryByRole("alert", { name: /was not saved$/ })).toBeNull();
  expect(screen.getByRole("status", { name: "Save state" })).toHaveTextContent("Saved");
});

it("offers both values of a conflict and writes the chosen one", async () => {
  const { room, user } = await renderChart([{ ...PENICILLIN, criticality: "high" }]);
  const side = (criticality: string, name: string, shown: boolean) => ({
    value: { criticality },
    author: { id: name, name },
    authored_ms: Date.now(),
    hash: criticality,
    shown,
  });
  act(() =>
    room.dispute([
      {
        resource_type: "AllergyIntolerance",
        id: "a1",
        kind: "element",
        elements: ["criticality"],
        safety: true,
        values: [side("high", "Alice Chen", true), side("low", "Bob Diaz", false)],
      },
    ]),
  );
  const conflict = within(panel().getByRole("group", { name: "Conflict in Penicillin" }));
  expect(conflict.getByText(/Bob Diaz · \d\d:\d\d/)).toBeVisible();
  await user.click(conflict.getByRole("button", { name: "Keep Low (Bob Diaz)" }));
  expect(room.calls).toEqual([{ kind: "patch", id: "a1", value: { criticality: "low" } }]);
});

it("says in the form what a colleague changed meanwhile", async () => {
  const { room, user } = await renderChart([PENICILLIN]);
  await user.click(screen.getByRole("button", { name: "Edit Penicillin" }));
  const dialog = within(await screen.findByRole("dialog"));
  await user.type(dialog.getByRole("textbox", { name: "Reaction" }), "Wheezing");
  act(() => room.colleague("AllergyIntolerance", "a1", { criticality: "high", reaction: [{ manifestation: [{ text: "Rash" }] }] }));
  expect(dialog.getByRole("combobox", { name: "Criticality" })).toHaveValue("high");
  expect(dialog.getByRole("note")).toHaveTextContent("Bob Diaz changed this to “Rash” meanwhile");
  await user.click(dialog.getByRole("button", { name: "Save changes" }));
  expect(room.calls).toEqual([{ kind: "patch", id: "a1", value: { reaction: [{ manifestation: [{ text: "Wheezing" }] }] } }]);
});

it("offers a reader no way to change anything", async () => {
  await renderChart([PENICILLIN], "charlie");
  expect(screen.queryByRole("button", { name: "Add allergy" })).toBeNull();
  expect(screen.queryByRole("button", { name: /Edit|Remove/ })).toBeNull();
});

it("drops the code when the words change", () => {
  const values = { ...readAllergy(PENICILLIN), substance: { text: "Amoxi", concept: null } };
  expect(allergyElements(values, new Set(["substance"]), PENICILLIN)).toEqual({ code: { text: "Amoxi" } });
});

it("leaves an entry made in error without a clinical status", () => {
  const values = { ...readAllergy(PENICILLIN), verificationStatus: "entered-in-error" };
  const elements = allergyElements(values, new Set(["verificationStatus"]), PENICILLIN);
  expect(elements["clinicalStatus"]).toBeNull();
  expect(elements["verificationStatus"]).toMatchObject({ coding: [{ code: "entered-in-error" }] });
});

it("does not let a refuted allergy be active", () => {
  const values = { ...blankAllergy(), substance: { text: "x", concept: null }, verificationStatus: "refuted" };
  expect(validateAllergy(values)).toHaveProperty("clinicalStatus");
});
