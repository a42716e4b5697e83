// SIGKILL at random moments while `openledger chain run` makes blocks of transactions that come over
// JSON-RPC: after each restart every block that was answered is there under its hash, with its
// transactions; the nonces go on; nothing needs repair and every root checks.
//
//   node chain_kills.mjs PATH-TO-openledger [--kills N]    N kills (./test: a few)
import { spawn } from "node:child_process";
import { closeSync, cpSync, openSync, readdirSync, readSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import http from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { check, done, equal, program, run, sleep, temporary } from "./harness.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const { mnemonicToAccount } = createRequire(join(root, "web/package.json"))("viem/accounts");
const option = process.argv.indexOf("--kills");
const kills = option < 0 ? 8 : Number(process.argv[option + 1]);
check(kills > 0, "--kills wants a number");

const folder = temporary();
const chainFolder = join(folder, "chain");
const senders = 6, ahead = 4; // transactions of a sender on their way at once
const accounts = Array.from({ length: senders }, (_, i) =>
  mnemonicToAccount("test test test test test test test test test test test junk", { addressIndex: i }));

let state = 2024;
function random(bound) { // mulberry32
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % bound;
}

// ---- the program, killed between any two of its instructions

function start() {
  const child = spawn(program, ["--json", "chain", "run", "--chain-folder", chainFolder, "--port", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const last = () => child.kill("SIGKILL");
  process.on("exit", last);
  let output = "", errors = "";
  child.stderr.on("data", (data) => (errors += data));
  const exit = new Promise((resolve) => child.on("exit", resolve));
  const ready = new Promise((resolve) => {
    child.stdout.on("data", (data) => {
      output += data;
      try { resolve(JSON.parse(output)); } catch { /* not all of it yet */ }
    });
    exit.then(() => resolve(null));
  });
  return {
    ready, // null: it ended before
    errors: () => errors,
    end: async (signal) => {
      const alive = child.exitCode === null && child.signalCode === null;
      child.kill(signal);
      await exit;
      process.off("exit", last);
      return alive;
    },
  };
}

const agent = new http.Agent({ keepAlive: true });
let id = 0;
// What the node answers; null when it dies before.
function rpc(url, method, ...params) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params });
    const request = http.request(url, { method: "POST", agent,
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } }, (response) => {
      let text = "";
      response.on("data", (data) => (text += data));
      response.on("error", () => resolve(null));
      response.on("close", () => {
        let answer = null;
        try { answer = JSON.parse(text); } catch { return resolve(null); }
        if (answer.error) reject(new Error(`${method}: ${answer.error.message}`));
        else resolve(answer.result);
      });
    });
    request.on("error", () => resolve(null));
    request.end(body);
  });
}

// ---- load: each sender sends, waits for the receipts and remembers what it was told

const signed = accounts.map(() => new Map()); // nonce -> raw transaction: sent again, it is the same
async function transaction(sender, nonce) {
  const kept = signed[sender].get(nonce);
  if (kept) return kept;
  const made = await accounts[sender].signTransaction({ chainId: 7777, type: "eip1559", nonce,
    to: accounts[random(senders)].address, value: BigInt(1 + random(1000)), gas: 21000n,
    maxFeePerGas: 20_000_000_000n, maxPriorityFeePerGas: 1n });
  signed[sender].set(nonce, made);
  return made;
}

const answered = new Map(); // block number -> { hash, transactions: Set }
const confirmed = accounts.map(() => 0); // nonces below are in an answered block
let told = 0;
function remember(sender, nonce, receipt) {
  equal(receipt.status, "0x1", "a transfer succeeds");
  const number = Number(receipt.blockNumber);
  const block = answered.get(number) ?? { hash: receipt.blockHash, transactions: new Set() };
  equal(receipt.blockHash, block.hash, `block ${number} has one hash`);
  block.transactions.add(receipt.transactionHash);
  answered.set(number, block);
  confirmed[sender] = Math.max(confirmed[sender], nonce + 1);
  told += 1;
}

async function send(url, sender, first, stopped) {
  for (let nonce = first; !stopped(); nonce += ahead) {
    const hashes = [];
    for (let i = 0; i < ahead; ++i) {
      const hash = await rpc(url, "eth_sendRawTransaction", await transaction(sender, nonce + i));
      if (hash === null) return;
      hashes.push(hash);
    }
    for (let i = 0; i < ahead; ++i) {
      for (;;) {
        const receipt = await rpc(url, "eth_getTransactionReceipt", hashes[i]);
        if (receipt !== null) {
          remember(sender, nonce + i, receipt);
          break;
        }
        // null is also what a dead node answers.
        if (stopped()) return;
        await sleep(2);
      }
    }
  }
}

// ---- what must be so after a restart

