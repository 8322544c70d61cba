// The guide's page for somebody who has never seen the workspace.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../../support/server.mjs";

export const PAGE = "first-steps.md";

export const STEPS = {
  "Start it": async (section) => {
    // The tests' own server runs: what the guide types and where it looks has to be what make run does.
    const makefile = await readFile(join(ROOT, "Makefile"), "utf8");
    assert.match(makefile, /^run: .*\n\t@node scripts\/run\.mjs --port \$\(PORT\)/m);
    const port = /^PORT \?= (\d+)$/m.exec(makefile)[1];
    assert.ok(section.text.includes("`make run`") && section.text.includes(`http://127.0.0.1:${port}`));
  },

  "Say who you are": async (section, { alice, server }) => {
    const { page } = alice;
    await page.goto(server.http);
    await page.getByRole("heading", { name: section.name("Who is at this screen?") }).waitFor();
    await section.picture("who", alice, page.getByRole("main").locator("> *"));
    await page.getByRole("button", { name: section.name("Alice Chen") }).click();
    await page.getByRole("button", { name: "Signed in as Alice Chen" }).click();
    const other = page.getByRole("menuitem", { name: /Bob Diaz/ });
    await other.press("Escape");
    await other.waitFor({ state: "detached" });
    section.name("Sign out…"); // workspace_sign_in.test.mjs signs in and out at a provider
  },

  "Find a patient": async (section, { alice }) => {
    const { page } = alice;
    await page.getByRole("searchbox", { name: section.name("Search patients") }).fill("brack");
    await page.getByText("1 patient found").waitFor();
    await section.picture("find", alice);
    for (const known of ["2 nov 1947", "MB-100107"]) {
      await page.getByRole("searchbox", { name: "Search patients" }).fill(known);
      await page.getByText("1 patient found").waitFor();
    }
    await page.getByRole("link", { name: "Theodore Brackenwood" }).click();
    await alice.panel("Allergies").waitFor();
    await page.getByRole("link", { name: section.name("Patients") }).click();
    await page.getByRole("table", { name: section.name("Your recent patients") }).getByRole("link", { name: "Theodore Brackenwood" }).waitFor();
  },
};
