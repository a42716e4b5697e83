// Bad input: a clear error that names place and remedy, and nothing lost.
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, done, equal, run, temporary } from "./harness.mjs";

const folder = temporary();
const data = join(folder, "node");

function refused(args, pattern, what) {
  const result = run(data, args, { allowFailure: true });
  equal(result.status, 1, `${what} fails`);
  check(pattern.test(result.stderr), `${what} says why: ${result.stderr}`);
  equal(typeof result.value.error.code, "string", `${what} has an error code in JSON`);
}

const usage = run(data, ["no-such-command"], { json: false, allowFailure: true });
equal(usage.status, 2, "an unknown command is wrong usage");

refused(["--rpc-url", "http://127.0.0.1:9", "datanet", "list"], /127\.0\.0\.1:9/, "an unreachable chain");

run(data, ["wallet", "new", "alice"]);
refused(["wallet", "new", "alice"], /alice/, "a taken wallet name");
refused(["wallet", "new", "../evil"], /name/i, "a wallet name with a path");
refused(["datanet", "show", "nowhere"], /nowhere/, "an unknown datanet");
refused(["ask", "nobody", "hello"], /nobody/, "an unknown model");
refused(["receipt", "show", "0x12"], /HASH/, "a short hash");
refused(["datanet", "create", "shelf", "--wallet", "stranger"], /stranger/, "an unknown wallet");

// A wallet without OPEN cannot bond, and is told so before anything is stored.
run(data, ["datanet", "create", "shelf", "--wallet", "host"]);
const texts = join(folder, "texts");
mkdirSync(texts);
writeFileSync(join(texts, "good.txt"),
  "A ledger is a book of accounts in which every change is written once and never rubbed out again.\n");
refused(["datanet", "contribute", "shelf", texts, "--wallet", "alice"], /bond/, "a contributor without OPEN");

run(data, ["wallet", "fund", "host"]);

// One good row among broken files: the good one is kept, each broken one has its reason.
writeFileSync(join(texts, "broken.txt"), Buffer.from([0x66, 0x6f, 0xff, 0xfe, 0x0a]));
writeFileSync(join(texts, "empty.txt"), "");
writeFileSync(join(texts, "rows.jsonl"), '{"text": "cut off\n[1, 2]\n{"number": 5}\n');
writeFileSync(join(texts, "picture.png"), Buffer.from([0x89, 0x50, 0x4e, 0x47]));
writeFileSync(join(texts, "old.txt.gz"), Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]));
const report = run(data, ["datanet", "contribute", "shelf", texts, "--wallet", "host"]).value;
equal(report.accepted, 1, "the good row is accepted");
for (const name of ["broken.txt", "rows.jsonl", "picture.png", "old.txt.gz"]) {
  check(report.rejected.some((row) => row.file.endsWith(name) && row.reason), `${name} has its reason`);
}
equal(run(data, ["datanet", "show", "shelf"]).value.records, 1, "and is one record");

refused(["datanet", "contribute", "shelf", join(folder, "none"), "--wallet", "host"], /none/,
  "a folder that is not there");
// Root may read everything, so as root the program runs as somebody else here.
const closed = join(folder, "closed");
mkdirSync(closed);
writeFileSync(join(closed, "secret.txt"), "nobody may read this\n");
const nobody = 65534;
const asRoot = process.getuid() === 0;
if (asRoot) {
  for (const path of [folder, data, ...readdirSync(data, { recursive: true }).map((name) => join(data, name))]) {
    chownSync(path, nobody, nobody);
  }
}
chmodSync(closed, 0);
const denied = run(data, ["datanet", "contribute", "shelf", closed, "--wallet", "host"],
  { allowFailure: true, uid: asRoot ? nobody : undefined });
equal(denied.status, 1, "a folder without permission fails");
check(/closed.*denied/i.test(denied.stderr), `and says why: ${denied.stderr}`);
chmodSync(closed, 0o755);

// A wrong password opens nothing and breaks nothing.
writeFileSync(join(folder, "wrong"), "not the password\n");
const wrong = run(data, ["--password-file", join(folder, "wrong"), "datanet", "create", "other", "--wallet", "host"],
  { allowFailure: true });
equal(wrong.status, 1, "a wrong password fails");
check(/password/i.test(wrong.stderr), `and says so: ${wrong.stderr}`);
equal(run(data, ["datanet", "list"]).value.datanets.length, 1, "nothing changed");

// Two processes on one folder: the second speaks to the first or says who is at work; here, none runs.
writeFileSync(join(data, "node.db"), "this is no database");
refused(["datanet", "list"], /node\.db/, "a destroyed database is named");
done();
