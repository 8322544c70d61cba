import { MantineProvider } from "@mantine/core";
import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { ErrorResponse } from "oidc-client-ts";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeClient, FakeRoom } from "../../test/fakeChartroom";
import { ask, askWith } from "../shared/server";
import { Entrance } from "./Entrance";
import { enter } from "./enter";
import { currentPerson } from "./people";
import { Session, SignedOut } from "./session";

const PROVIDER = { issuer: "https://idp.example", clientId: "workspace", scope: "openid", name: "St. Elsewhere", resource: null };
const ALICE = { person: { id: "alice", name: "Alice Chen" }, roles: ["physician"], writes: true };

/** The part of oidc-client-ts that a session uses, with nobody signed in. */
function fakeManager() {
  const state: { user: object | null } = { user: null };
  const manager = {
    getUser: vi.fn(() => Promise.resolve(state.user)),
    removeUser: vi.fn(() => Promise.resolve((state.user = null))),
    signinRedirect: vi.fn(() => Promise.resolve()),
    signinCallback: vi.fn(() => Promise.resolve(state.user)),
    signinPopup: vi.fn(() => Promise.resolve(state.user)),
    signinSilent: vi.fn(() => Promise.resolve(state.user)),
    revokeTokens: vi.fn(() => Promise.resolve()),
    signoutRedirect: vi.fn(() => Promise.resolve()),
  };
  const leave = vi.fn();
  const session = new Session("St. Elsewhere", manager as unknown as ConstructorParameters<typeof Session>[1], leave);
  return { manager, session, leave, signIn: (user: object) => (state.user = { access_token: "t1", expires_in: 300, profile: { sub: "alice" }, ...user }) };
}

