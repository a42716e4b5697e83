// Proofs of claims about a segment without faults.
#include <algorithm>
#include <mutex>

#include "attribution/suffix/proof/find_fault.hpp"
#include "attribution/suffix/proof/proof_writer.hpp"
#include "base/limits.hpp"
#include "crypto/merkle.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using Items = ProofWriter::Items;

void add_range(Items& items, std::uint64_t begin, std::uint64_t end) {
    for (; begin < end; ++begin) items.push_back(begin);
}

Status check_phrase(std::span<const text::SymbolWord> phrase) {
    if (phrase.empty() || phrase.size() > limits::proof_symbols) {
        return fail(ErrorCode::invalid_argument, "a phrase of {} symbols; proofs are about 1 to {}",
                    phrase.size(), limits::proof_symbols);
    }
    for (const auto& word : phrase) {
        if (text::is_separator(word) || word[text::symbol_max_bytes] != 0) {
            return fail(ErrorCode::invalid_argument, "the phrase holds a word that is no symbol");
        }
    }
    return {};
}

} // namespace

struct Prover::Impl {
    Impl(SegmentArrays segment, const OwnerLists& owner_lists, ThreadPool* with)
        : arrays(std::move(segment))
        , lists(owner_lists)
        , pool(with) {}

    const IndexTrees& trees() {
        std::call_once(once, [this] {
            made = std::make_unique<IndexTrees>(arrays, lists, pool);
            root = made->commitment();
        });
        return *made;
    }

    // How many symbols the suffix at a rank shares with the phrase.
    u32 shared(std::span<const text::SymbolWord> phrase, u32 rank) const {
        const u32 from = arrays.suffixes[rank];
        u32 length = 0;
        while (length < phrase.size() && from + length < arrays.count() &&
               arrays.word_at(from + length) == phrase[length]) {
            ++length;
        }
        return length;
    }

    // The first rank whose suffix is not before the phrase, or (after_equal) is beyond all that
    // start with it.
    u32 boundary(std::span<const text::SymbolWord> phrase, bool after_equal) const {
        u32 low = 0, high = arrays.count();
        while (low < high) {
            const u32 middle = low + (high - low) / 2;
            const u32 length = shared(phrase, middle);
            const u32 at = arrays.suffixes[middle] + length;
            const bool before = length == phrase.size()
                                    ? after_equal
                                    : at >= arrays.count() || arrays.word_at(at) < phrase[length];
            (before ? low : high) = before ? middle + 1 : middle;
        }
        return low;
    }

    Interval find(std::span<const text::SymbolWord> phrase) const {
        if (arrays.find) {
            if (const Interval found = arrays.find(phrase); found.count() > 0) return found;
        }
        const u32 low = boundary(phrase, false);
        return {low, boundary(phrase, true)};
    }

    void write_owner(ProofWriter& writer, const Address& owner, Interval found) const;

    SegmentArrays arrays;
    const OwnerLists& lists;
    ThreadPool* pool;
    std::once_flag once;
    std::unique_ptr<IndexTrees> made;
    IndexCommitment root;
};

Prover::Prover(const Segment& segment, const OwnerLists& lists, ThreadPool* pool)
    : Prover(SegmentArrays::of(segment), lists, pool) {}
Prover::Prover(SegmentArrays arrays, const OwnerLists& lists, ThreadPool* pool)
    : impl_(std::make_unique<Impl>(std::move(arrays), lists, pool)) {}
Prover::~Prover() = default;

const IndexCommitment& Prover::commitment() const {
    impl_->trees();
    return impl_->root;
}

std::optional<Prover::Fault> Prover::find_fault() const {
    const auto found = suffix::find_fault(impl_->arrays, &impl_->lists, impl_->pool);
    if (!found) return std::nullopt;
    return Fault{found->kind, found->text, prove_fault(impl_->trees(), *found)};
}

// The owner's entry and the ends of the interval in his list; or that he has none.
void Prover::Impl::write_owner(ProofWriter& writer, const Address& owner, Interval found) const {
    const auto& owners = lists.owners;
    const auto at = static_cast<std::size_t>(std::lower_bound(owners.begin(), owners.end(), owner) -
                                             owners.begin());
    if (at == owners.size() || owners[at] != owner) {
        writer.u8(0);
        Items neighbours;
        if (at > 0) neighbours.push_back(at - 1);
        if (at < owners.size()) neighbours.push_back(at);
        writer.owners(neighbours);
        return;
    }
    writer.u8(1);
    writer.owners({at});
    const auto list = made->list_of(at);
    const auto from = static_cast<std::uint64_t>(
        std::lower_bound(list.begin(), list.end(), found.low) - list.begin());
    const auto to = static_cast<std::uint64_t>(
        std::lower_bound(list.begin(), list.end(), found.high) - list.begin());
    writer.u32(static_cast<u32>(from));
    writer.u32(static_cast<u32>(to));
    Items places;
    for (const std::uint64_t end : {from, to}) {
        if (end > 0) places.push_back(end - 1);
        if (end < list.size()) places.push_back(end);
    }
    if (!places.empty()) writer.list(at, places);
}

