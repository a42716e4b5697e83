#include <algorithm>

#include "chain/block/execution.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t base_gas = 21'000;
constexpr std::uint64_t creation_gas = 32'000; // EIP-2
constexpr std::uint64_t zero_byte_gas = 4;
constexpr std::uint64_t frontier_byte_gas = 68;
constexpr std::uint64_t istanbul_byte_gas = 16;                              // EIP-2028
constexpr std::uint64_t init_word_gas = 2;                                   // EIP-3860
constexpr std::uint64_t access_address_gas = 2'400, access_slot_gas = 1'900; // EIP-2930
constexpr std::uint64_t authorization_gas = 25'000;                          // EIP-7702
constexpr std::uint64_t floor_token_gas = 10;                                // EIP-7623
constexpr std::uint64_t tokens_of_a_byte = 4;

} // namespace

// Lists and data fit in memory, so no sum comes near 64 bits.
IntrinsicGas intrinsic_gas(const Transaction& transaction, const Rules& rules) {
    const auto& data = transaction.data;
    const auto zeros = static_cast<std::uint64_t>(std::ranges::count(data, 0));
    const std::uint64_t others = data.size() - zeros;
    const std::uint64_t byte_gas =
        rules.fork >= Fork::istanbul ? istanbul_byte_gas : frontier_byte_gas;

    IntrinsicGas out;
    out.gas = base_gas + zeros * zero_byte_gas + others * byte_gas;
    if (!transaction.to && rules.fork >= Fork::homestead) out.gas += creation_gas;
    if (!transaction.to && rules.fork >= Fork::shanghai) {
        out.gas += (data.size() + 31) / 32 * init_word_gas;
    }
    for (const auto& entry : transaction.access_list) {
        out.gas += access_address_gas + entry.slots.size() * access_slot_gas;
    }
    out.gas += transaction.authorizations.size() * authorization_gas;
    if (rules.fork >= Fork::prague) {
        out.floor = base_gas + (zeros + others * tokens_of_a_byte) * floor_token_gas;
    }
    return out;
}

} // namespace ol::chain