/** What the server answers, by address; another address is not to be asked for. */
function answers(of: Record<string, () => Promise<Response>>) {
  const fetch = vi.fn((path: string, _init?: RequestInit) => of[path]?.() ?? Promise.reject(new Error(`nobody asks for ${path}`)));
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

const json = (body: unknown, status = 200) => () => Promise.resolve(Response.json(body, { status }));
const withSignIn = json({ required: true, app: PROVIDER });

async function show(session: Session) {
  const client = new FakeClient(new FakeRoom("facility:alerts", []));
  const first = enter(() => Promise.resolve(session));
  await act(async () => {
    render(
      <MantineProvider env="test">
        <Entrance connect={() => Promise.resolve(client)} first={first} />
      </MantineProvider>,
    );
    await first;
  });
  return { client, user: userEvent.setup() };
}

beforeEach(() => window.history.replaceState(null, "", "/"));
afterEach(() => {
  vi.unstubAllGlobals();
  askWith(undefined);
});

it("asks who is at the screen where the server has no sign-in, a pharmacist among them", async () => {
  answers({ "/sign-in/app": json({ required: false, app: null }) });
  await show(fakeManager().session);
  expect(screen.getByRole("button", { name: "Dana Petrov Pharmacist" })).toBeVisible();
  window.history.replaceState(null, "", "/?as=dana");
  expect(currentPerson(window)).toMatchObject({ id: "dana", canEdit: true });
});

it("says that the server cannot be reached, and asks again", async () => {
  answers({ "/sign-in/app": () => Promise.reject(new TypeError("no network")) });
  await show(fakeManager().session);
  expect(screen.getByRole("heading", { name: "The server cannot be reached" })).toBeVisible();
  answers({ "/sign-in/app": json({ required: false, app: null }) });
  await act(async () => screen.getByRole("button", { name: "Try again" }).click());
  expect(await screen.findByRole("heading", { name: "Who is at this screen?" })).toBeVisible();
});

it("says that nobody can sign in where the operator names no provider", async () => {
  answers({ "/sign-in/app": json({ required: true, app: null }) });
  await show(fakeManager().session);
  expect(screen.getByRole("heading", { name: "Nobody can sign in here yet" })).toBeVisible();
});

it("signs in at the provider, to come back to the address that was asked for", async () => {
  window.history.replaceState(null, "", "/patients/1/orders?x=1");
  answers({ "/sign-in/app": withSignIn });
  const { manager, session } = fakeManager();
  const { user } = await show(session);
  await user.click(screen.getByRole("button", { name: "Sign in at St. Elsewhere" }));
  expect(manager.signinRedirect).toHaveBeenCalledWith({ state: "/patients/1/orders?x=1" });
});

it.each([
  ["/patients/1/orders", "/patients/1/orders"],
  ["//elsewhere.example", "/"],
  [undefined, "/"],
])("comes back to %s at %s", async (state, address) => {
  window.history.replaceState(null, "", "/signed-in?code=1&state=2");
  const fetch = answers({ "/sign-in/app": withSignIn, "/sign-in": json(ALICE) });
  const { session, signIn } = fakeManager();
  signIn({ state });
  expect(await enter(() => Promise.resolve(session))).toMatchObject({ step: "signed-in", person: { id: "alice", role: "physician", canEdit: true } });
  expect(window.location.pathname).toBe(address);
  expect(fetch.mock.lastCall?.[1]?.headers).toMatchObject({ authorization: "Bearer t1" });
});

it("says why the provider let nobody in", async () => {
  window.history.replaceState(null, "", "/signed-in?error=access_denied");
  answers({ "/sign-in/app": withSignIn });
  const { manager, session } = fakeManager();
  manager.signinCallback.mockRejectedValue(new ErrorResponse({ error: "access_denied", error_description: "Account locked" }));
  await show(session);
  expect(screen.getByRole("alert")).toHaveTextContent("You were not signed inThe provider says: “Account locked”.");
  expect(window.location.pathname).toBe("/");
});

it.each([
  ["token-expired", "Your sign-in has expired"],
  ["token-revoked", "Your sign-in was taken back"],
  ["token-wrong-audience", "This server does not take your sign-in"],
])("of a token refused with %s says: %s", async (code, words) => {
  answers({ "/sign-in/app": withSignIn, "/sign-in": json({ error: { code, message: "the token is for another audience" } }, 401) });
  const { manager, session, signIn } = fakeManager();
  signIn({});
  await show(session);
  expect(screen.getByText(words)).toBeVisible();
  expect(manager.removeUser).toHaveBeenCalled();
});

it("tells whoever may see nothing why, and as whom", async () => {
  answers({ "/sign-in/app": withSignIn, "/sign-in": json(ALICE), "/rooms": json({ rooms: [] }) });
  const { session, signIn } = fakeManager();
  signIn({});
  await show(session);
  expect(await screen.findByRole("heading", { name: "No chart is open to you" })).toBeVisible();
  expect(screen.getByText(/signed in as Alice Chen \(physician\)/)).toBeVisible();
});

it("renews a token once for all who ask, and gives it to requests", async () => {
  const { manager, session, signIn } = fakeManager();
  signIn({ expires_in: 1, refresh_token: "r1" });
  manager.signinSilent.mockImplementation(() => Promise.resolve(signIn({ access_token: "t2" })));
  expect(await Promise.all([session.token(), session.token()])).toEqual(["t2", "t2"]);
  expect(manager.signinSilent).toHaveBeenCalledTimes(1);
  const fetch = answers({ "/rooms": json({}) });
  askWith(session.token);
  await ask("/rooms", { headers: { accept: "application/json" } });
  expect(fetch).toHaveBeenCalledWith("/rooms", { headers: { accept: "application/json", authorization: "Bearer t2" } });
});

it("tells an end of the sign-in from a provider that does not answer", async () => {
  const { manager, session, signIn } = fakeManager();
  await expect(session.token()).rejects.toThrow(SignedOut);
  signIn({ expires_in: 0 });
  await expect(session.token()).rejects.toThrow(SignedOut);
  signIn({ expires_in: 0, refresh_token: "r1" });
  manager.signinSilent.mockRejectedValueOnce(new ErrorResponse({ error: "invalid_grant" }));
  await expect(session.token()).rejects.toThrow(SignedOut);
  manager.signinSilent.mockRejectedValueOnce(new TypeError("no network"));
  await expect(session.token()).rejects.not.toThrow(SignedOut);
});

it("signs in again in a pop-up, or by leaving the page where there is none", async () => {
  const { manager, session, signIn } = fakeManager();
  signIn({});
  await session.isKnown();
  await session.again();
  expect(manager.signinPopup).toHaveBeenCalledWith({});
  manager.signinPopup.mockRejectedValueOnce(new Error("Attempted to navigate on a disposed window"));
  await session.again();
  expect(manager.signinRedirect).toHaveBeenCalled();
});

it("takes nobody else's sign-in for a page, and has the provider ask the next time", async () => {
  const { manager, session, signIn } = fakeManager();
  signIn({});
  await session.isKnown();
  manager.signinPopup.mockImplementationOnce(() => Promise.resolve(signIn({ access_token: "bob's", profile: { sub: "bob" } })));
  await expect(session.again()).rejects.toThrow("another person's");
  await expect(session.token()).rejects.toThrow(SignedOut);
  manager.signinPopup.mockImplementationOnce(() => Promise.resolve(signIn({ access_token: "t2" })));
  await session.again();
  expect(manager.signinPopup).toHaveBeenLastCalledWith({ prompt: "login" });
  expect(await session.token()).toBe("t2");
});

it("leaves when the same person signs out in another window of the browser", async () => {
  const [one, another, bobs] = [fakeManager(), fakeManager(), fakeManager()];
  one.signIn({});
  another.signIn({});
  bobs.signIn({ profile: { sub: "bob" } });
  for (const { session } of [one, another, bobs]) await session.isKnown();
  await one.session.end();
  await vi.waitFor(() => expect(another.leave).toHaveBeenCalled());
  expect(await another.session.isKnown()).toBe(false);
  expect(bobs.leave).not.toHaveBeenCalled();
});

/** Alice at the dialog that signs her out. */
async function atSignOut(unsaved: number, refused = 0) {
  answers({ "/sign-in/app": withSignIn, "/sign-in": json(ALICE), "/rooms": json({ rooms: [] }) });
  const { manager, session, signIn } = fakeManager();
  signIn({});
  const { client, user } = await show(session);
  await user.click(await screen.findByRole("button", { name: "Signed in as Alice Chen" }));
  act(() => client.become("online", { unsaved, refused }));
  await user.click(await screen.findByRole("menuitem", { name: "Sign out…" }));
  return { client, user, manager };
}

it("signs out and has the device wiped", async () => {
  const { client, user, manager } = await atSignOut(0);
  await user.click(await screen.findByRole("button", { name: "Sign out" }));
  expect(client.left).toEqual({});
  expect(manager.signoutRedirect).toHaveBeenCalled();
});

it("keeps edits that wait when somebody signs out, unless they are to go", async () => {
  const { client, user } = await atSignOut(2);
  expect(await screen.findByRole("alert")).toHaveTextContent("2 edits have not reached the server");
  await user.click(screen.getByRole("checkbox"));
  expect(screen.getByRole("button", { name: "Discard and sign out" })).toBeVisible();
  await user.click(screen.getByRole("checkbox"));
  await user.click(screen.getByRole("button", { name: "Sign out" }));
  expect(client.left).toEqual({ unsaved: "keep" });
});

it("asks what becomes of refused edits that nobody has looked at", async () => {
  const { client, user } = await atSignOut(0, 1);
  expect(await screen.findByRole("alert")).toHaveTextContent("1 refused edit has not been looked at");
  await user.click(screen.getByRole("checkbox"));
  await user.click(screen.getByRole("button", { name: "Discard and sign out" }));
  expect(client.left).toEqual({ unsaved: "discard" });
});
