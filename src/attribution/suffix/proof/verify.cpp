// verify_proof: the claims. The faults are in verify_fault.cpp; the Solidity twin is
// contracts/src/IndexVerifier.sol.
#include "attribution/suffix/proof/verify_internal.hpp"
#include "base/check.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// "S occurs exactly n times, k of them in X's records."
class OccurrenceCheck {
public:
    OccurrenceCheck(const IndexCommitment& commitment, ProofReader& in, Claim& claim)
        : index_(commitment)
        , in_(in)
        , claim_(claim) {}

    Status run() {
        claim_.phrase = OL_TRY(in_.phrase());
        claim_.owner = *Address::from(OL_TRY(in_.bytes(20)));
        low_ = OL_TRY(in_.u32());
        high_ = OL_TRY(in_.u32());
        if (low_ > high_ || high_ > index_.symbol_count) {
            return unproved("no interval [{}, {})", low_, high_);
        }
        claim_.count = high_ - low_;
        ranks_ = OL_TRY(in_.numbers(index_.suffix_array_root, index_.symbol_count));
        const u32 left_shared = low_ > 0 ? OL_TRY(in_.u16()) : 0;
        const u32 right_shared = high_ < index_.symbol_count ? OL_TRY(in_.u16()) : 0;
        text_ = OL_TRY(in_.text(index_.text_root, index_.symbol_count));
        if (low_ < high_) {
            OL_TRY(starts_with_phrase(low_));
            OL_TRY(starts_with_phrase(high_ - 1));
        }
        if (low_ > 0) OL_TRY(outside(low_ - 1, left_shared, true));
        if (high_ < index_.symbol_count) OL_TRY(outside(high_, right_shared, false));
        if (!ranks_.all_used() || !text_.all_used()) return unproved("a leaf is not needed");
        return low_ < high_ ? owner() : Status();
    }

private:
    Result<u64> position_of(u64 rank) {
        const u64 position = OL_TRY(ranks_.number(rank));
        if (position >= index_.symbol_count) return unproved("rank {} is outside the text", rank);
        return position;
    }

    Status equal_until(u64 position, std::size_t length) {
        if (position + length > index_.symbol_count) return unproved("the text ends before");
        for (std::size_t i = 0; i < length; ++i) {
            if (OL_TRY(text_.symbol(position + i)) != claim_.phrase[i]) {
                return unproved("symbol {} of the phrase is not at {}", i, position + i);
            }
        }
        return {};
    }

    Status starts_with_phrase(u64 rank) {
        return equal_until(OL_TRY(position_of(rank)), claim_.phrase.size());
    }

    // The suffix at a rank beside the interval does not start with the phrase: its symbol at
    // `shared` is another one, or it ends there. Without an occurrence it must also be on its side
    // of the phrase, which takes the symbols before.
    Status outside(u64 rank, u32 shared, bool before) {
        const u64 position = OL_TRY(position_of(rank));
        if (shared >= claim_.phrase.size()) return unproved("no symbol {} of the phrase", shared);
        const bool absent = low_ == high_;
        if (absent) OL_TRY(equal_until(position, shared));
        const u64 at = position + shared;
        if (at >= index_.symbol_count) {
            if (at == index_.symbol_count && (before || !absent)) return {};
            return unproved("the suffix of rank {} is not so long", rank);
        }
        const auto symbol = OL_TRY(text_.symbol(at));
        const auto& wanted = claim_.phrase[shared];
        const bool holds = absent ? (before ? symbol < wanted : wanted < symbol) : symbol != wanted;
        if (!holds) return unproved("rank {} does not bound the phrase", rank);
        return {};
    }

    Status owner() {
        const auto has_list = OL_TRY(in_.u8());
        if (has_list > 1) return unproved("a flag of {}", has_list);
        auto owners = OL_TRY(in_.owners(index_.owners_root, index_.owner_count));
        if (has_list == 0) return owner_is_absent(owners, index_.owner_count, claim_.owner);
        const auto entry = OL_TRY(owner_alone(owners));
        if (entry.owner != claim_.owner) return unproved("the list is of another owner");
        const u64 from = OL_TRY(in_.u32()), to = OL_TRY(in_.u32());
        if (from > to || to > entry.size) return unproved("no places [{}, {})", from, to);
        claim_.owner_count = to - from;
        if (entry.size == 0) return {};
        auto list = OL_TRY(in_.numbers(entry.list_root, entry.size));
        OL_TRY(boundary(list, from, entry.size, low_));
        OL_TRY(boundary(list, to, entry.size, high_));
        if (!list.all_used()) return unproved("a leaf of the list is not needed");
        return {};
    }

    // `place` entries of the ascending list are below `rank`.
    static Status boundary(Section& list, u64 place, u64 size, u64 rank) {
        if (place > 0 && OL_TRY(list.number(place - 1)) >= rank) {
            return unproved("entry {} of the list is not below {}", place - 1, rank);
        }
        if (place < size && OL_TRY(list.number(place)) < rank) {
            return unproved("entry {} of the list is below {}", place, rank);
        }
        return {};
    }

    const IndexCommitment& index_;
    ProofReader& in_;
    Claim& claim_;
    u64 low_ = 0, high_ = 0;
    Section ranks_, text_;
};

