// Learning the merges of byte-level BPE (Sennrich, Haddow, Birch 2016) with incremental pair
// counts.
#include <algorithm>
#include <optional>
#include <queue>
#include <unordered_map>

#include "model/tokenizer/byte_alphabet.hpp"
#include "model/tokenizer/impl.hpp"

namespace ol::model {

namespace {

// Distinct words as symbol sequences with their counts, and the pairs in them.
class MergeLearner {
public:
    MergeLearner(const std::unordered_map<std::string_view, std::uint64_t>& words,
                 const std::array<TokenId, 256>& byte_ids, std::vector<std::string>& tokens)
        : heap_(Later{&tokens}) {
        words_.reserve(words.size());
        for (const auto& [text, count] : words) {
            Word word{{}, count};
            for (const char c : text)
                word.symbols.push_back(byte_ids[static_cast<std::uint8_t>(c)]);
            words_.push_back(std::move(word));
        }
        for (std::uint32_t w = 0; w < words_.size(); ++w) {
            const auto& word = words_[w];
            for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i) {
                add_pair(pair_key(word.symbols[i], word.symbols[i + 1]), word.count, w);
            }
        }
        for (const auto& [pair, entry] : pairs_) heap_.push({entry.count, pair});
    }

    // The most frequent pair; nothing when no word has two symbols left.
    std::optional<std::uint64_t> best() {
        while (!heap_.empty()) {
            const auto top = heap_.top();
            heap_.pop();
            const auto found = pairs_.find(top.pair);
            if (found == pairs_.end() || found->second.count == 0 || found->second.forbidden)
                continue;
            if (found->second.count != top.count) {
                heap_.push({found->second.count, top.pair}); // counts fall after they were queued
                continue;
            }
            return top.pair;
        }
        return std::nullopt;
    }

    // Takes the pair out of the choice without merging it.
    void forbid(std::uint64_t pair) { pairs_[pair].forbidden = true; }

    void merge(std::uint64_t pair, TokenId merged) {
        const auto where = std::move(pairs_[pair].words);
        touched_.clear();
        for (const auto w : where) merge_in(words_[w], w, pair, merged);
        pairs_.erase(pair);
        std::sort(touched_.begin(), touched_.end());
        touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
        for (const auto grown : touched_) heap_.push({pairs_[grown].count, grown});
    }

private:
    struct Word {
        std::vector<TokenId> symbols;
        std::uint64_t count = 0;
    };
    struct PairEntry {
        std::uint64_t count = 0;
        bool forbidden = false;
        std::vector<std::uint32_t> words; // may name words that no longer hold the pair
    };
    struct Queued {
        std::uint64_t count = 0;
        std::uint64_t pair = 0;
    };
    // Order of the heap: higher count first, then the pair whose halves sort first as bytes.
    struct Later {
        const std::vector<std::string>* tokens;
        bool operator()(const Queued& a, const Queued& b) const {
            if (a.count != b.count) return a.count < b.count;
            if (a.pair == b.pair) return false;
            const auto& a_left = (*tokens)[a.pair >> 32];
            const auto& b_left = (*tokens)[b.pair >> 32];
            if (const int order = a_left.compare(b_left); order != 0) return order > 0;
            return (*tokens)[a.pair & 0xffffffffU] > (*tokens)[b.pair & 0xffffffffU];
        }
    };

    void add_pair(std::uint64_t pair, std::uint64_t count, std::uint32_t word) {
        auto& entry = pairs_[pair];
        entry.count += count;
        if (entry.words.empty() || entry.words.back() != word) entry.words.push_back(word);
    }

    // Only pairs that touch a merged place change; the others of the word stay counted.
    void merge_in(Word& word, std::uint32_t index, std::uint64_t pair, TokenId merged) {
        const auto left = static_cast<TokenId>(pair >> 32);
        const auto right = static_cast<TokenId>(pair);
        auto& old = word.symbols;
        fresh_.clear();
        old_touched_.assign(old.size(), 0);
        fresh_touched_.clear();
        for (std::size_t i = 0; i < old.size();) {
            if (i + 1 < old.size() && old[i] == left && old[i + 1] == right) {
                fresh_.push_back(merged);
                fresh_touched_.push_back(1);
                old_touched_[i] = old_touched_[i + 1] = 1;
                i += 2;
            } else {
                fresh_.push_back(old[i++]);
                fresh_touched_.push_back(0);
            }
        }
        if (fresh_.size() == old.size()) return;
        for (std::size_t i = 0; i + 1 < old.size(); ++i) {
            if ((old_touched_[i] | old_touched_[i + 1]) == 0) continue;
            const auto found = pairs_.find(pair_key(old[i], old[i + 1]));
            if (found != pairs_.end()) found->second.count -= word.count;
        }
        for (std::size_t i = 0; i + 1 < fresh_.size(); ++i) {
            if ((fresh_touched_[i] | fresh_touched_[i + 1]) == 0) continue;
            const auto key = pair_key(fresh_[i], fresh_[i + 1]);
            add_pair(key, word.count, index);
            touched_.push_back(key);
        }
        old.swap(fresh_);
    }

