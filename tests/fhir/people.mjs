// People who speak FHIR through the published client.
import assert from "node:assert/strict";
import { Client } from "fhir-kit-client";

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
