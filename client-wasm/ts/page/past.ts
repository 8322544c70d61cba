import type { Answers, Question } from "../protocol.js";
import type { Resource, ResourceOf, ResourceType } from "../types.js";

/** A room as it was, to be read and not written. Made by `room.at`. */
export class Past {
  /** @internal */
  constructor(
    /** The name of the room. */
    readonly room: string,
    /** The hashes that name the state. */
    readonly heads: readonly string[],
    private readonly link: { ask<Q extends Question>(room: string, question: Q): Promise<Answers[Q["about"]]> },
  ) {}

  /** One resource as it was; `undefined` if there was none. */
  async get<T extends ResourceType>(type: T, id: string): Promise<ResourceOf<T> | undefined> {
    const json = await this.link.ask(this.room, { about: "as-of", heads: this.heads, type, id });
    return json === undefined ? undefined : (JSON.parse(json) as ResourceOf<T>);
  }

  /** Every resource of a type as it was, by id. */
  async list<T extends ResourceType>(type: T): Promise<ResourceOf<T>[]> {
    const json = await this.link.ask(this.room, { about: "as-of", heads: this.heads, type });
    return JSON.parse(json ?? "[]") as ResourceOf<T>[];
  }

  /** All of it as a FHIR Bundle of the type collection. */
  async export(): Promise<Resource> {
    return JSON.parse(await this.link.ask(this.room, { about: "export", heads: this.heads })) as Resource;
  }
}
