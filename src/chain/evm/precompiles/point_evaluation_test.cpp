// KZG point evaluation against c-kzg, whose trusted setup gives polynomials, and by hand.
#include <ckzg.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>

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

// A blob's polynomial, committed and proven by c-kzg.
TEST(PointEvaluation, AgreesWithCKzg) {
    const auto settings = std::make_unique<KZGSettings>();
    FILE* file = std::fopen(OL_TRUSTED_SETUP, "r");
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(load_trusted_setup_file(settings.get(), file, 0), C_KZG_OK);
    std::fclose(file);

    const auto blob = std::make_unique<Blob>();
    const Bytes content = examples::random_bytes(BYTES_PER_BLOB, 1);
    std::copy(content.begin(), content.end(), blob->bytes);
    for (std::size_t at = 0; at < BYTES_PER_BLOB; at += 32) blob->bytes[at] &= 0x3f;
    KZGCommitment commitment;
    ASSERT_EQ(blob_to_kzg_commitment(&commitment, blob.get(), settings.get()), C_KZG_OK);
    Bytes32 z{}, y;
    const Bytes point = examples::random_bytes(31, 2);
    std::copy(point.begin(), point.end(), z.bytes + 1);
    KZGProof proof;
    ASSERT_EQ(compute_kzg_proof(&proof, &y, blob.get(), &z, settings.get()), C_KZG_OK);
    const auto bytes = [](const auto& value) {
        return Bytes(value.bytes, value.bytes + sizeof value.bytes);
    };
    EXPECT_EQ(to_hex(call(0x0a, input_of(bytes(commitment), bytes(z), bytes(y), bytes(proof)))),
              answer);
    // Parts of another proof: both say no.
    y.bytes[31] ^= 1;
    bool valid = true;
    ASSERT_EQ(verify_kzg_proof(&valid, &commitment, &z, &y, &proof, settings.get()), C_KZG_OK);
    EXPECT_FALSE(valid);
    EXPECT_TRUE(fails(input_of(bytes(commitment), bytes(z), bytes(y), bytes(proof))));
    free_trusted_setup(settings.get());
}

} // namespace
} // namespace ol::chain::evm
