// Fees and receipts of the OP Stack against `anvil --network optimism`: makes transactions of every
// kind on anvil, one a block, under L1 attributes that change, writes down what came of each, and
// lets conformance_fees carry them out again.
//
//   node tests/conformance/op_fees.mjs CONFORMANCE_FEES [--transactions N] [--seed N] [--anvil PATH]
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const [program, ...rest] = process.argv.slice(2);
if (!program) {
    console.error("usage: op_fees.mjs CONFORMANCE_FEES [--transactions N] [--seed N] [--anvil PATH]");
    process.exit(2);
}
const option = (name, otherwise) => {
    const at = rest.indexOf(name);
    return at < 0 ? otherwise : rest[at + 1];
};
const count = Number(option("--transactions", 600));
let seed = Number(option("--seed", 1));
const anvilPath = option("--anvil", join(here, "../../contracts/node_modules/.bin/anvil"));

// xorshift32: the same transactions on every run.
const next = () => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return seed >>> 0;
};
const below = (n) => next() % n;
const pick = (list) => list[below(list.length)];
const hex = (n) => "0x" + BigInt(n).toString(16);
const bytes = (n, letters = 256) =>
    "0x" + Array.from({ length: n }, () => below(letters).toString(16).padStart(2, "0")).join("");
const word = (n) => "0x" + BigInt(n).toString(16).padStart(64, "0");
const predeploy = (last) => "0x42000000000000000000000000000000000000" + last;

const l1Block = predeploy("15");
const vaults = { base: predeploy("19"), l1: predeploy("1a"), operator: predeploy("1b") };
const contracts = {
    store: ["0x1000000000000000000000000000000000000001", "0x6020355f355500"],
    log: ["0x1000000000000000000000000000000000000002", "0x5f3560205fa100"],
    revert: ["0x1000000000000000000000000000000000000003", "0x60205ffd"],
    invalid: ["0x1000000000000000000000000000000000000004", "0xfe"],
    burn: ["0x1000000000000000000000000000000000000005", "0x5b5f56"],
    // Stores what the block and the transaction look like from inside.
    look: ["0x1000000000000000000000000000000000000006", "0x485f554a600155446002553a6003554660045500"],
    sum: ["0x1000000000000000000000000000000000000007", "0x365f5f375f365f205f5500"],
};

class Anvil {
    static async start(hardfork, port) {
        const self = new Anvil();
        self.url = `http://127.0.0.1:${port}`;
        self.child = spawn(anvilPath, ["--network", "optimism", "--hardfork", hardfork, "--port", port,
            "--accounts", "5", "--silent"], { stdio: ["ignore", "ignore", process.env.OL_SHOW ? "inherit" : "ignore"] });
        for (let i = 0; ; ++i) {
            try {
                await self.call("eth_chainId");
                return self;
            } catch (error) {
                if (i === 100) throw error;
                await new Promise((done) => setTimeout(done, 50));
            }
        }
    }
    async call(method, ...params) {
        const reply = await fetch(this.url, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
        });
        const { result, error } = await reply.json();
        if (error) throw new Error(`${method}: ${error.message}`);
        return result;
    }
    // The block is made a moment after the transaction came.
    async receipt(hash) {
        for (let i = 0; i < 200; ++i) {
            const receipt = await this.call("eth_getTransactionReceipt", hash);
            if (receipt) return receipt;
            await new Promise((done) => setTimeout(done, 10));
        }
        throw new Error(`${hash}: no receipt`);
    }
    // All accounts but the empty ones, which are not part of a state any more.
    async state() {
        const dump = await this.call("anvil_dumpState");
        const { accounts } = JSON.parse(gunzipSync(Buffer.from(dump.slice(2), "hex")));
        for (const [address, account] of Object.entries(accounts)) {
            if (!account.nonce && BigInt(account.balance) === 0n && account.code === "0x") delete accounts[address];
            account.nonce = hex(account.nonce);
        }
        return accounts;
    }
    stop() {
        this.child.kill();
    }
}

// New L1 attributes: base fee, scalars, blob base fee, operator fee, footprint's scalar.
function l1Attributes() {
    const baseFee = BigInt(below(1 << 30)) * BigInt(1 + below(200));
    const scalars = (BigInt(below(10_000)) << 96n) | (BigInt(below(1_000_000)) << 64n) | BigInt(below(9));
    const operator = below(3) === 0 ? 0n
        : (BigInt(below(3_000_000)) << 64n) | BigInt(below(1 << 30)) * BigInt(below(1000));
    return [[1, baseFee], [3, scalars], [7, BigInt(below(1 << 30))],
        [8, (BigInt(below(1000)) << 96n) | operator]];
}

const random = {
    data() {
        switch (below(4)) {
            case 0: return "0x";
            case 1: return bytes(below(100));
            case 2: return bytes(below(2000), 4);
            default: return word(below(5)) + word(below(3)).slice(2) + bytes(below(300)).slice(2);
        }
    },
    initCode() {
        const size = 1 + below(100);
        // Returns `size` bytes of zeros as code, or reverts.
        return below(5) === 0 ? "0x5f5ffd" : "0x60" + size.toString(16).padStart(2, "0") + "5ff3" + bytes(below(60)).slice(2);
    },
    target(accounts) {
        return below(3) === 0 ? pick(accounts) : pick(Object.values(contracts))[0];
    },
};

const tokens = (data) => {
    let out = 0;
    for (let i = 2; i < data.length; i += 2) out += data.slice(i, i + 2) === "00" ? 1 : 4;
    return out;
};

