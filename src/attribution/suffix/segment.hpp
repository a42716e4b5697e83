// Segment: an immutable, memory-mapped suffix index over the symbols of some records
// (docs/formats/segment.md). An index is one or several of them (index/index.hpp); a datanet
// version has one.
//
// T is the sequence of all records' symbols, each record followed by its unique separator; SA is
// *the* suffix array of T (exact order over the whole segment, end of text smallest), ISA its
// inverse. The same records give the same bytes, whatever the thread count. Const calls may run on
// several threads. A position, rank or record beyond the end is a programmer's error unless a
// function says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attribution/suffix/interval.hpp"
#include "attribution/suffix/tier/dictionary.hpp"
#include "attribution/suffix/tier/places.hpp"
#include "attribution/suffix/tier/tier.hpp"
#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "text/symbols.hpp"

namespace ol::attribution::suffix {

// What the index is told of a record, in version order.
struct SourceRecord {
    Hash32 leaf_hash; // the record's leaf in the version
    Address owner;
    std::uint32_t cluster = 0;   // index of the earliest near-duplicate record
    std::string_view text;       // title, newline, body
    std::string_view label = {}; // for people (a file and a row); kept, not committed
};

struct TableEntry {
    std::uint32_t offset = 0; // position in T of the record's first symbol
    Hash32 leaf_hash;
    Address owner;
    std::uint32_t cluster = 0;
    // abi.encode(uint256 offset, bytes32 leaf, address owner, uint256 cluster)
    Bytes encode() const;
};

// The two forms of a segment: the same answers; hot is faster, cold is smaller.
enum class Form : std::uint32_t { hot = 1, cold = 2 };

struct OpenOptions {
    // Whether every section's checksum is compared; without it a file opens at once, whatever its
    // size, and only the header is checked.
    bool checksums = true;
    ThreadPool* pool = nullptr; // to check with several threads
};

class Segment {
public:
    // Builds and writes the file at `path` (atomically), then opens it. too_large beyond
    // limits::segment_symbols; invalid_argument when a text is not UTF-8 (names the record). More
    // than fits in memory is built by Index; build/builder.hpp takes records one by one.
    static Result<Segment> build(const std::vector<SourceRecord>& records, const Path& path,
                                 ThreadPool& pool, const ProgressSink& progress = no_progress);
    // corrupted (with the file's name) when truncated, altered or of another format.
    static Result<Segment> open(const Path& path, const OpenOptions& options = {});
    // The same over bytes in memory; `name` stands for the file in errors.
    static Result<Segment> parse(Bytes bytes, std::string_view name);
    Segment(Segment&&) noexcept;
    Segment& operator=(Segment&&) noexcept;
    ~Segment();

    const std::string& name() const; // of the file
    std::uint64_t file_bytes() const;
    Form form() const;
    std::uint32_t symbol_count() const;
    std::uint32_t record_count() const;
    std::uint32_t first_record() const;    // number of record 0 in the index; 0 when alone
    std::uint32_t dictionary_size() const; // distinct words; separators are not counted
    const Tier& tier() const;
    const Dictionary& dictionary() const;

    text::SymbolWord word_at(std::uint32_t position) const; // T
    std::uint32_t suffix_at(std::uint32_t rank) const;      // SA
    std::uint32_t inverse_at(std::uint32_t position) const; // ISA
    // In the hot form alone: T as ranks that keep the order of the words (the separator of record r
    // is r, word d of the sorted dictionary is record_count + d), SA and ISA.
    std::span<const std::uint32_t> ranks() const;
    std::span<const std::uint32_t> suffix_array() const;
    std::span<const std::uint32_t> inverse() const;
    // The first rank in SA of each word's suffixes, then symbol_count.
    std::span<const std::uint32_t> first_ranks() const;

    TableEntry table_entry(std::uint32_t record) const;
    std::uint32_t record_at(std::uint32_t position) const; // whose text covers this position
    std::uint32_t start_of(std::uint32_t record) const;    // record == record_count: symbol_count
    // The clusters of the records at these positions, many in step.
    void clusters_at(std::span<const std::uint32_t> positions,
                     std::span<std::uint32_t> clusters) const;
    std::string_view label(std::uint32_t record) const;
    // Byte offset and size, in the record's text, of the symbol at a position; {0,0} for
    // separators.
    using Place = suffix::Place;
    Place place_at(std::uint32_t position) const;
    // The places of all symbols of a record, without its separator, from the lengths of their
    // words.
    void read_places(std::uint32_t record, std::span<const std::uint32_t> word_bytes,
                     std::span<Place> out) const;

    // How often the symbol occurs, and its surprise -log2(count / symbols) in 1/256 bit, rounded
    // down by integer arithmetic alone; a word that does not occur counts as once.
    std::uint64_t occurrences(const text::SymbolWord& word) const;
    std::uint32_t surprise(const text::SymbolWord& word) const;
    std::optional<std::uint32_t> rank_of(const text::SymbolWord& word) const;
    // The words as ranks, `absent` where one does not occur.
    std::vector<std::uint32_t> ranks_of(std::span<const text::SymbolWord> words) const;
    text::SymbolWord word_of(std::uint32_t rank) const;

    // All suffixes that start with the pattern: {0, 0} when it does not occur, every suffix for the
    // empty pattern.
    Interval find(std::span<const text::SymbolWord> pattern) const;
    // Matching statistics: for each i the length of the longest prefix of pattern[i..] that occurs,
    // and its interval (length 0: every suffix).
    using Longest = suffix::Longest;
    std::vector<Longest> matching_statistics(std::span<const text::SymbolWord> pattern) const;

    // Whether the segment says what docs/formats/segment.md asks: dictionary, record table,
    // separators, R1, R2, buckets, keys. corrupted with the first fault, named; Prover (proof/)
    // proves it where it is one of the committed arrays. Safe on any file that opens; a segment
    // that was not built here is audited before it is queried.
    Status audit(ThreadPool* pool = nullptr) const;

private:
    struct Impl;
    explicit Segment(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// floor(256 log2(symbols / count)) for 1 <= count <= symbols, by the integer algorithm of
// docs/formats/segment.md; 0 when count >= symbols. symbols below 2^32.
std::uint32_t surprise_of(std::uint64_t symbols, std::uint64_t count);

// The suffix array of a text over [0, alphabet): exact, linear time (SA-IS); the naive twin sorts.
std::vector<std::uint32_t> build_suffix_array(std::span<const std::uint32_t> text,
                                              std::uint32_t alphabet);

} // namespace ol::attribution::suffix
