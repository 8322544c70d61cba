/**
 * Something went wrong, with a code for programs and a message for people.
 *
 * Codes of commands come from the engine (`unknown-resource-type`, `not-found`, `bad-id`,
 * `bad-shape`, `wrong-patient`, `too-large`, `read-only`); codes of the connection are the server's
 * (`room-name-invalid`, `room-unreadable`) or begin with what is at fault here: `client-closed`,
 * `room-closed`, `bad-number`, `websocket-missing`, `protocol`, `engine-failed`. Of sign-in:
 * `authentication` (the server does not take the token, or not any longer), `token-revoked`,
 * `token-unavailable` (the function that gives tokens failed), `bad-token`, `signed-out`.
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
