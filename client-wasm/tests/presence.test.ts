import { expect, test } from "vitest";
import type { Room } from "chartroom";
import { connectAs, startServer, startServerWithSignIn, until, withServer } from "./server.js";

const ROOM = "patient:p1";
const names = (room: Room) => room.presence.people.map(({ person, at }) => [person?.name, at.tab]);

withServer("presence", () => {
  test("a room tells who else is there, under the names that the sign-in gave, and nobody of oneself", async () => {
    const server = await startServerWithSignIn();
    await server.ask(server.token("Olga", { role: "operator" }), `/rooms/${ROOM}/members/alice`, "PUT", { level: "write" });
    await server.ask(server.token("Olga", { role: "operator" }), `/rooms/${ROOM}/members/bob`, "PUT", { level: "write" });
    // Bob's app calls him by another name.
    const bob = await connectAs("Bob", server.url, { token: server.token("Bob"), person: { id: "bob", name: "Dr. House" } });
    const alice = await connectAs("Alice", server.url, { token: server.token("Alice") });
    const [his, hers] = [await bob.open(ROOM), await alice.open(ROOM)];
    his.presence.set({ tab: "orders" });
    await until(() => names(hers).length === 1);
    expect(names(hers)).toEqual([["Bob", "orders"]]);
    expect(names(his)).toEqual([]);
    const people = hers.presence.people;
    his.presence.set({ tab: "results" });
    await until(() => names(hers)[0]?.[1] === "results");
    expect(hers.presence.people).not.toBe(people);
    his.presence.set(null);
    await until(() => names(hers).length === 0);
  });

  test("nobody is shown who is not known to be there, and all are again after a restart of the server", async () => {
    const server = await startServer();
    const [alice, bob] = [await connectAs("Alice", server.url), await connectAs("Bob", server.url)];
    const [hers, his] = [await alice.open(ROOM), await bob.open(ROOM)];
    hers.presence.set({ tab: "a" });
    his.presence.set({ tab: "b" });
    await until(() => names(hers).length === 1 && names(his).length === 1);
    await server.kill();
    await until(() => names(hers).length === 0 && names(his).length === 0);
    his.presence.set({ tab: "c" });
    await server.start();
    await until(() => names(hers)[0]?.[1] === "c" && names(his)[0]?.[1] === "a");
    await bob.close();
    await until(() => names(hers).length === 0);
  });

  test("a hundred people cost each of them little: what one says is one message, and silence is none", async () => {
    const server = await startServer();
    const clients = await Promise.all(Array.from({ length: 100 }, (_, at) => connectAs(`Person${at}`, server.url)));
    const rooms = await Promise.all(clients.map((client) => client.open(ROOM)));
    rooms.forEach((room, at) => room.presence.set({ tab: `t${at}` }));
    await until(() => rooms.every((room) => room.presence.people.length === 99));
    let told = 0;
    rooms[0]!.presence.onChange(() => (told += 1));
    rooms[1]!.presence.set({ tab: "elsewhere" });
    await until(() => rooms[0]!.presence.people.some(({ at }) => at.tab === "elsewhere"));
    expect(told).toBe(1);
  });

  test("who leaves while they type does not come back when they would have stopped", async () => {
    const server = await startServer();
    const [alice, bob] = [await connectAs("Alice", server.url), await connectAs("Bob", server.url)];
    const [hers, his] = [await alice.open(ROOM), await bob.open(ROOM)];
    hers.presence.typing("Condition/c1", "note");
    await until(() => his.presence.people.length === 1);
    hers.presence.set(null);
    await until(() => his.presence.people.length === 0);
    const seen: number[] = [];
    his.presence.onChange((people) => seen.push(people.length));
    await new Promise((resolve) => setTimeout(resolve, 3_300));
    expect([seen, hers.presence.own]).toEqual([[], null]);
  });

  test("what does not fit is said before anything is sent", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    const code = (act: () => void) => {
      try {
        act();
      } catch (error) {
        return (error as { code: string }).code;
      }
      return undefined;
    };
    expect(code(() => room.presence.set({ tab: "x".repeat(1000) }))).toBe("too-large");
    expect(code(() => room.presence.set({ tab: (() => {}) as never }))).toBe("bad-value");
    expect(room.presence.own).toBeNull();
    room.presence.set({ tab: "chart" });
    expect(room.presence.own).toEqual({ tab: "chart" });
    await room.put({ resourceType: "Condition", id: "c1", subject: { reference: "Patient/p1" } }).saved;
    expect(alice.status).toBe("online");
  });
});
