// The bn254 precompiles: EIP-196 (addition, multiplication) and EIP-197 (pairing).
#include <algorithm>
#include <vector>

#include "chain/evm/precompiles/bn254/pairing.hpp"
#include "chain/evm/precompiles/contracts.hpp"

namespace ol::chain::evm::precompiles {

namespace {

using namespace bn254;

constexpr std::size_t g1_bytes = 64, g2_bytes = 128;

std::optional<G1Affine> read_g1(const std::uint8_t* bytes) {
    const auto x = Fp::from_be(bytes);
    const auto y = Fp::from_be(bytes + 32);
    if (!x || !y) return std::nullopt;
    const G1Affine point{*x, *y};
    if (!point.is_infinity() && !on_curve(point)) return std::nullopt;
    return point;
}

Bytes write_g1(const G1Affine& point) {
    Bytes out(g1_bytes);
    point.x.to_be(out.data());
    point.y.to_be(out.data() + 32);
    return out;
}

// The imaginary part comes first.
std::optional<Fp2> read_fp2(const std::uint8_t* bytes) {
    const auto c1 = Fp::from_be(bytes);
    const auto c0 = Fp::from_be(bytes + 32);
    if (!c0 || !c1) return std::nullopt;
    return Fp2{*c0, *c1};
}

std::optional<G2Affine> read_g2(const std::uint8_t* bytes) {
    const auto x = read_fp2(bytes);
    const auto y = read_fp2(bytes + 64);
    if (!x || !y) return std::nullopt;
    const G2Affine point{*x, *y};
    if (!point.is_infinity() && !(on_twist(point) && in_subgroup(point))) return std::nullopt;
    return point;
}

// The first N bytes of the input; what is missing is zero.
template <std::size_t N>
std::array<std::uint8_t, N> front(ByteView input) {
    std::array<std::uint8_t, N> out{};
    std::copy_n(input.begin(), std::min(input.size(), N), out.begin());
    return out;
}

} // namespace

Output bn254_add(ByteView input) {
    const auto bytes = front<2 * g1_bytes>(input);
    const auto a = read_g1(bytes.data());
    const auto b = read_g1(bytes.data() + g1_bytes);
    if (!a || !b) return std::nullopt;
    return write_g1(add(*a, *b));
}

Output bn254_multiply(ByteView input) {
    const auto bytes = front<g1_bytes + 32>(input);
    const auto point = read_g1(bytes.data());
    if (!point) return std::nullopt;
    return write_g1(multiply(*point, bytes.data() + g1_bytes));
}

Output bn254_pairing(ByteView input) {
    constexpr std::size_t pair_bytes = g1_bytes + g2_bytes;
    if (input.size() % pair_bytes != 0) return std::nullopt;
    std::vector<PointPair> pairs;
    pairs.reserve(input.size() / pair_bytes);
    for (std::size_t at = 0; at < input.size(); at += pair_bytes) {
        const auto p = read_g1(input.data() + at);
        if (!p) return std::nullopt;
        const auto q = read_g2(input.data() + at + g1_bytes);
        if (!q) return std::nullopt;
        pairs.push_back({*p, *q});
    }
    Bytes out(32);
    out[31] = pairing_product_is_one(pairs) ? 1 : 0;
    return out;
}

} // namespace ol::chain::evm::precompiles
