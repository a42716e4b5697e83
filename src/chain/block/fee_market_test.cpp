#include "chain/block/fee_market.hpp"

#include <gtest/gtest.h>

namespace ol::chain {
namespace {

constexpr std::uint64_t gwei = 1'000'000'000;

Header parent_of(std::uint64_t fee, std::uint64_t limit, std::uint64_t used) {
    Header out;
    out.number = 32;
    out.base_fee = U256(fee);
    out.gas_limit = limit;
    out.gas_used = used;
    return out;
}

Bytes extra_data(std::uint32_t denominator, std::uint32_t elasticity) {
    Bytes out(9);
    put_be32(out.data() + 1, denominator);
    put_be32(out.data() + 5, elasticity);
    return out;
}

TEST(BaseFee, ethereum) {
    const auto config = ChainConfig::ethereum(Fork::london);
    const auto next = [&](std::uint64_t fee, std::uint64_t used) {
        return next_base_fee(config, parent_of(fee, 20'000'000, used), 1).low_u64();
    };
    EXPECT_EQ(next(gwei, 10'000'000), gwei); // on the target
    EXPECT_EQ(next(gwei, 9'000'000), 987'500'000U);
    EXPECT_EQ(next(gwei, 11'000'000), 1'012'500'000U);
    EXPECT_EQ(next(gwei, 0), 875'000'000U);
    EXPECT_EQ(next(gwei, 20'000'000), 1'125'000'000U);
    EXPECT_EQ(next(1, 20'000'000), 2U); // at least one wei more
    EXPECT_EQ(next(1, 0), 1U);
    Header before; // London
    EXPECT_EQ(next_base_fee(config, before, 1), U256(gwei));
}

TEST(BaseFee, optimism_before_and_after_canyon) {
    const auto next = [&](OpFork fork, std::uint64_t used) {
        const auto config = ChainConfig::optimism(fork, 10);
        return next_base_fee(config, parent_of(gwei, 30'000'000, used), 1).low_u64();
    };
    EXPECT_EQ(next(OpFork::regolith, 5'000'000), gwei);
    EXPECT_EQ(next(OpFork::regolith, 4'000'000), 996'000'000U);
    EXPECT_EQ(next(OpFork::regolith, 10'000'000), 1'020'000'000U);
    EXPECT_EQ(next(OpFork::canyon, 4'000'000), 999'200'000U);
    EXPECT_EQ(next(OpFork::canyon, 10'000'000), 1'004'000'000U);
}

TEST(BaseFee, holocene_states_its_parameters) {
    const auto config = ChainConfig::optimism(OpFork::holocene, 10);
    Header parent = parent_of(gwei, 30'000'000, 30'000'000);
    parent.extra_data = extra_data(8, 2);
    EXPECT_EQ(next_base_fee(config, parent, 1), U256(1'125'000'000));
    parent.extra_data = extra_data(250, 6);
    EXPECT_EQ(next_base_fee(config, parent, 1), U256(1'020'000'000));
    parent.extra_data.clear(); // a genesis without them: the configuration's
    EXPECT_EQ(next_base_fee(config, parent, 1), U256(1'020'000'000));
}

TEST(BaseFee, jovian_counts_data_and_has_a_least) {
    const auto config = ChainConfig::optimism(OpFork::jovian, 10);
    Header parent = parent_of(gwei, 30'000'000, 5'000'000);
    parent.extra_data = extra_data(250, 6);
    parent.extra_data[0] = 1;
    parent.extra_data.resize(17);
    parent.blob_gas_used = 10'000'000;
    EXPECT_EQ(next_base_fee(config, parent, 1), U256(1'004'000'000));
    parent.blob_gas_used = 0;
    EXPECT_EQ(next_base_fee(config, parent, 1), U256(gwei));
    put_be64(parent.extra_data.data() + 9, 2 * gwei);
    EXPECT_EQ(next_base_fee(config, parent, 1), U256(2 * gwei));
}

TEST(ExtraData, forms) {
    const Rules holocene = ChainConfig::optimism(OpFork::holocene, 1).rules_at(0, 0);
    const Rules jovian = ChainConfig::optimism(OpFork::jovian, 1).rules_at(0, 0);
    const Rules granite = ChainConfig::optimism(OpFork::granite, 1).rules_at(0, 0);
    Bytes nine = extra_data(250, 6);
    EXPECT_EQ(read_op_extra_data(holocene, nine)->denominator, 250U);
    EXPECT_EQ(read_op_extra_data(holocene, nine)->elasticity, 6U);
    EXPECT_FALSE(read_op_extra_data(granite, nine).has_value());
    EXPECT_FALSE(read_op_extra_data(jovian, nine).has_value());
    EXPECT_FALSE(read_op_extra_data(holocene, extra_data(0, 6)).has_value());
    EXPECT_FALSE(read_op_extra_data(holocene, extra_data(250, 0)).has_value());
    nine[0] = 1;
    EXPECT_FALSE(read_op_extra_data(holocene, nine).has_value());
    nine.resize(17);
    nine[16] = 9;
    EXPECT_EQ(read_op_extra_data(jovian, nine)->minimum_base_fee, 9U);
    EXPECT_FALSE(read_op_extra_data(holocene, nine).has_value());
}

// The examples of EIP-4844's fake_exponential that clients share, with a factor of one.
TEST(BlobFee, exponential) {
    const struct {
        std::uint64_t excess, fraction, price;
    } rows[] = {{0, 1, 1},  {2, 1, 6},   {4, 2, 6},
                {3, 1, 16}, {6, 2, 18},  {4, 1, 49},
                {8, 2, 50}, {5, 1, 136}, {50'000'000, 2'225'652, 5'709'098'764}};
    for (const auto& row : rows) {
        ChainConfig config = ChainConfig::ethereum(Fork::cancun);
        config.blobs[Fork::cancun] = {3, 6, row.fraction};
        Header header;
        header.excess_blob_gas = row.excess;
        EXPECT_EQ(blob_base_fee(config, header), U256(row.price)) << row.excess;
    }
    Header header;
    header.excess_blob_gas = ~0ULL; // beyond any number
    EXPECT_EQ(blob_base_fee(ChainConfig::ethereum(Fork::cancun), header), U256() - U256(1));
}

TEST(BlobFee, excess) {
    const auto next = [](Fork fork, std::uint64_t excess, std::uint64_t blobs, std::uint64_t fee) {
        Header parent;
        parent.base_fee = U256(fee);
        parent.excess_blob_gas = excess;
        parent.blob_gas_used = blobs * gas_per_blob;
        return next_excess_blob_gas(ChainConfig::ethereum(fork), parent, 1);
    };
    EXPECT_EQ(next(Fork::cancun, 0, 0, 7), 0U);
    EXPECT_EQ(next(Fork::cancun, 0, 3, 7), 0U);
    EXPECT_EQ(next(Fork::cancun, 0, 4, 7), gas_per_blob);
    EXPECT_EQ(next(Fork::cancun, 5 * gas_per_blob, 1, 7), 3 * gas_per_blob);
    EXPECT_EQ(next(Fork::prague, 0, 6, 7), 0U);
    EXPECT_EQ(next(Fork::prague, 0, 9, 7), 3 * gas_per_blob);
    // EIP-7918: where blobs are too cheap beside gas, the excess does not fall.
    EXPECT_EQ(next(Fork::osaka, 6 * gas_per_blob, 3, 1), 3 * gas_per_blob);
    EXPECT_EQ(next(Fork::osaka, 6 * gas_per_blob, 3, gwei), 7 * gas_per_blob);
    const auto op = ChainConfig::optimism(OpFork::jovian, 10);
    Header parent;
    parent.blob_gas_used = 10'000'000;
    parent.excess_blob_gas = 0;
    EXPECT_EQ(next_excess_blob_gas(op, parent, 1), 0U);
}

TEST(Difficulty, by_fork) {
    const auto next = [](Fork fork, std::uint64_t number, std::uint64_t elapsed,
                         std::uint64_t difficulty, bool ommers = false) {
        Header parent;
        parent.number = number - 1;
        parent.timestamp = 1000;
        parent.difficulty = U256(difficulty);
        parent.ommers_hash = ommers ? Hash32{} : empty_ommers_hash;
        return next_difficulty(ChainConfig::ethereum(fork), parent, 1000 + elapsed).low_u64();
    };
    constexpr std::uint64_t million = 1'024'000, step = million / 2048;
    EXPECT_EQ(next(Fork::frontier, 10, 12, million), million + step);
    EXPECT_EQ(next(Fork::frontier, 10, 13, million), million - step);
    EXPECT_EQ(next(Fork::homestead, 10, 9, million), million + step);
    EXPECT_EQ(next(Fork::homestead, 10, 10, million), million);
    EXPECT_EQ(next(Fork::homestead, 10, 5000, million), million - 99 * step);
    EXPECT_EQ(next(Fork::homestead, 10, 5000, 131'072), 131'072U); // the least
    EXPECT_EQ(next(Fork::byzantium, 10, 8, million, true), million + 2 * step);
    EXPECT_EQ(next(Fork::byzantium, 10, 9, million), million);
    // The bomb: 2^(period - 2), put off by three million blocks at Byzantium.
    EXPECT_EQ(next(Fork::homestead, 500'000, 10, million), million + 8);
    EXPECT_EQ(next(Fork::byzantium, 500'000, 9, million), million);
    EXPECT_EQ(next(Fork::byzantium, 3'500'000, 9, million), million + 8);
    EXPECT_EQ(next(Fork::constantinople, 5'500'000, 9, million), million + 8);
    EXPECT_EQ(next(Fork::berlin, 9'500'000, 9, million), million + 8);
    EXPECT_EQ(next(Fork::london, 10'200'000, 9, million), million + 8);
}

} // namespace
} // namespace ol::chain
