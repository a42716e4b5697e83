#include "model/tokenizer.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <queue>
#include <unordered_map>

#include "codec/json.hpp"
#include "model/pair_table.hpp"
#include "model/pre_tokenize.hpp"

namespace ol::model {

namespace {

using codec::Json;

constexpr std::uint64_t max_vocab = 1ULL << 20;
// Words up to this many bytes are merged by scanning all pairs, longer ones with a heap.
constexpr std::size_t scan_limit = 32;

std::uint64_t pair_key(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(left) << 32 | right;
}

} // namespace

struct Tokenizer::Impl {
    std::vector<std::string> tokens;                     // id -> bytes; of specials: their text
    std::vector<std::uint8_t> is_special;                // by id
    std::array<TokenId, 256> byte_ids{};
    std::vector<std::pair<TokenId, TokenId>> merges;     // by rank
    PairTable ranks;                                     // pair -> (rank, merged id)
    std::vector<std::pair<std::string, TokenId>> specials; // by id

    void index_merge(TokenId left, TokenId right, TokenId merged) {
        ranks.insert(pair_key(left, right),
                     {static_cast<std::uint32_t>(merges.size()), merged});
        merges.emplace_back(left, right);
    }
    void encode_word(std::string_view word, std::vector<TokenId>& out) const;
    void encode_text(std::string_view text, std::vector<TokenId>& out) const;
};

namespace {

// The lowest rank first, the leftmost of equals: what repeated scanning would choose.
struct Candidate {
    std::uint32_t rank = 0;
    std::uint32_t position = 0;
    TokenId left = 0, right = 0, merged = 0;
    bool operator>(const Candidate& other) const {
        return std::pair(rank, position) > std::pair(other.rank, other.position);
    }
};

void merge_by_scan(const PairTable& ranks, TokenId* symbols, std::size_t& size) {
    std::array<PairTable::Entry, scan_limit> found;
    for (std::size_t i = 0; i + 1 < size; ++i) found[i] = ranks.find(pair_key(symbols[i], symbols[i + 1]));
    while (size > 1) {
        std::size_t best = 0;
        for (std::size_t i = 1; i + 1 < size; ++i) {
            if (found[i].rank < found[best].rank) best = i;
        }
        if (found[best].rank == PairTable::none) return;
        symbols[best] = found[best].merged;
        for (std::size_t i = best + 1; i + 1 < size; ++i) {
            symbols[i] = symbols[i + 1];
            found[i] = i + 2 < size ? found[i + 1] : PairTable::Entry{};
        }
        --size;
        if (best > 0) found[best - 1] = ranks.find(pair_key(symbols[best - 1], symbols[best]));
        found[best] = best + 1 < size ? ranks.find(pair_key(symbols[best], symbols[best + 1]))
                                      : PairTable::Entry{};
    }
}

void merge_by_heap(const PairTable& ranks, std::vector<TokenId>& symbols) {
    constexpr auto none = static_cast<std::uint32_t>(-1);
    const auto size = static_cast<std::uint32_t>(symbols.size());
    std::vector<std::uint32_t> previous(size), next(size);
    std::vector<std::uint8_t> alive(size, 1);
    for (std::uint32_t i = 0; i < size; ++i) {
        previous[i] = i == 0 ? none : i - 1;
        next[i] = i + 1 < size ? i + 1 : none;
    }
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap;
    auto consider = [&](std::uint32_t i) {
        if (i == none || next[i] == none) return;
        const auto entry = ranks.find(pair_key(symbols[i], symbols[next[i]]));
        if (entry.rank != PairTable::none) {
            heap.push({entry.rank, i, symbols[i], symbols[next[i]], entry.merged});
        }
    };
    for (std::uint32_t i = 0; i < size; ++i) consider(i);
    while (!heap.empty()) {
        const auto top = heap.top();
        heap.pop();
        const auto i = top.position;
        if (alive[i] == 0 || next[i] == none || symbols[i] != top.left ||
            symbols[next[i]] != top.right) {
            continue; // a merge before it took one of its halves
        }
        const auto gone = next[i];
        symbols[i] = top.merged;
        alive[gone] = 0;
        next[i] = next[gone];
        if (next[i] != none) previous[next[i]] = i;
        consider(previous[i]);
        consider(i);
    }
    std::size_t kept = 0;
    for (std::uint32_t i = 0; i < size; ++i) {
        if (alive[i] != 0) symbols[kept++] = symbols[i];
    }
    symbols.resize(kept);
}

} // namespace

void Tokenizer::Impl::encode_word(std::string_view word, std::vector<TokenId>& out) const {
    if (word.size() <= scan_limit) {
        std::array<TokenId, scan_limit> symbols;
        std::size_t size = 0;
        for (const char c : word) symbols[size++] = byte_ids[static_cast<std::uint8_t>(c)];
        merge_by_scan(ranks, symbols.data(), size);
        out.insert(out.end(), symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(size));
        return;
    }
    std::vector<TokenId> symbols;
    symbols.reserve(word.size());
    for (const char c : word) symbols.push_back(byte_ids[static_cast<std::uint8_t>(c)]);
    merge_by_heap(ranks, symbols);
    out.insert(out.end(), symbols.begin(), symbols.end());
}

void Tokenizer::Impl::encode_text(std::string_view text, std::vector<TokenId>& out) const {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t size = next_word(text.substr(at));
        encode_word(text.substr(at, size), out);
        at += size;
    }
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::uint32_t Tokenizer::vocab_size() const { return static_cast<std::uint32_t>(impl_->tokens.size()); }

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool allow_special) const {
    std::vector<TokenId> out;
    out.reserve(text.size() / 3 + 4);
    if (!allow_special || impl_->specials.empty()) {
        impl_->encode_text(text, out);
        return out;
    }
    std::size_t start = 0, at = 0;
    while (at < text.size()) {
        // The longest special token that is written here, as Hugging Face's matcher.
        const std::pair<std::string, TokenId>* longest = nullptr;
        for (const auto& special : impl_->specials) {
            if (text[at] == special.first[0] && text.substr(at).starts_with(special.first) &&
                (longest == nullptr || special.first.size() > longest->first.size())) {
                longest = &special;
            }
        }
        if (longest == nullptr) {
            ++at;
            continue;
        }
        impl_->encode_text(text.substr(start, at - start), out);
        out.push_back(longest->second);
        at += longest->first.size();
        start = at;
    }
    impl_->encode_text(text.substr(start), out);
    return out;
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool with_special) const {
    std::string out;
    for (const auto id : ids) {
        if (id >= impl_->tokens.size()) continue; // a padded head may name ids that have no text
        if (impl_->is_special[id] != 0 && !with_special) continue;
        out += impl_->tokens[id];
    }
    return out;
}

