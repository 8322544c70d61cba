// A reader of a room's events as server-sent events, on plain fetch.

/** Reads from behind `after` until it is closed; what has come so far stands in `events`. */
export class LiveReader {
  events = [];
  /** Why the stream is over, if it is. */
  ended;
  #abort = new AbortController();

  static async open(server, room, after = 0) {
    const reader = new LiveReader();
    const answer = await fetch(`${server.http}/rooms/${encodeURIComponent(room)}/events?after=${after}`, {
      headers: { accept: "text/event-stream" },
      signal: reader.#abort.signal,
    });
    if (!answer.ok) throw new Error(`the events of ${room} answered ${answer.status}: ${await answer.text()}`);
    reader.#read(answer.body).then(
      () => (reader.ended = "the server closed the stream"),
      (error) => (reader.ended = error.message),
    );
    return reader;
  }

  close() {
    this.#abort.abort();
  }

  async #read(body) {
    let rest = "";
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) this.#take(block.split("\n"));
    }
  }

  #take(lines) {
    const field = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
    const data = field("data").join("\n");
    if (field("event").length > 0) throw new Error(`the stream was closed: ${data}`);
    if (data === "") return;
    const event = JSON.parse(data);
    if (field("id")[0] !== String(event.seq)) throw new Error(`the message with id ${field("id")[0]} has event ${event.seq}`);
    this.events.push(event);
  }
}
