// Calls and events in words: of our contracts by their compiled interfaces, of the OP Stack's predeploys by their
// specification.
import { decodeEventLog, decodeFunctionData, parseAbi, toEventSelector, toFunctionSelector } from "viem";
import type { Abi, AbiEvent, AbiFunction, AbiParameter } from "viem";
import abis from "virtual:abis";

type Hex = `0x${string}`;

export interface Field {
  name: string; // with its place in what holds it: "receipt.spans[2].start"
  type: string; // Solidity's
  value: string;
}

export interface Decoded {
  name: string;
  fields: Field[];
}

interface Known {
  name: string;
  abi: Abi;
}

// Fields of one call or event that are shown.
export const MAX_FIELDS = 200;

const passer = parseAbi([
  "function initiateWithdrawal(address target, uint256 gasLimit, bytes data) payable",
  "event MessagePassed(uint256 indexed nonce, address indexed sender, address indexed target, uint256 value, uint256 gasLimit, bytes data, bytes32 withdrawalHash)",
]);

// OP Stack specification, "Predeploys" and "Deposits".
const SYSTEM: Record<string, Known> = {
  "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001": { name: "L1 attributes depositor", abi: [] },
  "0x4200000000000000000000000000000000000007": { name: "L2CrossDomainMessenger", abi: [] },
  "0x420000000000000000000000000000000000000f": { name: "GasPriceOracle", abi: [] },
  "0x4200000000000000000000000000000000000010": { name: "L2StandardBridge", abi: [] },
  "0x4200000000000000000000000000000000000011": { name: "SequencerFeeVault", abi: [] },
  "0x4200000000000000000000000000000000000015": { name: "L1Block", abi: [] },
  "0x4200000000000000000000000000000000000016": { name: "L2ToL1MessagePasser", abi: passer },
  "0x4200000000000000000000000000000000000019": { name: "BaseFeeVault", abi: [] },
  "0x420000000000000000000000000000000000001a": { name: "L1FeeVault", abi: [] },
  "0x420000000000000000000000000000000000001b": { name: "OperatorFeeVault", abi: [] },
};

// What is known of the addresses of this ledger.
export class AddressBook {
  #known = new Map<string, Known>(Object.entries(SYSTEM));

  constructor(at: { parameters: Hex; vault: Hex; datanets: Hex; models: Hex; escrow: Hex; settlement: Hex; host: Hex } | null) {
    if (!at) return;
    this.#put(at.host, "host of this node", []);
    this.#put(at.parameters, "ProtocolParameters", abis.ProtocolParameters);
    this.#put(at.vault, "StakeVault", abis.StakeVault);
    this.#put(at.datanets, "DatanetRegistry", abis.DatanetRegistry);
    this.#put(at.models, "ModelRegistry", abis.ModelRegistry);
    this.#put(at.escrow, "InferenceEscrow", abis.InferenceEscrow);
    this.#put(at.settlement, "AttributionSettlement", abis.AttributionSettlement);
  }
  #put(address: Hex, name: string, abi: Abi) {
    this.#known.set(address.toLowerCase(), { name, abi });
  }

  // "" when nothing is known of it.
  name(address: string): string {
    return this.#known.get(address.toLowerCase())?.name ?? "";
  }

  // Null when the contract or the function is not known, or the bytes are not what the function takes.
  call(to: string | null, input: Hex): Decoded | null {
    const known = to === null ? undefined : this.#known.get(to.toLowerCase());
    if (!known || input.length < 10) return null;
    if (known.name === "L1Block") return l1Attributes(input);
    const selector = input.slice(0, 10).toLowerCase();
    const item = known.abi.find((each): each is AbiFunction => each.type === "function" && toFunctionSelector(each) === selector);
    if (!item) return null;
    try {
      const { args } = decodeFunctionData({ abi: [item], data: input });
      return { name: item.name, fields: fieldsOf(item.inputs, (args ?? []) as readonly unknown[]) };
    } catch {
      return null;
    }
  }

  event(log: { address: string; topics: readonly Hex[]; data: Hex }): Decoded | null {
    const abi = this.#known.get(log.address.toLowerCase())?.abi ?? [];
    const item = abi.find((each): each is AbiEvent => each.type === "event" && toEventSelector(each) === log.topics[0]);
    if (!item) return null;
    try {
      const { args } = decodeEventLog({ abi: [item], topics: [...log.topics] as [Hex, ...Hex[]], data: log.data });
      return { name: item.name, fields: fieldsOf(item.inputs, args ?? []) };
    } catch {
      return null;
    }
  }
}

// Every value that is none of several, in order; what goes beyond MAX_FIELDS is counted in the last one.
export function fieldsOf(parameters: readonly AbiParameter[], values: unknown): Field[] {
  const all: Field[] = [];
  parameters.forEach((parameter, i) => flatten(parameter.name || `[${i}]`, parameter, member(values, parameter, i), all));
  if (all.length <= MAX_FIELDS) return all;
  return [...all.slice(0, MAX_FIELDS), { name: "…", type: "", value: `${all.length - MAX_FIELDS} more values` }];
}

// Values come as a list, or by name where every one has a name.
function member(values: unknown, parameter: AbiParameter, i: number): unknown {
  return Array.isArray(values) ? values[i] : (values as Record<string, unknown>)[parameter.name ?? ""];
}

function flatten(name: string, parameter: AbiParameter, value: unknown, into: Field[]): void {
  const list = /^(.*)\[\d*\]$/.exec(parameter.type);
  if (list && Array.isArray(value)) {
    if (value.length === 0) into.push({ name, type: parameter.type, value: "none" });
    value.forEach((each, i) => flatten(`${name}[${i}]`, { ...parameter, type: list[1]! }, each, into));
  } else if ("components" in parameter) {
    parameter.components.forEach((each, i) => flatten(`${name}.${each.name || i}`, each, member(value, each, i), into));
  } else {
    into.push({ name, type: parameter.type, value: String(value) });
  }
}

// The first transaction of every OP block: what layer 1 was like, packed without padding (OP Stack specification,
// "L1 attributes deposited transaction calldata", Ecotone and later).
const ATTRIBUTES: [name: string, type: string, bytes: number][] = [
  ["baseFeeScalar", "uint32", 4], ["blobBaseFeeScalar", "uint32", 4], ["sequenceNumber", "uint64", 8],
  ["timestamp", "uint64", 8], ["number", "uint64", 8], ["baseFee", "uint256", 32], ["blobBaseFee", "uint256", 32],
  ["hash", "bytes32", 32], ["batcherHash", "bytes32", 32], ["operatorFeeScalar", "uint32", 4],
  ["operatorFeeConstant", "uint64", 8], ["daFootprintGasScalar", "uint16", 2],
];
const ATTRIBUTE_CALLS = { setL1BlockValuesEcotone: 9, setL1BlockValuesIsthmus: 11, setL1BlockValuesJovian: 12 };

function l1Attributes(input: Hex): Decoded | null {
  for (const [name, count] of Object.entries(ATTRIBUTE_CALLS)) {
    if (!input.toLowerCase().startsWith(toFunctionSelector(`${name}()`))) continue;
    const attributes = ATTRIBUTES.slice(0, count);
    if (input.length !== 10 + 2 * attributes.reduce((sum, [, , bytes]) => sum + bytes, 0)) return null;
    let at = 10;
    const fields = attributes.map(([field, type, bytes]) => {
      const raw = `0x${input.slice(at, (at += 2 * bytes))}`;
      return { name: field, type, value: type === "bytes32" ? raw : BigInt(raw).toString() };
    });
    return { name, fields };
  }
  return null;
}
