// The guide's page about two values that were written apart, and their end.
export const PAGE = "conflicts.md";

/** Alice and Bob write while Bob is away; then he comes back. */
async function apart({ alice, bob, line }, write) {
  line.away();
  await bob.connection("Offline").waitFor();
  await write(alice, 0);
  await write(bob, 1);
  line.away(false);
  await bob.saveState("Saved");
}

export const STEPS = {
  "Keep one of the two": async (section, people) => {
    const { alice, bob } = people;
    for (const window of [alice, bob]) await window.tab("Chart review");
    await apart(people, (window, at) => window.editAllergy("Codeine", (form) => form.getByLabel("Reaction").fill(["Hives", "Anaphylaxis"][at])));
    const conflict = ({ page }) => page.getByRole("group", { name: "Conflict in Codeine" });
    for (const window of [alice, bob]) await conflict(window).filter({ hasText: /Hives.*Alice Chen/ }).filter({ hasText: /Anaphylaxis.*Bob Diaz/ }).waitFor();
    await section.picture("conflict", alice, alice.panel("Allergies"));
    await conflict(alice).getByRole("button", { name: new RegExp(`^${section.name("Keep")} .*Anaphylaxis`) }).click();
    for (const window of [alice, bob]) await conflict(window).waitFor({ state: "detached" });
    await bob.entry("Allergies", /Codeine/).filter({ hasText: "Anaphylaxis" }).waitFor();
  },

  "Write something else": async (section, people) => {
    const { alice, bob } = people;
    const { page } = alice;
    for (const window of [alice, bob]) await window.tab("Orders");
    await apart(people, async (window, at) => {
      await window.panel("Medication orders").getByRole("button", { name: /^Edit .*metoprolol/ }).click();
      const form = window.page.getByRole("dialog", { name: "Edit medication order" });
      await form.getByRole("textbox", { name: "Dosage" }).fill(["Half a tablet every morning", "Two tablets every morning"][at]);
      await form.getByRole("button", { name: "Save changes" }).click();
      await form.waitFor({ state: "detached" });
    });
    await page.getByRole("button", { name: section.name("1 conflict") }).click();
    const list = page.getByRole("dialog", { name: "1 conflict to settle" });
    await list.getByText("Two tablets every morning").waitFor();
    await section.picture("conflicts", alice, list);
    await list.getByRole("button", { name: new RegExp(`^${section.name("Write another value")}`) }).click();
    const form = page.getByRole("dialog", { name: "Edit medication" });
    await form.getByText("Half a tablet every morning").first().waitFor();
    await form.getByRole("textbox", { name: "Dosage" }).fill("One tablet every second morning");
    await form.getByRole("button", { name: section.name("Save changes") }).click();
    await page.getByText(section.name("Nothing is in dispute any more.")).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: section.name("Close") }).click();
    await bob.entry("Medication orders", /metoprolol/).filter({ hasText: "One tablet every second morning" }).waitFor();
  },
};
