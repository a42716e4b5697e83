// The ledger's chain, read by standard JSON-RPC through the node's /rpc: the same on any chain.
import { getContractAddress } from "viem";
import { api, type Hex } from "./api.ts";
import { readBlock, readLog, readReceipt, readTransaction, type Block, type Log, type Transaction, type TransactionReceipt } from "./chain.ts";

type Raw = Record<string, unknown>;

const quantity = (value: number) => `0x${value.toString(16)}`;

export const ledger = {
  async height(): Promise<number> {
    return Number(await api.rpc<Hex>("eth_blockNumber", []));
  },

  // By number or by hash; null when the ledger has none.
  async block(id: string): Promise<Block | null> {
    const raw = id.startsWith("0x")
      ? await api.rpc<Raw | null>("eth_getBlockByHash", [id, true])
      : await api.rpc<Raw | null>("eth_getBlockByNumber", [quantity(Number(id)), true]);
    return raw && readBlock(raw);
  },

  // The blocks from `newest` down to `oldest`, in one request: at most MAX_BLOCKS. With their transactions, or only
  // the number of them.
  async blocks(newest: number, oldest: number, whole: boolean): Promise<Block[]> {
    const numbers = Array.from({ length: newest - oldest + 1 }, (_, i) => newest - i).slice(0, MAX_BLOCKS);
    const raws = await api.rpcAll<Raw | null>(numbers.map((n) => ["eth_getBlockByNumber", [quantity(n), whole]]));
    return raws.filter((raw) => raw !== null).map(readBlock);
  },

  async transaction(hash: string): Promise<Transaction | null> {
    const raw = await api.rpc<Raw | null>("eth_getTransactionByHash", [hash]);
    return raw && readTransaction(raw);
  },

  async receipt(hash: string): Promise<TransactionReceipt | null> {
    const raw = await api.rpc<Raw | null>("eth_getTransactionReceipt", [hash]);
    return raw && readReceipt(raw);
  },

  async account(address: string): Promise<{ balance: bigint; nonce: number; code: Hex }> {
    const [balance, nonce, code] = await api.rpcAll<Hex>([
      ["eth_getBalance", [address, "latest"]],
      ["eth_getTransactionCount", [address, "latest"]],
      ["eth_getCode", [address, "latest"]],
    ]);
    return { balance: BigInt(balance ?? 0), nonce: Number(nonce ?? 0), code: code ?? "0x" };
  },

  // Events that the address gave off, or that name it as one of their indexed values, newest first.
  async logs(address: string, newest: number, oldest: number): Promise<Log[]> {
    const range = { fromBlock: quantity(oldest), toBlock: quantity(newest) };
    const word = `0x${address.slice(2).toLowerCase().padStart(64, "0")}`;
    const found = await api.rpcAll<Raw[]>([
      ["eth_getLogs", [{ ...range, address }]],
      ...[1, 2, 3].map((place): [string, unknown] => [
        "eth_getLogs",
        [{ ...range, topics: [...Array<null>(place).fill(null), word] }],
      ]),
    ]);
    const once = new Map(found.flat().map((raw) => [`${raw.blockNumber}/${raw.logIndex}`, readLog(raw)]));
    return [...once.values()].sort((a, b) => (b.block ?? 0) - (a.block ?? 0) || b.index - a.index);
  },
};

// Blocks that are asked for at a time.
export const MAX_BLOCKS = 20;

// Whether a transaction was sent by, went to or made the address.
export function concerns(transaction: Transaction, address: string): boolean {
  const same = (other: string | null) => other !== null && other.toLowerCase() === address.toLowerCase();
  if (same(transaction.from) || same(transaction.to)) return true;
  return (
    transaction.to === null &&
    transaction.nonce !== null &&
    !transaction.deposit && // its nonce is in its receipt
    same(getContractAddress({ from: transaction.from, nonce: BigInt(transaction.nonce) }))
  );
}
