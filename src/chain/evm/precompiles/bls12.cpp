// The BLS12-381 precompiles (EIP-2537) on blst.
#include <vector>

#include "chain/evm/precompiles/bls12_points_internal.hpp"
#include "chain/evm/precompiles/contracts.hpp"

namespace ol::chain::evm::precompiles {

namespace {

constexpr std::size_t scalar_bytes = 32;
constexpr std::size_t order_bits = 255;

// Points of the curve; the subgroup is not asked for.
template <class Group>
Output add_points(ByteView input) {
    if (input.size() != 2 * Group::bytes) return std::nullopt;
    const auto a = Group::read(input.data());
    const auto b = Group::read(input.data() + Group::bytes);
    if (!a || !b) return std::nullopt;
    typename Group::Point sum;
    Group::from_affine(&sum, &*a);
    Group::add_affine(&sum, &sum, &*b);
    return Group::write(sum);
}

template <class Group>
Output multi_scalar_multiply(ByteView input) {
    constexpr std::size_t pair_bytes = Group::bytes + scalar_bytes;
    if (input.empty() || input.size() % pair_bytes != 0) return std::nullopt;
    const std::size_t count = input.size() / pair_bytes;
    std::vector<typename Group::Affine> points;
    std::vector<blst_scalar> scalars;
    points.reserve(count);
    scalars.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t* pair = input.data() + i * pair_bytes;
        const auto point = Group::read(pair);
        if (!point) return std::nullopt;
        if (Group::is_infinity(&*point)) continue;
        if (!Group::in_subgroup(&*point)) return std::nullopt;
        // Modulo the order, as blst's code for it wants.
        blst_scalar scalar;
        const bool zero = !blst_scalar_from_be_bytes(&scalar, pair + Group::bytes, scalar_bytes);
        if (zero) continue;
        points.push_back(*point);
        scalars.push_back(scalar);
    }
    typename Group::Point sum{};
    if (points.size() == 1) {
        Group::from_affine(&sum, &points[0]);
        Group::multiply(&sum, &sum, scalars[0].b, order_bits);
    } else if (!points.empty()) {
        std::vector<limb_t> scratch(Group::scratch_size(points.size()) / sizeof(limb_t) + 1);
        // A null after the first pointer: the rest follows it in memory.
        const typename Group::Affine* const point_list[] = {points.data(), nullptr};
        const byte* const scalar_list[] = {scalars[0].b, nullptr};
        Group::multiply_many(&sum, point_list, points.size(), scalar_list, order_bits,
                             scratch.data());
    }
    return Group::write(sum);
}

} // namespace

Output bls12_g1_add(ByteView input) { return add_points<G1>(input); }
Output bls12_g2_add(ByteView input) { return add_points<G2>(input); }
Output bls12_g1_msm(ByteView input) { return multi_scalar_multiply<G1>(input); }
Output bls12_g2_msm(ByteView input) { return multi_scalar_multiply<G2>(input); }

Output bls12_pairing(ByteView input) {
    constexpr std::size_t pair_bytes = G1::bytes + G2::bytes;
    if (input.empty() || input.size() % pair_bytes != 0) return std::nullopt;
    std::vector<blst_p1_affine> ps;
    std::vector<blst_p2_affine> qs;
    for (std::size_t at = 0; at < input.size(); at += pair_bytes) {
        const auto p = G1::read(input.data() + at);
        const auto q = G2::read(input.data() + at + G1::bytes);
        if (!p || !q) return std::nullopt;
        const bool p_infinite = G1::is_infinity(&*p), q_infinite = G2::is_infinity(&*q);
        if (!p_infinite && !G1::in_subgroup(&*p)) return std::nullopt;
        if (!q_infinite && !G2::in_subgroup(&*q)) return std::nullopt;
        if (p_infinite || q_infinite) continue; // the pairing is one
        ps.push_back(*p);
        qs.push_back(*q);
    }
    Bytes out(32);
    out[31] = 1;
    if (ps.empty()) return out;
    const blst_p1_affine* const p_list[] = {ps.data(), nullptr};
    const blst_p2_affine* const q_list[] = {qs.data(), nullptr};
    blst_fp12 product;
    blst_miller_loop_n(&product, q_list, p_list, ps.size());
    blst_final_exp(&product, &product);
    out[31] = blst_fp12_is_one(&product) ? 1 : 0;
    return out;
}

Output bls12_map_fp_to_g1(ByteView input) {
    if (input.size() != fp_bytes) return std::nullopt;
    const auto u = read_fp(input.data());
    if (!u) return std::nullopt;
    blst_p1 point;
    blst_map_to_g1(&point, &*u, nullptr);
    return G1::write(point);
}

Output bls12_map_fp2_to_g2(ByteView input) {
    if (input.size() != 2 * fp_bytes) return std::nullopt;
    const auto u = read_fp2(input.data());
    if (!u) return std::nullopt;
    blst_p2 point;
    blst_map_to_g2(&point, &*u, nullptr);
    return G2::write(point);
}

} // namespace ol::chain::evm::precompiles