// The symbols at the position become the claim's phrase; separators are none.
Status read_phrase(Section& text, u64 position, std::size_t length, Claim& claim) {
    for (std::size_t i = 0; i < length; ++i) {
        claim.phrase.push_back(OL_TRY(text.symbol(position + i)));
    }
    if (!text.all_used()) return unproved("a leaf of the text is not needed");
    return {};
}

Status verify_span(const IndexCommitment& index, ProofReader& in, Claim& claim) {
    claim.position = OL_TRY(in.u32());
    const std::size_t length = OL_TRY(in.u16());
    claim.record = OL_TRY(in.u32());
    if (length == 0 || length > limits::proof_symbols) return unproved("{} symbols", length);
    auto table = OL_TRY(in.table(index.table_root, index.record_count));
    const auto [entry, end] = OL_TRY(record_extent(table, index, claim.record));
    if (!table.all_used()) return unproved("an entry of the table is not needed");
    if (claim.position < entry.offset || u64{claim.position} + length >= end) {
        return unproved("symbols [{}, +{}) are not in record {}", claim.position, length,
                        claim.record);
    }
    claim.owner = entry.owner;
    claim.offset = claim.position - entry.offset;
    auto text = OL_TRY(in.text(index.text_root, index.symbol_count));
    return read_phrase(text, claim.position, length, claim);
}

Status verify_longer_match(const IndexCommitment& index, ProofReader& in, Claim& claim,
                           const Hash32& answer_root, u64 answer_symbols) {
    claim.start = OL_TRY(in.u32());
    claim.position = OL_TRY(in.u32());
    const auto phrase = OL_TRY(in.phrase());
    const u64 start = claim.start, position = claim.position;
    if (start + phrase.size() > answer_symbols || position + phrase.size() > index.symbol_count) {
        return unproved("the match leaves the answer or the text");
    }
    std::vector<OpenedNode> nodes;
    for (std::size_t i = 0; i < phrase.size(); ++i) {
        nodes.push_back({start + i, crypto::merkle_leaf(phrase[i].view())});
    }
    OL_TRY(in.climb_to(answer_root, std::move(nodes), answer_symbols));
    auto text = OL_TRY(in.text(index.text_root, index.symbol_count));
    OL_TRY(read_phrase(text, position, phrase.size(), claim));
    if (claim.phrase != phrase) return unproved("the text has other symbols there");
    return {};
}

} // namespace

Result<std::pair<TableEntry, u64>> record_extent(Section& table, const IndexCommitment& index,
                                                 u64 record) {
    if (record >= index.record_count) return unproved("no record {}", record);
    const auto entry = OL_TRY(table.table(record));
    u64 end = index.symbol_count;
    if (record + 1 < index.record_count) end = OL_TRY(table.table(record + 1)).offset;
    return std::pair{entry, end};
}

Result<OwnerEntry> owner_alone(Section& owners) {
    const auto leaves = owners.leaves();
    if (leaves.size() != 1) return unproved("{} owners are opened", leaves.size());
    return owners.owner(leaves[0]);
}

Status owner_is_absent(Section& owners, u64 owner_count, const Address& owner) {
    const auto leaves = owners.leaves();
    const u64 first = leaves.front(), last = leaves.back();
    const bool at_edge = last == 0 || first + 1 == owner_count; // below the first, above the last
    if (leaves.size() > 2 || last - first + 1 != leaves.size() ||
        (leaves.size() == 1 && !at_edge)) {
        return unproved("owners {} to {} are no neighbours", first, last);
    }
    const Address low = OL_TRY(owners.owner(first)).owner, high = OL_TRY(owners.owner(last)).owner;
    const bool between = low < owner && owner < high;
    const bool outside = (last == 0 && owner < low) || (first + 1 == owner_count && high < owner);
    if (!(leaves.size() == 2 ? between : outside)) return unproved("the owner may have a list");
    return {};
}

Result<Claim> verify_proof(const IndexCommitment& commitment, ByteView proof,
                           const Hash32& answer_root, u64 answer_symbols) {
    // Positions and ranks are u32 in every leaf.
    for (const u64 count :
         {commitment.symbol_count, commitment.record_count, commitment.owner_count}) {
        if (count > limits::segment_symbols) return unproved("a segment of {} symbols", count);
    }
    ProofReader in(proof);
    if (OL_TRY(in.u8()) != proof_version) return unproved("another version");
    const auto kind = OL_TRY(in.u8());
    Claim claim;
    claim.kind = static_cast<Claim::Kind>(kind);
    switch (claim.kind) {
    case Claim::Kind::order_fault:
        claim.fault = OL_TRY(verify_fault(commitment, in));
        break;
    case Claim::Kind::occurrences:
        OL_TRY(OccurrenceCheck(commitment, in, claim).run());
        break;
    case Claim::Kind::span:
        OL_TRY(verify_span(commitment, in, claim));
        break;
    case Claim::Kind::longer_match:
        OL_TRY(verify_longer_match(commitment, in, claim, answer_root, answer_symbols));
        break;
    default:
        return unproved("no claim of kind {}", kind);
    }
    if (!in.at_end()) return unproved("bytes after its end");
    return claim;
}

} // namespace ol::attribution::suffix
