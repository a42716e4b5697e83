// Nodes from their RLP: of witnesses and proofs, which anybody may have written.
#pragma once

#include "chain/trie/node.hpp"

namespace ol::chain::trie {

// The node at `path`; hashed children become stubs, inline ones nodes. corrupted for what is not
// the canonical RLP of a node, for paths of more than 64 nibbles and keys of half a byte. The
// node's ref is `ref`.
Result<Node*> decode_node(Arena& arena, const Path& path, ByteView rlp, const NodeRef& ref);

} // namespace ol::chain::trie
