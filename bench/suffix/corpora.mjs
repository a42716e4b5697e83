// The corpora of the suffix benchmark, made from Debian's documentation packages.
//
//   prose   about 130 MB of manuals, books and dictionaries
//   large   1000 MB: prose, reference manuals of programming languages, kernel sources
//
// A corpus is a folder CACHE/corpora/NAME:
//   all/part-NN.jsonl       one record a line, {"text": ...}: a section of about 250 words
//   prefix-N/part-NN.jsonl  the first N MB of it (1, 10, 100, 1000), links to the same parts
//   heldout.jsonl           about 2 % of the records, which the parts do not have
//   outputs.jsonl           500 pieces of held-out records, each a little more than 200 symbols
//   manifest.json           sizes, packages and their versions
// Records are in the order of their SHA-1 (each once), so a prefix is a fair sample of the whole.
// MB are 10^6 bytes of text. Nothing of it belongs into the repository.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync, closeSync, existsSync, linkSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync,
  rmSync, writeFileSync, writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import * as extract from "./extract.mjs";

const form = 2; // raised whenever the rules below or in extract.mjs change
const sizes = { prose: 130e6, large: 1000e6 };
const cuts = [1e6, 10e6, 100e6, ...Array.from({ length: 9 }, (_, i) => (i + 2) * 100e6)];

// The files to read of a package, by path; the first kind that fits is taken. Packages not named
// here give all their .html.
const html = [["html", /\.html$/]];
const rst = [["text", /\.rst\.txt$/]];
const rules = {
  "apache2-doc": [["html", /\/manual\/en\/.*\.html$/]],
  "debian-handbook": [["html", /\/en-US\/.*\.html$/]],
  "debian-policy": rst,
  "developers-reference": [["text", /developers-reference\/_sources\/.*\.rst\.txt$/]],
  "dict-devil": [["dictd", /\.index$/]],
  "dict-foldoc": [["dictd", /\.index$/]],
  "dict-gcide": [["dictd", /\.index$/]],
  "dict-jargon": [["dictd", /\.index$/]],
  "dict-wn": [["dictd", /\.index$/]],
  "git-doc": [["text", /\.txt$/]],
  "installation-guide-amd64": [["html", /\/en\/.*\.html$/]],
  "linux-doc-6.1": rst,
  "linux-source-6.1": [["text", /\.(?:c|h|S|rs|py|sh|dts|dtsi)$|\/Kconfig$/]],
  "manpages": [["roff", /\/man\d\/.*\.gz$/]],
  "manpages-dev": [["roff", /\/man\d\/.*\.gz$/]],
  "perl-doc": [["pod", /\.pod$/]],
  "python3.11-doc": rst,
};
// Indexes, listings of sources, machine-made tables of registers: not text that anybody wrote to be read.
const never = new RegExp([
  /\/(?:genindex|py-modindex|search|allclasses|index-all|doc-index|all)[^/]*\.html$/,
  /\/index-files\//,
  /\/asic_reg\//,
  /_sh_mask\.h$/,
  /_offset\.h$/,
  /\/src-html\//,
  /\/(?:src|Documentation)\/.*\.(?:c|h|S|rs|py|sh)$/,
  /\/src\/.*\.html$/,
  /_source\.html$/,
  /\/(?:class-use|doc-files)\//,
].map((pattern) => pattern.source).join("|"));

export function cache_folder(option) {
  return option ?? join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "openledger-bench");
}

function packages_of(corpus) {
  const file = join(dirname(fileURLToPath(import.meta.url)), "packages.txt");
  return readFileSync(file, "utf8").split("\n").filter((line) => /^\w/.test(line))
    .map((line) => line.split(/\s+/)).filter(([of]) => of === "prose" || of === corpus).map(([, name]) => name);
}

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.error) throw new Error(`${program}: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${(result.stderr ?? "").trim()}`);
  return result.stdout;
}

