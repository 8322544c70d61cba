import { ChartroomError } from "../errors.js";
import { moduleSource, type ModuleSource } from "../module_source.js";
import type { ChartEvent, Command, Person } from "../types.js";
import init, { RoomShell, type Outputs } from "../wasm/chartroom.js";

export { RoomShell };

/** An event as the engine writes it, here or at the server. */
export type EngineEvent = Omit<ChartEvent, "local">;

/** What a call of the engine had to say; `drive.rs` writes it. */
export interface Report {
  edit: { hash: string | null } | null;
  adopted: boolean;
  events: EngineEvent[];
  saved: string[];
  /** Of those, the ones that stand elsewhere in the log than here, each with the change it stands behind. */
  moved: [hash: string, behind: string][];
  givenBack: string[];
  /** Keys of the texts that may have changed, `Type:id:element`. */
  texts: string[];
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

/** What a device has kept of a room. */
export interface Kept {
  epoch: number;
  snapshot?: Uint8Array;
  /** Change chunks behind the snapshot, in the order of the log. */
  changes: Uint8Array[];
  /** Hashes and commands of the edits that the server had not acknowledged. */
  pending: [hash: string, command: Command][];
  /** What reports called `moved`. */
  moved: [hash: string, behind: string][];
}

/** A room of the engine under an actor of its own, fresh or as it was kept. */
export function newShell(name: string, person: Person | undefined, { epoch, snapshot, changes, pending, moved }: Kept): RoomShell {
  const random = crypto.getRandomValues(new Uint8Array(8));
  const edits = pending.length > 0 ? JSON.stringify(pending) : undefined;
  return new RoomShell(name, epoch, Date.now(), random, person?.id, person?.name, snapshot, changes, edits, moved.flat());
}

/** What a call gave back, with the report read. */
export interface Said {
  report: Report | undefined;
  messages: Uint8Array<ArrayBuffer>[];
  /** Change chunks to keep. */
  changes: Uint8Array<ArrayBuffer>[];
}

/** Takes apart what a call gave back. */
export function readOutputs([json, messages, changes]: Outputs): Said {
  if (json === undefined) return { report: undefined, messages, changes };
  const report = JSON.parse(json) as Omit<Report, "moved"> & { moved: string[] };
  return { report: { ...report, moved: pairs(report.moved) }, messages, changes };
}

/** What several calls had to say, one behind the other. */
export function together(all: readonly Said[]): Said {
  const reports = all.flatMap(({ report }) => report ?? []);
  const report: Report = {
    edit: null,
    adopted: reports.some(({ adopted }) => adopted),
    events: reports.flatMap(({ events }) => events),
    saved: reports.flatMap(({ saved }) => saved),
    moved: reports.flatMap(({ moved }) => moved),
    givenBack: reports.flatMap(({ givenBack }) => givenBack),
    texts: reports.flatMap(({ texts }) => texts),
    closed: null,
    reload: null,
  };
  return { report, messages: all.flatMap(({ messages }) => messages), changes: all.flatMap(({ changes }) => changes) };
}

function pairs(flat: string[]): [string, string][] {
  return flat.flatMap((hash, at) => (at % 2 === 0 ? [[hash, flat[at + 1]!]] : []));
}
