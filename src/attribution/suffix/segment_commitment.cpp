// The trees of a segment, made when they are first asked for.
#include "attribution/suffix/segment_impl.hpp"
#include "crypto/merkle.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

Hash32 number_leaf(std::uint64_t value) {
    Hash32 word;
    put_be64(word.data.data() + 24, value);
    return crypto::merkle_leaf(word.view());
}

} // namespace

const SparseMerkleTree& Segment::Impl::tree(const Segment& s, TreeId id, ThreadPool* pool) {
    const std::lock_guard lock(tree_mutex);
    if (trees[id]) return *trees[id];
    SparseMerkleTree::LeafFunction leaf;
    std::uint64_t count = counts.symbols;
    switch (id) {
    case text_tree:
        leaf = [&s](std::uint64_t i) {
            return crypto::merkle_leaf(s.word_at(static_cast<u32>(i)).view());
        };
        break;
    case suffix_array_tree:
        leaf = [&s](std::uint64_t i) { return number_leaf(s.suffix_at(static_cast<u32>(i))); };
        break;
    case inverse_tree:
        leaf = [&s](std::uint64_t i) { return number_leaf(s.inverse_at(static_cast<u32>(i))); };
        break;
    default:
        leaf = [&s](std::uint64_t i) {
            return crypto::merkle_leaf(s.table_entry(static_cast<u32>(i)).encode());
        };
        count = counts.records;
    }
    trees[id] = std::make_unique<SparseMerkleTree>(count, std::move(leaf), pool);
    return *trees[id];
}

IndexCommitment Segment::commitment(ThreadPool* pool) const {
    return {.text_root = impl_->tree(*this, Impl::text_tree, pool).root(),
            .suffix_array_root = impl_->tree(*this, Impl::suffix_array_tree, pool).root(),
            .inverse_root = impl_->tree(*this, Impl::inverse_tree, pool).root(),
            .table_root = impl_->tree(*this, Impl::table_tree, pool).root(),
            .symbol_count = symbol_count(),
            .record_count = record_count()};
}

Result<std::vector<Hash32>> Segment::prove_symbol(u32 position) const {
    return impl_->tree(*this, Impl::text_tree, nullptr).prove(position);
}
Result<std::vector<Hash32>> Segment::prove_table(u32 record) const {
    return impl_->tree(*this, Impl::table_tree, nullptr).prove(record);
}
Result<std::vector<Hash32>> Segment::prove_suffix_array(u32 rank) const {
    return impl_->tree(*this, Impl::suffix_array_tree, nullptr).prove(rank);
}
Result<std::vector<Hash32>> Segment::prove_inverse(u32 position) const {
    return impl_->tree(*this, Impl::inverse_tree, nullptr).prove(position);
}

} // namespace ol::attribution::suffix
