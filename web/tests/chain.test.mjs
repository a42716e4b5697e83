import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./typescript.mjs";

const { feeOf, readBlock, readQuery, readReceipt, readTransaction, typeName } = await load("chain");
const hash = (digit) => `0x${digit.repeat(64)}`;
const address = (digit) => `0x${digit.repeat(40)}`;

const transfer = {
  hash: hash("1"), type: "0x2", blockNumber: "0x1f", transactionIndex: "0x0", from: address("a"), to: address("b"),
  value: "0xde0b6b3a7640000", nonce: "0x7", gas: "0x5208", gasPrice: "0x3b9aca07", maxFeePerGas: "0x77359400",
  maxPriorityFeePerGas: "0x1", input: "0x", accessList: [], r: "0x1", s: "0x2", yParity: "0x0",
};
// As op-geth and op-reth answer: no signature, a nonce and a gas price that mean nothing.
const deposit = {
  hash: hash("2"), type: "0x7e", blockNumber: "0x20", transactionIndex: "0x0", from: address("c"), to: address("d"),
  sourceHash: hash("3"), mint: "0x5", value: "0x3", gas: "0xf4240", isSystemTx: false, input: "0x1234", nonce: "0x0", gasPrice: "0x0",
};

test("a transaction's numbers are numbers", () => {
  const read = readTransaction(transfer);
  assert.deepEqual(
    [read.type, read.block, read.index, read.nonce, read.value, read.gas, read.gasPrice, read.maxFee, read.maxPriorityFee],
    [2, 31, 0, 7, 10n ** 18n, 21000n, 1000000007n, 2000000000n, 1n],
  );
  assert.equal(read.deposit, null);
  assert.match(typeName(read.type), /1559/);
});

test("one that waits has no block, one that makes a contract no receiver", () => {
  const read = readTransaction({ ...transfer, blockNumber: null, transactionIndex: null, to: null, type: undefined });
  assert.deepEqual([read.block, read.index, read.to, read.type], [null, null, null, 0]);
});

test("an OP deposit has a source and a mint and costs nothing here", () => {
  const read = readTransaction(deposit);
  assert.deepEqual(read.deposit, { sourceHash: hash("3"), mint: 5n, system: false });
  assert.match(typeName(read.type), /deposit/);
  const receipt = readReceipt({ status: "0x1", gasUsed: "0xb0c4", effectiveGasPrice: "0x0", logs: [], depositNonce: "0x9", depositReceiptVersion: "0x1" });
  assert.equal(receipt.depositNonce, 9);
  assert.equal(feeOf(read, receipt), 0n);
  const bare = readTransaction({ ...deposit, mint: undefined, nonce: undefined, gasPrice: undefined });
  assert.deepEqual([bare.deposit.mint, bare.nonce, bare.gasPrice], [0n, null, null]);
});

test("fees hold what layer 1 and the operator take", () => {
  const plain = readReceipt({ status: "0x1", gasUsed: "0x5208", effectiveGasPrice: "0xa", logs: [] });
  assert.equal(feeOf(readTransaction(transfer), plain), 210000n);
  assert.deepEqual([plain.l1Fee, plain.operatorFee, plain.depositNonce], [null, null, null]);
  const op = readReceipt({
    status: "0x0", gasUsed: "0x1e8480", effectiveGasPrice: "0x1", l1Fee: "0x64", operatorFeeScalar: "0x3", operatorFeeConstant: "0x4", logs: [],
  });
  assert.equal(op.success, false);
  assert.equal(op.operatorFee, 2n * 3n + 4n);
  const jovian = readReceipt({ gasUsed: "0x1e8480", operatorFeeScalar: "0x3", operatorFeeConstant: "0x4", daFootprintGasScalar: "0x190" });
  assert.equal(jovian.operatorFee, 2_000_000n * 3n * 100n + 4n);
  assert.equal(feeOf(readTransaction(transfer), op), 2_000_000n + 100n + 10n);
});

test("blocks with transactions, with their hashes alone, and from before the base fee", () => {
  const raw = {
    number: "0x20", hash: hash("4"), parentHash: hash("5"), timestamp: "0x65", miner: address("e"), gasUsed: "0x1", gasLimit: "0x2",
    baseFeePerGas: "0x7", size: "0x200", extraData: "0x00", stateRoot: hash("6"), transactionsRoot: hash("7"), receiptsRoot: hash("8"),
    transactions: [deposit, transfer],
  };
  const whole = readBlock(raw);
  assert.deepEqual([whole.number, whole.timestamp, whole.count, whole.baseFee, whole.size], [32, 101, 2, 7n, 512]);
  assert.deepEqual(whole.transactions.map((each) => each.type), [0x7e, 2]);
  const short = readBlock({ ...raw, transactions: [hash("1"), hash("2")], baseFeePerGas: undefined });
  assert.deepEqual([short.count, short.transactions.length, short.baseFee], [2, 0, null]);
});

test("what a reader may look for", () => {
  for (const [text, id] of [["12", "12"], [" #1,234 ", "1234"], ["0x1f", "31"], ["0", "0"]]) {
    assert.deepEqual(readQuery(text), { kind: "block", id }, text);
  }
  assert.deepEqual(readQuery(hash("A")), { kind: "hash", hash: hash("a") });
  assert.deepEqual(readQuery(` ${address("F")}`), { kind: "address", address: address("f") });
  for (const text of ["", "x", "0x", "-1", "1.5", "1,23", "12 34", `${hash("a")}0`, `${address("a")}00`, "9".repeat(30), "#", "latest"]) {
    assert.equal(readQuery(text), null, text);
  }
});
