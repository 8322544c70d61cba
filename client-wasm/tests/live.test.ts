import { expect, test } from "vitest";
import type { ChartEvent, ChartroomError, Edit } from "chartroom";
import { connectAs, startServer, until, withServer } from "./server.js";

const ROOM = "patient:p1";
const allergy = (id: string, text: string) => ({
  resourceType: "AllergyIntolerance",
  id,
  code: { text },
  patient: { reference: "Patient/p1" },
});

withServer("two people in one room", () => {
  test("an edit of one is seen by the other, with its author", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const hers = await alice.open(ROOM);
    await hers.put(allergy("a0", "Latex")).saved;
    const his = await bob.open(ROOM);
    expect(hers.url).toMatch(/^automerge:\w+$/);
    expect(his.url).toBe(hers.url);

    const seen: ChartEvent[] = [];
    his.on("RESOURCE_CREATED", (event) => seen.push(event));
    const edit = hers.put(allergy("a1", "Penicillin"));
    expect(hers.get("AllergyIntolerance", "a1")).toMatchObject({ code: { text: "Penicillin" } });
    await edit.saved;
    expect(edit.state).toBe("saved");
    expect(hers.unsaved).toBe(0);

    await until(() => his.list("AllergyIntolerance").length === 2);
    expect(his.get("AllergyIntolerance", "a1")).toEqual(allergy("a1", "Penicillin"));
    expect(his.heads()).toEqual(hers.heads());
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ author: { id: "alice", name: "Alice" }, local: false, resource_id: "a1", patient_id: "p1", changes: [edit.hash] });
  });

  test("edit, remove and restore travel", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    hers.put(allergy("a1", "Penicillin"));
    await hers.patch("AllergyIntolerance", "a1", { criticality: "high" }).saved;
    await until(() => his.get("AllergyIntolerance", "a1")?.criticality === "high");
    await his.remove("AllergyIntolerance", "a1").saved;
    await until(() => hers.list("AllergyIntolerance").length === 0);
    await hers.restore("AllergyIntolerance", "a1").saved;
    await until(() => his.get("AllergyIntolerance", "a1")?.criticality === "high");
    await his.patch("AllergyIntolerance", "a1", { criticality: undefined }).saved;
    await until(() => hers.get("AllergyIntolerance", "a1")?.criticality === undefined);
  });

  test("a late guest gets what was there before", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const hers = await alice.open(ROOM);
    const edits = Array.from({ length: 200 }, (_, n) => hers.put(allergy(`a${n}`, `substance ${n}`)));
    await Promise.all(edits.map((edit) => edit.saved));
    const bob = await connectAs("Bob", server.url);
    const his = await bob.open(ROOM);
    expect(his.synced).toBe(true);
    expect(his.list("AllergyIntolerance")).toHaveLength(200);
    expect(his.heads()).toEqual(hers.heads());
  });

  test("decimals keep digits that JavaScript cannot hold", async () => {
    const server = await startServer();
    const body = '{"kind":"put","resource":{"resourceType":"Observation","id":"o1","status":"final","subject":{"reference":"Patient/p1"},"valueQuantity":{"value":0.010,"unit":"mg"}}}';
    const posted = await fetch(`${server.http}/rooms/${ROOM}/commands`, { method: "POST", body, headers: { "content-type": "application/json", "x-chartroom-person": "bob;Bob" } });
    expect(posted.status).toBe(200);
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    const shown = room.get("Observation", "o1")!;
    expect(shown.valueQuantity).toEqual({ value: 0.01, unit: "mg" });
    const same = room.put(shown);
    await same.saved;
    expect(same.hash).toBeNull();
    await room.put({ ...shown, valueQuantity: { value: 0.01, unit: "g" } }).saved;
    const document = await (await fetch(`${server.http}/rooms/${ROOM}/document`)).text();
    expect(document).toContain("0.010");
    expect(document).toContain('"g"');
  });

  test("saved means that the server would give it back after SIGKILL", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    await room.put(allergy("a1", "Latex")).saved;
    await server.kill();
    await server.start();
    const bob = await connectAs("Bob", server.url);
    expect((await bob.open(ROOM)).get("AllergyIntolerance", "a1")).toEqual(allergy("a1", "Latex"));
  });

  test("unsaved edits outlive the connection and are saved when it is back", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    await room.put(allergy("a1", "Latex")).saved;
    await server.kill();
    await until(() => alice.status === "offline");
    expect(room.synced).toBe(false);
    const edit = room.patch("AllergyIntolerance", "a1", { criticality: "low" });
    expect(edit.state).toBe("new");
    expect(room.unsaved).toBe(1);
    await server.start();
    await edit.saved;
    expect(room.unsaved).toBe(0);
    const document = await (await fetch(`${server.http}/rooms/${ROOM}/document`)).json();
    expect(document.resources.AllergyIntolerance.a1.criticality).toBe("low");
  });

  test("a room that is closed with unsaved edits saves them yet", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    await server.kill();
    await until(() => alice.status === "offline");
    const edit = room.put(allergy("a1", "Latex"));
    room.close();
    expect(() => room.list("AllergyIntolerance")).toThrow(expect.objectContaining({ code: "room-closed" }));
    await server.start();
    await edit.saved;
    expect((await alice.open(ROOM)).list("AllergyIntolerance")).toHaveLength(1);
  });

  test("two people who create the same room and the same id offline see both people's elements", async () => {
    const server = await startServer();
    const url = server.url;
    await server.kill();
    const [alice, bob] = await Promise.all([connectAs("Alice", url), connectAs("Bob", url)]);
    const [hers, his] = await Promise.all([alice.open("patient:p2"), bob.open("patient:p2")]);
    const base = { resourceType: "AllergyIntolerance", id: "a1", patient: { reference: "Patient/p2" } };
    const edits: Edit[] = [hers.put({ ...base, criticality: "high" }), his.put({ ...base, code: { text: "Latex" } })];
    await server.start();
    await Promise.all(edits.map((edit) => edit.saved));
    await until(() => String(hers.heads()) === String(his.heads()));
    expect(hers.get("AllergyIntolerance", "a1")).toEqual({ ...base, criticality: "high", code: { text: "Latex" } });
    expect(his.get("AllergyIntolerance", "a1")).toEqual(hers.get("AllergyIntolerance", "a1"));
    expect(his.conflicts()).toEqual(hers.conflicts());
  });

  test("items of a list that two people wrote apart wait for somebody to choose", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const hers = await alice.open(ROOM);
    const notes = (...texts: string[]) => ({ note: texts.map((text) => ({ text })) });
    await hers.put({ ...allergy("a1", "Latex"), ...notes("one", "two") }).saved;
    const his = await bob.open(ROOM);
    await server.kill();
    await until(() => alice.status === "offline" && bob.status === "offline");
    const edits = [hers, his].map((room, person) => room.patch("AllergyIntolerance", "a1", notes(`one of ${person}`, `two of ${person}`)));
    await server.start();
    await Promise.all(edits.map((edit) => edit.saved));
    await until(() => String(hers.heads()) === String(his.heads()));
    const shown = () => [hers, his].map((room) => room.get("AllergyIntolerance", "a1")?.note);
    const served = (await (await fetch(`${server.http}/rooms/${ROOM}/document`)).json()).resources.AllergyIntolerance.a1.note;
    expect(shown()).toEqual([served, served]);
    const [conflict] = hers.conflicts();
    expect(his.conflicts()).toEqual([conflict]);
    expect(conflict!.values.map(({ value, shown }) => [value, shown])).toEqual(expect.arrayContaining([[{ note: served }, true]]));

    // Who adds a note has not looked at the others.
    await his.patch("AllergyIntolerance", "a1", { note: [...served, { text: "three" }] }).saved;
    await until(() => hers.get("AllergyIntolerance", "a1")?.note instanceof Array && String(hers.heads()) === String(his.heads()));
    const [now] = hers.conflicts();
    expect([hers.conflicts(), his.conflicts()]).toEqual([[now], [now]]);
    const { sides } = hers.describe(now!);
    expect(sides.map(({ text }) => text).sort()).toEqual(["one of 0; two of 0; three", "one of 1; two of 1; three"]);
    const other = sides.find((side) => !side.shown)!;
    await hers.resolve(now!, other.choice).saved;
    await until(() => String(hers.heads()) === String(his.heads()));
    expect([hers.conflicts(), his.conflicts()]).toEqual([[], []]);
    const chosen = notes(...other.text.split("; ")).note;
    expect(shown()).toEqual([chosen, chosen]);
  });

  test("two values of one element show the same one to everybody", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const hers = await alice.open(ROOM);
    await hers.put(allergy("a1", "Latex")).saved;
    const his = await bob.open(ROOM);
    await server.kill();
    await until(() => alice.status === "offline" && bob.status === "offline");
    const heard: number[] = [];
    hers.on("conflicts", (conflicts) => heard.push(conflicts.length));
    const edits = [
      hers.patch("AllergyIntolerance", "a1", { criticality: "high" }),
      his.patch("AllergyIntolerance", "a1", { criticality: "low" }),
    ];
    await server.start();
    await Promise.all(edits.map((edit) => edit.saved));
    await until(() => String(hers.heads()) === String(his.heads()));
    const served = await (await fetch(`${server.http}/rooms/${ROOM}/document`)).json();
    const shown = served.resources.AllergyIntolerance.a1;
    expect(hers.get("AllergyIntolerance", "a1")).toEqual(shown);
    expect(his.get("AllergyIntolerance", "a1")).toEqual(shown);
    expect(hers.conflicts()).toHaveLength(1);
    expect(his.conflicts()).toEqual(hers.conflicts());
    await his.patch("AllergyIntolerance", "a1", { criticality: "low" }).saved;
    await until(() => hers.conflicts().length === 0);
    expect(hers.get("AllergyIntolerance", "a1")?.criticality).toBe("low");
    expect(heard.at(-1)).toBe(0);
    expect(heard).toContain(1);
  });

  test("a room name that is none is refused with the server's code", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const refused = (name: string) => alice.open(name).then(() => null, (error: ChartroomError) => error.code);
    expect(await refused("Patient:1")).toBe("room-name-invalid");
    expect(await refused("nothing")).toBe("room-name-invalid");
    await until(() => alice.status === "online");
    expect(alice.error).toBeNull();
  });
});
