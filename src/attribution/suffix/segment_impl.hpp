// What a Segment holds: the mapped file, its search structures and the lazily made trees.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "attribution/suffix/commitment.hpp"
#include "attribution/suffix/layout.hpp"
#include "attribution/suffix/search.hpp"
#include "attribution/suffix/segment.hpp"
#include "base/file.hpp"

namespace ol::attribution::suffix {

struct Segment::Impl {
    enum TreeId : std::size_t {
        text_tree,
        suffix_array_tree,
        inverse_tree,
        table_tree,
        tree_count
    };

    static Result<Segment> make(MappedFile file, Bytes memory, std::string name);

    // absent when the word does not occur.
    std::uint32_t rank_of(const text::SymbolWord& word) const;
    std::vector<std::uint32_t> ranks_of(std::span<const text::SymbolWord> words) const;
    text::SymbolWord word_of(std::uint32_t rank) const;
    TableEntry table_entry(std::uint32_t record) const;
    const SparseMerkleTree& tree(TreeId id, ThreadPool* pool);

    MappedFile file; // or
    Bytes memory;
    std::string name;
    SegmentView view;
    Search search;
    // The first 8 bytes, big endian, of every 16th word: the top of the dictionary's binary search
    // in few cache lines.
    std::vector<std::uint64_t> keys;

    std::mutex tree_mutex;
    std::array<std::unique_ptr<SparseMerkleTree>, tree_count> trees;
};

} // namespace ol::attribution::suffix
