// What the tests of several servers share: edits and what is read of them, and how links stand.
import { until } from "../support/server.mjs";

export const condition = (id, text) => ({ resourceType: "Condition", id, code: { text } });

/** Writes a condition at a server. */
export const put = (server, room, id, text, person) => server.command(room, { kind: "put", resource: condition(id, text) }, person);

/** Whether a server shows a condition with this text. */
export async function shows(server, room, id, text) {
  const answer = await fetch(`${server.http}/rooms/${room}/document`);
  const body = await answer.json();
  return answer.ok && body.resources.Condition?.[id]?.code?.text === text;
}

/** A server's link to another, by its name. */
export async function link(server, name) {
  const { peers } = await server.json("/peers");
  return peers.find((peer) => peer.name === name);
}

/** Waits until a server's link stands and nothing is left to be done on it. */
export async function inStep(server, name) {
  let found;
  const holds = async () => {
    found = await link(server, name);
    return found?.state === "connected" && found.rooms.known > 0 && found.rooms.behind === 0;
  };
  await until(`${name} is in step`, holds, { within: 60_000, standing: () => JSON.stringify(found, null, 1) });
}

/** The heads that a server has of a room, as one text; of a room that it does not have, none. */
export async function heads(server, room) {
  const answer = await fetch(`${server.http}/rooms/${room}`);
  const body = await answer.json();
  return answer.ok ? body.heads.join() : "";
}

/** Waits until all servers have the same of a room. */
export const same = (servers, room) =>
  until(`the servers have the same of ${room}`, async () => {
    const found = new Set(await Promise.all(servers.map((server) => heads(server, room))));
    return found.size === 1 && !found.has("");
  }, { within: 60_000 });

/** All events of a room, page by page. */
export async function events(server, room, limit = 100) {
  const all = [];
  for (;;) {
    const after = all.at(-1)?.seq ?? 0;
    const page = await server.json(`/rooms/${room}/events?after=${after}&limit=${limit}`);
    if (page.events.length === 0) return all;
    all.push(...page.events);
  }
}
