// The suffix index: tracing, counting, sizes, building, proofs; infini-gram and Fastgram beside it (--peers).
//
//   --corpus prose|large|PATH  what to index (default prose; suffix/corpora.mjs says what that is)
//   --growth                   the measures over 1, 10, 100 and 1000 MB of the corpus instead
//   --peers                    runs the peers over exactly the same symbols, and compares the answers
//   --symbols FOLDER           with --peers: the peers alone, over symbols exported before (suffix/peers.py)
//   --cache DIR                downloads, corpora and peers (default ~/.cache/openledger-bench)
//   --install                  lets it download the corpus' packages
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Rows, options } from "./rows.mjs";
import { cache_folder, corpus } from "./suffix/corpora.mjs";
import { measure_peers } from "./suffix/peers.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const program = join(root, "build/release/bench/suffix_workload");

function arguments_of(rest) {
  const out = { corpus: "prose", growth: false, symbols: null, cache: undefined, install: false };
  const left = [...rest];
  while (left.length > 0) {
    const arg = left.shift();
    if (arg === "--growth" || arg === "--install") out[arg.slice(2)] = true;
    else if (["--corpus", "--symbols", "--cache"].includes(arg) && left.length > 0) out[arg.slice(2)] = left.shift();
    else throw new Error(`unknown option ${arg}`);
  }
  out.cache = cache_folder(out.cache);
  return out;
}

// What the workload program measures, by its names, with the bars; `peer` gives the peer's figure in
// the same unit, from what peers.py prints. A row of the program that is not here has no bar.
const milli = (us) => us / 1000;
const fastgram_trace = (of) => milli(Math.min(of.fastgram.trace_attribute_us, of.fastgram.trace_maximal_us));
const measures = [
  { measure: "trace of 200 symbols, hot", unit: "ms", bar: { at_most: 0.25 }, compare: [
    { peer: "Fastgram", figure: (p) => fastgram_trace(p.exact), bar: { at_least: 6, of: "ratio" } },
    { peer: "Fastgram, with places", figure: (p) => milli(p.exact.fastgram.trace_attribute_us) },
    { peer: "Fastgram, 16 bits, hashed", figure: (p) => fastgram_trace(p.hashed) },
    { peer: "infini-gram", figure: (p) => milli(p.exact.infini_gram.trace_attribute_us) },
    { peer: "infini-gram, 16 bits, hashed", figure: (p) => milli(p.hashed.infini_gram.trace_attribute_us) },
  ] },
  { measure: "trace of 200 symbols, cold tier", unit: "ms", bar: { at_most: 0.5 } },
  ...Array.from({ length: 16 }, (_, i) => i + 1).map((n) => ({
    measure: `count of a phrase, n = ${n}`, unit: "us", bar: n <= 8 ? { at_most: 1.5 } : null, compare: [
      { peer: "Fastgram", figure: (p) => p.exact.fastgram.count_us[n] },
      { peer: "Fastgram, 16 bits, hashed", figure: (p) => p.hashed.fastgram.count_us[n] },
      { peer: "infini-gram", figure: (p) => p.exact.infini_gram.count_us[n] },
    ],
  })),
  { measure: "streaming cursor", unit: "us/symbol", bar: { at_most: 3 }, compare: [
    { peer: "Fastgram, no longest suffix", figure: (p) => p.exact.fastgram.cursor_mean_us },
  ] },
  { measure: "index, hot tier", unit: "bytes/symbol", compare: [
    { peer: "infini-gram and Fastgram", figure: (p) => p.exact.index.bytes_per_symbol },
    { peer: "the same, 16 bits, hashed", figure: (p) => p.hashed.index.bytes_per_symbol },
  ] },
  { measure: "index, cold tier with locate", unit: "bytes/symbol", bar: { at_most: 2 }, compare: [
    { peer: "infini-gram and Fastgram", figure: (p) => p.exact.index.bytes_per_symbol },
  ] },
  { measure: "build", unit: "Msymbols/s/core", bar: { at_least: 8 }, compare: [
    { peer: "infini-gram", figure: (p) => p.exact.index.msymbols_per_s_core },
    { peer: "infini-gram, 16 bits, hashed", figure: (p) => p.hashed.index.msymbols_per_s_core },
  ] },
  { measure: "audit", unit: "Msymbols/s/core", bar: { at_least: 30 } },
  { measure: "commit", unit: "Msymbols/s/core", bar: { at_least: 12 } },
  { measure: "claim proof, size", unit: "KB", bar: { at_most: 6 } },
  { measure: "claim proof, prove", unit: "us", bar: { at_most: 30 } },
  { measure: "claim proof, verify", unit: "us", bar: { at_most: 60 } },
  { measure: "claim proof, verify on chain", unit: "gas", bar: { at_most: 350000 } },
];

