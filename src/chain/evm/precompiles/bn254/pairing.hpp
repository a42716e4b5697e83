// The optimal ate pairing of bn254.
#pragma once

#include <span>

#include "chain/evm/precompiles/bn254/curve.hpp"

namespace ol::chain::evm::bn254 {

struct PointPair {
    G1Affine p; // on the curve
    G2Affine q; // in the subgroup of the twist
};

// Whether the product of e(p, q) is one. Pairs with a point at infinity count as one.
bool pairing_product_is_one(std::span<const PointPair> pairs);

} // namespace ol::chain::evm::bn254
