// Random EVM code for call_differential.mjs: programs that mostly run on, and bytes that mostly do not.

// name, opcode, words it needs, words it gives. What two clients may answer differently by right is
// not here: BLOCKHASH (other blocks), EXTCODE* and BALANCE of accounts that only one of them has.
const computing = [
    [0x01, 2, 1], [0x02, 2, 1], [0x03, 2, 1], [0x04, 2, 1], [0x05, 2, 1], [0x06, 2, 1], [0x07, 2, 1], [0x08, 3, 1],
    [0x09, 3, 1], [0x0a, 2, 1], [0x0b, 2, 1], [0x10, 2, 1], [0x11, 2, 1], [0x12, 2, 1], [0x13, 2, 1], [0x14, 2, 1],
    [0x15, 1, 1], [0x16, 2, 1], [0x17, 2, 1], [0x18, 2, 1], [0x19, 1, 1], [0x1a, 2, 1], [0x1b, 2, 1], [0x1c, 2, 1],
    [0x1d, 2, 1], [0x58, 0, 1],
];
// ADDRESS ORIGIN CALLER CALLVALUE CALLDATASIZE CODESIZE GASPRICE RETURNDATASIZE COINBASE TIMESTAMP
// NUMBER PREVRANDAO GASLIMIT CHAINID SELFBALANCE BASEFEE MSIZE GAS PUSH0
const looking = [0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a, 0x3d, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x59, 0x5a, 0x5f];
const op = { pop: 0x50, mload: 0x51, mstore: 0x52, mstore8: 0x53, sload: 0x54, sstore: 0x55, jump: 0x56, jumpi: 0x57,
    gas: 0x5a, jumpdest: 0x5b, tload: 0x5c, tstore: 0x5d, mcopy: 0x5e, push0: 0x5f, dup1: 0x80, swap1: 0x90, log0: 0xa0,
    keccak: 0x20, balance: 0x31, calldataload: 0x35, calldatacopy: 0x37, codecopy: 0x39, extcodesize: 0x3b,
    extcodecopy: 0x3c, returndatacopy: 0x3e, extcodehash: 0x3f, blobhash: 0x49, iszero: 0x15, add: 0x01,
    create: 0xf0, call: 0xf1, callcode: 0xf2, return: 0xf3, delegatecall: 0xf4, create2: 0xf5, staticcall: 0xfa,
    revert: 0xfd, selfdestruct: 0xff };
const two_to_256 = 1n << 256n;

// splitmix64, the same on every machine.
export class Random {
    constructor(seed) {
        this.state = BigInt(seed);
    }
    next() {
        const low = (1n << 64n) - 1n;
        this.state = (this.state + 0x9e3779b97f4a7c15n) & low;
        let z = this.state;
        z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & low;
        z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & low;
        return z ^ (z >> 31n);
    }
    below(n) {
        return Number(this.next() % BigInt(n));
    }
    pick(list) {
        return list[this.below(list.length)];
    }
    bytes(n) {
        return Array.from({ length: n }, () => this.below(256));
    }
    word() {
        switch (this.below(8)) {
            case 0: return two_to_256 - 1n - BigInt(this.below(3));
            case 1: return 1n << BigInt(this.below(256));
            case 2: return (this.next() << 192n) | (this.next() << 128n) | (this.next() << 64n) | this.next();
            case 3: return this.next();
            default: return BigInt(this.below(70));
        }
    }
}

