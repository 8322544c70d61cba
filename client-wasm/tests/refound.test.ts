import { expect, test } from "vitest";
import type { Client, Edit, Room } from "chartroom";
import { Device } from "./device.js";
import { connectAs, startServer, until, withServer, type Server } from "./server.js";

const ROOM = "patient:p1";
const allergy = (id: string, text: string) => ({
  resourceType: "AllergyIntolerance",
  id,
  code: { text },
  patient: { reference: "Patient/p1" },
});

const note = { resourceType: "DocumentReference", id: "n", status: "current", content: [{ attachment: {} }], subject: { reference: "Patient/p1" } };

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

  test("shows what it showed until the next epoch is here, then what differs at once, and only then is in sync", async () => {
    const { room, device, his } = await betweenEpochs();
    const url = room.url;
    expect(room.status).toEqual({ synced: false, unsaved: 0, progress: null, readOnly: false, error: null });
    expect(ids(room)).toEqual(["a", "b"]);
    expect(room.conflicts()).toEqual([]);
    const [b, heads] = [room.get("AllergyIntolerance", "b"), room.heads()];
    // What showed can be asked about, too.
    expect(await (await room.at(heads)).list("AllergyIntolerance")).toHaveLength(2);
    await until(() => his.synced && his.url !== url);
    await Promise.all([his.remove("AllergyIntolerance", "a").saved, his.put(allergy("c", "Nuts")).saved]);

    const told = tellings(room);
    const touched: string[] = [];
    room.on("touched", (keys) => touched.push(...keys));
    device.network.speak();
    await until(() => room.synced);
    expect(told.shift()).toBe("change, not in sync: b,c");
    expect(told.pop()).toBe("status, in sync: b,c");
    expect(new Set(told)).toEqual(new Set(told.length > 0 ? ["change, not in sync: b,c"] : []));
    expect(touched.sort()).toEqual(["AllergyIntolerance/a", "AllergyIntolerance/c"]);
    expect(room.get("AllergyIntolerance", "b")).toBe(b);
    expect([room.url, room.heads()]).toEqual([his.url, his.heads()]);
    expect(room.url).not.toBe(url);
  });

  test("is never seen to lack what stands in it", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    await Promise.all(put(room, ["a", "b"]).map((edit) => edit.saved));
    const list = room.list("AllergyIntolerance");
    const told = tellings(room);
    const touched: string[] = [];
    room.on("touched", (keys) => touched.push(...keys));
    const { url } = room;
    await refound(server);
    await until(() => room.url !== url && room.synced);
    expect(told[0]).toBe("status, not in sync: a,b");
    expect(told.at(-1)).toBe("status, in sync: a,b");
    expect(new Set(told.slice(1, -1))).toEqual(new Set(["change, not in sync: a,b"]));
    expect(touched).toEqual([]);
    expect(room.list("AllergyIntolerance")).toBe(list);
  });

  test("shows what it showed also where the server is gone in that moment, and the page is loaded again", async () => {
    const { room, device, server, client } = await betweenEpochs();
    const { url } = room;
    await server.kill();
    await until(() => client.status === "offline");
    expect(ids(room)).toEqual(["a", "b"]);
    expect(room.status).toMatchObject({ synced: false, error: null });
    await room.patch("AllergyIntolerance", "a", { criticality: "high" }).stored;
    device.kill();

    device.network.cut();
    const second = await device.connect("Alice", server.url);
    const again = await second.open(ROOM);
    expect([ids(again), again.url, again.unsaved, again.synced]).toEqual([["a", "b"], url, 1, false]);
    expect(again.get("AllergyIntolerance", "a")?.criticality).toBe("high");
    const told = tellings(again);
    await server.start();
    device.network.mend();
    await until(() => again.synced && again.unsaved === 0);
    expect(again.url).not.toBe(url);
    expect(told.filter((line) => !line.endsWith(": a,b"))).toEqual([]);
    expect(await served(server, "AllergyIntolerance", "a")).toMatchObject({ code: { text: "Latex" }, criticality: "high" });

    // The store has followed.
    const list = again.list("AllergyIntolerance");
    device.network.cut();
    await second.close();
    const third = await (await device.connect("Alice", server.url)).open(ROOM);
    expect([third.url, third.unsaved, third.list("AllergyIntolerance")]).toEqual([again.url, 0, list]);
  });

  test("a page that is loaded in that moment shows what showed", async () => {
    const { room, device, server } = await betweenEpochs();
    const edit = room.patch("AllergyIntolerance", "b", { criticality: "high" });
    await edit.stored;
    device.kill();
    device.network.mute();
    const client = await device.connect("Alice", server.url);
    const again = await client.open(ROOM);
    expect([ids(again), again.unsaved, again.synced]).toEqual([["a", "b"], 1, false]);
    device.network.speak();
    await until(() => again.synced && again.unsaved === 0);
    expect(await served(server, "AllergyIntolerance", "b")).toMatchObject({ criticality: "high" });
  });

  test("edits of that moment show, are stored, and are made again in the next epoch", async () => {
    const { room, device, server, his } = await betweenEpochs();
    const { url } = room;
    const text = await room.text("DocumentReference", "n", "content");
    expect(String(text)).toBe("Cough");
    await until(() => his.synced && his.url !== url);
    await his.patch("AllergyIntolerance", "a", { onsetString: "childhood" }).saved;

    const edits = [
      room.patch("AllergyIntolerance", "a", { criticality: "high" }),
      room.put({ ...room.get("AllergyIntolerance", "a")!, note: [{ text: "seen" }] }),
      room.remove("AllergyIntolerance", "b"),
      room.put(allergy("c", "Nuts")),
    ];
    text.splice(5, 0, " for a week");
    const told = tellings(room);
    await Promise.all(edits.map((edit) => edit.stored));
    expect(edits.map(({ state }) => state)).toEqual(["local", "local", "local", "local"]);
    await until(() => room.unsaved === 5);
    const hashes = edits.map(({ hash }) => hash);
    expect(ids(room)).toEqual(["a", "c"]);
    device.network.speak();
    await Promise.all(edits.map((edit) => edit.saved));
    await until(() => room.unsaved === 0 && room.synced);
    expect(told.filter((line) => !line.endsWith(": a,c"))).toEqual([]);
    expect(edits.map(({ hash }) => hash)).not.toEqual(hashes);
    expect(room.refused).toEqual([]);
    const a = { ...allergy("a", "Latex"), criticality: "high", note: [{ text: "seen" }], onsetString: "childhood" };
    await until(() => room.get("AllergyIntolerance", "a")?.onsetString !== undefined);
    expect(room.list("AllergyIntolerance")).toEqual([a, allergy("c", "Nuts")]);
    expect(await served(server, "AllergyIntolerance", "a")).toEqual(a);
    expect(String(text)).toBe("Cough for a week");
    await until(() => String(his.heads()) === String(room.heads()));
    expect(ids(his)).toEqual(["a", "c"]);
    expect(String(await his.text("DocumentReference", "n", "content"))).toBe("Cough for a week");
  });

  test("an edit of that moment that does not fit the next epoch is given back", async () => {
    const { room, device, his } = await betweenEpochs();
    const { url } = room;
    await until(() => his.synced && his.url !== url);
    await his.remove("AllergyIntolerance", "b").saved;
    const edit = room.patch("AllergyIntolerance", "b", { criticality: "high" });
    const refused = expect(edit.saved).rejects.toMatchObject({ name: "ChartroomError" });
    const told = tellings(room);
    device.network.speak();
    await refused;
    await until(() => room.synced);
    expect([ids(room), room.unsaved, room.refused.map(({ edit }) => edit)]).toEqual([["a"], 0, [edit]]);
    expect(told.at(-1)).toBe("status, in sync: a");
  });

  test.each([true, false])("much that came while a device was away shows before it is in sync (founded anew: %s)", async (isRefounded) => {
    const server = await startServer();
    const device = new Device();
    const client = await device.connect("Alice", server.url, { store: false });
    const room = await client.open(ROOM);
    await Promise.all(put(room, ["a", "b"]).map((edit) => edit.saved));
    device.network.cut();
    await until(() => client.status === "offline");
    const his = await (await connectAs("Bob", server.url)).open(ROOM);
    const many = Array.from({ length: 60 }, (_, n) => his.put(allergy(`c${n}`, "Nuts ".repeat(1_000))));
    await Promise.all([...many, his.remove("AllergyIntolerance", "b")].map((edit) => edit.saved));
    if (isRefounded) await refound(server);
    const told = tellings(room);
    device.network.mend();
    await until(() => room.synced);
    const all = String(ids(his));
    expect(ids(his)).toHaveLength(61);
    expect(told.at(-1)).toBe(`status, in sync: ${all}`);
    // One epoch is never seen in part with the other.
    if (isRefounded) expect(new Set(told.filter((line) => line.startsWith("change")))).toEqual(new Set([`change, not in sync: ${all}`]));
  });

  test("that is founded anew once more before the next epoch is here goes on into the last", async () => {
    const { room, device, server, his } = await betweenEpochs();
    const edit = room.put(allergy("c", "Nuts"));
    await until(() => his.synced);
    const second = his.url;
    await refound(server);
    await until(() => his.synced && his.url !== second);
    expect(ids(room)).toEqual(["a", "b", "c"]);
    const told = tellings(room);
    device.network.speak();
    await edit.saved;
    await until(() => room.synced && room.unsaved === 0);
    expect(told.filter((line) => !line.endsWith(": a,b,c"))).toEqual([]);
    expect(room.url).toBe(his.url);
  });
});

