// A Merkle Patricia trie (Yellow Paper, appendix D) in memory, whole or in part: what is missing is
// asked of a Source when somebody goes there. Keys of secure tries are hashed by the caller. One
// thread at a time.
#pragma once

#include <memory>
#include <optional>

#include "base/thread_pool.hpp"
#include "chain/trie/refs.hpp"
#include "chain/trie/update.hpp"

namespace ol::chain::trie {

class Trie {
public:
    Trie();                       // empty
    explicit Trie(Source& source) // empty until set_root
        : Trie() {
        source_ = &source;
    }
    // The root is resolved at the first use. `source` outlives the trie; null: none.
    Trie(Source* source, const Hash32& root, StubKind kind);
    // The trie of a state root or storage root, its nodes found by their hash.
    static Trie by_hash(Source& source, const Hash32& root);

    // Ascending by key, each key once. Large updates spread over the threads of `pool`; the source
    // is then asked by several. On an error the trie is undefined.
    Status update(std::span<const Change> changes, ThreadPool* pool = nullptr);
    Hash32 root();
    // The same in two steps, for many tries in one run: add_to, compute, root.
    void add_to(Refs& refs) { refs.add(root_.node); }

    // The value under a key of 32 bytes; the view holds until the next call.
    Result<std::optional<ByteView>> get(ByteView key);
    // The nodes from the root to the key, or to where it would be: what verify_proof reads.
    Result<std::vector<Bytes>> prove(ByteView key);

    // For who lays the trie down in a store (stored.hpp).
    Arena& arena() { return *arenas_[0]; }
    void set_root(const Child& root) { root_ = root; }
    const Child& root_child() const { return root_; }
    Node* root_node() { return root_.node; }
    std::vector<Dropped> take_dropped();
    std::size_t size_bytes() const;

private:
    Status resolve_root();
    Result<bool> update_in_parallel(std::span<const Change> changes, ThreadPool& pool);

    Source* source_ = nullptr;
    Child root_;
    std::vector<std::unique_ptr<Arena>> arenas_; // the first; more for the threads of an update
};

} // namespace ol::chain::trie
