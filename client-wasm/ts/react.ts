/**
 * Rooms in React. What a hook gives stays the same object until it changes, and a component renders
 * again for what it reads alone.
 *
 * ```tsx
 * <ChartroomProvider options={{ url, person }}>…</ChartroomProvider>
 * const room = useRoom("patient:1");
 * const allergies = useCollection(room, "AllergyIntolerance");
 * ```
 * @module
 */
import { createContext, createElement, use, useCallback, useContext, useEffect, useMemo, useReducer, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { connect, type ChartEvent, type Client, type ClientStatus, type Conflict, type ConnectOptions, type Edit, type FollowOptions, type Present, type ResourceOf, type ResourceType, type Room, type RoomStatus, type Unsubscribe, type Whereabouts } from "chartroom";

const Context = createContext<Rooms | null>(null);

/** An open room and what a component may await. */
interface Entry {
  promise: Promise<Room>;
  room: Room | undefined;
  isRefused: boolean;
  uses: number;
  wasShown: boolean;
  closing: ReturnType<typeof setTimeout> | undefined;
}

/** A room that no component shows is closed a moment later: StrictMode takes every component off once. */
const CLOSE_MS = 1_000;
/** A component that has read a room may wait for other things before it is shown, and then reads it again. */
const UNSHOWN_MS = 30_000;

/** The rooms of one client that components have open. */
class Rooms {
  readonly #entries = new Map<string, Entry>();

  constructor(readonly client: Client) {}

  /** What a component that renders reads; the same until the room is closed. */
  entry(name: string): Entry {
    const known = this.#entries.get(name);
    const entry = known ?? this.#open(name);
    // Whoever renders and is not shown in the end does not say so.
    if (!entry.wasShown) this.#closeAfter(UNSHOWN_MS, name, entry);
    // React reads a refusal again at once; who asks later asks the server.
    if (entry.isRefused) setTimeout(() => this.#forget(name, entry));
    return entry;
  }

  hold(name: string): () => void {
    const entry = this.entry(name);
    entry.uses += 1;
    entry.wasShown = true;
    clearTimeout(entry.closing);
    return () => {
      entry.uses -= 1;
      if (entry.uses === 0) this.#closeAfter(CLOSE_MS, name, entry);
    };
  }

  #open(name: string): Entry {
    const entry: Entry = { promise: this.client.open(name), room: undefined, isRefused: false, uses: 0, wasShown: false, closing: undefined };
    entry.promise.then(
      (room) => (entry.room = room),
      () => (entry.isRefused = true),
    );
    this.#entries.set(name, entry);
    return entry;
  }

  #closeAfter(ms: number, name: string, entry: Entry): void {
    const later = () => {
      clearTimeout(entry.closing);
      if (entry.uses === 0) entry.closing = setTimeout(() => this.#forget(name, entry), ms);
    };
    // While it opens, components wait for it.
    if (entry.room || entry.isRefused) later();
    else entry.promise.then(later, later);
  }

  #forget(name: string, entry: Entry): void {
    if (entry.uses > 0 || this.#entries.get(name) !== entry) return;
    clearTimeout(entry.closing);
    this.#entries.delete(name);
    entry.room?.close();
  }
}

/** React forgets what a component remembered that suspends before it was ever shown. */
const roomsByClient = new WeakMap<Client, Rooms>();

function roomsOf(client: Client): Rooms {
  const rooms = roomsByClient.get(client) ?? new Rooms(client);
  roomsByClient.set(client, rooms);
  return rooms;
}

/** What the provider takes: a client that the app made, or how to make one. */
export type ProviderProps = {
  /** What uses the client. */
  children?: ReactNode;
} & (
  | {
      /** A client of the app, which closes it. */
      client: Client;
    }
  | {
      /** How to make one. */
      options: ConnectOptions;
      /** Shows while it is being made. */
      fallback?: ReactNode;
    }
);

/**
 * Gives the components below it a client. One made of `options` is closed with the provider, and made
 * anew when address or person change; while it is being made, `fallback` shows.
 */
export function ChartroomProvider(props: ProviderProps): ReactNode {
  return "client" in props ? createElement(Given, props) : createElement(Made, props);
}

function Given({ client, children }: { client: Client; children?: ReactNode }): ReactNode {
  return createElement(Context.Provider, { value: roomsOf(client) }, children);
}

function Made({ options, fallback = null, children }: { options: ConnectOptions; fallback?: ReactNode; children?: ReactNode }): ReactNode {
  const [made, setMade] = useState<{ of: string; client: Client } | { of: string; error: unknown } | null>(null);
  const latest = useRef(options);
  const of = JSON.stringify([options.url, options.person?.id]);
  useEffect(() => {
    latest.current = options;
  });
  useEffect(() => {
    let isOver = false;
    const client = connect(latest.current);
    client.then(
      (ready) => isOver || setMade({ of, client: ready }),
      (error: unknown) => isOver || setMade({ of, error }),
    );
    return () => {
      isOver = true;
      setMade(null);
      client.then((ready) => ready.close()).catch(() => {});
    };
  }, [of]);
  // Nobody reads the rooms of one person while another one's are awaited.
  if (made === null || made.of !== of) return fallback;
  if ("error" in made) throw made.error;
  return createElement(Given, { client: made.client, children });
}

/** The client of the nearest provider. */
export function useClient(): Client {
  return useRooms().client;
}

/**
 * An open room; closed when no component uses it any more. Suspends until it can be read, and throws
 * the server's refusal to the nearest error boundary; rendered again, it asks again.
 */
export function useRoom(name: string): Room {
  const rooms = useRooms();
  const [, renderAgain] = useReducer((times: number) => times + 1, 0);
  const entry = rooms.entry(name);
  useEffect(() => {
    const release = rooms.hold(name);
    // It was closed while this component was hidden.
    if (rooms.entry(name) !== entry) renderAgain();
    return release;
  }, [rooms, name, entry]);
  return use(entry.promise);
}

/** Every resource of a type; the same array until one of them changes. */
export function useCollection<T extends ResourceType>(room: Room, type: T): readonly ResourceOf<T>[] {
  const subscribe = useCallback(
    (changed: () => void) => hear(() => room.on("touched", (keys) => keys.some((key) => key.startsWith(`${type}/`)) && changed())),
    [room, type],
  );
  return useSyncExternalStore(subscribe, () => room.list(type));
}

/** One resource; `undefined` if it is absent or deleted. */
export function useResource<T extends ResourceType>(room: Room, type: T, id: string): ResourceOf<T> | undefined {
  const subscribe = useCallback((changed: () => void) => hear(() => room.on("touched", (keys) => keys.includes(`${type}/${id}`) && changed())), [room, type, id]);
  return useSyncExternalStore(subscribe, () => room.get(type, id));
}

/** Hears events by name, or all with `*`, as `room.on` does. Listener and `onEnd` may be other ones each time. */
export function useEvent(room: Room, event: string, listener: (event: ChartEvent) => void, options?: FollowOptions): void {
  const { after, last, onEnd } = options ?? {};
  const latest = useRef({ listener, onEnd });
  useEffect(() => {
    latest.current = { listener, onEnd };
  });
  const isEndHeard = onEnd !== undefined;
  useEffect(() => {
    const follow: FollowOptions = { ...(after !== undefined && { after }), ...(last !== undefined && { last }), ...(isEndHeard && { onEnd: (end) => latest.current.onEnd?.(end) }) };
    const isFollowed = after !== undefined || last !== undefined;
    return hear(() => room.on(event, (heard) => latest.current.listener(heard), isFollowed ? follow : undefined));
  }, [room, event, after, last, isEndHeard]);
}

/** Who else is in the room; with `at`, says where this window looks while the component is shown. */
export function usePresence(room: Room, at?: Whereabouts): readonly Present[] {
  const said = at === undefined ? undefined : JSON.stringify(at);
  useEffect(() => {
    if (said === undefined) return undefined;
    const set = (at: Whereabouts | null) =>
      hear(() => {
        room.presence.set(at);
        return silent;
      });
    set(JSON.parse(said) as Whereabouts);
    return () => void set(null);
  }, [room, said]);
  const subscribe = useCallback((changed: () => void) => hear(() => room.on("presence", changed)), [room]);
  return useSyncExternalStore(subscribe, () => room.presence.people);
}

/** What waits for a person to choose. */
export function useConflicts(room: Room): readonly Conflict[] {
  const subscribe = useCallback((changed: () => void) => hear(() => room.on("conflicts", changed)), [room]);
  return useSyncExternalStore(subscribe, () => room.conflicts());
}

/** How a room agrees with the server: synced, unsaved, progress, readOnly, error. */
export function useRoomStatus(room: Room): RoomStatus {
  const subscribe = useCallback((changed: () => void) => hear(() => room.on("status", changed)), [room]);
  return useSyncExternalStore(subscribe, () => room.status);
}

/** Where the connection stands, what is kept on this device, and what waits. */
export function useConnection(): ClientStatus {
  const client = useClient();
  const subscribe = useCallback((changed: () => void) => client.onState(changed), [client]);
  return useSyncExternalStore(subscribe, () => client.state);
}

/** One's own edits, to take back and to do again; the words are null where there is nothing. */
export interface Undo {
  /** What `undo` would take back, in words. */
  readonly undoText: string | null;
  /** What `redo` would do again, in words. */
  readonly redoText: string | null;
  /** Takes the last edit back; throws as `room.undo.undo` does. */
  undo(): Edit;
  /** Does again what was taken back last. */
  redo(): Edit;
}

/** One's own edits of this window in a room. */
export function useUndo(room: Room): Undo {
  const subscribe = useCallback((changed: () => void) => hear(() => room.on("undo", changed)), [room]);
  const undoText = useSyncExternalStore(subscribe, () => room.undo.undoText);
  const redoText = useSyncExternalStore(subscribe, () => room.undo.redoText);
  return useMemo(() => ({ undoText, redoText, undo: () => room.undo.undo(), redo: () => room.undo.redo() }), [room, undoText, redoText]);
}

function useRooms(): Rooms {
  const rooms = useContext(Context);
  if (!rooms) throw new Error("a component that uses Chartroom stands below a ChartroomProvider");
  return rooms;
}

/**
 * Subscribes to a room that may be closed: while the component was hidden, and it renders with another
 * one then, or with the client.
 */
function hear(subscribe: () => Unsubscribe): Unsubscribe {
  try {
    return subscribe();
  } catch (error) {
    if (["room-closed", "client-closed"].includes((error as { code: string }).code)) return silent;
    throw error;
  }
}

function silent(): void {}
