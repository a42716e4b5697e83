// The BLS12-381 precompiles: group laws and bilinearity through them, encodings, subgroups.
#include <gtest/gtest.h>

#include "base/u256.hpp"
#include "chain/evm/precompiles/bls12_points_internal.hpp"
#include "chain/evm/precompiles/examples_for_tests.hpp"

namespace ol::chain::evm {
namespace {

using examples::bls12_g1;
using examples::bls12_g2;
using examples::call;
using examples::hex;
using examples::join;
using examples::plenty_of_gas;
using examples::word;
using precompiles::G1;
using precompiles::G2;

constexpr std::string_view order_text =
    "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";

bool fails(std::uint16_t number, const Bytes& input) {
    return !run_precompile(number, examples::newest, input, plenty_of_gas).succeeded;
}

Bytes scalar(const U256& value) {
    const Hash32 bytes = value.to_be();
    return Bytes(bytes.begin(), bytes.end());
}

// The numbers of one group's addition and multi-scalar multiplication.
struct Group {
    std::uint16_t add, msm;
    std::size_t bytes;
    Bytes (*point)(std::uint64_t);

    Bytes sum(const Bytes& a, const Bytes& b) const { return call(add, join(a, b)); }
    Bytes times(const Bytes& a, const Bytes& k) const { return call(msm, join(a, k)); }
};
const Group groups[] = {{0x0b, 0x0c, 128, bls12_g1}, {0x0d, 0x0e, 256, bls12_g2}};

TEST(Bls12, GroupLaws) {
    for (const auto& group : groups) {
        const Bytes zero(group.bytes);
        const Bytes order = hex(order_text);
        for (std::uint64_t i = 0; i < 8; ++i) {
            const Bytes a = group.point(3 * i), b = group.point(3 * i + 1),
                        c = group.point(3 * i + 2);
            EXPECT_EQ(group.sum(a, b), group.sum(b, a));
            EXPECT_EQ(group.sum(group.sum(a, b), c), group.sum(a, group.sum(b, c)));
            EXPECT_EQ(group.sum(a, zero), a);
            EXPECT_EQ(group.sum(zero, a), a);
            const Bytes minus_a = group.times(a, scalar(U256::from_be(order) - U256(1)));
            EXPECT_EQ(group.sum(a, minus_a), zero);
            EXPECT_EQ(group.sum(a, a), group.times(a, word(2)));
            EXPECT_EQ(group.times(a, word(1)), a);
            EXPECT_EQ(group.times(a, word(0)), zero);
            EXPECT_EQ(group.times(a, order), zero);
            EXPECT_EQ(group.times(a, scalar(U256::from_be(order) + U256(1))), a);
            // Scalars above the order count modulo it.
            const Bytes all_ones(32, 0xff);
            EXPECT_EQ(group.times(a, all_ones),
                      group.times(a, scalar(U256::from_be(all_ones) % U256::from_be(order))));
        }
        EXPECT_EQ(group.sum(zero, zero), zero);
        EXPECT_EQ(group.times(zero, word(7)), zero);
    }
}

// Sums of products, for counts around those where blst changes its way.
TEST(Bls12, MultiScalarMultiplicationIsASum) {
    for (const auto& group : groups) {
        Bytes input, sum(group.bytes);
        for (std::uint64_t i = 0; i < 40; ++i) {
            Bytes point = group.point(i);
            Bytes k = examples::random_bytes(32, i);
            if (i % 7 == 3) point = Bytes(group.bytes);
            if (i % 7 == 5) k = word(0);
            if (i % 7 == 6) point = group.point(i - 1); // the same point again
            input = join(input, point, k);
            sum = group.sum(sum, group.times(point, k));
            EXPECT_EQ(call(group.msm, input), sum) << i;
        }
        // Everything cancels out.
        const Bytes a = group.point(1), k = word(123456);
        const Bytes minus_k = scalar(U256::from_be(hex(order_text)) - U256(123456));
        EXPECT_EQ(call(group.msm, join(a, k, a, minus_k)), Bytes(group.bytes));
    }
}

TEST(Bls12, PairingIsBilinear) {
    const U256 order = U256::from_be(hex(order_text));
    const Group &g1 = groups[0], &g2 = groups[1];
    for (std::uint64_t i = 0; i < 6; ++i) {
        const Bytes p = bls12_g1(i), q = bls12_g2(i);
        const U256 a = U256::from_be(examples::random_bytes(16, 2 * i));
        const U256 b = U256::from_be(examples::random_bytes(15, 2 * i + 1));
        const Bytes ap = g1.times(p, scalar(a)), bq = g2.times(q, scalar(b));
        const Bytes minus_abp = g1.times(p, scalar(order - a * b));
        EXPECT_EQ(call(0x0f, join(ap, bq, minus_abp, q)), word(1));
        EXPECT_EQ(call(0x0f, join(ap, bq, minus_abp, bq)), word(0));
        EXPECT_EQ(call(0x0f, join(ap, bq, Bytes(384), minus_abp, q, p, Bytes(256))), word(1));
        EXPECT_EQ(call(0x0f, join(p, q)), word(0));
    }
    EXPECT_EQ(call(0x0f, Bytes(384)), word(1));
    // More pairs than blst takes at once.
    Bytes many;
    for (std::uint64_t i = 0; i < 20; ++i) {
        const Bytes p = bls12_g1(i), q = bls12_g2(i);
        append(many, join(p, q, g1.times(p, scalar(order - U256(1))), q));
    }
    EXPECT_EQ(call(0x0f, many), word(1));
    EXPECT_EQ(call(0x0f, join(many, bls12_g1(1), bls12_g2(1))), word(0));
}

// Points of the curves that are not in the subgroups of prime order: x by trying.
Bytes outside_g1() {
    for (std::uint64_t i = 1;; ++i) {
        const std::uint64_t limbs[6] = {i};
        blst_fp x, y;
        blst_fp_from_uint64(&x, limbs);
        blst_fp_sqr(&y, &x);
        blst_fp_mul(&y, &y, &x);
        const std::uint64_t four[6] = {4};
        blst_fp b;
        blst_fp_from_uint64(&b, four);
        blst_fp_add(&y, &y, &b);
        if (!blst_fp_sqrt(&y, &y)) continue;
        const blst_p1_affine point{x, y};
        if (blst_p1_affine_in_g1(&point)) continue;
        blst_p1 jacobian;
        blst_p1_from_affine(&jacobian, &point);
        return G1::write(jacobian);
    }
}
Bytes outside_g2() {
    for (std::uint64_t i = 1;; ++i) {
        const std::uint64_t limbs[6] = {i}, four[6] = {4};
        blst_fp2 x{}, y, b;
        blst_fp_from_uint64(&x.fp[0], limbs);
        blst_fp_from_uint64(&b.fp[0], four);
        b.fp[1] = b.fp[0];
        blst_fp2_sqr(&y, &x);
        blst_fp2_mul(&y, &y, &x);
        blst_fp2_add(&y, &y, &b);
        if (!blst_fp2_sqrt(&y, &y)) continue;
        const blst_p2_affine point{x, y};
        if (blst_p2_affine_in_g2(&point)) continue;
        blst_p2 jacobian;
        blst_p2_from_affine(&jacobian, &point);
        return G2::write(jacobian);
    }
}

// EIP-2537: additions take any point of the curve, everything else wants the subgroup.
TEST(Bls12, SubgroupsAreCheckedWhereTheyMatter) {
    const Bytes outside[] = {outside_g1(), outside_g2()};
    for (int i = 0; i < 2; ++i) {
        const auto& group = groups[i];
        const Bytes inside = group.point(1);
        EXPECT_FALSE(fails(group.add, join(outside[i], inside)));
        EXPECT_EQ(group.sum(group.sum(outside[i], inside), Bytes(group.bytes)),
                  group.sum(inside, outside[i]));
        EXPECT_TRUE(fails(group.msm, join(outside[i], word(1))));
        EXPECT_TRUE(fails(group.msm, join(outside[i], word(0))));
        EXPECT_TRUE(fails(group.msm, join(inside, word(1), outside[i], word(1))));
    }
    EXPECT_TRUE(fails(0x0f, join(outside[0], bls12_g2(1))));
    EXPECT_TRUE(fails(0x0f, join(outside[0], Bytes(256))));
    EXPECT_TRUE(fails(0x0f, join(bls12_g1(1), outside[1])));
    EXPECT_TRUE(fails(0x0f, join(Bytes(128), outside[1])));
}

TEST(Bls12, Lengths) {
    struct Case {
        std::uint16_t number;
        std::size_t unit;
        bool many;
    };
    for (const auto& [number, unit, many] :
         {Case{0x0b, 256, false}, Case{0x0c, 160, true}, Case{0x0d, 512, false},
          Case{0x0e, 288, true}, Case{0x0f, 384, true}, Case{0x10, 64, false},
          Case{0x11, 128, false}}) {
        EXPECT_FALSE(fails(number, Bytes(unit))) << number;
        EXPECT_EQ(fails(number, Bytes(2 * unit)), !many) << number;
        for (const std::size_t size : {std::size_t{0}, unit - 1, unit + 1, 2 * unit - 1}) {
            EXPECT_TRUE(fails(number, Bytes(size))) << number << " " << size;
        }
    }
}

// Each field element of each input: bytes in front that are not zero, and the prime.
TEST(Bls12, FieldElementsAreCanonical) {
    const Bytes prime = hex("000000000000000000000000000000001a0111ea397fe69a4b1ba7b6434bacd7"
                            "64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab");
    struct Case {
        std::uint16_t number;
        std::size_t elements;
    };
    for (const auto& [number, elements] :
         {Case{0x0b, 4}, Case{0x0c, 2}, Case{0x0d, 8}, Case{0x0e, 4}, Case{0x0f, 6}, Case{0x10, 1},
          Case{0x11, 2}}) {
        const std::size_t scalar = number == 0x0c || number == 0x0e ? 32 : 0;
        const Bytes zeros(64 * elements + scalar);
        ASSERT_FALSE(fails(number, zeros));
        for (std::size_t i = 0; i < elements; ++i) {
            Bytes bad = zeros;
            std::copy(prime.begin(), prime.end(),
                      bad.begin() + static_cast<std::ptrdiff_t>(64 * i));
            EXPECT_TRUE(fails(number, bad)) << number << " " << i; // zero, modulo p
            for (std::size_t at = 0; at < 16; ++at) {
                bad = zeros;
                bad[64 * i + at] = 1;
                EXPECT_TRUE(fails(number, bad)) << number << " " << i << " " << at;
            }
        }
    }
    Bytes largest = prime;
    largest.back() -= 1;
    EXPECT_FALSE(fails(0x10, largest));
    EXPECT_FALSE(fails(0x11, join(largest, largest)));
}

TEST(Bls12, PointsOffTheCurve) {
    Prng prng(1);
    for (const auto& group : groups) {
        const Bytes good = join(group.point(1), group.point(2));
        for (int i = 0; i < 60; ++i) {
            Bytes bad = good;
            bad[prng.below(bad.size())] ^= static_cast<std::uint8_t>(1 << prng.below(8));
            EXPECT_TRUE(fails(group.add, bad));
        }
    }
}

// A map's result is in the subgroup, and e(-x) is the same point mirrored: -u gives -P.
TEST(Bls12, MapsLandInTheSubgroup) {
    for (std::uint64_t i = 0; i < 10; ++i) {
        EXPECT_FALSE(fails(0x0c, join(bls12_g1(i), word(1))));
        EXPECT_FALSE(fails(0x0e, join(bls12_g2(i), word(1))));
        EXPECT_NE(bls12_g1(i), bls12_g1(i + 1));
    }
}

} // namespace
} // namespace ol::chain::evm
