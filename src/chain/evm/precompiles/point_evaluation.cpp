// KZG point evaluation (EIP-4844) on blst. Of the trusted setup it needs [tau] G2 alone.
#include <blst.h>

#include <array>
#include <memory>

#include "base/check.hpp"
#include "chain/evm/precompiles/contracts.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::evm::precompiles {

namespace {

constexpr std::size_t order_bits = 255;

// [tau] G2 of Ethereum's KZG ceremony, compressed.
constexpr std::string_view tau_g2 = "b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac5"
                                    "3d2914e5870cb452d2afaaab24f3499f72"
                                    "185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c6"
                                    "0b087041de621000edc98edada20c1def2";

// 4096 field elements of a blob, and the order of BLS12-381's groups: what success gives.
constexpr std::string_view answer =
    "0000000000000000000000000000000000000000000000000000000000001000"
    "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";

// What a pairing's loop needs of its second point, which here are always the same two.
struct Lines {
    std::array<blst_fp6, 68> generator, tau;

    Lines() {
        const auto compressed = from_hex(tau_g2);
        blst_p2_affine point;
        OL_CHECK(compressed && blst_p2_uncompress(&point, compressed->data()) == BLST_SUCCESS);
        blst_precompute_lines(tau.data(), &point);
        blst_precompute_lines(generator.data(), blst_p2_affine_generator());
    }
};

bool read_point(blst_p1_affine& out, const std::uint8_t* bytes) {
    return blst_p1_uncompress(&out, bytes) == BLST_SUCCESS && blst_p1_affine_in_g1(&out);
}

bool read_scalar(blst_scalar& out, const std::uint8_t* bytes) {
    blst_scalar_from_bendian(&out, bytes);
    return blst_scalar_fr_check(&out);
}

// e(commitment - [y] G1 + [z] proof, G2) = e(proof, [tau] G2): the committed polynomial is y at z.
bool holds(const blst_p1_affine& commitment, const blst_scalar& z, const blst_scalar& y,
           const blst_p1_affine& proof) {
    static const auto lines = std::make_unique<const Lines>();
    blst_p1 left, value;
    blst_p1_from_affine(&left, &proof);
    blst_p1_mult(&left, &left, z.b, order_bits);
    blst_p1_mult(&value, blst_p1_generator(), y.b, order_bits);
    blst_p1_cneg(&value, true);
    blst_p1_add_or_double(&left, &left, &value);
    blst_p1_add_or_double_affine(&left, &left, &commitment);

    blst_p1_affine left_affine;
    blst_p1_to_affine(&left_affine, &left);
    blst_fp12 left_loop = *blst_fp12_one(), right_loop = *blst_fp12_one();
    if (!blst_p1_affine_is_inf(&left_affine)) {
        blst_miller_loop_lines(&left_loop, lines->generator.data(), &left_affine);
    }
    if (!blst_p1_affine_is_inf(&proof)) {
        blst_miller_loop_lines(&right_loop, lines->tau.data(), &proof);
    }
    return blst_fp12_finalverify(&left_loop, &right_loop);
}

} // namespace

// versioned hash | z | y | commitment | proof
Output point_evaluation(ByteView input) {
    if (input.size() != 192) return std::nullopt;
    const std::uint8_t* commitment_bytes = input.data() + 96;
    Hash32 hash = crypto::sha256(ByteView(commitment_bytes, 48));
    hash[0] = 0x01; // VERSIONED_HASH_VERSION_KZG
    if (std::memcmp(hash.data.data(), input.data(), 32) != 0) return std::nullopt;
    blst_scalar z, y;
    if (!read_scalar(z, input.data() + 32) || !read_scalar(y, input.data() + 64)) {
        return std::nullopt;
    }
    blst_p1_affine commitment, proof;
    if (!read_point(commitment, commitment_bytes) || !read_point(proof, input.data() + 144) ||
        !holds(commitment, z, y, proof)) {
        return std::nullopt;
    }
    static const Bytes success = [] {
        auto bytes = from_hex(answer);
        OL_CHECK(bytes.has_value());
        return std::move(*bytes);
    }();
    return success;
}

} // namespace ol::chain::evm::precompiles
