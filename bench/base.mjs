// The shipped base: bits a byte of its held-out text, beside a 5-gram model, gzip and xz on the same text.
//
//   --model DIR   the base (default models/base-8m); its text's packages must be installed (models/README.md)
//   --work DIR    where the text's tokens are kept (default ~/.cache/openledger-bench/base)
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Rows, options } from "./rows.mjs";
import { cache_folder } from "./suffix/corpora.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { json, rest } = options();
let model = join(root, "models/base-8m");
let work = null;
while (rest.length > 0) {
  const arg = rest.shift();
  if (arg === "--model" && rest.length > 0) model = resolve(rest.shift());
  else if (arg === "--work" && rest.length > 0) work = resolve(rest.shift());
  else throw new Error(`unknown option ${arg}`);
}
work ??= join(cache_folder(), "base");
const texts = join(work, "texts");
mkdirSync(texts, { recursive: true });

const record = JSON.parse(readFileSync(join(model, "training_record.json"), "utf8"));
const sources = record.text.sources.map((source) => source.path);
for (const source of sources) {
  if (!existsSync(source)) throw new Error(`${source} is not there; install the packages that models/README.md names`);
}
const result = spawnSync(join(root, "build/release/bench/base_workload"), [model, work, texts, ...sources],
  { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
if (result.status !== 0) throw new Error("base_workload failed");
const found = Object.fromEntries(result.stdout.trim().split("\n").map((line) => JSON.parse(line)).map((row) => [row.measure, row]));

// Bytes that a compressor makes of a file, or of the training text with the held-out behind it.
const size = (command) => Number(execFileSync("bash", ["-c", `set -o pipefail; ${command} | wc -c`], { encoding: "utf8" }));
const held = join(texts, "held_out.txt");
const train = join(texts, "train.txt");
const bytes = statSync(held).size;
const gzip = (8 * size(`gzip -9 -c '${held}'`)) / bytes;
const xz = (8 * size(`xz -9e -c '${held}'`)) / bytes;
const primed = (8 * (size(`cat '${train}' '${held}' | xz -9e -c`) - size(`xz -9e -c '${train}'`))) / bytes;

const rows = new Rows();
const how = "held-out documents, all of them; tools/bench base";
const add = (peer, value) => rows.add({ measure: "held-out text", unit: "bits/byte", ours: found.model.bits_per_byte, peer, peers: value,
  bar: { at_least: 1, of: "ratio" }, how });
add("gzip -9", gzip);
add("xz -9e", xz);
add("xz -9e that has read the training text", primed);
if (found["5-gram"]) add("Kneser-Ney 5-gram of the training text", found["5-gram"].bits_per_byte);
rows.finish(json);
