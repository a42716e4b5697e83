// Server-sent events as they arrive in pieces (WHATWG HTML, "Server-sent events").

export interface ServerEvent {
  event: string; // "message" unless the stream names it
  data: string;
  id: string; // the last id that the stream gave, "" before the first
}

export class EventParser {
  #rest = "";
  #started = false;
  #event = "";
  #data: string[] = [];
  #id = "";

  // The events that this piece completes. What has no empty line after it yet is kept.
  feed(piece: string): ServerEvent[] {
    let text = this.#rest + piece;
    if (!this.#started && text.length > 0) {
      this.#started = true;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    const out: ServerEvent[] = [];
    let at = 0;
    for (let i = 0; i < text.length; i += 1) {
      const c = text[i];
      if (c !== "\n" && c !== "\r") continue;
      // A return at the end may be half of a return and line feed.
      if (c === "\r" && i + 1 === text.length) break;
      this.#line(text.slice(at, i), out);
      if (c === "\r" && text[i + 1] === "\n") i += 1;
      at = i + 1;
    }
    this.#rest = text.slice(at);
    return out;
  }

  #line(line: string, out: ServerEvent[]): void {
    if (line === "") {
      if (this.#data.length > 0) {
        out.push({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id });
      }
      this.#event = "";
      this.#data = [];
      return;
    }
    if (line.startsWith(":")) return;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.#id = value;
  }
}

export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.feed(decoder.decode(value, { stream: true }));
    }
  } finally {
    // Also when the caller stops early: the connection ends with it.
    await reader.cancel().catch(() => undefined);
  }
}
