// The node's HTTP API (docs/API.md), typed. Every failure is an ApiError with the node's own message.
import { readEvents, type ServerEvent } from "./sse.ts";

export type Hex = `0x${string}`;

export interface Status {
  version: string;
  development: boolean;
  chain: { id: number; url: string; block: number };
  datanets: number;
  records: number;
  models: number;
  base: string;
  receipts: number;
  epochs: number;
}

export interface Contracts {
  chain_id: number;
  parameters: Hex;
  vault: Hex;
  datanets: Hex;
  models: Hex;
  escrow: Hex;
  settlement: Hex;
  host: Hex;
  escrow_domain: { name: string; version: string; chainId: number; verifyingContract: Hex };
}

export interface Datanet {
  id: Hex;
  name: string;
  summary: string;
  licence: string;
  owner: Hex;
  records: number;
  contributors: number;
  versions: number;
}

export interface RecordRow {
  id: Hex;
  title: string;
  owner: Hex;
  words: number;
  source: string;
  licence: string;
  revoked: boolean;
}

export interface RecordDetail extends RecordRow {
  text: string;
  leaf_hash: Hex;
  sequence: number;
  batch: number | null; // null: not on the ledger yet
  batch_root: Hex;
  proof: Hex[];
}

export interface Version {
  version: number;
  root: Hex;
  records: number;
  manifest_hash: Hex;
  index: { text_root: Hex; suffix_array_root: Hex; inverse_root: Hex; slot_root: Hex; table_root: Hex; owners_root: Hex; symbols: number };
}

export interface Match {
  record: Hex;
  owner: Hex;
  title: string;
  offset: number; // symbols into the record
  credit: number; // 1/256 bit
}

export interface Span {
  text: string;
  start_byte: number;
  end_byte: number;
  symbols: number;
  bits: number;
  matches: Match[];
}

export interface Share {
  record: Hex;
  title: string;
  owner: Hex;
  share: number; // 0 to 1
}

export interface Trace {
  version: number;
  symbols: number;
  covered: number;
  explained: number; // 0 to 1
  spans: Span[];
  shares: Share[];
}

export type RunState = "queued" | "preparing" | "running" | "paused" | "stopped" | "failed" | "done";

export interface Run {
  id: string;
  name: string;
  state: RunState;
  error: string;
  step: number;
  steps: number;
  loss_first: number;
  loss_last: number;
  seconds: number;
  tokens_per_second: number;
  adapter_hash: Hex | null;
  record_hash: Hex | null;
  config: RunConfig;
}

// docs/formats/training-record.md
export interface RunConfig {
  datanet_id: Hex;
  version: number;
  epochs: number;
  batch_examples: number;
  accumulation: number;
  max_tokens: number;
  packing: boolean;
  neftune_alpha: number;
  quantization: string; // empty: none
  record_limit: number; // 0: all
  seed: number;
  checkpointing: boolean;
  lora: {
    rank: number;
    alpha: number;
    targets: string[];
    embedding: boolean;
    head: boolean;
    rslora: boolean;
    dora: boolean;
    dropout: number;
    rank_pattern?: Record<string, number>;
    alpha_pattern?: Record<string, number>;
  };
  optimizer: { learning_rate: number; schedule: string; minimum_ratio: number; lora_plus_ratio: number };
}

export interface StepEvent {
  step: number;
  steps: number;
  loss: number;
}

export interface NewRun {
  name: string;
  datanet: string;
  version: number;
  [how: string]: unknown; // lib/training.ts
}

// What /openapi.json says of a member of a request.
export interface Input {
  default?: unknown;
  minimum?: number;
  maximum?: number;
  enum?: string[];
}

interface Description {
  paths: Record<string, { post?: { requestBody?: { content: { "application/json": { schema: { properties?: Record<string, Input> } } } } } }>;
}

export interface Model {
  id: string;
  parent: string | null;
  hash: Hex;
  owner: Hex | null; // null in what only adapters have
  datanet: Hex | null;
  version: number | null;
  price_in: string | null; // wei per 1,000 tokens
  price_out: string | null;
}

export interface Quote {
  host: Hex;
  escrow: Hex;
  chain_id: number;
  price_wei: string;
  owed_wei: string;
  cumulative_wei: string;
  deposited_wei: string;
}

export interface Voucher {
  payer: Hex;
  host: Hex;
  cumulative: string;
  signature: Hex;
}

export interface ReceiptRow {
  hash: Hex;
  nonce: number;
  payer: Hex;
  prompt: string;
  fee_wei: string;
  records: number;
  epoch: number | null;
}

