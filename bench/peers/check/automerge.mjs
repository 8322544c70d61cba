// automerge-repo's own client on the two servers that speak its protocol.
import { Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { until, within } from "./within.mjs";

const RETRY_MS = 100;

export const cases = {
  "an edit of each of two clients reaches the other": async (server) => {
    const alice = await joined(server);
    const bob = await joined(server);
    const hers = await created(alice, { dose: "5 mg" });
    const his = await within("bob finds the document", bob.find(hers.url));
    hers.change((document) => (document.dose = "10 mg"));
    await reads("bob", his, "dose", "10 mg");
    his.change((document) => (document.checked = "by bob"));
    await reads("alice", hers, "checked", "by bob");
    await gone(alice, bob);
  },
  "a restart keeps what was stored": async (server) => {
    const alice = await joined(server);
    const hers = await created(alice, { dose: "5 mg" });
    hers.change((document) => (document.dose = "10 mg"));
    await known(hers);
    await gone(alice);
    await server.restart();
    const bob = await joined(server);
    const his = await within("bob finds the document", bob.find(hers.url));
    await reads("bob", his, "dose", "10 mg");
    await gone(bob);
  },
  "a document that nobody asked for is not announced": async (server) => {
    const alice = await joined(server);
    const bob = await joined(server);
    const hers = await created(alice, { dose: "5 mg" });
    const other = await created(bob, { dose: "1 mg" });
    // Bob has had an answer on his own document, and an announcement of hers would have come first.
    if (Object.keys(bob.handles).join() !== other.documentId) throw new Error(`bob was told of ${hers.documentId}`);
    await gone(alice, bob);
  },
};

/** A client that has met the server: one that has not within a second calls documents unavailable. */
async function joined(server) {
  const repo = new Repo({ network: [new WebSocketClientAdapter(server.url, RETRY_MS)] });
  await until("the server is met", () => repo.peers.length > 0, (look) => repo.networkSubsystem.on("peer", look));
  return repo;
}

async function created(repo, content) {
  const handle = repo.create(content);
  await known(handle);
  return handle;
}

/** Until the server's heads are the client's: all the acknowledgement that this protocol has. */
function known(handle) {
  let heads = "";
  return until("the server has the document", () => heads === handle.heads().join(), (look) =>
    handle.on("remote-heads", (told) => {
      heads = told.heads.join();
      look();
    }),
  );
}

function reads(who, handle, key, value) {
  return until(`${who} reads ${key}`, () => handle.doc()[key] === value, (look) => handle.on("change", look));
}

async function gone(...repos) {
  for (const repo of repos) await repo.shutdown();
}
