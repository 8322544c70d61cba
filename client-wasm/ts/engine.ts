import { moduleSource } from "#wasm-source";
import { ChartroomError } from "./errors.js";
import type { ChartEvent, Person } from "./types.js";
import init, { RoomShell, type Outputs } from "./wasm/chartroom.js";

export { RoomShell };

/** Where the WebAssembly module is read from. */
export type ModuleSource = URL | string | BufferSource | WebAssembly.Module;

/** An event as the engine writes it, here or at the server. */
export type EngineEvent = Omit<ChartEvent, "local">;

/** What a call of the engine had to say; `drive.rs` writes it. */
export interface Report {
  edit: { hash: string | null } | null;
  adopted: boolean;
  events: EngineEvent[];
  saved: string[];
  givenBack: string[];
  closed: string | null;
  reload: string | null;
}

let loading: Promise<unknown> | undefined;

/** Loads the module once for all clients of this page or process. */
export async function loadEngine(source?: ModuleSource): Promise<void> {
  loading ??= (async () => init({ module_or_path: source ?? (await moduleSource()) }))();
  try {
    await loading;
  } catch (error) {
    loading = undefined;
    throw new ChartroomError("module-unavailable", "the WebAssembly module could not be loaded", { cause: error });
  }
}

/** A fresh room of the engine, under an actor of its own. */
export function newShell(name: string, epoch: number, person: Person | undefined): RoomShell {
  const random = crypto.getRandomValues(new Uint8Array(8));
  return new RoomShell(name, epoch, Date.now(), random, person?.id, person?.name);
}

/** Takes apart what a call gave back. */
export function readOutputs([report, ...messages]: Outputs): { report: Report | undefined; messages: Uint8Array<ArrayBuffer>[] } {
  return { report: report === undefined ? undefined : (JSON.parse(report) as Report), messages };
}
