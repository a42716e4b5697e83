#include "datanet/curation.hpp"

#include <unordered_map>

#include "base/limits.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"
#include "datanet/signature_index.hpp"
#include "text/rows.hpp"
#include "text/utf8.hpp"

namespace ol::datanet {

std::string RuleSet::canonical() const {
    return codec::Json::object({{"format", "openledger-curation-1"},
                                {"min_words", min_words},
                                {"max_words", max_words},
                                {"min_chars", min_chars},
                                {"near_duplicate_min_equal", near_duplicate_min_equal}})
        .dump();
}

Hash32 RuleSet::hash() const { return crypto::keccak256(canonical()); }

std::string_view to_string(Rule rule) {
    switch (rule) {
    case Rule::accepted:
        return "accepted";
    case Rule::invalid_utf8:
        return "invalid_utf8";
    case Rule::unreadable:
        return "unreadable";
    case Rule::length:
        return "length";
    case Rule::exact_duplicate:
        return "exact_duplicate";
    case Rule::near_duplicate:
        return "near_duplicate";
    }
    return "unknown";
}

struct DuplicateIndex::Impl {
    SignatureIndex signatures;
    std::vector<Hash32> ids; // by index of `signatures`
    std::unordered_map<Hash32, std::uint32_t, FixedBytesHasher> by_content;
};

DuplicateIndex::DuplicateIndex()
    : impl_(std::make_unique<Impl>()) {}
DuplicateIndex::~DuplicateIndex() = default;
DuplicateIndex::DuplicateIndex(DuplicateIndex&&) noexcept = default;
DuplicateIndex& DuplicateIndex::operator=(DuplicateIndex&&) noexcept = default;

void DuplicateIndex::add(const Record& record) {
    const std::uint32_t index = impl_->signatures.add(record.signature);
    impl_->ids.push_back(record.id);
    impl_->by_content.try_emplace(record.content_hash, index);
}

std::size_t DuplicateIndex::size() const { return impl_->ids.size(); }

std::optional<Hash32> DuplicateIndex::find_exact(const Hash32& content_hash) const {
    const auto found = impl_->by_content.find(content_hash);
    if (found == impl_->by_content.end()) return std::nullopt;
    return impl_->ids[found->second];
}

std::optional<DuplicateIndex::Match> DuplicateIndex::find_near(const MinHash& signature,
                                                               unsigned min_equal) const {
    std::optional<Match> best;
    for (const auto& match : impl_->signatures.find(signature, min_equal)) {
        if (!best || match.equal > best->equal) best = Match{impl_->ids[match.index], match.equal};
    }
    return best;
}

namespace {

Verdict verdict_of(const text::ReadIssue& issue) {
    Verdict verdict;
    const bool encoding = issue.reason.find("not UTF-8") != std::string::npos;
    verdict.rule = encoding ? Rule::invalid_utf8 : Rule::unreadable;
    verdict.reason = issue.reason;
    verdict.file = issue.file;
    verdict.line = issue.line;
    return verdict;
}

void refuse(Verdict& verdict, Rule rule, std::string reason, double measured, double threshold) {
    verdict.rule = rule;
    verdict.reason = std::move(reason);
    verdict.measured = measured;
    verdict.threshold = threshold;
}

// Sets the verdict when a length is outside its bounds.
bool wrong_length(const RuleSet& rules, const Record& record, Verdict& verdict) {
    const std::uint64_t bytes = record.title.size() + 1 + record.text.size();
    const std::uint64_t chars = text::count_chars(record.text);
    const auto too = [&](const char* how, std::uint64_t measured, const char* unit,
                         std::uint64_t threshold) {
        refuse(verdict, Rule::length,
               fmt::format("too {}: {} {}, the rule set asks for at {} {}", how, measured, unit,
                           how == std::string_view("short") ? "least" : "most", threshold),
               static_cast<double>(measured), static_cast<double>(threshold));
        return true;
    };
    if (record.word_count < rules.min_words) {
        return too("short", record.word_count, "words", rules.min_words);
    }
    if (record.word_count > rules.max_words) {
        return too("long", record.word_count, "words", rules.max_words);
    }
    if (chars < rules.min_chars) return too("short", chars, "characters", rules.min_chars);
    if (bytes > limits::record_bytes) return too("long", bytes, "bytes", limits::record_bytes);
    return false;
}

bool duplicate(const RuleSet& rules, const Record& record, const DuplicateIndex& anchored,
               Verdict& verdict) {
    if (const auto match = anchored.find_exact(record.content_hash)) {
        refuse(verdict, Rule::exact_duplicate,
               fmt::format("the same title and text as record {}", to_hex0x(match->view())), 1, 1);
        verdict.match = *match;
        return true;
    }
    const auto near = anchored.find_near(record.signature, rules.near_duplicate_min_equal);
    if (!near) return false;
    refuse(verdict, Rule::near_duplicate,
           fmt::format("near-duplicate of record {} ({} of {} hashes equal, {} make a duplicate)",
                       to_hex0x(near->record.view()), near->equal, minhash_size,
                       rules.near_duplicate_min_equal),
           near->equal, rules.near_duplicate_min_equal);
    verdict.match = near->record;
    return true;
}

std::string source_of(const text::Document& row) {
    return fmt::format("{}:{}", Path(row.file).filename().string(), row.line);
}

} // namespace

Curated curate(const RuleSet& rules, const Hash32& datanet_id, const Address& contributor,
               const std::string& licence, const Hash32& batch_salt,
               const std::vector<text::Document>& rows, const std::vector<text::ReadIssue>& issues,
               DuplicateIndex& anchored) {
    Curated out;
    out.verdicts.reserve(rows.size() + issues.size());

    // Issues take their place among the rows of their file; both lists are in the order of files.
    std::unordered_map<std::string, std::vector<const text::ReadIssue*>> issues_of;
    for (const text::ReadIssue& issue : issues) issues_of[issue.file].push_back(&issue);
    std::unordered_map<std::string, std::size_t> issues_taken;
    const auto take_issues = [&](const std::string& file, std::uint64_t before_line) {
        const auto found = issues_of.find(file);
        if (found == issues_of.end()) return;
        std::size_t& taken = issues_taken[file];
        while (taken < found->second.size() && found->second[taken]->line < before_line) {
            out.verdicts.push_back(verdict_of(*found->second[taken++]));
        }
    };

    for (std::size_t i = 0; i < rows.size(); ++i) {
        const text::Document& row = rows[i];
        if (!issues_of.empty()) {
            if (i > 0 && rows[i - 1].file != row.file) take_issues(rows[i - 1].file, UINT64_MAX);
            take_issues(row.file, row.line);
        }
        Verdict& verdict = out.verdicts.emplace_back();
        verdict.file = row.file;
        verdict.line = row.line;
        verdict.title = row.title;
        Result<std::string> body = text::normalize_text(row.text);
        if (!body || text::find_invalid_utf8(row.title)) {
            refuse(verdict, Rule::invalid_utf8, body ? "title is not UTF-8" : body.error().context,
                   0, 0);
            verdict.title.clear();
            continue;
        }
        if (body->size() > limits::record_bytes) {
            // Before any work that a long text would make long.
            refuse(verdict, Rule::length,
                   fmt::format("too long: {} bytes, a record has at most {}", body->size(),
                               limits::record_bytes),
                   static_cast<double>(body->size()), static_cast<double>(limits::record_bytes));
            continue;
        }
        Record record = make_record(datanet_id, contributor, text::tidy_title(row.title),
                                    std::move(*body), source_of(row), licence, batch_salt);
        verdict.title = record.title;
        if (wrong_length(rules, record, verdict) || duplicate(rules, record, anchored, verdict)) {
            continue;
        }
        anchored.add(record);
        verdict.record = out.records.size();
        verdict.reason = "accepted";
        out.records.push_back(std::move(record));
    }
    if (!rows.empty() && !issues_of.empty()) take_issues(rows.back().file, UINT64_MAX);
    for (const text::ReadIssue& issue : issues) take_issues(issue.file, UINT64_MAX);
    return out;
}

} // namespace ol::datanet
