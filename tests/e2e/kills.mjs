// SIGKILL in the middle of contribute, train and settle: nothing is lost, nothing is doubled, and the
// next start goes on.
import { cpSync, readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { check, done, equal, killAfter, run, temporary, up } from "./harness.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const folder = temporary();
const data = join(folder, "node");
const texts = join(folder, "texts");
mkdirSync(texts);

// Rows of distinct words, so that none is a near-duplicate of another.
let state = 12345;
function next(bound) { // mulberry32
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % bound;
}
const syllables = ["ba", "ko", "ti", "ru", "ne", "sha", "lo", "mi", "ga", "fe", "zu", "pra"];
const word = () => Array.from({ length: 2 + next(3) }, () => syllables[next(syllables.length)]).join("");
const sentence = () => Array.from({ length: 30 }, word).join(" ") + ".";
function writeRows(name, count) {
  const rows = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ title: `${name} ${i}`, text: sentence() }));
  writeFileSync(join(texts, `${name}.jsonl`), rows.join("\n") + "\n");
}

async function withNode(work) {
  const node = await up(data);
  try { return await work(node); } finally { await node.stop(); }
}
const get = async (url, path) => (await fetch(url + path)).json();

run(data, ["wallet", "new", "alice"]);
await withNode(async (node) => {
  const accounts = run(data, ["wallet", "list"]).value.wallets;
  const alice = accounts.find((wallet) => wallet.name === "alice").address;
  const funded = await fetch(`${node.url}/api/accounts/${alice.toLowerCase()}/fund`, {
    method: "POST", headers: { "content-type": "application/json" }, body: "{}",
  });
  equal(funded.status, 200, "the development chain funds alice");
  run(data, ["datanet", "create", "shelf", "--wallet", "alice"]);
});

// contribute, killed at several points, then run again to the end: each row is there once.
const rows = 400;
writeRows("first", rows);
let kills = 0;
for (const milliseconds of [250, 350, 450, 550, 650, 800, 950, 1100]) {
  if (await killAfter(data, ["datanet", "contribute", "shelf", texts, "--wallet", "alice"], milliseconds)) {
    kills += 1;
  }
}
check(kills > 0, "some contributions were killed");
run(data, ["datanet", "contribute", "shelf", texts, "--wallet", "alice"]);
const shelf = run(data, ["datanet", "show", "shelf"]).value;
equal(shelf.records, rows, "every row is a record exactly once after the kills");
const again = run(data, ["datanet", "contribute", "shelf", texts, "--wallet", "alice"]).value;
equal(again.accepted, 0, "contributing the same rows again adds nothing");

run(data, ["datanet", "publish", "shelf"]);
equal(run(data, ["datanet", "verify", "shelf"]).value.verified, true, "the version verifies");

// train, killed while the node runs it; the next start resumes and the bytes can be reproduced.
let node = await up(data);
const created = await (await fetch(`${node.url}/api/runs`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    name: "helper", datanet: "shelf", epochs: 3, record_limit: 48, rank: 8, accumulation: 2, packing: true,
    neftune_alpha: 5, dropout: 0.05, rslora: true, schedule: "linear", lora_plus_ratio: 2, quantization: "q8_0",
  }),
})).json();
check(created.id, `a run was made: ${JSON.stringify(created)}`);
for (let i = 0; i < 3; ++i) {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await node.kill();
  node = await up(data);
}
let state2;
for (let i = 0; i < 1200; ++i) {
  state2 = await get(node.url, `/api/runs/${created.id}`);
  if (["done", "failed"].includes(state2.state)) break;
  await new Promise((resolve) => setTimeout(resolve, 100));
}
equal(state2.state, "done", `the killed run ends (${state2.error})`);
const registered = await (await fetch(`${node.url}/api/runs/${created.id}/register`, {
  method: "POST", headers: { "content-type": "application/json" },
  body: JSON.stringify({ wallet: "alice" }),
})).json();
equal(registered.model, "helper", "the adapter is registered");
equal(run(data, ["train", "reproduce", "helper"]).value.reproduced, true,
  "training again without a kill gives the same bytes");
