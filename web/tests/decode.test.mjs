// Calls and events are decoded by the interfaces that the contracts were compiled to: through Vite, which reads them.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { encodeAbiParameters, encodeEventTopics, encodeFunctionData } from "viem";
import { createServer } from "vite";

const vite = await createServer({
  root: fileURLToPath(new URL("..", import.meta.url)),
  logLevel: "error",
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, ws: false, watch: null },
});
after(() => vite.close());
const { AddressBook, fieldsOf, MAX_FIELDS } = await vite.ssrLoadModule("/src/lib/decode.ts");
const abis = (await vite.ssrLoadModule("virtual:abis")).default;

const address = (digit) => `0x${digit.repeat(40)}`;
const at = {
  parameters: address("1"), vault: address("2"), datanets: address("3"), models: address("4"), escrow: address("5"),
  settlement: address("6"), host: address("7"),
};
const book = new AddressBook(at);
const contract = {
  AttributionSettlement: at.settlement, DatanetRegistry: at.datanets, InferenceEscrow: at.escrow, ModelRegistry: at.models,
  ProtocolParameters: at.parameters, StakeVault: at.vault,
};

// Some value of a type, another one at each call.
let state = 1;
function some(parameter) {
  state += 1;
  const list = /^(.*)\[(\d*)\]$/.exec(parameter.type);
  if (list) return Array.from({ length: list[2] === "" ? state % 3 : Number(list[2]) }, () => some({ ...parameter, type: list[1] }));
  if (parameter.type === "tuple") return Object.fromEntries(parameter.components.map((each) => [each.name, some(each)]));
  if (parameter.type === "address") return `0x${state.toString(16).padStart(40, "0")}`;
  if (parameter.type === "bool") return state % 2 === 0;
  if (parameter.type === "string") return `text ${state}`;
  const bytes = /^bytes(\d*)$/.exec(parameter.type);
  if (bytes) return `0x${state.toString(16).padStart(4, "0")}${"00".repeat((bytes[1] === "" ? 40 : Number(bytes[1])) - 2)}`;
  const number = /^u?int(\d+)$/.exec(parameter.type);
  if (number) return Number(number[1]) <= 48 ? state % 200 : BigInt(state % 200);
  throw new Error(parameter.type);
}

test("every function of our contracts: what was encoded is shown", () => {
  let functions = 0;
  for (const [name, abi] of Object.entries(abis)) {
    assert.equal(book.name(contract[name].toUpperCase().replace("0X", "0x")), name);
    for (const item of abi.filter((each) => each.type === "function")) {
      const args = item.inputs.map(some);
      const call = book.call(contract[name], encodeFunctionData({ abi: [item], args }));
      assert.equal(call.name, item.name);
      const wanted = fieldsOf(item.inputs, args);
      assert.deepEqual(call.fields.map((field) => [field.name, field.value.toLowerCase()]), wanted.map((field) => [field.name, field.value.toLowerCase()]));
      functions += 1;
    }
  }
  assert.ok(functions > 60, `${functions} functions`);
});

test("every event of our contracts", () => {
  let events = 0;
  for (const [name, abi] of Object.entries(abis)) {
    for (const item of abi.filter((each) => each.type === "event")) {
      const values = item.inputs.map(some);
      const args = Object.fromEntries(item.inputs.map((input, i) => [input.name, values[i]]));
      const topics = encodeEventTopics({ abi: [item], args });
      const plain = item.inputs.filter((input) => !input.indexed);
      const data = encodeAbiParameters(plain, plain.map((input) => args[input.name]));
      const event = book.event({ address: contract[name], topics, data });
      assert.equal(event.name, item.name);
      assert.deepEqual(event.fields.map((field) => field.value.toLowerCase()), fieldsOf(item.inputs, values).map((field) => field.value.toLowerCase()));
      // Cut short, or of another contract: not decoded, and no exception.
      if (data !== "0x") assert.equal(book.event({ address: contract[name], topics, data: data.slice(0, -64) }), null);
      assert.equal(book.event({ address: address("9"), topics, data }), null);
      events += 1;
    }
  }
  assert.ok(events > 25, `${events} events`);
});

test("what is not known is left alone", () => {
  const [item] = abis.InferenceEscrow.filter((each) => each.name === "deposit");
  const input = encodeFunctionData({ abi: [item], args: [at.host] });
  assert.equal(book.call(at.escrow, input).fields[0].type, "address");
  assert.equal(book.call(null, input), null);
  assert.equal(book.call(address("9"), input), null);
  assert.equal(book.call(at.escrow, input.slice(0, -2)), null, "cut short");
  assert.equal(book.call(at.escrow, "0xffffffff"), null, "another function");
  assert.equal(book.call(at.escrow, "0x12"), null, "no function");
  assert.equal(book.event({ address: at.escrow, topics: [], data: "0x" }), null, "no topic");
  assert.equal(book.name(address("9")), "");
  assert.equal(new AddressBook(null).name(at.escrow), "");
});

test("lists and structures, and a bound on what is shown", () => {
  const fields = fieldsOf(
    [{ name: "spans", type: "tuple[]", components: [{ name: "start", type: "uint32" }, { name: "", type: "bytes32[2]" }] }, { name: "", type: "address[]" }],
    [[{ start: 3, 1: ["0x01", "0x02"] }], []],
  );
  assert.deepEqual(fields.slice(0, 1), [{ name: "spans[0].start", type: "uint32", value: "3" }]);
  assert.deepEqual(fields.at(-1), { name: "[1]", type: "address[]", value: "none" });
  const many = fieldsOf([{ name: "n", type: "uint256[]" }], [Array.from({ length: MAX_FIELDS + 7 }, (_, i) => BigInt(i))]);
  assert.equal(many.length, MAX_FIELDS + 1);
  assert.equal(many.at(-1).value, "7 more values");
});

test("OP's L1 attributes are packed, not ABI-coded", () => {
  const block = "0x4200000000000000000000000000000000000015";
  const word = (value, bytes) => value.toString(16).padStart(2 * bytes, "0");
  const ecotone = `0x440a5e20${word(1, 4)}${word(2, 4)}${word(3, 8)}${word(1700000000, 8)}${word(5, 8)}${word(6, 32)}${word(7, 32)}${"ab".repeat(32)}${"cd".repeat(32)}`;
  const isthmus = `0x098999be${ecotone.slice(10)}${word(8, 4)}${word(9, 8)}`;
  const jovian = `0x3db6be2b${isthmus.slice(10)}${word(10, 2)}`;
  for (const [input, name, count] of [[ecotone, "setL1BlockValuesEcotone", 9], [isthmus, "setL1BlockValuesIsthmus", 11], [jovian, "setL1BlockValuesJovian", 12]]) {
    const call = book.call(block, input);
    assert.equal(call.name, name);
    assert.deepEqual(call.fields.map((field) => field.value),
      ["1", "2", "3", "1700000000", "5", "6", "7", `0x${"ab".repeat(32)}`, `0x${"cd".repeat(32)}`, "8", "9", "10"].slice(0, count));
    assert.equal(book.call(block, `${input}00`), null);
    assert.equal(book.call(block, input.slice(0, -2)), null);
  }
  assert.equal(book.name(block), "L1Block");
});
