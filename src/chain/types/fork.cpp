#include "chain/types/fork.hpp"

#include <array>

namespace ol::chain {

namespace {

constexpr std::array<std::string_view, 15> fork_names = {
    "frontier",        "homestead", "tangerine_whistle",
    "spurious_dragon", "byzantium", "constantinople",
    "petersburg",      "istanbul",  "berlin",
    "london",          "paris",     "shanghai",
    "cancun",          "prague",    "osaka",
};

constexpr std::array<std::string_view, 11> op_fork_names = {
    "none",  "bedrock", "regolith", "canyon",  "delta",  "ecotone",
    "fjord", "granite", "holocene", "isthmus", "jovian",
};

struct SuiteName {
    std::string_view name;
    Fork fork;
};

// As the public test suites spell them (ethereum/tests, "network").
constexpr std::array<SuiteName, 19> suite_names = {{
    {"Frontier", Fork::frontier},
    {"Homestead", Fork::homestead},
    {"EIP150", Fork::tangerine_whistle},
    {"TangerineWhistle", Fork::tangerine_whistle},
    {"EIP158", Fork::spurious_dragon},
    {"SpuriousDragon", Fork::spurious_dragon},
    {"Byzantium", Fork::byzantium},
    {"Constantinople", Fork::constantinople},
    {"ConstantinopleFix", Fork::petersburg},
    {"Petersburg", Fork::petersburg},
    {"Istanbul", Fork::istanbul},
    {"Berlin", Fork::berlin},
    {"London", Fork::london},
    {"Merge", Fork::paris},
    {"Paris", Fork::paris},
    {"Shanghai", Fork::shanghai},
    {"Cancun", Fork::cancun},
    {"Prague", Fork::prague},
    {"Osaka", Fork::osaka},
}};

} // namespace

std::string_view to_string(Fork fork) { return fork_names[static_cast<std::size_t>(fork)]; }
std::string_view to_string(OpFork fork) { return op_fork_names[static_cast<std::size_t>(fork)]; }

std::optional<Fork> fork_by_name(std::string_view name) {
    for (const auto& entry : suite_names) {
        if (entry.name == name) return entry.fork;
    }
    for (std::size_t i = 0; i < fork_names.size(); ++i) {
        if (fork_names[i] == name) return static_cast<Fork>(i);
    }
    return std::nullopt;
}

std::optional<OpFork> op_fork_by_name(std::string_view name) {
    for (std::size_t i = 0; i < op_fork_names.size(); ++i) {
        if (op_fork_names[i] == name) return static_cast<OpFork>(i);
    }
    return std::nullopt;
}

} // namespace ol::chain
