// Any input of any precompile: it answers or fails, within its gas. The first byte picks the
// contract, the second the rules and whether the rest is the input itself or is laid over a valid
// one.
#include <cstdint>
#include <cstdlib>
#include <iterator>

#include "chain/evm/precompiles/examples_for_tests.hpp"

using namespace ol;
using namespace ol::chain;

namespace {

constexpr Rules all_rules[] = {
    {.fork = Fork::byzantium},
    {.fork = Fork::istanbul},
    {.fork = Fork::berlin},
    {.fork = Fork::osaka},
    {.fork = Fork::prague, .op = OpFork::isthmus},
    {.fork = Fork::prague, .op = OpFork::jovian},
};
constexpr std::uint64_t gas_limit = 1'000'000;

void check(bool condition) {
    if (!condition) std::abort();
}

// Outputs have few sizes; modexp's is its modulus' length, identity's its input's.
bool size_is_right(std::uint16_t number, std::size_t size) {
    switch (number) {
    case 0x01:
        return size == 0 || size == 32;
    case 0x100:
        return size == 0 || size == 32;
    case 0x06:
        return size == 64;
    case 0x07:
        return size == 64;
    case 0x09:
        return size == 64;
    case 0x0a:
        return size == 64;
    case 0x0b:
        return size == 128;
    case 0x0c:
        return size == 128;
    case 0x10:
        return size == 128;
    case 0x0d:
        return size == 256;
    case 0x0e:
        return size == 256;
    case 0x11:
        return size == 256;
    case 0x04:
        return true;
    case 0x05:
        return true;
    default:
        return size == 32;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto examples = [] {
        auto all = evm::examples::all();
        std::erase_if(all, [](const auto& example) { return example.input.size() > 2000; });
        return all;
    }();
    if (size < 2) return 0;
    const auto& example = examples[data[0] % examples.size()];
    const Rules& rules = all_rules[data[1] / 2 % std::size(all_rules)];
    Bytes input(data + 2, data + size);
    if (data[1] % 2 != 0) {
        Bytes over = example.input;
        for (std::size_t i = 0; i < std::min(over.size(), input.size()); ++i) over[i] ^= input[i];
        input = std::move(over);
    }
    Address address;
    address[18] = static_cast<std::uint8_t>(example.number >> 8);
    address[19] = static_cast<std::uint8_t>(example.number);
    const auto number = evm::precompile_at(address, rules);
    if (!number) return 0;
    const auto result = evm::run_precompile(*number, rules, input, gas_limit);
    if (!result.succeeded) {
        check(result.output.empty());
        return 0;
    }
    const std::uint64_t gas = result.gas_used;
    check(gas <= gas_limit && size_is_right(*number, result.output.size()));
    check(evm::run_precompile(*number, rules, input, gas).output == result.output);
    check(gas == 0 || !evm::run_precompile(*number, rules, input, gas - 1).succeeded);
    return 0;
}
