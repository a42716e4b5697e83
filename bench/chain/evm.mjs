// The EVM over evm-benchmarks (github.com/ipsilon/evm-benchmarks), beside evmone's baseline
// interpreter and the EVM of anvil. Part of bench/chain.mjs.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// Cloned with --install into the cache, or put there by hand.
const sources = {
  "evm-benchmarks": { url: "https://github.com/ipsilon/evm-benchmarks", commit: "d8b88f4046a87d6b902378cef752591f95427b43" },
  "peers/evmone-source/evmone": { url: "https://github.com/ethereum/evmone", commit: "2cbfad3d" },
  "peers/evmone-source/evmc": { url: "https://github.com/ethereum/evmc", commit: "496ce0f81058378b72d0b592d1c49b935bce3302" },
  "peers/evmone-source/intx": { url: "https://github.com/chfast/intx", commit: "0306b49" },
};
const needed = { inputs: ["evm-benchmarks"], evmone: Object.keys(sources).slice(1) };

// Folder of the benchmark in the suite, and which of its inputs.
const cases = [
  ["blake2b_huff", "8415nulls"], ["blake2b_shifts", "8415nulls"], ["sha1_shifts", "5311"], ["sha1_divs", "5311"],
  ["snailtracer", "benchmark"], ["weierstrudel", "15"], ["structarray_alloc", "nfts_rank"], ["swap_math", "spent"],
];
// The bar of the issue is for the first six: at most 1.15 of evmone's time.
const barred = 6;
const rounds = 7, seconds = 0.2;
// As evmone's own build has it.
const optimized = ["-O3", "-march=x86-64-v2"];

function fetch_missing(names, cache, install) {
  for (const name of names) {
    const folder = join(cache, name);
    if (existsSync(folder)) continue;
    const { url, commit } = sources[name];
    if (!install) return `${folder} is not there: a checkout of ${url} at ${commit}; --install clones it`;
    mkdirSync(join(folder, ".."), { recursive: true });
    for (const args of [["clone", "-q", url, folder], ["-C", folder, "checkout", "-q", commit]]) {
      const done = spawnSync("git", args, { encoding: "utf8" });
      if (done.status !== 0) {
        rmSync(folder, { recursive: true, force: true });
        return `git ${args.join(" ")}: ${(done.stderr ?? "").trim()}`;
      }
    }
  }
  return null;
}

const run_json = (program, args) => {
  const result = spawnSync(program, args, { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${program}: ${result.stderr}`);
  return JSON.parse(result.stdout);
};

// Code and inputs of the suite as hex files in `work`: [{name, code, input}].
function unpack(folder, work) {
  return cases.map(([name, label]) => {
    const test = Object.values(JSON.parse(readFileSync(join(folder, "benchmarks/main", `${name}.json`), "utf8")))[0];
    const index = Number(Object.entries(test._info.labels).find(([, value]) => value === label)[0]);
    const code = join(work, `${name}.code`), input = join(work, `${name}.input`);
    const hex = { code: test.pre[test.transaction.to].code.slice(2), input: test.transaction.data[index].slice(2) };
    writeFileSync(code, hex.code);
    writeFileSync(input, hex.input);
    return { name, code, input, hex };
  });
}

// evmone's library without its precompiles, in one program; null where it cannot be had.
function build_evmone(root, cache, install) {
  const missing = fetch_missing(needed.evmone, cache, install);
  if (missing !== null) return console.error(missing), null;
  const from = join(cache, "peers/evmone-source"), lib = join(from, "evmone/lib/evmone");
  const program = join(cache, "peers/evmone_peer"), main = join(root, "bench/chain/evmone_peer.cpp");
  if (existsSync(program) && statSync(program).mtimeMs > statSync(main).mtimeMs) return program;
  console.error(`building evmone into ${program}`);
  const files = ["advanced_analysis", "advanced_execution", "advanced_instructions", "baseline_analysis", "baseline_execution",
    "baseline_instruction_table", "delegation", "eof", "instructions_calls", "instructions_storage", "tracing", "vm"];
  const keccak = join(cache, "peers/evmone_keccak.o");
  const include = ["evmone/include", "evmone/lib", "evmone/lib/evmone", "intx/include", "evmc/include"];
  const steps = [
    ["gcc", [...optimized, "-DNDEBUG", "-c", join(from, "evmone/lib/evmone_precompiles/keccak.c"), "-o", keccak]],
    ["g++", ["-std=c++20", ...optimized, "-DNDEBUG", "-w", "-DPROJECT_VERSION=\"bench\"", ...include.map((path) => `-I${join(from, path)}`),
      main, ...files.map((file) => join(lib, `${file}.cpp`)), keccak, "-o", program]],
  ];
  for (const [compiler, args] of steps) {
    const done = spawnSync(compiler, args, { encoding: "utf8" });
    if (done.status !== 0) return console.error(`evmone cannot be built: ${done.stderr.slice(0, 2000)}`), null;
  }
  return program;
}

// Anvil with the codes of all cases. `time` says how long its process computed for an eth_call of
// one, in ms: median over calls of at least `seconds`, less what the same request takes where there
// is no code, so that JSON and HTTP do not count. null where there is no anvil.
async function start_anvil(root, all) {
  const anvil = join(root, "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
  if (!existsSync(anvil)) return null;
  const port = 20000 + (process.pid % 20000);
  const chain = spawn(anvil, ["--port", String(port), "--silent", "--hardfork", "cancun", "--gas-limit", "2000000000",
    "--disable-code-size-limit", "--no-mining"], { stdio: "ignore" });
  const ask = async (method, params) => {
    const answer = await fetch(`http://127.0.0.1:${port}`, {
      method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    }).then((response) => response.json());
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  };
  // Of all its threads: each counts its nanoseconds on a processor.
  const cpu_ms = () => readdirSync(`/proc/${chain.pid}/task`)
    .reduce((sum, task) => sum + Number(readFileSync(`/proc/${chain.pid}/task/${task}/schedstat`, "utf8").split(" ")[0]), 0) / 1e6;
  const address = (number) => `0x${number.toString(16).padStart(40, "0")}`;
  const nobody = address(0xdead0000), contract = (one) => address(0xc0de00 + all.indexOf(one));
  const call = (to, input) => ask("eth_call", [{ to, data: `0x${input}`, gas: "0x3b9aca00" }, "latest"]);
  const timed_call = async (to, input) => {
    const before = cpu_ms();
    await call(to, input);
    return cpu_ms() - before;
  };
  try {
    let up = null;
    for (let i = 0; up === null && i < 100; ++i) {
      up = await ask("eth_chainId", []).catch(() => new Promise((go) => setTimeout(() => go(null), 100)));
    }
    if (up === null) throw new Error("anvil does not answer");
    for (const one of all) await ask("anvil_setCode", [contract(one), `0x${one.hex.code}`]);
  } catch (error) {
    chain.kill();
    throw error;
  }
  return {
    stop: () => chain.kill(),
    output: async (one) => Buffer.from((await call(contract(one), one.hex.input)).slice(2), "hex"),
    time: async (one) => {
      const calls = [], idle = [];
      for (const end = cpu_ms() + seconds * 1e3; calls.length < 3 || cpu_ms() < end;) {
        calls.push(await timed_call(contract(one), one.hex.input));
        idle.push(await timed_call(nobody, one.hex.input));
      }
      return median(calls) - median(idle);
    },
  };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// All in turn, so that they see the same machine; gas and output must be the same.
