/** One window's sign-in at the hospital's provider: how it begins, goes on, is renewed and ends. */
import type { User, UserManager } from "oidc-client-ts";

/** What the server says of the provider (`GET /sign-in/app`). */
export interface Provider {
  issuer: string;
  clientId: string;
  scope: string;
  name: string | null;
  resource: string | null;
}

/** Where the provider sends people back to; both are registered there. */
export const SIGNED_IN = "/signed-in";
export const SIGNED_OUT = "/signed-out";

/** Nobody is signed in any more, and no renewal changes that: a person has to act. */
export class SignedOut extends Error {}

/** A token this close to its end is renewed first: requests take time. */
const SPARE_SECONDS = 5;

/** Tokens stay in this window: in memory and, for a reload, in its `sessionStorage`. */
export class Session {
  readonly provider: string;
  readonly #manager: Manager;
  readonly #others = new BroadcastChannel("chartroom-sign-out");
  #renewing: Promise<User> | undefined;
  /** Who signed in at this window first, by the provider's id: the page and its edits are theirs. */
  #subject: string | undefined;
  /** Whether the provider has to ask who it is, though it may know somebody. */
  #isMistaken = false;

  constructor(provider: string, manager: Manager, leave = () => window.location.assign(SIGNED_OUT)) {
    this.provider = provider;
    this.#manager = manager;
    // Their windows in this browser share what it keeps, and are signed out together.
    this.#others.onmessage = ({ data }) => {
      if (data === this.#subject) void this.forget().then(leave);
    };
  }

  /** Loads the library, which a window of a server without sign-in never does. */
  static async load({ issuer, clientId, scope, name, resource }: Provider): Promise<Session> {
    const { UserManager, WebStorageStateStore } = await import("oidc-client-ts");
    const { origin } = window.location;
    const manager = new UserManager({
      authority: issuer,
      client_id: clientId,
      scope,
      redirect_uri: origin + SIGNED_IN,
      post_logout_redirect_uri: origin + SIGNED_OUT,
      userStore: new WebStorageStateStore({ store: window.sessionStorage }),
      // Renewed when it is needed: a window that nobody looks at lets its sign-in end.
      automaticSilentRenew: false,
      ...(resource !== null && { resource }),
    });
    return new Session(name ?? new URL(issuer).host, manager);
  }

  /** Whether this window has signed in before, whatever became of it. */
  async isKnown(): Promise<boolean> {
    const user = await this.#manager.getUser();
    this.#subject = user?.profile.sub;
    return user !== null;
  }

  /** A token that is good now. Bound, so that it can be handed on. */
  readonly token = async (): Promise<string> => {
    const user = await this.#manager.getUser();
    if (!user) throw new SignedOut("nobody is signed in at this window");
    if (!isSpent(user)) return user.access_token;
    if (!user.refresh_token) throw new SignedOut("the sign-in has expired");
    // One at a time: many providers take a refresh token once.
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    return (await this.#renewing).access_token;
  };

  /** Goes to the provider, to come back to the address that is shown now. */
  begin(): Promise<void> {
    const { pathname, search, hash } = window.location;
    const here = [SIGNED_IN, SIGNED_OUT].includes(pathname) ? "/" : pathname + search + hash;
    return this.#manager.signinRedirect({ state: here });
  }

  /** Takes what the provider sent back; the address to go on at, none in a pop-up, which is done. */
  async arrive(): Promise<string | undefined> {
    const user = await this.#manager.signinCallback();
    if (!user) return undefined;
    return typeof user.state === "string" && /^\/(?!\/)/.test(user.state) ? user.state : "/";
  }

  /**
   * Signs in again in a pop-up, so that this page keeps what is typed in it; where the browser allows
   * none, by leaving the page. Rejects, with a reason for people, where that did not come about.
   */
  async again(): Promise<void> {
    let user: User | null | void;
    try {
      user = await this.#manager.signinPopup(this.#isMistaken ? { prompt: "login" } : {}).catch((error: unknown) => {
        // The library has no code for a window that did not open.
        if (error instanceof Error && error.message.includes("disposed window")) return this.begin();
        throw error;
      });
    } catch (error) {
      throw new Error(whyNot(error), { cause: error });
    }
    this.#isMistaken = user !== undefined && user?.profile.sub !== this.#subject;
    if (!this.#isMistaken) return;
    await this.forget();
    throw new Error("This page and its edits are another person's. Sign in under the name above, or sign out first.");
  }

  /** Forgets the tokens and has the provider end its session, where it can. */
  async end(): Promise<void> {
    this.#others.postMessage(this.#subject);
    // Best effort: the provider ends them with its session, or in time.
    await this.#manager.revokeTokens(["refresh_token"]).catch(() => undefined);
    await this.#manager.signoutRedirect().catch(() => this.#manager.removeUser());
  }

  /** Forgets the tokens of this window and nothing else. */
  forget(): Promise<void> {
    return this.#manager.removeUser();
  }

  async #renew(): Promise<User> {
    try {
      const user = await this.#manager.signinSilent();
      if (user) return user;
    } catch (error) {
      // Anything but the provider's own answer, such as no network, may pass.
      if (!isRefusal(error)) throw error;
    }
    throw new SignedOut("the provider renews the sign-in no more");
  }
}

type Manager = Pick<
  UserManager,
  "getUser" | "signinRedirect" | "signinCallback" | "signinPopup" | "signinSilent" | "revokeTokens" | "signoutRedirect" | "removeUser"
>;

function isSpent({ expires_in: left }: User): boolean {
  return left !== undefined && left < SPARE_SECONDS;
}

/** Why a sign-in did not come about, in words. */
export function whyNot(error: unknown): string {
  if (isRefusal(error)) return `The provider says: “${error.error_description || error.error}”.`;
  // What `fetch` throws where nobody answers.
  return error instanceof TypeError ? "The provider does not answer." : "It took too long, or was begun in another window.";
}

/** An error of OAuth (RFC 6749, section 5.2), such as `invalid_grant`. */
function isRefusal(error: unknown): error is Error & { error: string; error_description?: string | null } {
  return error instanceof Error && "error" in error && typeof error.error === "string";
}