const record = join(data, "runs", created.id, "training_record.json");
equal(run(data, ["train", "reproduce", record]).value.reproduced, true, "the record's file says how");
const other = join(folder, "other_record.json");
writeFileSync(other, readFileSync(record, "utf8").replace('"dropout":0.05', '"dropout":0.06'));
const altered = run(data, ["train", "reproduce", other], { allowFailure: true });
check(altered.status === 1 && altered.stderr.includes("run.lora.dropout is 0.06, not 0.05"), `what differs from the ledger's record is named: ${altered.stderr}`);
const anyway = run(data, ["train", "reproduce", other, "--anyway"], { allowFailure: true });
check(anyway.status === 1 && anyway.stderr.includes("training again gives"), `anyway it is trained: ${anyway.stderr}`);
const loose = run(data, ["train", "--name", "loose", "--datanet", "shelf", "--wallet", "alice", "--epochs", "1", "--records", "6",
  "--no-register", "--dora", "--dropout", "0.1", "--target", "v_proj", "--target", "lm_head", "--rank", "4",
  "--rank-pattern", "v_proj=2", "--alpha-pattern", "lm_head=3"]).value;
const unregistered = join(data, "runs", loose.id, "training_record.json");
const reproduced = run(data, ["train", "reproduce", unregistered]).value;
check(reproduced.reproduced && reproduced.registered === null, "a record that is not registered is reproduced too");
for (const [member, missing] of [["base_hash", "base"], ["datanet_id", "datanet"]]) {
  const changed = JSON.parse(readFileSync(unregistered, "utf8"));
  changed.run[member] = "0x" + "11".repeat(32);
  writeFileSync(other, JSON.stringify(changed));
  const refused = run(data, ["train", "reproduce", other], { allowFailure: true });
  check(refused.status !== 0 && refused.stderr.includes(missing), `it says that the ${missing} is missing: ${refused.stderr}`);
}

// A base whose files change while the node serves it: the run fails and says why, and stays failed.
await node.stop();
const base = join(folder, "base");
cpSync(join(root, "models/base-8m"), base, { recursive: true });
node = await up(data, ["--base", base]);
writeFileSync(join(base, "config.json"), readFileSync(join(base, "config.json"), "utf8") + " ");
const begun = ["train", "--name", "late", "--datanet", "shelf", "--wallet", "alice", "--epochs", "1", "--records", "6"];
const late = run(data, begun, { allowFailure: true });
check(late.status === 1 && /run run-\d+ is failed: .*the base's files are not those/.test(late.stderr), `the command says why: ${late.stderr}`);
const newest = async () => (await get(node.url, "/api/runs")).runs[0];
check((await newest()).error.includes("the base's files are not those"), "and so does the API");
const events = await (await fetch(`${node.url}/api/runs/${(await newest()).id}/events`)).text();
check(/event: error\n.*the base's files[^]*event: end/.test(events.replace(/id: .*\n/g, "")), `and the events: ${events}`);
await node.stop();
node = await up(data);
equal((await newest()).state, "failed", "a start later it has failed");
equal(run(data, [...begun, "--no-register"]).value.state, "done", "and the next run trains");

// Paid answers, then settle killed at several points: one epoch, every receipt in it once.
for (const title of ["first 1", "first 2", "first 3"]) {
  const answer = run(data, ["ask", "helper", `What is ${title}?`, "--deposit", "5", "--max-tokens", "24"]).value;
  check(answer.receipt.hash, "an answer has a receipt");
  equal(run(data, ["receipt", "verify", answer.receipt.hash]).value.verified, true, "and it verifies");
}
await node.stop();
for (const milliseconds of [300, 400, 500, 600, 700, 850]) await killAfter(data, ["epoch", "settle"], milliseconds);
const settled = run(data, ["epoch", "settle"], { allowFailure: true });
const epochs = run(data, ["epoch", "show"]).value;
check(settled.status === 0 || epochs.pending !== null, "an epoch is pending after the kills");
equal(epochs.epochs.length, 1, "there is one epoch");
const epoch = run(data, ["epoch", "show", "1"]).value;
equal(epoch.receipts.length, 3, "with every receipt once");
equal(new Set(epoch.receipts.map((receipt) => receipt.hash)).size, 3, "and none twice");
const early = run(data, ["epoch", "finalise"], { allowFailure: true });
equal(early.status, 1, "an epoch is not final inside its window");

// The ledger's time moves; the epoch becomes final; alice is paid once.
node = await up(data);
const rpc = async (method, params) => (await (await fetch(`${node.url}/rpc`, {
  method: "POST", headers: { "content-type": "application/json" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
})).json()).result;
await rpc("evm_increaseTime", [86401]);
await rpc("evm_mine", []);
equal(run(data, ["epoch", "finalise"]).value.state, "finalised", "the epoch is final after its window");
const first = BigInt(run(data, ["claim", "alice"]).value.claimed_wei);
const second = BigInt(run(data, ["claim", "alice"]).value.claimed_wei);
check(first > 0n, "alice is paid");
equal(second, 0n, "but not twice");
await node.stop();
done();
