// Reads proofs and checks their openings (docs/formats/index-proofs.md). Nothing here trusts a
// byte: each read may fail, and a failed read fails the proof.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "attribution/suffix/proof/leaves.hpp"
#include "attribution/suffix/proof/packed_tree.hpp"
#include "base/result.hpp"

namespace ol::attribution::suffix {

template <class... Args>
std::unexpected<Error> unproved(fmt::format_string<Args...> text, Args&&... args) {
    return fail(ErrorCode::unverified, "index proof: {}",
                fmt::format(text, std::forward<Args>(args)...));
}

// Opened leaves of one tree. Items are looked up by their place in the whole array; who looks one
// up uses its leaf, and a leaf that nobody used makes a proof fail.
class Section {
public:
    Result<text::SymbolWord> symbol(std::uint64_t position);
    Result<std::uint32_t> number(std::uint64_t place);
    Result<TableEntry> table(std::uint64_t record);
    Result<OwnerEntry> owner(std::uint64_t owner);
    std::vector<std::uint64_t> leaves() const; // ascending
    bool all_used() const;

private:
    friend class ProofReader;
    struct Leaf {
        std::uint64_t index = 0;
        ByteView bytes;
        bool used = false;
    };
    Result<ByteView> leaf(std::uint64_t index);
    std::vector<Leaf> leaves_;
};

class ProofReader {
public:
    explicit ProofReader(ByteView proof)
        : left_(proof) {}

    Result<std::uint8_t> u8();
    Result<std::uint16_t> u16();
    Result<std::uint32_t> u32();
    Result<ByteView> bytes(std::size_t count);
    Result<std::vector<text::SymbolWord>> phrase(); // 1 to limits::proof_symbols symbols
    bool at_end() const { return left_.empty(); }

    // Sections, each checked against its tree's root and number of items (symbols, numbers, ...).
    Result<Section> text(const Hash32& root, std::uint64_t symbols);
    Result<Section> numbers(const Hash32& root, std::uint64_t count);
    Result<Section> table(const Hash32& root, std::uint64_t records);
    Result<Section> owners(const Hash32& root, std::uint64_t owners);
    // Siblings that lead from these nodes to the root of a tree of `count` leaves.
    Status climb_to(const Hash32& root, std::vector<OpenedNode> nodes, std::uint64_t count);

private:
    template <class Size, class HashLeaf>
    Result<Section> section(const Hash32& root, std::uint64_t leaf_count, Size size_of,
                            HashLeaf hash);
    ByteView left_;
};

} // namespace ol::attribution::suffix
