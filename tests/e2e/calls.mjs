// eth_call on random code, beside anvil: a bounded run of tests/conformance/call_differential.mjs.
import { existsSync } from "node:fs";
import { anvil_path, compare, first_difference } from "../conformance/call_differential.mjs";
import { check, done, program } from "./harness.mjs";

check(existsSync(anvil_path), `${anvil_path} is there (npm ci in contracts)`);
const { counts, differences } = await compare({ openledger: program, cases: 600 });
for (const { number, ours, theirs } of differences) console.error(`case ${number}${first_difference(ours, theirs)}`);
check(differences.length === 0, "anvil has the same status, output, gas, calls and logs");
for (const [status, count] of Object.entries(counts)) check(count > 20, `calls that end in ${status} are among them`);
done();
