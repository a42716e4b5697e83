// Roots of tries that are lists: of transactions, receipts, withdrawals (Yellow Paper, 4.3.2).
#pragma once

#include <span>

#include "base/bytes.hpp"

namespace ol::chain {

// values[i] stands under rlp(i); no value is empty.
Hash32 ordered_trie_root(std::span<const Bytes> values);

} // namespace ol::chain
