import { describe, expect, it } from "vitest";
import { conceptCode, conceptText } from "./concept";
import { ageInYears, dateProblem, formatDate, formatTime, onsetText } from "./date";
import { dosageFreeText, dosageText, drugText, withDosage } from "./dosage";
import { identifiers, mainIdentifier, patientName } from "./patient";
import { reactionText, withFirstReaction } from "./reaction";
import { sameJson } from "./read";
import { codeWord, elementName, noteText, valueText } from "./words";

const NOW = new Date(2026, 10, 23, 14, 30);
const ODD: unknown[] = [undefined, null, 0, 7, "", "x", true, [], [null], {}, { coding: 3 }, { coding: [null, 4] }, [[]]];

describe("dosage in a form", () => {
  const TWO = { dosageInstruction: [{ text: "One in the morning", route: { text: "Oral" } }, { text: "Two at night" }] };
  it("keeps the parts of an instruction whose words stay, and no others", () => {
    expect(dosageFreeText(TWO)).toBe("One in the morning; then Two at night");
    expect(withDosage(TWO, "One in the morning; then One at night")).toEqual([TWO.dosageInstruction[0], { text: "One at night" }]);
    expect(withDosage(TWO, " ")).toBeNull();
  });
});

describe("concept", () => {
  it.each([
    [{ text: "Penicillin", coding: [{ display: "other" }] }, "Penicillin"],
    [{ coding: [{ code: "1" }, { display: "Second" }] }, "Second"],
    [{ text: " ", coding: [{ code: "7980" }] }, "7980"],
    [{ display: "Bare coding" }, "Bare coding"],
    ["just text", "just text"],
    [{}, ""],
  ])("falls back from text to display to code", (value, text) => {
    expect(conceptText(value)).toBe(text);
  });

  it("finds the first code", () => {
    expect(conceptCode({ coding: [{ display: "no code" }, { code: "b" }] })).toBe("b");
  });
});

describe("any shape", () => {
  it.each(ODD)("is read without an error: %j", (value) => {
    const resource = Object.fromEntries(
      ["name", "identifier", "reaction", "dosageInstruction", "note", "onsetAge", "onsetPeriod", "onsetRange"].map(
        (element) => [element, value],
      ),
    );
    const texts = [
      conceptText(value),
      formatDate(value),
      patientName(value),
      patientName(resource),
      reactionText(resource),
      dosageText(resource),
      drugText(resource),
      onsetText(resource),
      noteText(resource),
      codeWord(value),
      valueText("x", value),
      valueText("dosageInstruction", value),
      valueText("reaction", value),
    ];
    expect(texts.every((text) => typeof text === "string")).toBe(true);
    expect(identifiers(resource)).toEqual([]);
    expect(ageInYears(value, NOW)).toBeUndefined();
  });
});

describe("date", () => {
  it.each([
    ["1928-10-15T23:11:46+00:00", "15 Oct 1928"],
    ["2019-05", "May 2019"],
    ["2019", "2019"],
    ["2019-13", "2019-13"],
    ["soon", "soon"],
  ])("shows %s as precisely as recorded", (value, text) => {
    expect(formatDate(value)).toBe(text);
  });

  it("counts a birthday only once it is there", () => {
    expect(ageInYears("2000-11-23", NOW)).toBe(26);
    expect(ageInYears("2000-11-24", NOW)).toBe(25);
    expect(ageInYears("2000", NOW)).toBe(26);
    expect(ageInYears("1899-01-01", NOW)).toBeUndefined();
  });

  it.each([
    ["", null],
    ["2020", null],
    ["2020-02-29", null],
    ["2021-02-29", "There is no such day in the calendar."],
    ["2021-13", "There is no such day in the calendar."],
    ["1.2.2020", "Write the date as YYYY, YYYY-MM or YYYY-MM-DD."],
    ["2026-11-24", "The date lies in the future."],
  ])("says what is wrong with %s", (text, problem) => {
    expect(dateProblem(text, NOW)).toBe(problem);
  });

  it("gives the clock alone for today", () => {
    expect(formatTime(new Date(2026, 10, 23, 9, 5).getTime(), NOW)).toBe("09:05");
    expect(formatTime(new Date(2026, 10, 22, 9, 5).getTime(), NOW)).toBe("22 Nov 2026, 09:05");
    expect(formatTime(0, NOW)).toBe("time not known");
  });
});

