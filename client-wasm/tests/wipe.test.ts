import "fake-indexeddb/auto";
import { expect, test } from "vitest";
import { connectAs, startServerWithSignIn, until, withServer } from "./server.js";

const ROOM = "patient:p1";
const condition = (id: string) => ({ resourceType: "Condition", id, subject: { reference: "Patient/p1" } });

withServer("a lost device", () => {
  test("is wiped at once where it is online, and when it comes back where it was not", async () => {
    const server = await startServerWithSignIn();
    const operator = server.token("Olga", { role: "operator" });
    await server.ask(operator, `/rooms/${ROOM}/members/alice`, "PUT", { level: "write" });
    const token = () => server.token("Alice");
    const handles = async () => (await server.ask(token(), "/devices")).devices.map(({ handle }: { handle: string }) => handle);
    const stores = async () => (await indexedDB.databases()).length;

    const first = await connectAs("Alice", server.url, { token, store: true });
    const room = await first.open(ROOM);
    await room.put(condition("c1")).saved;
    expect(await stores()).toBe(1);
    const [lost] = await handles();
    await server.ask(token(), `/devices/${lost}/wipe`, "POST");
    await until(() => first.status === "closed");
    expect(first.error?.code).toBe("wiped");
    await until(async () => (await stores()) === 0);
    // The client has ended when its store is gone.
    const put = () => {
      try {
        room.put(condition("c2")).saved.catch(() => {});
      } catch (error) {
        return (error as { code: string }).code;
      }
      return undefined;
    };
    await until(() => put() === "wiped");

    // The same computer begins anew, as another device, which is closed, lost, and found by somebody.
    const second = await connectAs("Alice", server.url, { token, store: true });
    await (await second.open(ROOM)).put(condition("c3")).saved;
    const found = (await handles()).find((handle: string) => handle !== lost);
    await second.close();
    await server.ask(operator, `/devices/${found}/wipe`, "POST");
    const finder = await connectAs("Alice", server.url, { token: "an-old-one", store: true });
    await until(() => finder.error?.code === "wiped");
    await until(async () => (await stores()) === 0);
  });
});