// The .deb files, downloaded where they are missing and that is allowed.
function fetch_packages(names, cache, install) {
  const folder = join(cache, "debs");
  mkdirSync(folder, { recursive: true });
  const find = (name) => readdirSync(folder).filter((file) => file.startsWith(`${name}_`) && file.endsWith(".deb")).sort()[0];
  const missing = names.filter((name) => find(name) === undefined);
  if (missing.length > 0 && !install) {
    throw new Error(`the corpus needs ${missing.length} Debian packages that are not in ${folder}: ${missing.join(" ")}\n`
      + "Run it again with --install, which downloads them there with apt-get (nothing is installed), or put the "
      + ".deb files there yourself.");
  }
  for (const name of missing) {
    console.error(`downloading ${name}`);
    run("apt-get", ["download", "-q", name], { cwd: folder });
  }
  return names.map((name) => [name, join(folder, find(name))]);
}

function* walk(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.isFile()) yield path;
  }
}

function unpack(name, file, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run("dpkg-deb", ["-x", file, folder]);
  for (const path of walk(folder)) {
    if (path.endsWith(".tar.xz")) {
      run("tar", ["-xJf", path, "-C", folder]);
      rmSync(path);
    }
  }
}

function text_of(path, kind) {
  let bytes = readFileSync(path);
  if (kind === "dictd") {
    const dict = path.replace(/\.index$/, ".dict.dz");
    return existsSync(dict) ? extract.dictd(bytes.toString("utf8"), readFileSync(dict)) : null;
  }
  if (path.endsWith(".gz")) bytes = gunzipSync(bytes);
  if (bytes.includes(0)) return null;
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
  return kind === "text" ? text : extract[kind](text);
}