Result<Bytes> Prover::prove_occurrences(std::span<const text::SymbolWord> phrase,
                                        const Address& owner) const {
    OL_TRY(check_phrase(phrase));
    const IndexTrees& trees = impl_->trees();
    const u32 count = impl_->arrays.count();
    if (count == 0) return fail(ErrorCode::not_found, "an empty index has nothing to open");
    const Interval found = impl_->find(phrase);
    ProofWriter writer(trees, Claim::Kind::occurrences);
    writer.phrase(phrase);
    writer.bytes(owner.view());
    writer.u32(found.low);
    writer.u32(found.high);
    Items ranks, positions;
    const auto& suffixes = impl_->arrays.suffixes;
    if (found.count() > 0) {
        for (const u32 rank : {found.low, found.high - 1}) {
            ranks.push_back(rank);
            add_range(positions, suffixes[rank], suffixes[rank] + phrase.size());
        }
    }
    // Outside, the first symbol that differs; without an occurrence, the ones before it too.
    std::vector<u32> shared;
    const auto add_neighbour = [&](u32 rank) {
        ranks.push_back(rank);
        const u32 length = impl_->shared(phrase, rank);
        shared.push_back(length);
        const std::uint64_t differs = std::uint64_t{suffixes[rank]} + length;
        if (found.count() == 0) add_range(positions, suffixes[rank], differs);
        if (differs < count) positions.push_back(differs);
    };
    if (found.low > 0) add_neighbour(found.low - 1);
    if (found.high < count) add_neighbour(found.high);
    writer.suffix_array(ranks);
    for (const u32 length : shared) writer.u16(length);
    writer.text(positions);
    if (found.count() > 0) impl_->write_owner(writer, owner, found);
    return writer.take();
}

Result<Bytes> Prover::prove_span(u32 position, u32 length) const {
    const auto& arrays = impl_->arrays;
    if (length == 0 || length > limits::proof_symbols ||
        std::uint64_t{position} + length > arrays.count()) {
        return fail(ErrorCode::invalid_argument,
                    "{} symbols at {} of {}; proofs are about 1 to {} symbols", length, position,
                    arrays.count(), limits::proof_symbols);
    }
    const u32 record = arrays.record_at(position);
    const bool last = record + 1 == arrays.records;
    const u32 end = last ? arrays.count() : arrays.table(record + 1).offset;
    if (position + length >= end) { // the separator is the last symbol of the record
        return fail(ErrorCode::invalid_argument,
                    "{} symbols at {} go beyond record {}, which ends at {}", length, position,
                    record, end - 1);
    }
    ProofWriter writer(impl_->trees(), Claim::Kind::span);
    writer.u32(position);
    writer.u16(length);
    writer.u32(record);
    writer.table(last ? Items{record} : Items{record, record + 1});
    Items positions;
    add_range(positions, position, position + length);
    writer.text(positions);
    return writer.take();
}

Result<Bytes> Prover::prove_longer_match(std::span<const text::SymbolWord> answer, u32 start,
                                         u32 length, u32 position) const {
    const auto& arrays = impl_->arrays;
    if (std::uint64_t{start} + length > answer.size() ||
        std::uint64_t{position} + length > arrays.count()) {
        return fail(ErrorCode::invalid_argument,
                    "{} symbols at {} of the answer's {} and at {} of the text's {}", length, start,
                    answer.size(), position, arrays.count());
    }
    const auto phrase = answer.subspan(start, length);
    OL_TRY(check_phrase(phrase));
    ProofWriter writer(impl_->trees(), Claim::Kind::longer_match);
    writer.u32(start);
    writer.u32(position);
    writer.phrase(phrase);
    Items leaves, positions;
    add_range(leaves, start, start + length);
    add_range(positions, position, position + length);
    const PackedTree tree(answer.size(),
                          [&](std::span<const std::uint64_t> which, std::span<Hash32> out) {
                              for (std::size_t i = 0; i < out.size(); ++i) {
                                  out[i] = crypto::merkle_leaf(answer[which[i]].view());
                              }
                          });
    writer.hashes(tree.open(leaves));
    writer.text(positions);
    return writer.take();
}

Result<Prover::Opening> Prover::open_text(u32 position) const {
    if (position >= impl_->arrays.count()) {
        return fail(ErrorCode::not_found, "position {} of a text of {} symbols", position,
                    impl_->arrays.count());
    }
    const std::uint64_t leaf = position / symbols_per_leaf;
    Opening out;
    impl_->trees().append_text_leaf(leaf, out.leaf);
    out.siblings = impl_->trees().text.open({&leaf, 1});
    return out;
}

Result<Prover::Opening> Prover::open_table(u32 record) const {
    if (record >= impl_->arrays.records) {
        return fail(ErrorCode::not_found, "record {} of a table of {}", record,
                    impl_->arrays.records);
    }
    const std::uint64_t leaf = record;
    return Opening{impl_->arrays.table(record).encode(), impl_->trees().table.open({&leaf, 1})};
}

} // namespace ol::attribution::suffix
