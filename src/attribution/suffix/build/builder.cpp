#include "attribution/suffix/build/builder.hpp"

#include <algorithm>
#include <optional>

#include "attribution/suffix/build/radix_sort.hpp"
#include "attribution/suffix/build/suffix_sort.hpp"
#include "attribution/suffix/build/word_numbers.hpp"
#include "attribution/suffix/container.hpp"
#include "attribution/suffix/segment_impl.hpp"
#include "attribution/suffix/tier/cold_tier.hpp"
#include "attribution/suffix/tier/hot_tier.hpp"
#include "attribution/suffix/tier/plain_dictionary.hpp"
#include "base/check.hpp"
#include "base/huge_array.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// Records are symbolised in parallel, about this much text at a time: what fits in the caches.
constexpr std::size_t batch_bytes = 256 << 10;
constexpr std::size_t batch_max_records = 4096;
constexpr std::size_t grain = 1 << 14;
// What sorting takes a symbol beside T and SA in natural text, rounded up (suffix_sort.hpp).
constexpr u64 sort_bytes = 5;

u32 word_bytes(const text::SymbolWord& word) {
    return static_cast<u32>(text::symbol_text(word).size());
}

// A record's symbols and the hashes of their words, made by one of several threads.
struct Symbolised {
    std::vector<text::Symbol> symbols;
    std::vector<u64> hashes;
};

// An array that grows in place: beyond a small size it has more room than most segments need, of
// which the system backs what is written. It becomes T without a copy.
class Numbers {
public:
    void push_back(u32 number) {
        if (size_ == room_.size()) grow();
        room_[size_++] = number;
    }
    u64 size() const { return size_; }
    std::span<u32> values() { return room_.first(size_); }
    // The values of [begin, end) are not needed any more.
    void forget(u64 begin, u64 end) {
        if (large_.size() > 0) large_.forget(begin, end);
    }

private:
    static constexpr u64 small_room = 1 << 16, large_room = 1 << 27;

    void grow() {
        if (room_.empty()) {
            small_.resize(small_room);
            room_ = small_;
            return;
        }
        HugeArray<u32> wider(std::max(large_room, 2 * size_));
        std::copy(room_.begin(), room_.end(), wider.data());
        small_ = {};
        large_ = std::move(wider);
        room_ = large_;
    }

    std::vector<u32> small_;
    HugeArray<u32> large_;
    std::span<u32> room_; // of one of them
    u64 size_ = 0;
};

std::unexpected<Error> stopped() {
    return fail(ErrorCode::cancelled, "building the index was stopped");
}

// The numbers of the words that occur, in the order of the words.
std::vector<u32> sorted_words(const std::vector<text::SymbolWord>& words,
                              const std::vector<u32>& occurrences) {
    struct Item {
        u64 key;
        u32 number;
    };
    std::vector<Item> items, scratch;
    items.reserve(words.size());
    for (u32 n = 0; n < words.size(); ++n) {
        if (occurrences[n] > 0) items.push_back({get_be64(words[n].data.data()), n});
    }
    sort_by_key(std::span(items), scratch);
    for (std::size_t i = 0; i < items.size();) {
        std::size_t j = i + 1;
        while (j < items.size() && items[j].key == items[i].key) ++j;
        std::sort(items.begin() + static_cast<std::ptrdiff_t>(i),
                  items.begin() + static_cast<std::ptrdiff_t>(j),
                  [&](const Item& a, const Item& b) { return words[a.number] < words[b.number]; });
        i = j;
    }
    std::vector<u32> out;
    out.reserve(items.size());
    for (const auto& item : items) out.push_back(item.number);
    return out;
}

} // namespace

// The segment before its words have ranks.
struct SegmentBuilder::Draft {
    u32 first_record = 0;
    WordNumbers words;
    Numbers numbers; // of words; separators: 0
    PlaceEncoder places;
    std::vector<u32> starts;
    std::vector<RecordRow> rows;
    std::vector<u32> label_starts{0};
    Bytes labels;

