// What the precompiled contracts compute, without their gas (precompiles.hpp has that). Each takes
// the call's input and gives its output, or nothing where the call fails. Stateless, thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "chain/types/fork.hpp"

namespace ol::chain::evm::precompiles {

using Output = std::optional<Bytes>;

// Yellow paper, appendix E. An invalid signature gives no bytes, not a failure; a high s is valid.
Output ecrecover(ByteView input);
Output sha256(ByteView input);
Output ripemd160(ByteView input);
Output identity(ByteView input);

// EIP-198. Osaka limits the lengths (EIP-7823).
Output modexp(ByteView input, Fork fork);
// By EIP-198, EIP-2565 from Berlin, EIP-7883 from Osaka; the largest integer where it passes that.
std::uint64_t modexp_gas(ByteView input, Fork fork);

// EIP-196, EIP-197.
Output bn254_add(ByteView input);
Output bn254_multiply(ByteView input);
Output bn254_pairing(ByteView input);

// EIP-152. Its gas is the number of rounds, the first four bytes.
Output blake2f(ByteView input);

// EIP-4844.
Output point_evaluation(ByteView input);

// EIP-2537.
Output bls12_g1_add(ByteView input);
Output bls12_g1_msm(ByteView input);
Output bls12_g2_add(ByteView input);
Output bls12_g2_msm(ByteView input);
Output bls12_pairing(ByteView input);
Output bls12_map_fp_to_g1(ByteView input);
Output bls12_map_fp2_to_g2(ByteView input);

// RIP-7212 and EIP-7951, which differ in gas alone. No bytes for an invalid signature.
Output p256_verify(ByteView input);

// The `size` bytes at `at`, with zeros after the input's end.
Bytes padded(ByteView input, std::size_t at, std::size_t size);

} // namespace ol::chain::evm::precompiles
