#include "chain/evm/instructions.hpp"

#include <fmt/format.h>

#include "chain/evm/evm.hpp"

namespace ol::chain::evm {

namespace {

struct Row {
    std::uint8_t opcode;
    std::string_view name;
    std::uint8_t needs, gives;
    std::int16_t gas; // at Frontier, or where it appeared
    Fork since = Fork::frontier;
};

constexpr Row rows[] = {
    {op::stop, "STOP", 0, 0, 0},
    {op::add, "ADD", 2, 1, 3},
    {op::mul, "MUL", 2, 1, 5},
    {op::sub, "SUB", 2, 1, 3},
    {op::div, "DIV", 2, 1, 5},
    {op::sdiv, "SDIV", 2, 1, 5},
    {op::mod, "MOD", 2, 1, 5},
    {op::smod, "SMOD", 2, 1, 5},
    {op::addmod, "ADDMOD", 3, 1, 8},
    {op::mulmod, "MULMOD", 3, 1, 8},
    {op::exp, "EXP", 2, 1, 10},
    {op::signextend, "SIGNEXTEND", 2, 1, 5},
    {op::lt, "LT", 2, 1, 3},
    {op::gt, "GT", 2, 1, 3},
    {op::slt, "SLT", 2, 1, 3},
    {op::sgt, "SGT", 2, 1, 3},
    {op::eq, "EQ", 2, 1, 3},
    {op::iszero, "ISZERO", 1, 1, 3},
    {op::and_, "AND", 2, 1, 3},
    {op::or_, "OR", 2, 1, 3},
    {op::xor_, "XOR", 2, 1, 3},
    {op::not_, "NOT", 1, 1, 3},
    {op::byte, "BYTE", 2, 1, 3},
    {op::shl, "SHL", 2, 1, 3, Fork::constantinople}, // EIP-145
    {op::shr, "SHR", 2, 1, 3, Fork::constantinople},
    {op::sar, "SAR", 2, 1, 3, Fork::constantinople},
    {op::clz, "CLZ", 1, 1, 5, Fork::osaka}, // EIP-7939
    {op::keccak256, "KECCAK256", 2, 1, 30},
    {op::address, "ADDRESS", 0, 1, 2},
    {op::balance, "BALANCE", 1, 1, 20},
    {op::origin, "ORIGIN", 0, 1, 2},
    {op::caller, "CALLER", 0, 1, 2},
    {op::callvalue, "CALLVALUE", 0, 1, 2},
    {op::calldataload, "CALLDATALOAD", 1, 1, 3},
    {op::calldatasize, "CALLDATASIZE", 0, 1, 2},
    {op::calldatacopy, "CALLDATACOPY", 3, 0, 3},
    {op::codesize, "CODESIZE", 0, 1, 2},
    {op::codecopy, "CODECOPY", 3, 0, 3},
    {op::gasprice, "GASPRICE", 0, 1, 2},
    {op::extcodesize, "EXTCODESIZE", 1, 1, 20},
    {op::extcodecopy, "EXTCODECOPY", 4, 0, 20},
    {op::returndatasize, "RETURNDATASIZE", 0, 1, 2, Fork::byzantium}, // EIP-211
    {op::returndatacopy, "RETURNDATACOPY", 3, 0, 3, Fork::byzantium},
    {op::extcodehash, "EXTCODEHASH", 1, 1, 400, Fork::constantinople}, // EIP-1052
    {op::blockhash, "BLOCKHASH", 1, 1, 20},
    {op::coinbase, "COINBASE", 0, 1, 2},
    {op::timestamp, "TIMESTAMP", 0, 1, 2},
    {op::number, "NUMBER", 0, 1, 2},
    {op::prevrandao, "DIFFICULTY", 0, 1, 2}, // geth's name, before and after EIP-4399
    {op::gaslimit, "GASLIMIT", 0, 1, 2},
    {op::chainid, "CHAINID", 0, 1, 2, Fork::istanbul},         // EIP-1344
    {op::selfbalance, "SELFBALANCE", 0, 1, 5, Fork::istanbul}, // EIP-1884
    {op::basefee, "BASEFEE", 0, 1, 2, Fork::london},           // EIP-3198
    {op::blobhash, "BLOBHASH", 1, 1, 3, Fork::cancun},         // EIP-4844
    {op::blobbasefee, "BLOBBASEFEE", 0, 1, 2, Fork::cancun},   // EIP-7516
    {op::pop, "POP", 1, 0, 2},
    {op::mload, "MLOAD", 1, 1, 3},
    {op::mstore, "MSTORE", 2, 0, 3},
    {op::mstore8, "MSTORE8", 2, 0, 3},
    {op::sload, "SLOAD", 1, 1, 50},
    {op::sstore, "SSTORE", 2, 0, 0},
    {op::jump, "JUMP", 1, 0, 8},
    {op::jumpi, "JUMPI", 2, 0, 10},
    {op::pc, "PC", 0, 1, 2},
    {op::msize, "MSIZE", 0, 1, 2},
    {op::gas, "GAS", 0, 1, 2},
    {op::jumpdest, "JUMPDEST", 0, 0, 1},
    {op::tload, "TLOAD", 1, 1, 100, Fork::cancun}, // EIP-1153
    {op::tstore, "TSTORE", 2, 0, 100, Fork::cancun},
    {op::mcopy, "MCOPY", 3, 0, 3, Fork::cancun},   // EIP-5656
    {op::push0, "PUSH0", 0, 1, 2, Fork::shanghai}, // EIP-3855
    {op::create, "CREATE", 3, 1, 32000},
    {op::call, "CALL", 7, 1, 40},
    {op::callcode, "CALLCODE", 7, 1, 40},
    {op::return_, "RETURN", 2, 0, 0},
    {op::delegatecall, "DELEGATECALL", 6, 1, 40, Fork::homestead}, // EIP-7
    {op::create2, "CREATE2", 4, 1, 32000, Fork::constantinople},   // EIP-1014
    {op::staticcall, "STATICCALL", 6, 1, 700, Fork::byzantium},    // EIP-214
    {op::revert, "REVERT", 2, 0, 0, Fork::byzantium},              // EIP-140
    {op::selfdestruct, "SELFDESTRUCT", 1, 0, 0},
};

// INVALID has a name (EIP-141), but is no instruction under any rules.
constexpr std::string_view invalid_name = "INVALID";

constexpr std::string_view push_names[32] = {
    "PUSH1",  "PUSH2",  "PUSH3",  "PUSH4",  "PUSH5",  "PUSH6",  "PUSH7",  "PUSH8",
    "PUSH9",  "PUSH10", "PUSH11", "PUSH12", "PUSH13", "PUSH14", "PUSH15", "PUSH16",
    "PUSH17", "PUSH18", "PUSH19", "PUSH20", "PUSH21", "PUSH22", "PUSH23", "PUSH24",
    "PUSH25", "PUSH26", "PUSH27", "PUSH28", "PUSH29", "PUSH30", "PUSH31", "PUSH32"};
constexpr std::string_view dup_names[16] = {"DUP1",  "DUP2",  "DUP3",  "DUP4",  "DUP5",  "DUP6",
                                            "DUP7",  "DUP8",  "DUP9",  "DUP10", "DUP11", "DUP12",
                                            "DUP13", "DUP14", "DUP15", "DUP16"};
constexpr std::string_view swap_names[16] = {
    "SWAP1", "SWAP2",  "SWAP3",  "SWAP4",  "SWAP5",  "SWAP6",  "SWAP7",  "SWAP8",
    "SWAP9", "SWAP10", "SWAP11", "SWAP12", "SWAP13", "SWAP14", "SWAP15", "SWAP16"};
constexpr std::string_view log_names[5] = {"LOG0", "LOG1", "LOG2", "LOG3", "LOG4"};

constexpr std::array<Instruction, 256> make_instructions() {
    std::array<Instruction, 256> out{};
    for (const Row& row : rows) out[row.opcode] = {row.name, row.needs, row.gives, row.since};
    for (std::uint8_t i = 0; i < 32; ++i) out[op::push1 + i] = {push_names[i], 0, 1};
    for (std::uint8_t i = 0; i < 16; ++i) {
        out[op::dup1 + i] = {dup_names[i], static_cast<std::uint8_t>(i + 1),
                             static_cast<std::uint8_t>(i + 2)};
        out[op::swap1 + i] = {swap_names[i], static_cast<std::uint8_t>(i + 2),
                              static_cast<std::uint8_t>(i + 2)};
    }
    for (std::uint8_t i = 0; i < 5; ++i) {
        out[op::log0 + i] = {log_names[i], static_cast<std::uint8_t>(i + 2), 0};
    }
    return out;
}

struct Change {
    Fork fork;
    std::uint8_t opcode;
    std::int16_t gas;
};

constexpr Change changes[] = {
    // EIP-150
    {Fork::tangerine_whistle, op::balance, 400},
    {Fork::tangerine_whistle, op::extcodesize, 700},
    {Fork::tangerine_whistle, op::extcodecopy, 700},
    {Fork::tangerine_whistle, op::sload, 200},
    {Fork::tangerine_whistle, op::call, 700},
    {Fork::tangerine_whistle, op::callcode, 700},
    {Fork::tangerine_whistle, op::delegatecall, 700},
    {Fork::tangerine_whistle, op::selfdestruct, 5000},
    // EIP-1884
    {Fork::istanbul, op::balance, 700},
    {Fork::istanbul, op::extcodehash, 700},
    {Fork::istanbul, op::sload, 800},
    // EIP-2929: the warm cost; what is cold costs more.
    {Fork::berlin, op::balance, 100},
    {Fork::berlin, op::extcodesize, 100},
    {Fork::berlin, op::extcodecopy, 100},
    {Fork::berlin, op::extcodehash, 100},
    {Fork::berlin, op::sload, 100},
    {Fork::berlin, op::call, 100},
    {Fork::berlin, op::callcode, 100},
    {Fork::berlin, op::delegatecall, 100},
    {Fork::berlin, op::staticcall, 100},
};

constexpr std::size_t fork_count = static_cast<std::size_t>(Fork::osaka) + 1;

constexpr std::array<GasTable, fork_count> make_gas_tables() {
    std::array<GasTable, fork_count> out{};
    for (std::size_t i = 0; i < fork_count; ++i) {
        const Fork fork = static_cast<Fork>(i);
        GasTable& table = out[i];
        for (auto& gas : table) gas = -1;
        for (const Row& row : rows) {
            if (row.since <= fork) table[row.opcode] = row.gas;
        }
        for (unsigned opcode = op::push1; opcode <= op::swap16; ++opcode) table[opcode] = 3;
        for (std::int16_t n = 0; n <= 4; ++n) {
            table[op::log0 + n] = static_cast<std::int16_t>(375 * (n + 1));
        }
        for (const Change& change : changes) {
            if (change.fork <= fork && table[change.opcode] >= 0) {
                table[change.opcode] = change.gas;
            }
        }
    }
    return out;
}

constexpr std::array<GasTable, fork_count> gas_tables = make_gas_tables();

} // namespace

constexpr std::array<Instruction, 256> instructions = make_instructions();

const GasTable& gas_table(Fork fork) { return gas_tables[static_cast<std::size_t>(fork)]; }

std::string opcode_name(std::uint8_t opcode) {
    if (opcode == op::invalid) return std::string(invalid_name);
    const std::string_view name = instructions[opcode].name;
    if (name.empty()) return fmt::format("opcode {:#x} not defined", opcode);
    return std::string(name);
}

} // namespace ol::chain::evm
