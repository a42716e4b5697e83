// The browser's own account: a key in localStorage, vouchers (EIP-712), and the deposit into the escrow,
// sent to the ledger through the node's /rpc.
import { createClient, custom, defineChain, keccak256, parseAbi } from "viem";
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from "viem/accounts";
import { estimateFeesPerGas, readContract, waitForTransactionReceipt, writeContract } from "viem/actions";
import { api, ApiError, type Contracts, type Hex, type Quote, type RecordDetail, type Voucher } from "./api.ts";
import { rootOfProof } from "./merkle.ts";

const STORAGE = "openledger.key";

const escrowAbi = parseAbi(["function deposit(address host) payable"]);
const registryAbi = parseAbi([
  "function batch(uint256 batchId) view returns (bytes32 datanetId, address contributor, bytes32 root, uint64 count, bytes32 dataCommitment, uint256 bond, uint64 anchoredAt, bool slashed)",
]);

const voucherTypes = {
  Voucher: [
    { name: "payer", type: "address" },
    { name: "host", type: "address" },
    { name: "cumulative", type: "uint256" },
  ],
} as const;

export function storedKey(): Hex | null {
  const key = localStorage.getItem(STORAGE);
  return key && /^0x[0-9a-f]{64}$/.test(key) ? (key as Hex) : null;
}

// The account of this browser; makes and keeps a key when there is none.
export function openAccount(): PrivateKeyAccount {
  let key = storedKey();
  if (!key) {
    key = generatePrivateKey();
    localStorage.setItem(STORAGE, key);
  }
  return privateKeyToAccount(key);
}

export function forgetAccount(): void {
  localStorage.removeItem(STORAGE);
}

function ledger(chainId: number) {
  const chain = defineChain({
    id: chainId,
    name: "OpenLedger",
    nativeCurrency: { name: "OPEN", symbol: "OPEN", decimals: 18 },
    rpcUrls: { default: { http: [new URL("/rpc", location.href).href] } },
  });
  const transport = custom({
    request: ({ method, params }: { method: string; params?: unknown }) => api.rpc(method, params ?? []),
  });
  return { chain, transport, pollingInterval: 500 };
}

// Resolves when the deposit is in a block.
export async function deposit(account: PrivateKeyAccount, contracts: Contracts, wei: bigint): Promise<Hex> {
  const client = createClient({ account, ...ledger(contracts.chain_id) });
  const hash = await writeContract(client, {
    address: contracts.escrow,
    abi: escrowAbi,
    functionName: "deposit",
    args: [contracts.host],
    value: wei,
    // Asked for outright: what a ledger with a base fee of 0 fills in by itself does not fit together.
    ...(await estimateFeesPerGas(client)),
  });
  const receipt = await waitForTransactionReceipt(client, { hash, timeout: 120_000 });
  if (receipt.status !== "success") {
    throw new ApiError(0, "conflict", `The ledger turned the deposit down (transaction ${hash}).`);
  }
  return hash;
}

// Signs the amount that a quote asks for, after checking that it asks for no more than it explains and
// goes to the host and escrow that the node named.
export async function signVoucher(
  account: PrivateKeyAccount,
  contracts: Contracts,
  quote: Quote,
): Promise<Voucher> {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const cumulative = BigInt(quote.cumulative_wei);
  if (
    !same(quote.host, contracts.host) ||
    !same(quote.escrow, contracts.escrow) ||
    quote.chain_id !== contracts.chain_id ||
    cumulative !== BigInt(quote.owed_wei) + BigInt(quote.price_wei)
  ) {
    throw new ApiError(0, "unverified", "The quote does not fit the node's contracts; nothing was signed.");
  }
  const signature = await account.signTypedData({
    domain: contracts.escrow_domain,
    types: voucherTypes,
    primaryType: "Voucher",
    message: { payer: account.address, host: contracts.host, cumulative },
  });
  return { payer: account.address, host: contracts.host, cumulative: cumulative.toString(), signature };
}

export interface ProofCheck {
  root: Hex; // on the ledger
  count: number;
  holds: boolean;
}

// Reads the batch's root from the ledger and follows the record's proof to it, here in the browser.
export async function checkRecord(contracts: Contracts, record: RecordDetail): Promise<ProofCheck> {
  if (record.batch === null) {
    throw new ApiError(0, "not_found", "The record's batch is not on the ledger yet.");
  }
  const [, , root, count] = await readContract(createClient(ledger(contracts.chain_id)), {
    address: contracts.datanets,
    abi: registryAbi,
    functionName: "batch",
    args: [BigInt(record.batch)],
  });
  const reached = rootOfProof(keccak256, record.leaf_hash, record.sequence, Number(count), record.proof);
  return { root, count: Number(count), holds: reached === root };
}
