/**
 * Something went wrong, with a code for programs and a message for people.
 *
 * The package's README lists every code with what to do. Those of commands are the engine's, those of
 * rooms the server's, and the rest says what is at fault here.
 */
export class ChartroomError extends Error {
  /** The name of the class. */
  override readonly name = "ChartroomError";

  constructor(
    /** Stable code for programs. */
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Gives the engine's failures their class; a trap of the module becomes `engine-failed`. */
export function fromEngine(error: unknown): ChartroomError {
  if (error instanceof ChartroomError) return error;
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return new ChartroomError(error.code, error.message, { cause: error });
  }
  return new ChartroomError("engine-failed", "the engine stopped; load the page again", { cause: error });
}
