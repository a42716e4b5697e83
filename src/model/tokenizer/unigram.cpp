#include "model/tokenizer/unigram.hpp"

#include <algorithm>

#include "model/tokenizer/bpe.hpp"
#include "model/tokenizer/characters.hpp"
#include "model/tokenizer/word_cache.hpp"

namespace ol::model {

namespace {

struct Node { // the best path that ends at a byte
    double score = 0;
    std::uint32_t start = 0;
    TokenId id = no_token; // none: no path yet
};

} // namespace

void Unigram::finish(const Vocabulary& vocabulary) {
    owner_ = WordCache::new_owner();
    fallback_.fill(no_token);
    if (byte_fallback) fallback_ = byte_tokens(vocabulary);
}

void Unigram::encode(const Vocabulary& vocabulary, std::string_view text,
                     std::vector<TokenId>& out) const {
    if (text.empty()) return;
    WordCache::encode(owner_, text, out,
                      [&](std::vector<TokenId>& to) { encode_fresh(vocabulary, text, to); });
}

void Unigram::encode_fresh(const Vocabulary& vocabulary, std::string_view text,
                           std::vector<TokenId>& out) const {
    std::vector<Node> best(text.size() + 1);
    const auto improve = [&](std::size_t end, double score, std::size_t start, TokenId id) {
        auto& node = best[end];
        if (node.id != no_token && !(score > node.score)) return;
        node.score = single_precision ? static_cast<double>(static_cast<float>(score)) : score;
        node.start = static_cast<std::uint32_t>(start);
        node.id = id;
    };
    for (std::size_t start = 0; start < text.size();) {
        const double here = best[start].score;
        const std::size_t character = character_at(text, start).size;
        bool single = false;
        trie.each_prefix(text, start, [&](std::size_t size, std::uint32_t id) {
            improve(start + size, scores[id] + here, start, id);
            single = single || size == character;
        });
        if (!single) {
            double score = unk_score + here;
            if (single_precision) score = static_cast<double>(static_cast<float>(score));
            improve(start + character, score, start, unk);
        }
        start += character;
    }

    std::vector<std::pair<std::size_t, TokenId>> path; // start and id, from the end
    for (std::size_t end = text.size(); end > 0; end = best[end].start)
        path.emplace_back(best[end].start, best[end].id);
    std::size_t unknown_from = text.size();
    bool in_unknown = false;
    for (auto step = path.rbegin(); step != path.rend(); ++step) {
        if (step->second == unk) {
            if (!in_unknown) unknown_from = step->first;
            in_unknown = true;
            continue;
        }
        if (in_unknown) {
            unknown(vocabulary, text.substr(unknown_from, step->first - unknown_from), out);
        }
        in_unknown = false;
        out.push_back(step->second);
    }
    if (in_unknown) unknown(vocabulary, text.substr(unknown_from), out);
}

// A run of characters that no token spells.
void Unigram::unknown(const Vocabulary& vocabulary, std::string_view text,
                      std::vector<TokenId>& out) const {
    if (!single_precision) {
        if (const auto id = vocabulary.find(text); id != no_token) {
            out.push_back(id);
            return;
        }
    }
    const bool spelled = byte_fallback && std::all_of(text.begin(), text.end(), [&](char c) {
                             return fallback_[static_cast<std::uint8_t>(c)] != no_token;
                         });
    if (!spelled) {
        out.push_back(unk);
        return;
    }
    for (const char c : text) out.push_back(fallback_[static_cast<std::uint8_t>(c)]);
}

} // namespace ol::model
