// Plain FHIR requests, every header of them in sight.
import assert from "node:assert/strict";
import { Server, until } from "../support/server.mjs";

export const FHIR_JSON = "application/fhir+json";
export const MERGE_PATCH = "application/merge-patch+json";
export const JSON_PATCH = "application/json-patch+json";

/** A server that knows where each resource is: until it has listed them it asks to come back later. */
export async function startServer(data) {
  const server = await Server.start(data);
  await until("the server knows where each resource is", async () => (await send(server, "Alice", "GET", "/Patient/nobody")).status === 404);
  return server;
}

/** Sends a plain request in a person's name; answers with status, headers and body. */
export async function send(server, person, method, path, body, headers = {}) {
  const answer = await fetch(`${server.http}/fhir/R4${path}`, {
    method,
    headers: { "x-chartroom-person": `${person.toLowerCase()};${person}`, ...(body === undefined ? {} : { "content-type": FHIR_JSON }), ...headers },
    body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  const isJson = /[+/]json\b/.test(answer.headers.get("content-type") ?? "");
  return { status: answer.status, header: (name) => answer.headers.get(name), text, body: isJson ? JSON.parse(text) : undefined };
}

/** The same, which must be answered with `status`; answers with the body. */
export async function sent(status, ...request) {
  const answer = await send(...request);
  assert.equal(answer.status, status, `${request.slice(2, 4).join(" ")}: ${answer.text}`);
  return answer.body;
}

/** The events of a room, as its log has them. */
export async function eventsOf(server, room) {
  return (await server.json(`/rooms/${encodeURIComponent(room)}/events`)).events;
}
