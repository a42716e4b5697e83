import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./typescript.mjs";

const { formatExact, formatOpen, parseOpen } = await load("money");
const open = 10n ** 18n;

test("exact amounts keep every digit", () => {
  assert.equal(formatExact(0n), "0");
  assert.equal(formatExact(1n), "0.000000000000000001");
  assert.equal(formatExact(12n * open + 1n), "12.000000000000000001");
  assert.equal(formatExact(-3n * open / 2n), "-1.5");
  assert.equal(formatExact(1234567n * open), "1,234,567");
  // More than a double can hold.
  assert.equal(formatExact(9007199254740993n * open + 7n), "9,007,199,254,740,993.000000000000000007");
});

test("shown amounts are cut, never rounded up, and never shown as nothing", () => {
  assert.equal(formatOpen(1_999_999_999_999_999_999n), "1.999999");
  assert.equal(formatOpen(999_999_999_999n), "<0.000001");
  assert.equal(formatOpen(-1n), ">-0.000001");
  assert.equal(formatOpen(0n), "0");
  assert.equal(formatOpen(10n * open), "10");
  assert.equal(formatOpen(123_456_789n, 12), "0.000000000123");
  assert.equal(formatOpen(1n, 18), "0.000000000000000001");
});

test("amounts are read to the wei or not at all", () => {
  assert.equal(parseOpen("1.5"), 3n * open / 2n);
  assert.equal(parseOpen(" 10 "), 10n * open);
  assert.equal(parseOpen(".000000000000000001"), 1n);
  for (const text of ["", "1.", ".", "-1", "1e3", "0x10", "1,5", "1 000", "0.0000000000000000001", "1.2.3"]) {
    assert.equal(parseOpen(text), null, text);
  }
});

test("what is written exactly is read back", () => {
  let state = 7n;
  for (let i = 0; i < 200; i += 1) {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    const wei = state * 1000n + BigInt(i);
    assert.equal(parseOpen(formatExact(wei).replaceAll(",", "")), wei);
  }
});
