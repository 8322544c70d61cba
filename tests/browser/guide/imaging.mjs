// The guide's page about studies, which come from radiology's system, and reports.
import { put } from "../resources.mjs";
import { PATIENT } from "./chart.mjs";

export const PAGE = "imaging.md";
const DICOM = "http://dicom.nema.org/resources/ontology/DCM";
const SNOMED = "http://snomed.info/sct";

function study(id, description, modality, site, display, days) {
  const series = [{ uid: `1.2.${site}`, number: 1, modality: { system: DICOM, code: modality }, bodySite: { system: SNOMED, code: site, display }, numberOfInstances: 2, instance: [1, 2].map((at) => ({ uid: `1.2.${site}.${at}`, sopClass: { system: "urn:ietf:rfc:3986", code: "urn:oid:1.2.840.10008.5.1.4.1.1.1.1" } })) }];
  return put("ImagingStudy", id, { status: "available", description, started: new Date(Date.now() - days * 86_400_000).toISOString(), subject: { reference: `Patient/${PATIENT}` }, series });
}

function card({ page }, name) {
  return page.getByRole("article", { name, exact: true });
}

export const STEPS = {
  "Find a study": async (section, { alice, bob, server }) => {
    await server.command(`patient:${PATIENT}`, [study("guide-chest", "Chest X-ray", "DX", "51185008", "Thoracic structure", 2), study("guide-head", "CT of head", "CT", "69536005", "Head", 40)], "rita;Rita Moss");
    for (const window of [alice, bob]) await window.tab("Imaging");
    section.name("Imaging");
    await card(alice, "Chest X-ray").filter({ hasText: "No report yet" }).waitFor();
    await section.picture("imaging", alice);
    const chest = alice.page.getByRole("group", { name: "Region of the body" }).getByRole("button", { name: "Chest, 1 study" });
    await chest.click();
    await card(alice, "CT of head").waitFor({ state: "detached" });
    await chest.click();
    await card(alice, "CT of head").waitFor();
    await card(alice, "Chest X-ray").getByRole("button", { name: "Chest X-ray", exact: true }).click();
    await card(alice, "Chest X-ray").getByRole("row", { name: /Thoracic structure/ }).waitFor();
    await alice.panel(section.name("Ordered, not done yet")).waitFor();
  },

  "Write a report": async (section, { alice, bob }) => {
    await card(alice, "Chest X-ray").getByRole("button", { name: `${section.name("Write report")} of Chest X-ray` }).click();
    const form = alice.page.getByRole("dialog", { name: "Add imaging report" });
    await form.getByRole("textbox", { name: section.name("Conclusion") }).fill("No infiltrate. Heart enlarged.");
    await section.picture("report-form", alice, form);
    await form.getByRole("button", { name: section.name("Save preliminary") }).click();
    await bob.entry("Reports", "Chest X-ray").filter({ hasText: "Preliminary" }).waitFor();
    await alice.panel(section.name("Reports")).getByRole("button", { name: `${section.name("Finalise")} Chest X-ray` }).click();
    await bob.entry("Reports", "Chest X-ray").filter({ hasText: "Final" }).waitFor();
    await alice.panel("Reports").getByRole("button", { name: `${section.name("Amend")} Chest X-ray` }).click();
    const amending = alice.page.getByRole("dialog", { name: "Edit imaging report" });
    await amending.getByRole("textbox", { name: "Conclusion" }).fill("Small infiltrate on the left. Heart enlarged.");
    await amending.getByRole("textbox", { name: section.name("Reason for the amendment") }).fill("Second reading");
    await amending.getByRole("button", { name: section.name("Save amendment") }).click();
    await bob.entry("Reports", "Chest X-ray").filter({ hasText: "Amended: Second reading" }).waitFor();
  },
};