    Status check(const RecordHeader& header, u64 symbols) const;
    void begin(const RecordHeader& header);
    void put(u32 number, Place place, u32 size) {
        numbers.push_back(number);
        places.add(place, size);
    }
    void end() {
        numbers.push_back(0);
        places.end_record();
    }
};

Status SegmentBuilder::Draft::check(const RecordHeader& header, u64 symbols) const {
    const u64 number = u64{first_record} + rows.size();
    if (number >= 0xffffffff || numbers.size() + symbols + 1 > limits::segment_symbols) {
        return fail(ErrorCode::too_large,
                    "record {}: a segment holds at most {} symbols; split the records over several",
                    number, limits::segment_symbols);
    }
    const u32 head = header.cluster;
    const bool later = head > number;
    const bool inside = head >= first_record && head < number;
    if (later || (inside && rows[head - first_record].cluster != head)) {
        return fail(ErrorCode::invalid_argument,
                    "record {}: cluster {} is not the earliest record of a cluster", number, head);
    }
    if (header.label.size() > limits::segment_label_bytes) {
        return fail(ErrorCode::too_large, "record {}: a label has at most {} bytes", number,
                    limits::segment_label_bytes);
    }
    if (labels.size() + header.label.size() > 0xffffffff) {
        return fail(ErrorCode::too_large, "record {}: the labels of a segment pass 4 GiB", number);
    }
    return {};
}

void SegmentBuilder::Draft::begin(const RecordHeader& header) {
    starts.push_back(static_cast<u32>(numbers.size()));
    rows.push_back({header.leaf_hash, header.owner, header.cluster});
    append(labels, as_bytes(header.label));
    label_starts.push_back(static_cast<u32>(labels.size()));
}

SegmentBuilder::SegmentBuilder(u32 first_record)
    : draft_(std::make_unique<Draft>()) {
    draft_->first_record = first_record;
}
SegmentBuilder::SegmentBuilder(SegmentBuilder&&) noexcept = default;
SegmentBuilder& SegmentBuilder::operator=(SegmentBuilder&&) noexcept = default;
SegmentBuilder::~SegmentBuilder() = default;

u32 SegmentBuilder::record_count() const { return static_cast<u32>(draft_->rows.size()); }
u64 SegmentBuilder::symbol_count() const { return draft_->numbers.size(); }
u32 SegmentBuilder::number_of(const text::SymbolWord& word) { return draft_->words.number(word); }

u64 SegmentBuilder::peak_bytes() const {
    const Draft& draft = *draft_;
    const u64 symbols = draft.numbers.size();
    return symbols * (2 * sizeof(u32) + sort_bytes) + symbols / 2 + 2 * draft.words.memory_bytes() +
           draft.rows.size() * (sizeof(RecordRow) + 8) + draft.labels.size();
}

Status SegmentBuilder::add(std::span<const SourceRecord> records, ThreadPool& pool) {
    Draft& draft = *draft_;
    std::vector<Result<Symbolised>> batch;
    for (std::size_t begin = 0; begin < records.size(); begin += batch.size()) {
        std::size_t end = begin, bytes = 0;
        while (end < records.size() && end - begin < batch_max_records && bytes < batch_bytes) {
            bytes += records[end++].text.size();
        }
        batch.assign(end - begin, {});
        pool.parallel_for(batch.size(), 1, [&](std::size_t from, std::size_t to) {
            for (std::size_t i = from; i < to; ++i) {
                auto symbols = text::symbolize(records[begin + i].text);
                if (!symbols) {
                    batch[i] = std::unexpected(std::move(symbols.error()));
                    continue;
                }
                batch[i]->symbols = std::move(*symbols);
                batch[i]->hashes.reserve(batch[i]->symbols.size());
                for (const auto& symbol : batch[i]->symbols) {
                    batch[i]->hashes.push_back(draft.words.hash_of(symbol.word));
                }
            }
        });
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const auto& source = records[begin + i];
            const auto [symbols, hashes] = OL_TRY_IN(std::move(batch[i]), "record {}",
                                                     u64{draft.first_record} + draft.rows.size());
            const RecordHeader header{source.leaf_hash, source.owner, source.cluster, source.label};
            OL_TRY(draft.check(header, symbols.size()));
            draft.begin(header);
            constexpr std::size_t ahead = 8;
            for (std::size_t k = 0; k < symbols.size(); ++k) {
                if (k + ahead < symbols.size()) draft.words.fetch(hashes[k + ahead]);
                const auto& symbol = symbols[k];
                draft.put(draft.words.number(symbol.word, hashes[k]), {symbol.offset, symbol.size},
                          word_bytes(symbol.word));
            }
            draft.end();
        }
    }
    return {};
}

