import { act, screen, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { ClientState } from "../shared/chartroom";
import { notice } from "./notice";

const STATE = { connection: "online", error: null, storage: "ok", storageError: null, unsaved: 0, refused: 0, unstored: 0 } as const;

/** As the package makes them, which is not there in unit tests. */
const error = (code: string) => Object.assign(new Error("of the test"), { code }) as NonNullable<ClientState["error"]>;

it("says nothing while a sign-in is renewed, unless that takes long", async () => {
  const { client } = await renderChart([]);
  const bar = screen.getByRole("status", { name: "Connection" });
  vi.useFakeTimers();
  act(() => client.become("offline", { error: error("authentication") }));
  expect(bar).toBeEmptyDOMElement();
  act(() => vi.advanceTimersByTime(3_000));
  expect(bar).toHaveTextContent("Offline");
  vi.useRealTimers();
});

it("says that the connection is gone and how many edits wait, and goes with its return", async () => {
  const { client } = await renderChart([]);
  const bar = screen.getByRole("status", { name: "Connection" });
  expect(bar).toBeEmptyDOMElement();
  act(() => client.become("offline", { unsaved: 2 }));
  expect(bar).toHaveTextContent("Offline2 edits wait, kept on this device");
  act(() => client.become("online", { unsaved: 0 }));
  expect(bar).toBeEmptyDOMElement();
});

it("signs in again from the bar", async () => {
  const { client, user } = await renderChart([]);
  act(() => client.become("signed-out", { unsaved: 1 }));
  await user.click(screen.getByRole("button", { name: "Sign in again" }));
  expect(screen.getByRole("status", { name: "Connection" })).toBeEmptyDOMElement();
});

it("is a stop of the Tab key in a dialog too", async () => {
  const { client, user } = await renderChart([]);
  await user.click(screen.getByRole("button", { name: "Add allergy" }));
  const dialog = await screen.findByRole("dialog", { name: "Add allergy" });
  act(() => client.become("signed-out"));
  const again = screen.getByRole("button", { name: "Sign in again" });
  within(dialog).getByRole("button", { name: "Add allergy" }).focus();
  await user.tab();
  expect(again).toHaveFocus();
  await user.tab();
  expect(dialog).toContainElement(document.activeElement as HTMLElement);
  await user.tab({ shift: true });
  expect(again).toHaveFocus();
});

it.each([
  [{ connection: "offline", unsaved: 1, unstored: 1 }, /1 edit waits, in this window only\. Do not close it/],
  [{ connection: "offline", storage: "full", unsaved: 1 }, /in this window only/],
  [{ connection: "offline", storage: "none" }, /in this window only/],
  [{ connection: "signed-out", unsaved: 2 }, /Sign in again.*2 edits wait, kept on this device/],
  [{ connection: "signed-out", error: error("token-revoked") }, /ask the service desk/],
  [{ storage: "full" }, /safe only once they say Saved/],
] as const)("of %j says the truth", (part, words) => {
  expect(notice({ ...STATE, ...part })?.text).toMatch(words);
});

it("says nothing while all is well", () => {
  expect(notice(STATE)).toBeUndefined();
  expect(notice({ ...STATE, connection: "connecting" })).toBeUndefined();
});
