// The RPC rows of the chain's benchmark: our server and anvil under the same client, in turn.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const client = join(root, "build/release/bench/chain_rpc_workload");
const openledger = join(root, "build/release/bin/openledger");
const anvil = join(root, "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");

const free_port = () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

// CPU-seconds of a process so far, user and system, and its resident MiB.
function usage(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
  const ticks = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return { cpu: (Number(stat[11]) + Number(stat[12])) / ticks, resident: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024 };
}

async function rpc(url, method, params = []) {
  const reply = await fetch(url, { method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) });
  const body = await reply.json();
  if (body.error) throw new Error(`${method}: ${body.error.message}`);
  return body.result;
}

// A server from its start to its first answer with a block. interval: seconds between blocks, 0: one a transaction.
export async function start(which, interval) {
  const port = await free_port();
  const folder = mkdtempSync(join(tmpdir(), "openledger-bench-"));
  const url = `http://127.0.0.1:${port}`;
  const args = which === "anvil"
    ? ["--port", String(port), "--silent", "--no-request-size-limit", ...(interval > 0 ? ["--block-time", String(interval)] : [])]
    : ["chain", "run", "--folder", join(folder, "chain"), "--port", String(port), ...(interval > 0 ? ["--block-time", String(interval)] : [])];
  const began = performance.now();
  const child = spawn(which === "anvil" ? anvil : openledger, args, { stdio: ["ignore", "ignore", "inherit"] });
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${which} ended at once`);
    try {
      await rpc(url, "eth_getBlockByNumber", ["latest", false]);
      break;
    } catch {
      if (performance.now() - began > 20_000) throw new Error(`${which} does not answer`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  return {
    url, pid: child.pid, start_ms: performance.now() - began,
    usage: () => usage(child.pid),
    stop: () => new Promise((resolve) => {
      child.once("exit", () => { rmSync(folder, { recursive: true, force: true }); resolve(); });
      child.kill("SIGTERM");
    }),
  };
}

// OpenZeppelin's ERC-20, compiled here; its creation code as a file of hex.
export function token_file() {
  const require = createRequire(join(root, "contracts/package.json"));
  const solc = require("solc");
  const source = readFileSync(join(root, "bench/chain/token.sol"), "utf8");
  const input = { language: "Solidity", sources: { "token.sol": { content: source } },
    settings: { optimizer: { enabled: true, runs: 200 }, outputSelection: { "*": { "*": ["evm.bytecode.object"] } } } };
  const find = (path) => ({ contents: readFileSync(join(root, "contracts/node_modules", path), "utf8") });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  const wrong = (output.errors ?? []).filter((error) => error.severity === "error");
  if (wrong.length > 0) throw new Error(wrong[0].formattedMessage);
  const file = join(mkdtempSync(join(tmpdir(), "openledger-bench-")), "token.hex");
  writeFileSync(file, output.contracts["token.sol"].BenchToken.evm.bytecode.object);
  return file;
}

// One part by the client; what it printed, and the server's CPU-seconds meanwhile.
export function load(server, part, count, clients, extra) {
  const before = server.usage().cpu;
  const result = spawnSync(client, [server.url, part, String(count), String(clients), ...(extra ? [extra] : [])],
    { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (result.status !== 0) throw new Error(`${part}: ${result.stderr.trim()}`);
  const lines = result.stdout.trim().split("\n").map((line) => JSON.parse(line));
  return { ...Object.assign({}, ...lines), cpu: server.usage().cpu - before };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// Adds the rows. rounds: how often each server runs, in turn.
export async function rpc_rows(rows, { peers, rounds, transactions, reads }) {
  const token = token_file();
  const names = peers ? ["ours", "anvil"] : ["ours"];
  const found = new Map();
  const note = (measure, which, value) => {
    if (!found.has(measure)) found.set(measure, { ours: [], anvil: [] });
    found.get(measure)[which].push(value);
  };
  for (let round = 0; round < rounds; ++round) {
    for (const which of names) {
      for (const interval of [0, 2]) {
        const mode = interval > 0 ? "blocks of 2 s" : "a block at once";
        const server = await start(which, interval);
        try {
          if (interval === 0) note("start to the first block", which, server.start_ms);
          if (interval === 0) note("resident memory, idle", which, server.usage().resident);
          const transfers = load(server, "transfers", transactions, 10);
          note(`transfers a CPU-second, ${mode}`, which, transfers.count / transfers.cpu);
          const { address } = load(server, "deploy", 1, 1, token);
          const tokens = load(server, "token", transactions, 10, address);
          note(`ERC-20 transfers a CPU-second, ${mode}`, which, tokens.count / tokens.cpu);
          if (interval > 0) continue;
          const calls = load(server, "call", reads, 64, address);
          note("eth_call at 64 clients, p50", which, calls.p50_ms);
          note("eth_call at 64 clients, p99", which, calls.p99_ms);
          const logs = load(server, "logs", reads, 64, address);
          note("eth_getLogs at 64 clients, p50", which, logs.p50_ms);
          note("eth_getLogs at 64 clients, p99", which, logs.p99_ms);
        } finally {
          await server.stop();
        }
      }
    }
  }
  const bar = (measure) => {
    if (measure.includes("CPU-second")) return { at_most: 0.5, of: "ratio" };
    if (measure.includes("p99")) return { at_least: 1, of: "ratio" };
    if (measure.startsWith("start")) return { at_most: 500 };
    return measure.startsWith("resident") ? { at_most: 100 } : null;
  };
  const unit = (measure) => measure.includes("CPU-second") ? "tx/CPU-s" : measure.startsWith("resident") ? "MiB" : "ms";
  for (const [measure, { ours, anvil: theirs }] of found) {
    rows.add({ measure, unit: unit(measure), ours: median(ours), peer: peers ? "anvil" : null,
      peers: peers ? median(theirs) : null, bar: bar(measure), how: `median of ${rounds}; ${transactions} transactions, ${reads} reads` });
  }
}