export interface Receipt {
  hash: Hex;
  prompt: string;
  answer: string;
  datanet: Hex;
  version: number;
  adapter: Hex;
  host: Hex;
  payer: Hex;
  nonce: number;
  tokens_in: number;
  tokens_out: number;
  fee_wei: string;
  cumulative_wei: string;
  explained: number;
  spans: Span[];
  shares: Share[];
  payouts: { account: Hex; wei: string }[];
  signature: Hex;
  raw: Hex;
}

export interface ReceiptCheck {
  verified: boolean;
  fault?: { kind: string; reason: string };
}

export interface EpochList {
  epochs: { epoch: number; state: string }[];
  finalised: number;
  pending: { epoch: number; settler: Hex; bond_wei: string; challenge_ends_at: number } | null;
}

export interface Epoch {
  epoch: number;
  state: string;
  receipts_root: Hex;
  receipts_total_wei: string;
  rewards_root: Hex;
  rewards_total_wei: string;
  receipts: { hash: Hex; fee_wei: string; prompt: string }[];
  rewards: { account: Hex; cumulative_wei: string }[];
}

export interface Account {
  address: Hex;
  wallet: string | null;
  balance_wei: string;
  earned_wei: string;
  claimed_wei: string;
  deposited_wei: string;
  redeemed_wei: string;
  records: number;
}

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly code: string,
    message: string,
    readonly quote: Quote | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

// What the ledger itself refused, with its JSON-RPC code.
export class LedgerError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly data: unknown,
  ) {
    super(`The ledger refused: ${message}`);
    this.name = "LedgerError";
  }
}

interface Options {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

async function send(method: string, path: string, options: Options = {}): Promise<Response> {
  const init: RequestInit = {
    method,
    headers: { ...(method === "POST" ? { "content-type": "application/json" } : {}), ...options.headers },
    signal: options.signal ?? null,
  };
  if (method === "POST") init.body = JSON.stringify(options.body ?? {});
  let reply: Response;
  try {
    reply = await fetch(path, init);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "unavailable", "The node does not answer. Is it running?");
  }
  if (!reply.ok) throw await errorOf(reply);
  return reply;
}

async function errorOf(reply: Response): Promise<ApiError> {
  const text = await reply.text().catch(() => "");
  try {
    const body = JSON.parse(text) as { error?: { code?: string; message?: string }; quote?: Quote };
    if (body.error?.message) {
      return new ApiError(reply.status, body.error.code ?? "", body.error.message, body.quote ?? null);
    }
  } catch {
    // Not the API's own error: what follows says what is known.
  }
  return new ApiError(reply.status, "", `The node answered HTTP ${reply.status}.`);
}

async function get<T>(path: string): Promise<T> {
  return (await (await send("GET", path)).json()) as T;
}

async function post<T>(path: string, body?: unknown): Promise<T> {
  return (await (await send("POST", path, { body })).json()) as T;
}

interface LedgerReply<T> {
  result?: T;
  error?: { code: number; message: string; data?: unknown };
}

function resultOf<T>(reply: LedgerReply<T>): T {
  if (reply.error) throw new LedgerError(reply.error.code, reply.error.message, reply.error.data);
  return reply.result as T;
}

const part = encodeURIComponent;

