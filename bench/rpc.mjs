// JSON-RPC of the embedded chain: start, memory, latency at 64 clients, transfers a CPU second.
//
// Options: --peers (anvil of contracts/node_modules, same client), --seconds N of each latency row
// (default 4), --count N transfers of each kind (default 4000), --runs N (default 3; medians).
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { Rows, options } from "./rows.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const build = process.env.OPENLEDGER_BUILD ?? join(root, "build/release");
const program = join(build, "bin/openledger");
const loader = join(build, "bench/rpc_load");
const anvil = join(root, "contracts/node_modules/.bin/anvil");
const { json, peers, rest } = options();
const number = (name, otherwise) => (rest.includes(name) ? Number(rest[rest.indexOf(name) + 1]) : otherwise);
const seconds = number("--seconds", 4), count = number("--count", 4000), runs = number("--runs", 3);
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const made = spawnSync("ninja", ["-C", build, "openledger", "rpc_load"], { stdio: ["ignore", "ignore", "inherit"] });
if (made.status !== 0) process.exit(1);

async function rpc(url, method, params = []) {
  const reply = await fetch(url, { method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) });
  const answer = await reply.json();
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}
const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
async function receiptOf(url, hash) {
  for (;;) {
    const receipt = await rpc(url, "eth_getTransactionReceipt", [hash]);
    if (receipt) return receipt;
    await sleep(2);
  }
}

// CPU seconds of a process: user and system, all threads.
const ticks = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout);
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}
const resident = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;

const account = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const token = JSON.parse(readFileSync(join(root, "contracts/out/WrappedOpen.sol/WrappedOpen.json"))).bytecode.object;
const selector = { deposit: "0xd0e30db0", balanceOf: "0x70a08231" };
const word = (hex) => hex.replace(/^0x/, "").toLowerCase().padStart(64, "0");

function load(args) {
  const result = spawnSync(loader, args.map(String), { encoding: "utf8" });
  if (result.status !== 0) throw new Error(result.stderr);
  if (result.stderr) console.error(result.stderr.slice(0, 300));
  return JSON.parse(result.stdout);
}

async function measure(start) {
  const out = {};
  const began = process.hrtime.bigint();
  const { url, pid, stop } = await start();
  try {
    await receiptOf(url, await rpc(url, "eth_sendTransaction", [{ from: account, to: account, value: "0x1" }]));
    out.start = Number(process.hrtime.bigint() - began) / 1e9;
    await sleep(1500);
    out.resident = resident(pid);
    const { contractAddress } = await receiptOf(url,
      await rpc(url, "eth_sendTransaction", [{ from: account, data: token, gas: "0x2dc6c0" }]));
    // Ten accounts hold tokens; a thousand logs in a hundred blocks.
    const accounts = await rpc(url, "eth_accounts");
    for (const from of accounts) {
      await receiptOf(url, await rpc(url, "eth_sendTransaction",
        [{ from, to: contractAddress, data: selector.deposit, value: "0xde0b6b3a7640000", gas: "0x186a0" }]));
    }
    for (let i = 0; i < 100; ++i) {
      const hashes = await Promise.all(Array.from({ length: 10 }, (_, k) => rpc(url, "eth_sendTransaction",
        [{ from: accounts[k], to: contractAddress, data: selector.deposit, value: "0x1", gas: "0x186a0" }])));
      await receiptOf(url, hashes.at(-1));
    }
    const body = (method, params) => JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const latency = (method, params) =>
      load(["call", "--url", url, "--clients", 64, "--seconds", seconds, "--body", body(method, params)]);
    out.call = latency("eth_call", [{ to: contractAddress, data: selector.balanceOf + word(account) }, "latest"]);
    out.logs = latency("eth_getLogs", [{ address: contractAddress, fromBlock: "0x1", toBlock: "latest",
      topics: [null, "0x" + word(account)] }]);
    out.block = latency("eth_getBlockByNumber", ["latest", true]);
    for (const [name, extra] of [["transfers", []], ["tokens", ["--token", contractAddress]]]) {
      const before = cpu(pid);
      const result = load(["transfers", "--url", url, "--count", count, ...extra]);
      out[name] = { ...result, cpu: cpu(pid) - before };
    }
  } finally {
    await stop();
  }
  return out;
}

function child(command, args) {
  const process_ = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => process_.kill("SIGKILL"));
  const exit = new Promise((resolve) => process_.on("exit", resolve));
  return { process_, stop: async () => { process_.kill("SIGTERM"); await exit; } };
}
async function startOurs() {
  const folder = mkdtempSync(join(tmpdir(), "openledger-bench-"));
  const { process_, stop } = child(program, ["--json", "chain", "run", "--chain-folder", folder, "--port", "0"]);
  let output = "";
  const url = await new Promise((resolve) => process_.stdout.on("data", (data) => {
    output += data;
    try { resolve(JSON.parse(output).url); } catch { /* not all of it yet */ }
  }));
  return { url, pid: process_.pid, stop: async () => { await stop(); rmSync(folder, { recursive: true, force: true }); } };
}
async function startAnvil() {
  const port = await freePort();
  const { process_, stop } = child(anvil, ["--port", String(port), "--silent", "--chain-id", "7777", "--gas-limit", "60000000"]);
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    if (await rpc(url, "eth_chainId").then(() => true, () => false)) break;
    await sleep(5);
  }
  return { url, pid: process_.pid, stop };
}

const ours = [], theirs = [];
for (let i = 0; i < runs; ++i) {
  ours.push(await measure(startOurs));
  if (peers) theirs.push(await measure(startAnvil));
}
const rows = new Rows();
function row(name, unit, read, bar) {
  rows.add({ measure: name, unit, ours: median(ours.map(read)), peer: peers ? "anvil" : null,
    peers: peers ? median(theirs.map(read)) : null, bar, how: `tools/bench rpc, median of ${runs}` });
}
row("start to the first block", "s", (each) => each.start, { at_most: 0.5 });
row("resident memory, idle", "MB", (each) => each.resident, { at_most: 100 });
for (const [name, key] of [["eth_call", "call"], ["eth_getLogs", "logs"], ["eth_getBlockByNumber", "block"]]) {
  row(`${name}, 64 clients, p50`, "ms", (each) => each[key].p50_ms);
  row(`${name}, 64 clients, p99`, "ms", (each) => each[key].p99_ms, { at_least: 1, of: "ratio" });
}
// Ours syncs every block to the disk; anvil keeps its chain in memory.
for (const [name, key] of [["transfers", "transfers"], ["token transfers", "tokens"]]) {
  rows.add({ measure: `${name} a CPU second`, unit: "1/s", ours: median(ours.map((each) => count / each[key].cpu)),
    peer: peers ? "anvil" : null, peers: peers ? median(theirs.map((each) => count / each[key].cpu)) : null,
    bar: { at_most: 0.5, of: "ratio" }, how: `tools/bench rpc --count ${count}` });
  row(`${name} a second`, "1/s", (each) => each[key].per_second);
}
rows.finish(json);
