// Many changes to a trie in one pass, in place. Internal to the rooms trie and state.
#pragma once

#include <span>

#include "chain/trie/node.hpp"

namespace ol::chain::trie {

struct Change {
    ByteView key;   // at most 32 bytes
    ByteView value; // empty: the key goes away
};

class Update {
public:
    // `source`: where stubs are resolved; null when there are none.
    Update(Arena& arena, Source* source)
        : arena_(arena)
        , source_(source) {}

    // `node` (null: empty) begins at `depth`; the changes ascend by key and agree in their first
    // `depth` nibbles. The node in its place afterwards; on an error the trie is undefined.
    Result<Node*> run(Node* node, std::size_t depth, std::span<const Change> changes);
    // The same for a child of a branch, which may be a stub; whether its ref is another now.
    Result<bool> run_child(Child& child, std::size_t depth, std::span<const Change> changes);
    // What a branch becomes when its children were changed: nothing, its only child moved up, or
    // itself. `path`: of it or of a key below it.
    Result<Node*> settle(Branch& branch, const std::uint8_t* path);

    Result<Node*> resolve(const Path& path, const Stub& stub);

private:
    Result<Node*> run_leaf(Leaf& leaf, std::size_t depth, std::span<const Change> changes);
    Result<Node*> run_extension(Extension& node, std::span<const Change> changes);
    Result<Node*> run_branch(Branch& branch, std::span<const Change> changes);
    void run_value(Branch& branch, const Change& change);
    Node* insert(Leaf* also, std::size_t depth, std::span<const Change> changes);
    Branch* split(Extension& node, std::size_t at);
    Node* move_up(Node* node, std::size_t begin);

    Arena& arena_;
    Source* source_;
};

inline void touch(Node& node) {
    node.ref = {};
    node.is_touched = true;
}

} // namespace ol::chain::trie
