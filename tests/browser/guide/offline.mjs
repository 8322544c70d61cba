// The guide's page about what saved means, work without a connection, and undo.
export const PAGE = "offline.md";

export const STEPS = {
  "Know that it is saved": async (section, { alice }) => {
    await alice.tab("Chart review");
    await alice.addAllergy({ substance: "Pollen", criticality: "Low" });
    await alice.saveState(section.name("Saved"));
  },

  "Work without a connection": async (section, { alice, bob, line }) => {
    await bob.tab("Chart review");
    line.away();
    await bob.connection(section.name("Offline")).waitFor();
    await bob.addAllergy({ substance: "Morphine", criticality: "High" });
    await bob.connection(/1 edit waits, kept on this device/).waitFor();
    await section.picture("offline", bob);
    line.away(false);
    await alice.entry("Allergies", /Morphine/).waitFor();
    await bob.connection("Offline").waitFor({ state: "detached" });
    await bob.saveState(section.name("Saved"));
  },

  "Take back your last edit": async (section, { alice, bob }) => {
    const nickel = () => bob.entry("Allergies", /Nickel/);
    await alice.addAllergy({ substance: "Nickel", criticality: "Low" });
    await nickel().waitFor();
    await alice.page.keyboard.press("Control+z");
    await nickel().waitFor({ state: "detached" });
    await alice.page.keyboard.press("Control+Shift+Z");
    await nickel().waitFor();
    await alice.removeAllergy("Nickel");
    await nickel().waitFor({ state: "detached" });
    await alice.page.getByRole("alert").filter({ hasText: "Removed Nickel" }).getByRole("button", { name: section.name("Undo") }).click();
    await nickel().waitFor();
  },
};
