// The public peers of the suffix index, installed into the cache and run by peers.py.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

class Unavailable extends Error {}

function run(program, args) {
  const result = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.error || result.status !== 0) {
    const why = result.error ? result.error.message : (result.stderr || result.stdout).trim().split("\n").slice(-3).join("\n");
    throw new Unavailable(`the peers cannot be had: ${program} ${args.slice(0, 4).join(" ")} ...: ${why}\n`
      + "They need python3 (3.11 or newer, with venv), pip with a registry in reach, and g++.");
  }
}

// {python, fastgram}: an interpreter that has infini-gram, and a program that is Fastgram.
function install(cache) {
  const wanted = readFileSync(join(here, "peers.txt"), "utf8");
  const of = (kind) => wanted.split("\n").map((line) => line.split(" ")).filter(([k]) => k === kind).map(([, name]) => name);
  const folder = join(cache, "peers");
  const ready = join(folder, "installed.txt");
  const python = join(folder, "venv/bin/python");
  const fastgram = join(folder, "fastgram");
  const program = join(here, "fastgram.cpp");
  if (!existsSync(ready) || readFileSync(ready, "utf8") !== wanted) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    console.error(`installing the peers into ${folder}`);
    run("python3", ["-m", "venv", join(folder, "venv")]);
    run(python, ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", ...of("wheel")]);
    const sources = join(folder, "sources");
    run(python, ["-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:",
      "-d", sources, ...of("source")]);
    for (const file of readdirSync(sources)) run("tar", ["-xzf", join(sources, file), "-C", sources]);
    const unpacked = readdirSync(sources).find((name) => existsSync(join(sources, name, "src/engine.cc")));
    if (unpacked === undefined) throw new Unavailable("the peers cannot be had: fast-gram has no src/engine.cc");
    renameSync(join(sources, unpacked), join(folder, "fastgram-source"));
    writeFileSync(ready, wanted);
  }
  if (!existsSync(fastgram) || statSync(fastgram).mtimeMs < statSync(program).mtimeMs) {
    const source = join(folder, "fastgram-source");
    const files = readdirSync(join(source, "src")).filter((name) => name.endsWith(".cc")).map((name) => join(source, "src", name));
    run("g++", ["-std=c++20", "-O3", "-DNDEBUG", `-I${join(source, "include")}`, program, ...files, "-o", fastgram, "-pthread"]);
  }
  return { python, fastgram };
}

// What peers.py says of the symbols in `folder`; null, with a message, where the peers cannot be had.
// That their answers differ is an Error.
export function measure_peers(folder, cache) {
  let installed;
  try {
    installed = install(cache);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.error(error.message);
    return null;
  }
  const { python, fastgram } = installed;
  const file = join(folder, "peers.json");
  const result = spawnSync(python, [join(here, "peers.py"), folder, "--work", join(folder, "peers"), "--fastgram", fastgram,
    "--json", file], { stdio: ["ignore", "inherit", "inherit"] });
  if (result.status !== 0) throw new Error("the peers did not finish (see above)");
  return JSON.parse(readFileSync(file, "utf8"));
}
