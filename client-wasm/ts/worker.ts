/** The worker of a page: everything but what is seen. The first message is the setup. */
import { Seat } from "./host/seat.js";
import type { FromPage, HostSetup } from "./protocol.js";

interface Scope {
  onmessage: ((event: MessageEvent<FromPage | { kind: "setup"; page: string; setup: HostSetup }>) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

const scope = globalThis as unknown as Scope;
let seat: Promise<Seat> | undefined;

scope.onmessage = ({ data }) => {
  if (data.kind === "setup") {
    const { page, setup } = data;
    // What the engine's memory holds after a trap is worth nothing, so the thread goes with it.
    seat = Seat.take({ page, setup, say: (message) => scope.postMessage(message), onTrap: () => scope.close() });
  } else void seat?.then((taken) => taken.receive(data));
};
