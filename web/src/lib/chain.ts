// Blocks, transactions and receipts as standard JSON-RPC gives them, turned into numbers and BigInt. What a chain may
// leave out is null: no base fee before London, no signature, nonce or gas price in an OP deposit.

type Hex = `0x${string}`;
type Raw = Record<string, unknown>;

export interface Transaction {
  hash: Hex;
  type: number;
  block: number | null; // null: not in a block yet
  index: number | null;
  from: Hex;
  to: Hex | null; // null: makes a contract
  value: bigint;
  nonce: number | null;
  gas: bigint;
  gasPrice: bigint | null;
  maxFee: bigint | null;
  maxPriorityFee: bigint | null;
  input: Hex;
  accessList: number; // addresses in it
  authorizations: number;
  // Of an OP deposit (type 0x7e), which comes from layer 1 and is signed by nobody here.
  deposit: { sourceHash: Hex; mint: bigint; system: boolean } | null;
}

export interface Block {
  number: number;
  hash: Hex;
  parent: Hex;
  timestamp: number;
  recipient: Hex; // of the fees
  gasUsed: bigint;
  gasLimit: bigint;
  baseFee: bigint | null;
  size: number | null; // bytes
  extraData: Hex;
  stateRoot: Hex;
  transactionsRoot: Hex;
  receiptsRoot: Hex;
  withdrawalsRoot: Hex | null;
  count: number; // of transactions
  transactions: Transaction[]; // none when only their hashes were asked for
}

export interface Log {
  address: Hex;
  topics: Hex[];
  data: Hex;
  block: number | null;
  index: number;
  transaction: Hex;
}

export interface TransactionReceipt {
  success: boolean;
  gasUsed: bigint;
  gasPrice: bigint; // paid
  contract: Hex | null; // that it made
  logs: Log[];
  l1Fee: bigint | null; // what OP chains take for the data on layer 1
  operatorFee: bigint | null;
  depositNonce: number | null;
}

export const DEPOSIT_TYPE = 0x7e;
const TYPES: Record<number, string> = {
  0: "legacy", 1: "access list (EIP-2930)", 2: "dynamic fee (EIP-1559)", 3: "blobs (EIP-4844)",
  4: "delegation (EIP-7702)", [DEPOSIT_TYPE]: "deposit from layer 1 (OP Stack)",
};
export const typeName = (type: number) => TYPES[type] ?? `type ${type}`;

const big = (value: unknown) => (typeof value === "string" ? BigInt(value) : null);
const number = (value: unknown) => (typeof value === "string" ? Number(value) : null);
const hex = (value: unknown) => (typeof value === "string" ? (value as Hex) : null);
const length = (value: unknown) => (Array.isArray(value) ? value.length : 0);

export function readTransaction(raw: Raw): Transaction {
  const type = number(raw.type) ?? 0;
  return {
    hash: raw.hash as Hex,
    type,
    block: number(raw.blockNumber),
    index: number(raw.transactionIndex),
    from: raw.from as Hex,
    to: hex(raw.to),
    value: big(raw.value) ?? 0n,
    nonce: number(raw.nonce),
    gas: big(raw.gas) ?? 0n,
    gasPrice: big(raw.gasPrice),
    maxFee: big(raw.maxFeePerGas),
    maxPriorityFee: big(raw.maxPriorityFeePerGas),
    input: hex(raw.input) ?? "0x",
    accessList: length(raw.accessList),
    authorizations: length(raw.authorizationList),
    deposit:
      type !== DEPOSIT_TYPE
        ? null
        : { sourceHash: raw.sourceHash as Hex, mint: big(raw.mint) ?? 0n, system: raw.isSystemTx === true },
  };
}

export function readBlock(raw: Raw): Block {
  const transactions = Array.isArray(raw.transactions) ? (raw.transactions as (Raw | string)[]) : [];
  return {
    number: number(raw.number) ?? 0,
    hash: raw.hash as Hex,
    parent: raw.parentHash as Hex,
    timestamp: number(raw.timestamp) ?? 0,
    recipient: raw.miner as Hex,
    gasUsed: big(raw.gasUsed) ?? 0n,
    gasLimit: big(raw.gasLimit) ?? 0n,
    baseFee: big(raw.baseFeePerGas),
    size: number(raw.size),
    extraData: hex(raw.extraData) ?? "0x",
    stateRoot: raw.stateRoot as Hex,
    transactionsRoot: raw.transactionsRoot as Hex,
    receiptsRoot: raw.receiptsRoot as Hex,
    withdrawalsRoot: hex(raw.withdrawalsRoot),
    count: transactions.length,
    transactions: transactions.filter((each) => typeof each !== "string").map(readTransaction),
  };
}

export function readLog(raw: Raw): Log {
  return {
    address: raw.address as Hex,
    topics: (raw.topics ?? []) as Hex[],
    data: hex(raw.data) ?? "0x",
    block: number(raw.blockNumber),
    index: number(raw.logIndex) ?? 0,
    transaction: raw.transactionHash as Hex,
  };
}

// OP Stack specification, Isthmus: gas * scalar / 10^6 + constant. Jovian: gas * scalar * 100 + constant; its
// receipts alone tell the scalar of the DA footprint.
function operatorFee(raw: Raw, gasUsed: bigint): bigint | null {
  const scalar = big(raw.operatorFeeScalar);
  const constant = big(raw.operatorFeeConstant);
  if (scalar === null && constant === null) return null;
  const product = gasUsed * (scalar ?? 0n);
  const isJovian = big(raw.daFootprintGasScalar) !== null;
  return (isJovian ? product * 100n : product / 1_000_000n) + (constant ?? 0n);
}

export function readReceipt(raw: Raw): TransactionReceipt {
  const gasUsed = big(raw.gasUsed) ?? 0n;
  return {
    success: raw.status === undefined || number(raw.status) === 1,
    gasUsed,
    gasPrice: big(raw.effectiveGasPrice) ?? 0n,
    contract: hex(raw.contractAddress),
    logs: ((raw.logs ?? []) as Raw[]).map(readLog),
    l1Fee: big(raw.l1Fee),
    operatorFee: operatorFee(raw, gasUsed),
    depositNonce: number(raw.depositNonce),
  };
}

// What the sender paid beside the value. A deposit's gas was bought on layer 1.
export function feeOf(transaction: Transaction, receipt: TransactionReceipt): bigint {
  if (transaction.deposit) return 0n;
  return receipt.gasUsed * receipt.gasPrice + (receipt.l1Fee ?? 0n) + (receipt.operatorFee ?? 0n);
}

export type Query =
  | { kind: "block"; id: string } // number, or hash
  | { kind: "hash"; hash: Hex } // of a transaction or a block
  | { kind: "address"; address: Hex };

// What a reader looks for: "12", "#1,234", "0x1f", a hash or an address. Null when it is none of these.
export function readQuery(text: string): Query | null {
  const query = text.trim();
  if (/^0x[0-9a-f]{64}$/i.test(query)) return { kind: "hash", hash: query.toLowerCase() as Hex };
  if (/^0x[0-9a-f]{40}$/i.test(query)) return { kind: "address", address: query.toLowerCase() as Hex };
  const plain = query.replace(/^#/, "").replace(/(?<=\d),(?=\d{3}(?!\d))/g, "");
  if (!/^(\d+|0x[0-9a-f]+)$/i.test(plain)) return null;
  const height = BigInt(plain);
  return height <= BigInt(Number.MAX_SAFE_INTEGER) ? { kind: "block", id: height.toString() } : null;
}
