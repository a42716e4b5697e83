// The JSON-RPC of the chain: our server and anvil in turn under one client. Transfers a CPU second,
// latency at 64 clients, start, memory. Part of bench/chain.mjs.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const senders = 10, clients = 64, reads = 10000;
// anvil's time of a block grows with the blocks before it: fewer of them where each transaction makes one.
const transactions = { at_once: 1000, in_intervals: 4000 };
const account = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"; // the first of the mnemonic that everybody knows
const idle_ms = 1500;

const free_port = () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

async function ask(url, method, params = []) {
  const reply = await fetch(url, { method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) });
  const body = await reply.json();
  if (body.error) throw new Error(`${method}: ${body.error.message}`);
  return body.result;
}

// Runs a program with a JSON-RPC server at `url`; `ready` resolves to null until it is.
async function run(program, args, url, ready) {
  const began = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => { child.kill("SIGTERM"); await ended; };
  while (await ready().catch(() => null) === null) {
    if (child.exitCode !== null) throw new Error(`${program} ended at once`);
    if (performance.now() - began > 20_000) {
      await stop();
      throw new Error(`${program} does not answer at ${url}`);
    }
    await sleep(2);
  }
  const start_ms = performance.now() - began;
  const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024;
  return { url, pid: child.pid, start_ms, resident, stop };
}

// interval: seconds between blocks, 0: one as soon as a transaction waits; ready with its first block after genesis.
async function start_server({ root, work }, which, interval) {
  const port = await free_port(), url = `http://127.0.0.1:${port}`;
  const time = interval > 0 ? ["--block-time", String(interval)] : [];
  let sent = null;
  const first_block = async () => {
    if (interval > 0) return ask(url, "eth_chainId");
    sent ??= await ask(url, "eth_sendTransaction", [{ from: account, to: account, value: "0x1" }]);
    return ask(url, "eth_getTransactionReceipt", [sent]);
  };
  if (which === "anvil") {
    const program = join(root, "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    return run(program, ["--port", String(port), "--silent", "--gas-limit", "60000000", ...time], url, first_block);
  }
  const folder = mkdtempSync(join(work, "chain-"));
  return run(join(root, "build/release/bin/openledger"),
    ["chain", "run", "--chain-folder", folder, "--port", String(port), ...time], url, first_block);
}

// The whole node, until its chain has a block: the contracts' own.
async function start_up({ root, work }) {
  const port = await free_port(), chain_port = await free_port(), url = `http://127.0.0.1:${chain_port}`;
  const folder = mkdtempSync(join(work, "up-"));
  const first_block = async () => (Number(await ask(url, "eth_blockNumber")) > 0 ? true : null);
  return run(join(root, "build/release/bin/openledger"),
    ["--data-dir", folder, "up", "--port", String(port), "--chain-port", String(chain_port)], url, first_block);
}

// OpenZeppelin's ERC-20, compiled here; its creation code as a file of hex.
function token_file({ root, work }) {
  const solc = createRequire(join(root, "contracts/package.json"))("solc");
  const source = readFileSync(join(root, "bench/chain/token.sol"), "utf8");
  const input = { language: "Solidity", sources: { "token.sol": { content: source } },
    settings: { optimizer: { enabled: true, runs: 200 }, outputSelection: { "*": { "*": ["evm.bytecode.object"] } } } };
  const find = (path) => ({ contents: readFileSync(join(root, "contracts/node_modules", path), "utf8") });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  const wrong = (output.errors ?? []).filter((error) => error.severity === "error");
  if (wrong.length > 0) throw new Error(wrong[0].formattedMessage);
  const file = join(work, "token.hex");
  writeFileSync(file, output.contracts["token.sol"].BenchToken.evm.bytecode.object);
  return file;
}

// One part by the client, and what it printed.
function load({ root }, server, part, ...args) {
  const client = join(root, "build/release/bench/chain_rpc_workload");
  const result = spawnSync(client, [server.url, String(server.pid), part, ...args.map(String)], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${part}: ${result.stderr.trim()}`);
  return JSON.parse(result.stdout);
}

async function measure(setup, token, which, interval, note) {
  const server = await start_server(setup, which, interval);
  try {
    const mode = interval > 0 ? `blocks of ${interval} s` : "blocks at once";
    const number = interval > 0 ? transactions.in_intervals : transactions.at_once;
    if (interval === 0) {
      note("start to the first block", server.start_ms);
      await sleep(idle_ms);
      note("resident memory, idle", server.resident());
    }
    for (const [part, name] of [["transfers", "transfers"], ["token", "ERC-20 transfers"]]) {
      if (part === "token") server.token = load(setup, server, "deploy", token).address;
      const { count, cpu_s, seconds } = load(setup, server, part, number, senders, ...(part === "token" ? [server.token] : []));
      note(`${name} a CPU-second, ${mode}`, count / cpu_s);
      if (interval === 0) note(`${name} a second, ${mode}`, count / seconds);
    }
    if (interval > 0) return;
    for (const [part, method] of [["call", "eth_call"], ["logs", "eth_getLogs"], ["block", "eth_getBlockByNumber"]]) {
      const { p50_ms, p99_ms, count, cpu_s } = load(setup, server, part, reads, clients, server.token);
      note(`${method}, ${clients} clients, p50`, p50_ms);
      note(`${method}, ${clients} clients, p99`, p99_ms);
      note(`${method} a CPU-second`, count / cpu_s);
    }
  } finally {
    await server.stop();
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function kind_of(measure) {
  if (measure.startsWith("eth_") && measure.includes("CPU-second")) return { unit: "1/CPU-s" };
  if (measure.includes("CPU-second")) return { unit: "tx/CPU-s", bar: { at_most: 0.5, of: "ratio" } };
  if (measure.includes("p99")) return { unit: "ms", bar: { at_least: 1, of: "ratio" } };
  if (measure.includes("to the first block")) return { unit: "ms", bar: { at_most: 500 } };
  if (measure.startsWith("resident")) return { unit: "MiB", bar: { at_most: 100 } };
  return { unit: measure.includes(" a second") ? "tx/s" : "ms" };
}

export async function add_rpc_rows(rows, { root, peers, work, rounds = 3 }) {
  const setup = { root, work };
  if (!existsSync(join(root, "build/release/bench/chain_rpc_workload"))) throw new Error("build chain_workload first");
  const token = token_file(setup);
  const found = new Map();
  const note = (which) => (measure, value) => {
    if (!found.has(measure)) found.set(measure, { ours: [], anvil: [] });
    found.get(measure)[which].push(value);
  };
  for (let round = 0; round < rounds; ++round) {
    for (const interval of [0, 2]) {
      for (const which of peers ? ["ours", "anvil"] : ["ours"]) await measure(setup, token, which, interval, note(which));
    }
    const whole = await start_up(setup);
    note("ours")("up: start to the first block", whole.start_ms);
    await sleep(idle_ms);
    note("ours")("resident memory of up, idle", whole.resident());
    await whole.stop();
  }
  // Ours syncs every block to the disk; anvil keeps its chain in memory.
  const how = `medians of ${rounds} in turn; ${transactions.at_once} or ${transactions.in_intervals} transactions of ${senders} senders, ${reads} reads`;
  for (const [measure, { ours, anvil }] of found) {
    const { unit, bar = null } = kind_of(measure);
    const has_peer = anvil.length > 0;
    rows.add({ measure, unit, ours: median(ours), peer: has_peer ? "anvil" : null, peers: has_peer ? median(anvil) : null, bar, how });
  }
}