// Words and marks, roughly as docs/formats/symbols.md counts them.
const pieces = /[\p{L}\p{M}\p{N}_]+(?:['.:][\p{L}\p{M}\p{N}_]+)*|[^\s\p{L}\p{M}\p{N}_]/gu;

// Pieces of about 200 symbols (230, so that 200 can be cut exactly), by a fixed seed.
function cut_outputs(heldout, count) {
  let state = 20240229;
  const random = () => { // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const outputs = [];
  for (let tries = 0; outputs.length < count && tries < 100 * count; ++tries) {
    const text = heldout[Math.floor(random() * heldout.length)];
    const found = [...text.matchAll(pieces)];
    if (found.length < 230) continue;
    const first = Math.floor(random() * (found.length - 230 + 1));
    const last = found[first + 229];
    outputs.push(text.slice(found[first].index, last.index + last[0].length));
  }
  return outputs;
}

function make(corpus, packages, folder, cache) {
  const limit = sizes[corpus];
  const work = join(cache, "tmp");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, "buckets"), { recursive: true });
  const bucket_file = (i) => join(work, "buckets", String(i).padStart(3, "0"));
  const buckets = Array.from({ length: 256 }, () => []);
  const held = new Array(256).fill(0);
  const flush = (i) => {
    if (buckets[i].length > 0) appendFileSync(bucket_file(i), buckets[i].join(""));
    buckets[i] = [], held[i] = 0;
  };
  const from = {};
  for (const [name, file] of packages) {
    const unpacked = join(work, "package");
    unpack(name, file, unpacked);
    const count = { files: 0, skipped: 0, records: 0, bytes: 0 };
    for (const path of walk(unpacked)) {
      const inside = "/" + relative(unpacked, path);
      if (never.test(inside.replace(/^\/usr\/src\//, "/"))) continue;
      const kind = (rules[name] ?? html).find(([, pattern]) => pattern.test(inside))?.[0];
      if (kind === undefined) continue;
      const text = text_of(path, kind);
      count.files += 1;
      if (text === null) count.skipped += 1;
      for (const record of text === null ? [] : extract.records(text)) {
        const hash = createHash("sha1").update(record).digest("hex");
        const line = `${hash} ${JSON.stringify({ text: record })}\n`;
        const i = parseInt(hash.slice(0, 2), 16);
        buckets[i].push(line);
        held[i] += line.length;
        if (held[i] > 1 << 20) flush(i);
        count.records += 1;
        count.bytes += Buffer.byteLength(record);
      }
    }
    console.error(`${name.padEnd(28)} ${(count.bytes / 1e6).toFixed(1)} MB of text, ${count.records} records`);
    from[name] = { deb: file.split("/").at(-1), ...count };
  }
  for (let i = 0; i < 256; ++i) flush(i);

  const made = join(work, "made");
  mkdirSync(join(made, "all"), { recursive: true });
  const parts = [];
  const heldout = [];
  const digest = createHash("sha256");
  let bytes = 0, records = 0, file = -1;
  const open_part = () => {
    if (file !== -1) closeSync(file);
    const name = `part-${String(parts.length).padStart(2, "0")}.jsonl`;
    file = openSync(join(made, "all", name), "w");
    parts.push({ name, bytes: 0 });
  };
  open_part();
  for (let i = 0; i < 256 && bytes < limit; ++i) {
    if (!existsSync(bucket_file(i))) continue;
    const lines = readFileSync(bucket_file(i), "utf8").split("\n").filter((line) => line !== "").sort();
    let before = "";
    for (const line of lines) {
      if (line === before) continue; // the same record again
      before = line;
      const json = line.slice(41);
      const { text } = JSON.parse(json);
      if (parseInt(line.slice(16, 24), 16) % 50 === 0) {
        heldout.push(text);
        continue;
      }
      if (bytes >= cuts[parts.length - 1]) open_part();
      writeSync(file, json + "\n");
      digest.update(json).update("\n");
      const size = Buffer.byteLength(text);
      parts.at(-1).bytes += size;
      bytes += size;
      records += 1;
      if (bytes >= limit) break;
    }
  }
  closeSync(file);
  const prefixes = [];
  let sum = 0;
  for (const [i, part] of parts.entries()) {
    sum += part.bytes;
    const mb = [1, 10, 100, 1000].find((n) => n * 1e6 === cuts[i]);
    if (mb === undefined || sum < cuts[i]) continue;
    prefixes.push(mb);
    mkdirSync(join(made, `prefix-${mb}`));
    for (const { name } of parts.slice(0, i + 1)) linkSync(join(made, "all", name), join(made, `prefix-${mb}`, name));
  }
  const outputs = cut_outputs(heldout, 500);
  const lines = (texts) => texts.map((text) => JSON.stringify({ text }) + "\n").join("");
  writeFileSync(join(made, "heldout.jsonl"), lines(heldout));
  writeFileSync(join(made, "outputs.jsonl"), lines(outputs));
  const manifest = {
    form, corpus, bytes, records, sha256: digest.digest("hex"), parts, prefixes,
    heldout: { records: heldout.length, outputs: outputs.length }, packages: from,
  };
  writeFileSync(join(made, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(made, folder);
  rmSync(work, { recursive: true, force: true });
  return manifest;
}

// {folder, all, heldout, outputs, prefixes: [MB], bytes, records}; made if it is not there yet or the packages changed.
// A path in place of a name is a folder of that form that somebody else made.
export function corpus(name, { cache, install }) {
  if (sizes[name] === undefined) {
    const manifest_file = join(name, "manifest.json");
    if (!existsSync(manifest_file)) throw new Error(`${name}: neither prose nor large nor a folder with a manifest.json`);
    return describe(name, JSON.parse(readFileSync(manifest_file, "utf8")));
  }
  const folder = join(cache, "corpora", name);
  const packages = fetch_packages(packages_of(name), cache, install);
  if (existsSync(join(folder, "manifest.json"))) {
    const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    const same = packages.every(([package_name, file]) => manifest.packages[package_name]?.deb === file.split("/").at(-1));
    if (manifest.form === form && same) return describe(folder, manifest);
  }
  console.error(`making the corpus ${name} in ${folder}`);
  return describe(folder, make(name, packages, folder, cache));
}

function describe(folder, manifest) {
  return {
    folder, all: join(folder, "all"), heldout: join(folder, "heldout.jsonl"), outputs: join(folder, "outputs.jsonl"),
    prefix: (mb) => join(folder, `prefix-${mb}`), prefixes: manifest.prefixes, bytes: manifest.bytes,
    records: manifest.records, sha256: manifest.sha256, name: manifest.corpus,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const after = (option) => (args.includes(option) ? args[args.indexOf(option) + 1] : undefined);
  try {
    const made = corpus(after("--corpus") ?? "prose", { cache: cache_folder(after("--cache")), install: args.includes("--install") });
    console.log(`${made.folder}: ${(made.bytes / 1e6).toFixed(1)} MB of text, ${made.records} records`);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
