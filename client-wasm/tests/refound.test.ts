import { expect, test } from "vitest";
import type { Edit, Room } from "chartroom";
import { connectAs, startServer, until, withServer, type Server } from "./server.js";

const ROOM = "patient:p1";
const allergy = (id: string, text: string) => ({
  resourceType: "AllergyIntolerance",
  id,
  code: { text },
  patient: { reference: "Patient/p1" },
});

const put = (room: Room, ids: string[]): Edit[] => ids.map((id) => room.put(allergy(id, "Latex")));
const ids = (room: Room) => room.list("AllergyIntolerance").map(({ id }) => id);

async function refound(server: Server): Promise<void> {
  const answer = await fetch(`${server.http}/rooms/${ROOM}/refound`, { method: "POST" });
  expect(answer.status).toBe(200);
}

withServer("a room that is founded anew", () => {
  test("unsaved edits are made again in the next epoch, and keep their promise", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    await Promise.all(put(hers, ["a", "b"]).map((edit) => edit.saved));
    await until(() => his.list("AllergyIntolerance").length === 2);
    const before = hers.url;
    const refused: unknown[] = [];
    hers.on("refused", (edits) => refused.push(...edits));
    const founding = refound(server);
    // Some of these reach the old epoch, others only the new one.
    const edits: Edit[] = [];
    for (let n = 0; hers.url === before && his.url === before && n < 100; n += 1) {
      edits.push(...put(hers, [`c${n}`]), his.patch("AllergyIntolerance", "a", { onsetString: `${n}` }));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await founding;
    await until(() => hers.url !== before);
    await Promise.all(edits.map((edit) => edit.saved));
    await until(() => hers.unsaved === 0 && his.unsaved === 0 && his.url === hers.url);
    await until(() => ids(his).length === ids(hers).length);
    expect(ids(hers)).toEqual(expect.arrayContaining(["a", "b", ...edits.filter((_, n) => n % 2 === 0).map((edit) => edit.resource.id)]));
    await until(() => hers.get("AllergyIntolerance", "a")?.onsetString === `${edits.length / 2 - 1}`);
    expect(refused).toEqual([]);
    expect(his.heads()).toEqual(hers.heads());
  });

  test("edits made offline meanwhile take nothing back that others wrote", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    await hers.put(allergy("a", "Latex")).saved;
    await until(() => his.get("AllergyIntolerance", "a") !== undefined);
    await server.kill();
    await until(() => bob.status === "offline");
    const edit = his.put({ ...allergy("a", "Latex"), onsetString: "childhood" });
    await server.start();
    // Alice is back first, or the edit would be saved in the old epoch: both are fine here.
    await refound(server);
    await until(() => alice.status === "online" && hers.synced);
    await hers.patch("AllergyIntolerance", "a", { criticality: "high" }).saved;
    await edit.saved;
    const both = { code: { text: "Latex" }, onsetString: "childhood", criticality: "high" };
    await until(() => his.get("AllergyIntolerance", "a")?.criticality === "high");
    expect(his.get("AllergyIntolerance", "a")).toMatchObject(both);
    await until(() => hers.get("AllergyIntolerance", "a")?.onsetString === "childhood");
  });
});
