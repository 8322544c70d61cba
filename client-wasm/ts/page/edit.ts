import { Deferred } from "../deferred.js";
import { ChartroomError } from "../errors.js";
import type { EditNews } from "../protocol.js";
import type { Command, Edit, EditState } from "../types.js";

/** An edit of this page, moved along by what the host tells of it. */
export class LocalEdit implements Edit {
  #state: EditState = "new";
  #hash: string | null = null;
  /** Whether the host has carried it out, so that what it shows has it. */
  isAnswered = false;
  readonly #stored = new Deferred();
  readonly #saved = new Deferred();

  constructor(
    readonly id: string,
    readonly command: Command,
  ) {}

  get hash(): string | null {
    return this.#hash;
  }

  get state(): EditState {
    return this.#state;
  }

  get stored(): Promise<void> {
    return this.#stored.promise;
  }

  get saved(): Promise<void> {
    return this.#saved.promise;
  }

  get resource(): { readonly type: string; readonly id: string } {
    return resourceOf(this.command);
  }

  /** The host has told what became of it. */
  take({ state, hash, isStored, fault }: EditNews): void {
    this.isAnswered = true;
    this.#hash = hash;
    this.#state = state;
    if (isStored || state === "saved") this.#stored.resolve();
    if (state === "saved") this.#saved.resolve();
    if (state === "refused") this.abandon(new ChartroomError(fault?.code ?? "refused", fault?.message ?? "the edit was refused"));
  }

  /** The host has changed, and is told of it anew. */
  forget(): void {
    this.isAnswered = false;
  }

  /** The client was closed with the edit unsaved, or it was refused. */
  abandon(error: ChartroomError): void {
    this.#stored.reject(error);
    this.#saved.reject(error);
  }
}

function resourceOf(command: Command): { type: string; id: string } {
  switch (command.kind) {
    case "put":
      return { type: command.resource.resourceType, id: command.resource.id };
    case "batch":
      return resourceOf(command.commands[0]!);
    default:
      return { type: command.resourceType, id: command.id };
  }
}
