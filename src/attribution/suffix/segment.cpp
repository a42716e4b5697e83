#include "attribution/suffix/segment.hpp"

#include <algorithm>
#include <bit>

#include "attribution/suffix/segment_impl.hpp"
#include "base/check.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

constexpr std::size_t words_per_key = 16;

} // namespace

// Repeated squaring of a 64-bit mantissa, rounded down at each step.
u32 surprise_of(std::uint64_t symbols, std::uint64_t count) {
    using Wide = unsigned __int128;
    if (symbols <= count) return 0;
    // symbols / count = mantissa / 2^63 * 2^exponent with mantissa in [2^63, 2^64).
    u32 exponent = static_cast<u32>(std::bit_width(symbols / count) - 1);
    Wide mantissa = (Wide{symbols} << (63 - exponent)) / count;
    u32 fraction = 0;
    for (int bit = 0; bit < 8; ++bit) {
        mantissa = mantissa * mantissa >> 63;
        fraction <<= 1;
        if (mantissa >> 64 != 0) {
            mantissa >>= 1;
            fraction |= 1;
        }
    }
    return exponent * 256 + fraction;
}

Bytes TableEntry::encode() const {
    Bytes out(128, 0);
    put_be32(out.data() + 28, offset);
    std::copy(leaf_hash.begin(), leaf_hash.end(), out.begin() + 32);
    std::copy(owner.begin(), owner.end(), out.begin() + 76);
    put_be32(out.data() + 124, cluster);
    return out;
}

Result<Segment> Segment::Impl::make(MappedFile file, Bytes memory, std::string name) {
    auto impl = std::make_unique<Impl>();
    impl->file = std::move(file);
    impl->memory = std::move(memory);
    impl->name = std::move(name);
    const ByteView bytes = impl->memory.empty() ? impl->file.bytes() : ByteView(impl->memory);
    const Counts counts = OL_TRY(check_file(bytes, impl->name));
    impl->view = SegmentView(bytes.data(), counts);
    impl->search = Search(impl->view);
    for (std::size_t i = 0; i < counts.words; i += words_per_key) {
        impl->keys.push_back(get_be64(impl->view.words[i].data.data()));
    }
    return Segment(std::move(impl));
}

u32 Segment::Impl::rank_of(const text::SymbolWord& word) const {
    if (text::is_separator(word)) {
        const u32 next = get_be32(word.data.data() + 28);
        const bool known =
            next != 0 && next <= view.counts.records && word == text::separator_word(next - 1);
        return known ? next - 1 : absent;
    }
    // Words before the last smaller key are smaller; words from the first larger key on are larger.
    const std::uint64_t key = get_be64(word.data.data());
    const auto low = std::lower_bound(keys.begin(), keys.end(), key);
    const auto high = std::upper_bound(low, keys.end(), key);
    const std::size_t begin = low == keys.begin() ? 0 : (low - keys.begin() - 1) * words_per_key;
    const std::size_t end =
        std::min<std::size_t>((high - keys.begin()) * words_per_key, view.counts.words);
    const auto* found = std::lower_bound(view.words + begin, view.words + end, word);
    if (found == view.words + end || *found != word) return absent;
    return view.counts.records + static_cast<u32>(found - view.words);
}

std::vector<u32> Segment::Impl::ranks_of(std::span<const text::SymbolWord> words) const {
    std::vector<u32> out;
    out.reserve(words.size());
    for (const auto& word : words) out.push_back(rank_of(word));
    return out;
}

text::SymbolWord Segment::Impl::word_of(u32 rank) const {
    if (rank < view.counts.records) return text::separator_word(rank);
    OL_CHECK(rank - view.counts.records < view.counts.words);
    return view.words[rank - view.counts.records];
}

TableEntry Segment::Impl::table_entry(u32 record) const {
    const auto& row = view.records[record];
    return {view.starts[record], row.leaf_hash, row.owner, row.cluster};
}

