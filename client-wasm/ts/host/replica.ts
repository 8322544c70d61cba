import { ChartroomError, fromEngine } from "../errors.js";
import type { Question } from "../protocol.js";
import type { RoomWrite, StoredRoom } from "../store/store.js";
import type { Command, Person } from "../types.js";
import type { Outputs } from "../wasm/chartroom.js";
import { newShell, readOutputs, type Kept, type RoomShell, type Said } from "./engine.js";

/** What a replica asks of the host. */
export interface ReplicaLink {
  readonly person: Person | undefined;
  /** The engine has trapped; nothing of it can be trusted. */
  trapped(error: ChartroomError): void;
}

const NOTHING = { changes: [], pending: [], moved: [] };

/** One room at the engine, in one epoch: as the device kept it, or as it is founded. */
export class Replica {
  /** Whether what the device kept could not be read, so that the room is as it is founded. */
  readonly isUnreadable: boolean;
  readonly documentId: string;
  readonly #shell: RoomShell;
  /** Changes that stand elsewhere in the log than here, each with the change it stands behind. */
  readonly #moved: Map<string, string>;
  #ended: ChartroomError | undefined;

  constructor(
    readonly name: string,
    readonly link: ReplicaLink,
    stored: StoredRoom | undefined,
    readonly epoch = stored?.epoch ?? 1,
  ) {
    const shell = stored && this.#reopen(stored);
    this.isUnreadable = stored !== undefined && shell === undefined;
    this.#moved = new Map(this.isUnreadable ? [] : stored?.moved);
    this.#shell = shell ?? this.#open(NOTHING);
    this.documentId = this.#shell.documentId();
  }

  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Reads from the engine, whose failures are thrown as a {@link ChartroomError}. */
  read<T>(body: (shell: RoomShell) => T): T {
    return this.#call(() => body(this.#shell));
  }

  /** Gives the engine an input, and the caller what it had to say. */
  take(input: (shell: RoomShell) => Outputs): Said {
    const said = readOutputs(this.read(input));
    for (const [hash, behind] of said.report?.moved ?? []) this.#moved.set(hash, behind);
    return said;
  }

  heads(): string[] {
    return this.read((shell) => shell.heads());
  }

  /** Whether the room has a change. */
  has(hash: string): boolean {
    return this.read((shell) => {
      try {
        shell.resourceAt([hash], "Patient", "-");
        return true;
      } catch (error) {
        if (fromEngine(error).code === "unknown-heads") return false;
        throw error;
      }
    });
  }

  answer(question: Question): unknown {
    return this.read((shell) => {
      switch (question.about) {
        case "history":
          return JSON.parse(shell.history(question.type, question.id)) as unknown;
        case "heads-at":
          return shell.headsAt(question.ms);
        case "as-of": {
          const { type, id } = question;
          const heads = [...question.heads];
          return id === undefined ? shell.collectionAt(heads, type) : shell.resourceAt(heads, type, id);
        }
        case "export":
          return shell.exportBundle(question.heads && [...question.heads]);
        case "changed-since":
          return JSON.parse(shell.changedSince([...question.heads])) as unknown;
      }
    });
  }

  /** The room's document as the store has it. */
  all(): Required<Pick<RoomWrite, "epoch" | "snapshot" | "changes" | "moved">> {
    return { epoch: this.epoch, snapshot: this.read((shell) => shell.save()), changes: [], moved: [...this.#moved] };
  }

  /** Gives up the edits that wait here: their hashes, and what they come to in the room's next epoch. */
  takePending(): [hash: string, command: Command][] {
    return JSON.parse(this.read((shell) => shell.takePending())) as [string, Command][];
  }

  /** Frees the engine's room; from now on every call throws `reason`. */
  end(reason = new ChartroomError("internal", "the room has another replica now")): void {
    this.#ended = reason;
    this.#shell.free();
  }

  /** As the device kept it, if that can be read. */
  #reopen({ snapshot, changes, edits, moved }: StoredRoom): RoomShell | undefined {
    const pending = edits.flatMap(({ hash, command }): [string, Command][] => (hash === null ? [] : [[hash, command]]));
    try {
      return this.#open({ changes, pending, moved, ...(snapshot && { snapshot }) });
    } catch (error) {
      if (fromEngine(error).code !== "store-unreadable") throw error;
      return undefined;
    }
  }

  #open(kept: Omit<Kept, "epoch">): RoomShell {
    return this.#call(() => newShell(this.name, this.link.person, { epoch: this.epoch, ...kept }));
  }

  #call<T>(body: () => T): T {
    if (this.#ended) throw this.#ended;
    try {
      return body();
    } catch (error) {
      const failure = fromEngine(error);
      if (failure.code === "engine-failed") this.link.trapped(failure);
      throw failure;
    }
  }
}
