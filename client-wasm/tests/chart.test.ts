import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { LABELS, roomOf } from "../ts/labels.js";
import { connectAs, startServer, until, withServer } from "./server.js";

const CHART = "patient:p1";

const condition = (id: string, ...labels: string[]) => ({
  resourceType: "Condition",
  id,
  subject: { reference: "Patient/p1" },
  ...(labels.length > 0 && { meta: { security: labels.map((code) => ({ code })) } }),
});

const ids = (resources: readonly { id: string }[]) => resources.map(({ id }) => id).sort();

test("labels are the server's", () => {
  const source = readFileSync(fileURLToPath(new URL("../../engine/src/document/labels.rs", import.meta.url)), "utf8");
  const table = /const LABELS[^=]*= \[([^\]]*)\]/.exec(source)![1]!;
  expect([...LABELS]).toEqual([...table.matchAll(/"(\w+)"/g)].map(([, code]) => code));
});

test("labels say the room", () => {
  expect(roomOf(CHART, condition("c"))).toBe(CHART);
  expect(roomOf(CHART, condition("c", "N"))).toBe(CHART);
  expect(roomOf(CHART, condition("c", "PSY", "HIV", "PSY"))).toBe(`${CHART}~HIV.PSY`);
  expect(roomOf(CHART, { ...condition("p1", "PSY"), resourceType: "Patient" })).toBe(CHART);
});

withServer("a chart with compartments", () => {
  test("is read and written as one", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const hers = await alice.openChart(CHART);
    await hers.put(condition("c1")).saved;
    await hers.put(condition("c2", "PSY")).saved;
    expect(hers.rooms.map(({ name }) => name)).toEqual([CHART, `${CHART}~PSY`]);

    // Also where the room is open already.
    await bob.open(CHART);
    const his = await bob.openChart(CHART);
    await until(() => his.list("Condition").length === 2);
    expect(his.rooms).toHaveLength(2);
    expect(ids(his.list("Condition"))).toEqual(["c1", "c2"]);
    expect(his.list("Condition")).toBe(his.list("Condition"));
    let changes = 0;
    his.on("change", () => (changes += 1));
    await hers.patch("Condition", "c2", { recordedDate: "2026-01-01" }).saved;
    await until(() => his.get("Condition", "c2")?.recordedDate === "2026-01-01");
    expect(changes).toBeGreaterThan(0);
    expect(() => his.put(condition("c1", "PSY"))).toThrow(expect.objectContaining({ code: "restricted" }));
    await his.remove("Condition", "c2").saved;
    await until(() => hers.list("Condition").length === 1);
    expect(hers.status).toEqual({ synced: true, unsaved: 0, readOnly: false, error: null });
    his.close();
    hers.close();
  });

  test("a label in the chart's own room is refused, and the document goes back", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(CHART);
    const edit = room.put(condition("c1", "PSY"));
    await expect(edit.saved).rejects.toMatchObject({ code: "restricted" });
    expect(room.get("Condition", "c1")).toBeUndefined();
  });
});
