// `openledger index`: a folder of texts becomes an index, which grows, shrinks and answers, without a
// node.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, done, equal, killAfter, run, temporary } from "./harness.mjs";

const folder = temporary();
const data = join(folder, "node");
const index = join(folder, "index");
const ask = (...args) => run(data, ["index", ...args]).value;
function refused(args, pattern, what) {
  const result = run(data, ["index", ...args], { allowFailure: true });
  equal(result.status, 1, `${what} fails`);
  check(pattern.test(result.stderr), `${what} says why: ${result.stderr}`);
  equal(typeof result.value.error.code, "string", `${what} has an error code in JSON`);
}

for (const owner of ["alice", "bob"]) mkdirSync(join(folder, owner));
const fox = "the quick brown fox jumps over the lazy dog near the old mill by the river";
writeFileSync(join(folder, "alice", "fox.jsonl"),
  [fox, "a tort is a civil wrong that causes someone else to suffer loss or harm", fox]
    .map((text) => JSON.stringify({ text }) + "\n").join(""));
writeFileSync(join(folder, "bob", "court.jsonl"),
  ["the court ruled that the seller pays damages to the buyer of the house",
   "the tribunal heard the seller and the buyer; nothing was paid", fox, "{"]
    .map((text) => (text === "{" ? text : JSON.stringify({ text })) + "\n").join(""));

writeFileSync(join(folder, "bob", "NOTES"), Buffer.from([0x66, 0xff, 0xfe]));
refused(["count", index, "fox"], /there is no index/, "a query without an index");
refused(["build", index, join(folder, "nowhere")], /nowhere/, "building of nothing");
check(!existsSync(index), "what fails at once leaves no folder");
refused(["build", index, join(folder, "alice"), "--memory", "lots"], /4G/, "odd memory");
refused(["build", index, join(folder, "alice"), "--form", "warm"], /hot or cold/, "an odd form");

const built = ask("build", index, join(folder, "alice"));
equal(built.added, 3, "three rows are three records");
refused(["build", index, join(folder, "bob")], /already/, "building twice");
const appended = ask("append", index, join(folder, "bob"));
equal(appended.added, 3, "the good rows are added");
equal(appended.issues.length, 2, "the bad row and the bad file have their reasons");
refused(["append", index, join(folder, "bob", "NOTES")], /NOTES/, "a bad file that is named");
equal(appended.segments, 2, "in a segment of their own");

equal(ask("count", index, "the quick brown fox").count, 3, "copies are counted");
const places = ask("locate", index, "THE SELLER");
equal(places.count, 2, "case is folded");
check(places.hits[0].label.endsWith("court.jsonl#1"), "a place has its file and row");
equal(places.hits[0].offset, 21, "and its byte");
equal(places.hits[0].owner_name, join(folder, "bob"), "the owner is the folder");
const spread = ask("spread", index, "lazy dog");
equal(spread.records, 3, "three records hold it");
equal(spread.clusters, 1, "which are copies of one");
equal(spread.owners[0].owner_name, join(folder, "alice"), "most of them by one owner");
const next = ask("next", index, "the seller");
equal(next.distinct, 2, "two words follow");
equal(ask("next", index, "unheard of brown fox", "--infinity").context, 2, "the longest end is used");
const found = ask("search", index, "court | tribunal", "seller", "--distance", "3");
equal(found.records, 1, "clauses that are close");
equal(ask("search", index, "court | tribunal", "seller").records, 2, "clauses anywhere");
const fuzzy = ask("fuzzy", index, "they say the quick brown fox leaps over the lazy dog near the old mill");
equal(fuzzy.spans.length, 3, "a changed sentence is found in each copy");
equal(fuzzy.spans[0].edits, 1, "with its one edit");
const answer = "As they say, the quick brown fox jumps over the lazy dog.";
const trace = ask("trace", index, answer, "--min-bits", "8");
equal(trace.spans.length, 1, "one span is traced");
equal(trace.spans[0].matches.length, 1, "copies are paid once");
equal(trace.spans[0].matches[0].record, 0, "the earliest");
equal(answer.slice(trace.spans[0].start_byte, trace.spans[0].end_byte),
  "the quick brown fox jumps over the lazy dog", "the span's bytes are the answer's");
equal(trace.shares[0].owner_name, join(folder, "alice"), "its owner has the share");

equal(ask("remove", index, "0", "2").removed, 2, "records are removed");
equal(ask("remove", index, "0-2", "--label", join(folder, "alice", "fox.jsonl#2")).removed, 1, "once");
equal(ask("count", index, "the quick brown fox").count, 1, "what is removed does not count");
equal(ask("trace", index, answer, "--min-bits", "8").shares[0].owner_name, join(folder, "bob"),
  "the next owner of the cluster is paid");