/** A room of two allergies and a note's text that is founded anew: Alice has heard so and nothing more; Bob goes on. */
async function betweenEpochs(): Promise<{ room: Room; client: Client; device: Device; server: Server; his: Room }> {
  const server = await startServer();
  const device = new Device();
  const client = await device.connect("Alice", server.url);
  const room = await client.open(ROOM);
  await Promise.all([...put(room, ["a", "b"]), room.put(note)].map((edit) => edit.saved));
  const text = await room.text("DocumentReference", "n", "content");
  text.splice(0, 0, "Cough");
  await until(() => room.unsaved === 0);
  text.close();
  const his = await (await connectAs("Bob", server.url)).open(ROOM);
  device.network.mute();
  await refound(server);
  await until(() => !room.synced);
  return { room, client, device, server, his };
}

/** What a room shows whenever it tells something. */
function tellings(room: Room): string[] {
  const told: string[] = [];
  const tell = (what: string) => told.push(`${what}, ${room.synced ? "in sync" : "not in sync"}: ${ids(room)}`);
  room.on("change", () => tell("change"));
  room.on("status", () => tell("status"));
  return told;
}

/** A resource as the server's document has it. */
async function served(server: Server, type: string, id: string): Promise<unknown> {
  const { resources } = await (await fetch(`${server.http}/rooms/${ROOM}/document`)).json();
  return resources[type]?.[id];
}
