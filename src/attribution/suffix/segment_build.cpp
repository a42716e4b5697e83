// Building a segment: symbols of all records, their dictionary, the suffix array, the file.
#include <algorithm>
#include <numeric>
#include <random>

#include "attribution/suffix/build/sais.hpp"
#include "attribution/suffix/segment_impl.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

// Records are symbolised in parallel, a batch of about this much text at a time.
constexpr std::size_t batch_bytes = 4 << 20;
constexpr std::size_t batch_max_records = 8192;
constexpr std::size_t grain = 1 << 14;

// Distinct words, numbered as they come. The hash is keyed by chance, so that no contributor can
// choose words that collide; it reaches neither the numbers nor the file.
class WordNumbers {
public:
    WordNumbers()
        : slots_(1 << 12, 0) {
        std::random_device random;
        for (auto& seed : seeds_) seed = std::uint64_t{random()} << 32 | random();
    }

    u32 number(const text::SymbolWord& word) {
        const std::uint64_t hash = hash_of(word);
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = hash & mask;
        const u32 tag = static_cast<u32>(hash >> 32);
        while (slots_[at] != 0) {
            const u32 found = static_cast<u32>(slots_[at]) - 1;
            if (slots_[at] >> 32 == tag && words_[found] == word) {
                ++occurrences_[found];
                return found;
            }
            at = (at + 1) & mask;
        }
        words_.push_back(word);
        occurrences_.push_back(1);
        slots_[at] = std::uint64_t{tag} << 32 | words_.size();
        if (words_.size() * 2 > slots_.size()) grow();
        return static_cast<u32>(words_.size() - 1);
    }

    const std::vector<text::SymbolWord>& words() const { return words_; }
    const std::vector<u32>& occurrences() const { return occurrences_; }

private:
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        const auto product = static_cast<unsigned __int128>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    std::uint64_t hash_of(const text::SymbolWord& word) const {
        std::array<std::uint64_t, 4> parts;
        std::memcpy(parts.data(), word.data.data(), sizeof parts);
        return fold(fold(parts[0] ^ seeds_[0], parts[1] ^ seeds_[1]) ^ seeds_[4],
                    fold(parts[2] ^ seeds_[2], parts[3] ^ seeds_[3]) ^ seeds_[5]);
    }
    void grow() {
        std::vector<std::uint64_t> wider(slots_.size() * 2, 0);
        const std::size_t mask = wider.size() - 1;
        for (std::size_t i = 0; i < words_.size(); ++i) {
            const std::uint64_t hash = hash_of(words_[i]);
            std::size_t at = hash & mask;
            while (wider[at] != 0) at = (at + 1) & mask;
            wider[at] = hash >> 32 << 32 | (i + 1);
        }
        slots_ = std::move(wider);
    }

    std::array<std::uint64_t, 6> seeds_;
    std::vector<text::SymbolWord> words_;
    std::vector<u32> occurrences_;
    std::vector<std::uint64_t> slots_; // upper half of the hash, number + 1; 0 when free
};

// The text of the segment before its words have ranks.
struct Draft {
    std::vector<u32> numbers; // separators: 0, overwritten when ranks are known
    std::vector<Segment::Place> places;
    std::vector<u32> starts;
    WordNumbers words;
};

Status check_clusters(const std::vector<SourceRecord>& records) {
    for (std::size_t r = 0; r < records.size(); ++r) {
        const u32 head = records[r].cluster;
        if (head > r || records[head].cluster != head) {
            return fail(ErrorCode::invalid_argument,
                        "record {}: cluster {} is not the earliest record of a cluster", r, head);
        }
    }
    return {};
}