let looked = 0; // blocks below were found in an earlier round
async function inspect(url, all) {
  const head = Number(await rpc(url, "eth_blockNumber"));
  for (const [number, block] of answered) {
    if (!all && number < looked - 20) continue; // all of them at the end
    check(number <= head, `block ${number} was answered; the head is ${head}`);
    const found = await rpc(url, "eth_getBlockByNumber", `0x${number.toString(16)}`, false);
    equal(found?.hash, block.hash, `block ${number} is what was answered`);
    for (const hash of block.transactions) {
      check(found.transactions.includes(hash), `block ${number} has transaction ${hash}`);
    }
  }
  looked = head;
  const nonces = [];
  for (const [sender, account] of accounts.entries()) {
    const nonce = Number(await rpc(url, "eth_getTransactionCount", account.address, "latest"));
    check(nonce >= confirmed[sender], `the nonce ${nonce} is not below the answered ${confirmed[sender]}`);
    nonces.push(nonce);
  }
  return nonces;
}

function verify() {
  equal(run(folder, ["chain", "verify"]).value.verified, true, "chain verify");
}

let opening = 0, working = 0;
for (let kill = 0; kill < kills; ++kill) {
  const node = start();
  if (kill % 8 === 7) { // while it opens the folder
    await sleep(random(60));
    check(await node.end("SIGKILL"), `it opens the folder: ${node.errors()}`);
    opening += 1;
  } else {
    const ready = await node.ready;
    check(ready !== null, `it starts again: ${node.errors()}`);
    const nonces = await inspect(ready.url, false);
    let over = false;
    const load = Promise.all(nonces.map((nonce, sender) => send(ready.url, sender, nonce, () => over)));
    const before = told;
    for (let i = 0; told === before && i < 5000; ++i) await sleep(1); // not before it has begun to work
    await sleep(random(250));
    const alive = await node.end("SIGKILL");
    over = true;
    await load;
    check(alive, `it ran until it was killed: ${node.errors()}`);
    working += 1;
  }
  if (kill % 10 === 9 || kill === kills - 1) verify();
}

const node = start();
const ready = await node.ready;
check(ready !== null, `it starts at the end: ${node.errors()}`);
const nonces = await inspect(ready.url, true);
const sent = await rpc(ready.url, "eth_sendRawTransaction", await transaction(0, nonces[0]));
let receipt = null;
for (let i = 0; receipt === null && i < 1000; ++i, await sleep(5)) {
  receipt = await rpc(ready.url, "eth_getTransactionReceipt", sent);
}
equal(receipt?.status, "0x1", "and it goes on");
agent.destroy();
await node.end("SIGTERM");
verify();

// ---- files that are damaged are named, with what to do; nothing is begun anew over them

function flip(file, at) {
  const handle = openSync(file, "r+");
  const byte = Buffer.alloc(1);
  readSync(handle, byte, 0, 1, at);
  byte[0] ^= 0x40;
  writeSync(handle, byte, 0, 1, at);
  closeSync(handle);
}
const damages = [
  [".log", (file) => flip(file, Math.floor(statSync(file).size / 3))],
  [".sst", (file) => flip(file, Math.floor(statSync(file).size / 3))],
  [".sst", (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  [".sst", (file) => rmSync(file)],
  ["MANIFEST", (file) => flip(file, Math.floor(statSync(file).size / 3))],
  ["MANIFEST", (file) => rmSync(file)],
  ["CURRENT", (file) => flip(file, 3)],
  ["CURRENT", (file) => rmSync(file)],
];
const copy = join(folder, "damaged");
let named = 0;
for (const [part, damage] of damages) {
  cpSync(chainFolder, join(copy, "chain"), { recursive: true });
  const files = readdirSync(join(copy, "chain")).filter((name) => name.includes(part))
    .map((name) => join(copy, "chain", name)).filter((file) => statSync(file).size > 0)
    .sort((a, b) => statSync(b).size - statSync(a).size);
  if (files.length > 0) {
    damage(files[0]);
    const answer = run(copy, ["chain", "verify"], { allowFailure: true });
    equal(answer.status, 1, `${part}: chain verify fails and does not crash`);
    const name = part === ".log" || part === ".sst" ? part : "MANIFEST";
    check(answer.stderr.includes(name) || answer.stderr.includes("CURRENT"), `${part} is named: ${answer.stderr}`);
    check(/restore/.test(answer.stderr), `and what to do: ${answer.stderr}`);
    named += 1;
  }
  rmSync(copy, { recursive: true });
}
check(named >= 5, `${named} damages were tried`);

check(told > kills, "the senders were told something between the kills");
console.log(`${kills} kills (${working} at work, ${opening} while opening), ${answered.size} answered blocks with ` +
  `${told} transactions: none is lost`);
done();
