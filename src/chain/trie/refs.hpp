// The refs of nodes that do not have one yet: their RLP, hashed from the deepest level up, several
// nodes at a time. Tries may share a run, so that many small ones fill the lanes of the hash
// function together. Internal to the rooms trie and state.
#pragma once

#include <vector>

#include "chain/trie/node.hpp"

namespace ol::chain::trie {

class Refs {
public:
    // Notes the nodes of the trie under `node` (null: none) that have no ref.
    void add(Node* node);
    // Computes the refs of all noted nodes.
    void compute();

private:
    void compute(std::vector<Node*>& level);

    std::vector<Node*> levels_[key_nibbles + 1]; // by the depth at which the node begins
    Bytes buffer_;
};

// A node's RLP, appended. Its children have refs.
void append_rlp(Bytes& out, const Node& node);
// The hash of a whole trie; its nodes have refs. The empty trie's for null.
Hash32 root_hash(const Node* root);

} // namespace ol::chain::trie
