/** Requests to the server, in the name of whoever is signed in at this window. */

/** Gives a token that is good now. */
export type TokenSource = () => Promise<string>;

let source: TokenSource | undefined;

/** From now on, requests carry this token; none where the server has no sign-in. */
export function askWith(token: TokenSource | undefined): void {
  source = token;
}

/** `fetch`, with the token. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  if (!source) return fetch(path, init);
  return fetch(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${await source()}` } });
}
