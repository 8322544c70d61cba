// Hocuspocus' own client on its server.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import WebSocket from "ws";
import * as Y from "yjs";
import { until } from "./within.mjs";

const NAME = "chart";

export const cases = {
  "an edit of each of two clients reaches the other": async (server) => {
    const alice = await joined(server);
    const bob = await joined(server);
    alice.chart.set("dose", "10 mg");
    await reads("bob", bob, "dose", "10 mg");
    bob.chart.set("checked", "by bob");
    await reads("alice", alice, "checked", "by bob");
    gone(alice, bob);
  },
  "a restart keeps what was stored": async (server) => {
    const alice = await joined(server);
    alice.chart.set("dose", "10 mg");
    await acknowledged(alice);
    await server.stop();
    gone(alice);
    await server.start();
    const bob = await joined(server);
    await reads("bob", bob, "dose", "10 mg");
    gone(bob);
  },
  "what one says of herself reaches the other": async (server) => {
    const alice = await joined(server);
    const bob = await joined(server);
    alice.provider.setAwarenessField("name", "Alice");
    await until(
      "bob sees alice",
      () => [...bob.provider.awareness.getStates().values()].some(({ name }) => name === "Alice"),
      (look) => bob.provider.awareness.on("change", look),
    );
    gone(alice, bob);
  },
};

async function joined(server) {
  const document = new Y.Doc();
  const socket = new HocuspocusProviderWebsocket({ url: server.url, WebSocketPolyfill: WebSocket });
  const provider = new HocuspocusProvider({ websocketProvider: socket, name: NAME, document });
  // A provider on a socket that is handed to it joins when it is told to.
  provider.attach();
  await until("the client is in step", () => provider.synced, (look) => provider.on("synced", look));
  return { provider, socket, chart: document.getMap("chart") };
}

function acknowledged({ provider }) {
  return until("the edit is acknowledged", () => !provider.hasUnsyncedChanges, (look) => provider.on("unsyncedChanges", look));
}

function reads(who, { chart }, key, value) {
  return until(`${who} reads ${key}`, () => chart.get(key) === value, (look) => chart.observe(look));
}

function gone(...people) {
  for (const { provider, socket } of people) {
    provider.destroy();
    socket.destroy();
  }
}