// A program with its stack in mind. `callees` are addresses of contracts that it may call.
export class Program {
    constructor(random, callees) {
        this.random = random;
        this.callees = callees;
        this.code = [];
        this.height = 0;
        this.labels = [];
        this.jumps = []; // places of two bytes that become a label
    }
    emit(opcode, needs = 0, gives = 0) {
        this.code.push(opcode);
        this.height = Math.max(0, this.height - needs) + gives;
    }
    push(value) {
        let hex = BigInt(value).toString(16);
        if (hex.length % 2) hex = `0${hex}`;
        const bytes = Buffer.from(hex, "hex");
        this.emit(op.push0 + bytes.length, 0, 1);
        this.code.push(...bytes);
    }
    value() {
        if (this.height > 0 && this.random.below(2)) this.emit(op.dup1 + this.random.below(Math.min(this.height, 16)), 0, 1);
        else this.push(this.random.word());
    }
    small(n = 200) {
        this.push(this.random.below(200) === 0 ? this.random.word() : BigInt(this.random.below(n)));
    }
    compute() {
        const [opcode, needs, gives] = this.random.pick(computing);
        while (this.height < needs || this.random.below(3) === 0) this.value();
        this.emit(opcode, needs, gives);
    }
    shuffle() {
        const n = this.random.below(16);
        const careless = this.random.below(300) === 0;
        switch (this.random.below(5)) {
            case 0: return this.height > 0 || careless ? this.emit(op.pop, 1) : undefined;
            case 1:
            case 2: return this.height > n || careless ? this.emit(op.dup1 + n, 0, 1) : undefined;
            default: return this.height > n + 1 || careless ? this.emit(op.swap1 + n) : undefined;
        }
    }
    memory() {
        switch (this.random.below(9)) {
            case 0:
            case 1: this.small(); return this.emit(op.mload, 1, 1);
            case 2:
            case 3: this.value(); this.small(); return this.emit(op.mstore, 2);
            case 4: this.value(); this.small(); return this.emit(op.mstore8, 2);
            case 5: this.small(); this.small(); return this.emit(op.keccak, 2, 1);
            case 6: {
                const returned = this.random.below(4) === 0;
                for (let i = 0; i < 2; ++i) this.push(this.random.below(returned ? 3 : 200));
                this.small();
                return this.emit(returned ? op.returndatacopy : this.random.pick([op.calldatacopy, op.codecopy, op.mcopy]), 3);
            }
            case 7: {
                const topics = this.random.below(5);
                for (let i = 0; i < topics; ++i) this.value();
                this.small();
                this.small();
                return this.emit(op.log0 + topics, 2 + topics);
            }
            default: return this.emit(0x59, 0, 1);
        }
    }
    storage() {
        const transient = this.random.below(4) === 0;
        if (this.random.below(2)) {
            this.push(this.random.below(2) ? 0n : this.random.word());
            this.push(this.random.below(4));
            return this.emit(transient ? op.tstore : op.sstore, 2);
        }
        this.push(this.random.below(4));
        return this.emit(transient ? op.tload : op.sload, 1, 1);
    }
    look() {
        if (this.random.below(2)) return this.emit(this.random.pick(looking), 0, 1);
        if (this.random.below(3) === 0) {
            this.small(100);
            return this.emit(this.random.pick([op.calldataload, op.blobhash]), 1, 1);
        }
        const to = this.random.pick(this.callees);
        if (this.random.below(4) === 0) {
            for (let i = 0; i < 3; ++i) this.push(this.random.below(60));
            this.push(to);
            return this.emit(op.extcodecopy, 4);
        }
        this.push(to);
        return this.emit(this.random.pick([op.balance, op.extcodesize, op.extcodehash]), 1, 1);
    }
    call() {
        const opcode = this.random.pick([op.call, op.call, op.callcode, op.delegatecall, op.staticcall]);
        const to_precompile = this.random.below(4) === 0;
        for (let i = 0; i < 4; ++i) this.push(this.random.below(to_precompile ? 260 : 100));
        const has_value = opcode === op.call || opcode === op.callcode;
        if (has_value) this.push(this.random.below(3) === 0 ? this.random.below(200) : 0);
        this.push(to_precompile ? this.random.pick([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 0x100])
            : this.random.pick(this.callees));
        if (this.random.below(3) === 0) this.push(this.random.below(60_000));
        else this.emit(op.gas, 0, 1);
        this.emit(opcode, has_value ? 7 : 6, 1);
    }
    create() {
        // Returns 32 zeros as code; code that begins with 0xef; reverts with a byte; stores and has no code; destroys itself.
        const init = this.random.pick(["60206000f3", "60ef60005360016000f3", "60016000fd", "6001600155", "33ff"]);
        this.push(this.random.below(6) === 0 ? this.random.word() : BigInt(`0x${init.padEnd(64, "0")}`));
        this.push(this.random.below(3) * 32);
        this.emit(op.mstore, 2);
        const salted = this.random.below(2);
        if (salted) this.push(this.random.below(2));
        this.push(this.random.below(100));
        this.push(this.random.below(3) * 32);
        this.push(this.random.below(3) === 0 ? this.random.below(100) : 0);
        this.emit(salted ? op.create2 : op.create, salted ? 4 : 3, 1);
    }
    label() {
        this.labels.push(this.code.length);
        this.emit(op.jumpdest);
        // Words that are not counted on, for who comes here with fewer than were there.
        for (let spare = this.random.below(12); spare > 0; --spare) this.code.push(op.push0 + 1, this.random.below(100));
    }
    branch() {
        const kind = this.random.below(3);
        if (kind === 0) return this.label();
        if (kind === 1) {
            this.value();
            if (this.random.below(2)) this.emit(op.iszero, 1, 1);
        }
        this.emit(op.push0 + 2, 0, 1);
        this.jumps.push(this.code.length);
        this.code.push(...this.random.bytes(2));
        if (kind === 1) return this.emit(op.jumpi, 2);
        return this.emit(this.random.below(4) ? op.pop : op.jump, 1);
    }
    end() {
        this.label();
        const kind = this.random.below(8);
        if (kind < 5) {
            this.push(this.random.below(80));
            this.push(this.random.below(80));
            this.emit(kind === 0 ? op.revert : op.return, 2);
        } else if (kind === 5) {
            this.push(this.random.pick(this.callees));
            this.emit(op.selfdestruct, 1);
        } else if (kind === 6) {
            this.emit(this.random.below(256));
        }
    }
    write() {
        const { random } = this;
        for (let count = 5 + random.below(random.below(4) ? 40 : 200); count > 0; --count) {
            const kind = random.below(100);
            if (kind < 30) this.compute();
            else if (kind < 55) this.shuffle();
            else if (kind < 67) this.memory();
            else if (kind < 74) this.storage();
            else if (kind < 81) this.look();
            else if (kind < 87) this.call();
            else if (kind < 90) this.create();
            else if (kind < 98) this.branch();
            else this.push(random.word());
        }
        this.end();
        for (const at of this.jumps) {
            if (random.below(60) === 0) continue;
            // Forward, mostly: else nearly everything would loop until the gas is gone.
            let target = random.pick(this.labels);
            while (target < at && random.below(40)) target = random.pick(this.labels);
            this.code[at] = target >> 8;
            this.code[at + 1] = target & 255;
        }
        return this.code;
    }
}

// Bytes as they come, or drawn from what is an instruction, with small numbers pushed in between.
export function raw_code(random) {
    const size = 1 + random.below(120);
    if (random.below(4) === 0) return random.bytes(size).map((byte) => (byte === 0x40 || byte === 0x4a ? 0x5f : byte));
    const known = [...computing.map(([opcode]) => opcode), ...looking, ...Object.values(op)];
    const code = [];
    while (code.length < size) {
        if (random.below(2)) code.push(op.push0 + 1, random.below(random.below(8) ? 12 : 256));
        else if (random.below(4) === 0) code.push(op.dup1 + random.below(32));
        else code.push(random.pick(known));
    }
    return code;
}
