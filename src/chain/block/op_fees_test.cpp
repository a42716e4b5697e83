#include "chain/block/op_fees.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/prng.hpp"

namespace ol::chain {
namespace {

Rules rules_of(OpFork fork) { return ChainConfig::optimism(fork, 10).rules_at(0, 0); }

// A transaction of nothing but a recipient, unsigned: 30 bytes, none of them zero.
const Bytes bare_transaction =
    from_hex("dd80808094095e7baea6a6c7c4c2dfeb977efac326af552d878080808080").value();

L1FeeParameters example_parameters() {
    L1FeeParameters out;
    out.l1_base_fee = U256(1'000'000'000);
    out.blob_base_fee = U256(10'000'000);
    out.base_fee_scalar = 2;
    out.blob_base_fee_scalar = 3;
    out.bedrock_overhead = U256(50);
    out.bedrock_scalar = U256(7'000'000);
    return out;
}

// The figures of op-geth's own tests of its L1 cost functions.
TEST(L1Fee, each_fork_of_a_bare_transaction) {
    const L1FeeParameters parameters = example_parameters();
    L1FeeParameters old = parameters; // no parameters of Ecotone yet
    old.base_fee_scalar = old.blob_base_fee_scalar = 0;
    old.blob_base_fee = U256();
    EXPECT_EQ(l1_fee(old, rules_of(OpFork::bedrock), bare_transaction), U256(11'326'000'000'000));
    EXPECT_EQ(l1_fee(old, rules_of(OpFork::regolith), bare_transaction), U256(3'710'000'000'000));
    EXPECT_EQ(l1_fee(old, rules_of(OpFork::canyon), bare_transaction), U256(3'710'000'000'000));
    EXPECT_EQ(l1_fee(parameters, rules_of(OpFork::ecotone), bare_transaction), U256(960'900));
    EXPECT_EQ(l1_fee(parameters, rules_of(OpFork::fjord), bare_transaction), U256(3'203'000));
    EXPECT_EQ(l1_fee(parameters, rules_of(OpFork::isthmus), bare_transaction), U256(3'203'000));
    // The first block of Ecotone, and of Fjord in the same block.
    EXPECT_EQ(l1_fee(old, rules_of(OpFork::ecotone), bare_transaction), U256(3'710'000'000'000));
    EXPECT_EQ(l1_fee(old, rules_of(OpFork::fjord), bare_transaction), U256(3'710'000'000'000));
}

TEST(L1Fee, grows_with_what_does_not_compress) {
    const Rules rules = rules_of(OpFork::isthmus);
    Prng prng(1);
    Bytes noise(5000);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(prng.next());
    const L1FeeParameters parameters = example_parameters();
    EXPECT_EQ(l1_fee(parameters, rules, Bytes(5000, 7)), U256(3'203'000)); // the least size
    EXPECT_GT(l1_fee(parameters, rules, noise), U256(100'000'000));
}

TEST(OperatorFee, by_fork) {
    L1FeeParameters parameters;
    parameters.operator_fee_scalar = 1'439'103'868;
    parameters.operator_fee_constant = 1'256'417'826'609'331'460;
    EXPECT_EQ(operator_fee(parameters, rules_of(OpFork::holocene), 50'000), U256());
    EXPECT_EQ(operator_fee(parameters, rules_of(OpFork::isthmus), 50'000),
              U256(50'000ULL * 1'439'103'868 / 1'000'000 + 1'256'417'826'609'331'460));
    EXPECT_EQ(operator_fee(parameters, rules_of(OpFork::jovian), 50'000),
              U256(50'000ULL * 1'439'103'868 * 100 + 1'256'417'826'609'331'460));
    // The greatest there is: no part of the sum wraps.
    parameters.operator_fee_scalar = ~0U;
    parameters.operator_fee_constant = ~0ULL;
    const U256 most(~0ULL);
    EXPECT_EQ(operator_fee(parameters, rules_of(OpFork::jovian), ~0ULL),
              most * U256(~0U) * U256(100) + most);
}

TEST(L1FeeParameters, are_read_from_their_slots) {
    std::map<std::uint64_t, U256> slots;
    slots[1] = U256(11);
    slots[5] = U256(188);
    slots[6] = U256(684'000);
    // Scalars at bytes 16 to 23 of slot 3, before the sequence number.
    slots[3] =
        U256::from_be(from_hex("0000000000000000000000000000000000000102000003040000000000000"
                               "9ff")
                          .value());
    slots[7] = U256(77);
    // Footprint at bytes 18 and 19, operator fee behind it, in slot 8.
    slots[8] =
        U256::from_be(from_hex("0000000000000000000000000000000000000190000005060000000000000"
                               "708")
                          .value());
    const auto read = [&](std::uint64_t slot) -> Result<U256> { return slots[slot]; };

    const auto bedrock = read_l1_fee_parameters(read, rules_of(OpFork::canyon)).value();
    EXPECT_EQ(bedrock.l1_base_fee, U256(11));
    EXPECT_EQ(bedrock.bedrock_overhead, U256(188));
    EXPECT_EQ(bedrock.bedrock_scalar, U256(684'000));
    EXPECT_EQ(bedrock.base_fee_scalar, 0U);

    const auto jovian = read_l1_fee_parameters(read, rules_of(OpFork::jovian)).value();
    EXPECT_EQ(jovian.base_fee_scalar, 0x102U);
    EXPECT_EQ(jovian.blob_base_fee_scalar, 0x304U);
    EXPECT_EQ(jovian.blob_base_fee, U256(77));
    EXPECT_EQ(jovian.operator_fee_scalar, 0x506U);
    EXPECT_EQ(jovian.operator_fee_constant, 0x708U);
    EXPECT_EQ(jovian.da_footprint_gas_scalar, 400U);

    const auto broken = [](std::uint64_t) -> Result<U256> { return fail(ErrorCode::io, "disk"); };
    EXPECT_EQ(read_l1_fee_parameters(broken, rules_of(OpFork::jovian)).error().code, ErrorCode::io);
}

TEST(DaFootprint, at_least_that_of_a_hundred_bytes) {
    L1FeeParameters parameters;
    parameters.da_footprint_gas_scalar = 400;
    EXPECT_EQ(da_footprint(parameters, bare_transaction), 100U * 400);
    // 33 bytes a run of 32 literals: 1031 for 1,000 bytes that never repeat.
    Prng prng(2);
    Bytes noise(1000);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(prng.next());
    ASSERT_EQ(fastlz_length(noise), 1032U);
    EXPECT_EQ(da_footprint(parameters, noise), (1032ULL * 836'500 - 42'585'600) / 1'000'000 * 400);
}

// A compressor that writes its output, and the decompressor of FastLZ's level 1: what the measure
// counts must be what they exchange.
class WritingFastLz {
public:
    static Bytes compress(const Bytes& in) {
        WritingFastLz self(in);
        self.run();
        return self.out_;
    }

    static Bytes decompress(const Bytes& in) {
        Bytes out;
        std::size_t at = 0;
        while (at < in.size()) {
            const unsigned code = in[at] >> 5;
            if (code == 0) {
                const std::size_t count = in[at] + 1U;
                out.insert(out.end(), in.begin() + at + 1, in.begin() + at + 1 + count);
                at += 1 + count;
                continue;
            }
            std::size_t length = code + 2;
            std::size_t distance = (in[at] & 31U) << 8;
            ++at;
            if (code == 7) length += in[at++];
            distance += in[at++] + 1U;
            for (std::size_t i = 0; i < length; ++i) out.push_back(out[out.size() - distance]);
        }
        return out;
    }

private:
    explicit WritingFastLz(const Bytes& in)
        : in_(in) {}

    std::uint32_t three(std::size_t at) const {
        return in_[at] | in_[at + 1] << 8 | in_[at + 2] << 16;
    }

    void literals(std::size_t from, std::size_t count) {
        while (count > 0) {
            const std::size_t run = std::min<std::size_t>(count, 32);
            out_.push_back(static_cast<std::uint8_t>(run - 1));
            out_.insert(out_.end(), in_.begin() + from, in_.begin() + from + run);
            from += run;
            count -= run;
        }
    }

    // `length` bytes behind the first three, `distance` back.
    void match(std::size_t length, std::size_t distance) {
        --distance;
        const auto far = static_cast<std::uint8_t>(distance >> 8);
        const auto near = static_cast<std::uint8_t>(distance);
        while (length > 262) {
            out_.insert(out_.end(), {static_cast<std::uint8_t>(7 << 5 | far), 253, near});
            length -= 262;
        }
        if (length < 7) {
            out_.insert(out_.end(), {static_cast<std::uint8_t>(length << 5 | far), near});
        } else {
            out_.insert(out_.end(), {static_cast<std::uint8_t>(7 << 5 | far),
                                     static_cast<std::uint8_t>(length - 7), near});
        }
    }

    void run() {
        std::map<std::uint32_t, std::size_t> seen; // by the hash of three bytes
        const auto slot = [](std::uint32_t v) { return 2654435769U * v >> 19 & 8191; };
        const std::size_t size = in_.size();
        std::size_t anchor = 0, at = 2;
        while (size >= 13 && at + 1 < size - 13) {
            const std::uint32_t value = three(at);
            const std::size_t earlier = seen.contains(slot(value)) ? seen[slot(value)] : 0;
            seen[slot(value)] = at;
            if (at - earlier > 8191 || three(earlier) != value) {
                ++at;
                continue;
            }
            if (at > anchor) literals(anchor, at - anchor);
            std::size_t length = 1;
            while (at + 2 + length < size - 4 &&
                   in_[earlier + 2 + length] == in_[at + 2 + length]) {
                ++length;
            }
            if (at + 2 + length >= size - 4) length = size - 4 - (at + 3);
            match(length, at - earlier);
            at += length;
            seen[slot(three(at))] = at;
            seen[slot(three(at + 1))] = at + 1;
            at += 2;
            anchor = at;
        }
        literals(anchor, size - anchor);
    }

    const Bytes& in_;
    Bytes out_;
};

TEST(FastLz, known_lengths) {
    EXPECT_EQ(fastlz_length({}), 0U);
    EXPECT_EQ(fastlz_length(Bytes(1000, 1)), 21U);
    EXPECT_EQ(fastlz_length(Bytes(1000, 0)), 21U);
    EXPECT_EQ(fastlz_length(Bytes(12, 1)), 13U);
}

TEST(FastLz, is_the_length_of_what_decompresses) {
    Prng prng(3);
    for (int i = 0; i < 3000; ++i) {
        Bytes bytes(prng.below(prng.below(8) == 0 ? 20'000 : 400));
        const std::uint64_t letters = 1 + prng.below(prng.below(2) == 0 ? 4 : 256);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng.below(letters));
        // Repeats, so that matches of every length occur.
        for (std::size_t k = prng.below(6); k > 0 && bytes.size() > 40; --k) {
            const std::size_t size = prng.below(bytes.size() / 2);
            const std::size_t from = prng.below(bytes.size() - size);
            const std::size_t to = prng.below(bytes.size() - size);
            const Bytes piece(bytes.begin() + from, bytes.begin() + from + size);
            std::copy(piece.begin(), piece.end(), bytes.begin() + to);
        }
        const Bytes compressed = WritingFastLz::compress(bytes);
        ASSERT_EQ(WritingFastLz::decompress(compressed), bytes);
        ASSERT_EQ(fastlz_length(bytes), compressed.size());
    }
}

} // namespace
} // namespace ol::chain
