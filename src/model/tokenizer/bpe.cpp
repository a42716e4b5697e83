#include "model/tokenizer/bpe.hpp"

#include <algorithm>
#include <queue>

#include "model/tokenizer/byte_alphabet.hpp"
#include "model/tokenizer/characters.hpp"
#include "model/tokenizer/word_cache.hpp"
#include "text/unicode.hpp"

namespace ol::model {

namespace {

// Words up to this many symbols are merged by scanning all pairs, longer ones with a heap.
constexpr std::size_t scan_limit = 32;
constexpr std::string_view space_symbol = "\u2581";

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
    for (std::size_t i = 0; i + 1 < size; ++i)
        found[i] = ranks.find(pair_key(symbols[i], symbols[i + 1]));
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

// The character that ends at `end`.
std::uint32_t character_before(std::string_view text, std::size_t end) {
    std::size_t start = end - 1;
    while (start > 0 && end - start < 4 && (static_cast<std::uint8_t>(text[start]) & 0xc0) == 0x80)
        --start;
    return text::decode(text, start).value;
}

} // namespace

std::array<TokenId, 256> byte_tokens(const Vocabulary& vocabulary) {
    std::array<TokenId, 256> out{};
    for (unsigned byte = 0; byte < 256; ++byte)
        out[byte] = vocabulary.find_written(fmt::format("<0x{:02X}>", byte));
    return out;
}

void Bpe::add_merge(TokenId left, TokenId right, TokenId merged) {
    add_ranked(left, right, merged, static_cast<std::uint32_t>(merges.size()));
    merges.emplace_back(left, right);
}

void Bpe::add_ranked(TokenId left, TokenId right, TokenId merged, std::uint32_t rank) {
    ranks_.insert(pair_key(left, right), {rank, merged});
    merged_.push_back(merged);
}

void Bpe::finish(const Vocabulary& vocabulary) {
    owner_ = WordCache::new_owner();
    all_bytes_ = vocabulary.byte_level &&
                 std::find(byte_ids.begin(), byte_ids.end(), no_token) == byte_ids.end();
    fallback_.fill(no_token);
    if (byte_fallback) fallback_ = byte_tokens(vocabulary);
    const auto merged = std::exchange(merged_, {});
    if (vocabulary.byte_level) return;
    for (const auto id : merged) {
        const std::string_view text = vocabulary.texts[id];
        auto at = text.find(space_symbol);
        for (; at != std::string_view::npos; at = text.find(space_symbol, at + 1)) {
            if (at > 0) joined_.insert(character_before(text, at));
        }
    }
    // A space symbol that is a token also ends a run of unknown characters.
    may_cut_ = vocabulary.find(space_symbol) != no_token;
}

void Bpe::encode(const Vocabulary& vocabulary, std::string_view word,
                 std::vector<TokenId>& out) const {
    if (word.empty()) return;
    if (!may_cut_ || ignore_merges || word.size() <= WordCache::max_bytes / 2) {
        encode_part(vocabulary, word, out);
        return;
    }
    for (std::size_t at = 0; at < word.size();) {
        const auto end = safe_end(word, at);
        encode_part(vocabulary, word.substr(at, end - at), out);
        at = end;
    }
}

// The next place after `from` where the text may be cut.
std::size_t Bpe::safe_end(std::string_view word, std::size_t from) const {
    auto at = word.find(space_symbol, from + 1);
    for (; at != std::string_view::npos; at = word.find(space_symbol, at + 1)) {
        if (!joined_.contains(character_before(word, at))) return at;
    }
    return word.size();
}

void Bpe::encode_part(const Vocabulary& vocabulary, std::string_view word,
                      std::vector<TokenId>& out) const {
    WordCache::encode(owner_, word, out,
                      [&](std::vector<TokenId>& to) { encode_fresh(vocabulary, word, to); });
}

void Bpe::encode_fresh(const Vocabulary& vocabulary, std::string_view word,
                       std::vector<TokenId>& out) const {
    if (ignore_merges) {
        if (const auto id = vocabulary.find(word); id != no_token) {
            out.push_back(id);
            return;
        }
    }
    if (all_bytes_ && word.size() <= scan_limit) {
        std::array<TokenId, scan_limit> symbols;
        std::size_t size = 0;
        for (const char c : word) symbols[size++] = byte_ids[static_cast<std::uint8_t>(c)];
        merge_by_scan(ranks_, symbols.data(), size);
        out.insert(out.end(), symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(size));
        return;
    }
    std::vector<TokenId> symbols;
    symbols.reserve(word.size());
    first_symbols(vocabulary, word, symbols);
    if (symbols.size() <= scan_limit) {
        auto size = symbols.size();
        merge_by_scan(ranks_, symbols.data(), size);
        symbols.resize(size);
    } else {
        merge_by_heap(ranks_, symbols);
    }
    out.insert(out.end(), symbols.begin(), symbols.end());
}

// Hugging Face's BPE::merge_word before its merges: a character without a token falls back to the
// tokens of its bytes if all are there, else it is unknown.
void Bpe::first_symbols(const Vocabulary& vocabulary, std::string_view word,
                        std::vector<TokenId>& out) const {
    bool pending = false; // an unknown token that is not written yet
    for (std::size_t at = 0; at < word.size();) {
        const auto size = vocabulary.byte_level ? 1 : character_at(word, at).size;
        const auto part = word.substr(at, size);
        at += size;
        const auto id = vocabulary.byte_level ? byte_ids[static_cast<std::uint8_t>(part[0])]
                                              : vocabulary.find(part);
        if (id != no_token) {
            if (pending) out.push_back(unk);
            pending = false;
            out.push_back(id);
            continue;
        }
        if (byte_fallback && !vocabulary.byte_level &&
            std::all_of(part.begin(), part.end(), [&](char c) {
                return fallback_[static_cast<std::uint8_t>(c)] != no_token;
            })) {
            for (const char c : part) out.push_back(fallback_[static_cast<std::uint8_t>(c)]);
            continue;
        }
        if (unk == no_token) continue;
        if (pending && !fuse_unk) out.push_back(unk);
        pending = true;
    }
    if (pending) out.push_back(unk);
}

} // namespace ol::model
