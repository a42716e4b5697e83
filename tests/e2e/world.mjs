// A small network for tests: a node, two contributors with a published datanet, an adapter trained on it
// and registered, and a payer's account that signs with viem.
import { createRequire } from "node:module";
import { check, equal, run, sleep, temporary, up } from "./harness.mjs";
import { join } from "node:path";

export const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { createClient, defineChain, http, parseAbi } = require("viem");
const { generatePrivateKey, privateKeyToAccount } = require("viem/accounts");
const { estimateFeesPerGas, writeContract, waitForTransactionReceipt } = require("viem/actions");

// Sentences of plain words, no two alike; the same in every run.
const words = {
  what: ["lantern", "bridge", "ferry", "orchard", "kettle", "compass", "harbour", "mill", "ladder", "quarry", "loom", "anvil"],
  kind: ["copper", "narrow", "crooked", "silent", "painted", "hollow", "bitter", "northern", "borrowed", "patient", "scarlet", "frozen"],
  does: ["carries", "remembers", "measures", "hides", "answers", "follows", "repairs", "divides", "gathers", "wakes", "lifts", "warns"],
  whom: ["the gardener", "two sisters", "a tired clerk", "every sailor", "the old judge", "our neighbour", "a lost mule", "the baker's boy", "seven weavers", "the ferryman", "a blind poet", "the night guard"],
  when: ["before the frost", "at low tide", "after the harvest", "when the bells stop", "on market day", "during the long rain", "until the lamp burns out", "in the third week", "while the town sleeps", "once a year", "near midnight", "as the river rises"],
};
let state = 2024;
function pick(list) { // mulberry32
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return list[((t ^ (t >>> 14)) >>> 0) % list.length];
}
const clause = () => `${pick(words.kind)} ${pick(words.what)} ${pick(words.does)} ${pick(words.whom)} ${pick(words.when)}`;
const sentence = () => `The ${clause()}, and the ${clause()}.`;

function notes(count, prefix) {
  return Array.from({ length: count }, (_, i) => ({
    title: `${prefix} ${i + 1}: the ${pick(words.kind)} ${pick(words.what)}`,
    text: `${sentence()} ${sentence()}`,
  }));
}
const jsonl = (rows) => rows.map((row) => JSON.stringify(row)).join("\n") + "\n";

export class Api {
  constructor(url) { this.url = url; }

  send(method, path, body, headers = {}) {
    return fetch(this.url + path, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    });
  }
  // The JSON of an answer that must be a success.
  async ask(method, path, body, headers) {
    const reply = await this.send(method, path, body, headers);
    const text = await reply.text();
    equal(reply.status, 200, `${method} ${path}: ${text.slice(0, 400)}`);
    return JSON.parse(text);
  }
  get(path) { return this.ask("GET", path); }
  post(path, body = {}, headers) { return this.ask("POST", path, body, headers); }
}

export async function makeWorld() {
  const data = join(temporary(), "node");
  const wallets = {};
  for (const name of ["alice", "bob"]) {
    wallets[name] = run(data, ["wallet", "new", name]).value.address;
  }
  const node = await up(data);
  const api = new Api(node.url);
  for (const address of Object.values(wallets)) await api.post(`/api/accounts/${address}/fund`);

  const datanet = await api.post("/api/datanets", {
    name: "notes", summary: "Observations of a small town", licence: "CC-BY-4.0", wallet: "alice",
  });
  const rows = { alice: notes(24, "Note"), bob: notes(16, "Sketch") };
  for (const [wallet, list] of Object.entries(rows)) {
    const report = await api.post("/api/datanets/notes/contributions", {
      wallet, files: [{ name: `${wallet}.jsonl`, content: jsonl(list) }],
    });
    equal(report.accepted, list.length, `every row of ${wallet} is accepted: ${JSON.stringify(report.rejected)}`);
  }
  const version = await api.post("/api/datanets/notes/versions");
  equal(version.records, 40, "the version holds all rows");
  return { data, node, api, wallets, datanet, rows, version };
}

// Starts a run and waits until it has ended. Long enough that answers repeat what they were taught.
export async function train(api, name, more = {}) {
  const run = await api.post("/api/runs", {
    name, datanet: "notes", epochs: 12, record_limit: 12, rank: 16, seed: 1, ...more,
  });
  let now = run;
  for (let i = 0; i < 3000 && !["done", "failed", "stopped"].includes(now.state); i += 1) {
    await sleep(100);
    now = await api.get(`/api/runs/${run.id}`);
  }
  equal(now.state, "done", `run ${name} ends: ${now.error}`);
  return now;
}

export async function trainAndRegister(api, name) {
  const run = await train(api, name);
  check(run.loss_last < run.loss_first, "the loss falls");
  const registered = await api.post(`/api/runs/${run.id}/register`, { wallet: "alice" });
  equal(registered.model, name, "the adapter is registered under the run's name");
  return run;
}

// Somebody who pays: a key, a deposit, vouchers.
export class Payer {
  static async open(api, openToDeposit) {
    const payer = new Payer();
    payer.api = api;
    payer.account = privateKeyToAccount(generatePrivateKey());
    payer.address = payer.account.address;
    payer.contracts = await api.get("/api/contracts");
    if (openToDeposit > 0n) {
      await api.post(`/api/accounts/${payer.address}/fund`);
      await payer.deposit(openToDeposit * 10n ** 18n);
    }
    return payer;
  }

  async deposit(wei) {
    const url = `${this.api.url}/rpc`;
    const chain = defineChain({
      id: this.contracts.chain_id, name: "OpenLedger",
      nativeCurrency: { name: "OPEN", symbol: "OPEN", decimals: 18 }, rpcUrls: { default: { http: [url] } },
    });
    const client = createClient({ account: this.account, chain, transport: http(url), pollingInterval: 200 });
    const hash = await writeContract(client, {
      address: this.contracts.escrow,
      abi: parseAbi(["function deposit(address host) payable"]),
      functionName: "deposit", args: [this.contracts.host], value: wei,
      ...(await estimateFeesPerGas(client)),
    });
    const receipt = await waitForTransactionReceipt(client, { hash });
    equal(receipt.status, "success", "the deposit is in a block");
  }

  async voucher(cumulative, host = this.contracts.host) {
    const signature = await this.account.signTypedData({
      domain: this.contracts.escrow_domain,
      types: { Voucher: [
        { name: "payer", type: "address" }, { name: "host", type: "address" },
        { name: "cumulative", type: "uint256" },
      ] },
      primaryType: "Voucher",
      message: { payer: this.address, host, cumulative },
    });
    return JSON.stringify({ payer: this.address, host, cumulative: cumulative.toString(), signature });
  }

  // The quote of a 402.
  async quote(request, path = "/v1/chat/completions") {
    const reply = await this.api.send("POST", path, request, { "x-openledger-payer": this.address });
    const body = await reply.json();
    equal(reply.status, 402, `without a voucher: ${JSON.stringify(body)}`);
    equal(body.error.code, "payment", "the error of a 402");
    return body.quote;
  }

  // Asks, signs what the quote wants, asks again.
  async pay(request, path = "/v1/chat/completions") {
    const quote = await this.quote(request, path);
    const voucher = await this.voucher(BigInt(quote.cumulative_wei));
    return this.api.send("POST", path, request, { "x-openledger-voucher": voucher });
  }
}
