// @vitest-environment happy-dom
import { Activity, Component, StrictMode, Suspense, useLayoutEffect, useState, type ReactNode } from "react";
import { flushSync } from "react-dom";
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import WebSocket from "ws";
import type { ChartEvent, Client, ConnectOptions, Present, Room, Whereabouts } from "chartroom";
import { ChartroomProvider, useClient, useCollection, useConflicts, useConnection, useEvent, usePresence, useResource, useRoom, useRoomStatus, useUndo, type Undo } from "chartroom/react";
import { connectAs as connectIn, startServer, until, withServer } from "./server.js";
import { recordedSocket, type Frame } from "./socket.js";

const ROOM = "patient:p1";
const allergy = (id: string, text: string) => ({ resourceType: "AllergyIntolerance", id, code: { text }, patient: { reference: "Patient/p1" } });
const condition = (id: string, text: string) => ({ resourceType: "Condition", id, code: { text }, subject: { reference: "Patient/p1" } });

/** There is a window here, and it is no browser. */
const HERE = { store: false, worker: false, WebSocket } as const;
const connectAs = (name: string, url: string, options: Partial<ConnectOptions> = {}) => connectIn(name, url, { ...HERE, ...options });

afterEach(cleanup);

/** Waits until the condition holds and React has nothing left to do. Outside `act` it works as in an app. */
async function shown(condition: () => boolean): Promise<void> {
  await until(condition);
  await act(async () => {});
}

/** Renders as Testing Library does, components that suspend included. */
async function show(node: ReactNode) {
  let view!: ReturnType<typeof render>;
  await act(async () => void (view = render(node)));
  return { unmount: view.unmount, show: (next: ReactNode) => act(async () => view.rerender(next)) };
}

/** What happens at once: no time passes for those who wait for some. */
async function atOnce<T>(body: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    return await body();
  } finally {
    vi.useRealTimers();
  }
}

/** What a component read each time that it was shown; React renders more often than it shows. */
class Renders<T> {
  readonly values: T[] = [];

  get count(): number {
    return this.values.length;
  }

  get last(): T {
    return this.values.at(-1)!;
  }
}

/** A component that reads one thing and notes it whenever it has rendered. */
function reader<T>(read: () => T): [Reader: () => null, renders: Renders<T>] {
  const renders = new Renders<T>();
  const Reader = () => {
    const value = read();
    useLayoutEffect(() => void renders.values.push(value));
    return null;
  };
  return [Reader, renders];
}

function below(client: Client, ...children: ReactNode[]): ReactNode {
  return (
    <ChartroomProvider client={client}>
      <Suspense fallback="opening">{children.map((child, at) => <div key={at}>{child}</div>)}</Suspense>
    </ChartroomProvider>
  );
}

/** A client that opens rooms otherwise, and the names that it was asked for. */
function opening(client: Client, open: Client["open"]): [client: Client, asked: string[]] {
  const asked: string[] = [];
  const noted: Client["open"] = (name) => {
    asked.push(name);
    return open(name);
  };
  return [new Proxy(client, { get: (_, name) => (name === "open" ? noted : (Reflect.get(client, name, client) as unknown)) }), asked];
}

const rooms = (sent: Frame[], name = ROOM) => sent.filter((frame) => frame.type === "room" && frame.name === name).length;
const leaves = (sent: Frame[]) => sent.filter(({ type }) => type === "leave-room").length;

class Boundary extends Component<{ children: ReactNode }, { error: (Error & { code?: string }) | null }> {
  override state = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state as { error: { code: string } | null };
    return error ? <button onClick={() => this.setState({ error: null })}>{`failed with ${error.code}`}</button> : this.props.children;
  }
}

