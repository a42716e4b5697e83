// What proves a fault of a committed index (docs/formats/index-proofs.md).
#include "attribution/suffix/proof/find_fault.hpp"
#include "attribution/suffix/proof/verify_internal.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

Status used(std::initializer_list<const Section*> sections) {
    for (const Section* section : sections) {
        if (!section->all_used()) return unproved("a leaf is not needed");
    }
    return {};
}

Status when(bool fault) {
    if (!fault) return unproved("it shows no fault");
    return {};
}

class FaultCheck {
public:
    FaultCheck(const IndexCommitment& index, ProofReader& in)
        : index_(index)
        , in_(in) {}

    Status run(FaultKind kind) {
        switch (kind) {
        case FaultKind::inverse:
            return inverse();
        case FaultKind::order:
            return order();
        case FaultKind::list_order:
            return list_order();
        case FaultKind::slot:
            return slot();
        case FaultKind::table_order:
            return table_order();
        case FaultKind::separator:
            return separator();
        case FaultKind::cluster:
            return cluster();
        case FaultKind::owner_order:
            return owner_order();
        case FaultKind::form:
            return form();
        }
        return unproved("no fault of kind {}", static_cast<int>(kind));
    }

private:
    Result<Section> suffixes() {
        return in_.numbers(index_.suffix_array_root, index_.symbol_count);
    }
    Result<Section> inverses() { return in_.numbers(index_.inverse_root, index_.symbol_count); }
    Result<Section> text() { return in_.text(index_.text_root, index_.symbol_count); }
    Result<Section> table() { return in_.table(index_.table_root, index_.record_count); }
    Result<Section> owners() { return in_.owners(index_.owners_root, index_.owner_count); }

    // A place below `count`, which follows in the proof.
    Result<u64> place(u64 count) {
        const u64 value = OL_TRY(in_.u32());
        if (value >= count) return unproved("place {} of {}", value, count);
        return value;
    }

    Status inverse() {
        const u64 rank = OL_TRY(place(index_.symbol_count));
        auto suffix = OL_TRY(suffixes());
        const u64 position = OL_TRY(suffix.number(rank));
        OL_TRY(used({&suffix}));
        if (position >= index_.symbol_count) return {};
        auto inverse = OL_TRY(inverses());
        const bool fault = OL_TRY(inverse.number(position)) != rank;
        OL_TRY(used({&inverse}));
        return when(fault);
    }

    Status order() {
        const u64 rank = OL_TRY(place(index_.symbol_count));
        if (rank + 1 == index_.symbol_count) return unproved("no rank follows {}", rank);
        auto suffix = OL_TRY(suffixes());
        const u64 a = OL_TRY(suffix.number(rank)), b = OL_TRY(suffix.number(rank + 1));
        auto words = OL_TRY(text());
        OL_TRY(used({&suffix}));
        if (a >= index_.symbol_count || b >= index_.symbol_count) {
            return unproved("a rank is outside of the text");
        }
        const auto left = OL_TRY(words.symbol(a)), right = OL_TRY(words.symbol(b));
        OL_TRY(used({&words}));
        if (left != right) return when(right < left);
        if (a + 1 == index_.symbol_count) return when(false);
        if (b + 1 == index_.symbol_count) return {};
        auto inverse = OL_TRY(inverses());
        const bool fault = OL_TRY(inverse.number(a + 1)) >= OL_TRY(inverse.number(b + 1));
        OL_TRY(used({&inverse}));
        return when(fault);
    }

    Status list_order() {
        const u64 owner = OL_TRY(place(index_.owner_count));
        auto entries = OL_TRY(owners());
        const auto entry = OL_TRY(entries.owner(owner));
        const u64 at = OL_TRY(place(entry.size));
        auto list = OL_TRY(in_.numbers(entry.list_root, entry.size));
        const u64 here = OL_TRY(list.number(at));
        const bool last = at + 1 == entry.size;
        const u64 next = last ? index_.symbol_count : u64{OL_TRY(list.number(at + 1))};
        OL_TRY(used({&entries, &list}));
        return when(here >= next);
    }

    Status slot() {
        const u64 rank = OL_TRY(place(index_.symbol_count));
        auto suffix = OL_TRY(suffixes());
        const u64 position = OL_TRY(suffix.number(rank));
        const u64 record = OL_TRY(in_.u32());
        auto records = OL_TRY(table());
        const auto [row, end] = OL_TRY(record_extent(records, index_, record));
        OL_TRY(used({&suffix, &records}));
        if (position < row.offset || position >= end || position >= index_.symbol_count) {
            return unproved("position {} is not in record {}", position, record);
        }
        const auto has_list = OL_TRY(in_.u8());
        if (has_list > 1) return unproved("a flag of {}", has_list);
        if (has_list == 0 && index_.owner_count == 0) return {};
        auto entries = OL_TRY(owners());
        if (has_list == 0) return owner_is_absent(entries, index_.owner_count, row.owner);
        const auto entry = OL_TRY(owner_alone(entries));
        if (entry.owner != row.owner) return unproved("the list is of another owner");
        auto slots = OL_TRY(in_.numbers(index_.slot_root, index_.symbol_count));
        const u64 at = OL_TRY(slots.number(rank));
        OL_TRY(used({&slots}));
        if (at >= entry.size) return {};
        auto list = OL_TRY(in_.numbers(entry.list_root, entry.size));
        const bool fault = OL_TRY(list.number(at)) != rank;
        OL_TRY(used({&list}));
        return when(fault);
    }

