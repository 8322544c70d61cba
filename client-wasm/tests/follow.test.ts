import { expect, test } from "vitest";
import { eventIdentity, type ChartEvent, type FollowEnd, type Room } from "chartroom";
import { connectAs, startServer, until, withServer, type Server } from "./server.js";

const ROOM = "patient:p1";
const allergy = (id: string) => ({ resourceType: "AllergyIntolerance", id, code: { text: id }, patient: { reference: "Patient/p1" } });

/** The room's whole log, as the server gives it over HTTP. */
async function log(server: Server): Promise<ChartEvent[]> {
  const { events } = await (await fetch(`${server.http}/rooms/${ROOM}/events?after=0`)).json();
  return events;
}

/** The numbered events that a listener hears, as they come. */
function following(room: Room, after: number, name = "*"): Omit<ChartEvent, "local">[] {
  const heard: Omit<ChartEvent, "local">[] = [];
  room.on(name, ({ local: _, ...event }) => heard.push(event), { after });
  return heard;
}

withServer("a listener with `after`", () => {
  test("hears the log from the beginning and then what comes, as the log has it", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const hers = await alice.open(ROOM);
    hers.put(allergy("a1"));
    await hers.patch("AllergyIntolerance", "a1", { criticality: "high" }).saved;
    const his = await bob.open(ROOM);
    const heard = following(his, 0);
    await until(() => heard.at(-1)?.changed.includes("criticality") === true);
    await hers.remove("AllergyIntolerance", "a1").saved;
    await until(() => heard.at(-1)?.action === "deleted");
    expect(heard).toEqual(await log(server));
    expect(heard.map(({ seq }) => seq)).toEqual(heard.map((_, index) => index + 1));
    expect(heard[0]!.resource).toEqual(allergy("a1"));
  });

  test("hears one name from a number on, of a room that nobody wrote to yet", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    const created = following(room, 0, "RESOURCE_CREATED");
    await room.put(allergy("a1")).saved;
    await until(() => created.length === 1);
    const later = following(room, created[0]!.seq!, "RESOURCE_CREATED");
    room.patch("AllergyIntolerance", "a1", { criticality: "high" });
    await room.put(allergy("a2")).saved;
    await until(() => created.length === 2 && later.length === 1);
    expect(later).toEqual(created.slice(1));
  });

  test("hears everything once through restarts of the server, and what was written meanwhile", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    const heard = following(his, 0);
    for (const round of [1, 2, 3]) {
      const edits = Array.from({ length: 20 }, (_, n) => hers.put(allergy(`a${round}-${n}`)));
      // The server dies in the middle of it.
      await edits[0]!.saved;
      await server.kill();
      await until(() => alice.status === "offline" && bob.status === "offline");
      hers.put(allergy(`a${round}-offline`));
      await server.start();
      await Promise.all(edits.map((edit) => edit.saved));
    }
    await until(() => hers.unsaved === 0);
    const logged = await log(server);
    await until(() => heard.length >= logged.length);
    expect(heard).toEqual(logged);
    expect(new Set(heard.map(({ resource_id }) => resource_id)).size).toBe(63);
  });

  test("goes on when the room is founded anew, and so do its numbers", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    await room.put(allergy("a1")).saved;
    const heard = following(room, 0);
    await until(() => heard.length > 0);
    const url = room.url;
    expect((await fetch(`${server.http}/rooms/${ROOM}/refound`, { method: "POST" })).status).toBe(200);
    await until(() => room.url !== url && room.synced);
    await room.put(allergy("a2")).saved;
    await until(() => heard.at(-1)?.resource_id === "a2");
    expect(heard).toEqual(await log(server));
    expect(heard.map(({ seq }) => seq)).toEqual(heard.map((_, index) => index + 1));
    const again = following(room, 0);
    await until(() => again.length >= heard.length);
    expect(again).toEqual(heard);
  });

  test("hears the same events as one without, by their identity", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    const derived: ChartEvent[] = [];
    const numbered: ChartEvent[] = [];
    room.on("*", (event) => derived.push(event));
    room.on("*", (event) => numbered.push(event), { after: 0 });
    room.put(allergy("a1"));
    await until(() => derived.length > 0);
    await room.remove("AllergyIntolerance", "a1").saved;
    await until(() => numbered.length === derived.length);
    expect(numbered.map(eventIdentity)).toEqual(derived.map(eventIdentity));
    expect(numbered.every(({ local }) => local)).toBe(true);
    expect(derived.every(({ seq }) => !seq)).toBe(true);
  });

  test("hears nothing after it was ended", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    const [ended, going] = [[] as ChartEvent[], following(room, 0)];
    const end = room.on("*", (event) => {
      ended.push(event);
      end();
    }, { after: 0 });
    room.put(allergy("a1"));
    await room.put(allergy("a2")).saved;
    // Each is sent its events by a reader of its own.
    await until(() => going.at(-1)?.resource_id === "a2" && ended.length > 0);
    expect(ended).toHaveLength(1);
  });

  test("is told when it asks for numbers that the log does not have", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    await room.put(allergy("a1")).saved;
    const ends: FollowEnd[] = [];
    room.on("*", () => {}, { after: 1000, onEnd: (end) => ends.push(end) });
    await until(() => ends.length > 0);
    expect(ends).toEqual([{ code: "events-ahead", message: expect.any(String), last: (await log(server)).at(-1)!.seq }]);
    expect(() => room.on("*", () => {}, { after: -1 })).toThrow(expect.objectContaining({ code: "bad-number" }));
    expect(alice.status).toBe("online");
  });
});
