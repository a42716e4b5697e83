// The OP Stack's fees beside the gas (OP specs: "L1-Cost fees" of Bedrock, Ecotone and Fjord,
// "Operator fee" of Isthmus and Jovian).
#include "chain/block/op_fees.hpp"

#include <algorithm>
#include <array>

#include "chain/types/literal.hpp"

namespace ol::chain {
namespace {

// Storage of the L1Block predeploy.
constexpr std::uint64_t slot_base_fee = 1;
constexpr std::uint64_t slot_scalars = 3; // among others: the two scalars of Ecotone
constexpr std::uint64_t slot_overhead = 5;
constexpr std::uint64_t slot_bedrock_scalar = 6;
constexpr std::uint64_t slot_blob_base_fee = 7;
constexpr std::uint64_t slot_operator_fee = 8; // Isthmus; Jovian: the footprint's scalar too

constexpr std::uint64_t million = 1'000'000;
// Fjord's estimate of a transaction's compressed size, in millionths of a byte.
constexpr std::uint64_t size_intercept = 42'585'600; // subtracted
constexpr std::uint64_t size_per_fastlz_byte = 836'500;
constexpr std::uint64_t least_size = 100 * million;

// `size` bytes of a slot from `offset` on, counted from its first, most significant byte.
std::uint64_t field(const U256& slot, std::size_t offset, std::size_t size) {
    const Hash32 bytes = slot.to_be();
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < size; ++i) out = out << 8 | bytes[offset + i];
    return out;
}

// Calldata gas as EIP-2028 prices it.
std::uint64_t calldata_gas(ByteView encoded) {
    const auto zeros = static_cast<std::uint64_t>(std::ranges::count(encoded, 0));
    return zeros * 4 + (encoded.size() - zeros) * 16;
}

// In the first block of Ecotone the predeploy still holds Bedrock's parameters.
bool has_ecotone_parameters(const L1FeeParameters& p) {
    return !p.blob_base_fee.is_zero() || p.base_fee_scalar != 0 || p.blob_base_fee_scalar != 0;
}

std::uint64_t estimated_size_scaled(ByteView encoded) {
    const std::uint64_t size = fastlz_length(encoded) * size_per_fastlz_byte;
    return size < least_size + size_intercept ? least_size : size - size_intercept;
}

} // namespace

const Address l1_block_address = literal("4200000000000000000000000000000000000015");
const Address base_fee_vault = literal("4200000000000000000000000000000000000019");
const Address l1_fee_vault = literal("420000000000000000000000000000000000001a");
const Address operator_fee_vault = literal("420000000000000000000000000000000000001b");
const Address message_passer_address = literal("4200000000000000000000000000000000000016");

Result<L1FeeParameters>
read_l1_fee_parameters(const std::function<Result<U256>(std::uint64_t slot)>& read,
                       const Rules& rules) {
    L1FeeParameters out;
    out.l1_base_fee = OL_TRY(read(slot_base_fee));
    if (rules.op >= OpFork::ecotone) {
        const U256 scalars = OL_TRY(read(slot_scalars));
        out.base_fee_scalar = static_cast<std::uint32_t>(field(scalars, 16, 4));
        out.blob_base_fee_scalar = static_cast<std::uint32_t>(field(scalars, 20, 4));
        out.blob_base_fee = OL_TRY(read(slot_blob_base_fee));
    }
    if (!has_ecotone_parameters(out)) {
        out.bedrock_overhead = OL_TRY(read(slot_overhead));
        out.bedrock_scalar = OL_TRY(read(slot_bedrock_scalar));
    }
    if (rules.op >= OpFork::isthmus) {
        const U256 packed = OL_TRY(read(slot_operator_fee));
        out.operator_fee_scalar = static_cast<std::uint32_t>(field(packed, 20, 4));
        out.operator_fee_constant = field(packed, 24, 8);
        // The L1 attributes bring the default of 400 where nobody set another: here it stands as it
        // is.
        out.da_footprint_gas_scalar = static_cast<std::uint16_t>(field(packed, 18, 2));
    }
    return out;
}

Result<L1FeeParameters> read_l1_fee_parameters(StateReader& state, const Rules& rules) {
    return read_l1_fee_parameters(
        [&](std::uint64_t slot) { return state.storage(l1_block_address, U256(slot)); }, rules);
}

