// eth_call against `anvil --network optimism` on random code: the same status, output, gas, and the
// same tree of calls and logs (debug_traceCall with the callTracer).
//
//   node tests/conformance/call_differential.mjs OPENLEDGER [--cases N] [--first N] [--seed N] [--anvil PATH]
//
// A case is made of the seed and its number alone: `--first NUMBER --cases 1` runs one of them again.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { Program, Random, raw_code } from "./random_code.mjs";

const here = dirname(fileURLToPath(import.meta.url));
export const anvil_path = join(here, "../../contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
const chain_id = 7777;

const hex = (n) => `0x${BigInt(n).toString(16)}`;
const address = (n) => `0x${BigInt(n).toString(16).padStart(40, "0")}`;
const text = (code) => `0x${Buffer.from(code).toString("hex")}`;

const free_port = () => new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address();
        server.close(() => resolve(port));
    });
});

class Client {
    static async start(path, args) {
        const self = new Client();
        const port = await free_port();
        self.url = `http://127.0.0.1:${port}`;
        self.child = spawn(path, [...args, "--port", String(port)], { stdio: "ignore" });
        self.exit = new Promise((resolve) => self.child.on("exit", resolve));
        for (let i = 0; ; ++i) {
            try {
                await self.ask([["eth_chainId"]]);
                return self;
            } catch (error) {
                if (i === 200) throw new Error(`${path} does not answer: ${error.message}`);
                await new Promise((done) => setTimeout(done, 50));
            }
        }
    }
    // A batch: [method, ...parameters] each; their answers in order.
    async ask(calls) {
        const body = calls.map(([method, ...params], id) => ({ jsonrpc: "2.0", id, method, params }));
        const reply = await fetch(this.url, {
            method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
        const answers = await reply.json();
        return answers.sort((a, b) => a.id - b.id);
    }
    async stop() {
        this.child.kill();
        await this.exit;
    }
}

// Contracts that programs call: as programs themselves, and some of a fixed kind.
const callees = [0xc0c0, 0xc0c1, 0xc0c2, 0xc0c3, 0xc0c4, 0xc0c5, 0xc0c6];
const fixed = ["0x", "0x60205ffd", "0xfe", "0x5b5f56", "0x365f5f375f365f205f5560205ff3"];

function make_case(seed, number) {
    const random = new Random((BigInt(seed) << 32n) + BigInt(number));
    const structured = random.below(8) !== 0;
    const write = () => (structured ? new Program(random, callees).write() : raw_code(random));
    const state = { [address(0xe0a)]: { balance: hex(10n ** 20n), nonce: "0x5" },
        [address(0xc0de)]: { balance: hex(1000), nonce: "0x1", code: text(write()) } };
    for (const [i, callee] of callees.entries()) {
        state[address(callee)] = { balance: hex(i * 40), nonce: "0x1", code: i < fixed.length ? fixed[i] : text(write()) };
    }
    const transaction = {
        from: address(0xe0a), to: address(0xc0de), gas: hex(60_000 + random.below(400_000)),
        value: hex(random.below(3) ? 0 : random.below(500)), data: text(random.bytes(random.below(100))), gasPrice: "0x0",
    };
    const block = { number: hex(1_000_000), time: hex(2_000_000_000), gasLimit: hex(30_000_000),
        feeRecipient: address(0xfee), prevRandao: `0x${"4a".repeat(32)}`, baseFeePerGas: "0x0" };
    return { transaction, state, block };
}

// What both must say alike of a call tree; errors count as reverts or as failures. Logs of what
// failed, which anvil keeps, are dropped as geth drops them.
function tree_of(frame, inside_failure = false) {
    const has_failed = inside_failure || frame.error !== undefined;
    const failure = frame.error === undefined ? "" : /revert/i.test(frame.error) ? "revert" : "failure";
    return {
        type: frame.type, from: frame.from, to: frame.to ?? null, value: BigInt(frame.value ?? 0), gas: BigInt(frame.gas),
        gas_used: BigInt(frame.gasUsed), input: frame.input, failure,
        output: failure === "failure" ? "0x" : frame.output ?? "0x",
        logs: (has_failed ? [] : frame.logs ?? []).map((log) => [log.address, log.topics, log.data, BigInt(log.position)]),
        calls: (frame.calls ?? []).map((call) => tree_of(call, has_failed)),
    };
}

// Where an account destroys itself for itself anvil names whatever moved money last, or nothing.
function excuse(mine, other) {
    mine.calls.forEach((call, i) => {
        if (other.calls[i]?.type !== call.type) return;
        if (call.type === "SELFDESTRUCT" && call.from === call.to) {
            const { from, to, value } = call;
            Object.assign(other.calls[i], { from, to, value });
        }
        excuse(call, other.calls[i]);
    });
}

function outcome_of([called, traced]) {
    const { result, error } = called;
    const status = error === undefined ? "success" : /revert/i.test(error.message) ? "revert" : "failure";
    const output = status === "success" ? result : status === "revert" ? error.data ?? "0x" : "0x";
    if (traced.error !== undefined) return { status, output, trace: "none", why: traced.error.message };
    // The gas of the outermost call is with the transaction's own cost here, as geth has it.
    return { status, output, trace: { ...tree_of(traced.result), gas: null } };
}

const requests_of = ({ transaction, state, block }) => [
    ["eth_call", transaction, "latest", state, block],
    ["debug_traceCall", transaction, "latest",
        { tracer: "callTracer", tracerConfig: { withLog: true }, stateOverrides: state, blockOverrides: block }],
];

// Runs cases [first, first + cases); what differed, and how many ended how.
export async function compare({ openledger, anvil = anvil_path, seed = 1, first = 0, cases = 2000 }) {
    const folder = mkdtempSync(join(tmpdir(), "openledger-differential-"));
    const clients = [];
    const counts = { success: 0, revert: 0, failure: 0 };
    const differences = [];
    try {
        clients.push(await Client.start(openledger, ["--data-dir", folder, "chain", "run", "--chain-id", String(chain_id)]));
        clients.push(await Client.start(anvil, ["--network", "optimism", "--hardfork", "isthmus", "--chain-id", String(chain_id), "--silent"]));
        for (let at = first; at < first + cases;) {
            const batch = Array.from({ length: Math.min(50, first + cases - at) }, (_, i) => make_case(seed, at + i));
            const [ours, theirs] = await Promise.all(clients.map((client) => client.ask(batch.flatMap(requests_of))));
            batch.forEach((one, i) => {
                const mine = outcome_of(ours.slice(2 * i, 2 * i + 2)), other = outcome_of(theirs.slice(2 * i, 2 * i + 2));
                counts[mine.status] += 1;
                if (mine.trace !== "none" && other.trace !== "none") excuse(mine.trace, other.trace);
                if (!isDeepStrictEqual(mine, other)) differences.push({ number: at + i, one, ours: mine, theirs: other });
            });
            at += batch.length;
        }
    } finally {
        for (const client of clients) await client.stop();
        rmSync(folder, { recursive: true, force: true });
    }
    return { counts, differences };
}

// The first place where two values differ, as path and both values.
export function first_difference(a, b, path = "") {
    if (isDeepStrictEqual(a, b)) return null;
    if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return `${path}: ${a} / ${b}`;
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
        const found = first_difference(a[key], b[key], `${path}.${key}`);
        if (found !== null) return found;
    }
    return path;
}

async function main([openledger, ...rest]) {
    const option = (name, otherwise) => (rest.includes(name) ? rest[rest.indexOf(name) + 1] : otherwise);
    const number = (name, otherwise) => Number(option(name, otherwise));
    const anvil = option("--anvil", anvil_path);
    if (!openledger || !existsSync(anvil)) {
        console.error("usage: call_differential.mjs OPENLEDGER [--cases N] [--first N] [--seed N] [--anvil PATH]");
        return 2;
    }
    const cases = number("--cases", 5000);
    const { counts, differences } = await compare({ openledger, anvil, cases, first: number("--first", 0), seed: number("--seed", 1) });
    for (const { number: which, one, ours, theirs } of differences.slice(0, 20)) {
        console.log(`case ${which}${first_difference(ours, theirs)} (ours / anvil's)`);
        if (rest.includes("--show")) console.log(JSON.stringify(one, null, 1));
    }
    console.log(`${cases} calls: ${counts.success} succeeded, ${counts.revert} reverted, ${counts.failure} failed; `
        + `${differences.length} not as anvil has them`);
    return differences.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
