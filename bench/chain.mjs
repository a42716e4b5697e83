// The embedded chain: contract calls, import of blocks, JSON-RPC; evmone and anvil beside them (--peers).
//
//   --peers      runs the peers too: evmone, built from its sources, and anvil of our npm packages
//   --cache DIR  inputs and peers (default ~/.cache/openledger-bench): evm-benchmarks and
//                peers/evmone-source/{evmone,evmc,intx} are checkouts of the repositories that
//                bench/chain/evm.mjs names
//   --only PART  evm, import or rpc
//   --blocks N   of the import (default 100); --mix NAME: transfers, erc20 or half alone
//   --install    lets it clone what is missing there
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { add_evm_rows } from "./chain/evm.mjs";
import { add_import_rows, mixes } from "./chain/import.mjs";
import { add_rpc_rows } from "./chain/rpc.mjs";
import { Rows, options } from "./rows.mjs";
import { cache_folder } from "./suffix/corpora.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const { json, peers, rest } = options();
let work = null;
try {
  let cache, install = false, only = null;
  const load = {};
  while (rest.length > 0) {
    const arg = rest.shift();
    if (arg === "--install") install = true;
    else if (arg === "--only" && rest.length > 0) only = rest.shift();
    else if (arg === "--blocks" && Number(rest[0]) > 0) load.blocks = Number(rest.shift());
    else if (arg === "--mix" && mixes.includes(rest[0])) load.mixes = [rest.shift()];
    else if (arg === "--cache" && rest.length > 0) cache = rest.shift();
    else throw new Error(`unknown option ${arg}`);
  }
  cache = cache_folder(cache);
  mkdirSync(cache, { recursive: true });
  work = mkdtempSync(join(cache, "work-"));
  const rows = new Rows();
  if (only === null || only === "evm") await add_evm_rows(rows, { root, cache, peers, install, work });
  if (only === null || only === "rpc") await add_rpc_rows(rows, { root, peers, work });
  if (only === null || only === "import") await add_import_rows(rows, { root, cache, work, ...load });
  rows.finish(json);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  if (work !== null) rmSync(work, { recursive: true, force: true });
}
