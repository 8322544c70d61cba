/** Shows the whole workspace on a fake room, as Alice. */
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect } from "vitest";
import { App } from "../src/App";
import type { Resource } from "../src/shared/chartroom";
import { theme } from "../src/styles/theme";
import { FakeClient, FakeRoom } from "./fakeChartroom";

export const PATIENT: Resource = {
  resourceType: "Patient",
  id: "1",
  name: [{ use: "official", given: ["Andrea7"], family: "Dach178" }],
  birthDate: "1960-02-29",
  gender: "female",
};

/** Opens the chart of patient 1 and waits until it, or what has `heading` instead, is there; `before` is what happens to it earlier. */
export async function renderChart(
  resources: readonly Resource[],
  as = "alice",
  page = "",
  communications: readonly Resource[] = [],
  { heading = "Andrea7 Dach178", before }: { heading?: string; before?: (room: FakeRoom, alerts: FakeRoom) => void } = {},
) {
  const room = new FakeRoom("patient:1", [PATIENT, ...resources]);
  const alerts = new FakeRoom("facility:alerts", communications);
  before?.(room, alerts);
  const client = new FakeClient(room, alerts);
  window.history.replaceState(null, "", `/patients/1${page}?as=${as}`);
  const connect = () => Promise.resolve(client);
  const view = render(
    <MantineProvider theme={theme} env="test">
      <Notifications />
      <App connect={connect} />
    </MantineProvider>,
  );
  await screen.findByRole("heading", { name: heading });
  await waitFor(() => expect(screen.queryByRole("status", { name: /^Opening/ })).toBeNull());
  // What is shown has subscribed by now.
  await act(async () => undefined);
  return { room, alerts, client, user: userEvent.setup(), view };
}
