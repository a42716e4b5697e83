// The whole road: time of each demo step, speeds, and a build from nothing (--build).
//
// Options: --runs N (default 3; medians), --build (a cold build without ccache, once).
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Rows, options } from "./rows.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const program = join(root, "build/release/bin/openledger");
const { json, rest } = options();
const runs = rest.includes("--runs") ? Number(rest[rest.indexOf("--runs") + 1]) : 3;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const rows = new Rows();
const demos = [];
for (let i = 0; i < runs; ++i) {
  const folder = mkdtempSync(join(tmpdir(), "openledger-bench-"));
  const file = join(folder, "demo.json");
  const result = spawnSync(program, ["--data-dir", join(folder, "node"), "demo", "--json", file],
    { encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.status !== 0) {
    console.error(result.stderr);
    process.exit(1);
  }
  demos.push(JSON.parse(readFileSync(file, "utf8")));
  rmSync(folder, { recursive: true, force: true });
}
const how = `openledger demo --json, median of ${runs}`;
for (const step of Object.keys(demos[0].seconds)) {
  rows.add({
    measure: `demo ${step}`, unit: "s", ours: median(demos.map((demo) => demo.seconds[step])), how,
    bar: step === "total" ? { at_most: 90 } : null,
  });
}
rows.add({ measure: "training", unit: "tokens/s", how,
  ours: median(demos.map((demo) => demo.models.train_tokens_per_second)) });
rows.add({ measure: "decoding, HTTP included", unit: "tokens/s", how,
  ours: median(demos.map((demo) => demo.models.decode_tokens_per_second)) });
rows.add({ measure: "attribution rate", unit: "of answers", how, bar: { at_least: 0.9 },
  ours: median(demos.map((demo) => demo.attribution_rate)) });

if (rest.includes("--build")) {
  const folder = mkdtempSync(join(tmpdir(), "openledger-build-"));
  const start = process.hrtime.bigint();
  for (const args of [["cmake", "-S", root, "-B", folder, "-G", "Ninja"], ["ninja", "-C", folder]]) {
    const result = spawnSync(args[0], args.slice(1),
      { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, CCACHE_DISABLE: "1" } });
    if (result.status !== 0) process.exit(1);
  }
  rows.add({
    measure: "build from nothing, tests included", unit: "s", bar: { at_most: 480 },
    ours: Number(process.hrtime.bigint() - start) / 1e9, how: "cmake and ninja with CCACHE_DISABLE=1",
  });
  rmSync(folder, { recursive: true, force: true });
}
rows.finish(json);
