// Devices that lose the network, are closed and killed at any time, by a seed that a failure names.
import { expect, test } from "vitest";
import type { Client, Room } from "chartroom";
import { startServer, until, withServer } from "./server.js";
import { Device } from "./device.js";

const ROOM = "patient:p1";
const A = "AllergyIntolerance";
const STEPS = 60;

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Person {
  readonly device = new Device();
  client!: Client;
  room!: Room;
  isCut = false;

  constructor(
    readonly name: string,
    readonly url: string,
  ) {}

  async start(): Promise<void> {
    if (this.isCut) this.device.network.cut();
    this.client = await this.device.connect(this.name, this.url);
    this.room = await this.client.open(ROOM);
  }
}

withServer("two devices of two people", () => {
  test.each([1, 2, 3, 4, 5, 6])("lose nothing that they had kept, with seed %i", { timeout: 60_000 }, async (seed) => {
    const next = random(seed);
    const server = await startServer();
    const people = [new Person("Alice", server.url), new Person("Bob", server.url)];
    for (const person of people) await person.start();
    /** Resources whose creation a device, or the server, had kept. */
    const kept = new Set<string>();
    let made = 0;
    for (let step = 0; step < STEPS; step += 1) {
      const person = people[Math.floor(next() * people.length)]!;
      const { room, device } = person;
      const chance = next();
      if (chance < 0.4) {
        const id = `a${(made += 1)}`;
        const { stored } = room.put({ resourceType: A, id, code: { text: person.name }, patient: { reference: "Patient/p1" } });
        stored.then(() => kept.add(id), () => {});
        // Half of them are waited for.
        if (next() < 0.5) await stored;
      } else if (chance < 0.6) {
        const all = room.list(A);
        const one = all[Math.floor(next() * all.length)];
        if (one) room.patch(A, one.id, { onsetString: `${seed}-${step}` });
      } else if (chance < 0.7) {
        device.network.cut();
        person.isCut = true;
      } else if (chance < 0.85) {
        device.network.mend();
        person.isCut = false;
      } else if (chance < 0.95) {
        await person.client.close();
        await person.start();
      } else {
        device.kill();
        await person.start();
      }
    }
    for (const person of people) {
      person.device.network.mend();
      person.isCut = false;
    }
    await until(() => people.every(({ client, room }) => room.synced && client.state.unsaved === 0));
    const [alice, bob] = people.map(({ room }) => room) as [Room, Room];
    // What a device sent before it was killed may reach the server last of all.
    let document: { heads: string[]; resources: Record<string, Record<string, object>> };
    await until(async () => {
      document = await (await fetch(`${server.http}/rooms/${ROOM}/document`)).json();
      return [alice, bob].every((room) => String(room.heads()) === String(document.heads));
    });
    const resources = document!.resources[A] ?? {};
    expect(Object.keys(resources)).toEqual(expect.arrayContaining([...kept]));
    expect(bob.conflicts()).toEqual(alice.conflicts());
    const byId = Object.entries(resources).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, resource]) => resource as { id: string });
    for (const room of [alice, bob]) {
      expect(room.list(A)).toEqual(byId);
      expect(room.refused).toEqual([]);
    }
    for (const { client, device } of people) {
      await client.close();
      expect(await device.rows("edits")).toBe(0);
    }
  });
});