Result<TokenId> Tokenizer::special(std::string_view token) const {
    for (const auto& [text, id] : impl_->specials) {
        if (text == token) return id;
    }
    return fail(ErrorCode::not_found, "the tokenizer has no special token '{}'", token);
}

// ---- training ----

namespace {

// Distinct words as symbol sequences with their counts, and the pairs in them.
class MergeLearner {
public:
    MergeLearner(const std::unordered_map<std::string_view, std::uint64_t>& words,
                 const std::array<TokenId, 256>& byte_ids, std::vector<std::string>& tokens)
        : tokens_(tokens), heap_(Later{&tokens}) {
        words_.reserve(words.size());
        for (const auto& [text, count] : words) {
            Word word{{}, count};
            for (const char c : text) word.symbols.push_back(byte_ids[static_cast<std::uint8_t>(c)]);
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
            if (found == pairs_.end() || found->second.count == 0 || found->second.forbidden) continue;
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

    std::vector<std::string>& tokens_;
    std::vector<Word> words_;
    std::unordered_map<std::uint64_t, PairEntry> pairs_;
    std::priority_queue<Queued, std::vector<Queued>, Later> heap_;
    std::vector<std::uint64_t> touched_;
    std::vector<TokenId> fresh_;
    std::vector<std::uint8_t> old_touched_, fresh_touched_;
};

} // namespace

Result<Tokenizer> Tokenizer::train(const std::vector<std::string_view>& texts,
                                   std::uint32_t vocab_size, const std::vector<std::string>& special,
                                   const ProgressSink& progress) {
    if (vocab_size < 256 + special.size() || vocab_size > max_vocab) {
        return fail(ErrorCode::invalid_argument, "vocabulary of {}: must be {}..{}", vocab_size,
                    256 + special.size(), max_vocab);
    }
    auto impl = std::make_unique<Impl>();
    std::unordered_map<std::string, TokenId> ids; // bytes -> id, specials not among them
    for (const auto& token : special) {
        if (token.size() < 2 || std::count(special.begin(), special.end(), token) != 1) {
            return fail(ErrorCode::invalid_argument,
                        "special token '{}': must be longer than a byte and given once", token);
        }
        impl->specials.emplace_back(token, static_cast<TokenId>(impl->tokens.size()));
        impl->tokens.push_back(token);
    }
    // Bytes in the order of the characters that stand for them, as Hugging Face's trainer.
    for (const auto byte : bytes_by_character()) {
        impl->byte_ids[byte] = static_cast<TokenId>(impl->tokens.size());
        ids.emplace(std::string(1, static_cast<char>(byte)), impl->byte_ids[byte]);
        impl->tokens.emplace_back(1, static_cast<char>(byte));
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

    MergeLearner learner(words, impl->byte_ids, impl->tokens);
    while (impl->tokens.size() < vocab_size) {
        const auto pair = learner.best();
        if (!pair) {
            return fail(ErrorCode::invalid_argument,
                        "the text gives only {} of {} ids: give more text or a smaller vocabulary",
                        impl->tokens.size(), vocab_size);
        }
        const auto left = static_cast<TokenId>(*pair >> 32);
        const auto right = static_cast<TokenId>(*pair);
        const auto bytes = impl->tokens[left] + impl->tokens[right];
        if (std::find(special.begin(), special.end(), bytes) != special.end()) {
            learner.forbid(*pair); // plain text must never become a special token
            continue;
        }
        // Two ways of writing the same bytes share their id.
        const auto [known, added] = ids.emplace(bytes, static_cast<TokenId>(impl->tokens.size()));
        if (added) impl->tokens.push_back(bytes);
        impl->index_merge(left, right, known->second);
        learner.merge(*pair, known->second);
        if (impl->tokens.size() % 64 == 0 && !progress("merges", impl->tokens.size(), vocab_size)) {
            return fail(ErrorCode::cancelled, "tokenizer training was stopped");
        }
    }
    impl->is_special.assign(impl->tokens.size(), 0);
    for (const auto& [text, id] : impl->specials) impl->is_special[id] = 1;
    return Tokenizer(std::move(impl));
}

// ---- tokenizer.json ----

namespace {

Status expect_null_or(const Json& json, std::string_view key, const Json& allowed) {
    const auto& value = json[key];
    if (value.is_null() || value == allowed) return {};
    return fail(ErrorCode::unsupported, "tokenizer.json: {} is {}, which is not supported", key,
                value.dump().substr(0, 80));
}

// A part that must be absent or of type ByteLevel.
Status expect_byte_level(const Json& json, std::string_view key, bool required) {
    const auto& part = json[key];
    if (part.is_null() && !required) return {};
    const auto type = part["type"].as_string();
    if (!type || *type != "ByteLevel") {
        return fail(ErrorCode::unsupported,
                    "tokenizer.json: {} of type {} is not supported, only ByteLevel is", key,
                    type ? *type : std::string("none"));
    }
    return {};
}

Status refuse_variants(const Json& json) {
    for (const std::string_view key : {"normalizer", "truncation", "padding"}) {
        if (!json[key].is_null()) {
            return fail(ErrorCode::unsupported, "tokenizer.json: a {} ({}) is not supported", key,
                        json[key]["type"].dump());
        }
    }
    OL_TRY(expect_byte_level(json, "pre_tokenizer", true));
    OL_TRY(expect_byte_level(json, "decoder", true));
    OL_TRY(expect_byte_level(json, "post_processor", false));
    const auto& pre = json["pre_tokenizer"];
    if (pre["add_prefix_space"] != Json(false)) {
        return fail(ErrorCode::unsupported,
                    "tokenizer.json: pre_tokenizer.add_prefix_space must be false");
    }
    if (pre["use_regex"] == Json(false)) {
        return fail(ErrorCode::unsupported, "tokenizer.json: pre_tokenizer.use_regex must be true");
    }
    const auto& model = json["model"];
    // Old files leave the type out: those with merges are BPE.
    if (!model["type"].is_null() && model["type"] != Json("BPE")) {
        return fail(ErrorCode::unsupported, "tokenizer.json: model type {} is not supported, only "
                    "\"BPE\" is", model["type"].dump());
    }
    OL_TRY(expect_null_or(model, "dropout", Json(0.0)));
    OL_TRY(expect_null_or(model, "continuing_subword_prefix", Json("")));
    OL_TRY(expect_null_or(model, "end_of_word_suffix", Json("")));
    OL_TRY(expect_null_or(model, "fuse_unk", Json(false)));
    OL_TRY(expect_null_or(model, "byte_fallback", Json(false)));
    OL_TRY(expect_null_or(model, "ignore_merges", Json(false)));
    return {};
}

Result<std::pair<std::string, std::string>> parse_merge(const Json& item, std::size_t rank) {
    if (item.is_array() && item.items().size() == 2 && item.items()[0].is_string() &&
        item.items()[1].is_string()) {
        auto left = OL_TRY(item.items()[0].as_string());
        auto right = OL_TRY(item.items()[1].as_string());
        return std::pair(std::move(left), std::move(right));
    }
    if (item.is_string()) {
        const auto text = OL_TRY(item.as_string());
        const auto space = text.find(' ');
        if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
            return std::pair(text.substr(0, space), text.substr(space + 1));
        }
    }
    return fail(ErrorCode::invalid_argument, "tokenizer.json: merge {} is not a pair of tokens", rank);
}

Result<std::map<TokenId, std::string>> parse_added_tokens(const Json& json) {
    std::map<TokenId, std::string> out;
    for (const auto& token : json["added_tokens"].items()) {
        const auto content = OL_TRY_IN(token["content"].as_string(), "tokenizer.json: added_tokens");
        const auto id = OL_TRY_IN(token["id"].as_uint(), "tokenizer.json: added token '{}'", content);
        for (const std::string_view key : {"single_word", "lstrip", "rstrip"}) {
            if (token[key] == Json(true)) {
                return fail(ErrorCode::unsupported,
                            "tokenizer.json: added token '{}' with {} is not supported", content, key);
            }
        }
        if (token["special"] != Json(true)) {
            return fail(ErrorCode::unsupported,
                        "tokenizer.json: added token '{}' is not special; only special ones are "
                        "supported",
                        content);
        }
        if (id >= max_vocab || content.empty() ||
            !out.emplace(static_cast<TokenId>(id), content).second) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer.json: added token '{}': its id {} is too large or taken", content,
                        id);
        }
    }
    return out;
}

} // namespace