// Our measures of one corpus: [{measure, unit, value}], by the workload program.
function measure_ours(folder, outputs, work, exported) {
  if (!existsSync(program)) {
    throw new Error(`${program} is not there: build it first (cmake --build build/release --target suffix_workload)`);
  }
  const file = join(work, "ours.json");
  const args = ["--corpus", folder, "--heldout", outputs, "--work", work, "--json", file];
  if (exported !== null) args.push("--export", exported);
  const result = spawnSync(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (result.status !== 0) throw new Error(`suffix_workload failed with status ${result.status}`);
  const { rows, calls } = JSON.parse(readFileSync(file, "utf8"));
  return { rows, calls };
}

// The median of what a chain asks for the calls to IndexVerifier, call data included.
async function gas_of(calls) {
  const contract = join(root, "contracts/out/IndexVerifier.sol/IndexVerifier.json");
  const anvil = join(root, "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
  if (calls.length === 0 || !existsSync(contract) || !existsSync(anvil)) return null;
  const port = 20000 + (process.pid % 20000);
  const chain = spawn(anvil, ["--port", String(port), "--silent", "--hardfork", "prague"], { stdio: "ignore" });
  const ask = async (method, params) => {
    const answer = await fetch(`http://127.0.0.1:${port}`, {
      method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    }).then((response) => response.json());
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  };
  try {
    let accounts = null;
    for (let i = 0; accounts === null && i < 100; ++i) {
      accounts = await ask("eth_accounts", []).catch(() => new Promise((go) => setTimeout(() => go(null), 100)));
    }
    if (accounts === null) throw new Error("anvil does not answer");
    const data = JSON.parse(readFileSync(contract, "utf8")).bytecode.object;
    const hash = await ask("eth_sendTransaction", [{ from: accounts[0], data, gas: "0x1000000" }]);
    let receipt = null; // the block may come a moment later
    for (let i = 0; receipt === null && i < 100; ++i) {
      receipt = await ask("eth_getTransactionReceipt", [hash]);
      if (receipt === null) await new Promise((go) => setTimeout(go, 50));
    }
    if (receipt === null) throw new Error("the verifier was not deployed");
    const to = receipt.contractAddress;
    const gas = [];
    for (const call of calls) gas.push(Number(await ask("eth_estimateGas", [{ from: accounts[0], to, data: call }])));
    return gas.sort((a, b) => a - b)[Math.floor(gas.length / 2)];
  } finally {
    chain.kill();
  }
}

function add_rows(rows, ours, peers, asked, how) {
  const value_of = new Map(ours.map((row) => [row.measure, row]));
  for (const { measure, unit, bar = null, compare = [] } of measures) {
    const row = value_of.get(measure);
    value_of.delete(measure);
    if (row !== undefined && row.unit !== unit) throw new Error(`"${measure}" is in ${row.unit}, not in ${unit}`);
    const value = row === undefined ? null : row.value;
    // A measure that the program did not give stands there as such.
    if (ours.length > 0) rows.add({ measure, unit, ours: value, bar, how });
    for (const { peer, figure, bar: ratio_bar = null } of asked ? compare : []) {
      const theirs = peers === null ? null : (figure(peers) ?? null);
      rows.add({ measure, unit, ours: value, peer, peers: theirs, bar: ratio_bar, how });
    }
  }
  for (const { measure, unit, value } of value_of.values()) rows.add({ measure, unit, ours: value, how });
}

// What stands beside the peers' figures in a report: what they ran over, and what a call of Python costs.
function add_peer_notes(rows, peers, how) {
  const note = (measure, unit, peer, value) => rows.add({ measure, unit, ours: null, peer, peers: value, how });
  const python = peers.exact.infini_gram;
  note("symbols of the text", "symbols", "both", peers.symbols);
  note("trace without places (ends alone)", "ms", "Fastgram", milli(peers.exact.fastgram.trace_ends_us));
  note("trace without places (ends alone)", "ms", "infini-gram", milli(python.trace_ends_us));
  note("an empty call through Python", "us", "infini-gram", python.empty_call_us);
  note("converting an output for a call", "us", "infini-gram", python.convert_200_us);
  note("count of the empty phrase", "us", "infini-gram", python.count_nothing_us);
  note("build, wall time", "s", "infini-gram", peers.exact.index.seconds);
  note("build, wall time", "s", "infini-gram, 16 bits, hashed", peers.hashed.index.seconds);
  for (const [what, count] of Object.entries(peers.compared)) note(`same answers, ${what}`, "answers", "compared", count);
}

const { json, peers, rest } = options();
let work = null;
try {
  const chosen = arguments_of(rest);
  const rows = new Rows();
  if (chosen.symbols !== null) {
    if (!peers) throw new Error("--symbols is for --peers");
    const found = measure_peers(chosen.symbols, chosen.cache);
    if (found === null) process.exit(1);
    add_rows(rows, [], found, true, `peers.py over ${found.symbols} symbols`);
    add_peer_notes(rows, found, "peers.py");
  } else {
    const text = corpus(chosen.corpus, { cache: chosen.cache, install: chosen.install });
    mkdirSync(chosen.cache, { recursive: true });
    work = mkdtempSync(join(chosen.cache, "work-"));
    if (chosen.growth) {
      for (const mb of text.prefixes) {
        const { rows: ours } = measure_ours(text.prefix(mb), text.outputs, work, null);
        for (const { measure, unit, value } of ours) {
          rows.add({ measure: `${mb} MB: ${measure}`, unit, ours: value, how: `the first ${mb} MB of ${text.name}` });
        }
      }
    } else {
      const exported = peers ? join(work, "symbols") : null;
      if (exported !== null) mkdirSync(exported);
      const how = `${text.name}, ${(text.bytes / 1e6).toFixed(0)} MB in ${text.records} records, medians, hot`;
      const { rows: ours, calls } = measure_ours(text.all, text.outputs, work, exported);
      const gas = await gas_of(calls);
      if (gas !== null) ours.push({ measure: "claim proof, verify on chain", unit: "gas", value: gas });
      const found = peers ? measure_peers(exported, chosen.cache) : null;
      add_rows(rows, ours, found, peers, how);
      if (found !== null) add_peer_notes(rows, found, how);
    }
  }
  rows.finish(json);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  if (work !== null) rmSync(work, { recursive: true, force: true });
}