describe("patient", () => {
  it("takes the official name and keeps its digits", () => {
    const name = [
      { use: "maiden", family: "Old" },
      { use: "official", given: ["Andrea7"], family: "Dach178", prefix: ["Mrs."] },
    ];
    expect(patientName({ name })).toBe("Mrs. Andrea7 Dach178");
  });

  it("shows the record number and never the tax number", () => {
    const identifier = [
      { type: { coding: [{ code: "SS" }] }, value: "999-12-3456" },
      { type: { coding: [{ code: "MR" }] }, value: "m-1" },
    ];
    expect(mainIdentifier({ identifier })).toEqual({ label: "MRN", value: "m-1" });
    expect(identifiers({ identifier })).toHaveLength(1);
    const named = { type: { coding: [{ code: "MR" }] }, value: "7" };
    expect(identifiers({ identifier: [{ value: "7" }, named, { value: "8" }] }).map(({ label, value }) => `${label} ${value}`)).toEqual(["MRN 7", "ID 8"]);
  });
});

describe("dosage", () => {
  it("is put together from its parts", () => {
    const dosage = {
      timing: { repeat: { frequency: 1, period: 6, periodUnit: "h" } },
      route: { text: "Oral route" },
      asNeededCodeableConcept: { text: "Back pain" },
      doseAndRate: [{ doseQuantity: { value: 5, unit: "mg" } }],
    };
    const text = "5 mg, oral, once every 6 hours, as needed for back pain";
    expect(dosageText({ dosageInstruction: [dosage] })).toBe(text);
  });

  it("is its own text where there is one", () => {
    expect(dosageText({ dosageInstruction: [{ text: "Half a tablet" }, { asNeededBoolean: true }] })).toBe(
      "Half a tablet; then as needed",
    );
  });

  it("names a drug by reference where there is no concept", () => {
    expect(drugText({ medicationReference: { reference: "Medication/9", display: "Atenolol" } })).toBe("Atenolol");
  });
});

describe("reaction", () => {
  const before = {
    reaction: [
      { severity: "mild", manifestation: [{ text: "Hives", coding: [{ code: "247472004" }] }] },
      { description: "Collapse in 1999" },
    ],
  };

  it("keeps the codes of signs that stay, the severity and the other reactions", () => {
    expect(withFirstReaction(before, "Hives, itching")).toEqual([
      {
        severity: "mild",
        manifestation: [{ text: "Hives", coding: [{ code: "247472004" }] }, { text: "itching" }],
      },
      { description: "Collapse in 1999" },
    ]);
  });

  it("goes away with its last sign", () => {
    expect(withFirstReaction({ reaction: [{ manifestation: [{ text: "Hives" }] }] }, " ")).toBeNull();
  });

  it("is said in words", () => {
    expect(reactionText(before)).toBe("Hives (mild); Collapse in 1999");
  });
});

describe("words", () => {
  it("names elements and codes", () => {
    expect(elementName("AllergyIntolerance", "code")).toBe("Substance");
    expect(elementName("Observation", "bodySite")).toBe("Body site");
    expect(codeWord({ coding: [{ code: "entered-in-error" }] })).toBe("Entered in error");
    expect(codeWord("some-new-code")).toBe("Some new code");
  });

  it("compares JSON without regard to the order of keys", () => {
    expect(sameJson({ a: 1, b: [2, { c: 3 }] }, { b: [2, { c: 3 }], a: 1 })).toBe(true);
    expect(sameJson({ a: 1 }, { a: 1, b: undefined })).toBe(false);
    expect(sameJson([1], { 0: 1 })).toBe(false);
  });
});
