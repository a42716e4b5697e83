// The hard forks, in their order: Ethereum's, and the OP Stack's beside them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ol::chain {

enum class Fork : std::uint8_t {
    frontier,
    homestead,
    tangerine_whistle, // EIP-150
    spurious_dragon,   // EIP-158 and kin
    byzantium,
    constantinople,
    petersburg,
    istanbul,
    berlin,
    london,
    paris,
    shanghai,
    cancun,
    prague,
    osaka,
};

// none: an Ethereum chain. Each OP fork implies an Ethereum fork (Canyon: Shanghai, Ecotone:
// Cancun, Isthmus: Prague; OP specs, "Network upgrades").
enum class OpFork : std::uint8_t {
    none,
    bedrock,
    regolith,
    canyon,
    delta,
    ecotone,
    fjord,
    granite,
    holocene,
    isthmus,
    jovian,
};

// "prague", "isthmus".
std::string_view to_string(Fork fork);
std::string_view to_string(OpFork fork);
// The names of the public test suites too: "Prague", "EIP150", "EIP158", "ConstantinopleFix",
// "Merge"; nothing for another name.
std::optional<Fork> fork_by_name(std::string_view name);
std::optional<OpFork> op_fork_by_name(std::string_view name);

// The rules that hold in one block.
struct Rules {
    Fork fork = Fork::prague;
    OpFork op = OpFork::none;
    bool is_op() const { return op != OpFork::none; }
    bool operator==(const Rules&) const = default;
};

} // namespace ol::chain