withServer("what renders", () => {
  /** Alice's chart in components, and Bob's room beside it. */
  async function chart() {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const his = await bob.open(ROOM);
    await his.batch((batch) => {
      batch.put(allergy("a1", "Latex"));
      batch.put(allergy("a2", "Penicillin"));
      batch.put(condition("c1", "Asthma"));
    }).saved;
    const hers = await alice.open(ROOM);
    await until(() => hers.list("AllergyIntolerance").length === 2);
    return { server, alice, bob, hers, his };
  }

  test("an edit of another person renders what reads it, once, and nothing else", async () => {
    const { alice, hers, his } = await chart();
    const [Allergies, allergies] = reader(() => useCollection(useRoom(ROOM), "AllergyIntolerance"));
    const [A1, a1] = reader(() => useResource(useRoom(ROOM), "AllergyIntolerance", "a1"));
    const [A2, a2] = reader(() => useResource(useRoom(ROOM), "AllergyIntolerance", "a2"));
    const [Conditions, conditions] = reader(() => useCollection(useRoom(ROOM), "Condition"));
    const [Plain, plain] = reader(() => useRoom(ROOM));
    await show(below(alice, <Allergies />, <A1 />, <A2 />, <Conditions />, <Plain />));
    await shown(() => plain.count === 1 && conditions.count === 1);
    const before = [allergies.last, a1.last, a2.last, conditions.last] as const;

    await his.patch("AllergyIntolerance", "a1", { criticality: "high" }).saved;
    await shown(() => hers.get("AllergyIntolerance", "a1")?.criticality === "high" && String(hers.heads()) === String(his.heads()));
    expect(a1.last).toMatchObject({ criticality: "high" });
    expect([allergies, a1, a2, conditions, plain].map(({ count }) => count)).toEqual([2, 2, 1, 1, 1]);
    expect(allergies.last).not.toBe(before[0]);
    expect(allergies.last[0]).toBe(a1.last);
    expect(allergies.last[1]).toBe(before[2]);
  });

  test("one's own edit renders once: not again when it is answered and saved", async () => {
    const { alice, hers } = await chart();
    const [A1, a1] = reader(() => {
      const room = useRoom(ROOM);
      return [useResource(room, "AllergyIntolerance", "a1")?.criticality, room.unsaved] as const;
    });
    const [Allergies, allergies] = reader(() => useCollection(useRoom(ROOM), "AllergyIntolerance"));
    const [Status, status] = reader(() => useRoomStatus(useRoom(ROOM)).unsaved);
    await show(below(alice, <A1 />, <Allergies />, <Status />));
    await shown(() => status.count > 0);
    await hers.patch("AllergyIntolerance", "a1", { criticality: "low" }).saved;
    await shown(() => status.last === 0);
    expect(status.values).toEqual([0, 1, 0]);
    // It was shown while it was not saved yet.
    expect(a1.values).toEqual([[undefined, 0], ["low", 1]]);
    expect(allergies.count).toBe(2);
  });

  test("a batch renders a collection once, and so do fifty edits that come together", async () => {
    const { alice, bob, server, hers, his } = await chart();
    const [Allergies, allergies] = reader(() => useCollection(useRoom(ROOM), "AllergyIntolerance"));
    const [Conditions, conditions] = reader(() => useCollection(useRoom(ROOM), "Condition"));
    await show(below(alice, <Allergies />, <Conditions />));
    await shown(() => conditions.count === 1);
    await his.batch((batch) => {
      for (let n = 0; n < 20; n += 1) batch.put(allergy(`b${n}`, `substance ${n}`));
    }).saved;
    await shown(() => hers.list("AllergyIntolerance").length === 22);
    expect([allergies.count, conditions.count]).toEqual([2, 1]);

    await server.kill();
    await until(() => alice.status === "offline" && bob.status === "offline");
    const edits = Array.from({ length: 50 }, (_, n) => his.put(allergy(`s${n}`, `substance ${n}`)));
    await server.start();
    await Promise.all(edits.map((edit) => edit.saved));
    await shown(() => hers.list("AllergyIntolerance").length === 72);
    // They come in one message, or in some where the server sends while it still receives.
    expect(allergies.count).toBeGreaterThanOrEqual(3);
    expect(allergies.count).toBeLessThanOrEqual(10);
    expect(conditions.count).toBe(1);
  });

  test("what a hook gives is the same through renders and subscriptions", async () => {
    const { alice } = await chart();
    const [Reader, renders] = reader(() => {
      const room = useRoom(ROOM);
      return [room, useCollection(room, "AllergyIntolerance"), useResource(room, "Condition", "c1"), useConflicts(room), useUndo(room), useRoomStatus(room), useConnection(), useClient()];
    });
    const view = await show(below(alice, <Reader />));
    await shown(() => renders.count > 0);
    const before = renders.last;
    await view.show(below(alice, <Reader />));
    await atOnce(async () => {
      await view.show(below(alice, null));
      await view.show(below(alice, <Reader />));
    });
    await shown(() => renders.count >= 3);
    for (const values of renders.values) values.forEach((value, at) => at !== 4 && expect(value).toBe(before[at]));
    // The functions of another component may be others.
    expect(renders.values[1]![4]).toBe(before[4]);
  });
});

