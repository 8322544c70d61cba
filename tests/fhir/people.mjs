// People who speak FHIR to a server: through the published client, and by plain requests.
import assert from "node:assert/strict";
import { Client } from "fhir-kit-client";

export const FHIR_JSON = "application/fhir+json";
export const MERGE_PATCH = "application/merge-patch+json";
export const JSON_PATCH = "application/json-patch+json";

/** The published client, in a person's name. */
export function clientOf(server, person) {
  return new Client({ baseUrl: `${server.http}/fhir/R4`, customHeaders: { "X-Chartroom-Person": `${person.toLowerCase()};${person}` } });
}

/** The status and headers behind what the published client answered. */
export function answered(resource) {
  const { response } = Client.httpFor(resource);
  return { status: response.status, header: (name) => response.headers.get(name) };
}

/** What the published client throws for a request that is refused with `status`: the OperationOutcome. */
export async function refused(status, request) {
  const error = await request.then(
    () => assert.fail(`the request was not refused with ${status}`),
    (error) => error,
  );
  assert.equal(error.response?.status, status, JSON.stringify(error.response?.data ?? error.message));
  assert.equal(error.response.data.resourceType, "OperationOutcome");
  return error.response.data;
}

/** Every page of a Bundle, this one first. */
export async function pagesOf(client, bundle) {
  const pages = [];
  for (let page = bundle; page; page = await client.nextPage({ bundle: page })) {
    assert.ok(pages.push(page) <= 100, "the pages end");
  }
  return pages;
}

export const resourcesIn = (bundle, mode) => (bundle.entry ?? []).filter(({ search }) => !mode || search?.mode === mode).map(({ resource }) => resource);
export const idsIn = (bundle, mode) => resourcesIn(bundle, mode).map(({ id }) => id);

/** Sends a plain request in a person's name; answers with status, headers and body. */
export async function send(server, person, method, path, body, headers = {}) {
  const answer = await fetch(`${server.http}/fhir/R4${path}`, {
    method,
    headers: { "x-chartroom-person": `${person.toLowerCase()};${person}`, ...(body === undefined ? {} : { "content-type": FHIR_JSON }), ...headers },
    body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, header: (name) => answer.headers.get(name), text, body: text && /json/.test(answer.headers.get("content-type")) && !/ndjson/.test(answer.headers.get("content-type")) ? JSON.parse(text) : undefined };
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
