// Merkle proofs: the nodes that lead from a root to a key, or to where it would be.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::chain::trie {

// The value that `nodes` (RLP, root first) prove under `key` (32 bytes), none for a proven absence.
// unverified when they do not lead from the root to an answer, or when one of them is not needed.
Result<std::optional<Bytes>> verify_proof(const Hash32& root, ByteView key,
                                          std::span<const Bytes> nodes);

} // namespace ol::chain::trie
