import { ChartroomError } from "../errors.js";
import type { Token } from "../types.js";

/** What stands in a subprotocol's name (RFC 9110, section 5.6.2); a JSON Web Token is made of less. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * The subprotocols that bring a token: a browser can set no header, and addresses end up in logs.
 * The server answers with the first, so that the token is not sent back.
 */
export async function protocols(token: Token | undefined): Promise<string[]> {
  if (token === undefined) return [];
  const text = typeof token === "string" ? token : await ask(token);
  checkToken(text);
  return ["chartroom", `bearer.${text}`];
}

/** Throws unless a text can be sent as a token; says nothing of it. */
export function checkToken(text: unknown): void {
  if (typeof text !== "string" || !TOKEN.test(text)) throw new ChartroomError("bad-token", "this is no token");
}

async function ask(token: () => string | Promise<string>): Promise<string> {
  try {
    return await token();
  } catch (cause) {
    if (cause instanceof ChartroomError && cause.code === "signed-out") throw cause;
    throw new ChartroomError("token-unavailable", "there is no token for now", { cause });
  }
}
