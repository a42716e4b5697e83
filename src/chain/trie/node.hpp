// Nodes of a Merkle Patricia trie in memory, and the arena they live in.
//
// A trie is held in parts: a child that is not in memory is a stub, which a Source turns into a
// node when somebody goes that way. Nodes keep whole paths from the root, so that moving one up or
// down (a split, a collapse) changes a number and copies nothing. Internal to the rooms trie and
// state.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "chain/trie/path.hpp"

namespace ol::chain::trie {

enum class NodeKind : std::uint8_t { leaf, extension, branch };

// What a stub stands for. `hashed`: anything, found by its hash. In a database (stored.hpp):
// `small`, a few leaves to be read from the flat values; `branch`, sixteen links of their own.
enum class StubKind : std::uint8_t { hashed, small, branch };

struct Node {
    NodeRef ref; // none: not computed since the node changed
    NodeKind kind;
    bool is_touched = true; // not as the source gave it
};

struct Stub {
    NodeRef ref;
    StubKind kind = StubKind::hashed;
};

struct Child {
    Node* node = nullptr;       // in memory
    const Stub* stub = nullptr; // not in memory (yet), where `node` is null

    bool is_none() const { return node == nullptr && stub == nullptr; }
    bool is_stub() const { return node == nullptr && stub != nullptr; }
    const NodeRef& ref() const {
        static constexpr NodeRef none;
        if (node != nullptr) return node->ref;
        return stub != nullptr ? stub->ref : none;
    }
    void set(Node* other) {
        node = other;
        stub = nullptr;
    }
};

struct Leaf : Node {
    static constexpr std::size_t inline_bytes = 112; // an account's RLP fits

    std::uint8_t begin = 0; // its own path: nibbles [begin, end())
    std::uint8_t key_bytes = 0;
    std::uint32_t value_bytes = 0;
    std::array<std::uint8_t, key_nibbles / 2> key;
    union {
        std::uint8_t held[inline_bytes];
        const std::uint8_t* outside;
    };

    std::size_t end() const { return key_bytes * 2U; }
    ByteView key_view() const { return {key.data(), key_bytes}; }
    ByteView value() const { return {value_bytes <= inline_bytes ? held : outside, value_bytes}; }
};

struct Extension : Node {
    std::uint8_t begin = 0, end = 0;
    std::array<std::uint8_t, key_nibbles / 2> path;
    Child child; // a branch
};

struct Branch : Node {
    std::uint8_t depth = 0;
    std::uint16_t stored = 0; // the children that have links in the database
    Leaf* value = nullptr;    // of a key that ends here
    Child children[branch_children];
};

// A branch with links in the database that is no longer there.
struct Dropped {
    Path path;
    std::uint16_t stored = 0;
};

// Memory for nodes; all of it goes at once. Freed nodes are used again. One thread at a time.
class Arena {
public:
    Leaf* leaf(ByteView key, std::size_t begin, ByteView value);
    Extension* extension(const std::uint8_t* path, std::size_t begin, std::size_t end);
    Branch* branch(std::size_t depth);
    Child stub(const NodeRef& ref, StubKind kind);
    void set_value(Leaf& leaf, ByteView value);
    // `path`: its place, or of a key below it.
    void free(Node* node, const std::uint8_t* path);

    std::vector<Dropped> dropped;
    std::size_t size_bytes() const { return blocks_.size() * block_bytes + outside_bytes_; }

private:
    static constexpr std::size_t block_bytes = 1U << 16;

    void* allocate(std::size_t size);
    void* allocate(std::size_t size, Node*& free_list);

    std::vector<std::unique_ptr<std::byte[]>> blocks_;
    std::size_t used_ = block_bytes;
    Node* free_leaves_ = nullptr;
    Node* free_extensions_ = nullptr;
    Node* free_branches_ = nullptr;
    std::vector<Bytes> outside_; // values that do not fit a leaf
    std::size_t outside_bytes_ = 0;
};

class Source {
public:
    virtual ~Source() = default;
    // The node behind a stub at `path`, with the stub's ref and not touched. Thread-safe where an
    // update runs on several threads.
    virtual Result<Node*> resolve(Arena& arena, const Path& path, const Stub& stub) = 0;
};

// The trie over leaves that ascend by key and agree in their first `depth` nibbles; null for none.
Node* build(Arena& arena, std::span<Leaf* const> leaves, std::size_t depth);
// Marks a whole trie in memory as it would be from a source.
void mark_untouched(Node* node);

} // namespace ol::chain::trie
