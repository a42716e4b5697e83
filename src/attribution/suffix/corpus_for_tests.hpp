// Corpora for the tests of this folder: small vocabularies and copied pieces, so that phrases
// repeat.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "attribution/suffix/segment.hpp"
#include "base/prng.hpp"
#include "text/symbols.hpp"

namespace ol::attribution::suffix::test {

// A folder that goes away with the test.
class ScratchFolder {
public:
    ScratchFolder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "ol-segment-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Path file(std::string_view name) const { return path_ / name; }

private:
    Path path_;
};

// The value, or the end of the test run.
template <class T>
T must(Result<T> result) {
    if (!result) {
        ADD_FAILURE() << result.error().to_string();
        std::abort();
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Corpus {
    std::vector<std::string> texts;
    std::vector<std::uint32_t> clusters;

    std::vector<SourceRecord> records() const {
        std::vector<SourceRecord> out;
        for (std::uint32_t r = 0; r < texts.size(); ++r) {
            SourceRecord record;
            put_be32(record.leaf_hash.data.data(), r + 1);
            put_be32(record.owner.data.data(), clusters[r] % 5 + 1);
            record.cluster = clusters[r];
            record.text = texts[r];
            out.push_back(record);
        }
        return out;
    }
};

inline std::vector<text::SymbolWord> words_of(std::string_view text) {
    std::vector<text::SymbolWord> out;
    const auto symbols = text::symbolize(text);
    EXPECT_TRUE(symbols) << symbols.error().to_string();
    for (const auto& symbol : *symbols) out.push_back(symbol.word);
    return out;
}

// Words of each record, separators left out.
inline std::vector<std::vector<text::SymbolWord>> words_of(const Corpus& corpus) {
    std::vector<std::vector<text::SymbolWord>> out;
    for (const auto& text : corpus.texts) out.push_back(words_of(text));
    return out;
}

// T, from its definition.
inline std::vector<text::SymbolWord> text_of(const Corpus& corpus) {
    std::vector<text::SymbolWord> out;
    for (std::uint32_t r = 0; r < corpus.texts.size(); ++r) {
        for (const auto& word : words_of(corpus.texts[r])) out.push_back(word);
        out.push_back(text::separator_word(r));
    }
    return out;
}

inline std::string word_name(std::uint64_t number) {
    static const char* const odd[] = {"été",
                                      "中",
                                      ",",
                                      "ÄPFEL",
                                      "x",
                                      "antidisestablishmentarianismus"
                                      "verylongwords",
                                      "naïve",
                                      "don't"};
    return number < std::size(odd) ? odd[number] : fmt::format("w{}", number);
}

inline std::string join(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) {
        if (!out.empty()) out += ' ';
        out += word;
    }
    return out;
}

// Records of 0 to about `max_words` words; some copy pieces of earlier ones, some are copies in the
// same cluster, and a phrase of boilerplate goes into many.
inline Corpus random_corpus(Prng& prng, std::size_t record_count, std::size_t max_words,
                            std::size_t vocabulary) {
    Corpus corpus;
    std::vector<std::vector<std::string>> rows;
    std::vector<std::string> boilerplate;
    for (int i = 0; i < 9; ++i) boilerplate.push_back(word_name(prng.below(vocabulary)));
    for (std::uint32_t r = 0; r < record_count; ++r) {
        std::vector<std::string> row;
        std::uint32_t cluster = r;
        const auto kind = prng.below(10);
        if (kind == 0) {
            if (prng.below(2) == 0) row.push_back(word_name(prng.below(vocabulary)));
        } else if (kind <= 2 && r > 0) {
            const auto source = prng.below(r);
            row = rows[source];
            cluster = corpus.clusters[source];
            if (!row.empty() && prng.below(2) == 0) row[prng.below(row.size())] = "changed";
        } else {
            while (row.size() < max_words && prng.below(12) != 0) {
                const auto choice = prng.below(4);
                if (choice == 0 && r > 0 && !rows[r - 1].empty()) {
                    const auto& source = rows[prng.below(r)];
                    if (source.empty()) continue;
                    const auto from = prng.below(source.size());
                    const auto to = from + 1 + prng.below(source.size() - from);
                    row.insert(row.end(), source.begin() + static_cast<std::ptrdiff_t>(from),
                               source.begin() + static_cast<std::ptrdiff_t>(to));
                } else if (choice == 1 && prng.below(3) == 0) {
                    row.insert(row.end(), boilerplate.begin(), boilerplate.end());
                } else {
                    for (auto n = 1 + prng.below(5); n > 0; --n) {
                        row.push_back(word_name(prng.below(vocabulary)));
                    }
                }
            }
        }
        rows.push_back(row);
        corpus.texts.push_back(join(row));
        corpus.clusters.push_back(cluster);
    }
    return corpus;
}

// Corpora of one kind of oddity: all words alike, one symbol a record, empty records, scripts that
// are not Latin, code points of 4 bytes, one phrase again and again.
inline Corpus odd_corpus(Prng& prng, int kind) {
    static const std::vector<std::vector<std::string>> vocabularies = {
        {"a"},
        {"a", "b"},
        {"λόγος", "слово", "كلمة", "शब्द", "단어", "מילה"},
        {"日", "本", "語", "ひ", "らが", "な"},
        {"😀", "𝔘", "𐎀𐎁", "𠜎", "👩‍👩‍👧", "𝟙"},
    };
    const auto& words = vocabularies[static_cast<std::size_t>(kind) % vocabularies.size()];
    Corpus corpus;
    const auto records = 1 + prng.below(8);
    for (std::uint32_t r = 0; r < records; ++r) {
        std::vector<std::string> row;
        const auto choice = prng.below(6);
        const auto size = choice == 0 ? 0 : choice == 1 ? 1 : prng.below(60);
        const auto period = 1 + prng.below(5);
        for (std::size_t i = 0; i < size; ++i) {
            row.push_back(i >= period && choice > 2 ? row[i - period]
                                                    : words[prng.below(words.size())]);
        }
        corpus.texts.push_back(join(row));
        corpus.clusters.push_back(r > 0 && prng.below(4) == 0 ? corpus.clusters[r - 1] : r);
    }
    return corpus;
}

// An answer of pieces of the corpus, other known words and unknown ones.
inline std::string random_answer(Prng& prng, const Corpus& corpus, std::size_t pieces,
                                 std::size_t vocabulary) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < pieces; ++i) {
        const auto choice = prng.below(6);
        if (choice < 4 && !corpus.texts.empty()) {
            const auto& text = corpus.texts[prng.below(corpus.texts.size())];
            auto from = text.empty() ? 0 : text.find(' ', prng.below(text.size()));
            if (from == std::string::npos) from = 0;
            auto to = text.empty() ? 0 : text.find(' ', from + prng.below(text.size()));
            parts.push_back(text.substr(from, to == std::string::npos ? to : to - from));
        } else if (choice == 4) {
            parts.push_back(word_name(prng.below(vocabulary)));
        } else {
            parts.push_back("unheardof");
        }
    }
    return join(parts);
}

inline Segment build_segment(const Corpus& corpus, const Path& path, unsigned threads = 1) {
    ThreadPool pool(threads);
    auto segment = Segment::build(corpus.records(), path, pool);
    if (!segment) {
        ADD_FAILURE() << segment.error().to_string();
        std::abort();
    }
    return std::move(*segment);
}

} // namespace ol::attribution::suffix::test
