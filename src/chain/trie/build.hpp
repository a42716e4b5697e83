// The root of a whole trie from its leaves, without keeping a node.
#pragma once

#include <span>

#include "base/bytes.hpp"

namespace ol::chain::trie {

struct LeafView {
    ByteView key;   // at most 32 bytes
    ByteView value; // not empty
};

// `leaves` ascending by key, each key once. The empty trie's root for none.
Hash32 root_of_sorted(std::span<const LeafView> leaves);

} // namespace ol::chain::trie