Result<Tokenizer> Tokenizer::from_json(std::string_view text) {
    const Json json = OL_TRY_IN(Json::parse(text), "tokenizer.json");
    OL_TRY(refuse_variants(json));
    const auto added = OL_TRY(parse_added_tokens(json));
    const auto& vocab = json["model"]["vocab"];
    if (!vocab.is_object()) {
        return fail(ErrorCode::invalid_argument, "tokenizer.json: model.vocab is missing");
    }

    auto impl = std::make_unique<Impl>();
    std::vector<std::uint8_t> taken;
    auto place = [&](std::uint64_t id, std::string bytes, std::string_view name) -> Status {
        if (id >= max_vocab) {
            return fail(ErrorCode::too_large, "tokenizer.json: id {} of '{}' passes the limit of {}", id,
                        name, max_vocab);
        }
        if (taken.size() <= id) {
            taken.resize(id + 1);
            impl->tokens.resize(id + 1);
        }
        if (taken[id] != 0) {
            return fail(ErrorCode::invalid_argument, "tokenizer.json: id {} is there twice ('{}')", id,
                        name);
        }
        taken[id] = 1;
        impl->tokens[id] = std::move(bytes);
        return {};
    };
    std::unordered_map<std::string_view, TokenId> ids; // as written in the file
    for (const auto& [name, value] : vocab.members()) {
        const auto id = OL_TRY_IN(value.as_uint(), "tokenizer.json: id of '{}'", name);
        const auto special = id < max_vocab ? added.find(static_cast<TokenId>(id)) : added.end();
        if (special != added.end()) {
            if (special->second != name) {
                return fail(ErrorCode::invalid_argument,
                            "tokenizer.json: id {} is '{}' in the vocabulary and '{}' in added_tokens",
                            id, name, special->second);
            }
            OL_TRY(place(id, name, name));
            continue;
        }
        auto bytes = bytes_from_characters(name);
        if (!bytes || bytes->empty()) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer.json: token '{}' (id {}) is not written in the byte-level alphabet",
                        name, id);
        }
        OL_TRY(place(id, std::move(*bytes), name));
        ids.emplace(name, static_cast<TokenId>(id));
    }
    for (const auto& [id, content] : added) {
        if (id >= taken.size() || taken[id] == 0) OL_TRY(place(id, content, content));
        impl->specials.emplace_back(content, id);
    }
    for (std::size_t id = 0; id < taken.size(); ++id) {
        if (taken[id] == 0) {
            return fail(ErrorCode::invalid_argument, "tokenizer.json: no token has the id {}", id);
        }
    }
    for (int byte = 0; byte < 256; ++byte) {
        const auto character = characters_from_bytes(std::string(1, static_cast<char>(byte)));
        const auto found = ids.find(character);
        if (found == ids.end()) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer.json: the token of byte 0x{:02x} is missing", byte);
        }
        impl->byte_ids[static_cast<std::size_t>(byte)] = found->second;
    }

    const auto& merges = json["model"]["merges"];
    if (!merges.is_array()) {
        return fail(ErrorCode::invalid_argument, "tokenizer.json: model.merges is missing");
    }
    impl->merges.reserve(merges.items().size());
    for (std::size_t rank = 0; rank < merges.items().size(); ++rank) {
        const auto [left, right] = OL_TRY(parse_merge(merges.items()[rank], rank));
        const auto merged = left + right;
        const auto l = ids.find(left), r = ids.find(right), m = ids.find(merged);
        if (l == ids.end() || r == ids.end() || m == ids.end()) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer.json: merge {} ('{}' '{}') names a token that is not in the "
                        "vocabulary",
                        rank, left, right);
        }
        if (impl->ranks.find(pair_key(l->second, r->second)).rank != PairTable::none) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer.json: merge {} ('{}' '{}') is there twice", rank, left, right);
        }
        impl->index_merge(l->second, r->second, m->second);
    }
    impl->is_special.assign(impl->tokens.size(), 0);
    for (const auto& [content, id] : impl->specials) impl->is_special[id] = 1;
    return Tokenizer(std::move(impl));
}

