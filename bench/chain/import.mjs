// Import of full blocks over a large state: what a core does of it, and how the folder grows. Part of
// bench/chain.mjs.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const accounts = 10_000_000, senders = 2000;
const names = { transfers: "OPEN transfers", erc20: "ERC-20 transfers", half: "both in turn" };
export const mixes = Object.keys(names);

// `blocks`: 1,000 in the issue; fewer say the same of a core, and less of the growth.
export async function add_import_rows(rows, { root, cache, work, blocks = 100, mixes: wanted = mixes }) {
  const program = join(root, "build/release/bench/import_workload");
  if (!existsSync(program)) return console.error(`${program} is not there: build import_workload first`);
  // The state of ten million accounts is made at the first run (minutes, 2 GB) and kept.
  const base = join(cache, "chain-state-10m");
  if (!existsSync(base)) console.error(`making a state of ${accounts} accounts in ${base}`);
  const folder = join(work, "import");
  mkdirSync(folder, { recursive: true });
  for (const mix of wanted) {
    const result = spawnSync(program, ["--work", folder, "--base", base, "--blocks", String(blocks), "--mix", mix,
      "--senders", String(senders), "--state", String(accounts - senders), "--artifacts", join(root, "contracts/out")],
      { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    if (result.status !== 0) throw new Error(`${program} --mix ${mix}: exited ${result.status}`);
    const found = JSON.parse(result.stdout);
    const how = `${blocks} blocks of ${Math.round(found.gas / blocks / 1e6)} Mgas over ${accounts / 1e6} M accounts, ` +
      "durable, processor time of all threads";
    const name = names[mix];
    rows.add({ measure: `import, ${name}`, unit: "Mgas/CPU-s", ours: found.mgas_per_cpu_second, how, bar: { at_least: 150 } });
    rows.add({ measure: `growth of a block, ${name}`, unit: "bytes", ours: found.growth_bytes_per_block, how, bar: null });
  }
}