U256 l1_fee(const L1FeeParameters& p, const Rules& rules, ByteView encoded) {
    if (rules.op < OpFork::ecotone || !has_ecotone_parameters(p)) {
        // Before Regolith the signature's bytes, all taken as non-zero, were counted on top.
        const std::uint64_t signature = rules.op < OpFork::regolith ? 68 * 16 : 0;
        const U256 gas = U256(calldata_gas(encoded) + signature) + p.bedrock_overhead;
        return gas * p.l1_base_fee * p.bedrock_scalar / U256(million);
    }
    const U256 per_byte = p.l1_base_fee * U256(16) * U256(p.base_fee_scalar) +
                          p.blob_base_fee * U256(p.blob_base_fee_scalar);
    if (rules.op < OpFork::fjord) {
        return per_byte * U256(calldata_gas(encoded)) / U256(16 * million);
    }
    return per_byte * U256(estimated_size_scaled(encoded)) / U256(million * million);
}

U256 operator_fee(const L1FeeParameters& p, const Rules& rules, std::uint64_t gas) {
    if (rules.op < OpFork::isthmus) return {};
    const U256 product = U256(gas) * U256(p.operator_fee_scalar);
    const U256 scaled = rules.op >= OpFork::jovian ? product * U256(100) : product / U256(million);
    return scaled + U256(p.operator_fee_constant);
}

std::uint64_t da_footprint(const L1FeeParameters& p, ByteView encoded) {
    return estimated_size_scaled(encoded) / million * p.da_footprint_gas_scalar;
}

namespace {

// FastLZ, level 1, as the OP specs ask for it: the size of its output alone. Three bytes are looked
// up in a table of where their like was seen last; literals go out in runs of 32 with a byte in
// front, matches in pieces of 262 bytes.
class FastLz {
public:
    explicit FastLz(ByteView bytes)
        : bytes_(bytes) {}

    std::uint32_t measure() {
        const auto size = static_cast<std::uint32_t>(bytes_.size());
        std::uint32_t anchor = 0;
        const std::uint32_t limit = size < 13 ? 0 : size - 13;
        std::uint32_t at = 2;
        while (at < limit) {
            std::uint32_t earlier = 0;
            at = find_match(at, limit, earlier);
            if (at >= limit) break;
            if (at > anchor) add_literals(at - anchor);
            const std::uint32_t length = match_length(earlier + 3, at + 3, limit + 9);
            add_match(length);
            at += length;
            remember(at);
            remember(at + 1);
            at += 2;
            anchor = at;
        }
        add_literals(size - anchor);
        return out_;
    }

private:
    static constexpr std::uint32_t window = 0x1fff;

    std::uint32_t three(std::uint32_t at) const {
        return bytes_[at] | bytes_[at + 1] << 8 | bytes_[at + 2] << 16;
    }
    static std::uint32_t slot_of(std::uint32_t value) { return 2654435769U * value >> 19 & window; }
    void remember(std::uint32_t at) { last_seen_[slot_of(three(at))] = at; }

    // The next place from `at` on that repeats three bytes seen before, or `limit`. The very last
    // place before the limit is looked at, but never taken: so does the reference.
    std::uint32_t find_match(std::uint32_t at, std::uint32_t limit, std::uint32_t& earlier) {
        for (; at < limit; ++at) {
            const std::uint32_t value = three(at);
            std::uint32_t& seen = last_seen_[slot_of(value)];
            earlier = seen;
            seen = at;
            if (at - earlier > window || value != three(earlier)) continue;
            return at + 1 < limit ? at : limit;
        }
        return limit;
    }

    // Counts the first byte that differs too, as the reference does.
    std::uint32_t match_length(std::uint32_t earlier, std::uint32_t at, std::uint32_t end) const {
        const std::uint32_t most = end - at;
        for (std::uint32_t i = 0; i < most; ++i) {
            if (bytes_[earlier + i] != bytes_[at + i]) return i + 1;
        }
        return most;
    }

    void add_literals(std::uint32_t count) {
        out_ += 33 * (count / 32);
        if (count % 32 != 0) out_ += count % 32 + 1;
    }

    void add_match(std::uint32_t length) {
        --length;
        out_ += 3 * (length / 262) + (length % 262 >= 6 ? 3 : 2);
    }

    ByteView bytes_;
    std::uint32_t out_ = 0;
    std::array<std::uint32_t, window + 1> last_seen_{};
};

} // namespace

std::uint32_t fastlz_length(ByteView bytes) { return FastLz(bytes).measure(); }

} // namespace ol::chain
