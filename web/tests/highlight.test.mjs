import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./typescript.mjs";

const { indicesOfBytes, letterOf, ownerOfSpan, ownersOf, pieces } = await load("highlight");
const bytesOf = (text) => Buffer.byteLength(text, "utf8");

test("byte offsets become UTF-16 indices", () => {
  const text = "aé€😀b"; // 1, 2, 3, 4 and 1 bytes
  assert.deepEqual(indicesOfBytes(text, [0, 1, 3, 6, 10, 11]), [0, 1, 2, 3, 5, 6]);
  assert.deepEqual(indicesOfBytes(text, [11, 0, 6]), [6, 0, 3], "in the order asked");
  assert.deepEqual(indicesOfBytes(text, [2, 8, 99]), [1, 3, 6], "inside a character, past the end");
  assert.deepEqual(indicesOfBytes("", [0, 5]), [0, 0]);
});

test("every boundary agrees with the encoder", () => {
  const text = "Grüße, мир! 数据有主人 🧾🪙 e\u0301 end";
  const at = [...text].reduce((all, c) => [...all, all.at(-1) + c.length], [0]);
  const offsets = at.map((i) => bytesOf(text.slice(0, i)));
  assert.deepEqual(indicesOfBytes(text, offsets), at);
});

const span = (text, part, more = {}) => {
  const start = bytesOf(text.slice(0, text.indexOf(part)));
  return { start_byte: start, end_byte: start + bytesOf(part), ...more };
};

test("pieces are the text, cut at its spans", () => {
  const text = "Ein Wörterbuch 😀 ist ein Buch";
  const spans = [span(text, "Wörterbuch"), span(text, "ein Buch")];
  const cut = pieces(text, spans);
  assert.deepEqual(cut, [
    { text: "Ein ", span: null },
    { text: "Wörterbuch", span: 0 },
    { text: " 😀 ist ", span: null },
    { text: "ein Buch", span: 1 },
  ]);
});

test("without spans the text is one piece; without text there is none", () => {
  assert.deepEqual(pieces("plain", []), [{ text: "plain", span: null }]);
  assert.deepEqual(pieces("", []), []);
});

test("where spans overlap the longest owns, then the leftmost", () => {
  const text = "one two three four five";
  const longest = [span(text, "one two"), span(text, "two three four"), span(text, "four five")];
  assert.deepEqual(pieces(text, longest).map((p) => [p.text, p.span]), [
    ["one", 0], [" ", null], ["two three four", 1], [" five", 2],
  ]);
  const counted = [span(text, "one two three", { symbols: 3 }), span(text, "three four five", { symbols: 3 })];
  assert.deepEqual(pieces(text, counted).map((p) => [p.text, p.span]), [
    ["one two three", 0], [" four five", 1],
  ]);
});

test("the pieces of random spans join to the text, and each lies in its span", () => {
  let state = 99;
  const next = (bound) => (state = (state * 1103515245 + 12345) % 2147483648) % bound;
  for (let round = 0; round < 300; round += 1) {
    const letters = Array.from({ length: next(40) }, () => ["a", "ß", "語", "🧾"][next(4)]);
    const text = letters.join("");
    const edges = letters.reduce((all, c) => [...all, all.at(-1) + bytesOf(c)], [0]);
    const spans = Array.from({ length: next(6) }, () => {
      const [a, b] = [next(edges.length), next(edges.length)].sort((x, y) => x - y);
      return { start_byte: edges[a], end_byte: edges[b] };
    });
    const cut = pieces(text, spans);
    assert.equal(cut.map((piece) => piece.text).join(""), text);
    let at = 0;
    for (const piece of cut) {
      const end = at + bytesOf(piece.text);
      const covering = spans.filter((s) => s.start_byte <= at && end <= s.end_byte);
      if (piece.span === null) {
        const within = spans.filter((s) => Math.max(s.start_byte, at) < Math.min(s.end_byte, end));
        assert.equal(within.length, 0);
      }
      else {
        assert.ok(covering.includes(spans[piece.span]));
        const size = (s) => s.end_byte - s.start_byte;
        assert.ok(covering.every((s) => size(s) <= size(spans[piece.span])));
      }
      at = end;
    }
  }
});

test("a span is its best credited owner's, whatever the letters' case", () => {
  const matches = [
    { owner: "0xAA", credit: 3 }, { owner: "0xbb", credit: 4 }, { owner: "0xaa", credit: 2 },
  ];
  assert.equal(ownerOfSpan({ matches }), "0xaa");
  assert.equal(ownerOfSpan({ matches: [{ owner: "0x1", credit: 1 }, { owner: "0x2", credit: 1 }] }), "0x1");
  assert.equal(ownerOfSpan({ matches: [] }), "");
});

test("owners come by falling share, then those without one", () => {
  const spans = [{ matches: [{ owner: "0x9", credit: 1 }, { owner: "0xA", credit: 1 }] }];
  const shares = [{ owner: "0xb", share: 0.4 }, { owner: "0xA", share: 0.35 }, { owner: "0xa", share: 0.25 }];
  assert.deepEqual(ownersOf(spans, shares).map((o) => [o.owner, o.letter, o.hue, o.records]), [
    ["0xa", "A", 0, 2], ["0xb", "B", 1, 1], ["0x9", "C", 2, 0],
  ]);
  assert.deepEqual([0, 25, 26, 27, 701, 702].map(letterOf), ["A", "Z", "AA", "AB", "ZZ", "AAA"]);
});
