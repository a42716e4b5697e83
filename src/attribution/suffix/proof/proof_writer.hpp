// Writes proofs and their parts (docs/formats/index-proofs.md).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "attribution/suffix/proof/proof.hpp"
#include "attribution/suffix/proof/trees.hpp"

namespace ol::attribution::suffix {

class ProofWriter {
public:
    ProofWriter(const IndexTrees& trees, Claim::Kind kind);
    ProofWriter(const IndexTrees& trees, FaultKind kind); // of an order_fault

    void u8(std::uint8_t value) { out_.push_back(value); }
    void u16(std::uint32_t value);
    void u32(std::uint32_t value);
    void bytes(ByteView value) { append(out_, value); }
    void hashes(const std::vector<Hash32>& values);
    void phrase(std::span<const text::SymbolWord> words);

    // Openings of the leaves that hold these positions, ranks, records, owners or places of a list;
    // in any order, repeated ones are opened once.
    using Items = std::vector<std::uint64_t>;
    void text(const Items& positions);
    void suffix_array(const Items& ranks);
    void inverse(const Items& positions);
    void slots(const Items& ranks);
    void table(const Items& records);
    void owners(const Items& owners);
    void list(std::uint64_t owner, const Items& places);

    Bytes take() { return std::move(out_); }

private:
    void section(const PackedTree& tree, Items items, std::uint64_t per_leaf,
                 const std::function<void(std::uint64_t leaf)>& put_leaf);
    void numbers(const PackedTree& tree, std::span<const std::uint32_t> values, const Items& items);

    const IndexTrees& trees_;
    Bytes out_;
};

} // namespace ol::attribution::suffix