withServer("a room in components", () => {
  test("is opened once under StrictMode, and left once when nobody shows it", async () => {
    const server = await startServer();
    const { WebSocket, sent } = recordedSocket();
    const alice = await connectAs("Alice", server.url, { WebSocket });
    await until(() => alice.status === "online");
    const [Allergies, allergies] = reader(() => useCollection(useRoom(ROOM), "AllergyIntolerance"));
    const [Status, status] = reader(() => useRoom(ROOM));
    const view = await show(<StrictMode>{below(alice, <Allergies />, <Status />)}</StrictMode>);
    await shown(() => allergies.count > 0);
    const room = status.last;
    expect(room.list("Condition")).toEqual([]);
    await view.show(<StrictMode>{below(alice, <Allergies />)}</StrictMode>);
    view.unmount();
    expect(leaves(sent)).toBe(0);
    await until(() => leaves(sent) === 1);
    expect([rooms(sent), leaves(sent)]).toEqual([1, 1]);
    expect(() => room.list("Condition")).toThrow(expect.objectContaining({ code: "room-closed" }));
  });

  test("that is open shows at once, without the fallback", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const Name = () => <p>{useRoom(ROOM).name}</p>;
    let another = () => {};
    const List = () => {
      const [count, set] = useState(1);
      another = () => set(count + 1);
      return Array.from({ length: count }, (_, at) => <Suspense key={at} fallback="opening"><Name /></Suspense>);
    };
    await show(below(alice, <List />));
    await shown(() => document.body.textContent === ROOM);
    flushSync(() => another());
    expect(document.body.textContent).toBe(ROOM + ROOM);
  });

  test("that is taken off and shown again at once stays open", async () => {
    const server = await startServer();
    const { WebSocket, sent } = recordedSocket();
    const alice = await connectAs("Alice", server.url, { WebSocket });
    await until(() => alice.status === "online");
    const [Reader, renders] = reader(() => useRoom(ROOM));
    const view = await atOnce(async () => {
      (await show(below(alice, <Reader />))).unmount();
      return show(below(alice, <Reader />));
    });
    await shown(() => renders.count > 0);
    const { last: room } = renders;
    await atOnce(async () => {
      view.unmount();
      await show(below(alice, <Reader />));
    });
    await shown(() => renders.count > 1);
    expect(renders.last).toBe(room);
    expect([rooms(sent), leaves(sent)]).toEqual([1, 0]);
  });

  test("is opened again when a component that was hidden is revealed", async () => {
    const server = await startServer();
    const { WebSocket, sent } = recordedSocket();
    const alice = await connectAs("Alice", server.url, { WebSocket });
    const [Reader, renders] = reader(() => {
      const room = useRoom(ROOM);
      useEvent(room, "*", () => {});
      return { room, list: useCollection(room, "AllergyIntolerance") };
    });
    const [Plain, plain] = reader(() => useRoom(ROOM));
    // The same elements each time: what is revealed is not rendered for that alone.
    const children = <><Suspense fallback="opening"><Reader /></Suspense><Suspense fallback="opening"><Plain /></Suspense></>;
    const hidden = (mode: "hidden" | "visible") => below(alice, <Activity mode={mode}>{children}</Activity>);
    const view = await show(hidden("visible"));
    await shown(() => renders.count > 0);
    const first = renders.last.room;
    await view.show(hidden("hidden"));
    await shown(() => leaves(sent) === 1);
    await view.show(hidden("visible"));
    await shown(() => renders.last.room !== first && plain.last !== first);
    await renders.last.room.put(allergy("a1", "Latex")).saved;
    await shown(() => renders.last.list.length > 0);
    expect(renders.last.list).toHaveLength(1);
    expect(plain.last).toBe(renders.last.room);
  });

  test("shows the fallback while it opens and then itself, also with Suspense above the provider", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    let opens = () => {};
    const gate = new Promise<void>((resolve) => (opens = resolve));
    const [slow, opened] = opening(alice, (room) => gate.then(() => alice.open(room)));
    const Name = () => <p>{useRoom(ROOM).name}</p>;
    await show(<Suspense fallback="opening"><ChartroomProvider client={slow}><Name /></ChartroomProvider></Suspense>);
    expect(document.body.textContent).toBe("opening");
    opens();
    await shown(() => document.body.textContent === ROOM);
    expect(opened).toEqual([ROOM]);
  });

  test("waits for as long as it takes, for several rooms one behind the other", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    // Each takes longer than a room that nobody shows stays open.
    const slowly = (room: string) => new Promise((resolve) => setTimeout(resolve, 1_300)).then(() => alice.open(room));
    const [slow, opened] = opening(alice, slowly);
    const Names = () => <p>{`${useRoom("patient:p1").name} ${useRoom("patient:p2").name}`}</p>;
    await show(below(slow, <Names />));
    await shown(() => document.body.textContent === "patient:p1 patient:p2");
    expect(opened).toEqual(["patient:p1", "patient:p2"]);
  });

  test("that is refused reaches the error boundary, and is asked for again", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    let isRefused = true;
    const [picky, asked] = opening(alice, (room) => alice.open(isRefused ? "nothing" : room));
    /** Who reads a refusal at once reads the same one; timers that were set before have fired behind this. */
    const later = () => new Promise((resolve) => setTimeout(resolve, 5));
    const Name = () => <p>{useRoom(ROOM).name}</p>;
    const silenced = console.error;
    console.error = () => {};
    try {
      await show(<Boundary>{below(picky, <Name />)}</Boundary>);
      await shown(() => document.body.textContent === "failed with room-name-invalid");
      const again = asked.length;
      await later();
      screen.getByRole("button").click();
      await shown(() => document.body.textContent === "failed with room-name-invalid" && asked.length > again);
      isRefused = false;
      await later();
      screen.getByRole("button").click();
      await shown(() => document.body.textContent === ROOM);
      expect(asked).toHaveLength(3);
    } finally {
      console.error = silenced;
    }
  });
});

