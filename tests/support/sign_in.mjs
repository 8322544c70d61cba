// A server with sign-in, and tokens that it takes.
import { createHmac } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

const SECRET = "a secret of the tests, of forty-one bytes";

/** Writes a sign-in's files into a folder; the arguments with which a server takes it up. */
export async function signInArguments(folder, roles) {
  const file = async (name, text) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  await file("secret", SECRET);
  const signIn = await file("sign-in.json", JSON.stringify({ keys: [{ algorithm: "HS256", secretFile: "secret" }], leewaySeconds: 0 }));
  return ["--sign-in", signIn, "--roles", await file("roles.json", JSON.stringify({ roles }))];
}

/** A token for a person, good for some seconds from now; `claims` beside the usual ones. */
export function token(person, seconds, claims = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Date.now() / 1000;
  const signed = `${part({ alg: "HS256" })}.${part({ sub: person, iat: now, exp: now + seconds, ...claims })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
