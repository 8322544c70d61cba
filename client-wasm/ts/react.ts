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
import { createContext, createElement, use, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { connect, type ChartEvent, type Client, type ClientStatus, type Conflict, type ConnectOptions, type Edit, type FollowOptions, type Present, type ResourceOf, type ResourceType, type Room, type RoomStatus, type Whereabouts } from "chartroom";

const Context = createContext<Rooms | null>(null);

/** An open room and what a component may await. */
interface Entry {
  promise: Promise<Room>;
  room: Room | undefined;
  uses: number;
  closing: ReturnType<typeof setTimeout> | undefined;
}

/** A room that no component shows is closed a moment later: StrictMode takes every component off once. */
const CLOSE_MS = 1_000;

/** The rooms of one client that components have open. */
class Rooms {
  readonly #entries = new Map<string, Entry>();

  constructor(readonly client: Client) {}

  entry(name: string): Entry {
    const known = this.#entries.get(name);
    if (known) return known;
    const entry: Entry = { promise: this.client.open(name), room: undefined, uses: 0, closing: undefined };
    entry.promise.then(
      (room) => (entry.room = room),
      () => {},
    );
    this.#entries.set(name, entry);
    // A component that suspends for the first time may never be shown.
    this.#closeSoon(name, entry);
    return entry;
  }

  hold(name: string): () => void {
    const entry = this.entry(name);
    entry.uses += 1;
    clearTimeout(entry.closing);
    return () => {
      entry.uses -= 1;
      if (entry.uses === 0) this.#closeSoon(name, entry);
    };
  }

  #closeSoon(name: string, entry: Entry): void {
    const close = () => {
      if (entry.uses > 0) return;
      this.#entries.delete(name);
      entry.room?.close();
    };
    const later = () => {
      clearTimeout(entry.closing);
      entry.closing = setTimeout(close, CLOSE_MS);
    };
    // A component that suspends uses nothing, and waits for it.
    entry.promise.then(later, later);
  }
}

/** What the provider takes: a client that the app made, or how to make one. */
export type ProviderProps = { children?: ReactNode } & ({ client: Client } | { options: ConnectOptions; fallback?: ReactNode });

/**
 * Gives the components below it a client. One made of `options` is closed with the provider, and made
 * anew when address or person change; while it is being made, `fallback` shows.
 */
export function ChartroomProvider(props: ProviderProps): ReactNode {
  return "client" in props ? createElement(Given, props) : createElement(Made, props);
}

function Given({ client, children }: { client: Client; children?: ReactNode }): ReactNode {
  const rooms = useMemo(() => new Rooms(client), [client]);
  return createElement(Context.Provider, { value: rooms }, children);
}

function Made({ options, fallback = null, children }: { options: ConnectOptions; fallback?: ReactNode; children?: ReactNode }): ReactNode {
  const [made, setMade] = useState<{ client: Client } | { error: unknown } | null>(null);
  const latest = useRef(options);
  latest.current = options;
  useEffect(() => {
    let isOver = false;
    const client = connect(latest.current);
    client.then(
      (ready) => isOver || setMade({ client: ready }),
      (error: unknown) => isOver || setMade({ error }),
    );
    return () => {
      isOver = true;
      setMade(null);
      client.then((ready) => ready.close()).catch(() => {});
    };
  }, [options.url, options.person?.id]);
  if (made === null) return fallback;
  if ("error" in made) throw made.error;
  return createElement(Given, { client: made.client, children });
}

/** The client of the nearest provider. */
export function useClient(): Client {
  return useRooms().client;
}

/**
 * An open room; closed when no component uses it any more. Suspends until it can be read, and throws
 * the server's refusal to the nearest error boundary.
 */
export function useRoom(name: string): Room {
  const rooms = useRooms();
  const entry = rooms.entry(name);
  useEffect(() => rooms.hold(name), [rooms, name]);
  return entry.room ?? use(entry.promise);
}

/** Every resource of a type; the same array until one of them changes. */
export function useCollection<T extends ResourceType>(room: Room, type: T): readonly ResourceOf<T>[] {
  const subscribe = useCallback(
    (changed: () => void) => room.on("touched", (keys) => keys.some((key) => key.startsWith(`${type}/`)) && changed()),
    [room, type],
  );
  return useSyncExternalStore(subscribe, () => room.list(type));
}

/** One resource; `undefined` if it is absent or deleted. */
export function useResource<T extends ResourceType>(room: Room, type: T, id: string): ResourceOf<T> | undefined {
  const subscribe = useCallback((changed: () => void) => room.on("touched", (keys) => keys.includes(`${type}/${id}`) && changed()), [room, type, id]);
  return useSyncExternalStore(subscribe, () => room.get(type, id));
}

/** Hears events by name, or all with `*`, as `room.on` does. The listener may be another one each time. */
export function useEvent(room: Room, event: string, listener: (event: ChartEvent) => void, options?: FollowOptions): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  const { after, last } = options ?? {};
  useEffect(() => {
    const follow = after === undefined && last === undefined ? undefined : { ...options };
    return room.on(event, (heard) => latest.current(heard), follow);
  }, [room, event, after, last]);
}

/** Who else is in the room; with `at`, says where this window looks while the component is shown. */
export function usePresence(room: Room, at?: Whereabouts): readonly Present[] {
  const said = at === undefined ? undefined : JSON.stringify(at);
  useEffect(() => {
    if (said === undefined) return undefined;
    room.presence.set(JSON.parse(said) as Whereabouts);
    return () => quietly(() => room.presence.set(null));
  }, [room, said]);
  const subscribe = useCallback((changed: () => void) => room.on("presence", changed), [room]);
  return useSyncExternalStore(subscribe, () => room.presence.people);
}

/** What waits for a person to choose. */
export function useConflicts(room: Room): readonly Conflict[] {
  const subscribe = useCallback((changed: () => void) => room.on("conflicts", changed), [room]);
  return useSyncExternalStore(subscribe, () => room.conflicts());
}

/** How a room agrees with the server: synced, unsaved, progress, error. */
export function useRoomStatus(room: Room): RoomStatus {
  const subscribe = useCallback((changed: () => void) => room.on("status", changed), [room]);
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
  readonly undoText: string | null;
  readonly redoText: string | null;
  undo(): Edit;
  redo(): Edit;
}

/** One's own edits of this window in a room. */
export function useUndo(room: Room): Undo {
  const subscribe = useCallback((changed: () => void) => room.on("undo", changed), [room]);
  const undoText = useSyncExternalStore(subscribe, () => room.undo.undoText);
  const redoText = useSyncExternalStore(subscribe, () => room.undo.redoText);
  return useMemo(() => ({ undoText, redoText, undo: () => room.undo.undo(), redo: () => room.undo.redo() }), [room, undoText, redoText]);
}

function useRooms(): Rooms {
  const rooms = useContext(Context);
  if (!rooms) throw new Error("a component that uses Chartroom stands below a ChartroomProvider");
  return rooms;
}

/** The room may have been closed already. */
function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // It has forgotten this window with the rest.
  }
}
