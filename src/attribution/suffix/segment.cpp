#include "attribution/suffix/segment.hpp"

#include <algorithm>
#include <bit>

#include "attribution/suffix/segment_impl.hpp"
#include "attribution/suffix/tier/cold_tier.hpp"
#include "attribution/suffix/tier/front_coded.hpp"
#include "attribution/suffix/tier/hot_tier.hpp"
#include "attribution/suffix/tier/plain_dictionary.hpp"
#include "base/check.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

const HotTier& hot(const Tier& tier) {
    const auto* const found = dynamic_cast<const HotTier*>(&tier);
    OL_CHECK(found != nullptr); // the cold form has no arrays
    return *found;
}

} // namespace

// Repeated squaring of a 64-bit mantissa, rounded down at each step.
u32 surprise_of(u64 symbols, u64 count) {
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

Result<Segment> Segment::Impl::make(Container container) {
    auto impl = std::make_unique<Impl>();
    impl->container = std::move(container);
    const Container& file = impl->container;
    const Counts& counts = impl->counts = file.counts();
    impl->starts = OL_TRY(file.array<u32>(SectionId::starts, u64{counts.records} + 1));
    impl->records = OL_TRY(file.array<RecordRow>(SectionId::records, counts.records));
    impl->first = OL_TRY(file.array<u32>(SectionId::first, u64{counts.words} + 1));
    impl->places = OL_TRY_IN(PlaceView::open(file.section(SectionId::places), counts.symbols),
                             "segment {}", file.name());
    if (file.has(SectionId::labels)) {
        const ByteView section = file.section(SectionId::labels);
        const u64 heads = (u64{counts.records} + 1) * sizeof(u32);
        if (section.size() < heads) {
            return fail(ErrorCode::corrupted, "segment {}: the labels are cut off", file.name());
        }
        impl->label_starts = {reinterpret_cast<const u32*>(section.data()),
                              std::size_t{counts.records} + 1};
        impl->labels = section.subspan(heads);
    }
    switch (static_cast<Form>(counts.form)) {
    case Form::hot:
        impl->tier = OL_TRY(HotTier::open(file));
        impl->dictionary =
            OL_TRY_IN(PlainDictionary::open(
                          OL_TRY(file.array<text::SymbolWord>(SectionId::words, counts.words)),
                          file.section(SectionId::word_slots)),
                      "segment {}", file.name());
        break;
    case Form::cold:
        impl->tier = OL_TRY_IN(ColdTier::open(file), "segment {}", file.name());
        impl->dictionary = OL_TRY_IN(
            FrontCodedDictionary::open(file.section(SectionId::front_coded_words), counts.words),
            "segment {}", file.name());
        break;
    default:
        return fail(ErrorCode::corrupted, "segment {}: form {} is not known to this version",
                    file.name(), counts.form);
    }
    return Segment(std::move(impl));
}

Segment::Segment(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
Segment::Segment(Segment&&) noexcept = default;
Segment& Segment::operator=(Segment&&) noexcept = default;
Segment::~Segment() = default;

Result<Segment> Segment::open(const Path& path, const OpenOptions& options) {
    const auto check = options.checksums ? Container::Check::full : Container::Check::header;
    return Impl::make(OL_TRY(Container::open(path, check, options.pool)));
}

Result<Segment> Segment::parse(Bytes bytes, std::string_view name) {
    return Impl::make(OL_TRY(Container::parse(std::move(bytes), name)));
}

const std::string& Segment::name() const { return impl_->container.name(); }
u64 Segment::file_bytes() const { return impl_->container.size(); }
Form Segment::form() const { return static_cast<Form>(impl_->counts.form); }
u32 Segment::symbol_count() const { return impl_->counts.symbols; }
u32 Segment::record_count() const { return impl_->counts.records; }
u32 Segment::first_record() const { return impl_->counts.first_record; }
u32 Segment::dictionary_size() const { return impl_->counts.words; }
const Tier& Segment::tier() const { return *impl_->tier; }
const Dictionary& Segment::dictionary() const { return *impl_->dictionary; }

text::SymbolWord Segment::word_of(u32 rank) const {
    if (rank < record_count()) return text::separator_word(rank);
    OL_CHECK(rank - record_count() < dictionary_size());
    return impl_->dictionary->word(rank - record_count());
}

text::SymbolWord Segment::word_at(u32 position) const {
    OL_CHECK(position < symbol_count());
    return word_of(impl_->tier->text_at(position));
}

u32 Segment::suffix_at(u32 rank) const {
    OL_CHECK(rank < symbol_count());
    return impl_->tier->suffix_at(rank);
}

u32 Segment::inverse_at(u32 position) const {
    OL_CHECK(position < symbol_count());
    return impl_->tier->inverse_at(position);
}

std::span<const u32> Segment::ranks() const { return hot(*impl_->tier).text(); }
std::span<const u32> Segment::suffix_array() const { return hot(*impl_->tier).suffixes(); }
std::span<const u32> Segment::inverse() const { return hot(*impl_->tier).inverse(); }
std::span<const u32> Segment::first_ranks() const { return impl_->first; }

TableEntry Segment::table_entry(u32 record) const {
    OL_CHECK(record < record_count());
    const auto& row = impl_->records[record];
    return {impl_->starts[record], row.leaf_hash, row.owner, row.cluster};
}

u32 Segment::start_of(u32 record) const {
    OL_CHECK(record <= record_count());
    return impl_->starts[record];
}

u32 Segment::record_at(u32 position) const {
    OL_CHECK(position < symbol_count());
    const auto starts = impl_->starts.first(record_count());
    const auto after = std::upper_bound(starts.begin(), starts.end(), position);
    OL_CHECK(after != starts.begin());
    return static_cast<u32>(after - starts.begin() - 1);
}

void Segment::clusters_at(std::span<const u32> positions, std::span<u32> clusters) const {
    constexpr std::size_t in_step = 16;
    const u32 records = record_count();
    const u32* const starts = impl_->starts.data();
    for (std::size_t begin = 0; begin < positions.size(); begin += in_step) {
        const std::size_t count = std::min(in_step, positions.size() - begin);
        const u32* const wanted = positions.data() + begin;
        // The last start that is not beyond each position, all searches together, then the rows.
        u32 found[in_step] = {};
        for (u32 size = records; size > 1;) {
            const u32 half = size / 2;
            for (std::size_t i = 0; i < count; ++i) {
                found[i] += starts[found[i] + half] <= wanted[i] ? half : 0;
            }
            size -= half;
        }
        for (std::size_t i = 0; i < count; ++i) __builtin_prefetch(&impl_->records[found[i]]);
        for (std::size_t i = 0; i < count; ++i) {
            clusters[begin + i] = impl_->records[found[i]].cluster;
        }
    }
}

std::string_view Segment::label(u32 record) const {
    OL_CHECK(record < record_count());
    if (impl_->label_starts.empty()) return {};
    const u64 begin = impl_->label_starts[record], end = impl_->label_starts[record + 1];
    if (begin > end || end > impl_->labels.size()) return {};
    return as_text(impl_->labels.subspan(begin, end - begin));
}

Segment::Place Segment::place_at(u32 position) const {
    OL_CHECK(position < symbol_count());
    const u32 record = record_at(position);
    if (position + 1 == impl_->starts[record + 1]) return {}; // its separator
    const u32 from = impl_->places.first_needed(position, impl_->starts[record]);
    std::vector<u32> symbols(position - from + 1);
    impl_->tier->read_text(from, symbols);
    return impl_->places.at(position, impl_->starts[record], [&](u32 p) {
        const u32 rank = symbols[p - from];
        if (rank < record_count()) return u32{0};
        const auto word = impl_->dictionary->word(rank - record_count());
        return static_cast<u32>(text::symbol_text(word).size());
    });
}

void Segment::read_places(u32 record, std::span<const u32> word_bytes, std::span<Place> out) const {
    OL_CHECK(record < record_count() && out.size() < start_of(record + 1) - start_of(record));
    impl_->places.read(start_of(record), word_bytes, out);
}

u64 Segment::occurrences(const text::SymbolWord& word) const {
    const auto rank = rank_of(word);
    return rank ? impl_->tier->bucket(*rank).count() : 0;
}

u32 Segment::surprise(const text::SymbolWord& word) const {
    return surprise_of(symbol_count(), std::max<u64>(occurrences(word), 1));
}

std::optional<u32> Segment::rank_of(const text::SymbolWord& word) const {
    const u32 rank = ranks_of({&word, 1})[0];
    if (rank == absent) return std::nullopt;
    return rank;
}

std::vector<u32> Segment::ranks_of(std::span<const text::SymbolWord> words) const {
    std::vector<u32> out(words.size());
    impl_->dictionary->find_all(words, out);
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (text::is_separator(words[i])) {
            const u32 next = get_be32(words[i].data.data() + 28);
            const bool known =
                next != 0 && next <= record_count() && words[i] == text::separator_word(next - 1);
            out[i] = known ? next - 1 : absent;
        } else {
            out[i] = out[i] == dictionary_size() ? absent : out[i] + record_count();
        }
    }
    return out;
}

Interval Segment::find(std::span<const text::SymbolWord> pattern) const {
    return impl_->tier->find(ranks_of(pattern));
}

std::vector<Longest> Segment::matching_statistics(std::span<const text::SymbolWord> pattern) const {
    std::vector<Longest> out(pattern.size());
    impl_->tier->matching_statistics(ranks_of(pattern), nullptr, out);
    return out;
}

} // namespace ol::attribution::suffix