    std::vector<Word> words_;
    std::unordered_map<std::uint64_t, PairEntry> pairs_;
    std::priority_queue<Queued, std::vector<Queued>, Later> heap_;
    std::vector<std::uint64_t> touched_;
    std::vector<TokenId> fresh_;
    std::vector<std::uint8_t> old_touched_, fresh_touched_;
};

} // namespace

Result<Tokenizer> Tokenizer::train(const std::vector<std::string_view>& texts,
                                   std::uint32_t vocab_size,
                                   const std::vector<std::string>& special,
                                   const ProgressSink& progress) {
    if (vocab_size < 256 + special.size() || vocab_size > max_vocabulary) {
        return fail(ErrorCode::invalid_argument, "vocabulary of {}: must be {}..{}", vocab_size,
                    256 + special.size(), max_vocabulary);
    }
    auto impl = std::make_unique<Impl>();
    auto& tokens = impl->vocabulary.texts;
    Bpe bpe;
    std::unordered_map<std::string, TokenId> ids; // bytes -> id, specials not among them
    for (const auto& token : special) {
        if (token.size() < 2 || std::count(special.begin(), special.end(), token) != 1) {
            return fail(ErrorCode::invalid_argument,
                        "special token '{}': must be longer than a byte and given once", token);
        }
        AddedToken added;
        added.content = added.pattern = token;
        added.id = static_cast<TokenId>(tokens.size());
        added.special = true;
        impl->added.add(added);
        impl->vocabulary.raw_ids.emplace(token, added.id);
        tokens.push_back(token);
    }
    // Bytes in the order of the characters that stand for them, as Hugging Face's trainer.
    for (const auto byte : bytes_by_character()) {
        bpe.byte_ids[byte] = static_cast<TokenId>(tokens.size());
        ids.emplace(std::string(1, static_cast<char>(byte)), bpe.byte_ids[byte]);
        tokens.emplace_back(1, static_cast<char>(byte));
    }

    std::unordered_map<std::string_view, std::uint64_t> words;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        for (std::size_t at = 0; at < texts[i].size();) {
            const auto word = texts[i].substr(at, next_word(texts[i].substr(at)));
            ++words[word];
            at += word.size();
        }
        if (i % 256 == 0 && !progress("texts", i, texts.size())) {
            return fail(ErrorCode::cancelled, "tokenizer training was stopped");
        }
    }

    MergeLearner learner(words, bpe.byte_ids, tokens);
    while (tokens.size() < vocab_size) {
        const auto pair = learner.best();
        if (!pair) {
            return fail(ErrorCode::invalid_argument,
                        "the text gives only {} of {} ids: give more text or a smaller vocabulary",
                        tokens.size(), vocab_size);
        }
        const auto left = static_cast<TokenId>(*pair >> 32);
        const auto right = static_cast<TokenId>(*pair);
        const auto bytes = tokens[left] + tokens[right];
        if (std::find(special.begin(), special.end(), bytes) != special.end()) {
            learner.forbid(*pair); // plain text must never become a special token
            continue;
        }
        // Two ways of writing the same bytes share their id.
        const auto [known, added] = ids.emplace(bytes, static_cast<TokenId>(tokens.size()));
        if (added) tokens.push_back(bytes);
        bpe.add_merge(left, right, known->second);
        learner.merge(*pair, known->second);
        if (tokens.size() % 64 == 0 && !progress("merges", tokens.size(), vocab_size)) {
            return fail(ErrorCode::cancelled, "tokenizer training was stopped");
        }
    }
    impl->vocabulary.byte_level = true;
    impl->vocabulary.flags.assign(tokens.size(), 0);
    for (const auto& [text, id] : impl->vocabulary.raw_ids)
        impl->vocabulary.flags[id] = Vocabulary::raw | Vocabulary::special | Vocabulary::added;
    impl->pre_tokenizer = PreTokenizer::byte_level();
    impl->decoder = Decoder::byte_level();
    impl->model = std::move(bpe);
    impl->sections = byte_level_sections();
    impl->finish();
    return Tokenizer(std::move(impl));
}

} // namespace ol::model
