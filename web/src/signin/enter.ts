/** How a window comes in: whether the server has sign-in, and whom it takes this window for. */
import { asList, asObject, asText } from "../shared/fhir/read";
import { ask, askWith } from "../shared/server";
import { type Member } from "./people";
import { type Provider, Session, SIGNED_IN, SIGNED_OUT, SignedOut, whyNot } from "./session";

/** How far a window has come. */
export type Entered =
  | { readonly step: "unreachable"; readonly who: "server" | "provider" }
  /** Without sign-in. */
  | { readonly step: "open" }
  /** With sign-in, and nothing said of a provider that a browser could use. */
  | { readonly step: "unsuitable" }
  /** A pop-up that has done its work. */
  | { readonly step: "done" }
  | { readonly step: "signed-out"; readonly session: Session; readonly reason?: Reason }
  | { readonly step: "signed-in"; readonly session: Session; readonly person: Member };

/** Why somebody has to sign in who did before, or tried to. */
export type Reason =
  | { readonly kind: "expired" | "revoked" | "left" }
  /** The provider did not let them in, or the server does not take what it gave. */
  | { readonly kind: "declined" | "refused"; readonly text: string };

/** Never rejects. */
export async function enter(load = Session.load): Promise<Entered> {
  askWith(undefined);
  let session: Session;
  try {
    const answer = await fetch("/sign-in/app", { headers: { accept: "application/json" } });
    if (!answer.ok) return { step: "unreachable", who: "server" };
    const { required, app } = (await answer.json()) as { required: boolean; app: Provider | null };
    if (!required) return { step: "open" };
    if (!app) return { step: "unsuitable" };
    session = await load(app);
  } catch {
    return { step: "unreachable", who: "server" };
  }
  return signIn(session);
}

async function signIn(session: Session): Promise<Entered> {
  if (window.location.pathname === SIGNED_OUT) {
    window.history.replaceState(null, "", "/");
    return { step: "signed-out", session, reason: { kind: "left" } };
  }
  if (window.location.pathname === SIGNED_IN) {
    const failed = await arrive(session);
    if (failed) return failed;
  }
  if (!(await session.isKnown())) return { step: "signed-out", session };
  askWith(session.token);
  return whoAmI(session);
}

/** What stands in the way, once the provider has sent the window back. */
async function arrive(session: Session): Promise<Entered | undefined> {
  try {
    const address = await session.arrive();
    if (address === undefined) return { step: "done" };
    window.history.replaceState(null, "", address);
    return undefined;
  } catch (error) {
    window.history.replaceState(null, "", "/");
    return { step: "signed-out", session, reason: { kind: "declined", text: whyNot(error) } };
  }
}

/** Asks the server whom it takes this window for. */
async function whoAmI(session: Session): Promise<Entered> {
  let answer: Response;
  try {
    answer = await ask("/sign-in", { headers: { accept: "application/json" } });
  } catch (error) {
    if (error instanceof SignedOut) return { step: "signed-out", session, reason: { kind: "expired" } };
    return { step: "unreachable", who: "server" };
  }
  const body = asObject(await answer.json().catch(() => undefined));
  const person = asObject(body?.["person"]);
  const [id, name] = [asText(person?.["id"]), asText(person?.["name"])];
  if (answer.ok && id && name) {
    const role = asList(body?.["roles"]).flatMap((one) => asText(one) ?? []).join(", ");
    return { step: "signed-in", session, person: { id, name, role, canEdit: body?.["writes"] === true } };
  }
  if (answer.status !== 401) return { step: "unreachable", who: answer.status === 503 ? "provider" : "server" };
  await session.forget();
  return { step: "signed-out", session, reason: reasonOf(asObject(body?.["error"])) };
}

function reasonOf(error: Record<string, unknown> | undefined): Reason {
  const code = asText(error?.["code"]);
  if (code === "token-expired") return { kind: "expired" };
  if (code === "token-revoked") return { kind: "revoked" };
  return { kind: "refused", text: asText(error?.["message"]) ?? "the server gave no reason" };
}
