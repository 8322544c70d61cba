import { MantineProvider } from "@mantine/core";
import { act, cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { FakeClient, FakeRoom } from "../../test/fakeChartroom";
import type { Json, Resource } from "../shared/chartroom";
import { WorkspaceProvider } from "../shared/workspace";
import { actsFor, carryOut } from "./acts";
import { merged } from "./hold";
import { columnsOf, orderOf, waitText } from "./order";
import { PharmacyPage } from "./PharmacyPage";

const BOB = { id: "bob", name: "Bob Diaz" };

function task(id: string, drug: string, more: { column?: string; step?: string; conflict?: boolean; priority?: string; authoredOn?: string } = {}): Resource {
  const { column = "newOrders", step, conflict = false, priority = "routine", authoredOn = "2026-01-01T08:00:00Z" } = more;
  return {
    resourceType: "Task",
    id,
    status: "requested",
    businessStatus: { coding: [{ system: "https://chartroom.dev/fhir/CodeSystem/pharmacy-queue", code: column }] },
    description: drug,
    for: { reference: "Patient/1", display: "Ann Doe" },
    focus: { reference: "MedicationRequest/m1" },
    requester: { display: "Dr. Chen" },
    priority,
    authoredOn,
    input: [
      { type: { text: "room" }, valueString: "patient:1" },
      { type: { text: "dose" }, valueString: "500 mg three times a day" },
      ...(step ? [{ type: { text: "pharmacyStatus" }, valueString: step }] : []),
      { type: { text: "conflict" }, valueBoolean: conflict },
    ],
  };
}

afterEach(() => vi.unstubAllGlobals());

async function show(tasks: readonly Resource[], canEdit = true, ...charts: readonly FakeRoom[]) {
  const room = new FakeRoom("pharmacy:queue", tasks);
  const client = new FakeClient(room, ...charts);
  const connect = () => Promise.resolve(client);
  render(
    <MantineProvider env="test">
      <WorkspaceProvider connect={connect} person={BOB} canEdit={canEdit}>
        <PharmacyPage />
      </WorkspaceProvider>
    </MantineProvider>,
  );
  await screen.findByRole("region", { name: "New orders" });
  return { room, client, user: userEvent.setup() };
}

const column = (name: string) => screen.getByRole("region", { name });
const drugs = (name: string) => within(column(name)).queryAllByRole("article").map((card) => card.querySelector("p")?.textContent);
const moveTo = (room: FakeRoom, id: string, drug: string, code: string, step: string) =>
  act(() => room.colleague("Task", id, task(id, drug, { column: code, step }) as Record<string, Json>));

it("shows each order in its column, what is urgent first, then what waits longest", async () => {
  await show([
    task("a", "Ibuprofen", { authoredOn: "2026-01-01T08:00:00Z" }),
    task("b", "Amoxicillin", { authoredOn: "2026-01-01T07:00:00Z" }),
    task("c", "Heparin", { priority: "stat", authoredOn: "2026-01-01T09:00:00Z" }),
    task("d", "Insulin", { column: "ready", step: "dispensed" }),
  ]);
  expect(drugs("New orders")).toEqual(["Heparin", "Amoxicillin", "Ibuprofen"]);
  expect(drugs("Ready")).toEqual(["Insulin"]);
  expect(within(column("New orders")).getByLabelText("3 orders")).toHaveTextContent("3");
  expect(column("New orders")).toHaveTextContent("1 urgent");
  const card = within(column("Ready")).getByRole("article", { name: "Insulin" });
  expect(card).toHaveTextContent(/500 mg three times a day.*Ann Doe.*Dr\. Chen.*Waiting.*Dispensed/);
  expect(within(card).getByRole("link", { name: "Ann Doe" })).toHaveAttribute("href", "/patients/1");
});

it("asks the server for an act in the person's name", async () => {
  const fetch = vi.fn(() => Promise.resolve(Response.json({ edits: [{}] })));
  vi.stubGlobal("fetch", fetch);
  const { room, user } = await show([task("a", "Ibuprofen")]);
  await user.click(screen.getByRole("button", { name: "Verify: Ibuprofen for Ann Doe" }));
  const [path, init] = fetch.mock.calls[0] as unknown as [string, RequestInit];
  expect(path).toBe("/rooms/pharmacy:queue/commands");
  expect(init.headers).toMatchObject({ "x-chartroom-person": "bob;Bob Diaz" });
  expect(JSON.parse(init.body as string)).toEqual({ kind: "verify", task: "a" });
  moveTo(room, "a", "Ibuprofen", "dispensing", "verified");
  expect(drugs("To dispense")).toEqual(["Ibuprofen"]);
  expect(within(column("New orders")).getByText(/Verified\. Now in To dispense\./)).toBeVisible();
  expect(within(column("New orders")).getByLabelText("0 orders")).toBeVisible();
});

it("says on the card why an act was refused", async () => {
  const body = { edits: [{ error: { code: "wrong-status", message: "x" } }], error: { code: "wrong-status", index: 0, message: "x" } };
  vi.stubGlobal("fetch", vi.fn(() => Promise.resolve(Response.json(body, { status: 422 }))));
  const { user } = await show([task("a", "Ibuprofen")]);
  await user.click(screen.getByRole("button", { name: /^Receive/ }));
  expect(await within(column("New orders")).findByRole("alert")).toHaveTextContent("Not done: Somebody has done this already");
});

it("dispenses a quantity with a note, and not what changed meanwhile", async () => {
  const fetch = vi.fn(() => Promise.resolve(Response.json({ edits: [{}] })));
  vi.stubGlobal("fetch", fetch);
  const { room, user } = await show([task("a", "Ibuprofen", { column: "dispensing", step: "verified" })]);
  await user.click(screen.getByRole("button", { name: /^Quantity or note/ }));
  const dialog = await screen.findByRole("dialog", { name: "Dispense" });
  await user.type(within(dialog).getByLabelText("Quantity"), "14");
  await user.type(within(dialog).getByLabelText("Note"), "with food");
  await user.click(within(dialog).getByRole("button", { name: "Dispense" }));
  const [, init] = fetch.mock.calls[0] as unknown as [string, RequestInit];
  expect(JSON.parse(init.body as string)).toEqual({ kind: "dispense", task: "a", quantity: 14, note: "with food" });
  await waitFor(() => expect(screen.queryByRole("dialog")).not.toBeInTheDocument());
  await user.click(screen.getByRole("button", { name: /^Quantity or note/ }));
  moveTo(room, "a", "Ibuprofen", "ready", "dispensed");
  const again = await screen.findByRole("dialog", { name: "Dispense" });
  await waitFor(() => expect(again).toHaveTextContent("Somebody has taken the next step"));
  expect(within(again).getByRole("button", { name: "Dispense" })).toBeDisabled();
});

it("blocks an order whose chart has an unresolved conflict, with the way there", async () => {
  const { room } = await show([task("a", "Ibuprofen")]);
  act(() => room.colleague("Task", "a", task("a", "Ibuprofen", { conflict: true }) as Record<string, Json>));
  const card = await screen.findByRole("article", { name: "Ibuprofen" });
  await waitFor(() => expect(card).toHaveTextContent("Blocked by an unresolved conflict"));
  expect(within(card).queryByRole("button")).not.toBeInTheDocument();
  expect(within(card).getByRole("link", { name: "Open the chart of Ann Doe to choose" })).toHaveAttribute("href", "/patients/1");
  expect(screen.getByLabelText("Queue summary")).toHaveTextContent("1 blocked");
});

it("shows all that is disputed of a blocked order, and never one dose as if it were the order", async () => {
  const chart = new FakeRoom("patient:1", []);
  const side = (name: string, text: string, shown: boolean) => ({ value: { dosageInstruction: [{ text }] }, author: { id: name, name }, authored_ms: 1, hash: text, shown });
  chart.dispute([
    { resource_type: "MedicationRequest", id: "m1", kind: "element", elements: ["dosageInstruction"], safety: true, values: [side("Alice Chen", "400 mg twice a day", true), side("Bob Diaz", "800 mg twice a day", false)] },
  ]);
  await show([task("a", "Ibuprofen", { conflict: true })], true, chart);
  const sides = within(await screen.findByRole("list", { name: "Disputed: Dosage" })).getAllByRole("listitem");
  expect(sides.map((one) => one.textContent)).toEqual(["400 mg twice a day Alice Chen", "800 mg twice a day Bob Diaz"]);
  expect(screen.queryByText("500 mg three times a day")).not.toBeInTheDocument();
});

it("says what else in the chart blocks an order, and that a dose may be disputed where the chart cannot be read", async () => {
  const chart = new FakeRoom("patient:1", [{ resourceType: "AllergyIntolerance", id: "a1", code: { text: "Penicillin" } }]);
  chart.dispute([{ resource_type: "AllergyIntolerance", id: "a1", kind: "element", elements: ["criticality"], safety: true, values: [] }]);
  await show([task("a", "Ibuprofen", { conflict: true })], true, chart);
  expect(await screen.findByText("Disputed in the chart: Penicillin")).toBeVisible();
  expect(screen.getByText("500 mg three times a day")).toBeVisible();
  cleanup();
  await show([task("a", "Ibuprofen", { conflict: true })]);
  expect(screen.getByText("May be disputed: 500 mg three times a day")).toBeVisible();
});

it("counts in the title of the tab what nobody has taken up", async () => {
  const { room } = await show([task("a", "Ibuprofen"), task("b", "Amoxicillin")]);
  expect(document.title).toBe("(2) Pharmacy queue · Chartroom");
  moveTo(room, "a", "Ibuprofen", "dispensing", "verified");
  await waitFor(() => expect(document.title).toBe("(1) Pharmacy queue · Chartroom"));
});

it("stands still while the pointer is in a column", async () => {
  const { room, user } = await show([task("a", "Ibuprofen"), task("b", "Amoxicillin", { authoredOn: "2026-01-02" })]);
  await user.hover(column("New orders"));
  moveTo(room, "a", "Ibuprofen", "dispensing", "verified");
  act(() => room.colleague("Task", "c", task("c", "Heparin", { priority: "stat" }) as Record<string, Json>));
  await waitFor(() => expect(drugs("New orders")).toEqual(["Ibuprofen", "Amoxicillin", "Heparin"]));
  expect(column("New orders")).toHaveTextContent("Now in To dispense");
  await user.unhover(column("New orders"));
  expect(drugs("New orders")).toEqual(["Heparin", "Amoxicillin"]);
});

it("is walked with the arrow keys", async () => {
  const { user } = await show([task("a", "Ibuprofen"), task("b", "Amoxicillin", { authoredOn: "2026-01-02" }), task("d", "Insulin", { column: "ready", step: "ready" })]);
  const link = (drug: string) => within(screen.getByRole("article", { name: drug })).getByRole("link", { name: "Ann Doe" });
  link("Ibuprofen").focus();
  await user.keyboard("{ArrowDown}");
  expect(link("Amoxicillin")).toHaveFocus();
  await user.keyboard("{ArrowRight}");
  expect(link("Insulin")).toHaveFocus();
  await user.keyboard("{ArrowLeft}");
  expect(link("Ibuprofen")).toHaveFocus();
});

it("finds orders, and offers a reader no acts", async () => {
  const { user } = await show([task("a", "Ibuprofen"), task("b", "Amoxicillin")], false);
  expect(screen.queryByRole("button", { name: /Verify/ })).not.toBeInTheDocument();
  await user.type(screen.getByRole("searchbox", { name: "Find an order" }), "amox");
  await waitFor(() => expect(drugs("New orders")).toEqual(["Amoxicillin"]));
});

it("says that the queue may be out of date while the connection is gone", async () => {
  const { client } = await show([]);
  act(() => client.become("offline"));
  expect(screen.getByRole("status", { name: "Connection" })).toHaveTextContent("Offline: the queue may be out of date");
});

it("knows what comes next, and reads Tasks of any shape", () => {
  const acts = (step?: string) => actsFor(orderOf(task("x", "X", step ? { step } : {}))!).map(({ kind }) => kind);
  expect([acts(), acts("pending"), acts("verified"), acts("dispensed"), acts("ready")]).toEqual([["verify", "receive"], ["verify"], ["dispense"], ["ready", "complete"], ["complete"]]);
  for (const more of [{ for: 3 }, { input: null }, { input: [null, {}] }, { authoredOn: "soon" }, { priority: "?" }]) {
    const order = orderOf({ ...task("x", "X"), ...more } as Resource);
    expect(order?.drug).toBe("X");
    expect(waitText(order!, Date.now())).not.toContain("NaN");
  }
  expect(orderOf({ resourceType: "Task", id: "x" })).toBeUndefined();
});

it("says how long an order waits", () => {
  const since = (ms: number) => waitText({ ...orderOf(task("w", "W"))!, authoredMs: 1e12 - ms }, 1e12);
  expect([30e3, 240e3, 12e6, 36e5 * 24, 86400e3 * 400].map(since)).toEqual(["just now", "4 min", "3 h 20 min", "1 day", "1 year"]);
});

it("keeps places, and puts what came behind", () => {
  const { newOrders } = columnsOf([task("a", "A"), task("b", "B"), task("c", "C")]);
  const [a, b, c] = newOrders;
  expect(merged([{ order: b!, isGone: false }, { order: a!, isGone: false }], [a!, c!]).map(({ order, isGone }) => [order.id, isGone])).toEqual([["b", true], ["a", false], ["c", false]]);
});

it("says that the server did not answer", async () => {
  vi.stubGlobal("fetch", vi.fn(() => Promise.reject(new TypeError("no network"))));
  expect(await carryOut("verify", "a", { id: "r", name: "René Ķ" })).toContain("did not answer");
});