Status SegmentBuilder::add_numbers(const RecordHeader& header, std::span<const u32> numbers,
                                   std::span<const Place> places) {
    OL_CHECK(numbers.size() == places.size());
    OL_TRY(draft_->check(header, numbers.size()));
    draft_->begin(header);
    const auto& words = draft_->words.words();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        draft_->put(numbers[i], places[i], word_bytes(words[numbers[i]]));
    }
    draft_->end();
    return {};
}

namespace {

// T, SA and ISA with what belongs to them, ready to be written in either form.
struct Arrays {
    Numbers numbers;
    std::span<u32> text; // in numbers
    HugeArray<u32> suffixes;
    std::vector<text::SymbolWord> words;
    std::vector<u32> first;
};

// Turns word numbers into ranks that keep the order of the words, where they stand.
void rank_words(const std::vector<u32>& starts, const std::vector<text::SymbolWord>& words,
                ThreadPool& pool, Arrays& out) {
    const u32 records = static_cast<u32>(starts.size() - 1);
    const std::span<u32> text = out.text = out.numbers.values();
    std::vector<u32> occurrences(words.size(), 0);
    for (u32 r = 0; r < records; ++r) {
        for (u32 p = starts[r]; p + 1 < starts[r + 1]; ++p) ++occurrences[text[p]];
    }
    const auto order = sorted_words(words, occurrences);
    std::vector<u32> rank_of(words.size(), 0);
    u32 next = records; // the separators' suffixes come before all words'
    out.words.reserve(order.size());
    out.first.reserve(order.size() + 1);
    for (u32 d = 0; d < order.size(); ++d) {
        out.words.push_back(words[order[d]]);
        rank_of[order[d]] = records + d;
        out.first.push_back(next);
        next += occurrences[order[d]];
    }
    out.first.push_back(next);
    pool.parallel_for(records, 64, [&](std::size_t from, std::size_t to) {
        for (std::size_t r = from; r < to; ++r) {
            const u32 last = starts[r + 1] - 1;
            for (u32 p = starts[r]; p < last; ++p) text[p] = rank_of[text[p]];
            text[last] = static_cast<u32>(r);
        }
    });
}

HugeArray<u32> inverse_of(std::span<const u32> suffixes, ThreadPool& pool) {
    HugeArray<u32> inverse(suffixes.size());
    pool.parallel_for(suffixes.size(), grain, [&](std::size_t from, std::size_t to) {
        constexpr std::size_t ahead = 32;
        for (std::size_t i = from; i < to; ++i) {
            if (i + ahead < to) __builtin_prefetch(&inverse[suffixes[i + ahead]], 1);
            inverse[suffixes[i]] = static_cast<u32>(i);
        }
    });
    return inverse;
}

// The arrays are given back while they are written, so that the system's copy of what follows takes
// their pages: a virtual machine's first touch of a page costs more than all that is done with it.
void write_hot_sections(ContainerWriter& file, Arrays& arrays, ThreadPool& pool) {
    const auto consume = [&](SectionId id, std::span<const u32> values, auto& owner) {
        file.add(id, {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()},
                 &pool,
                 [&](u64 begin, u64 end) { owner.forget(begin / sizeof(u32), end / sizeof(u32)); });
        owner = {};
    };
    const auto keys = suffix_keys(arrays.text, arrays.suffixes, pool);
    consume(SectionId::text, arrays.text, arrays.numbers);
    auto inverse = inverse_of(arrays.suffixes, pool);
    consume(SectionId::suffix_array, arrays.suffixes, arrays.suffixes);
    consume(SectionId::inverse, inverse, inverse);
    file.add_array(SectionId::keys, std::span<const u64>(keys), &pool);
    file.add_array(SectionId::words, std::span<const text::SymbolWord>(arrays.words), &pool);
    file.add(SectionId::word_slots, make_word_slots(arrays.words), &pool);
}

} // namespace

