import { act, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import { notice } from "./notice";

const STATE = { connection: "online", error: null, storage: "ok", storageError: null, unsaved: 0, unstored: 0 } as const;

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

it.each([
  [{ connection: "offline", unsaved: 1, unstored: 1 }, /1 edit waits, in this window only\. Do not close it/],
  [{ connection: "offline", storage: "full", unsaved: 1 }, /in this window only/],
  [{ connection: "offline", storage: "none" }, /in this window only/],
  [{ connection: "signed-out", unsaved: 2 }, /Sign in again.*2 edits wait, kept on this device/],
  [{ storage: "full" }, /safe only once they say Saved/],
] as const)("of %j says the truth", (part, words) => {
  expect(notice({ ...STATE, ...part })?.text).toMatch(words);
});

it("says nothing while all is well", () => {
  expect(notice(STATE)).toBeUndefined();
  expect(notice({ ...STATE, connection: "connecting" })).toBeUndefined();
});
