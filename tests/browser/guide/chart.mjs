// The guide's page about the header, the tabs and the others on a chart.
export const PAGE = "chart.md";
export const PATIENT = "theodore-brackenwood";

export const STEPS = {
  "Read the header": async (section, { alice }) => {
    const { page } = alice;
    await alice.chart(PATIENT);
    await alice.saveState(section.name("Saved"));
    await section.picture("header", alice, page.getByRole("banner"));
    for (const count of [/allergies$/, /medications$/, /problems$/, /^Code status/]) await page.getByRole("group", { name: "Chart summary" }).getByText(count).waitFor();
    await page.getByRole("list", { name: "Critical indicators" }).getByText(/^High criticality/).waitFor();
    section.name("No critical indicators"); // what stands there for somebody without a dangerous allergy
    const details = page.getByRole("button", { name: section.name("Details of the patient") });
    await details.click();
    await page.getByRole("list", { name: "Critical indicators" }).waitFor({ state: "hidden" });
    await page.getByRole("group", { name: "Chart summary" }).waitFor();
    await details.click();
  },

  "Go from tab to tab": async (section, { alice }) => {
    for (const tab of ["Orders", "Results", "Imaging", "Documentation", "Timeline", "Activity", "Summary", "Chart review"]) await alice.tab(section.name(tab));
  },

  "See who else is here": async (section, { alice, bob }) => {
    await bob.chart(PATIENT);
    await alice.colleague("Bob Diaz, in Chart review").waitFor();
    const people = alice.page.getByRole("list", { name: "Also on this patient" });
    await section.picture("here", alice, people.locator(".."));
    await bob.patients();
    await alice.colleague(/Bob Diaz/).waitFor({ state: "detached" });
  },
};
