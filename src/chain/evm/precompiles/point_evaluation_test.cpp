// KZG point evaluation against c-kzg, whose trusted setup gives polynomials, and by hand.
#include <ckzg.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/file.hpp"
#include "chain/evm/precompiles/examples_for_tests.hpp"

namespace ol::chain::evm {
namespace {

using examples::call;
using examples::hex;
using examples::join;
using examples::plenty_of_gas;
using examples::word;

const char* const answer = "0000000000000000000000000000000000000000000000000000000000001000"
                           "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";

bool fails(const Bytes& input) {
    return !run_precompile(0x0a, examples::newest, input, plenty_of_gas).succeeded;
}

Bytes input_of(const Bytes& commitment, const Bytes& z, const Bytes& y, const Bytes& proof) {
    Hash32 hash = crypto::sha256(commitment);
    hash[0] = 1;
    return join(hash.view(), z, y, commitment, proof);
}

Bytes infinity() {
    Bytes out(48);
    out[0] = 0xc0;
    return out;
}

Bytes compressed(const blst_p1& point) {
    Bytes out(48);
    blst_p1_compress(out.data(), &point);
    return out;
}

// The polynomial X at z is z, with the generator for its proof.
TEST(PointEvaluation, TheIdentity) {
    for (std::uint64_t i = 0; i < 8; ++i) {
        Bytes z = examples::random_bytes(32, i);
        z[0] &= 0x3f;
        if (i == 0) z = word(0);
        EXPECT_EQ(to_hex(call(0x0a, examples::point_evaluation(z, z))), answer);
        Bytes y = z;
        y[31] ^= 1;
        EXPECT_TRUE(fails(examples::point_evaluation(z, y)));
        EXPECT_TRUE(fails(examples::point_evaluation(y, z)));
    }
}

// A constant c: its commitment is [c] G1, its value everywhere c, its proof infinity.
TEST(PointEvaluation, Constants) {
    for (const std::uint64_t c : {0ULL, 1ULL, 2ULL, 77ULL}) {
        blst_scalar scalar;
        blst_scalar_from_bendian(&scalar, word(c).data());
        blst_p1 point;
        blst_p1_mult(&point, blst_p1_generator(), scalar.b, 255);
        const Bytes commitment = c == 0 ? infinity() : compressed(point);
        EXPECT_EQ(to_hex(call(0x0a, input_of(commitment, word(5), word(c), infinity()))), answer);
        EXPECT_TRUE(fails(input_of(commitment, word(5), word(c + 1), infinity())));
        EXPECT_TRUE(
            fails(input_of(commitment, word(5), word(c), compressed(*blst_p1_generator()))));
    }
}

TEST(PointEvaluation, EachFlippedBitFails) {
    const Bytes z = word(0x123456789);
    const Bytes good = examples::point_evaluation(z, z);
    ASSERT_FALSE(fails(good));
    Prng prng(1);
    for (int i = 0; i < 150; ++i) {
        Bytes bad = good;
        bad[prng.below(bad.size())] ^= static_cast<std::uint8_t>(1 << prng.below(8));
        EXPECT_TRUE(fails(bad));
    }
    for (const std::size_t size : {0, 96, 191, 193}) {
        Bytes bad = good;
        bad.resize(size);
        EXPECT_TRUE(fails(bad)) << size;
    }
}

// z or y of the order and above is refused, though it is right modulo the order.
TEST(PointEvaluation, ScalarsAreCanonical) {
    const Bytes order = hex("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    Bytes above = order;
    above[31] += 5;
    ASSERT_FALSE(fails(examples::point_evaluation(word(5), word(5))));
    EXPECT_TRUE(fails(examples::point_evaluation(above, word(5))));
    EXPECT_TRUE(fails(examples::point_evaluation(word(5), above)));
    EXPECT_TRUE(fails(examples::point_evaluation(order, word(0))));
    Bytes last = order;
    last[31] = 0;
    EXPECT_FALSE(fails(examples::point_evaluation(last, last)));
}

// The version is one byte of the hash; a commitment of another length of encoding is no commitment.
TEST(PointEvaluation, VersionAndEncodings) {
    const Bytes good = examples::point_evaluation(word(1), word(1));
    for (const int version : {0, 2, 255}) {
        Bytes bad = good;
        bad[0] = static_cast<std::uint8_t>(version);
        EXPECT_TRUE(fails(bad));
    }
    Bytes commitment(good.begin() + 96, good.begin() + 144), proof(good.begin() + 144, good.end());
    commitment[0] &= 0x7f; // not compressed
    EXPECT_TRUE(fails(input_of(commitment, word(1), word(1), proof)));
    Bytes odd_infinity = infinity();
    odd_infinity[47] = 1;
    EXPECT_TRUE(fails(input_of(infinity(), word(1), word(0), odd_infinity)));
    EXPECT_FALSE(fails(input_of(infinity(), word(1), word(0), infinity())));
}

// x of a point on the curve that is not in the subgroup.
TEST(PointEvaluation, SubgroupIsChecked) {
    Bytes outside(48);
    blst_p1_affine point;
    for (std::uint64_t x = 1;; ++x) {
        std::fill(outside.begin(), outside.end(), 0);
        put_be64(outside.data() + 40, x);
        outside[0] = 0x80;
        if (blst_p1_uncompress(&point, outside.data()) == BLST_SUCCESS &&
            !blst_p1_affine_in_g1(&point)) {
            break;
        }
    }
    EXPECT_TRUE(fails(input_of(outside, word(1), word(1), infinity())));
    EXPECT_TRUE(fails(input_of(infinity(), word(1), word(0), outside)));
}

// Of the package's trusted setup: [tau^i] G1 and [tau^i] G2 for small i. The file holds two counts,
// then 4096 points of G1 in Lagrange form, 65 of G2 and 4096 of G1 in monomial form, one a line.
struct TrustedSetup {
    std::vector<blst_p1> g1;
    std::vector<blst_p2> g2;

    explicit TrustedSetup(std::size_t count) {
        const auto text = read_text_file(OL_TRUSTED_SETUP, 8U << 20);
        OL_CHECK(text.has_value());
        std::istringstream lines(*text);
        std::string line;
        std::size_t g1_count = 0, g2_count = 0;
        lines >> g1_count >> g2_count;
        for (std::size_t i = 0; i < g1_count; ++i) lines >> line;
        for (std::size_t i = 0; i < g2_count; ++i) {
            lines >> line;
            if (i >= count) continue;
            blst_p2_affine affine;
            OL_CHECK(blst_p2_uncompress(&affine, hex(line).data()) == BLST_SUCCESS);
            blst_p2_from_affine(&g2.emplace_back(), &affine);
        }
        for (std::size_t i = 0; i < count; ++i) {
            lines >> line;
            blst_p1_affine affine;
            OL_CHECK(blst_p1_uncompress(&affine, hex(line).data()) == BLST_SUCCESS);
            blst_p1_from_affine(&g1.emplace_back(), &affine);
        }
    }

    // Of a polynomial by its coefficients, lowest first.
    Bytes commit(const std::vector<blst_fr>& polynomial) const {
        blst_p1 sum{};
        for (std::size_t i = 0; i < polynomial.size(); ++i) {
            blst_scalar scalar;
            blst_scalar_from_fr(&scalar, &polynomial[i]);
            blst_p1 term;
            blst_p1_mult(&term, &g1[i], scalar.b, 255);
            blst_p1_add_or_double(&sum, &sum, &term);
        }
        return compressed(sum);
    }
};

blst_fr random_fr(std::uint64_t seed) {
    const Bytes bytes = examples::random_bytes(32, seed);
    blst_scalar scalar;
    (void)blst_scalar_from_be_bytes(&scalar, bytes.data(), bytes.size());
    blst_fr out;
    blst_fr_from_scalar(&out, &scalar);
    return out;
}
Bytes to_bytes(const blst_fr& value) {
    blst_scalar scalar;
    blst_scalar_from_fr(&scalar, &value);
    Bytes out(32);
    blst_bendian_from_scalar(out.data(), &scalar);
    return out;
}

template <class T>
T copied(const Bytes& bytes) {
    T out;
    OL_CHECK(bytes.size() == sizeof out.bytes);
    std::copy(bytes.begin(), bytes.end(), out.bytes);
    return out;
}

// Random polynomials and their values, with the proofs that division by X - z gives; each also with
// one part of another. c-kzg's verification asks the setup for [tau] G2 alone, as ours.
TEST(PointEvaluation, AgreesWithCKzg) {
    constexpr std::size_t degree = 5;
    TrustedSetup setup(degree + 1);
    KZGSettings settings{};
    settings.g2_values_monomial = setup.g2.data();
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        std::vector<blst_fr> polynomial, quotient(degree);
        for (std::size_t i = 0; i <= degree; ++i) polynomial.push_back(random_fr(10 * seed + i));
        const blst_fr z = random_fr(10 * seed + 9);
        // Horner's scheme: its partial sums are the quotient, its end the value.
        blst_fr y = polynomial[degree];
        for (std::size_t i = degree; i-- > 0;) {
            quotient[i] = y;
            blst_fr_mul(&y, &y, &z);
            blst_fr_add(&y, &y, &polynomial[i]);
        }
        const Bytes good[4] = {setup.commit(polynomial), to_bytes(z), to_bytes(y),
                               setup.commit(quotient)};
        const Bytes other[4] = {setup.commit(quotient), to_bytes(y), to_bytes(z),
                                setup.commit(polynomial)};
        for (int changed = -1; changed < 4; ++changed) {
            Bytes parts[4];
            for (int i = 0; i < 4; ++i) parts[i] = i == changed ? other[i] : good[i];
            const auto commitment = copied<KZGCommitment>(parts[0]);
            const auto point = copied<Bytes32>(parts[1]), value = copied<Bytes32>(parts[2]);
            const auto proof = copied<KZGProof>(parts[3]);
            bool valid = changed >= 0;
            ASSERT_EQ(verify_kzg_proof(&valid, &commitment, &point, &value, &proof, &settings),
                      C_KZG_OK);
            EXPECT_EQ(valid, changed < 0);
            EXPECT_EQ(!fails(input_of(parts[0], parts[1], parts[2], parts[3])), valid) << changed;
        }
    }
}

} // namespace
} // namespace ol::chain::evm
