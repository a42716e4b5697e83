// The public peers of the engine, unpacked into the cache, and the commands that run them.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

export class Unavailable extends Error {}

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.error || result.status !== 0) {
    const why = result.error ? result.error.message : (result.stderr || result.stdout).trim().split("\n").slice(-3).join("\n");
    throw new Unavailable(`${program} ${args.slice(0, 4).join(" ")} ...: ${why}`);
  }
  return result.stdout;
}

const listed = readFileSync(join(here, "packages.txt"), "utf8");
const packages = (kind) => listed.split("\n").map((line) => line.split(" ")).filter(([k]) => k === kind).map(([, name]) => name);

// Runs make(folder) unless what it makes is there for this list of packages.
function once(cache, name, kind, make) {
  const folder = join(cache, "engine", name);
  const ready = join(folder, "installed.txt");
  const wanted = packages(kind).join("\n");
  if (existsSync(ready) && readFileSync(ready, "utf8") === wanted) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  console.error(`unpacking ${packages(kind).join(", ")} into ${folder}`);
  make(folder);
  writeFileSync(ready, wanted);
  return folder;
}

function debian(cache) {
  const root = once(cache, "debian", "deb", (folder) => {
    const files = join(folder, "packages");
    mkdirSync(join(files, "partial"), { recursive: true });
    run("apt-get", ["install", "--download-only", "--no-install-recommends", "-y", "-o", `Dir::Cache::archives=${files}`,
      ...packages("deb")]);
    for (const file of readdirSync(files).filter((name) => name.endsWith(".deb"))) run("dpkg", ["-x", join(files, file), folder]);
  });
  const libraries = join(root, "usr/lib/x86_64-linux-gnu");
  const LD_LIBRARY_PATH = [libraries, join(root, "usr/lib"), join(root, "lib/x86_64-linux-gnu"), join(libraries, "openblas-pthread"), join(libraries, "blas"), join(libraries, "lapack")].join(":");
  return { root, libraries, env: { ...process.env, LD_LIBRARY_PATH, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" } };
}

function python(cache) {
  const folder = once(cache, "python", "pip", (to) => {
    run("python3", ["-m", "venv", join(to, "venv")]);
    run(join(to, "venv/bin/python"), ["-m", "pip", "install", "-q", "--disable-pip-version-check", ...packages("pip")]);
  });
  return join(folder, "venv/bin/python");
}

function llama(cache) {
  const folder = once(cache, "node-llama-cpp", "npm", (to) => {
    run("npm", ["pack", "--silent", ...packages("npm")], { cwd: to });
    for (const file of readdirSync(to).filter((name) => name.endsWith(".tgz"))) run("tar", ["-xzf", join(to, file), "-C", to]);
  });
  return join(folder, "package/bins/linux-x64");
}

function compile(cache, source, flags) {
  const program = join(cache, "engine", source.replace(".cpp", ""));
  run("g++", ["-std=c++20", "-O2", join(here, source), "-o", program, ...flags]);
  return program;
}

// Shared objects by what their names begin with: the package names them by its version.
function objects(folder, ...names) {
  return names.map((name) => {
    const found = readdirSync(folder).find((file) => file.startsWith(`${name}.`) && file.endsWith(".so"));
    if (found === undefined) throw new Unavailable(`${folder} has no ${name}.so`);
    return join(folder, found);
  });
}

function random_model(cache, name, shape) {
  const path = join(cache, "engine", `${name}-q8_0.gguf`);
  if (!existsSync(path)) run(python(cache), [join(here, "random_gguf.py"), path, ...shape.map(String)]);
  return path;
}

// [program, arguments, environment] of each part's peer.
export const peers = {
  gemm: { name: "oneDNN", prepare(cache) {
    const { root, libraries, env } = debian(cache);
    const program = compile(cache, "dnnl_peer.cpp", [`-I${join(root, "usr/include")}`, `-L${libraries}`, "-ldnnl",
      `-Wl,-rpath-link,${libraries}`]);
    return [[program, [], env]];
  } },
  quant: { name: "llama.cpp", prepare(cache) {
    const folder = llama(cache);
    const program = compile(cache, "ggml_peer.cpp", [...objects(folder, "libggml", "libggml-base"), `-Wl,-rpath,${folder}`]);
    return [[program, [folder], process.env]];
  } },
  decode: { name: "llama.cpp", prepare(cache) {
    const folder = llama(cache);
    const program = compile(cache, "llama_peer.cpp", [...objects(folder, "libllama", "libggml", "libggml-base"),
      `-Wl,-rpath,${folder}`]);
    const small = random_model(cache, "134M", [49152, 576, 1536, 30, 9, 3, 1]);
    const large = random_model(cache, "1.1B", [32000, 2048, 5632, 22, 32, 4, 0]);
    return [[program, [folder, small, "134M", "49152", "512"], process.env],
      [program, [folder, large, "1.1B", "32000", "0"], process.env]];
  } },
  training: { name: "libtorch 1.13.1", prepare(cache) {
    const { root, env } = debian(cache);
    return [["/usr/bin/python3", [join(here, "torch_peer.py")], { ...env, PYTHONPATH: join(root, "usr/lib/python3/dist-packages") }]];
  } },
  tokenizer: { name: "Hugging Face tokenizers", prepare(cache, options) {
    return [[python(cache), [join(here, "tokenizers_peer.py"), ...options], process.env]];
  } },
};