std::string Tokenizer::to_json() const {
    Json::Array added;
    for (const auto& [text, id] : impl_->specials) {
        added.push_back(Json::object({{"id", id},
                                      {"content", text},
                                      {"single_word", false},
                                      {"lstrip", false},
                                      {"rstrip", false},
                                      {"normalized", false},
                                      {"special", true}}));
    }
    auto byte_level = [](bool prefix) {
        return Json::object({{"type", "ByteLevel"},
                             {"add_prefix_space", prefix},
                             {"trim_offsets", true},
                             {"use_regex", true}});
    };
    auto out = Json::object({{"version", "1.0"},
                             {"truncation", nullptr},
                             {"padding", nullptr},
                             {"added_tokens", Json(std::move(added))},
                             {"normalizer", nullptr},
                             {"pre_tokenizer", byte_level(false)},
                             {"post_processor", nullptr},
                             {"decoder", byte_level(true)}})
                   .dump(2);
    // The model is written member by member: Json::set compares each name with all before it.
    out.erase(out.rfind('\n'));
    out += ",\n  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n"
           "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n"
           "    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n"
           "    \"vocab\": {";
    for (std::size_t id = 0; id < impl_->tokens.size(); ++id) {
        const auto& bytes = impl_->tokens[id];
        const auto name = Json(impl_->is_special[id] != 0 ? bytes : characters_from_bytes(bytes)).dump();
        out += fmt::format("{}\n      {}: {}", id == 0 ? "" : ",", name, id);
    }
    out += "\n    },\n    \"merges\": [";
    for (std::size_t rank = 0; rank < impl_->merges.size(); ++rank) {
        const auto& [left, right] = impl_->merges[rank];
        const auto pair = Json(characters_from_bytes(impl_->tokens[left]) + " " +
                               characters_from_bytes(impl_->tokens[right])).dump();
        out += fmt::format("{}\n      {}", rank == 0 ? "" : ",", pair);
    }
    out += impl_->merges.empty() ? "]" : "\n    ]";
    out += "\n  }\n}\n";
    return out;
}

} // namespace ol::model