withServer("hooks", () => {
  test("useEvent keeps its subscription when the listener is another one", async () => {
    const server = await startServer();
    const { WebSocket, sent } = recordedSocket();
    const alice = await connectAs("Alice", server.url, { WebSocket });
    const room = await alice.open(ROOM);
    const heard: string[] = [];
    const ons: string[] = [];
    const counted = { on: (...args: Parameters<Room["on"]>) => (ons.push(args[0]), room.on(...args)) } as unknown as Room;
    const Listener = ({ name }: { name: string }) => {
      useEvent(counted, "RESOURCE_CREATED", (event) => heard.push(`${name} ${event.resource_id}`));
      useEvent(counted, "RESOURCE_CREATED", (event) => heard.push(`${name} ${event.resource_id} #${event.seq}`), { after: 0 });
      return null;
    };
    const view = await show(<Listener name="first" />);
    await view.show(<Listener name="second" />);
    await room.put(allergy("a1", "Latex")).saved;
    await until(() => heard.length === 2);
    await view.show(<Listener name="third" />);
    await room.put(allergy("a2", "Latex")).saved;
    await until(() => heard.length === 4);
    expect(ons).toEqual(["RESOURCE_CREATED", "RESOURCE_CREATED"]);
    expect(sent.filter(({ type }) => type === "follow")).toHaveLength(1);
    expect(heard.map((line) => line.replace(/#.*/, "#"))).toEqual(["second a1", "second a1 #", "third a2", "third a2 #"]);
    view.unmount();
    await until(() => sent.some(({ type }) => type === "unfollow"));
    await room.put(allergy("a3", "Latex")).saved;
    expect(heard).toHaveLength(4);
  });

  test("useConnection tells of every break, and renders for nothing else", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    await until(() => alice.status === "online");
    const [Reader, renders] = reader(() => useConnection().connection);
    await show(below(alice, <Reader />));
    const heard: ChartEvent[] = [];
    room.on("*", (event) => heard.push(event));
    await room.put(allergy("a1", "Latex")).saved;
    await shown(() => heard.length > 0 && alice.state.unsaved === 0);
    expect(new Set(renders.values)).toEqual(new Set(["online"]));
    await server.kill();
    await shown(() => renders.last === "offline");
    await server.start();
    await shown(() => renders.last === "online");
  });

  test("useConflicts shows what two people wrote apart, until somebody has chosen", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    await hers.put(allergy("a1", "Latex")).saved;
    await until(() => his.list("AllergyIntolerance").length === 1);
    const [Reader, renders] = reader(() => useConflicts(useRoom(ROOM)));
    await show(below(alice, <Reader />));
    await shown(() => renders.count === 1);
    await server.kill();
    await until(() => alice.status === "offline" && bob.status === "offline");
    const edits = [hers.patch("AllergyIntolerance", "a1", { criticality: "high" }), his.patch("AllergyIntolerance", "a1", { criticality: "low" })];
    await server.start();
    await Promise.all(edits.map((edit) => edit.saved));
    await shown(() => hers.conflicts().length === 1);
    expect(renders.values.map((conflicts) => conflicts.length)).toEqual([0, 1]);
    const [conflict] = renders.last;
    const { sides } = hers.describe(conflict!);
    expect(sides.map(({ text, author }) => `${author?.name}: ${text}`).sort()).toEqual(["Alice: high", "Bob: low"]);
    await hers.resolve(conflict!, sides.find(({ text }) => text === "low")!.choice).saved;
    await shown(() => hers.conflicts().length === 0);
    expect(renders.last).toEqual([]);
    expect(hers.get("AllergyIntolerance", "a1")?.criticality).toBe("low");
  });

  test("useUndo says what it would take back, and does", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const room = await alice.open(ROOM);
    const [Reader, renders] = reader<Undo>(() => useUndo(useRoom(ROOM)));
    await show(below(alice, <Reader />));
    await shown(() => renders.count > 0);
    const texts = () => [renders.last.undoText, renders.last.redoText];
    expect(texts()).toEqual([null, null]);
    room.put(allergy("a1", "Latex"));
    await shown(() => renders.last.undoText !== null);
    expect(texts()).toEqual(["add allergy Latex", null]);
    renders.last.undo();
    await shown(() => renders.last.redoText !== null);
    expect([...texts(), room.list("AllergyIntolerance").length]).toEqual([null, "add allergy Latex", 0]);
    await renders.last.redo().saved;
    await shown(() => renders.last.redoText === null);
    expect([...texts(), room.list("AllergyIntolerance").length]).toEqual(["add allergy Latex", null, 1]);
    const { count } = renders;
    await room.patch("AllergyIntolerance", "a1", { criticality: "high" }, { text: "rate Latex" }).saved;
    await shown(() => renders.last.undoText === "rate Latex");
    expect([renders.last.undoText, renders.count]).toEqual(["rate Latex", count + 1]);
  });

  test("a component outside a provider is told what it lacks", () => {
    const Lost = () => <p>{useRoom(ROOM).name}</p>;
    const silenced = console.error;
    console.error = () => {};
    try {
      expect(() => render(<Lost />)).toThrow("below a ChartroomProvider");
    } finally {
      console.error = silenced;
    }
  });
});

