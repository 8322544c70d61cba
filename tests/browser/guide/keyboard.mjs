// The guide's page for those who use no mouse.
export const PAGE = "keyboard.md";

export const STEPS = {
  "Show the keys": async (section, { alice }) => {
    const { page } = alice;
    await alice.patients();
    await page.getByRole("link", { name: "Chartroom" }).focus();
    await page.keyboard.press(`Shift+${section.name("?")}`);
    const list = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await list.getByRole("switch", { name: section.name("Single keys act"), checked: true }).waitFor();
    await section.picture("shortcuts", alice, list);
    await page.keyboard.press("Escape");
    await list.waitFor({ state: "detached" });
    await page.getByRole("button", { name: section.name("Keyboard shortcuts") }).click();
    await list.waitFor();
    await page.keyboard.press("Escape");
    await list.waitFor({ state: "detached" });
  },

  "Find a patient without a mouse": async (section, { alice }) => {
    const { page } = alice;
    await page.getByRole("link", { name: "Chartroom" }).focus();
    await page.keyboard.press(section.name("/"));
    await page.keyboard.type("sandahl");
    await page.getByText("1 patient found").waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Priya Sandahl" }).waitFor();
  },
};
