/** The connection of this window, in the name of the person at it. */
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { Client, ClientState, Connect, ConnectionStatus, Person } from "./chartroom";
import { reasonText } from "./edits";
import { Rooms } from "./rooms";

/** What every page of the workspace may use. */
export interface Workspace {
  readonly person: Person;
  readonly canEdit: boolean;
  /** Absent until the package is loaded. */
  readonly client: Client | undefined;
  readonly rooms: Rooms | undefined;
  /** Has the person sign in again, and comes back from `signed-out`. */
  readonly signIn: () => void;
  /** Why that did not come about. */
  readonly signInFailure: string | undefined;
  /** Why the package could not be loaded. */
  readonly failure: Error | undefined;
}

const WorkspaceContext = createContext<Workspace | undefined>(undefined);

/** The workspace round this component. */
export function useWorkspace(): Workspace {
  const workspace = useContext(WorkspaceContext);
  if (!workspace) throw new Error("a page of the workspace is shown outside of its WorkspaceProvider");
  return workspace;
}

/** What is below shows the workspace to somebody who may change nothing, unless `when` is false. */
export function ReadOnly({ when = true, children }: { when?: boolean; children: ReactNode }) {
  const workspace = useWorkspace();
  const value = useMemo(() => (when ? { ...workspace, canEdit: false } : workspace), [workspace, when]);
  return <WorkspaceContext value={value}>{children}</WorkspaceContext>;
}

/** Where the connection stands, live. */
export function useConnectionStatus(): ConnectionStatus {
  return useClientState()?.connection ?? "connecting";
}

/** A sign-in is renewed within moments, or it is not. */
const RENEWAL_MS = 3_000;

/** Connection, storage and the edits that wait, live; undefined until the package is loaded. */
export function useClientState(): ClientState | undefined {
  const { client } = useWorkspace();
  const state = useSyncExternalStore(
    (listener) => client?.onState(listener) ?? (() => undefined),
    () => client?.state,
  );
  // The server ends a connection with its token, and takes the next one at once: that is not offline.
  const renews = state?.connection === "offline" && state.error?.code === "authentication";
  const isLate = useLongerThan(RENEWAL_MS, renews);
  return useMemo(() => (state && renews && !isLate ? { ...state, connection: "online" } : state), [state, renews, isLate]);
}

/** What the connection takes of a sign-in. */
export interface SignInSession {
  token(): Promise<string>;
  /** Has the person sign in again, at this page. */
  again(): Promise<void>;
}

/** Connects in the person's name, and anew when the person changes. */
export function WorkspaceProvider(props: {
  connect: Connect;
  person: Person;
  canEdit: boolean;
  session?: SignInSession | undefined;
  children: ReactNode;
}) {
  const { connect, person, canEdit, session, children } = props;
  const [connection, setConnection] = useState<{ client: Client; rooms: Rooms }>();
  const [failure, setFailure] = useState<Error>();

  useEffect(() => {
    let gone = false;
    let client: Client | undefined;
    connect({ url: syncUrl(window.location), person, token: session?.token }).then(
      (connected) => {
        client = connected;
        if (gone) return void connected.close();
        setConnection({ client: connected, rooms: new Rooms(connected, person) });
      },
      (error: unknown) => {
        if (!gone) setFailure(error instanceof Error ? error : new Error(String(error)));
      },
    );
    return () => {
      gone = true;
      setConnection(undefined);
      void client?.close();
    };
  }, [connect, person, session]);

  useLeaveWarning(connection?.rooms);
  const client = connection?.client;
  const [signInFailure, setSignInFailure] = useState<string>();
  const signIn = useCallback(() => {
    setSignInFailure(undefined);
    const again = session?.again() ?? Promise.resolve();
    again.then(
      () => client?.signIn(),
      (error: unknown) => setSignInFailure(reasonText(error)),
    );
  }, [session, client]);
  const value = { person, canEdit, client, rooms: connection?.rooms, signIn, signInFailure, failure };
  return <WorkspaceContext value={value}>{children}</WorkspaceContext>;
}

/** The server's sync address, beside the page's own. */
export function syncUrl(location: { protocol: string; host: string }): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/sync`;
}

/** Whether something has held for longer than a while. */
function useLongerThan(ms: number, holds: boolean): boolean {
  const [isLong, setIsLong] = useState(false);
  useEffect(() => {
    if (!holds) return;
    const timer = setTimeout(() => setIsLong(true), ms);
    return () => {
      clearTimeout(timer);
      setIsLong(false);
    };
  }, [ms, holds]);
  return isLong;
}

/** The package asks for edits that nothing has kept; the forms of refused ones are asked for here. */
function useLeaveWarning(rooms: Rooms | undefined): void {
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (rooms && rooms.refused() > 0) event.preventDefault();
    };
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [rooms]);
}
