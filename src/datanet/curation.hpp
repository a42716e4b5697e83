// Curation: which rows become records, and why the others do not. The verdict depends on the rule
// set, the rows and what is anchored already; never on threads, the order of files or a model.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datanet/record.hpp"
#include "text/reader.hpp"

namespace ol::datanet {

struct RuleSet {
    std::uint32_t min_words = 8;
    std::uint32_t max_words = 4000;
    std::uint32_t min_chars = 40;
    std::uint32_t near_duplicate_min_equal = 101; // of 112, checked after a band matched
    // Canonical JSON of the numbers above; its keccak is the rule-set hash on the ledger.
    std::string canonical() const;
    Hash32 hash() const;
};

enum class Rule { accepted, invalid_utf8, unreadable, length, exact_duplicate, near_duplicate };
std::string_view to_string(Rule rule); // "accepted", "invalid_utf8", ...

struct Verdict {
    Rule rule = Rule::accepted;
    std::string reason; // "near-duplicate of record 0xab.. (108 of 112 hashes equal, need 101)"
    double measured = 0;
    double threshold = 0;
    std::optional<Hash32> match; // the record that a duplicate repeats
    std::string file;
    std::uint64_t line = 0;
    std::string title;
    std::optional<std::size_t> record; // index into Curated::records when accepted
};

struct Curated {
    std::vector<Record> records;
    std::vector<Verdict> verdicts; // one per row and per read issue, in input order
};

// MinHash of word 5-grams (06-curation-rules.md): lower-cased, digits to 0, punctuation and
// diacritics removed; h = ((a*s + b) mod 2^64) mod (2^61 - 1). Texts under 5 words give one
// shingle.
struct Shingles {
    MinHash signature{};
    std::vector<std::uint64_t> hashes; // sorted, distinct
    std::uint32_t word_count = 0;
};
Shingles shingle(std::string_view text);
unsigned equal_count(const MinHash& a, const MinHash& b);
double exact_jaccard(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b);

// Everything anchored so far, as far as duplicates are concerned: content hashes and LSH bands.
class DuplicateIndex {
public:
    DuplicateIndex();
    ~DuplicateIndex();
    DuplicateIndex(DuplicateIndex&&) noexcept;
    DuplicateIndex& operator=(DuplicateIndex&&) noexcept;
    void add(const Record& record);
    std::size_t size() const;
    std::optional<Hash32> find_exact(const Hash32& content_hash) const;
    struct Match {
        Hash32 record;
        unsigned equal = 0; // of 112
    };
    // The best match with at least min_equal equal hashes; ties: the earliest added.
    std::optional<Match> find_near(const MinHash& signature, unsigned min_equal) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Rows to records. Rows are judged in the order given, each also against the accepted ones before
// it; accepted records are added to `anchored`.
Curated curate(const RuleSet& rules, const Hash32& datanet_id, const Address& contributor,
               const std::string& licence, const Hash32& batch_salt,
               const std::vector<text::Document>& rows, const std::vector<text::ReadIssue>& issues,
               DuplicateIndex& anchored);

} // namespace ol::datanet
