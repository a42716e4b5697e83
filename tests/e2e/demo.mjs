// The main job, end to end, on real text: everything that the demo's JSON must hold.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { check, done, equal, program, temporary } from "./harness.mjs";

const folder = temporary();
const file = join(folder, "demo.json");
const result = spawnSync(program, ["--data-dir", join(folder, "node"), "demo", "--json", file], {
  encoding: "utf8",
  timeout: 600_000,
  maxBuffer: 1 << 28,
});
process.stdout.write(result.stdout);
process.stderr.write(result.stderr);
equal(result.status, 0, "exit status");
const demo = JSON.parse(readFileSync(file, "utf8"));

const hash = /^0x[0-9a-f]{64}$/;
const decimal = /^[0-9]+$/;
const one = 2 ** 32;

check(hash.test(demo.datanet.id) && hash.test(demo.datanet.version_root), "datanet id and root");
check(demo.datanet.accepted > 1000, "records accepted");
check(demo.datanet.rejected.length > 0 && demo.datanet.rejected.every((row) => row.reason), "reasons");
check(demo.datanet.rejected.some((row) => hash.test(row.match ?? "")), "a duplicate names its match");

check(hash.test(demo.copyist.matched_record), "the copied record is named");
check(BigInt(demo.copyist.slashed_wei) > 0n, "the copyist's bond is slashed");

check(hash.test(demo.adapter.hash), "adapter hash");
check(demo.adapter.loss_last < demo.adapter.loss_first, "the loss falls");
equal(demo.adapter.tampered_refused, true, "tampered adapter refused");

check(demo.answers.length >= 10, "at least ten answers");
for (const answer of demo.answers) {
  check(answer.answer.length > 0 && hash.test(answer.receipt), `answer to ${answer.prompt}`);
  check(answer.shares_sum === one || (answer.shares_sum === 0 && answer.spans.length === 0),
    `shares of ${answer.prompt} sum to 2^32`);
  for (const span of answer.spans) {
    check(answer.answer.includes(span.text), "a span is text of the answer");
    check(hash.test(span.record) && span.bits > 0, "a span names its record");
  }
}
const right = demo.answers.filter((answer) => answer.top_owner === answer.truth_owner).length;
equal(demo.attribution_rate, right / demo.answers.length, "attribution rate as counted");
check(demo.attribution_rate >= 0.9, `attribution rate ${demo.attribution_rate} is at least 0.9`);

check(hash.test(demo.epoch.receipts_root) && hash.test(demo.epoch.rewards_root), "epoch roots");
equal(demo.watcher.agreed, true, "the watcher agrees with the honest epoch");
equal(demo.watcher.forgery_caught, true, "the forgery is caught");
check(BigInt(demo.watcher.forgery_slashed_wei) > 0n, "the forger's bond is slashed");

check(decimal.test(demo.money.in_wei) && BigInt(demo.money.in_wei) > 0n, "money came in");
equal(demo.money.in_wei, demo.money.out_wei, "wei in = wei out");
const claimed = demo.epoch.claims.reduce((sum, claim) => sum + BigInt(claim.wei), 0n);
equal(claimed.toString(), demo.money.out_wei, "claims sum to what went out");

check(demo.transactions.length > 15 && demo.transactions.every((tx) => hash.test(tx.hash)), "transactions");
check(demo.models.base_params >= 8e6 && demo.models.base_params <= 12e6, "base of 8 to 12 M parameters");
check(demo.models.train_tokens_per_second > 0 && demo.models.decode_tokens_per_second > 0, "speeds");
done();
