// A bare WebSocket client on the floor, which has no client of its own.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import WebSocket from "ws";
import { within } from "./within.mjs";

const MESSAGE = Buffer.from("00000001 alice writes 10 mg");

export const cases = {
  "a message reaches the others in its room, its first 8 bytes the sender": async (server) => {
    const [alice, bob, charlie] = await joined(server, "ward-1", "ward-1", "ward-2");
    alice.send(MESSAGE);
    equal(await hears(alice), MESSAGE.subarray(0, 8));
    equal(await hears(bob), MESSAGE);
    // What charlie hears first is his own: nothing of another room.
    charlie.send(MESSAGE.subarray(4));
    equal(await hears(charlie), MESSAGE.subarray(4, 12));
    gone(alice, bob, charlie);
  },
  "messages of one sender keep their order": async (server) => {
    const [alice, bob] = await joined(server, "ward-1", "ward-1");
    const sent = Array.from({ length: 500 }, (_, number) => Buffer.from(String(number).padStart(12, "0")));
    for (const message of sent) alice.send(message);
    for (const message of sent) equal(await hears(bob), message);
    for (const message of sent) equal(await hears(alice), message.subarray(0, 8));
    gone(alice, bob);
  },
  "what is acknowledged is in the file, and stays behind a restart": async (server) => {
    const file = join(server.data, "log");
    for (let sent = 1; sent <= 2; sent += 1) {
      const [alice] = await joined(server, "ward-1");
      alice.send(MESSAGE);
      await hears(alice);
      equal((await readFile(file)).subarray(-MESSAGE.length), MESSAGE);
      gone(alice);
      await server.restart();
      const { length } = await readFile(file);
      if (length !== sent * (8 + MESSAGE.length)) throw new Error(`${length} bytes in the file after ${sent} messages`);
    }
  },
};

async function joined(server, ...rooms) {
  const sockets = rooms.map((room) => new WebSocket(`${server.url}/${room}`));
  for (const socket of sockets) {
    socket.heard = [];
    socket.on("message", (bytes) => {
      socket.heard.push(bytes);
      socket.emit("heard");
    });
  }
  await within("the sockets open", Promise.all(sockets.map((socket) => once(socket, "open"))));
  return sockets;
}

async function hears(socket) {
  while (socket.heard.length === 0) await within("a message comes", once(socket, "heard"));
  return socket.heard.shift();
}

function equal(found, expected) {
  if (!expected.equals(found)) throw new Error(`expected ${expected}, found ${found}`);
}

function gone(...sockets) {
  for (const socket of sockets) socket.terminate();
}
