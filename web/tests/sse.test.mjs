import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./typescript.mjs";

const { EventParser, readEvents } = await load("sse");
const message = (data, event = "message", id = "") => ({ event, data, id });

test("names, ids, comments and lines of data", () => {
  const events = new EventParser().feed(
    ": hello\n\nevent: step\nid: 7\ndata: {\"a\":\ndata:1}\n\ndata\n\nevent: lost\n\nretry: 5\ndata:  two\n\n",
  );
  // An id holds until the next; an event without data is none; one space after the colon is dropped.
  assert.deepEqual(events, [message('{"a":\n1}', "step", "7"), message("", "message", "7"), message(" two", "message", "7")]);
});

test("every way to end a line", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = ["event: a", "data: 1", "", "data: 2", "", "x"].join(end);
    assert.deepEqual(new EventParser().feed(text), [message("1", "a"), message("2")], JSON.stringify(end));
  }
});

test("an event without its empty line is kept back", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.feed("data: 1\n"), []);
  assert.deepEqual(parser.feed("\n"), [message("1")]);
});

test("cut anywhere, the events are the same", () => {
  const text = "\uFEFFevent: step\r\nid: 0\r\ndata: a: b\r\n\r\n: still here\n\ndata: 1\rdata: 2\r\rid\ndata: [DONE]\n\n";
  const whole = new EventParser().feed(text);
  assert.equal(whole.length, 3);
  for (let i = 0; i <= text.length; i += 1) {
    for (let j = i; j <= text.length; j += 1) {
      const parser = new EventParser();
      const events = [text.slice(0, i), text.slice(i, j), text.slice(j)].flatMap((piece) => parser.feed(piece));
      assert.deepEqual(events, whole, `cut at ${i} and ${j}`);
    }
  }
});

test("a stream of bytes, cut inside characters", async () => {
  const bytes = new TextEncoder().encode("data: Grüße 🧾\n\ndata: [DONE]\n\n");
  const body = new ReadableStream({
    start(control) {
      for (const byte of bytes) control.enqueue(Uint8Array.of(byte));
      control.close();
    },
  });
  const events = [];
  for await (const event of readEvents(body)) events.push(event.data);
  assert.deepEqual(events, ["Grüße 🧾", "[DONE]"]);
});

test("who stops reading early ends the connection", async () => {
  let cancelled = false;
  const body = new ReadableStream({
    pull: (control) => control.enqueue(new TextEncoder().encode("data: more\n\n")),
    cancel: () => { cancelled = true; },
  });
  for await (const event of readEvents(body)) {
    assert.equal(event.data, "more");
    break;
  }
  assert.equal(cancelled, true);
});
