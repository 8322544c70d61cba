import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { PatientList } from "./PatientList";
import { matches, patientsOf } from "./rooms";

const ROOMS = {
  rooms: [
    { room: "facility:directory", title: null },
    { room: "patient:2", title: "Thanh759 Mosciski958", birthDate: "1955-01-02", gender: "male" },
    { room: "patient:1", title: "Andrea7 Dach178", birthDate: "1960-02-29", gender: "female" },
    { room: "patient:1~psychiatry", title: "Andrea7 Dach178" },
  ],
};

afterEach(() => vi.unstubAllGlobals());

function show(answer: () => Promise<Response>) {
  vi.stubGlobal("fetch", vi.fn(answer));
  render(
    <MantineProvider env="test">
      <PatientList />
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
  const patient = { id: "76f2", name: "Andrea7 Dach178", birthDate: "1960-02-29", gender: "female" };
  expect(matches(patient, "dach 1960")).toBe(true);
  expect(matches(patient, "29 feb")).toBe(true);
  expect(matches(patient, "dach 1961")).toBe(false);
});