refused(["remove", index, "77"], /77/, "an unknown record");
const before = JSON.stringify(ask("locate", index, "the"));
for (const form of ["cold", "hot"]) {
  ask("convert", index, form);
  check(ask("stats", index).segments.every((segment) => segment.form === form), `all is ${form}`);
  equal(JSON.stringify(ask("locate", index, "the")), before, `the same answers when ${form}`);
}
equal(ask("merge", index, "--all").segments, 1, "segments are merged");
equal(JSON.stringify(ask("locate", index, "the")), before, "the same answers after it");
equal(ask("stats", index).dead_records, 3, "removed records keep their numbers");

// Evidence: roots, proofs that verify without the index, and none that was changed.
const commitment = join(index, "commitment.json");
equal(ask("commit", index).segments.length, ask("stats", index).segments.length, "every segment is committed");
const phrase = "tribunal heard";
const proofs = {
  claim: ["claim", index, phrase, "--owner", JSON.parse(before).hits[0].owner],
  span: ["span", index, phrase, "--nth", "0"],
  longer: ["longer-match", index, `nothing like ${phrase} here`, "--start", "2", "--length", "1"],
};
for (const [name, args] of Object.entries(proofs)) {
  const file = join(folder, `${name}.json`);
  ask("prove", ...args, "--output", file);
  check(ask("verify", file, "--commitment", commitment).verified, `${name}: verified against the published roots`);
  const proof = JSON.parse(readFileSync(file, "utf8"));
  for (const at of [2, 3, proof.proof.length >> 2, proof.proof.length - 1]) {
    const digit = proof.proof[at] === "0" ? "1" : "0";
    const changed = { ...proof, proof: proof.proof.slice(0, at) + digit + proof.proof.slice(at + 1) };
    if (at < 4) changed.proof = "0x" + "ff" + proof.proof.slice(4);
    writeFileSync(join(folder, "changed.json"), JSON.stringify(changed));
    refused(["verify", join(folder, "changed.json")], /changed\.json/, `${name}: changed at ${at}`);
  }
  const other = { ...proof, commitment: { ...proof.commitment, symbols: proof.commitment.symbols + 1 } };
  writeFileSync(join(folder, "other.json"), JSON.stringify(other));
  refused(["verify", join(folder, "other.json"), "--commitment", commitment], /another index/, `${name}: another index`);
}
check(ask("audit", index).audited, "the index is audited with its lists and its roots");
refused(["prove", "order-fault", index], /in order/, "no fault where there is none");
refused(["prove", "claim", index, phrase, "--owner", "nobody at all"], /owners\.txt/, "an unknown owner");
const segment = ask("stats", index).segments[0].file;
const bytes = readFileSync(join(index, segment));
bytes[bytes.length >> 1] ^= 1;
writeFileSync(join(index, segment), bytes);
refused(["count", index, "the"], new RegExp(segment), "a changed file is named when it is opened");
refused(["audit", index], new RegExp(segment), "and by the audit");
bytes[bytes.length >> 1] ^= 1;
writeFileSync(join(index, segment), bytes);
equal(JSON.stringify(ask("locate", index, "the")), before, "and it is as before when it is mended");

// A writer that is killed leaves what was there.
const many = join(folder, "many.jsonl");
writeFileSync(many, Array.from({ length: 40_000 }, (_, i) =>
  JSON.stringify({ text: `row ${i} of many rows, with words ${i % 97} and ${i % 89} in it` }) + "\n").join(""));
const records = ask("stats", index).records;
for (const milliseconds of [30, 120, 300]) {
  await killAfter(data, ["index", "append", index, many], milliseconds);
  const now = ask("stats", index).records;
  check(now === records || now >= records + 40_000, `all or nothing is added: ${now}`);
  if (now !== records) break;
}
ask("remove", index, "3");
const named = new Set(ask("stats", index).segments.map((segment) => segment.file));
for (const file of readdirSync(index)) {
  check(!file.startsWith("segment-") || named.has(file.replace(".owners", "")), `${file} is not left behind`);
}
ask("convert", index, "cold");
ask("remove", index, "5");
check(!readdirSync(index).some((file) => file.endsWith(".owners")), "owners' lists go with their segment");
const text = run(data, ["index", "locate", index, "tribunal heard"], { json: false }).stdout;
check(text.includes("court.jsonl#2") && text.includes("1 of 1 places"), "people can read it");
done();
