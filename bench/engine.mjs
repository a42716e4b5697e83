// The model engine: kernels, training, decoding, tokenizing; oneDNN, llama.cpp, libtorch, Hugging Face beside it (--peers).
//
//   --part NAME   one of stream, gemm, quant, threads, decode, training, tokenizer alone (repeatable)
//   --rounds N    runs of ours and of the peer, in turn; medians are printed (default 3)
//   --cache DIR   downloads and peers (default ~/.cache/openledger-bench)
//   --install     lets it download the tokenizer's text (the corpus of tools/bench suffix)
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Unavailable, peers as known } from "./engine/peers.mjs";
import { Rows, options } from "./rows.mjs";
import { cache_folder, corpus } from "./suffix/corpora.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const program = join(root, "build/release/bench/engine_workload");
const all_parts = ["stream", "gemm", "quant", "threads", "decode", "training", "tokenizer"];

function arguments_of(rest) {
  const out = { parts: [], rounds: 3, cache: undefined, install: false };
  const left = [...rest];
  while (left.length > 0) {
    const arg = left.shift();
    if (arg === "--install") out.install = true;
    else if (arg === "--part" && all_parts.includes(left[0])) out.parts.push(left.shift());
    else if (arg === "--rounds" && left.length > 0) out.rounds = Number(left.shift());
    else if (arg === "--cache" && left.length > 0) out.cache = left.shift();
    else throw new Error(`unknown option ${arg}`);
  }
  if (out.parts.length === 0) out.parts = all_parts;
  out.cache = cache_folder(out.cache);
  return out;
}

// Rows that a program prints, one JSON object a line.
function run(command, args, env) {
  const result = spawnSync(command, args, { encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 });
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${(result.stderr || "").trim().split("\n").pop()}`);
  return result.stdout.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

// The bars of ours over the peer's. `ratio` of a row is the peer's over ours, for speeds too.
function bar_of(measure) {
  const times = (factor) => ({ at_most: Number((1 / factor).toPrecision(4)), of: "ratio" });
  if (measure.startsWith("GEMM")) return times(0.85);
  if (/^Q[48]_0 .*, 1 row$/.test(measure)) return times(1.3);
  if (/^Q[48]_0 .*, 8 rows$/.test(measure)) return times(1.5);
  if (measure.startsWith("decode")) return times(1.1);
  if (measure.startsWith("prefill")) return times(1.2);
  if (measure.startsWith("full training")) return times(1.3);
  if (measure.startsWith("LoRA training") && measure.endsWith("full training")) return times(2);
  if (measure === "tokenizer, encode") return times(1);
  return null;
}
function own_bar(measure) {
  if (measure === "gradients of each example") return { at_most: 1.15 };
  if (measure.startsWith("two threads")) return { at_least: 0.9 };
  return null;
}

function measure_part(part, chosen, with_peers, rows) {
  const args = [part];
  if (part === "tokenizer") {
    const text = corpus("prose", { cache: chosen.cache, install: chosen.install });
    args.push(text.heldout, join(root, "models/base-8m/tokenizer.json"));
  }
  let commands = [];
  const peer = with_peers ? known[part] : undefined;
  if (peer !== undefined) {
    try {
      commands = peer.prepare(chosen.cache, args.slice(1));
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      console.error(`${part}: ${peer.name} cannot be had: ${error.message}`);
    }
  }
  const ours = new Map(), theirs = new Map(), units = new Map();
  const add = (to, list) => {
    for (const { measure, unit, value } of list) {
      units.set(measure, unit);
      to.set(measure, [...(to.get(measure) ?? []), value]);
    }
  };
  for (let round = 0; round < chosen.rounds; ++round) {
    console.error(`${part}, round ${round + 1} of ${chosen.rounds}`);
    add(ours, run(program, args, process.env));
    for (const [command, rest, env] of commands) add(theirs, run(command, rest, env));
  }
  const how = `medians of ${chosen.rounds} runs in turn, one thread, by CPU-seconds`;
  for (const [measure, values] of ours) {
    const unit = units.get(measure);
    // A form of ours that the peer's one figure stands beside.
    const of = measure.replace(/, packed once$/, "");
    const found = theirs.get(of);
    if (peer !== undefined && found !== undefined) {
      // The engine keeps its weights packed; a product of few rows with others is not its business.
      const few = of === measure && /^GEMM \S+ [1-8]x/.test(of);
      rows.add({ measure, unit, ours: median(values), peer: peer.name, peers: median(found), bar: few ? null : bar_of(of), how });
    } else {
      rows.add({ measure, unit, ours: median(values), bar: own_bar(measure), how });
    }
    // What an adapter saves: ours beside the peer's training of all weights.
    const full = theirs.get("full training, 6.6M");
    if (measure.startsWith("LoRA training") && full !== undefined) {
      const beside = `${measure}, beside full training`;
      rows.add({ measure: beside, unit, ours: median(values), peer: peer.name, peers: median(full), bar: bar_of(beside), how });
    }
  }
}

const { json, peers, rest } = options();
try {
  const chosen = arguments_of(rest);
  if (!existsSync(program)) {
    throw new Error(`${program} is not there: build it first (cmake --build build/release --target engine_workload)`);
  }
  const rows = new Rows();
  for (const part of chosen.parts) measure_part(part, chosen, peers, rows);
  rows.finish(json);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