Status SegmentBuilder::write(const Path& path, Form form, ThreadPool& pool,
                             const ProgressSink& progress) {
    const std::unique_ptr<Draft> draft = std::exchange(draft_, std::make_unique<Draft>());
    const u32 symbols = static_cast<u32>(draft->numbers.size());
    draft->starts.push_back(symbols);
    if (!progress("dictionary", 0, symbols)) return stopped();
    Arrays arrays;
    arrays.numbers = std::move(draft->numbers);
    rank_words(draft->starts, draft->words.words(), pool, arrays);
    draft->words = WordNumbers();
    const Counts counts{symbols, static_cast<u32>(draft->rows.size()),
                        static_cast<u32>(arrays.words.size()), static_cast<u32>(form),
                        draft->first_record};
    arrays.suffixes = HugeArray<u32>(symbols);
    if (!sort_suffixes(arrays.text, counts.records + counts.words, arrays.suffixes, pool,
                       progress)) {
        return stopped();
    }

    if (!progress("writing", 0, symbols)) return stopped();
    auto file = OL_TRY(ContainerWriter::create(path));
    const auto add = [&]<class T>(SectionId id, std::span<const T> items) {
        file.add_array(id, items, &pool);
    };
    add(SectionId::starts, std::span<const u32>(draft->starts));
    add(SectionId::records, std::span<const RecordRow>(draft->rows));
    if (!draft->labels.empty()) {
        Bytes section((draft->label_starts.size()) * sizeof(u32));
        std::memcpy(section.data(), draft->label_starts.data(), section.size());
        append(section, draft->labels);
        file.add(SectionId::labels, section, &pool);
    }
    add(SectionId::first, std::span<const u32>(arrays.first));
    file.add(SectionId::places, draft->places.finish(), &pool);
    if (form == Form::cold) {
        arrays.numbers = {};
        const auto inverse = inverse_of(arrays.suffixes, pool);
        OL_TRY(write_cold_sections(
            file, {counts, arrays.suffixes, inverse, arrays.first, arrays.words}, pool));
    } else {
        write_hot_sections(file, arrays, pool);
    }
    if (!progress("writing", symbols, symbols)) return stopped();
    return file.finish(counts);
}

Result<Segment> Segment::build(const std::vector<SourceRecord>& records, const Path& path,
                               ThreadPool& pool, const ProgressSink& progress) {
    SegmentBuilder builder;
    constexpr std::size_t step = 4096;
    for (std::size_t begin = 0; begin < records.size(); begin += step) {
        if (!progress("records", begin, records.size())) return stopped();
        const std::span<const SourceRecord> all(records);
        OL_TRY(builder.add(all.subspan(begin, std::min(step, records.size() - begin)), pool));
    }
    OL_TRY(builder.write(path, Form::hot, pool, progress));
    return open(path, {.checksums = false}); // it was written just now
}

// The plain form of it, for tests and others.
std::vector<u32> build_suffix_array(std::span<const u32> text, u32 alphabet) {
    std::vector<u32> out(text.size());
    ThreadPool alone(1);
    sort_suffixes(text, alphabet, out, alone);
    return out;
}

} // namespace ol::attribution::suffix