function transaction(accounts, baseFee) {
    const creates = below(6) === 0;
    const data = creates ? random.initCode() : random.data();
    const floor = 21000 + 10 * tokens(data) + (creates ? 40000 : 0);
    const out = {
        from: pick(accounts),
        value: below(3) === 0 ? hex(below(1 << 30)) : "0x0",
        input: data,
        gas: hex(floor + below(4) * below(60_000)),
    };
    if (!creates) out.to = random.target(accounts);
    const price = BigInt(baseFee) + BigInt(below(1 << 30)) * BigInt(1 + below(20));
    switch (below(3)) {
        case 0:
            return { ...out, type: "0x0", gasPrice: hex(price) };
        case 1: {
            const keys = Array.from({ length: below(4) }, () => word(below(5)));
            out.gas = hex(BigInt(out.gas) + 4300n + 1900n * BigInt(keys.length));
            return { ...out, type: "0x1", gasPrice: hex(price), accessList: [{ address: random.target(accounts), storageKeys: keys }] };
        }
        default:
            return { ...out, type: "0x2", maxFeePerGas: hex(price * 2n), maxPriorityFeePerGas: hex(price - BigInt(baseFee)) };
    }
}

function deposit(accounts) {
    const creates = below(6) === 0;
    const data = creates ? random.initCode() : random.data();
    const out = {
        type: "0x7e",
        from: below(2) === 0 ? pick(accounts) : "0x" + bytes(20).slice(2),
        value: below(2) === 0 ? hex(below(1000)) : "0x0",
        mint: below(2) === 0 ? hex(below(1000)) : "0x0",
        input: data,
        // Sometimes too little.
        gas: hex(below(5) === 0 ? 21000 : 21000 + 10 * tokens(data) + (creates ? 40000 : 0) + below(3) * below(60_000)),
        sourceHash: bytes(32),
        isSystemTx: false,
    };
    if (!creates) out.to = random.target(accounts);
    return out;
}

// RLP of strings in hex and of lists of them.
function rlp(item) {
    const isList = Array.isArray(item);
    const payload = isList ? Buffer.concat(item.map(rlp)) : Buffer.from(item.slice(2), "hex");
    if (!isList && payload.length === 1 && payload[0] < 0x80) return payload;
    const base = isList ? 0xc0 : 0x80;
    if (payload.length <= 55) return Buffer.concat([Buffer.from([base + payload.length]), payload]);
    let digits = payload.length.toString(16);
    if (digits.length % 2) digits = "0" + digits;
    const length = Buffer.from(digits, "hex");
    return Buffer.concat([Buffer.from([base + 55 + length.length]), length, payload]);
}
const digits = (quantity) => {
    const text = BigInt(quantity).toString(16);
    return BigInt(quantity) === 0n ? "0x" : "0x" + (text.length % 2 ? "0" : "") + text;
};
const encodeDeposit = (tx) => "0x7e" + rlp([tx.sourceHash, tx.from, tx.to ?? "0x", digits(tx.mint), digits(tx.value),
    digits(tx.gas), "0x", tx.input]).toString("hex");

async function record(hardfork, port) {
    const anvil = await Anvil.start(hardfork, port);
    try {
        const accounts = await anvil.call("eth_accounts");
        for (const [address, code] of [...Object.values(contracts), [l1Block, "0x00"]]) {
            await anvil.call("anvil_setCode", address, code);
        }
        const out = { hardfork, chainId: await anvil.call("eth_chainId"), alloc: await anvil.state(), blocks: [] };
        await anvil.call("anvil_setCoinbase", "0x4200000000000000000000000000000000000011");
        let pending = []; // attributes of blocks that did not come about
        for (let i = 0; i < count; ++i) {
            const slots = i % 5 === 0 ? l1Attributes() : [];
            for (const [slot, value] of slots) await anvil.call("anvil_setStorageAt", l1Block, hex(slot), word(value));
            const head = await anvil.call("eth_getBlockByNumber", "latest", false);
            const tx = below(4) === 0 ? deposit(accounts) : transaction(accounts, head.baseFeePerGas);
            let hash;
            try {
                hash = tx.type === "0x7e" ? await anvil.call("eth_sendRawTransaction", encodeDeposit(tx))
                    : await anvil.call("eth_sendTransaction", tx);
            } catch (error) {
                out.refused = (out.refused ?? 0) + 1;
                if (process.env.OL_SHOW) console.error(error.message, JSON.stringify(tx).slice(0, 200));
                pending.push(...slots);
                continue;
            }
            const receipt = await anvil.receipt(hash);
            const block = await anvil.call("eth_getBlockByHash", receipt.blockHash, false);
            const watched = [...Object.values(vaults), block.miner, tx.from, ...(tx.to ? [tx.to] : [])];
            const balances = {};
            for (const address of watched) balances[address] = await anvil.call("eth_getBalance", address, "latest");
            out.blocks.push({
                slots: [...pending, ...slots].map(([slot, value]) => [hex(slot), hex(value)]),
                raw: tx.type === "0x7e" ? encodeDeposit(tx) : await anvil.call("eth_getRawTransactionByHash", hash),
                block, receipt, balances,
                nonce: await anvil.call("eth_getTransactionCount", tx.from, "latest"),
            });
            pending = [];
        }
        out.final = await anvil.state();
        return out;
    } finally {
        anvil.stop();
    }
}

const scratch = mkdtempSync(join(tmpdir(), "op-fees-"));
let code = 0;
try {
    // anvil 1.7 carries out every --hardfork of an OP chain by the rules of Isthmus.
    writeFileSync(join(scratch, "isthmus.json"), JSON.stringify(await record("isthmus", "18950")));
    code = spawnSync(program, [scratch], { stdio: "inherit" }).status ?? 1;
} finally {
    if (process.env.OL_KEEP) console.error("kept:", scratch);
    else rmSync(scratch, { recursive: true });
}
process.exit(code);