async function measure_case(one, program, evmone, anvil) {
  const { name, code, input } = one;
  const times = { ours: [], evmone: [], anvil: [] };
  const output = anvil === null ? null : createHash("sha256").update(await anvil.output(one)).digest("hex");
  for (let round = 0; round < rounds; ++round) {
    const mine = run_json(program, ["--code", code, "--input", input, "--seconds", String(seconds)]);
    if (mine.status !== "success") throw new Error(`${name}: ${mine.status}`);
    if (output !== null && output !== mine.output) throw new Error(`${name}: anvil has another output`);
    times.ours.push(mine.ms);
    if (evmone !== null) {
      const other = run_json(evmone, [code, input, String(seconds)]);
      if (other.status !== 0 || other.gas !== mine.gas) throw new Error(`${name}: evmone took ${other.gas} gas, not ${mine.gas}`);
      times.evmone.push(other.ms);
    }
    if (anvil !== null) times.anvil.push(await anvil.time(one));
  }
  const middle = (list) => (list.length === 0 ? null : median(list));
  return { ours: middle(times.ours), evmone: middle(times.evmone), anvil: middle(times.anvil) };
}

export async function add_evm_rows(rows, { root, cache, peers, install, work }) {
  const program = join(root, "build/release/bench/evm_workload");
  if (!existsSync(program)) throw new Error(`${program} is not there: build chain_workload first`);
  const missing = fetch_missing(needed.inputs, cache, install);
  if (missing !== null) return console.error(missing);
  const all = unpack(join(cache, "evm-benchmarks"), work);
  const evmone = peers ? build_evmone(root, cache, install) : null;
  const anvil = peers ? await start_anvil(root, all) : null;
  const how = `processor time of a call, medians of ${rounds} rounds in turn`;
  try {
    for (const [i, one] of all.entries()) {
      const found = await measure_case(one, program, evmone, anvil);
      const row = { measure: `evm ${one.name}`, unit: "ms", ours: found.ours, how };
      if (!peers) {
        rows.add(row);
        continue;
      }
      // Not slower than 1.15 times evmone; faster than anvil.
      rows.add({ ...row, peer: "evmone baseline", peers: found.evmone, how: `${how}; evmone by g++ ${optimized.join(" ")}`,
        bar: i < barred ? { at_least: 0.87, of: "ratio" } : null });
      rows.add({ ...row, peer: "anvil (revm)", peers: found.anvil, how: `${how}; anvil's eth_call less the same request without code`,
        bar: i < barred ? { at_least: 1, of: "ratio" } : null });
    }
  } finally {
    anvil?.stop();
  }
}
