import { Deferred } from "./deferred.js";
import type { ChartroomError } from "./errors.js";
import type { Command, Edit, EditState } from "./types.js";

/** An edit of this client, moved along by its room. */
export class LocalEdit implements Edit {
  #state: EditState = "local";
  #hash: string | null;
  readonly #outcome = new Deferred();

  constructor(
    hash: string | null,
    readonly command: Command,
  ) {
    this.#hash = hash;
    if (hash === null) this.markSaved();
  }

  get hash(): string | null {
    return this.#hash;
  }

  get resource(): { readonly type: string; readonly id: string } {
    const { command } = this;
    if (command.kind === "put") return { type: command.resource.resourceType, id: command.resource.id };
    return { type: command.resourceType, id: command.id };
  }

  get state(): EditState {
    return this.#state;
  }

  get saved(): Promise<void> {
    return this.#outcome.promise;
  }

  markSent(): void {
    if (this.#state === "local") this.#state = "sent";
  }

  /** The connection broke before the server answered: the edit will be sent again. */
  markUnsent(): void {
    if (this.#state === "sent") this.#state = "local";
  }

  /** The room was founded anew and the edit made again there; `null` where nothing differed. */
  markRemade(hash: string | null): void {
    this.#hash = hash;
    this.markUnsent();
    if (hash === null) this.markSaved();
  }

  markSaved(): void {
    this.#state = "saved";
    this.#outcome.resolve();
  }

  markRefused(error: ChartroomError): void {
    this.#state = "refused";
    this.#outcome.reject(error);
  }

  /** The client or its last room was closed with the edit unsaved; what became of it is not known. */
  abandon(error: ChartroomError): void {
    this.#outcome.reject(error);
  }
}
