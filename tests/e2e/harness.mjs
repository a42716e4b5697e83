// What the end-to-end tests share: running the program, starting and killing a node, checking.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, readFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const program = process.argv[2];
if (!program) {
  console.error("usage: node TEST.mjs PATH-TO-openledger");
  process.exit(2);
}

let checks = 0;
export function check(condition, what) {
  checks += 1;
  if (condition) return;
  console.error(`FAILED: ${what}`);
  console.error(new Error().stack.split("\n")[2]);
  process.exitCode = 1;
  throw new Error(what);
}
export function equal(actual, expected, what) {
  check(actual === expected, `${what}: ${String(actual)} is not ${String(expected)}`);
}
export const done = () => console.log(`${checks} checks passed`);

const folders = [];
export function temporary() {
  const folder = mkdtempSync(join(tmpdir(), "openledger-e2e-"));
  folders.push(folder);
  return folder;
}
process.on("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

// Runs a command to its end; the JSON that it prints when asked for.
export function run(dataDir, args, { json = true, allowFailure = false, timeout = 240_000, uid } = {}) {
  const all = ["--data-dir", dataDir, ...(json ? ["--json"] : []), ...args];
  const result = spawnSync(program, all, { encoding: "utf8", timeout, maxBuffer: 1 << 28, uid, gid: uid });
  if (result.status !== 0 && !allowFailure) {
    throw new Error(`openledger ${args.join(" ")} exited ${result.status}: ${result.stderr}`);
  }
  let value = null;
  if (json && result.stdout.trim()) value = JSON.parse(result.stdout);
  return { status: result.status, stdout: result.stdout, stderr: result.stderr, value };
}

// Starts a command and kills it (SIGKILL) after some milliseconds; true when it was still running.
export async function killAfter(dataDir, args, milliseconds) {
  const child = spawn(program, ["--data-dir", dataDir, "--json", ...args], { stdio: "ignore" });
  let ended = false;
  const exit = new Promise((resolve) => child.on("exit", () => { ended = true; resolve(); }));
  await Promise.race([exit, sleep(milliseconds)]);
  const killed = !ended;
  if (killed) child.kill("SIGKILL");
  await exit;
  await sleep(400); // the chain that it started follows it
  return killed;
}

// `openledger up` on a free port; resolves when it listens.
export async function up(dataDir, options = []) {
  const child = spawn(program, ["--data-dir", dataDir, "--json", ...options, "up", "--port", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  process.on("exit", () => child.kill("SIGKILL")); // no node outlives a test that failed
  let output = "", errors = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (errors += data));
  const urlFile = join(dataDir, "node.url");
  for (let i = 0; i < 600; ++i) {
    if (child.exitCode !== null) throw new Error(`up ended: ${errors}`);
    if (existsSync(urlFile) && output.includes("}")) break;
    await sleep(100);
  }
  const url = readFileSync(urlFile, "utf8").trim();
  const exit = new Promise((resolve) => child.on("exit", resolve));
  return {
    url,
    errors: () => errors,
    kill: async () => { child.kill("SIGKILL"); await exit; await sleep(400); },
    stop: async () => { child.kill("SIGTERM"); await exit; },
  };
}

export { sleep };