    Status table_order() {
        const u64 record = OL_TRY(place(index_.record_count));
        auto records = OL_TRY(table());
        const auto [row, end] = OL_TRY(record_extent(records, index_, record));
        OL_TRY(used({&records}));
        return when((record == 0 && row.offset != 0) || row.offset >= end);
    }

    Status separator() {
        const u64 record = OL_TRY(in_.u32());
        const u64 position = OL_TRY(place(index_.symbol_count));
        auto words = OL_TRY(text());
        const auto word = OL_TRY(words.symbol(position));
        OL_TRY(used({&words}));
        // A separator's number is below 2^32 - 1, since its form holds number + 1.
        const bool is_its_own =
            text::is_separator(word) && u64{get_be32(word.begin() + 28)} == record + 1;
        if (record >= index_.record_count) return when(is_its_own);
        u64 end = index_.symbol_count;
        if (record + 1 < index_.record_count) {
            auto records = OL_TRY(table());
            end = OL_TRY(records.table(record + 1)).offset;
            OL_TRY(used({&records}));
        }
        return when(is_its_own != (position + 1 == end));
    }

    Status cluster() {
        const u64 record = OL_TRY(place(index_.record_count));
        auto records = OL_TRY(table());
        const u64 head = OL_TRY(records.table(record)).cluster;
        const bool fault =
            head > record || (head < record && OL_TRY(records.table(head)).cluster != head);
        OL_TRY(used({&records}));
        return when(fault);
    }

    Status owner_order() {
        const u64 owner = OL_TRY(place(index_.owner_count));
        auto entries = OL_TRY(owners());
        const auto entry = OL_TRY(entries.owner(owner));
        const u64 end = u64{entry.start} + entry.size;
        bool fault = owner == 0 && entry.start != 0;
        if (owner + 1 == index_.owner_count) {
            fault = fault || end != index_.symbol_count;
        } else {
            const auto next = OL_TRY(entries.owner(owner + 1));
            fault = fault || next.owner <= entry.owner || next.start != end;
        }
        OL_TRY(used({&entries}));
        return when(fault);
    }

    struct Tree {
        Hash32 root;
        u64 items = 0, per_leaf = 1;
    };
    Result<Tree> tree_of(TreeId id) {
        const u64 symbols = index_.symbol_count;
        switch (id) {
        case TreeId::text:
            return Tree{index_.text_root, symbols, symbols_per_leaf};
        case TreeId::suffix_array:
            return Tree{index_.suffix_array_root, symbols, numbers_per_leaf};
        case TreeId::inverse:
            return Tree{index_.inverse_root, symbols, numbers_per_leaf};
        case TreeId::slot:
            return Tree{index_.slot_root, symbols, numbers_per_leaf};
        case TreeId::table:
            return Tree{index_.table_root, index_.record_count, 1};
        case TreeId::owners:
            return Tree{index_.owners_root, index_.owner_count, 1};
        case TreeId::list: {
            auto entries = OL_TRY(owners());
            const auto entry = OL_TRY(owner_alone(entries));
            return Tree{entry.list_root, entry.size, numbers_per_leaf};
        }
        }
        return unproved("no tree {}", static_cast<int>(id));
    }

    static bool well_formed(TreeId id, ByteView leaf, u32 items) {
        switch (id) {
        case TreeId::text:
            return text_leaf_size(leaf, items) == leaf.size();
        case TreeId::table: {
            if (leaf.size() != 128) return false;
            TableEntry entry;
            entry.offset = get_be32(leaf.data() + 28);
            std::memcpy(entry.leaf_hash.begin(), leaf.data() + 32, 32);
            std::memcpy(entry.owner.begin(), leaf.data() + 76, 20);
            entry.cluster = get_be32(leaf.data() + 124);
            return std::ranges::equal(entry.encode(), leaf);
        }
        case TreeId::owners:
            return leaf.size() == owner_leaf_bytes;
        default:
            return leaf.size() == 4 * std::size_t{items};
        }
    }

    Status form() {
        const auto id = static_cast<TreeId>(OL_TRY(in_.u8()));
        const Tree tree = OL_TRY(tree_of(id));
        const u64 count = leaves_of(tree.items, tree.per_leaf);
        const u64 leaf = OL_TRY(place(count));
        const ByteView bytes = OL_TRY(in_.bytes(OL_TRY(in_.u16())));
        OL_TRY(in_.climb_to(tree.root, {{leaf, crypto::merkle_leaf(bytes)}}, count));
        return when(!well_formed(id, bytes, items_of_leaf(tree.items, tree.per_leaf, leaf)));
    }

    const IndexCommitment& index_;
    ProofReader& in_;
};

} // namespace

Result<FaultKind> verify_fault(const IndexCommitment& index, ProofReader& in) {
    const auto kind = static_cast<FaultKind>(OL_TRY(in.u8()));
    OL_TRY(FaultCheck(index, in).run(kind));
    return kind;
}

} // namespace ol::attribution::suffix