test("usePresence says where this window looks while it is shown, and renders when others move", async () => {
  const said: (Whereabouts | null)[] = [];
  const listeners = new Set<() => void>();
  const bob: Present = { window: "w", person: { id: "bob", name: "Bob" }, at: { tab: "notes" } };
  let people: readonly Present[] = [];
  const room = {
    presence: { set: (at: Whereabouts | null) => void said.push(at), get people() { return people; } },
    on: (name: string, listener: () => void) => {
      expect(name).toBe("presence");
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as Room;
  const renders = new Renders<readonly Present[]>();
  const Here = ({ tab }: { tab: string }) => {
    const others = usePresence(room, { tab });
    useLayoutEffect(() => void renders.values.push(others));
    return null;
  };
  const view = await show(<Here tab="notes" />);
  await view.show(<Here tab="notes" />);
  expect(said).toEqual([{ tab: "notes" }]);
  await view.show(<Here tab="orders" />);
  expect(said.at(-1)).toEqual({ tab: "orders" });
  const { count } = renders;
  act(() => {
    people = [bob];
    listeners.forEach((listener) => listener());
  });
  expect([renders.count, renders.last]).toEqual([count + 1, [bob]]);
  expect(listeners.size).toBe(1);
  view.unmount();
  expect([listeners.size, said.at(-1)]).toEqual([0, null]);
});

withServer("a provider that makes its client", () => {
  const options = (name: string, url: string): ConnectOptions => ({ ...HERE, url, person: { id: name.toLowerCase(), name }, backoff: { minMs: 20, maxMs: 200 } });

  test("shows its fallback first, and closes the client with itself, under StrictMode too", async () => {
    const server = await startServer();
    const clients = new Set<Client>();
    const [Connecting, connecting] = reader(() => "connecting");
    const Name = () => {
      clients.add(useClient());
      return <p>{useRoom(ROOM).name}</p>;
    };
    const view = await show(
      <StrictMode>
        <ChartroomProvider options={options("Alice", server.url)} fallback={<Connecting />}>
          <Suspense fallback="opening"><Name /></Suspense>
        </ChartroomProvider>
      </StrictMode>,
    );
    await shown(() => document.body.textContent === ROOM);
    expect(clients.size).toBe(1);
    expect(connecting.count).toBeGreaterThan(0);
    view.unmount();
    const [client] = clients;
    await until(() => client!.status === "closed");
  });

  test("keeps its client when the options are written anew, and makes another for another person", async () => {
    const server = await startServer();
    const clients: Client[] = [];
    const [Connecting, connecting] = reader(() => "connecting");
    /** Whose rooms were shown under whose name. */
    const pairs = new Set<string>();
    const Who = ({ name }: { name: string }) => {
      const client = useClient();
      if (!clients.includes(client)) clients.push(client);
      useLayoutEffect(() => void pairs.add(`${name} ${clients.indexOf(client)}`));
      const { connection } = useConnection();
      return <p>{`${connection} ${useCollection(useRoom(ROOM), "AllergyIntolerance").length}`}</p>;
    };
    const as = (name: string) => (
      <Boundary>
        <ChartroomProvider options={options(name, server.url)} fallback={<Connecting />}>
          <Suspense fallback="opening"><Who name={name} /></Suspense>
        </ChartroomProvider>
      </Boundary>
    );
    const view = await show(as("Alice"));
    await shown(() => document.body.textContent === "online 0");
    await view.show(as("Alice"));
    expect(document.body.textContent).toBe("online 0");
    const { count } = connecting;
    await view.show(as("Bob"));
    expect(connecting.count).toBeGreaterThan(count);
    await shown(() => document.body.textContent === "online 0");
    expect([...pairs]).toEqual(["Alice 0", "Bob 1"]);
    await until(() => clients[0]!.status === "closed");
  });

  test("throws what is wrong with its options to the error boundary", async () => {
    const silenced = console.error;
    console.error = () => {};
    try {
      await show(<Boundary><ChartroomProvider options={{ ...HERE, url: "nowhere" }}>content</ChartroomProvider></Boundary>);
      await shown(() => document.body.textContent === "failed with bad-url");
    } finally {
      console.error = silenced;
    }
  });
});