export const api = {
  status: () => get<Status>("/api/status"),
  contracts: () => get<Contracts>("/api/contracts"),

  datanets: async () => (await get<{ datanets: Datanet[] }>("/api/datanets")).datanets,
  records: (datanet: string, offset: number, limit: number) =>
    get<{ records: RecordRow[]; total: number }>(
      `/api/datanets/${part(datanet)}/records?offset=${offset}&limit=${limit}`,
    ),
  record: (datanet: string, id: string) =>
    get<RecordDetail>(`/api/datanets/${part(datanet)}/records/${part(id)}`),
  versions: async (datanet: string) =>
    (await get<{ versions: Version[] }>(`/api/datanets/${part(datanet)}/versions`)).versions,
  verifyVersion: (datanet: string, version: number) =>
    post<{ verified: boolean }>(`/api/datanets/${part(datanet)}/versions/${version}/verify`),
  trace: (datanet: string, version: number, text: string) =>
    post<Trace>("/api/trace", { datanet, version, text }),

  runs: async () => (await get<{ runs: Run[] }>("/api/runs")).runs,
  run: (id: string) => get<Run>(`/api/runs/${part(id)}`),
  // What a new run can be told, with the node's defaults and limits.
  runInputs: async () =>
    (await get<Description>("/openapi.json")).paths["/api/runs"]?.post?.requestBody?.content["application/json"].schema.properties ?? {},
  startRun: (run: NewRun) => post<Run>("/api/runs", run),
  controlRun: (id: string, action: "pause" | "resume" | "stop") =>
    post<Run>(`/api/runs/${part(id)}/${action}`),
  registerRun: (id: string, wallet: string, priceIn: bigint, priceOut: bigint) =>
    post<{ model: string }>(`/api/runs/${part(id)}/register`, {
      wallet,
      price_in: priceIn.toString(),
      price_out: priceOut.toString(),
    }),

  models: async () => (await get<{ data: Model[] }>("/v1/models")).data,

  receipts: (offset: number, limit: number) =>
    get<{ receipts: ReceiptRow[]; total: number }>(`/api/receipts?offset=${offset}&limit=${limit}`),
  receipt: (hash: string) => get<Receipt>(`/api/receipts/${part(hash)}`),
  verifyReceipt: (hash: string) => get<ReceiptCheck>(`/api/receipts/${part(hash)}/verify`),

  epochs: () => get<EpochList>("/api/epochs"),
  epoch: (number: number) => get<Epoch>(`/api/epochs/${number}`),
  settle: () => post<Epoch>("/api/epochs/settle"),
  finalise: () => post<Epoch>("/api/epochs/finalise"),

  account: (address: string) => get<Account>(`/api/accounts/${part(address)}`),
  fund: (address: string) => post<{ balance_wei: string }>(`/api/accounts/${part(address)}/fund`),
  claim: (address: string) => post<{ claimed_wei: string }>(`/api/accounts/${part(address)}/claim`),

  async rpc<T>(method: string, params: unknown): Promise<T> {
    return resultOf(await post<LedgerReply<T>>("/rpc", { jsonrpc: "2.0", id: 1, method, params }));
  },
  // Several calls in one request; their results in the order of the calls.
  async rpcAll<T>(calls: [method: string, params: unknown][]): Promise<T[]> {
    const body = calls.map(([method, params], id) => ({ jsonrpc: "2.0", id, method, params }));
    const replies = await post<(LedgerReply<T> & { id: number })[] | LedgerReply<T>>("/rpc", body);
    if (!Array.isArray(replies)) {
      resultOf(replies); // a ledger that refuses the whole request says so once
      throw new ApiError(0, "internal", "The ledger did not answer every call.");
    }
    return calls.map((_, id) => {
      const reply = replies.find((each) => each.id === id);
      if (!reply) throw new ApiError(0, "internal", "The ledger did not answer every call.");
      return resultOf(reply);
    });
  },
};

// A run's events from an offset on. Ends when the run has, or when the connection breaks.
export async function* runEvents(id: string, from: number, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const reply = await send("GET", `/api/runs/${part(id)}/events?from=${from}`, { signal });
  if (reply.body) yield* readEvents(reply.body);
}

export interface CompletionRequest {
  model: string;
  prompt: string;
  maxTokens: number;
  payer: Hex | null;
  voucher: Voucher | null;
  signal: AbortSignal;
}

// A piece of text; in the end the receipt, null from the base model.
export type CompletionPart = { text: string } | { receipt: Receipt | null; finish: string };

// A streamed chat completion. ApiError with a quote when a voucher is asked for.
export async function* complete(request: CompletionRequest): AsyncGenerator<CompletionPart> {
  const headers: Record<string, string> = {};
  if (request.voucher) headers["x-openledger-voucher"] = JSON.stringify(request.voucher);
  else if (request.payer) headers["x-openledger-payer"] = request.payer;
  const reply = await send("POST", "/v1/chat/completions", {
    headers,
    signal: request.signal,
    body: {
      model: request.model,
      messages: [{ role: "user", content: request.prompt }],
      max_tokens: request.maxTokens,
      temperature: 0,
      stream: true,
    },
  });
  if (!reply.body) throw new ApiError(reply.status, "", "The node sent no answer.");
  let finish = "";
  let ended = false;
  for await (const event of readEvents(reply.body)) {
    if (event.data === "[DONE]") {
      ended = true; // read on: what closes the stream is still on its way
      continue;
    }
    const chunk = JSON.parse(event.data) as {
      choices?: { delta?: { content?: string }; finish_reason?: string | null }[];
      openledger?: Receipt | null;
      error?: { code: string; message: string };
    };
    if (chunk.error) throw new ApiError(reply.status, chunk.error.code, chunk.error.message);
    const choice = chunk.choices?.[0];
    if (choice?.delta?.content) yield { text: choice.delta.content };
    if (choice?.finish_reason) finish = choice.finish_reason;
    if (chunk.openledger !== undefined) yield { receipt: chunk.openledger, finish };
  }
  if (!ended) throw new ApiError(reply.status, "unavailable", "The node ended the answer early.");
}