Segment::Segment(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
Segment::Segment(Segment&&) noexcept = default;
Segment& Segment::operator=(Segment&&) noexcept = default;
Segment::~Segment() = default;

Result<Segment> Segment::open(const Path& path) {
    auto file = OL_TRY_IN(MappedFile::open(path), "segment {}", path.string());
    return Impl::make(std::move(file), {}, path.string());
}

Result<Segment> Segment::parse(Bytes bytes, std::string_view name) {
    return Impl::make({}, std::move(bytes), std::string(name));
}

u32 Segment::symbol_count() const { return impl_->view.counts.symbols; }
u32 Segment::record_count() const { return impl_->view.counts.records; }
u32 Segment::dictionary_size() const { return impl_->view.counts.words; }
std::span<const u32> Segment::ranks() const { return {impl_->view.text, symbol_count()}; }
std::span<const u32> Segment::suffix_array() const {
    return {impl_->view.suffixes, symbol_count()};
}
Form Segment::form() const { return Form::hot; }
u32 Segment::suffix_at(u32 rank) const {
    OL_CHECK(rank < symbol_count());
    return impl_->view.suffixes[rank];
}
u32 Segment::inverse_at(u32 position) const {
    OL_CHECK(position < symbol_count());
    return impl_->view.inverse[position];
}
std::string_view Segment::label(u32) const { return {}; }
std::span<const u32> Segment::inverse() const { return {impl_->view.inverse, symbol_count()}; }

text::SymbolWord Segment::word_at(u32 position) const {
    OL_CHECK(position < symbol_count());
    return impl_->word_of(impl_->view.text[position]);
}

TableEntry Segment::table_entry(u32 record) const {
    OL_CHECK(record < record_count());
    return impl_->table_entry(record);
}

u32 Segment::record_at(u32 position) const {
    OL_CHECK(position < symbol_count());
    const u32* const starts = impl_->view.starts;
    const u32* const after = std::upper_bound(starts, starts + record_count(), position);
    OL_CHECK(after != starts);
    return static_cast<u32>(after - starts - 1);
}

Segment::Place Segment::place_at(u32 position) const {
    OL_CHECK(position < symbol_count());
    return impl_->view.places[position];
}

std::uint64_t Segment::occurrences(const text::SymbolWord& word) const {
    return impl_->search.bucket(impl_->rank_of(word)).count();
}

u32 Segment::surprise(const text::SymbolWord& word) const {
    return surprise_of(symbol_count(), std::max<std::uint64_t>(occurrences(word), 1));
}

std::optional<u32> Segment::rank_of(const text::SymbolWord& word) const {
    const u32 rank = impl_->rank_of(word);
    if (rank == absent) return std::nullopt;
    return rank;
}

Interval Segment::find(std::span<const text::SymbolWord> pattern) const {
    const auto ranks = impl_->ranks_of(pattern);
    const auto [length, interval] = impl_->search.longest(ranks);
    return length == pattern.size() ? interval : Interval{};
}

std::vector<Segment::Longest>
Segment::matching_statistics(std::span<const text::SymbolWord> pattern) const {
    const auto ranks = impl_->ranks_of(pattern);
    const auto& view = impl_->view;
    std::vector<Longest> out;
    out.reserve(ranks.size());
    for (std::size_t i = 0; i < ranks.size(); ++i) {
        const Search::Pattern rest = Search::Pattern(ranks).subspan(i);
        if (i > 0 && out[i - 1].length > 1) {
            // One symbol further in the text, all but the first symbol of the last match are there.
            const u32 hint = view.inverse[view.suffixes[out[i - 1].interval.low] + 1];
            out.push_back(impl_->search.longest(rest, hint, out[i - 1].length - 1));
        } else {
            out.push_back(impl_->search.longest(rest));
        }
    }
    return out;
}

} // namespace ol::attribution::suffix
