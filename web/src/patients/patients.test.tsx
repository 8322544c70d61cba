import { MantineProvider } from "@mantine/core";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { FakeClient } from "../../test/fakeChartroom";
import { WorkspaceProvider } from "../shared/workspace";
import { PatientList } from "./PatientList";
import { matches, patientsOf } from "./rooms";

const ROOMS = {
  rooms: [
    { room: "facility:directory", title: null },
    { room: "patient:2", title: "Thanh759 Mosciski958", birthDate: "1955-01-02", gender: "male" },
    { room: "patient:1", title: "Andrea7 Dach178", birthDate: "1960-02-29", gender: "female", present: [{ id: "bob", name: "Bob Diaz" }, { id: "alice", name: "Alice Chen" }] },
    { room: "patient:1~psychiatry", title: "Andrea7 Dach178" },
  ],
};

afterEach(() => vi.unstubAllGlobals());

const ALICE = { id: "alice", name: "Alice Chen" };

function show(answer: (path: string) => Promise<Response>) {
  vi.stubGlobal("fetch", vi.fn(answer));
  const client = new FakeClient();
  const connect = () => Promise.resolve(client);
  render(
    <MantineProvider env="test">
      <WorkspaceProvider connect={connect} person={ALICE} canEdit>
        <PatientList />
      </WorkspaceProvider>
    </MantineProvider>,
  );
  return userEvent.setup();
}

it("lists patients by name, without facility rooms and compartments", async () => {
  show(() => Promise.resolve(Response.json(ROOMS)));
  const links = await screen.findAllByRole("link");
  expect(links.map((link) => link.textContent)).toEqual(["Andrea7 Dach178", "Thanh759 Mosciski958"]);
  expect(links[0]).toHaveAttribute("href", "/patients/1");
});

it("finds by a part of the name and is walked with the arrow keys", async () => {
  const user = show(() => Promise.resolve(Response.json(ROOMS)));
  const search = await screen.findByRole("searchbox", { name: "Search patients" });
  await user.type(search, "mosc");
  expect(await screen.findByText("1 patient found")).toBeVisible();
  await user.keyboard("{ArrowDown}");
  expect(screen.getByRole("link")).toHaveFocus();
});

it("shows the patients that one had open last, with who is there now", async () => {
  window.localStorage.setItem("chartroom-recent-patients-alice", JSON.stringify(["1", "gone"]));
  show(() => Promise.resolve(Response.json(ROOMS)));
  const recent = within(await screen.findByRole("table", { name: "Your recent patients" }));
  expect(recent.getAllByRole("link").map((link) => link.textContent)).toEqual(["Andrea7 Dach178"]);
  const here = within(recent.getByRole("list", { name: "On Andrea7 Dach178" })).getAllByRole("listitem");
  expect(here.map((one) => one.getAttribute("aria-label"))).toEqual(["Bob Diaz"]);
});

it("finds by an identifier that the server knows", async () => {
  const answer = (path: string) => Promise.resolve(Response.json(path === "/rooms" ? ROOMS : { entry: [{ resource: { resourceType: "Patient", id: "2" } }] }));
  const user = show(answer);
  await user.type(await screen.findByRole("searchbox", { name: "Search patients" }), "MB-100290");
  expect(await screen.findByRole("link", { name: "Thanh759 Mosciski958" })).toBeVisible();
  expect(vi.mocked(fetch).mock.calls.map(([path]) => path)).toContain("/fhir/R4/Patient?identifier=MB-100290&_elements=id");
});

it("says how to get patients where there are none", async () => {
  show(() => Promise.resolve(Response.json({ rooms: [] })));
  expect(await screen.findByText("No patients yet")).toBeVisible();
});

it("says that the server does not answer", async () => {
  show(() => Promise.reject(new TypeError("no network")));
  expect(await screen.findByText("The server cannot be reached")).toBeVisible();
});

it("reads an answer of any shape", () => {
  for (const answer of [null, 3, {}, { rooms: "x" }, { rooms: [null, { room: 7 }, { room: "patient:" }] }]) {
    expect(patientsOf(answer)).toEqual([]);
  }
});

it("matches every word anywhere", () => {
  const patient = { present: [], id: "76f2", name: "Andrea7 Dach178", birthDate: "1960-02-29", gender: "female" };
  expect(matches(patient, "dach 1960")).toBe(true);
  expect(matches(patient, "29 feb")).toBe(true);
  expect(["29.2.1960", "29.02.1960", "02/29/1960", "29/02/1960"].every((typed) => matches(patient, typed))).toBe(true);
  expect(matches(patient, "dach 1961")).toBe(false);
});
