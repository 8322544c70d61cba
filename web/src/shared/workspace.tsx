/** The connection of this window, in the name of the person at it. */
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { Client, ClientState, Connect, ConnectionStatus, Person } from "./chartroom";
import { Rooms } from "./rooms";

/** What every page of the workspace may use. */
export interface Workspace {
  readonly person: Person;
  readonly canEdit: boolean;
  /** Absent until the package is loaded. */
  readonly client: Client | undefined;
  readonly rooms: Rooms | undefined;
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

/** Where the connection stands, live. */
export function useConnectionStatus(): ConnectionStatus {
  const { client } = useWorkspace();
  return useSyncExternalStore(
    (listener) => client?.onStatus(listener) ?? (() => undefined),
    () => client?.status ?? "connecting",
  );
}

/** Connection, storage and the edits that wait, live; undefined until the package is loaded. */
export function useClientState(): ClientState | undefined {
  const { client } = useWorkspace();
  return useSyncExternalStore(
    (listener) => client?.onState(listener) ?? (() => undefined),
    () => client?.state,
  );
}

/** Connects in the person's name, and anew when the person changes. */
export function WorkspaceProvider(props: {
  connect: Connect;
  person: Person;
  canEdit: boolean;
  children: ReactNode;
}) {
  const { connect, person, canEdit, children } = props;
  const [connection, setConnection] = useState<{ client: Client; rooms: Rooms }>();
  const [failure, setFailure] = useState<Error>();

  useEffect(() => {
    let gone = false;
    let client: Client | undefined;
    connect({ url: syncUrl(window.location), person }).then(
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
  }, [connect, person]);

  useLeaveWarning(connection?.rooms);
  const value = { person, canEdit, client: connection?.client, rooms: connection?.rooms, failure };
  return <WorkspaceContext value={value}>{children}</WorkspaceContext>;
}

/** The server's sync address, beside the page's own. */
export function syncUrl(location: { protocol: string; host: string }): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/sync`;
}

/** The package asks for edits that nothing has kept; what was refused is asked for here. */
function useLeaveWarning(rooms: Rooms | undefined): void {
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (rooms && rooms.refused() > 0) event.preventDefault();
    };
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [rooms]);
}
