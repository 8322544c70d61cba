// A browser's socket at a server with sign-in: how its token travels, and how it hears why it is closed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, temporaryFolder } from "../support/server.mjs";
import { signInArguments, token as signed } from "../support/sign_in.mjs";
import { browser } from "./pages.mjs";

let folder, server, chromium, page;

before(async () => {
  folder = await temporaryFolder("browser-sign-in");
  const args = await signInArguments(folder.path, { operator: { may: ["operate"] } });
  server = await Server.start(join(folder.path, "store"), { args });
  chromium = await browser();
  page = await chromium.newPage();
  await page.goto(`${server.http}/healthz`);
});

after(async () => {
  await chromium?.close();
  await server?.end();
  await folder?.remove();
});

const token = (person, seconds) => signed(person, seconds, { roles: ["operator"] });

/** `{type: "join", senderId, supportedProtocolVersions: ["1"], peerMetadata: {}}` in CBOR. */
function joining(senderId) {
  return [0xa4, ...text("type"), ...text("join"), ...text("senderId"), ...text(senderId), ...text("supportedProtocolVersions"), 0x81, ...text("1"), ...text("peerMetadata"), 0xa0];
}

function text(value) {
  return [...(value.length < 24 ? [0x60 + value.length] : [0x78, value.length]), ...Buffer.from(value)];
}

/** Opens a socket in the page, joins under an id that is one person's, and waits for its end. */
function socket(protocols, senderId = "alices-page") {
  return page.evaluate(
    ([url, protocols, joins]) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, protocols);
        let [protocol, heard] = [undefined, 0];
        window.heard = 0;
        socket.onopen = () => {
          protocol = socket.protocol;
          socket.send(new Uint8Array(joins));
        };
        socket.onmessage = () => (window.heard = heard += 1);
        socket.onclose = ({ code }) => resolve({ protocol, heard, code });
      }),
    [server.sync, protocols, joining(senderId)],
  );
}

test("a token goes as a subprotocol, is not sent back, and ends the socket when it expires", async () => {
  assert.deepEqual(await socket(["chartroom", `bearer.${token("alice", 5)}`]), { protocol: "chartroom", heard: 2, code: 4001 });
});

test("a token that has expired, and none at all, are refused with a code that the page can read", async () => {
  assert.deepEqual(await socket(["chartroom", `bearer.${token("alice", -1)}`]), { protocol: "chartroom", heard: 1, code: 4001 });
  assert.deepEqual(await socket([]), { protocol: "", heard: 1, code: 4001 });
});

test("a sign-in that is taken back ends the socket, and no other brings it back", async () => {
  const of = token("bob", 60);
  const ended = socket(["chartroom", `bearer.${of}`], "bobs-page");
  await page.waitForFunction(() => window.heard === 1);
  const operator = token("olga", 60);
  const revoke = () =>
    fetch(`${server.http}/sign-in/revoke`, { method: "POST", headers: { authorization: `Bearer ${operator}`, "content-type": "application/json" }, body: JSON.stringify({ person: "bob" }) });
  assert.equal((await revoke()).status, 204);
  assert.deepEqual(await ended, { protocol: "chartroom", heard: 2, code: 4003 });
  assert.deepEqual(await socket(["chartroom", `bearer.${of}`], "bobs-page"), { protocol: "chartroom", heard: 1, code: 4003 });
});