Status read_records(const std::vector<SourceRecord>& records, ThreadPool& pool,
                    const ProgressSink& progress, Draft& draft) {
    draft.starts.reserve(records.size() + 1);
    std::vector<Result<std::vector<text::Symbol>>> batch;
    for (std::size_t begin = 0; begin < records.size(); begin += batch.size()) {
        if (!progress("records", begin, records.size())) {
            return fail(ErrorCode::cancelled, "building the index was stopped");
        }
        std::size_t end = begin, bytes = 0;
        while (end < records.size() && end - begin < batch_max_records && bytes < batch_bytes) {
            bytes += records[end++].text.size();
        }
        batch.assign(end - begin, {});
        pool.parallel_for(batch.size(), 1, [&](std::size_t from, std::size_t to) {
            for (std::size_t i = from; i < to; ++i) {
                batch[i] = text::symbolize(records[begin + i].text);
            }
        });
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const auto symbols = OL_TRY_IN(std::move(batch[i]), "record {}", begin + i);
            if (draft.numbers.size() + symbols.size() + 1 > limits::segment_symbols) {
                return fail(ErrorCode::too_large,
                            "record {}: an index holds at most {} symbols; split the datanet",
                            begin + i, limits::segment_symbols);
            }
            draft.starts.push_back(static_cast<u32>(draft.numbers.size()));
            for (const auto& symbol : symbols) {
                draft.numbers.push_back(draft.words.number(symbol.word));
                draft.places.push_back({symbol.offset, symbol.size});
            }
            draft.numbers.push_back(0);
            draft.places.push_back({});
        }
    }
    draft.starts.push_back(static_cast<u32>(draft.numbers.size()));
    return {};
}

// Fills the sections of words, first and text.
void rank_words(const Draft& draft, const Counts& counts, const Layout& layout, Bytes& file,
                ThreadPool& pool) {
    const auto& words = draft.words.words();
    std::vector<u32> order(words.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](u32 a, u32 b) { return words[a] < words[b]; });

    auto* const sorted = section_at<text::SymbolWord>(file.data(), layout, section_words);
    auto* const first = section_at<u32>(file.data(), layout, section_first);
    std::vector<u32> rank_of(words.size());
    u32 next = counts.records; // the separators' suffixes come before all words'
    for (u32 d = 0; d < counts.words; ++d) {
        sorted[d] = words[order[d]];
        rank_of[order[d]] = counts.records + d;
        first[d] = next;
        next += draft.words.occurrences()[order[d]];
    }
    first[counts.words] = next;

    auto* const text = section_at<u32>(file.data(), layout, section_text);
    pool.parallel_for(counts.records, 64, [&](std::size_t from, std::size_t to) {
        for (std::size_t r = from; r < to; ++r) {
            const u32 last = draft.starts[r + 1] - 1;
            for (u32 p = draft.starts[r]; p < last; ++p) text[p] = rank_of[draft.numbers[p]];
            text[last] = static_cast<u32>(r);
        }
    });
}

} // namespace

Result<Segment> Segment::build(const std::vector<SourceRecord>& records, const Path& path,
                               ThreadPool& pool, const ProgressSink& progress) {
    OL_TRY(check_clusters(records));
    Draft draft;
    OL_TRY(read_records(records, pool, progress, draft));

    const Counts counts{static_cast<u32>(draft.numbers.size()), static_cast<u32>(records.size()),
                        static_cast<u32>(draft.words.words().size())};
    const Layout layout(counts);
    Bytes file(layout.file_size, 0);
    std::copy(draft.places.begin(), draft.places.end(),
              section_at<Place>(file.data(), layout, section_places));
    std::copy(draft.starts.begin(), draft.starts.end(),
              section_at<u32>(file.data(), layout, section_starts));
    auto* const rows = section_at<RecordRow>(file.data(), layout, section_records);
    for (std::size_t r = 0; r < records.size(); ++r) {
        rows[r] = {records[r].leaf_hash, records[r].owner, records[r].cluster};
    }
    rank_words(draft, counts, layout, file, pool);
    draft = Draft();

    if (!progress("suffix array", 0, counts.symbols)) {
        return fail(ErrorCode::cancelled, "building the index was stopped");
    }
    const std::span text(section_at<u32>(file.data(), layout, section_text), counts.symbols);
    const std::span suffixes(section_at<u32>(file.data(), layout, section_suffix_array),
                             counts.symbols);
    auto* const inverse = section_at<u32>(file.data(), layout, section_inverse);
    suffix_array_into(text, counts.records + counts.words, suffixes);
    pool.parallel_for(counts.symbols, grain, [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i) inverse[suffixes[i]] = static_cast<u32>(i);
    });
    seal(file, counts);
    OL_TRY(write_file_atomic(path, ByteView(file)));
    progress("suffix array", counts.symbols, counts.symbols);
    file = Bytes();
    return open(path);
}

} // namespace ol::attribution::suffix
