import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";

it("lists the shortcuts on ?, and can switch single keys off", async () => {
  const { user } = await renderChart([]);
  await user.keyboard("{Shift>}?{/Shift}");
  const dialog = await screen.findByRole("dialog", { name: "Keyboard shortcuts" });
  expect(screen.getByRole("row", { name: /^\/ Go to the search/ })).toBeInTheDocument();
  await user.click(screen.getByRole("switch", { name: "Single keys act" }));
  await user.keyboard("{Escape}");
  await waitFor(() => expect(dialog).not.toBeInTheDocument());
  await user.keyboard("{Shift>}?{/Shift}");
  expect(screen.queryByRole("dialog", { name: "Keyboard shortcuts" })).toBeNull();
  await user.click(screen.getByRole("button", { name: "Keyboard shortcuts" }));
  await user.click(await screen.findByRole("switch", { name: "Single keys act", checked: false }));
});
